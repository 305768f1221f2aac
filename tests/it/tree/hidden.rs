//! Rules that hide those after them, and rules that may not.

use std::net::Ipv4Addr;

use portcullis::rule::IcmpKind;
use portcullis::{Action, Addrs, Packet, Protocol, Rule, RuleSet, Target};

use super::{but, decided, rules, to_port};

/// This rule first, then so many others that a tree is cut, then one that takes the rest.
fn before_others(first: Rule) -> RuleSet {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(first);
    for port in 0..40 {
        rules.push(Rule::accept().to_ports(10 * port..=10 * port + 15));
    }
    rules.push(Rule::drop());
    rules
}

fn addrs() -> Addrs {
    (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(192, 0, 2, 1)).into()
}

fn portless() -> Packet {
    Packet::new(addrs(), Protocol::TCP)
}

#[test]
fn a_rule_that_takes_everything() {
    let rules = before_others(Rule::accept());
    assert_eq!(decided(&rules, &[to_port(0), to_port(395), portless()]), [Some(0); 3]);
}

#[test]
fn a_rule_that_takes_a_part() {
    let rules = before_others(Rule::accept().tcp().to_ports(20..=200));
    let packets = [to_port(19), to_port(20), to_port(200), to_port(201), portless()];
    assert_eq!(decided(&rules, &packets), [Some(2), Some(0), Some(0), Some(20), Some(41)]);
}

#[test]
fn a_rule_that_needs_ports_leaves_packets_without() {
    for first in [Rule::accept().to_ports(0..=65535), Rule::accept().from_ports(0..=65535)] {
        let rules = before_others(first);
        assert_eq!(decided(&rules, &[to_port(5), portless()]), [Some(0), Some(41)]);
    }
}

#[test]
fn a_rule_that_needs_an_icmp_header_leaves_packets_without() {
    let mut rules = rules("accept icmp");
    let all = (0..=255).map(IcmpKind::from).collect::<Vec<_>>();
    let mut of_every_type = RuleSet::new(Action::Drop);
    of_every_type.push(Rule::accept().icmp(all));
    of_every_type.push(Rule::drop().protocol(Protocol::ICMP));
    rules.push(Rule::drop());
    let bare = Packet::new(addrs(), Protocol::ICMP);
    let echo = Packet::icmp(addrs(), portcullis::packet::IcmpMessage::new(8, 0));
    assert_eq!(decided(&rules, &[bare, echo]), [Some(0), Some(0)]);
    assert_eq!(decided(&of_every_type, &[bare, echo]), [Some(1), Some(0)]);
}

#[test]
fn a_rule_with_a_check_left_over_hides_nothing() {
    let packets = [to_port(5), but(to_port(5), |p| p.vlan = Some(4095))];
    assert_eq!(
        decided(&before_others(Rule::accept().vlan(0..=4095)), &packets),
        [Some(1), Some(0)]
    );
    let packets = [to_port(5), but(to_port(5), |p| p.dscp = 63)];
    assert_eq!(decided(&before_others(Rule::accept().dscp(63)), &packets), [Some(1), Some(0)]);
}

/// So many ports that they are no boxes any more, only their first and last are.
#[test]
fn a_list_left_to_a_check_hides_nothing() {
    let odd: Vec<u16> = (0..400).map(|i| 2 * i + 1).collect();
    let rules = before_others(Rule::accept().to_ports(odd));
    let packets = [to_port(1), to_port(2), to_port(3), to_port(398), to_port(799)];
    assert_eq!(decided(&rules, &packets), [Some(0), Some(1), Some(0), Some(40), Some(0)]);
}

#[test]
fn rules_that_do_not_end_a_chain_hide_nothing() {
    let packets = [to_port(0), to_port(395), portless()];
    let expected = [Some(1), Some(39), Some(41)];
    let count = before_others(Rule::continue_with(portcullis::rule::Effect::Count));
    assert_eq!(decided(&count, &packets), expected);
    let mut jump = before_others(Rule::accept());
    let empty = jump.add_chain("empty");
    let mut jumping = RuleSet::new(Action::Drop);
    assert_eq!(jumping.add_chain("empty"), empty);
    jumping.push(Rule::jump(empty));
    for rule in &jump.chains()[0].rules()[1..] {
        jumping.push(rule.clone());
    }
    assert_eq!(decided(&jumping, &packets), expected);
}

#[test]
fn return_and_goto_hide_what_follows() {
    let packets = [to_port(0), to_port(395), portless()];
    assert_eq!(decided(&before_others(Rule::return_()), &packets), [None; 3]);
    let mut rules = RuleSet::new(Action::Drop);
    let empty = rules.add_chain("empty");
    rules.push(Rule::goto(empty).tcp());
    for _ in 0..40 {
        rules.push(Rule::accept().tcp());
    }
    rules.push(Rule::new(Target::Action(Action::Accept)));
    let udp = but(portless(), |p| p.protocol = Protocol::UDP);
    assert_eq!(decided(&rules, &[to_port(1), portless(), udp]), [None, None, Some(41)]);
}
