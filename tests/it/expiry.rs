//! Rules for a time, compared with the rules that are in force by definition.

use portcullis::expiry::{Deadlines, ExpiringMatcher};
use portcullis::update::Position;
use portcullis::{Action, ChainId, Config, Packet, Rule, RuleId, RuleSet, StatelessMatcher, Time};
use proptest::prelude::*;

use crate::strategies::{Rng, Shape, case, seeds};

fn rules(text: &str) -> RuleSet {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn secs(secs: u64) -> Time {
    Time::from_secs(secs)
}

fn udp(port: u16) -> Packet {
    let to = format!("192.0.2.1:{port}").parse().unwrap();
    Packet::udp("10.0.0.1:4000".parse().unwrap(), to).unwrap()
}

/// Every rule of a rule set.
fn ids(rules: &RuleSet) -> Vec<RuleId> {
    let chains = rules.chains().iter();
    let ids = chains.map(|chain| (rules.chain_named(chain.name()).unwrap(), chain.rules().len()));
    ids.flat_map(|(id, len)| (0..len as u32).map(move |index| RuleId::new(id, index))).collect()
}

/// Random deadlines from 1 to 4 for a third of the rules.
fn some_deadlines(rng: &mut Rng, rules: &RuleSet) -> Deadlines {
    let mut deadlines = Deadlines::new();
    for id in ids(rules) {
        if rng.percent(33) {
            deadlines.set(id, rules.rule(id).unwrap(), secs(1 + rng.below(4) as u64));
        }
    }
    deadlines
}

/// A rule set that matches nothing where a rule has expired, by another way than taking it out.
fn disabled(rules: &RuleSet, deadlines: &Deadlines, now: Time) -> RuleSet {
    let mut copy = RuleSet::new(*rules.default_action());
    copy.set_sets(rules.sets().clone());
    for chain in &rules.chains()[1..] {
        copy.add_chain(chain.name());
    }
    for id in ids(rules) {
        let mut rule = rules.rule(id).unwrap().clone();
        if deadlines.of(id).is_some_and(|until| until <= now) {
            rule = rule.protocol(portcullis::rule::AnyOf::one_of([]));
        }
        copy.push_to(id.chain, rule);
    }
    copy
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, ..ProptestConfig::default() })]

    #[test]
    fn old_rules_accept_nothing_that_rules_in_force_do_not(seed in seeds()) {
        let (rules, packets) = case(seed, &Shape::STATELESS);
        let mut rng = Rng::new(seed);
        let deadlines = some_deadlines(&mut rng, &rules);
        let old = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
        let drop = Action::Drop;
        for now in (0..6).map(secs) {
            let (left, later) = deadlines.in_force(&rules, now);
            let by_definition = disabled(&rules, &deadlines, now);
            prop_assert_eq!(later.len(), deadlines.len() - deadlines.expired(now).count());
            prop_assert_eq!(later.next(), deadlines.next().filter(|_| now < secs(1)).or(later.next()));
            prop_assert!(later.next().is_none_or(|next| next > now));
            for packet in packets.iter().filter(|p| p.in_interface.is_none() && p.out_interface.is_none()) {
                let expected = *by_definition.first_match(packet, None).action;
                prop_assert_eq!(*left.first_match(packet, None).action, expected);
                let checked = *deadlines.check(old.classify(packet), &drop, now).action;
                prop_assert!(checked == expected || checked != Action::Accept);
                prop_assert!(now >= secs(1) || checked == expected);
            }
        }
    }
}

#[test]
fn a_rule_is_not_in_force_at_its_deadline() {
    let rules = rules("accept udp to any port 53");
    let id = RuleId::new(ChainId::BASE, 0);
    let mut deadlines = Deadlines::new();
    deadlines.set(id, rules.rule(id).unwrap(), secs(9));
    deadlines.set(id, rules.rule(id).unwrap(), secs(10));
    assert_eq!((deadlines.next(), deadlines.len()), (Some(secs(10)), 1));
    let just_before = Time::from_nanos(secs(10).as_nanos() - 1);
    assert_eq!(deadlines.in_force(&rules, just_before).0.len(), 1);
    assert_eq!(deadlines.in_force(&rules, secs(10)).0.len(), 0);
    assert_eq!(deadlines.expired(just_before).count(), 0);
    assert_eq!(deadlines.take_expired(secs(10)), [id]);
    assert!(deadlines.is_empty() && deadlines.next().is_none());
}

/// What an expired rule may have led elsewhere is not accepted, whoever decided.
#[test]
fn it_fails_closed() {
    let rules = rules("jump a udp\nchain a\naccept to any port 53\ndrop any");
    let jump = RuleId::new(ChainId::BASE, 0);
    let mut deadlines = Deadlines::new();
    deadlines.set(jump, rules.rule(jump).unwrap(), secs(10));
    let action = |port, now| {
        let packet = udp(port);
        *deadlines.check(rules.first_match(&packet, None), &Action::Drop, now).action
    };
    assert_eq!((action(53, secs(9)), action(53, secs(10))), (Action::Accept, Action::Drop));
    // What was dropped stays dropped until somebody takes the rule out.
    assert_eq!((action(54, secs(9)), action(54, secs(10))), (Action::Drop, Action::Drop));
}

#[test]
fn a_live_matcher_forgets_what_has_expired() {
    let mut matcher = ExpiringMatcher::new(&rules("accept udp"), &Config::new()).unwrap();
    let first = Position::First(ChainId::BASE);
    let until = |seconds: u64| secs(seconds);
    let a = matcher.insert_until(first, Rule::drop().to_ports(1), until(10)).unwrap();
    let b = matcher.insert_until(first, Rule::drop().to_ports(2), until(20)).unwrap();
    let kept = matcher.insert_until(first, Rule::drop().to_ports(3), until(5)).unwrap();
    let gone = matcher.insert_until(first, Rule::drop().to_ports(4), until(6)).unwrap();
    assert_eq!(matcher.remove_deadline(kept), Some(secs(5)));
    matcher.change(|live| live.remove(gone)).unwrap();
    let dropped = |matcher: &mut ExpiringMatcher, now| {
        let decide = |port: &u16| *matcher.classify(&udp(*port), secs(now)).action == Action::Drop;
        [1, 2, 3, 4].into_iter().filter(decide).collect::<Vec<u16>>()
    };
    assert_eq!(dropped(&mut matcher, 9), [1, 2, 3]);
    matcher.set_deadline(b, secs(30));
    assert_eq!(matcher.deadlines().next(), Some(secs(10)));
    assert_eq!(dropped(&mut matcher, 10), [2, 3]);
    assert_eq!((matcher.deadlines().of(a), matcher.deadlines().of(b)), (None, Some(secs(30))));
    let expired: Vec<_> = matcher.expire(secs(100)).into_iter().map(|(key, _)| key).collect();
    assert_eq!(expired, [b]);
    assert_eq!(dropped(&mut matcher, 100), [3]);
    assert_eq!(matcher.expire(Time::MAX).len(), 0);
    // A clock that goes back brings nothing back.
    assert_eq!(dropped(&mut matcher, 0), [3]);
}
