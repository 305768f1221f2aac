//! Staged rules: reported, never enforced.

use portcullis::analysis::{Analysis, Explanation, Reach};
use portcullis::conntrack::{Limits, Time};
use portcullis::packet::TcpFlags;
use portcullis::rule::Effect;
use portcullis::update::LiveMatcher;
use portcullis::{
    Action, ChainId, Config, ConnTable, Packet, Rule, RuleId, RuleSet, StatefulMatcher,
    StatelessMatcher, Target,
};
use proptest::prelude::*;

use crate::strategies::{Shape, case, seeds};

fn tcp(dst: &str) -> Packet {
    Packet::tcp("10.0.0.1:4000".parse().unwrap(), dst.parse().unwrap(), TcpFlags::SYN).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// What staged rules would decide is what they decide when enforced, as long as they do nothing else
    /// to the packet; and what is enforced is what is decided without them.
    #[test]
    fn staged_rules_are_those_that_would_decide(seed in seeds()) {
        let shape = Shape { rules: 30, packets: 40, ..Shape::STATELESS };
        let (rules, packets) = case(seed, &shape);
        let staged = retargeted(&rules, seed, Target::Staged);
        let enforced = retargeted(&rules, seed, Target::Action);
        let without = retargeted(&rules, seed, |_| Target::Continue(Effect::Count));
        let matcher = StatelessMatcher::compile(&staged, &Config::new()).unwrap();
        for packet in &packets {
            let trial = matcher.classify_staged(packet);
            let linear = staged.first_match_staged(packet, None);
            prop_assert_eq!(trial.enforced, linear.enforced);
            prop_assert_eq!(trial.staged, linear.staged);
            prop_assert_eq!(trial.enforced, without.first_match(packet, None));
            let expected = enforced.first_match(packet, None);
            prop_assert_eq!(trial.staged, expected, "{}\n{:?}", staged, packet);
            prop_assert_eq!(trial.enforced, matcher.classify(packet));
        }
    }
}

/// Every third rule with an action gets another target; rules that were staged no longer are.
fn retargeted(rules: &RuleSet, seed: u64, target: impl Fn(Action) -> Target) -> RuleSet {
    let mut copy = RuleSet::new(*rules.default_action());
    copy.set_sets(rules.sets().clone());
    let mut number = seed % 3;
    for (i, chain) in rules.chains().iter().enumerate() {
        let id = if i == 0 { ChainId::BASE } else { copy.add_chain(chain.name()) };
        for rule in chain.rules() {
            let mut rule = rule.clone();
            if let Target::Action(action) | Target::Staged(action) = rule.target {
                number += 1;
                let other = target(action);
                rule.target = if number.is_multiple_of(3) { other } else { Target::Action(action) };
            }
            copy.push_to(id, rule);
        }
    }
    copy
}

const TEXT: &str = "\
default accept
staged drop tcp to any port 23
staged reject with tcp-reset tcp
drop tcp to any port 25
";

#[test]
fn a_staged_rule_hides_nothing_and_decides_nothing() {
    let rules: RuleSet = TEXT.parse().unwrap();
    assert_eq!(rules.to_string(), TEXT);
    let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let trial = matcher.classify_staged(&tcp("192.0.2.1:25"));
    assert_eq!((*trial.enforced.action, trial.enforced.rule.unwrap().index), (Action::Drop, 2));
    assert_eq!(trial.staged.rule.unwrap().index, 1);
    let mut seen = Vec::new();
    matcher.walk(&tcp("192.0.2.1:23"), |rule, effect| seen.push((rule.index, effect)));
    assert_eq!(seen, [(0, Effect::Staged), (1, Effect::Staged)]);
    let explained = Explanation::new(&rules, &tcp("192.0.2.1:23"), None).to_string();
    assert!(explained.contains("yes: is staged; would decide, goes on"), "{explained}");
    for (_, reach) in Analysis::new(&rules).reach().unwrap() {
        assert!(matches!(reach, Reach::Matches(_)));
    }
    // An image knows staged rules, too.
    let bytes = matcher.to_bytes();
    let stored = StatelessMatcher::from_bytes(&bytes).unwrap();
    let again = stored.classify_staged(&tcp("192.0.2.1:25"));
    assert_eq!((again.enforced, again.staged), (trial.enforced, trial.staged));
}

#[test]
fn connections_follow_what_is_enforced() {
    let rules: RuleSet = "
        accept state established
        staged drop tcp to any port 23
        accept tcp state new
        drop any
    "
    .parse()
    .unwrap();
    let table = ConnTable::new(&Limits::new(1), [0; 16]);
    let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new()).unwrap();
    let now = Time::from_secs(1);
    let trial = firewall.classify_staged(&tcp("192.0.2.1:23"), now);
    assert_eq!((*trial.enforced.action, *trial.staged.action), (Action::Accept, Action::Drop));
    assert_eq!(trial.staged.rule, Some(RuleId::new(ChainId::BASE, 1)));
    assert_eq!(firewall.conntrack().len(), 1);
}

#[test]
fn live_rules_may_be_staged() {
    let mut live = LiveMatcher::new(&RuleSet::new(Action::Accept), &Config::new()).unwrap();
    let last = portcullis::update::Position::Last(ChainId::BASE);
    let key = live.insert(last, Rule::staged(Action::Drop).tcp()).unwrap();
    let snapshot = live.publish();
    let mut seen = Vec::new();
    let decision = snapshot.walk(&tcp("192.0.2.1:23"), |rule, effect| seen.push((rule, effect)));
    assert_eq!(*decision.action, Action::Accept);
    assert_eq!(seen, [(key, Effect::Staged)]);
}
