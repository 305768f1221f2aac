//! Invented rule sets of the shapes that ClassBench names, and headers that meet them. The same
//! seed gives the same rules and headers on every machine.

mod ipv6;
mod random;
mod shape;

use std::collections::HashSet;

use portcullis::packet::Family;
use portcullis::rule::{IpRange, PortRange, Span};
use portcullis::{Action, Addrs, FlowKey, Protocol, Rule, RuleSet};

pub(crate) use random::Random;
pub(crate) use shape::Shape;

/// What a rule asks of a five-tuple, as plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pattern {
    pub(crate) family: Family,
    pub(crate) src: Span<u128>,
    pub(crate) dst: Span<u128>,
    pub(crate) src_port: PortRange,
    pub(crate) dst_port: PortRange,
    pub(crate) protocol: Span<u8>,
}

/// About `count` different patterns, narrow ones mostly before wide ones.
pub(crate) fn patterns(shape: &Shape, family: Family, count: usize, seed: u64) -> Vec<Pattern> {
    let mut random = Random::new(seed);
    let mut seen = HashSet::new();
    let mut drawn = Vec::new();
    // A shape has only so many different patterns of few bits.
    for _ in 0..count * 20 {
        if drawn.len() == count {
            break;
        }
        let pattern = shape.draw(&mut random, family);
        if seen.insert(pattern) {
            drawn.push((width(&pattern) + random.below(8) as u32, pattern));
        }
    }
    drawn.sort_by_key(|(width, _)| *width);
    drawn.into_iter().map(|(_, pattern)| pattern).collect()
}

/// The rules that ask for `patterns`, in order.
pub(crate) fn rule_set(patterns: &[Pattern]) -> RuleSet {
    let mut rules = RuleSet::new(Action::Drop);
    for (index, pattern) in patterns.iter().enumerate() {
        let action = if index % 3 == 0 { Action::Drop } else { Action::Accept };
        rules.push(rule(pattern, action));
    }
    rules
}

/// Nine headers in ten are inside a pattern chosen at random, each field at one of its ends with
/// probability one half; the tenth is random in every field.
pub(crate) fn headers(patterns: &[Pattern], count: usize, seed: u64) -> Vec<FlowKey> {
    let mut random = Random::new(seed);
    let family = patterns.first().map_or(Family::V4, |pattern| pattern.family);
    let anything = any(family);
    let mut header = || match patterns.get(random.below(patterns.len().max(1) as u64) as usize) {
        Some(pattern) if random.below(10) != 0 => inside(pattern, &mut random, true),
        _ => inside(&anything, &mut random, false),
    };
    (0..count).map(|_| header()).collect()
}

/// The pattern that every header of a family has.
pub(crate) fn any(family: Family) -> Pattern {
    let addresses = Span::from(0..=all_ones(family));
    Pattern {
        family,
        src: addresses,
        dst: addresses,
        src_port: PortRange::from(0..=u16::MAX),
        dst_port: PortRange::from(0..=u16::MAX),
        protocol: Span::from(0..=u8::MAX),
    }
}

/// The addresses that begin with the `len` highest bits of `address`.
pub(crate) fn prefix(family: Family, address: u128, len: u32) -> Span<u128> {
    let host = all_ones(family).checked_shr(len).unwrap_or(0);
    Span::from(address & !host..=address | host)
}

fn all_ones(family: Family) -> u128 {
    match family {
        Family::V4 => u32::MAX.into(),
        Family::V6 => u128::MAX,
    }
}

/// How many bits of a header a pattern leaves open.
fn width(pattern: &Pattern) -> u32 {
    let bits = |first: u128, last: u128| 128 - (last - first).leading_zeros();
    bits(pattern.src.first(), pattern.src.last())
        + bits(pattern.dst.first(), pattern.dst.last())
        + bits(pattern.src_port.first().into(), pattern.src_port.last().into())
        + bits(pattern.dst_port.first().into(), pattern.dst_port.last().into())
        + bits(pattern.protocol.first().into(), pattern.protocol.last().into())
}

fn rule(pattern: &Pattern, action: Action) -> Rule {
    let any = any(pattern.family);
    let mut rule = Rule::action(action).family(pattern.family);
    if pattern.src != any.src {
        rule = rule.from(ip_range(pattern.family, pattern.src));
    }
    if pattern.dst != any.dst {
        rule = rule.to(ip_range(pattern.family, pattern.dst));
    }
    if pattern.src_port != any.src_port {
        rule = rule.from_ports(pattern.src_port);
    }
    if pattern.dst_port != any.dst_port {
        rule = rule.to_ports(pattern.dst_port);
    }
    if pattern.protocol != any.protocol {
        let numbers = pattern.protocol.first()..=pattern.protocol.last();
        rule = rule.protocol(numbers.map(Protocol).collect::<Vec<_>>());
    }
    rule
}

fn ip_range(family: Family, addresses: Span<u128>) -> IpRange {
    let (first, last) = (addresses.first(), addresses.last());
    let range = match family {
        Family::V4 => {
            IpRange::new((first as u32).to_be_bytes().into(), (last as u32).to_be_bytes().into())
        }
        Family::V6 => IpRange::new(first.to_be_bytes().into(), last.to_be_bytes().into()),
    };
    range.expect("both ends are of one family and in order")
}

fn inside(pattern: &Pattern, random: &mut Random, corners: bool) -> FlowKey {
    let mut number = |first: u128, last: u128| match random.below(4) {
        0 if corners => first,
        1 if corners => last,
        _ => random.between(first, last),
    };
    let src = number(pattern.src.first(), pattern.src.last());
    let dst = number(pattern.dst.first(), pattern.dst.last());
    let addrs = match pattern.family {
        Family::V4 => Addrs::V4 { src: (src as u32).into(), dst: (dst as u32).into() },
        Family::V6 => Addrs::V6 { src: src.into(), dst: dst.into() },
    };
    let mut port = |ports: PortRange| number(ports.first().into(), ports.last().into()) as u16;
    let (src_port, dst_port) = (port(pattern.src_port), port(pattern.dst_port));
    let protocol = number(pattern.protocol.first().into(), pattern.protocol.last().into());
    FlowKey { addrs, src_port, dst_port, protocol: Protocol(protocol as u8) }
}
