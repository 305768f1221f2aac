//! What cannot be compiled, and which rule is the reason.

use std::net::Ipv4Addr;

use portcullis::conntrack::Limits;
use portcullis::rule::{AnyOf, InterfaceName, Limit, not};
use portcullis::{
    Action, BuildError, Config, ConnState, ConnTable, Packet, Rule, RuleId, RuleSet,
    StatefulMatcher, StatelessMatcher,
};

use super::{but, compare, decided, to_port};

fn refused(rules: &RuleSet, config: &Config) -> BuildError {
    StatelessMatcher::compile(rules, config).unwrap_err()
}

fn many(count: u32) -> RuleSet {
    let mut rules = RuleSet::new(Action::Drop);
    for i in 0..count {
        let (src, dst) = (Ipv4Addr::from_bits(i * 77_777), Ipv4Addr::from_bits(i * 999_331));
        rules.push(Rule::accept().from(src).to(dst).to_ports(i as u16));
    }
    rules
}

#[test]
fn the_size_limit_is_named() {
    let rules = many(500);
    for bytes in [0, 1, 63, 64, 1000, 4096] {
        let error = refused(&rules, &Config::new().size_limit(bytes));
        assert_eq!(error.limit(), Some(Limit::Size { bytes }));
        assert!(error.to_string().contains(&format!("{bytes} bytes")), "{error}");
        assert!(error.to_string().contains("size_limit"), "{error}");
    }
}

/// A limit of just what is needed is enough, one byte less is not.
#[test]
fn the_size_limit_is_exact_to_a_few_lines() {
    for rules in [many(1), many(500), RuleSet::new(Action::Drop)] {
        let compile = |bytes| StatelessMatcher::compile(&rules, &Config::new().size_limit(bytes));
        let needed = compile(1 << 30).unwrap().memory_bytes();
        assert!(compile(needed).is_ok());
        assert!(compile(needed - 256).is_err(), "{needed}");
    }
}

#[test]
fn residual_checks_count_towards_the_size_limit() {
    let mut rules = RuleSet::new(Action::Drop);
    let lengths: Vec<u32> = (0..10_000).map(|i| 3 * i).collect();
    rules.push(Rule::accept().length(lengths));
    let error = refused(&rules, &Config::new().size_limit(40_000));
    assert_eq!(error.limit(), Some(Limit::Size { bytes: 40_000 }));
}

#[test]
fn any_memory_budget_will_do() {
    let rules = many(300);
    let packets: Vec<Packet> = (0..310).map(to_port).collect();
    for budget in [0, 1, 1 << 20, 1 << 40, usize::MAX / 16 + 1, usize::MAX] {
        let config = Config::new().memory_budget(budget);
        assert_eq!(compare::stateless(&rules, &config, &packets), None, "{budget}");
    }
}

#[test]
fn a_stateless_matcher_refuses_states() {
    for asked in [AnyOf::from(ConnState::New), not(ConnState::Invalid), AnyOf::none_of([])] {
        let mut rules = RuleSet::new(Action::Drop);
        let chain = rules.add_chain("never");
        rules.push(Rule::accept());
        rules.push_to(chain, Rule::accept().udp());
        let id = rules.push_to(chain, Rule::accept().state(asked));
        let error = refused(&rules, &Config::new());
        assert_eq!((error.rule(), error.limit()), (Some(id), None));
        let text = error.to_string();
        assert!(text.starts_with("rule 2 of chain `never`"), "{text}");
        assert!(text.contains("StatefulMatcher"), "{text}");
        let table = ConnTable::new(&Limits::new(1), [0; 16]);
        assert!(StatefulMatcher::compile(&rules, table, &Config::new()).is_ok());
    }
}

#[test]
fn a_stateless_matcher_refuses_what_only_a_tracker_knows() {
    for asked in ["direction reply", "status not assured", "original-to any port 1"] {
        let rules: RuleSet = format!("accept udp\naccept {asked}").parse().unwrap();
        let error = refused(&rules, &Config::new());
        assert_eq!(error.rule().map(|id| id.index), Some(1), "{asked}");
    }
    let nothing = Rule::accept().original_to(AnyOf::any());
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(nothing);
    assert!(StatelessMatcher::compile(&rules, &Config::new()).is_ok());
}

#[test]
fn predicates_have_numbers_below_64() {
    let asking = |number: u8| {
        let mut rules = RuleSet::new(Action::Drop);
        rules.push(Rule::accept().udp());
        rules.push(Rule::accept().predicate([3, number]));
        rules.push(Rule::drop().predicate(not(number)));
        rules
    };
    for number in [64, 65, 127, 255] {
        let error = refused(&asking(number), &Config::new());
        assert_eq!(error.rule(), Some(RuleId::new(portcullis::ChainId::BASE, 1)));
        assert_eq!(error.to_string(), "rule 2 of chain `base`: predicates are numbered 0 to 63");
    }
    let with = |predicates| but(to_port(1), |p| p.predicates = predicates);
    for number in [0, 31, 32, 63] {
        let packets = [with(0), with(1 << number), with(!(1 << number)), with(8), with(u64::MAX)];
        let low = if number == 3 { None } else { Some(1) };
        let expected = [Some(2), low, Some(1), Some(1), Some(1)];
        assert_eq!(decided(&asking(number), &packets), expected, "{number}");
    }
}

/// Names enough to use up all numbers that interfaces can have. A packet that came in by none of
/// them is still told from every one.
#[test]
fn the_last_interface_is_not_the_lack_of_one() {
    let mut rules = RuleSet::new(Action::Drop);
    let aside = rules.add_chain("aside");
    let mut last = 0;
    // The wildcard comes first, so that comparing the list with each name is quick.
    let names = |from: u32, to: u32| {
        let names = (from..to).map(|i| InterfaceName::from(format!("if{i}").as_str()));
        AnyOf::one_of(std::iter::once(InterfaceName::from("*")).chain(names))
    };
    for limit in [65_533, 65_534, 65_535] {
        rules.push_to(aside, Rule::accept().in_interface(names(last, limit)));
        last = limit;
        let mut rules = rules.clone();
        let name = format!("if{}", limit - 1);
        rules.push(Rule::accept().in_interface(name.as_str()));
        rules.push(Rule::accept().out_interface(not(name.as_str())));
        let matcher = match StatelessMatcher::compile(&rules, &Config::new()) {
            Ok(matcher) => matcher,
            Err(error) => {
                assert_eq!(
                    (error.limit(), limit),
                    (Some(Limit::Interfaces { names: 65_535 }), 65_535)
                );
                continue;
            }
        };
        let there = but(to_port(1), |p| p.in_interface = rules.interface(&name));
        for packet in [to_port(1), there] {
            assert_eq!(matcher.classify(&packet), rules.first_match(&packet, None), "{name}");
        }
    }
}
