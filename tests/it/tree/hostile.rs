//! Rule sets made to be hard to compile: they stay small, or are refused, and are right.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use portcullis::rule::IpRange;
use portcullis::{Action, Config, Criteria, Packet, Protocol, Rule, RuleSet, StatelessMatcher};

use super::{compare, packet};
use crate::strategies::{Rng, Shape, packets};

/// The most bytes for each rule and each alternative of one, and for the rule set besides: any may
/// have some thousand copies of boxes.
const RULE_BYTES: usize = 4096;
const ITEM_BYTES: usize = 16;
const BASE_BYTES: usize = 256 * 1024;

/// Compiles with the default budget and hardly any, and compares answers at the rules' own edges.
fn stays_small(name: &str, rules: &RuleSet) {
    let mut rng = Rng::new(7);
    let shape = Shape { packets: 60, odd: false, ..Shape::STATELESS };
    let packets = packets(&mut rng, rules, &shape);
    let bound = RULE_BYTES * rules.len() + ITEM_BYTES * alternatives(rules) + BASE_BYTES;
    for config in [Config::new(), Config::new().memory_budget(1)] {
        let matcher = StatelessMatcher::compile(rules, &config).unwrap();
        let bytes = matcher.memory_bytes();
        println!("{name}: {} rules, {} bytes a rule", rules.len(), bytes / rules.len());
        assert!(bytes <= bound, "{name}: {bytes} bytes for {} rules", rules.len());
        for packet in &packets {
            assert_eq!(matcher.classify(packet), rules.first_match(packet, None), "{packet}");
        }
    }
}

/// Ports and addresses that the rules name.
fn alternatives(rules: &RuleSet) -> usize {
    let criteria = rules.chains()[0].rules().iter().map(|rule| &rule.criteria);
    let named = |c: &Criteria| c.src.items().len() + c.dst.items().len();
    criteria.map(|c| named(c) + c.src_port.items().len() + c.dst_port.items().len()).sum()
}

fn all(made: impl Iterator<Item = Rule>) -> RuleSet {
    let mut rules = RuleSet::new(Action::Drop);
    made.for_each(|rule| {
        rules.push(rule);
    });
    rules
}

fn v4(bits: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(bits)
}

fn range(first: u32, last: u32) -> IpRange {
    IpRange::new(v4(first).into(), v4(last).into()).unwrap()
}

#[test]
fn all_wildcards() {
    stays_small("wildcards", &all((0..2000).map(|_| Rule::accept())));
    stays_small("wildcards, checks", &all((0..2000).map(|i| Rule::accept().length(i))));
    stays_small("wildcards, ports", &all((0..2000).map(|_| Rule::accept().to_ports(0..=65535))));
}

/// Every prefix of an address, and beside each the one that differs in its last bit.
#[test]
fn prefix_combs() {
    let nets = |address: u32| {
        (1..=32u8).rev().flat_map(move |length| {
            let bit = 1u32 << (32 - u32::from(length));
            [address, address ^ bit].map(|bits| Ipv4Net::new(v4(bits), length).unwrap())
        })
    };
    let comb = (0..10u32).flat_map(|i| nets(i.wrapping_mul(0x9e37_79b9)));
    stays_small("comb of sources", &all(comb.map(|net| Rule::accept().from(net))));
    let both = nets(0x0a01_0203)
        .flat_map(|src| nets(0xc000_0201).step_by(3).map(move |dst| (src, dst)))
        .map(|(src, dst)| Rule::accept().from(src).to(dst));
    stays_small("comb of both", &all(both));
}

#[test]
fn port_combs() {
    let comb = (0..1000u16).map(|i| Rule::accept().to_ports(i * 65..=65535 - i * 30));
    stays_small("comb of ports", &all(comb));
    let teeth = (0..30u16).map(|shift| {
        Rule::accept().to_ports((0..60).map(|i| shift + i * 1000).collect::<Vec<_>>())
    });
    stays_small("teeth", &all(teeth));
    let wide = (0..20u16).map(|shift| {
        let ports: Vec<u16> = (0..500).map(|i| shift + i * 130).collect();
        Rule::accept().to_ports(ports.clone()).from_ports(ports)
    });
    stays_small("wide teeth", &all(wide));
}

#[test]
fn ranges_that_all_overlap() {
    let middle = 1 << 31;
    let rule = |i: u32| {
        Rule::accept()
            .from(range(middle - 1 - i * 1_000_003, middle + i * 999_983))
            .to(range(middle - 1 - (250 - i) * 1_000_033, middle + (250 - i) * 999_979))
            .to_ports(30_000 - i as u16..=30_001 + i as u16)
    };
    stays_small("onion", &all((0..250).map(rule)));
    stays_small("onion, outermost first", &all((0..250).rev().map(rule)));
}

#[test]
fn stairs_that_overlap_their_neighbours() {
    let step = 4_000_000;
    let stair = (0..1000u32).map(|i| {
        let reach = range(i * step, (i * step).saturating_add(step * 40));
        Rule::accept()
            .from(reach)
            .to_ports(i as u16 * 60..=u16::try_from(i * 60 + 4000).unwrap_or(65535))
    });
    stays_small("stairs", &all(stair));
}

/// Slabs in each of three directions: every one crosses all those of the other two.
#[test]
fn cross_products() {
    let slabs = (0..150u32).flat_map(|i| {
        let slab = range(i * 28_000_000, i * 28_000_000 + 19_999_999);
        let ports = i as u16 * 400..=i as u16 * 400 + 240;
        [Rule::accept().from(slab), Rule::accept().to(slab), Rule::accept().to_ports(ports)]
    });
    stays_small("slabs", &all(slabs));
    let points = (0..7u32).flat_map(|a| {
        (0..7u32).flat_map(move |b| {
            (0..7u16).map(move |c| {
                Rule::accept()
                    .from(range(a * 9_000_001, u32::MAX / 2 + a))
                    .to(range(b * 9_000_001, u32::MAX / 2 + b))
                    .to_ports(c * 99..=60_000 + c)
            })
        })
    });
    stays_small("products", &all(points));
}

#[test]
fn ipv6_ranges_that_are_many_boxes() {
    let range = |i: u128| {
        let (first, last) = (i << 90 | 1, u128::MAX - (i << 80) - 2);
        IpRange::new(Ipv6Addr::from_bits(first).into(), Ipv6Addr::from_bits(last).into()).unwrap()
    };
    let rule =
        |i: u128| Rule::accept().from(range(i)).to(range(100 - i)).protocol(Protocol(i as u8));
    stays_small("IPv6 ranges", &all((0..100).map(rule)));
    let one = |i: u128| Rule::accept().from(range(i)).to_ports(i as u16..=999);
    stays_small("IPv6 sources", &all((0..200).map(one)));
}

/// A rule set that takes too much room is refused before all of it has been built.
#[test]
fn what_is_too_large_is_refused() {
    let rule =
        |i: u32| Rule::accept().from(range(i, u32::MAX - i)).to(range(i * 3, u32::MAX / 2 + i));
    let rules = all((0..150).map(rule));
    let error = StatelessMatcher::compile(&rules, &Config::new().size_limit(10_000)).unwrap_err();
    assert!(error.limit().is_some());
    let aimed = packet(6, ("0.0.0.99", 1), ("0.0.1.41", 2));
    assert_eq!(compare::stateless(&rules, &Config::new(), &[aimed]), None);
    let aside: Packet = packet(6, ("::1", 1), ("::2", 2));
    assert_eq!(compare::stateless(&rules, &Config::new(), &[aside]), None);
}
