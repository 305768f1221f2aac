use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::space::criteria::address_axes;
use super::space::{Axis, Cube, NO_INTERFACE, NO_VLAN, Set, headers};
use crate::packet::{ConnFlag, ConnState, Family, Fragment, Malformed, Protocol, TcpFlags};
use crate::rule::{FlagsMatch, IpRange, Masked, Span};

/// The most alternatives that are printed of a field.
pub(super) const MAX_SHOWN: usize = 16;

/// A cube in the words of rules.
pub(super) struct Words<'w> {
    pub(super) cube: &'w Cube,
    pub(super) names: &'w [String],
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words();
        f.write_str(if words.is_empty() { "any" } else { "" })?;
        for (i, word) in words.iter().enumerate() {
            write!(f, "{}{word}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl Words<'_> {
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        self.interface(&mut words, "in", Axis::IN_INTERFACE);
        self.interface(&mut words, "out", Axis::OUT_INTERFACE);
        self.vlan(&mut words);
        self.family(&mut words);
        let protocol = |(a, b): (u128, u128)| match a == b {
            true => Protocol(a as u8).to_string(),
            false => alloc::format!("{a}-{b}"),
        };
        self.list(&mut words, Axis::PROTOCOL, "", protocol);
        self.headers(&mut words);
        self.flags(&mut words);
        self.end(&mut words, "from", [Axis::SRC_V4, Axis::SRC_V6], Axis::SRC_PORT);
        self.end(&mut words, "to", [Axis::DST_V4, Axis::DST_V6], Axis::DST_PORT);
        let fragments = [Fragment::Whole, Fragment::First, Fragment::Later];
        self.names_of(&mut words, Axis::FRAGMENT, "fragment", &fragments);
        self.malformed(&mut words);
        self.list(&mut words, Axis::ZONE, "zone", span);
        self.names_of(&mut words, Axis::STATE, "state", &ConnState::ALL);
        self.names_of(&mut words, Axis::DIRECTION, "direction", &["original", "reply", "none"]);
        self.list(&mut words, Axis::DSCP, "dscp", span);
        self.list(&mut words, Axis::TTL, "ttl", span);
        self.list(&mut words, Axis::LENGTH, "length", span);
        self.bits(&mut words);
        words
    }

    fn malformed(&self, words: &mut Vec<String>) {
        let Some(set) = self.cube.part(Axis::MALFORMED) else { return };
        let (not, named) = match set.contains(0) {
            true => ("not ", set.complement(Axis::MALFORMED.last())),
            false => ("", set.clone()),
        };
        let names = Malformed::ALL.into_iter().filter(|why| named.contains(*why as u128));
        let names: Vec<&str> = names.map(Malformed::name).collect();
        words.push(match names.len() == Malformed::ALL.len() {
            true => alloc::format!("{not}malformed"),
            false => alloc::format!("malformed {not}{}", names.join(", ")),
        });
    }

    fn interface(&self, words: &mut Vec<String>, word: &str, axis: Axis) {
        let Some(set) = self.cube.part(axis) else { return };
        let negated = set.contains(NO_INTERFACE);
        let named = (0u128..).zip(self.names).filter(|(id, _)| set.contains(*id) != negated);
        let named: Vec<&str> = named.map(|(_, name)| name.as_str()).collect();
        let not = if negated { "not " } else { "" };
        words.push(alloc::format!("{word} {not}{}", named.join(", ")));
    }

    fn vlan(&self, words: &mut Vec<String>) {
        match self.cube.part(Axis::VLAN) {
            Some(set) if *set == Set::single(NO_VLAN) => words.push("without vlan tag".into()),
            Some(set) if set.contains(NO_VLAN) => {
                let tags = set.minus(&Set::single(NO_VLAN));
                words
                    .push(alloc::format!("without vlan tag or vlan {}", listed(&tags, 4095, span)));
            }
            Some(set) => words.push(alloc::format!("vlan {}", listed(set, 4095, span))),
            None => {}
        }
    }

    /// Goes without saying where addresses are named.
    fn family(&self, words: &mut Vec<String>) {
        let Some(family) = self.cube.part(Axis::FAMILY) else { return };
        let family = if family.contains(0) { Family::V4 } else { Family::V6 };
        let (src, dst) = address_axes(family);
        let is_said = |axis| self.cube.part(axis).is_some_and(|set| !is_negated(set, axis.last()));
        if !is_said(src) && !is_said(dst) {
            words.push(family.to_string());
        }
    }

    /// What else of the words says which headers there are need not be said again.
    fn headers(&self, words: &mut Vec<String>) {
        let Some(set) = self.cube.part(Axis::HEADERS) else { return };
        let ports = [Axis::SRC_PORT, Axis::DST_PORT].iter().any(|a| self.cube.part(*a).is_some());
        let flags = (0..8).any(|i| self.cube.part(Axis::flag(i)).is_some());
        let with_ports = Set::span(headers::PORTS, headers::TCP);
        for (header, word) in [(headers::ICMP, "icmp"), (headers::ICMPV6, "icmpv6")] {
            if *set == Set::single(header) && self.cube.part(Axis::ICMP).is_some() {
                return self.list(words, Axis::ICMP, &alloc::format!("{word} type"), kinds);
            }
        }
        if (ports && *set == with_ports) || (flags && *set == Set::single(headers::TCP)) {
            return;
        }
        let possible = self.possible_headers();
        let left = set.intersect(&possible);
        if left == possible {
            return;
        }
        words.push(match left {
            left if left == Set::single(headers::NONE) => "without transport header".into(),
            left if left == with_ports => "with ports".into(),
            left => header_names(&left),
        });
    }

    /// The headers that packets of the protocols can have.
    fn possible_headers(&self) -> Set {
        let all = Set::span(0, Axis::PROTOCOL.last());
        let protocols = self.cube.part(Axis::PROTOCOL).unwrap_or(&all);
        let has = |protocol: Protocol| protocols.contains(protocol.0.into());
        let with_ports = (0..=255).map(Protocol).filter(|p| p.has_ports() && *p != Protocol::TCP);
        let kinds = [
            (headers::NONE, true),
            (headers::PORTS, with_ports.into_iter().any(has)),
            (headers::TCP, has(Protocol::TCP)),
            (headers::ICMP, has(Protocol::ICMP)),
            (headers::ICMPV6, has(Protocol::ICMPV6)),
            (headers::CUT, (0..=255).map(Protocol).any(|p| p.has_ports() && has(p))),
        ];
        Set::of(kinds.into_iter().filter(|kind| kind.1).map(|kind| (kind.0, kind.0)))
    }

    fn flags(&self, words: &mut Vec<String>) {
        let (set, mask) = self.pattern(8, Axis::flag);
        if mask != 0 {
            let flags = FlagsMatch::new(TcpFlags(set as u8), TcpFlags(mask as u8));
            words.push(alloc::format!("flags {flags}"));
        }
    }

    fn end(&self, words: &mut Vec<String>, word: &str, addresses: [Axis; 2], ports: Axis) {
        let before = words.len();
        self.list(words, addresses[0], word, addresses_v4);
        self.list(words, addresses[1], word, addresses_v6);
        if words.len() == before && self.cube.part(ports).is_some() {
            words.push(alloc::format!("{word} any"));
        }
        self.list(words, ports, "port", span);
    }

    fn bits(&self, words: &mut Vec<String>) {
        let (value, mask) = self.pattern(32, Axis::mark);
        if mask != 0 {
            words.push(alloc::format!("mark {}", Masked::new(value as u32, mask as u32)));
        }
        let (set, asked) = self.pattern(64, Axis::predicate);
        let not = |set: u64, i: u8| if set >> i & 1 == 1 { "" } else { "not " };
        for i in (0..64).filter(|i| asked >> i & 1 == 1) {
            words.push(alloc::format!("predicate {}{i}", not(set, i)));
        }
        let (set, asked) = self.pattern(6, Axis::status);
        for (i, flag) in (0..).zip(ConnFlag::ALL).filter(|(i, _)| asked >> i & 1 == 1) {
            words.push(alloc::format!("status {}{flag}", not(set, i)));
        }
    }

    /// Of some axes that are bits, those that must be set and those that count.
    fn pattern(&self, count: u8, axis: fn(u8) -> Axis) -> (u64, u64) {
        let asked = (0..count).filter_map(|i| Some((i, self.cube.part(axis(i))?)));
        asked.fold((0, 0), |(set, mask), (i, bit)| {
            (set | u64::from(bit.contains(1)) << i, mask | 1 << i)
        })
    }

    fn names_of<T: fmt::Display>(
        &self,
        words: &mut Vec<String>,
        axis: Axis,
        word: &str,
        names: &[T],
    ) {
        let Some(set) = self.cube.part(axis) else { return };
        let held = (0u128..).zip(names).filter(|(number, _)| set.contains(*number));
        let held: Vec<String> = held.map(|(_, name)| name.to_string()).collect();
        if !held.is_empty() {
            words.push(alloc::format!("{word} {}", held.join(", ")));
        }
    }

    fn list(
        &self,
        words: &mut Vec<String>,
        axis: Axis,
        word: &str,
        show: fn((u128, u128)) -> String,
    ) {
        let Some(set) = self.cube.part(axis) else { return };
        let space = if word.is_empty() { "" } else { " " };
        words.push(alloc::format!("{word}{space}{}", listed(set, axis.last(), show)));
    }
}

fn header_names(set: &Set) -> String {
    let names = [
        "no transport header",
        "ports",
        "a TCP header",
        "an ICMP header",
        "an ICMPv6 header",
        "a header cut behind its ports",
    ];
    let named = (0u128..).zip(names).filter(|(id, _)| set.contains(*id)).map(|(_, name)| name);
    alloc::format!("with {}", named.collect::<Vec<_>>().join(" or "))
}

/// The spans of a set, or those that it leaves out if they are fewer.
fn listed(set: &Set, last: u128, show: fn((u128, u128)) -> String) -> String {
    let negated = is_negated(set, last);
    let shown = if negated { set.complement(last) } else { set.clone() };
    let spans = shown.spans();
    let mut text = String::from(if negated { "not " } else { "" });
    let first: Vec<String> = spans.iter().take(MAX_SHOWN).map(|span| show(*span)).collect();
    text += &first.join(", ");
    if spans.len() > MAX_SHOWN {
        text += &alloc::format!(" and {} more", spans.len() - MAX_SHOWN);
    }
    text
}

fn is_negated(set: &Set, last: u128) -> bool {
    set.complement(last).spans().len() < set.spans().len()
}

fn span((first, last): (u128, u128)) -> String {
    Span::new(first, last).map_or_else(String::new, |span| span.to_string())
}

fn addresses_v4((first, last): (u128, u128)) -> String {
    let address = |bits: u128| IpAddr::V4(Ipv4Addr::from_bits(bits as u32));
    addresses(address(first), address(last))
}

fn addresses_v6((first, last): (u128, u128)) -> String {
    let address = |bits: u128| IpAddr::V6(Ipv6Addr::from_bits(bits));
    addresses(address(first), address(last))
}

fn addresses(first: IpAddr, last: IpAddr) -> String {
    IpRange::new(first, last).map_or_else(String::new, |range| range.to_string())
}

/// Types and codes from first to last: `8`, `3/4`, `3/1-3/255`.
fn kinds((first, last): (u128, u128)) -> String {
    let [(a, from), (b, to)] = [first, last].map(|number| (number >> 8, number & 0xff));
    match (a == b, from, to) {
        (true, 0, 255) => a.to_string(),
        (true, ..) if from == to => alloc::format!("{a}/{from}"),
        (true, ..) => alloc::format!("{a}/{from}-{to}"),
        (false, 0, 255) => alloc::format!("{a}-{b}"),
        (false, ..) => alloc::format!("{a}/{from}-{b}/{to}"),
    }
}
