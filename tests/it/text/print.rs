use portcullis::{Action, ChainId, Rule, RuleId, RuleSet};

/// The same chains under other names, jumps and all.
fn renamed(names: &[&str]) -> RuleSet {
    let mut rules = RuleSet::new(Action::Drop);
    for name in names {
        let chain = rules.add_chain(name);
        rules.push(Rule::jump(chain).comment(name));
        rules.push_to(chain, Rule::accept().to_ports(chain.index() as u16));
    }
    rules
}

fn printed_names(names: &[&str]) -> Vec<String> {
    let rules = renamed(names);
    let read: RuleSet = rules.to_string().parse().unwrap();
    assert_eq!(read.to_string(), rules.to_string(), "{names:?}");
    for (chain, other) in rules.chains().iter().zip(read.chains()) {
        assert_eq!(chain.rules(), other.rules(), "{names:?}");
    }
    read.chains()[1..].iter().map(|chain| chain.name().to_owned()).collect()
}

#[test]
fn odd_names_are_kept_in_quotation_marks() {
    let odd =
        ["", " ", "two words", "\"", "a\nb", "#", "chain", "any", "日本", "\u{0}", "a\\", ","];
    assert_eq!(printed_names(&odd), odd);
}

#[test]
fn a_second_chain_of_a_name_gets_a_number() {
    assert_eq!(printed_names(&["a", "a", "a"]), ["a", "a-2", "a-3"]);
    assert_eq!(printed_names(&["a", "a", "a-2"]), ["a", "a-3", "a-2"]);
    assert_eq!(printed_names(&["a-2", "a", "a-2", "a"]), ["a-2", "a", "a-2-2", "a-3"]);
    assert_eq!(printed_names(&["", ""]), ["", "-2"]);
    assert_eq!(printed_names(&["base", "base"]), ["base-2", "base-3"]);
    assert_eq!(printed_names(&["base-2", "base"]), ["base-2", "base-3"]);
}

#[test]
fn many_chains_of_one_name() {
    let names = vec!["same"; 20_000];
    let printed = printed_names(&names);
    assert_eq!(printed[19_999], "same-20000");
}

#[test]
fn a_rule_is_shown_with_the_names_of_its_rule_set() {
    let mut rules = renamed(&["ssh", "two words", "ssh"]);
    let at = |index| RuleId::new(ChainId::BASE, index);
    let shown = |rules: &RuleSet, index| rules.display_rule(at(index)).map(|rule| rule.to_string());
    assert_eq!(shown(&rules, 0).unwrap(), "jump ssh any comment \"ssh\"");
    assert_eq!(shown(&rules, 1).unwrap(), "jump \"two words\" any comment \"two words\"");
    assert_eq!(shown(&rules, 2).unwrap(), "jump ssh-2 any comment \"ssh\"");
    assert_eq!(shown(&rules, 3), None);
    let text = rules.to_string();
    for index in 0..3 {
        assert!(text.lines().any(|line| line == shown(&rules, index).unwrap()));
    }
    let back = rules.push(Rule::goto(ChainId::BASE).tcp());
    assert_eq!(rules.display_rule(back).unwrap().to_string(), "goto base tcp");
}

#[test]
fn a_jump_that_cannot_be_named_cannot_be_read() {
    let chain = renamed(&["a", "b"]).chain_named("b").unwrap();
    let rule: Rule = Rule::jump(chain).udp();
    assert_eq!(rule.to_string(), "jump <chain 2> udp");
    let mut rules = RuleSet::new(Action::Drop);
    let id = rules.push(rule);
    assert_eq!(rules.display_rule(id).unwrap().to_string(), "jump <chain 2> udp");
    assert_eq!(rules.to_string(), "default drop\njump <chain 2> udp\n");
    let error = rules.to_string().parse::<RuleSet>().unwrap_err();
    assert_eq!((error.line(), error.column(), error.found()), (2, 6, "`<chain`"));
}
