use portcullis::rule::{AnyOf, Limit, not};
use portcullis::{Action, Criteria, Rule, RuleId, RuleSet, Target};

use super::{rules, syn};

/// What [`RuleSet::check`] says, and of which rule.
fn refused(rules: &RuleSet) -> (String, RuleId) {
    let error = rules.check().unwrap_err();
    (error.to_string(), error.rule().unwrap())
}

#[test]
fn a_cycle_names_the_rule_that_closes_it() {
    let rules = rules("jump a any\nchain a\naccept any\njump b any\nchain b\ngoto a any");
    let b = rules.chain_named("b").unwrap();
    let expected = "rule 1 of chain `b`: closes a cycle of jumps".into();
    assert_eq!(refused(&rules), (expected, RuleId::new(b, 0)));
    assert_eq!(rules.first_match(&syn(), None).action, &Action::Accept);
}

#[test]
fn a_cycle_that_nothing_leads_to_is_one_too() {
    let rules = rules("accept any\nchain a\ncount any\njump a any");
    let a = rules.chain_named("a").unwrap();
    let expected = "rule 2 of chain `a`: closes a cycle of jumps".into();
    assert_eq!(refused(&rules), (expected, RuleId::new(a, 1)));
}

#[test]
fn a_jump_to_the_base_chain_is_a_cycle() {
    let rules = rules("jump a any\nchain a\njump base any");
    assert!(refused(&rules).0.ends_with("closes a cycle of jumps"));
    assert!(rules.check().unwrap_err().limit().is_none());
    assert_eq!(rules.first_match(&syn(), None).rule, None);
}

#[test]
fn a_chain_jumped_to_from_two_is_no_cycle() {
    rules("jump a any\njump b any\nchain a\njump c any\nchain b\ngoto c any\nchain c")
        .check()
        .unwrap();
}

#[test]
fn a_jump_to_nowhere() {
    let mut other = RuleSet::new(Action::Drop);
    let nowhere = [other.add_chain("a"), other.add_chain("b")][1];
    for target in [Target::Jump(nowhere), Target::Goto(nowhere)] {
        let mut rules = RuleSet::new(Action::Drop);
        rules.add_chain("only");
        rules.push(Rule::accept().udp());
        let id = rules.push(Rule::new(target));
        let expected = "rule 2 of chain `base`: jumps to a chain that the rule set does not have";
        assert_eq!(refused(&rules), (expected.into(), id));
    }
}

/// A rule set whose base chain leads through `jumps` chains, one below the other.
fn ladder(jumps: usize) -> RuleSet {
    let mut rules = RuleSet::new(Action::Drop);
    for step in 0..jumps {
        let above = rules.chain_named(&format!("{step}")).unwrap_or(portcullis::ChainId::BASE);
        let below = rules.add_chain(&format!("{}", step + 1));
        rules.push_to(above, Rule::jump(below));
    }
    rules
}

#[test]
fn chains_within_chains_have_a_limit() {
    ladder(32).check().unwrap();
    let rules = ladder(33);
    let error = rules.check().unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Depth { jumps: 32 }));
    assert_eq!(error.rule(), Some(RuleId::new(portcullis::ChainId::BASE, 0)));
    assert_eq!(error.to_string(), "rule 1 of chain `base`: more than 32 chains within chains");
}

#[test]
fn many_chains_are_no_deep_recursion() {
    assert!(ladder(5_000).check().is_err());
}

#[test]
fn numbers_that_a_field_does_not_have() {
    let criteria = |change: fn(&mut Criteria)| {
        let mut rule = Rule::accept();
        change(&mut rule.criteria);
        let mut rules = RuleSet::new(Action::Drop);
        rules.push(rule);
        rules
    };
    for (change, expected) in [
        ((|c| c.predicate = not([1, 64])) as fn(&mut Criteria), "predicates are numbered 0 to 63"),
        (|c| c.dscp = AnyOf::from(60..=64), "code points (DSCP) are 0 to 63"),
        (|c| c.vlan = AnyOf::from([4096]), "VLAN ids are 0 to 4095"),
    ] {
        let rules = criteria(change);
        assert_eq!(refused(&rules).0, format!("rule 1 of chain `base`: {expected}"));
        assert!(rules.to_string().parse::<RuleSet>().is_err());
    }
    let rules = criteria(|c| {
        c.predicate = 63.into();
        c.dscp = AnyOf::from(0..=63);
        c.vlan = AnyOf::from([4095]);
    });
    rules.check().unwrap();
}
