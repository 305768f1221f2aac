//! Actions of a caller's own type.

use portcullis::{Action, Config, Packet, Rule, RuleSet, StatelessMatcher};

use super::{but, decided, to_port};

/// Entries have room for 255 actions; more are kept elsewhere.
#[test]
fn as_many_actions_as_rules() {
    for count in [1, 254, 255, 256, 257, 400] {
        let mut rules = RuleSet::new(u32::MAX);
        for i in 0..count {
            rules.push(Rule::action(i * 7).to_ports(i as u16));
        }
        let packets: Vec<Packet> = (0..=count as u16).map(to_port).collect();
        let expected: Vec<_> = (0..count).map(Some).chain([None]).collect();
        assert_eq!(decided(&rules, &packets), expected);
        let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
        assert_eq!(*matcher.classify(&to_port(count as u16 - 1)).action, (count - 1) * 7);
        assert_eq!(*matcher.classify(&to_port(count as u16)).action, u32::MAX);
        assert_eq!(*matcher.default_action(), u32::MAX);
    }
}

#[test]
fn many_actions_with_checks_and_in_chains() {
    let mut rules = RuleSet::new(String::from("none"));
    let chain = rules.add_chain("chain");
    for i in 0..400 {
        rules.push(Rule::action(format!("base {i}")).to_ports(i).vlan(1));
        rules.push_to(chain, Rule::action(format!("chain {i}")).to_ports(i));
    }
    rules.push(Rule::goto(chain));
    let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    for port in [0, 126, 127, 128, 254, 255, 256, 399] {
        let tagged = but(to_port(port), |p| p.vlan = Some(1));
        assert_eq!(*matcher.classify(&tagged).action, format!("base {port}"));
        assert_eq!(*matcher.classify(&to_port(port)).action, format!("chain {port}"));
        assert_eq!(matcher.classify(&tagged), rules.first_match(&tagged, None));
    }
    assert_eq!(*matcher.classify(&to_port(400)).action, "none");
}

/// Equality that is not identity: which of two equal actions is given cannot be told.
#[test]
fn equal_actions_and_the_default_among_them() {
    let mut rules = RuleSet::new("drop".to_owned());
    rules.push(Rule::action("drop".to_owned()).to_ports(1));
    rules.push(Rule::action("accept".to_owned()).to_ports(2));
    rules.push(Rule::action("accept".to_owned()).to_ports(3));
    let packets = [0, 1, 2, 3].map(to_port);
    assert_eq!(decided(&rules, &packets), [None, Some(0), Some(1), Some(2)]);
}

/// Unequal to itself, as a floating-point number may be: every rule still has its own.
#[test]
fn actions_that_equal_nothing() {
    let mut rules = RuleSet::new(f32::NAN);
    for i in 0..3u8 {
        rules.push(Rule::action(f32::from(i)).to_ports(u16::from(i)));
    }
    let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    for i in 0..3 {
        assert_eq!(*matcher.classify(&to_port(i)).action, f32::from(i));
    }
    assert!(matcher.classify(&to_port(3)).action.is_nan());
    assert_eq!(matcher.classify(&to_port(3)).rule, None);
}

#[test]
fn no_rules() {
    let mut rules = RuleSet::new(Action::Accept);
    let packets = [to_port(1), super::packet(17, ("::1", 1), ("::2", 2))];
    assert_eq!(decided(&rules, &packets), [None, None]);
    rules.add_chain("empty");
    assert_eq!(decided(&rules, &packets), [None, None]);
    let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    assert_eq!(*matcher.classify(&packets[0]).action, Action::Accept);
}

/// Rules of one family only leave the other with none.
#[test]
fn rules_of_one_family() {
    let rules = super::rules("accept from 0.0.0.0/0\naccept from ::/0 to any port 3");
    let v6 = |port| super::packet(17, ("::1", 1), ("::2", port));
    assert_eq!(decided(&rules, &[to_port(3), v6(3), v6(4)]), [Some(0), Some(1), None]);
}
