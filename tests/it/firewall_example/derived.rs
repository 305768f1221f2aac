//! The stateless rule sets that are made from a rule file.

use portcullis::{Config, RuleId, RuleSet, StatelessMatcher};

use super::policy::{Decider, Derived, all};

const FILE: &str = "\
default reject
jump web tcp
drop state invalid
accept state established, related
accept tcp to any port 22 state new, established
accept udp state not invalid
accept udp state not new
accept icmp type 8
accept state untracked
drop any

chain web
return state established
accept tcp to any port 80 state new
";

fn stateless() -> (RuleSet, Derived, Vec<RuleId>, Vec<RuleId>) {
    let file: RuleSet = FILE.parse().unwrap();
    let (derived, changes) = Derived::stateless(&file);
    (file, derived, changes.left_out, changes.relaxed)
}

fn numbers(rules: &[RuleId]) -> Vec<(usize, u32)> {
    rules.iter().map(|id| (id.chain.index(), id.index + 1)).collect()
}

#[test]
fn rules_for_new_connections_stay_without_their_state() {
    let (_, derived, left_out, relaxed) = stateless();
    let expected: RuleSet = "\
        default reject\n\
        jump web tcp\n\
        accept tcp to any port 22\n\
        accept udp\n\
        accept icmp type 8\n\
        drop any\n\
        chain web\n\
        accept tcp to any port 80\n"
        .parse()
        .unwrap();
    assert_eq!(derived.rules, expected);
    assert_eq!(numbers(&left_out), [(0, 2), (0, 3), (0, 6), (0, 8), (1, 1)]);
    assert_eq!(numbers(&relaxed), [(0, 4), (0, 5), (1, 2)]);
    assert!(StatelessMatcher::compile(&derived.rules, &Config::new()).is_ok());
}

#[test]
fn each_rule_remembers_where_it_comes_from() {
    let (file, derived, ..) = stateless();
    for (id, rule) in all(&derived.rules) {
        let Decider::Rule(origin) = derived.origin(id) else { panic!("{id} has no origin") };
        let original = file.rule(origin).unwrap();
        assert_eq!(original.target, rule.target);
        assert_eq!(original.criteria.dst_port, rule.criteria.dst_port);
    }
}

#[test]
fn the_added_rule_stands_before_the_rules_for_any_packet() {
    let (_, derived, ..) = stateless();
    let added: RuleSet = "accept tcp to any port 1024-65535".parse().unwrap();
    let helped = derived.with(&added.chains()[0].rules()[0]);
    let base = helped.rules.chains()[0].rules();
    assert_eq!(base.len(), derived.rules.chains()[0].rules().len() + 1);
    let place = base.len() - 2;
    assert_eq!(base[place], added.chains()[0].rules()[0]);
    let base_rule = |index: usize| RuleId::new(portcullis::ChainId::BASE, index as u32);
    assert_eq!(helped.origin(base_rule(place)), Decider::Added);
    assert_eq!(helped.origin(base_rule(place + 1)), derived.origin(base_rule(place)));
    assert!(helped.has(Decider::Added) && !derived.has(Decider::Added));
    assert_eq!(helped.rules.chains()[1], derived.rules.chains()[1]);
}

#[test]
fn the_added_rule_is_last_where_no_rule_is_for_any_packet() {
    for file in ["", "accept tcp", "accept any\naccept tcp"] {
        let (derived, _) = Derived::stateless(&file.parse().unwrap());
        let added: RuleSet = "accept udp".parse().unwrap();
        let helped = derived.with(&added.chains()[0].rules()[0]);
        assert_eq!(helped.rules.chains()[0].rules().last(), added.chains()[0].rules().first());
    }
}
