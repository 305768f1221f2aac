//! Numbers at the ends of fields, and every word of an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use portcullis::rule::{IpRange, not};
use portcullis::{Action, Packet, Protocol, Rule, RuleSet};

use super::{decided, packet, rules};

fn v6(src: [u16; 8], dst: [u16; 8]) -> Packet {
    Packet::new((Ipv6Addr::from(src), Ipv6Addr::from(dst)), Protocol::UDP)
}

/// Rule `16 * k + w` asks for both addresses with `k + 2` in word `w` of the sixteen and 1 in all
/// others.
#[test]
fn every_word_of_ipv6_addresses_counts() {
    let addresses = |word: usize, value: u16| {
        let mut words = [1; 16];
        words[word] = value;
        let (src, dst) = words.split_first_chunk::<8>().unwrap();
        (*src, <[u16; 8]>::try_from(dst).unwrap())
    };
    let mut rules = RuleSet::new(Action::Drop);
    let mut packets = Vec::new();
    for k in 0..6 {
        for word in 0..16 {
            let (src, dst) = addresses(word, k + 2);
            rules.push(Rule::accept().from(Ipv6Addr::from(src)).to(Ipv6Addr::from(dst)));
            packets.push(v6(src, dst));
        }
    }
    let expected: Vec<_> = (0..96).map(Some).collect();
    assert_eq!(decided(&rules, &packets), expected);
    let misses: Vec<_> = (0..16)
        .flat_map(|word| [0, 1, 8, u16::MAX].map(|value| addresses(word, value)))
        .map(|(src, dst)| v6(src, dst))
        .collect();
    assert_eq!(decided(&rules, &misses), vec![None; 64]);
}

#[test]
fn ipv6_prefixes_of_every_length() {
    let address = Ipv6Addr::from_bits(0x2001_0db8_5555_aaaa_3333_cccc_0f0f_f0f1);
    let mut rules = RuleSet::new(Action::Drop);
    for length in (0..=128).rev() {
        rules.push(Rule::accept().from(ipnet::Ipv6Net::new(address, length).unwrap()));
    }
    let flipped = |bit: u32| Ipv6Addr::from_bits(address.to_bits() ^ 1 << bit);
    let packets: Vec<_> = (0..128)
        .map(|bit| Packet::new((flipped(bit), Ipv6Addr::UNSPECIFIED), Protocol::TCP))
        .collect();
    let expected: Vec<_> = (1..=128).map(Some).collect();
    assert_eq!(decided(&rules, &packets), expected);
}

#[test]
fn ipv4_prefixes_of_every_length() {
    let address = Ipv4Addr::from_bits(0x0a55_cc0f);
    let mut rules = RuleSet::new(Action::Drop);
    for length in (0..=32).rev() {
        rules.push(Rule::accept().to(ipnet::Ipv4Net::new(address, length).unwrap()));
    }
    let flipped = |bit: u32| Ipv4Addr::from_bits(address.to_bits() ^ 1 << bit);
    let packets: Vec<_> = (0..32)
        .map(|bit| Packet::new((Ipv4Addr::UNSPECIFIED, flipped(bit)), Protocol::TCP))
        .collect();
    let expected: Vec<_> = (1..=32).map(Some).collect();
    assert_eq!(decided(&rules, &packets), expected);
}

/// Two ranges that meet at every kind of place: which one holds what lies just below and above.
fn ranges_that_meet(at: &[IpAddr], (lowest, highest): (&str, &str), step: fn(IpAddr) -> IpAddr) {
    let end = |text: &str| text.parse::<IpAddr>().unwrap();
    for last in at {
        let next = step(*last);
        let mut rules = RuleSet::new(Action::Drop);
        rules.push(Rule::accept().from(IpRange::new(end(lowest), *last).unwrap()));
        rules.push(Rule::accept().from(IpRange::new(next, end(highest)).unwrap()));
        let from = |src| {
            let addrs = portcullis::Addrs::new(src, src).unwrap();
            Packet::new(addrs, Protocol::TCP)
        };
        let packets = [end(lowest), *last, next, end(highest)].map(from);
        assert_eq!(decided(&rules, &packets), [Some(0), Some(0), Some(1), Some(1)], "{last}");
    }
}

#[test]
fn ipv4_ranges_from_zero_and_to_the_maximum() {
    let at: Vec<IpAddr> = [0, 1, 0xffff, 0x1_0000, 0x0a01_0203, 0x0a01_ffff, 0xfffe_ffff, !1]
        .map(|bits| Ipv4Addr::from_bits(bits).into())
        .into();
    ranges_that_meet(&at, ("0.0.0.0", "255.255.255.255"), |address| match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() + 1).into(),
        IpAddr::V6(_) => unreachable!(),
    });
}

#[test]
fn ipv6_ranges_from_zero_and_to_the_maximum() {
    let at: Vec<IpAddr> = (0..8)
        .map(|word| 1u128 << (16 * word))
        .flat_map(|bit| [bit - 1, bit, bit + 5, u128::MAX - bit])
        .chain([0, 1, u128::MAX / 3])
        .map(|bits| Ipv6Addr::from_bits(bits).into())
        .collect();
    let all = ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    ranges_that_meet(&at, all, |address| match address {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() + 1).into(),
        IpAddr::V4(_) => unreachable!(),
    });
}

#[test]
fn the_lowest_and_the_highest_port() {
    let rules = rules(
        "accept from any port 0 to any port 0\n\
         accept from any port 65535 to any port 65535\n\
         drop from any port not 0 to any port 0-65534\n\
         accept to any port not 0-65534\n\
         drop to any port 0-65535",
    );
    let with = |src, dst| packet(6, ("10.0.0.1", src), ("10.0.0.2", dst));
    let packets = [(0, 0), (65535, 65535), (1, 0), (65535, 65534), (0, 65535), (0, 1), (0, 65534)];
    let expected = [0, 1, 2, 2, 3, 4, 4].map(Some);
    assert_eq!(decided(&rules, &packets.map(|(src, dst)| with(src, dst))), expected);
}

#[test]
fn protocols_0_and_255() {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().protocol(Protocol(0)).to_ports(7));
    rules.push(Rule::accept().protocol(Protocol(255)).to_ports(7));
    rules.push(Rule::drop().protocol(not([Protocol(0), Protocol(255), Protocol(1)])));
    rules.push(Rule::drop().protocol(not(Protocol(255))));
    let with = |protocol, port| packet(protocol, ("::1", 0), ("::2", port));
    let packets = [with(0, 7), with(255, 7), with(0, 8), with(255, 8), with(1, 7), with(254, 7)];
    let expected = [Some(0), Some(1), Some(3), None, Some(3), Some(2)];
    assert_eq!(decided(&rules, &packets), expected);
}
