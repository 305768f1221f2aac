//! Counters of what hits each rule, compared with a plain map.

use std::collections::BTreeMap;

use portcullis::hits::{HitCounters, HitReport, Hits, LiveCounters};
use portcullis::update::{LiveMatcher, Position};
use portcullis::{Action, ChainId, Config, Packet, Rule, RuleId, RuleSet, StatelessMatcher, Time};
use proptest::prelude::*;

use crate::strategies::{Shape, case, seeds};

fn rules(text: &str) -> RuleSet {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn udp(port: u16, length: u32) -> Packet {
    let to = format!("192.0.2.1:{port}").parse().unwrap();
    let mut packet = Packet::udp("10.0.0.1:4000".parse().unwrap(), to).unwrap();
    packet.length = length;
    packet
}

fn base(index: u32) -> RuleId {
    RuleId::new(ChainId::BASE, index)
}

/// Packets, bytes and last hit.
fn shown(hits: Hits) -> (u64, u64, Option<u64>) {
    (hits.packets, hits.bytes, hits.last.map(Time::as_nanos))
}

#[test]
fn packets_bytes_and_last_hit() {
    let rules = rules("accept udp to any port 53\nlog any\ndrop udp to any port 99");
    let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let mut counters = HitCounters::new(&rules);
    for (at, (port, length)) in [(53, 60), (99, 70), (53, u32::MAX), (1, 9)].into_iter().enumerate()
    {
        let (packet, now) = (udp(port, length), Time::from_nanos(at as u64));
        let decision = matcher.walk(&packet, |rule, _| counters.count_rule(rule, &packet, now));
        counters.count(&decision, &packet, now);
    }
    let all: Vec<_> = counters.iter().map(|(rule, hits)| (rule, shown(hits))).collect();
    let bytes = 60 + u64::from(u32::MAX);
    let expected = [(2, bytes, Some(2)), (2, 79, Some(3)), (1, 70, Some(1))];
    assert_eq!(all, [(base(0), expected[0]), (base(1), expected[1]), (base(2), expected[2])]);
    assert_eq!(shown(counters.undecided()), (1, 9, Some(3)));
    assert_eq!(counters.hits(base(3)), None);
    assert_eq!(counters.hits(RuleId::new(rules.clone().add_chain("x"), 0)), None);
    let unused: Vec<_> = counters.unused_since(Time::from_nanos(2)).collect();
    assert_eq!(unused, [base(2)]);
    assert_eq!(counters.unused().count(), 0);
}

#[test]
fn rules_keep_their_hits_when_others_come_and_go() {
    let before = rules(
        "accept tcp to any port 1\naccept tcp to any port 2\ndrop tcp to any port 2
         jump a udp\naccept any comment \"old\"
         chain a\nreturn any\nreturn any\naccept to 10.0.0.0/8",
    );
    let after = rules(
        "default accept\njump a udp\ndrop tcp to any port 2\naccept tcp to any port 2
         drop tcp to any port 1\naccept any comment \"new\"\naccept any
         chain b\naccept to 10.0.0.0/8
         chain a\nreturn any\nreturn any\nreturn any",
    );
    let mut counters = HitCounters::new(&before);
    let all: Vec<RuleId> = counters.iter().map(|(rule, _)| rule).collect();
    for (at, rule) in all.into_iter().enumerate() {
        for _ in 0..=at {
            counters.count_rule(rule, &udp(1, 1), Time::from_secs(at as u64));
        }
    }
    let carried = counters.carried_over(&before, &after);
    let packets: Vec<u64> = carried.iter().map(|(_, hits)| hits.packets).collect();
    // The base chain, then `b`, then `a`.
    assert_eq!(packets, [4, 3, 2, 0, 5, 0, 0, 6, 7, 0]);
    assert_eq!(counters.carried_over(&before, &before), counters);
    let unused: Vec<String> = carried.unused().map(|rule| rule.to_string()).collect();
    assert_eq!(unused, ["rule 4", "rule 6", "chain 1 rule 1", "chain 2 rule 3"]);
}

#[test]
fn hits_stay_with_the_key_of_a_live_rule() {
    let mut live = LiveMatcher::new(&rules("accept udp\naccept tcp"), &Config::new()).unwrap();
    let mut counters = LiveCounters::new();
    let first = live.key_at(ChainId::BASE, 0).unwrap();
    let now = Time::from_secs(1);
    counters.count(&live.publish().classify(&udp(1, 10)), &udp(1, 10), now);
    live.remove(first).unwrap();
    counters.count(&live.publish().classify(&udp(1, 10)), &udp(1, 10), now);
    let again = live.insert(Position::First(ChainId::BASE), Rule::drop().udp()).unwrap();
    live.rebuild().unwrap();
    let snapshot = live.publish();
    counters.count(&snapshot.classify(&udp(1, 10)), &udp(1, 10), now);
    assert_ne!(first, again);
    let sum = |counters: &LiveCounters| {
        let all = [counters.hits(first), counters.hits(again), counters.undecided()];
        all.map(|hits| hits.packets)
    };
    let counted = sum(&counters);
    assert_eq!(counted[1..], [1, 1]);
    let mut other = LiveCounters::new();
    other.count_rule(again, &udp(1, 1), Time::from_secs(9));
    counters.add(&other);
    assert_eq!(shown(counters.hits(again)), (2, 11, Some(9_000_000_000)));
    // Who was there first counts no more once another rule has its number.
    counters.count_rule(first, &udp(1, 1), now);
    assert_eq!(sum(&counters)[1..], [2, 1]);
}

#[test]
fn a_report_says_which_rules_are_unused() {
    let rules = rules("accept udp to any port 53\njump a any\nchain a\ndrop tcp");
    let mut counters = HitCounters::new(&rules);
    counters.count_rule(base(0), &udp(53, 1500), Time::from_secs(1));
    let report = HitReport::new(&rules, &counters, Time::from_secs(3601)).to_string();
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines[1], "           1           1500   3600 s  rule 1, accept udp to any port 53");
    assert!(lines[3].ends_with("never  chain 1 rule 1, drop tcp"), "{report}");
    assert_eq!(lines[5], "2 of 3 rules unused");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, ..ProptestConfig::default() })]

    #[test]
    fn threads_together_count_what_one_would(seed in seeds()) {
        let (rules, packets) = case(seed, &Shape::STATELESS);
        let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
        let mut threads = [HitCounters::new(&rules), HitCounters::new(&rules)];
        let mut model: BTreeMap<Option<RuleId>, (u64, u64, Option<u64>)> = BTreeMap::new();
        for (at, packet) in packets.iter().enumerate() {
            let mut hits = Vec::new();
            let decision = matcher.walk(packet, |rule, _| hits.push(Some(rule)));
            hits.push(decision.rule);
            for rule in hits {
                let (packets, bytes, last) = model.entry(rule).or_default();
                (*packets, *bytes) = (*packets + 1, *bytes + u64::from(packet.length));
                *last = Some(at as u64);
                let (thread, now) = (&mut threads[at % 2], Time::from_nanos(at as u64));
                match rule {
                    Some(rule) => thread.count_rule(rule, packet, now),
                    None => thread.count(&decision, packet, now),
                }
            }
        }
        let [mut all, mut other] = threads;
        all.add(&other.take());
        all.add(&other);
        for (rule, hits) in all.iter() {
            prop_assert_eq!(shown(hits), model.remove(&Some(rule)).unwrap_or_default());
        }
        prop_assert_eq!(shown(all.undecided()), model.remove(&None).unwrap_or_default());
        prop_assert!(model.is_empty());
    }
}

#[test]
fn rules_of_the_callers_own_actions() {
    let mut rules = RuleSet::new("queue 0");
    let id = rules.push(Rule::action("queue 1").udp());
    let mut counters = HitCounters::new(&rules);
    counters.count(&rules.first_match(&udp(1, 2), None), &udp(1, 2), Time::ZERO);
    assert_eq!(shown(counters.hits(id).unwrap()), (1, 2, Some(0)));
    let _: RuleSet<Action> = RuleSet::new(Action::Drop);
}
