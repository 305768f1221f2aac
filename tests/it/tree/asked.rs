//! Fields that a packet does not have, and criteria that nothing or everything satisfies.

use std::net::{Ipv4Addr, Ipv6Addr};

use portcullis::packet::{IcmpMessage, InterfaceId, Malformed, TcpFlags, TcpSegment, Transport};
use portcullis::rule::{AnyOf, not};
use portcullis::{
    Action, Addrs, Fragment, Packet, Ports, Protocol, Rule, RuleSet, StatefulMatcher,
};

use super::{but, decided, rules, to_port};

fn v4() -> Addrs {
    (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(192, 0, 2, 1)).into()
}

fn v6() -> Addrs {
    (Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST).into()
}

#[test]
fn ports_with_any_protocol() {
    let rules = rules("accept to any port 80\ndrop any");
    let ports = Some(Ports { src: 1, dst: 80 });
    for protocol in [0, 1, 6, 17, 47, 58, 132, 255] {
        let bare = Packet::new(v4(), Protocol(protocol));
        let packets = [
            bare,
            but(bare, |p| p.ports = ports),
            but(Packet::new(v6(), bare.protocol), |p| p.ports = ports),
        ];
        assert_eq!(decided(&rules, &packets), [Some(1), Some(0), Some(0)], "{protocol}");
    }
}

#[test]
fn icmp_packets_and_port_rules() {
    let rules = rules(
        "accept from any port 0\naccept to any port not 80\naccept tcp\naccept icmp type 8\n\
         accept icmpv6 type 128/0\ndrop any",
    );
    let echo = Packet::icmp(v4(), IcmpMessage::new(8, 0));
    let echo_v6 = Packet::icmp(v6(), IcmpMessage::new(128, 0));
    let other = Packet::icmp(v6(), IcmpMessage::new(128, 1));
    let expected = [Some(3), Some(4), Some(5), Some(1)];
    assert_eq!(decided(&rules, &[echo, echo_v6, other, to_port(8)]), expected);
}

#[test]
fn port_packets_and_icmp_rules() {
    let rules = rules("accept icmp type not 8\naccept icmpv6 type 0\naccept icmp\ndrop any");
    // The first TCP flags and ports happen to be numbers that an ICMP header could have.
    let zero = but(to_port(0), |p| p.transport = Transport::Tcp(TcpSegment::new(TcpFlags(0))));
    let bare = Packet::new(v4(), Protocol::ICMP);
    let contradiction =
        but(Packet::icmp(v4(), IcmpMessage::new(0, 0)), |p| p.protocol = Protocol::TCP);
    let packets = [zero, bare, contradiction];
    assert_eq!(decided(&rules, &packets), [Some(3), Some(2), Some(3)]);
}

#[test]
fn an_icmpv4_type_is_no_icmpv6_type() {
    let rules = rules("accept icmp type 8\naccept icmpv6 type 8\ndrop any");
    let in_v4 = Packet::icmp(v4(), IcmpMessage::new(8, 0));
    let in_v6 = Packet::icmp(v6(), IcmpMessage::new(8, 0));
    let icmp_over_ipv6 = but(in_v6, |p| p.protocol = Protocol::ICMP);
    let icmpv6_over_ipv4 = but(in_v4, |p| p.protocol = Protocol::ICMPV6);
    let packets = [in_v4, in_v6, icmp_over_ipv6, icmpv6_over_ipv4];
    assert_eq!(decided(&rules, &packets), [0, 1, 0, 1].map(Some));
    let mut both = RuleSet::new(Action::Drop);
    both.push(Rule::accept().icmp(8).icmpv6(8));
    both.push(Rule::accept().icmp(8).protocol(not(Protocol::ICMP)));
    assert_eq!(decided(&both, &packets), [None; 4]);
}

#[test]
fn tcp_without_ports() {
    let rules = rules(
        "accept tcp to any port 0\naccept tcp from any port not 5\naccept tcp flags none/syn\n\
         accept fragment later\naccept malformed\ndrop tcp",
    );
    let bare = Packet::new(v4(), Protocol::TCP);
    let later = but(bare, |p| p.fragment = Fragment::Later);
    let short = but(bare, |p| p.malformed = Some(Malformed::ShortTransport));
    assert_eq!(decided(&rules, &[bare, later, short]), [Some(5), Some(3), Some(4)]);
}

/// A field, and a rule that asks of it what [`empty`] gives.
type Field = (&'static str, fn(Rule, usize) -> Rule);

const FIELDS: [Field; 16] = [
    ("src", |rule, how| rule.from(empty(how))),
    ("dst", |rule, how| rule.to(empty(how))),
    ("protocol", |rule, how| rule.protocol(empty(how))),
    ("src port", |rule, how| rule.from_ports(empty(how))),
    ("dst port", |rule, how| rule.to_ports(empty(how))),
    ("icmp", |rule, how| rule.icmp(empty(how))),
    ("icmpv6", |rule, how| rule.icmpv6(empty(how))),
    ("tcp flags", |rule, how| rule.tcp_flags(empty(how))),
    ("fragment", |rule, how| rule.fragment(empty(how))),
    ("in interface", |rule, how| rule.in_interface(empty(how))),
    ("out interface", |rule, how| rule.out_interface(empty(how))),
    ("dscp", |rule, how| rule.dscp(empty(how))),
    ("length", |rule, how| rule.length(empty(how))),
    ("mark", |rule, how| rule.mark(empty(how))),
    ("vlan", |rule, how| rule.vlan(empty(how))),
    ("predicate", |rule, how| rule.predicate(empty(how))),
];

/// One of no alternatives, none of none, the opposite of asking nothing.
fn empty<T>(how: usize) -> AnyOf<T> {
    [AnyOf::one_of([]), AnyOf::none_of([]), not(AnyOf::any())].into_iter().nth(how).unwrap()
}

#[test]
fn empty_lists_hold_of_nothing_and_their_negation_of_what_is_there() {
    let tcp = but(to_port(443), |p| {
        p.transport = Transport::Tcp(TcpSegment::new(TcpFlags::SYN));
        p.vlan = Some(1);
    });
    let icmp = Packet::icmp(v4(), IcmpMessage::new(3, 4));
    let icmpv6 = Packet::icmp(v6(), IcmpMessage::new(3, 4));
    let bare = Packet::new(v6(), Protocol(99));
    let packets = [tcp, icmp, icmpv6, bare];
    for (field, set) in FIELDS {
        for how in [0, 2] {
            let mut rules = RuleSet::new(Action::Drop);
            rules.push(set(Rule::accept(), how));
            assert_eq!(decided(&rules, &packets), [None; 4], "{field}");
        }
        let mut rules = RuleSet::new(Action::Drop);
        rules.push(set(Rule::accept(), 1));
        let has = match field {
            "src port" | "dst port" | "tcp flags" | "vlan" => [true, false, false, false],
            "icmp" => [false, true, false, false],
            "icmpv6" => [false, false, true, false],
            _ => [true; 4],
        };
        assert_eq!(decided(&rules, &packets), has.map(|has| has.then_some(0)), "{field}");
    }
}

#[test]
fn interfaces_and_wildcards() {
    let rules = rules(
        "accept in eth0\naccept in eth*\naccept in not wg*, eth1 out wg0\n\
         accept out \"*\"\naccept in not eth*",
    );
    let id = |name: &str| rules.interface(name);
    let through = |incoming: &str, outgoing: &str| {
        but(to_port(1), |p| {
            p.in_interface = id(incoming);
            p.out_interface = id(outgoing);
        })
    };
    let packets = [
        through("eth0", "lo"),
        through("eth1", "wg0"),
        through("eth00", ""),
        through("lo", "wg0"),
        through("wg0", "wg0"),
        through("wg1", "lo"),
        to_port(1),
    ];
    let expected = [0, 1, 1, 2, 3, 3, 4].map(Some);
    assert_eq!(decided(&rules, &packets), expected);
}

/// Numbers given by another rule set that this one has no names for.
#[test]
fn interface_numbers_without_a_name() {
    let mut other = RuleSet::<Action>::new(Action::Drop);
    for number in 0..300 {
        other.push(Rule::accept().in_interface(format!("if{number}").as_str()));
    }
    let stranger: Option<InterfaceId> = other.interface("if299");
    assert!(stranger.is_some());
    let rules = rules("accept in a\naccept in \"*\"\naccept in not b");
    let packet = but(to_port(1), |p| p.in_interface = stranger);
    assert_eq!(decided(&rules, &[packet]), [Some(2)]);
}

const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<portcullis::StatelessMatcher<'static>>();
    is_shared::<portcullis::StatelessMatcher<'static, String>>();
    is_shared::<StatefulMatcher>();
    is_shared::<RuleSet>();
    is_shared::<portcullis::BuildError>();
    is_shared::<portcullis::Config>();
    is_shared::<portcullis::Decision<'static>>();
};
