use portcullis::rule::not;
use portcullis::{Action, Config, Packet, Rule, RuleSet, StatelessMatcher};

use super::{rules, syn};

/// Whether the criteria hold of a packet that came in by `interface`; `others` are the names that
/// further rules mention.
fn holds(criteria: &str, others: &str, interface: Option<&str>) -> bool {
    let rules = rules(&format!("accept {criteria}\ncount in {others}"));
    let mut packet = syn();
    packet.in_interface = interface.and_then(|name| rules.interface(name));
    rules.first_match(&packet, None).rule.is_some()
}

#[test]
fn names_and_wildcards() {
    for others in ["none", "eth0", "eth1", "eth*, e*, *", "eth00, eth0*", "wg0"] {
        for (criteria, interface, expected) in [
            ("in eth0", "eth0", true),
            ("in eth0", "eth1", false),
            ("in eth0", "eth00", false),
            ("in eth0", "eth", false),
            ("in eth*", "eth0", true),
            ("in eth*", "eth", true),
            ("in eth*", "et", false),
            ("in eth*", "wg0", false),
            ("in *", "wg0", true),
            ("in wg*, eth0", "eth0", true),
            ("in not eth0", "eth0", false),
            ("in not eth0", "eth1", true),
            ("in not eth*, lo", "eth1", false),
            ("in not eth*", "wg0", true),
            ("in none", "eth0", false),
            ("in not none", "eth0", true),
        ] {
            let holds = holds(criteria, others, Some(interface));
            assert_eq!(holds, expected, "{criteria} of {interface} beside {others}");
        }
    }
}

#[test]
fn no_interface_is_none_of_them() {
    assert!(!holds("in *", "none", None));
    assert!(!holds("in eth0", "none", None));
    assert!(holds("in not eth0", "none", None));
    assert!(holds("in not *", "none", None));
}

#[test]
fn in_and_out_are_two_fields() {
    let rules = rules("accept in eth0 out not eth0");
    let id = rules.interface("eth0");
    let decides = |in_interface, out_interface| {
        let mut packet: Packet = syn();
        (packet.in_interface, packet.out_interface) = (in_interface, out_interface);
        rules.first_match(&packet, None).rule.is_some()
    };
    assert!(decides(id, None));
    assert!(!decides(id, id));
    assert!(!decides(None, id));
}

#[test]
fn as_many_names_as_there_are_numbers() {
    let mut rules = RuleSet::new(Action::Drop);
    for number in 0..65535 {
        rules.push(Rule::accept().in_interface(format!("if{number}").as_str()));
    }
    rules.check().unwrap();
    let id = rules.interface("if65534").unwrap();
    assert_eq!(rules.interface_name(id).unwrap().as_str(), "if65534");
    // The highest number must not be taken for "no interface".
    let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let mut packet: Packet = syn();
    assert_eq!(matcher.classify(&packet).rule, None);
    packet.in_interface = Some(id);
    assert_eq!(matcher.classify(&packet).rule, rules.first_match(&packet, None).rule);
}

/// A name without a number would make `in not NAME` hold of packets of that very interface.
#[test]
fn more_names_than_numbers_are_refused() {
    let mut rules = RuleSet::new(Action::Drop);
    for number in 0..65535 {
        rules.push(Rule::accept().in_interface(format!("if{number}").as_str()));
    }
    let id = rules.push(Rule::drop().out_interface(not("if65535")));
    let error = rules.check().unwrap_err();
    assert_eq!(error.rule(), Some(id));
    let limit = "rule 65536 of chain `base`: rules name at most 65535 different interfaces";
    assert_eq!(error.to_string(), limit);
    assert!(StatelessMatcher::compile(&rules, &Config::new()).is_err());
}

/// The text names the base chain's interface first, whatever was pushed first.
#[test]
fn rule_sets_are_equal_whatever_their_interfaces_numbers() {
    let mut built = RuleSet::new(Action::Drop);
    let chain = built.add_chain("user");
    built.push_to(chain, Rule::accept().in_interface("eth0"));
    built.push(Rule::jump(chain).in_interface("eth1"));
    let read: RuleSet = built.to_string().parse().unwrap();
    assert_ne!(read.interface("eth0"), built.interface("eth0"));
    assert_eq!(read, built);
    built.push(Rule::accept());
    assert_ne!(read, built);
}
