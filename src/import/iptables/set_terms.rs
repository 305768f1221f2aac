//! Sets as criteria: which packets are in a set, said by alternatives that exclude each other.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::ipset::{Dimension, Element, Entry, IpSet};
use crate::import::meet::{address_ranges, any_of, bits, highest, icmp_kinds};
use crate::import::spans::{Spans, complement, intersection, merged};
use crate::packet::{Family, Fragment, Malformed, Protocol};
use crate::rule::{AnyOf, Criteria};

/// Which end of a packet a dimension of a set is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

/// The most alternatives that one set may become.
const MAX_TERMS: usize = 1 << 14;

/// The most different values that two dimensions may both have.
const MAX_VALUES: usize = 1 << 12;

/// What packets are in one of the sets, or `None` if that takes too much to say.
pub(super) fn in_set(sets: &[&IpSet], sides: &[Side], family: Family) -> Option<Vec<Criteria>> {
    let Some(rows) = Rows::of(sets, family)? else { return Some(Vec::new()) };
    let mut terms = Vec::new();
    for product in products(&rows.rows, rows.dimensions.len())? {
        terms.extend(rows.criteria(&product, sides, family));
        if terms.len() > MAX_TERMS {
            return None;
        }
    }
    Some(terms)
}

/// What packets are in none of the sets. A packet without the ports that a set is about is not in it.
pub(super) fn not_in_set(sets: &[&IpSet], sides: &[Side], family: Family) -> Option<Vec<Criteria>> {
    let Some(rows) = Rows::of(sets, family)? else { return Some(Vec::from([Criteria::default()])) };
    let mut terms = Vec::new();
    let limits: Vec<u128> = rows.dimensions.iter().map(|it| it.highest(family)).collect();
    for product in complements(&rows.rows, &limits)? {
        terms.extend(rows.criteria(&product, sides, family));
        if terms.len() > MAX_TERMS {
            return None;
        }
    }
    if rows.dimensions.contains(&Dimension::Port) {
        terms.extend(without_ports(family));
    }
    Some(terms)
}

impl Dimension {
    const fn highest(self, family: Family) -> u128 {
        match self {
            Self::Address => highest(family),
            Self::Port => 0x00ff_ffff,
        }
    }
}

/// Entries as numbers: a span for each dimension. A port has its protocol in the bits above.
struct Rows {
    dimensions: Vec<Dimension>,
    rows: Vec<Vec<(u128, u128)>>,
}

/// A set of numbers for each dimension.
type Product = Vec<Spans>;

impl Rows {
    /// The entries of all sets, which have the same dimensions; `None` inside if there are none.
    fn of(sets: &[&IpSet], family: Family) -> Option<Option<Self>> {
        let Some(first) = sets.first() else { return Some(None) };
        let dimensions = first.dimensions.clone();
        let exceptions = sets.iter().any(|set| set.entries.iter().any(|entry| entry.exception));
        let mut rows = Vec::new();
        if exceptions {
            if dimensions.len() != 1 {
                return None;
            }
            for set in sets {
                rows.extend(
                    without_exceptions(set, family).into_iter().map(|span| Vec::from([span])),
                );
            }
        } else {
            let entries = sets.iter().flat_map(|set| &set.entries);
            rows.extend(entries.filter_map(|entry| row(&entry.elements, family)));
        }
        Some(Some(Self { dimensions, rows }))
    }

    /// A product as criteria; several if it has ports of several protocols.
    fn criteria(&self, product: &Product, sides: &[Side], family: Family) -> Vec<Criteria> {
        let mut terms = Vec::from([Criteria::default()]);
        for ((dimension, spans), side) in self.dimensions.iter().zip(product).zip(sides) {
            let asked = match dimension {
                Dimension::Address => Vec::from([address_criteria(spans, *side, family)]),
                Dimension::Port => port_criteria(spans, *side, family),
            };
            let both = terms.iter().flat_map(|term| {
                asked
                    .iter()
                    .filter_map(|it| crate::import::meet::meet(term, it, family).ok().flatten())
            });
            terms = both.collect();
        }
        terms
    }
}

/// The spans of an entry's elements; `None` if it is of the other family.
fn row(elements: &[Element], family: Family) -> Option<Vec<(u128, u128)>> {
    elements.iter().map(|element| span(*element, family)).collect()
}

fn span(element: Element, family: Family) -> Option<(u128, u128)> {
    match element {
        Element::Addresses(range) => {
            (range.family() == family).then(|| (bits(range.first()), bits(range.last())))
        }
        Element::Ports(protocol, ports) => {
            let base = u128::from(protocol.0) << 16;
            Some((base | u128::from(ports.first()), base | u128::from(ports.last())))
        }
    }
}

/// A set of networks in which the narrowest that holds an address decides.
fn without_exceptions(set: &IpSet, family: Family) -> Spans {
    let mut entries: Vec<(u128, (u128, u128), bool)> = Vec::new();
    for Entry { elements, exception } in &set.entries {
        let span = elements.first().and_then(|element| span(*element, family));
        entries.extend(span.map(|span| (span.1.saturating_sub(span.0), span, *exception)));
    }
    entries.sort_by_key(|entry| Reverse(entry.0));
    let mut held = Spans::new();
    for (_, span, exception) in entries {
        held = match exception {
            false => merged(held.into_iter().chain([span])),
            true => intersection(&held, &complement(&Spans::from([span]), highest(family))),
        };
    }
    held
}

/// The rows as products of sets, no two of which share a point.
fn products(rows: &[Vec<(u128, u128)>], dimensions: usize) -> Option<Vec<Product>> {
    if rows.is_empty() {
        return Some(Vec::new());
    }
    if dimensions == 1 {
        let all = merged(rows.iter().filter_map(|row| row.first().copied()));
        return Some(Vec::from([Vec::from([all])]));
    }
    let split = narrowest(rows, dimensions)?;
    let mut products = Vec::new();
    for (spans, members) in classes(rows, split) {
        let rest: Vec<_> =
            members.iter().filter_map(|i| rows.get(*i)).map(|row| without(row, split)).collect();
        for mut product in self::products(&rest, dimensions.saturating_sub(1))? {
            product.insert(split.min(product.len()), spans.clone());
            products.push(product);
        }
    }
    Some(products)
}

/// All that is in none of the rows, as products no two of which share a point.
fn complements(rows: &[Vec<(u128, u128)>], limits: &[u128]) -> Option<Vec<Product>> {
    let whole = || limits.iter().map(|limit| Spans::from([(0, *limit)])).collect::<Product>();
    if rows.is_empty() {
        return Some(Vec::from([whole()]));
    }
    let split = if limits.len() == 1 { 0 } else { narrowest(rows, limits.len())? };
    let classes = classes(rows, split);
    let used = merged(classes.iter().flat_map(|(spans, _)| spans.iter().copied()));
    let mut outside = whole();
    let limit = limits.get(split).copied().unwrap_or(0);
    if let Some(spans) = outside.get_mut(split) {
        *spans = complement(&used, limit);
    }
    let mut products = Vec::from([outside]);
    if limits.len() == 1 {
        return Some(products);
    }
    let mut rest_limits = limits.to_vec();
    rest_limits.remove(split);
    for (spans, members) in classes {
        let rest: Vec<_> =
            members.iter().filter_map(|i| rows.get(*i)).map(|row| without(row, split)).collect();
        for mut product in complements(&rest, &rest_limits)? {
            product.insert(split.min(product.len()), spans.clone());
            products.push(product);
        }
    }
    Some(products)
}

fn without(row: &[(u128, u128)], dimension: usize) -> Vec<(u128, u128)> {
    let others = row.iter().enumerate().filter(|(at, _)| *at != dimension);
    others.map(|(_, span)| *span).collect()
}

/// The dimension with the fewest different values, if they are few enough.
fn narrowest(rows: &[Vec<(u128, u128)>], dimensions: usize) -> Option<usize> {
    let distinct = |dimension: usize| {
        let mut values: Vec<_> = rows.iter().filter_map(|row| row.get(dimension)).collect();
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    let counts = (0..dimensions).map(|dimension| (distinct(dimension), dimension));
    let (count, dimension) = counts.min()?;
    (count <= MAX_VALUES).then_some(dimension)
}

/// The numbers of one dimension, put together by which rows have them.
fn classes(rows: &[Vec<(u128, u128)>], dimension: usize) -> Vec<(Spans, Vec<usize>)> {
    let mut by_span: BTreeMap<(u128, u128), Vec<usize>> = BTreeMap::new();
    for (i, row) in rows.iter().enumerate() {
        if let Some(span) = row.get(dimension) {
            by_span.entry(*span).or_default().push(i);
        }
    }
    let mut starts: Vec<u128> = by_span.keys().map(|span| span.0).collect();
    starts.extend(by_span.keys().filter_map(|span| span.1.checked_add(1)));
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).map(|next| next.saturating_sub(1)).chain([u128::MAX]);
    let mut by_rows: BTreeMap<Vec<usize>, Vec<(u128, u128)>> = BTreeMap::new();
    for (first, last) in starts.iter().copied().zip(ends) {
        let holds = |span: &(u128, u128)| span.0 <= first && first <= span.1;
        let members = by_span.iter().filter(|(span, _)| holds(span)).flat_map(|(_, rows)| rows);
        let members: Vec<usize> = members.copied().collect();
        if !members.is_empty() {
            by_rows.entry(members).or_default().push((first, last));
        }
    }
    by_rows.into_iter().map(|(members, spans)| (merged(spans), members)).collect()
}

fn address_criteria(spans: &Spans, side: Side, family: Family) -> Criteria {
    let mut asked = Criteria::default();
    let whole = spans.as_slice() == [(0, highest(family))];
    let field = match side {
        Side::Source => &mut asked.src,
        Side::Destination => &mut asked.dst,
    };
    if !whole {
        *field = AnyOf::one_of(address_ranges(spans, family));
    }
    asked
}

/// Protocols whose ports a set can have.
const WITH_PORTS: [Protocol; 4] =
    [Protocol::TCP, Protocol::UDP, Protocol::SCTP, Protocol::UDP_LITE];

fn icmp_of(family: Family) -> Protocol {
    match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    }
}

/// Protocols with their ports as criteria: protocols that have the same ports together.
fn port_criteria(spans: &Spans, side: Side, family: Family) -> Vec<Criteria> {
    let mut terms = Vec::new();
    let mut with_ports: BTreeMap<Spans, Vec<Protocol>> = BTreeMap::new();
    let mut portless = Vec::new();
    for protocol in (0..=u8::MAX).map(Protocol) {
        let ports = ports_of(spans, protocol);
        if ports.is_empty() {
            continue;
        }
        if WITH_PORTS.contains(&protocol) {
            with_ports.entry(ports).or_default().push(protocol);
        } else if protocol == icmp_of(family) {
            terms.push(icmp_criteria(&ports, family));
        } else if ports.first().is_some_and(|(first, _)| *first == 0) {
            portless.push(protocol);
        }
    }
    for (ports, protocols) in with_ports {
        let ports = any_of::<u16>(&ports);
        let mut asked = Criteria { protocol: AnyOf::one_of(protocols), ..Criteria::default() };
        match side {
            Side::Source => asked.src_port = ports,
            Side::Destination => asked.dst_port = ports,
        }
        terms.push(asked);
    }
    terms.extend(portless_criteria(portless, family));
    terms
}

/// The ports of one protocol.
fn ports_of(spans: &Spans, protocol: Protocol) -> Spans {
    let base = u128::from(protocol.0) << 16;
    let own = intersection(spans, &Spans::from([(base, base | 0xffff)]));
    own.into_iter().map(|(first, last)| (first & 0xffff, last & 0xffff)).collect()
}

/// Type and code as one number.
fn icmp_criteria(numbers: &Spans, family: Family) -> Criteria {
    let kinds = AnyOf::one_of(icmp_kinds(numbers));
    match family {
        Family::V4 => Criteria { icmp: kinds, ..Criteria::default() },
        Family::V6 => Criteria { icmpv6: kinds, ..Criteria::default() },
    }
}

/// Protocols without ports. In IPv6 a later fragment has none to compare.
fn portless_criteria(protocols: Vec<Protocol>, family: Family) -> Option<Criteria> {
    if protocols.is_empty() {
        return None;
    }
    let protocol = match protocols.len() {
        ..=128 => AnyOf::one_of(protocols),
        _ => AnyOf::none_of((0..=u8::MAX).map(Protocol).filter(|it| !protocols.contains(it))),
    };
    let fragment = match family {
        Family::V4 => AnyOf::any(),
        Family::V6 => AnyOf::none_of([Fragment::Later]),
    };
    Some(Criteria { protocol, fragment, ..Criteria::default() })
}

/// Packets that have no ports to be compared with those of a set, although others of their protocol
/// have.
fn without_ports(family: Family) -> Vec<Criteria> {
    let protocols = || AnyOf::one_of(WITH_PORTS.into_iter().chain([icmp_of(family)]));
    let later = Criteria { fragment: Fragment::Later.into(), ..Criteria::default() };
    let later = match family {
        Family::V4 => Criteria { protocol: protocols(), ..later },
        Family::V6 => later,
    };
    let short = Criteria {
        protocol: protocols(),
        fragment: AnyOf::none_of([Fragment::Later]),
        malformed: AnyOf::one_of([Malformed::ShortTransport, Malformed::ShortPorts]),
        ..Criteria::default()
    };
    Vec::from([later, short])
}
