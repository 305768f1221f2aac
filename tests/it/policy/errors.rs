//! Policies that cannot be.

use std::time::Duration;

use portcullis::policy::{
    CountedBy, Overrides, Policy, PolicyError, PolicyRule, Rate, RuleFault, RuleGroup,
};
use portcullis::rule::{Effect, Masked};
use portcullis::{Action, ChainId, Config, Rule};

fn refused(rule: PolicyRule, expected: &str) -> PolicyError {
    let mut policy = Policy::new(Action::Accept);
    policy.add_rule(1, rule).unwrap();
    let error = policy.compile(&Config::new(), [0; 16]).unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert_eq!(
        policy.definition().err().map_or(expected.into(), |error| error.to_string()),
        expected
    );
    error
}

#[test]
fn priorities_and_names_are_taken_once() {
    let mut policy = Policy::new(Action::Accept);
    policy.add_rule(1, PolicyRule::new("a", Rule::drop())).unwrap();
    let error = policy.add_rule(1, PolicyRule::new("b", Rule::drop())).unwrap_err();
    assert_eq!(error.to_string(), "`b` has priority 1, which `a` has; choose another");
    let error = policy.add_group(2, RuleGroup::new("a"), Overrides::none()).unwrap_err();
    assert_eq!(error, PolicyError::SameName { name: "a".into() });
    // What was refused has taken nothing.
    policy.add_rule(2, PolicyRule::new("b", Rule::drop())).unwrap();
    policy.remove(1).unwrap();
    policy.add_rule(1, PolicyRule::new("a", Rule::drop())).unwrap();
    let mut group = RuleGroup::new("g");
    group.add_rule(1, PolicyRule::new("a", Rule::drop())).unwrap();
    assert!(group.add_rule(1, PolicyRule::new("b", Rule::drop())).is_err());
    assert!(group.add_rule(2, PolicyRule::new("a", Rule::drop())).is_err());
    let error = policy.add_group(9, group, Overrides::none().count("c")).unwrap_err();
    assert_eq!(error.to_string(), "group `g` has no rule `c` to override");
}

#[test]
fn rules_say_what_policies_can() {
    let expected =
        "rule `r` does nothing that a policy's rule can; give it an action, stage it, or count";
    for rule in [
        Rule::return_(),
        Rule::jump(ChainId::BASE),
        Rule::goto(ChainId::BASE),
        Rule::continue_with(Effect::Mark(Masked::from(1))),
        Rule::continue_with(Effect::NoTrack),
        Rule::continue_with(Effect::Spend(1)),
        Rule::continue_with(Effect::Zone(1)),
    ] {
        refused(PolicyRule::new("r", rule), expected);
    }
    let mut group = RuleGroup::new("g");
    group.add_rule(0, PolicyRule::new("r", Rule::drop())).unwrap();
    let mut policy = Policy::new(Action::Accept);
    let overrides = Overrides::none().rule("r", portcullis::Target::Return);
    policy.add_group(0, group, overrides).unwrap();
    let error = policy.compile(&Config::new(), [0; 16]).unwrap_err().to_string();
    assert!(error.starts_with("rule `r` of group `g` does nothing"), "{error}");
}

#[test]
fn labels_are_added_before_they_are_asked_for() {
    let rule = || PolicyRule::new("r", Rule::drop());
    refused(rule().label(""), "rule `r` adds the label ``; a label has characters, and no `*`");
    refused(rule().label("a*"), "rule `r` adds the label `a*`; a label has characters, and no `*`");
    let expected = "rule `r` asks for the label `a, b*`, which no rule before it adds";
    refused(rule().labelled(["a", "b*"]).label("a"), expected);
    let expected = "rule `r` asks for the label `b*`, which no rule before it adds";
    refused(rule().not_labelled("b*"), expected);
}

#[test]
fn rates_have_time_and_room() {
    let rule = |rate| PolicyRule::new("r", Rule::drop()).rate(rate);
    let minute = Duration::from_secs(60);
    refused(rule(Rate::new(1, Duration::ZERO)), "rule `r` has a rate whose window has no length");
    refused(rule(Rate::new(1, minute).capacity(0)), "rule `r` has a rate with room for no key");
    let expected = "rule `r` has a rate by prefixes longer than addresses (32 and 128 bits)";
    for by in [
        CountedBy::source_prefix(33, 128),
        CountedBy::source_prefix(32, 129),
        CountedBy::nothing().and_destination_prefix(255, 0),
    ] {
        refused(rule(Rate::new(1, minute).by(by)), expected);
    }
}

#[test]
fn what_cannot_be_compiled_is_named() {
    let error = refused(
        PolicyRule::new("r", Rule::drop().predicate(64)),
        "rule `r` cannot be compiled: rule 1 of chain `base`: predicates are numbered 0 to 63",
    );
    assert!(matches!(error, PolicyError::Rule { fault: RuleFault::Build(_), .. }));
}

#[test]
fn capacity_is_counted_and_limited() {
    let capacity = |rule| {
        let mut policy = Policy::new(Action::Accept);
        policy.add_rule(1, rule).unwrap();
        policy.capacity()
    };
    let rule = |rule| PolicyRule::new("r", rule);
    assert_eq!(capacity(rule(Rule::drop().tcp().to_ports(22))), 1);
    let ports: Vec<u16> = (1..=17).collect();
    assert_eq!(capacity(rule(Rule::drop().to_ports(ports.clone()))), 2);
    assert_eq!(capacity(rule(Rule::drop().to_ports([ports, vec![99]].concat()))), 3);
    assert_eq!(capacity(rule(Rule::drop().length(40).ttl(1))), 3);
    assert_eq!(capacity(rule(Rule::drop().from_set("a").to_set("b"))), 3);
    assert_eq!(capacity(rule(Rule::drop()).label("a")), 2);
    assert_eq!(capacity(rule(Rule::drop()).labelled("a").not_labelled(["b", "c"])), 3);
    let rate = Rate::new(1, Duration::from_secs(60));
    assert_eq!(capacity(rule(Rule::drop()).rate(rate.clone())), 4);
    let by = CountedBy::source().and_destination_port();
    assert_eq!(capacity(rule(Rule::drop()).rate(rate.by(by).capacity(65_537))), 6);

    let mut policy = Policy::new(Action::Accept);
    for priority in 0..4 {
        let name = format!("r{priority}");
        policy.add_rule(priority, PolicyRule::new(&name, Rule::drop())).unwrap();
    }
    policy.set_capacity_limit(3);
    let error = policy.compile(&Config::new(), [0; 16]).unwrap_err();
    assert_eq!(error, PolicyError::Capacity { units: 4, limit: 3 });
    policy.set_capacity_limit(4);
    policy.compile(&Config::new(), [0; 16]).unwrap();
}

#[test]
fn so_many_labels_are_asked_for_and_no_more() {
    let mut policy = Policy::new(Action::Accept);
    for number in 0..65 {
        let (name, label) = (format!("add-{number}"), format!("l{number}"));
        let rule = PolicyRule::new(&name, Rule::continue_with(Effect::Count)).label(&label);
        policy.add_rule(number, rule).unwrap();
        let rule = PolicyRule::new(&label, Rule::staged(Action::Drop)).labelled(&*label);
        policy.add_rule(1000 + number, rule).unwrap();
        let compiled = policy.compile(&Config::new(), [0; 16]);
        match number {
            64 => assert_eq!(compiled.unwrap_err(), PolicyError::Labels { limit: 64 }),
            63 => assert!(compiled.is_ok()),
            _ => {}
        }
    }
}
