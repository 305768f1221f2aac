use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use portcullis::packet::{IcmpMessage, Malformed, TcpFlags, TcpSegment, Transport};
use portcullis::rule::{AnyOf, PortRange, not};
use portcullis::{
    Action, Addrs, Config, ConnState, Fragment, Packet, Ports, Protocol, Rule, RuleSet,
    StatelessMatcher, Tracked,
};

use super::{rules, syn};

/// Criteria, what the packet has instead of what [`syn`] has, and whether they hold.
type Case = (&'static str, fn(&mut Packet), bool);

fn run(cases: &[Case]) {
    for (number, (criteria, change, expected)) in cases.iter().enumerate() {
        let mut packet = syn();
        change(&mut packet);
        let rules = rules(&format!("accept {criteria}"));
        let holds = rules.first_match(&packet, None).rule.is_some();
        assert_eq!(holds, *expected, "case {number}: {criteria} of {packet:?}");
        // Connections are not for this matcher.
        if let Ok(matcher) = StatelessMatcher::compile(&rules, &Config::new()) {
            let found = matcher.classify(&packet).rule.is_some();
            assert_eq!(found, *expected, "case {number}, compiled: {criteria} of {packet:?}");
        }
    }
}

fn same(_: &mut Packet) {}

fn from(packet: &mut Packet, src: [u8; 4]) {
    packet.addrs = Addrs::V4 { src: src.into(), dst: [192, 0, 2, 1].into() };
}

fn to(packet: &mut Packet, dst: [u8; 4]) {
    packet.addrs = Addrs::V4 { src: [10, 1, 2, 3].into(), dst: dst.into() };
}

fn v6(packet: &mut Packet, src: &str, dst: &str) {
    let address = |text: &str| text.parse::<Ipv6Addr>().unwrap();
    packet.addrs = Addrs::V6 { src: address(src), dst: address(dst) };
}

fn no_ports(packet: &mut Packet) {
    packet.ports = None;
}

fn icmp(packet: &mut Packet, icmp_type: u8, code: u8) {
    *packet = Packet::icmp(packet.addrs, IcmpMessage::new(icmp_type, code));
}

fn flags(packet: &mut Packet, flags: u8) {
    packet.transport = Transport::Tcp(TcpSegment::new(TcpFlags(flags)));
}

#[test]
fn nothing_asked_holds_of_everything() {
    run(&[
        ("any", same, true),
        ("any", no_ports, true),
        ("any", |p| *p = Packet::new(p.addrs, Protocol(255)), true),
        ("any", |p| v6(p, "::", "::"), true),
    ]);
}

#[test]
fn family() {
    run(&[
        ("ipv4", same, true),
        ("ipv6", same, false),
        ("ipv6", |p| v6(p, "::1", "::2"), true),
        ("ipv4", |p| v6(p, "::1", "::2"), false),
        ("ipv4", |p| v6(p, "::ffff:10.0.0.1", "::ffff:10.0.0.2"), false),
    ]);
}

#[test]
fn source_address() {
    run(&[
        ("from 10.1.2.3", same, true),
        ("from 10.1.2.3", |p| from(p, [10, 1, 2, 2]), false),
        ("from 10.1.2.3", |p| from(p, [10, 1, 2, 4]), false),
        ("from 10.1.2.0/24", |p| from(p, [10, 1, 1, 255]), false),
        ("from 10.1.2.0/24", |p| from(p, [10, 1, 2, 0]), true),
        ("from 10.1.2.0/24", |p| from(p, [10, 1, 2, 255]), true),
        ("from 10.1.2.0/24", |p| from(p, [10, 1, 3, 0]), false),
        ("from 10.1.2.5-10.1.3.1", |p| from(p, [10, 1, 2, 4]), false),
        ("from 10.1.2.5-10.1.3.1", |p| from(p, [10, 1, 2, 5]), true),
        ("from 10.1.2.5-10.1.3.1", |p| from(p, [10, 1, 3, 0]), true),
        ("from 10.1.2.5-10.1.3.1", |p| from(p, [10, 1, 3, 1]), true),
        ("from 10.1.2.5-10.1.3.1", |p| from(p, [10, 1, 3, 2]), false),
        ("from 0.0.0.0/0", |p| from(p, [0; 4]), true),
        ("from 0.0.0.0/0", |p| from(p, [255; 4]), true),
        ("from not 10.1.2.0/24", same, false),
        ("from not 10.1.2.0/24", |p| from(p, [10, 1, 3, 0]), true),
        ("from not 10.1.2.0/24, 10.1.3.0/24", |p| from(p, [10, 1, 3, 0]), false),
        ("from 10.1.3.0/24, 10.1.2.0/24", same, true),
        ("from 192.0.2.1", same, false),
    ]);
}

#[test]
fn destination_address() {
    run(&[
        ("to 192.0.2.1", same, true),
        ("to 10.1.2.3", same, false),
        ("to 192.0.2.0/25", |p| to(p, [192, 0, 1, 255]), false),
        ("to 192.0.2.0/25", |p| to(p, [192, 0, 2, 0]), true),
        ("to 192.0.2.0/25", |p| to(p, [192, 0, 2, 127]), true),
        ("to 192.0.2.0/25", |p| to(p, [192, 0, 2, 128]), false),
        ("to not 192.0.2.1", same, false),
        ("to not 192.0.2.1", |p| to(p, [192, 0, 2, 2]), true),
    ]);
}

#[test]
fn addresses_of_the_other_family_are_outside_every_range() {
    run(&[
        ("from ::/0", same, false),
        ("from not ::/0", same, true),
        ("from 0.0.0.0/0", |p| v6(p, "::", "::"), false),
        ("from not 0.0.0.0/0", |p| v6(p, "::", "::"), true),
        ("from 10.1.2.3, 2001:db8::/32", |p| v6(p, "2001:db8::", "::"), true),
        ("from 10.1.2.3, 2001:db8::/32", same, true),
        ("from 2001:db8::/32", |p| v6(p, "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "::"), false),
        ("from 2001:db8::/32", |p| v6(p, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "::"), true),
        ("from 2001:db8::/32", |p| v6(p, "2001:db9::", "::"), false),
        ("to ::1-::1:0", |p| v6(p, "::", "::ffff"), true),
        ("to ::1-::1:0", |p| v6(p, "::", "::1:1"), false),
        ("to ::ffff:10.0.0.1", |p| to(p, [10, 0, 0, 1]), false),
        ("ipv4 from 2001:db8::/32", |p| v6(p, "2001:db8::", "::"), false),
    ]);
}

#[test]
fn protocol() {
    run(&[
        ("tcp", same, true),
        ("udp", same, false),
        ("udp, tcp", same, true),
        ("protocol 6", same, true),
        ("not tcp", same, false),
        ("not udp, icmp", same, true),
        ("protocol 0", |p| p.protocol = Protocol(0), true),
        ("protocol 255", |p| p.protocol = Protocol(255), true),
        ("icmp", |p| icmp(p, 8, 0), true),
        ("icmpv6", |p| icmp(p, 8, 0), false),
    ]);
}

#[test]
fn ports() {
    run(&[
        ("from any port 40000", same, true),
        ("from any port 443", same, false),
        ("to any port 443", same, true),
        ("to any port 40000", same, false),
        ("to any port 400-443", same, true),
        ("to any port 443-500", same, true),
        ("to any port 400-442", same, false),
        ("to any port 444-500", same, false),
        ("to any port not 443", same, false),
        ("to any port not 442, 444", same, true),
        ("from any port not 40000", same, false),
        ("from any port 39999, 40001", same, false),
        ("to any port 0", |p| p.ports = Some(Ports { src: 1, dst: 0 }), true),
        ("to any port 65535", |p| p.ports = Some(Ports { src: 1, dst: 65535 }), true),
        ("to any port 0-65535", no_ports, false),
        ("to any port not 443", no_ports, false),
        ("from any port not 1", no_ports, false),
        ("from any port 0-65535", no_ports, false),
        ("to any port 443", |p| p.protocol = Protocol::UDP, true),
    ]);
}

#[test]
fn icmp_type_and_code() {
    run(&[
        ("icmp type 8", |p| icmp(p, 8, 0), true),
        ("icmp type 8", |p| icmp(p, 8, 255), true),
        ("icmp type 8", |p| icmp(p, 0, 0), false),
        ("icmp type 3/1-4", |p| icmp(p, 3, 0), false),
        ("icmp type 3/1-4", |p| icmp(p, 3, 1), true),
        ("icmp type 3/1-4", |p| icmp(p, 3, 4), true),
        ("icmp type 3/1-4", |p| icmp(p, 3, 5), false),
        ("icmp type 3/1-4", |p| icmp(p, 4, 1), false),
        ("icmp type not 3/1-4", |p| icmp(p, 3, 5), true),
        ("icmp type not 3/1-4", |p| icmp(p, 3, 4), false),
        ("icmp type not 8, 3", |p| icmp(p, 3, 4), false),
        ("icmp type 0", same, false),
        ("icmp type not 8", same, false),
        ("icmp type not 8", |p| *p = Packet::new(p.addrs, Protocol::ICMP), false),
    ]);
}

/// No packet from the network has both; one that is made by hand can.
#[test]
fn icmp_and_ports_are_both_needed() {
    fn both(packet: &mut Packet, icmp_type: u8, code: u8) {
        let ports = packet.ports;
        icmp(packet, icmp_type, code);
        packet.ports = ports;
    }
    run(&[
        ("icmp type 255/255 to any port not 23", |p| both(p, 255, 255), true),
        ("icmp type 255/255 to any port not 23", |p| both(p, 255, 254), false),
        ("icmp type 255/255 to any port not 23", |p| p.protocol = Protocol::ICMP, false),
        (
            "icmp type 255/255 to any port not 23",
            |p| *p = Packet::new(p.addrs, Protocol::ICMP),
            false,
        ),
        ("icmp type not 8 to any port not 23", |p| p.protocol = Protocol::ICMP, false),
        ("icmp type not 8 to any port not 23", |p| icmp(p, 3, 0), false),
        ("icmp type not 8 to any port not 23", |p| both(p, 3, 0), true),
    ]);
}

#[test]
fn icmpv6_is_another_field() {
    fn v6_icmp(packet: &mut Packet, icmp_type: u8) {
        v6(packet, "::1", "::2");
        icmp(packet, icmp_type, 0);
    }
    run(&[
        ("icmpv6 type 128", |p| v6_icmp(p, 128), true),
        ("icmpv6 type 128", |p| v6_icmp(p, 129), false),
        ("icmpv6 type not 128", |p| v6_icmp(p, 129), true),
        ("icmp type 128", |p| v6_icmp(p, 128), false),
        ("icmp type not 1", |p| v6_icmp(p, 128), false),
        ("icmpv6 type 8", |p| icmp(p, 8, 0), false),
        ("icmpv6 type not 1", |p| icmp(p, 8, 0), false),
    ]);
}

#[test]
fn tcp_flags() {
    run(&[
        ("flags syn/syn", same, true),
        ("flags syn/fin,syn,rst,ack", same, true),
        ("flags syn/fin,syn,rst,ack", |p| flags(p, 0x12), false),
        ("flags syn/fin,syn,rst,ack", |p| flags(p, 0x22), true),
        ("flags syn/fin,syn,rst,ack", |p| flags(p, 0x20), false),
        ("flags none/syn", same, false),
        ("flags none/syn", |p| flags(p, 0xfd), true),
        ("flags none/none", |p| flags(p, 0xff), true),
        ("flags not syn/syn", same, false),
        ("flags not syn/syn", |p| flags(p, 0x10), true),
        ("flags ack/ack or syn/syn", same, true),
        ("flags not ack/ack or syn/syn", same, false),
        ("flags cwr/cwr", |p| flags(p, 0x80), true),
        ("flags fin/fin", |p| flags(p, 0x01), true),
        ("flags none/syn", |p| p.transport = Transport::None, false),
        ("flags not syn/syn", |p| p.transport = Transport::None, false),
        ("flags not syn/syn", |p| icmp(p, 8, 0), false),
    ]);
}

#[test]
fn fragment() {
    run(&[
        ("fragment whole", same, true),
        ("fragment first", same, false),
        ("fragment first, later", |p| p.fragment = Fragment::First, true),
        ("fragment later", |p| p.fragment = Fragment::First, false),
        ("fragment later", |p| p.fragment = Fragment::Later, true),
        ("fragment not later", |p| p.fragment = Fragment::Later, false),
        ("fragment not later", |p| p.fragment = Fragment::First, true),
    ]);
}

#[test]
fn malformed() {
    let bad: fn(&mut Packet) = |p| p.malformed = Some(Malformed::BadTransport);
    run(&[
        ("malformed", same, false),
        ("not malformed", same, true),
        ("malformed", bad, true),
        ("not malformed", bad, false),
        ("malformed bad-transport", bad, true),
        ("malformed bad-transport", same, false),
        ("malformed short-ports, bad-transport", bad, true),
        ("malformed short-ports, short-transport, tiny-fragment, extension-headers", bad, false),
        ("malformed not short-ports", bad, true),
        ("malformed not short-ports", same, true),
        ("malformed not bad-transport", bad, false),
        ("malformed none", bad, false),
        ("malformed not none", same, true),
    ]);
}

#[test]
fn ports_of_a_cut_header_are_fields_of_their_own() {
    let cut: fn(&mut Packet) = |p| {
        (p.cut_ports, p.ports) = (p.ports, None);
        p.malformed = Some(Malformed::ShortTransport);
    };
    run(&[
        ("to any port 443", cut, false),
        ("to any port not 443", cut, false),
        ("cut-destination-port 443", cut, true),
        ("cut-destination-port not 443", cut, false),
        ("cut-destination-port 400-443", cut, true),
        ("cut-source-port 40000", cut, true),
        ("cut-source-port 443", cut, false),
        ("cut-destination-port 443", same, false),
        ("cut-destination-port not 1", same, false),
        ("cut-source-port not 1", same, false),
    ]);
}

#[test]
fn numbers() {
    run(&[
        ("dscp 10-20", |p| p.dscp = 9, false),
        ("dscp 10-20", |p| p.dscp = 10, true),
        ("dscp 10-20", |p| p.dscp = 20, true),
        ("dscp 10-20", |p| p.dscp = 21, false),
        ("dscp not 10-20", |p| p.dscp = 21, true),
        ("dscp not 10-20", |p| p.dscp = 20, false),
        ("dscp 0, 63", |p| p.dscp = 63, true),
        ("zone 0", same, true),
        ("zone 1-7", |p| p.zone = 7, true),
        ("zone not 1-7", |p| p.zone = 7, false),
        ("ttl 64", same, true),
        ("ttl not 64", same, false),
        ("ttl 0-1", |p| p.ttl = 1, true),
        ("ttl 0-1", |p| p.ttl = 2, false),
        ("ttl 255", |p| p.ttl = 255, true),
        ("length 40-1500", |p| p.length = 39, false),
        ("length 40-1500", |p| p.length = 40, true),
        ("length 40-1500", |p| p.length = 1500, true),
        ("length 40-1500", |p| p.length = 1501, false),
        ("length not 40-1500", |p| p.length = 1501, true),
        ("length 4294967295", |p| p.length = u32::MAX, true),
        ("vlan 10-20", |p| p.vlan = Some(9), false),
        ("vlan 10-20", |p| p.vlan = Some(10), true),
        ("vlan 10-20", |p| p.vlan = Some(20), true),
        ("vlan 10-20", |p| p.vlan = Some(21), false),
        ("vlan not 10-20", |p| p.vlan = Some(21), true),
        ("vlan 0-4095", |p| p.vlan = Some(0), true),
        ("vlan 0-4095", |p| p.vlan = None, false),
        ("vlan not 10", |p| p.vlan = None, false),
    ]);
}

#[test]
fn mark() {
    run(&[
        ("mark 0", same, true),
        ("mark 1", same, false),
        ("mark 0x1/0xff", |p| p.mark = 0xabcd_0001, true),
        ("mark 0x1/0xff", |p| p.mark = 0x0101, true),
        ("mark 0x1/0xff", |p| p.mark = 0x0003, false),
        ("mark 0x1/0xff", |p| p.mark = 0, false),
        ("mark not 0x1/0xff", |p| p.mark = 0, true),
        ("mark 0/0", |p| p.mark = u32::MAX, true),
        ("mark not 0/0", same, false),
        ("mark 7, 9", |p| p.mark = 9, true),
    ]);
}

#[test]
fn predicate() {
    run(&[
        ("predicate 0", |p| p.predicates = 1, true),
        ("predicate 0", |p| p.predicates = !1, false),
        ("predicate 63", |p| p.predicates = 1 << 63, true),
        ("predicate 1, 2", |p| p.predicates = 4, true),
        ("predicate not 1, 2", |p| p.predicates = 4, false),
        ("predicate not 1, 2", |p| p.predicates = 9, true),
        ("predicate not 1", same, true),
    ]);
}

#[test]
fn state() {
    let asks = |text: &str, tracked: Option<ConnState>| {
        let tracked = tracked.map(|state| Tracked::new(state, None));
        rules(&format!("accept state {text}")).first_match(&syn(), tracked).rule.is_some()
    };
    for state in ConnState::ALL {
        for other in ConnState::ALL {
            assert_eq!(asks(state.name(), Some(other)), state == other);
            assert_eq!(asks(&format!("not {state}"), Some(other)), state != other);
        }
        assert!(!asks(state.name(), None));
        assert!(!asks(&format!("not {state}"), None));
    }
    assert!(asks("established, related", Some(ConnState::Related)));
    assert!(!asks("not established, related", Some(ConnState::Related)));
}

#[test]
fn no_alternatives() {
    run(&[
        ("from none", same, false),
        ("from not none", same, true),
        ("to any port none", same, false),
        ("to any port not none", same, true),
        ("to any port not none", no_ports, false),
        ("vlan not none", |p| p.vlan = Some(1), true),
        ("vlan not none", same, false),
        ("predicate none", |p| p.predicates = u64::MAX, false),
        ("flags none", same, false),
        ("flags not none", same, true),
    ]);
    assert_eq!(not(AnyOf::<PortRange>::any()), AnyOf::one_of([]));
    assert!(!not(AnyOf::<PortRange>::any()).holds(Some(1)));
    assert_eq!(not(not(AnyOf::<PortRange>::from([1]))), AnyOf::from([1]));
}

#[test]
fn all_fields_must_hold() {
    run(&[
        ("tcp from 10.0.0.0/8 port 40000 to 192.0.2.1 port 443 flags syn/syn", same, true),
        ("tcp from 10.0.0.0/8 port 40000 to 192.0.2.1 port 444 flags syn/syn", same, false),
        ("tcp from 10.0.0.0/8 port 40000 to 192.0.2.1 port 443 flags ack/ack", same, false),
        ("tcp from 10.0.0.0/8 port 40000 to 192.0.2.1 port 443 vlan 1", same, false),
    ]);
}

#[test]
fn rules_built_by_code_mean_the_same() {
    let host: IpAddr = Ipv4Addr::new(10, 1, 2, 3).into();
    let built: [(Rule, &str); 6] = [
        (Rule::accept().tcp().to_ports([22, 443]), "accept tcp to any port 22, 443"),
        (Rule::drop().from(not(host)), "drop from not 10.1.2.3"),
        (Rule::accept().in_interface(not("eth0")), "accept in not eth0"),
        (Rule::accept().out_interface(["eth0", "wg*"]), "accept out eth0, wg*"),
        (Rule::accept().from_ports(1..=9), "accept from any port 1-9"),
        (Rule::accept().icmp(8).mark(7), "accept icmp type 8 mark 7"),
    ];
    for (rule, text) in built {
        assert_eq!(text.parse::<Rule>().unwrap(), rule, "{text}");
    }
}

#[test]
#[allow(clippy::reversed_empty_ranges, reason = "what is tested")]
fn a_range_the_wrong_way_round_is_the_one_meant() {
    assert_eq!(PortRange::from(9..=1), PortRange::from(1..=9));
    assert_eq!(PortRange::new(9, 1), None);
}

#[test]
fn predicates_without_a_number_hold_of_nothing() {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().predicate(64));
    let packet = {
        let mut packet = syn();
        packet.predicates = u64::MAX;
        packet
    };
    assert_eq!(rules.first_match(&packet, None).rule, None);
}
