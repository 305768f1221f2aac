//! What a matcher says it consists of.

use portcullis::{Action, Config, Rule, RuleSet, StatelessMatcher, Stats};

use super::rules;

fn stats(rules: &RuleSet) -> Stats {
    StatelessMatcher::compile(rules, &Config::new()).unwrap().stats()
}

#[test]
fn a_leaf_of_few_rules() {
    let few = stats(&rules("accept ipv4 tcp\ndrop ipv4 udp\naccept ipv6"));
    assert_eq!((few.trees, few.nodes, few.leaves), (2, 0, 2));
    assert_eq!((few.depth, few.rules, few.places, few.worst_lookup), (0, 3, 3, 1));
    assert_eq!(stats(&rules("accept tcp")).rules, 2, "once for each family");
    assert_eq!(stats(&rules("default drop")).trees, 0);
}

#[test]
fn rules_that_nothing_tells_apart_are_one_leaf() {
    let mut rules = RuleSet::new(Action::Drop);
    let alike = Rule::accept().family(portcullis::packet::Family::V4).tcp().length(0..=9);
    for _ in 0..40 {
        rules.push(alike.clone());
    }
    let stats = stats(&rules);
    assert_eq!((stats.nodes, stats.leaves, stats.worst_lookup), (0, 1, 10));
    assert_eq!((stats.rules, stats.places), (40, 40));
    assert!((stats.copies_per_rule() - 1.0).abs() < 1e-9);
}

#[test]
fn a_tree_of_many_rules() {
    let mut rules = RuleSet::new(Action::Drop);
    for port in 0..1000u16 {
        let rule = Rule::accept().family(portcullis::packet::Family::V4).tcp();
        rules.push(rule.to_ports(60 * port..=60 * port + 40));
    }
    let stats = stats(&rules);
    assert_eq!(stats.rules, 1000);
    assert!(stats.nodes > 0 && stats.leaves >= 1000 / 24, "{stats}");
    assert!(stats.places >= 1000 && stats.bytes >= 64 * stats.leaves, "{stats}");
    assert!(stats.depth >= 1 && stats.worst_lookup > stats.depth, "{stats}");
}

#[test]
fn every_figure_has_a_line() {
    let text = stats(&rules("accept ipv4 tcp")).to_string();
    let names: Vec<_> = text.lines().map(|line| line.split_once(": ").unwrap().0).collect();
    let expected = [
        "trees",
        "nodes",
        "leaves",
        "depth",
        "rules_in_leaves",
        "places_in_leaves",
        "copies_per_rule",
        "worst_lookup",
        "bytes",
    ];
    assert_eq!(names, expected);
}
