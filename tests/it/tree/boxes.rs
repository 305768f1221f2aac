//! Rules that are many boxes, too many, or the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use portcullis::rule::{AnyOf, IpRange, PortRange, not};
use portcullis::{Action, Addrs, Packet, Protocol, Rule, RuleSet};

use super::{but, decided, packet, to_port};

fn one(rule: Rule) -> RuleSet {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(rule);
    rules
}

/// Ports 100, 110, 120 ..
fn tens(count: u16) -> Vec<PortRange> {
    (0..count).map(|i| (100 + 10 * i).into()).collect()
}

#[test]
fn long_port_lists() {
    for count in [64, 65, 300] {
        let rules = one(Rule::accept().tcp().to_ports(tens(count)));
        let packets: Vec<Packet> = (90..=3110).map(to_port).collect();
        let matching = decided(&rules, &packets).into_iter().flatten().count();
        assert_eq!(matching, usize::from(count.min(302)), "{count}");
    }
}

#[test]
fn port_lists_of_both_ends_multiply() {
    let rules = one(Rule::accept().to_ports(tens(100)).from_ports(tens(100)));
    let mut packets = Vec::new();
    for src in (99..=1091).step_by(31) {
        for dst in (99..=1091).step_by(29) {
            packets.push(packet(17, ("10.0.0.1", src), ("192.0.2.1", dst)));
        }
    }
    let matches = |n: u16| (100..=1090).contains(&n) && n.is_multiple_of(10);
    for (packet, rule) in packets.iter().zip(decided(&rules, &packets)) {
        let ports = packet.ports.unwrap();
        assert_eq!(rule.is_some(), matches(ports.src) && matches(ports.dst), "{packet}");
    }
}

#[test]
fn long_address_lists() {
    let net = |i: u32| Ipv4Net::new(Ipv4Addr::from_bits(0x0a00_0000 | i << 9), 24).unwrap();
    let rules = one(Rule::accept().from((0..200).map(net).collect::<Vec<_>>()));
    let packets: Vec<Packet> = (0..201 * 512)
        .step_by(51)
        .map(|i| {
            let src = Ipv4Addr::from_bits(0x0a00_0000 + i);
            Packet::new((src, Ipv4Addr::LOCALHOST), Protocol::TCP)
        })
        .collect();
    for (i, rule) in (0..201 * 512u32).step_by(51).zip(decided(&rules, &packets)) {
        assert_eq!(rule.is_some(), i < 200 * 512 && i % 512 < 256, "{i}");
    }
}

#[test]
fn long_ipv6_address_lists() {
    let bits = |i: u128| 0x2001_0db8 << 96 | i << 60;
    let net = |i| Ipv6Net::new(Ipv6Addr::from_bits(bits(i)), 68).unwrap();
    let odd: Vec<IpRange> = (0..150).map(|i| net(2 * i + 1).into()).collect();
    let mut rules = one(Rule::accept().to(odd.clone()));
    rules.push(Rule::drop().to(not(AnyOf::one_of(odd))));
    let packets: Vec<Packet> = (0..310u128)
        .flat_map(|i| [bits(i), bits(i + 1) - 1])
        .map(|bits| Packet::new((Ipv6Addr::LOCALHOST, Ipv6Addr::from_bits(bits)), Protocol::UDP))
        .collect();
    for (i, rule) in decided(&rules, &packets).into_iter().enumerate() {
        let inside = i / 2 % 2 == 1 && i / 2 < 300;
        assert_eq!(rule, Some(u32::from(!inside)), "{i}");
    }
}

#[test]
fn negated_lists_in_several_fields() {
    let hosts = |count: u8| (0..count).map(|i| IpRange::from(Ipv4Addr::new(10, 0, i, 7)));
    let rule = Rule::accept()
        .from(AnyOf::none_of(hosts(30)))
        .to(AnyOf::none_of(hosts(20)))
        .from_ports(not(tens(25)))
        .to_ports(not(tens(70)))
        .protocol(not([Protocol(0), Protocol::UDP, Protocol(255)]));
    let rules = one(rule);
    let mut packets = Vec::new();
    for (src, dst) in [(0, 19), (29, 20), (30, 0), (31, 21), (30, 20)] {
        for last in [6, 7, 8] {
            for (src_port, dst_port) in [(100, 99), (340, 790), (350, 800), (99, 101)] {
                for protocol in [0, 1, 6, 17, 254, 255] {
                    let (src, dst) = (format!("10.0.{src}.{last}"), format!("10.0.{dst}.7"));
                    packets.push(packet(protocol, (&src, src_port), (&dst, dst_port)));
                }
            }
        }
    }
    let matching = decided(&rules, &packets).into_iter().flatten().count();
    // Sources and last bytes: two destinations are listed, and 29.7 is; ports: two pairs; three protocols.
    assert_eq!(matching, (2 + 3 + 3) * 2 * 3);
}

#[test]
fn hundreds_of_equal_boxes() {
    let mut rules = RuleSet::new(Action::Drop);
    for vlan in 0..250 {
        rules.push(Rule::accept().tcp().to_ports(80).vlan(vlan));
    }
    let tagged = |vlan| but(to_port(80), |p| p.vlan = Some(vlan));
    let packets: Vec<Packet> = (0..=250).map(tagged).collect();
    let expected: Vec<_> = (0..250).map(Some).chain([None]).collect();
    assert_eq!(decided(&rules, &packets), expected);
    assert_eq!(decided(&rules, &[to_port(80)]), [None]);
}

#[test]
fn equal_boxes_among_others_that_can_be_separated() {
    let mut rules = RuleSet::new(Action::Drop);
    for i in 0..300 {
        rules.push(Rule::accept().to_ports(80).length(i));
        rules.push(Rule::accept().to_ports(i as u16 * 7).vlan(1));
    }
    let sized = |length| but(to_port(80), |p| p.length = length);
    let packets = [0, 1, 15, 16, 17, 255, 299, 300].map(sized);
    let expected = [0, 2, 30, 32, 34, 510, 598].map(Some).into_iter().chain([None]);
    assert_eq!(decided(&rules, &packets), expected.collect::<Vec<_>>());
    let tagged = [0u16, 7, 2093].map(|port| {
        but(to_port(port), |p| {
            p.vlan = Some(1);
            p.length = 999;
        })
    });
    assert_eq!(decided(&rules, &tagged), [Some(1), Some(3), Some(599)]);
}

/// More boxes than a leaf has, which no cut separates: the last of them must still be found.
#[test]
fn leaves_that_go_on() {
    for count in [15, 16, 17, 31, 32, 33, 48, 65, 200] {
        let mut rules = RuleSet::new(Action::Drop);
        for i in 0..count {
            rules.push(Rule::accept().length(i));
        }
        let packets = [0, count - 1, count].map(|length| but(to_port(9), |p| p.length = length));
        assert_eq!(decided(&rules, &packets), [Some(0), Some(count - 1), None], "{count}");
    }
}

/// The same with columns as wide as they get: spans in every word, so that a leaf is large.
#[test]
fn large_leaves_that_go_on() {
    for family in ["10.0.0.9-10.9.0.7", "2001:db8::9-2001:db8:0:9::7"] {
        let mut rules = RuleSet::new(Action::Drop);
        let (first, last) = family.split_once('-').unwrap();
        let range: IpRange = IpRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap();
        for i in 0..40u32 {
            let rule = Rule::accept().from(range).to(range).protocol([Protocol(6), Protocol(7)]);
            rules.push(rule.from_ports(5..=900).to_ports(7..=901).length(i));
        }
        let address: IpAddr = first.parse().unwrap();
        let addrs = Addrs::new(address, address).unwrap();
        let ports = to_port(7).ports;
        let packets = [0, 16, 39, 40]
            .map(|length| {
                but(Packet::new(addrs, Protocol(7)), |p| {
                    p.ports = ports;
                    p.length = length;
                })
            })
            .map(|mut packet| {
                packet.ports = Some(portcullis::Ports { src: 5, dst: 901 });
                packet
            });
        assert_eq!(decided(&rules, &packets), [Some(0), Some(16), Some(39), None], "{family}");
    }
}
