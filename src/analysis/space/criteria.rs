//! Criteria as cubes.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::{Axis, Cube, NO_INTERFACE, Set, headers};
use crate::packet::{ConnFlag, ConnState, Family};
use crate::rule::{AnyOf, Criteria, InterfaceName, Interfaces, IpRange, Masked};

/// Disjoint cubes of the packets of which everything but the mark holds.
pub(in crate::analysis) fn cubes(criteria: &Criteria, interfaces: &Interfaces) -> Vec<Cube> {
    // Names every field: one that is added to criteria has to be added here.
    let Criteria {
        family,
        src,
        dst,
        protocol,
        src_port,
        dst_port,
        icmp,
        icmpv6,
        tcp_flags,
        fragment,
        malformed,
        cut_src_port,
        cut_dst_port,
        in_interface,
        out_interface,
        zone,
        state,
        direction,
        status,
        // Refused before.
        original: _,
        dscp,
        ttl,
        length,
        mark: _,
        vlan,
        predicate,
        // Refused before.
        sets: _,
    } = criteria;
    let numbers = |set: &AnyOf<_>| held_by(set, u16::MAX.into(), spans(set));
    let icmp_kinds = |kinds: &AnyOf<_>| held_by(kinds, u16::MAX.into(), kind_spans(kinds));
    let mut narrow = Narrow(Some(Cube::any()));
    narrow.ask(Axis::PROTOCOL, held_by(protocol, 255, singles(protocol, |p| p.0.into())));
    narrow.ask(Axis::SRC_PORT, numbers(src_port));
    narrow.ask(Axis::DST_PORT, numbers(dst_port));
    narrow.ask_headers(!src_port.is_any() || !dst_port.is_any(), headers::PORTS, headers::TCP);
    narrow.ask(Axis::ICMP, icmp_kinds(icmp));
    narrow.ask_headers(!icmp.is_any(), headers::ICMP, headers::ICMP);
    narrow.ask(Axis::ICMP, icmp_kinds(icmpv6));
    narrow.ask_headers(!icmpv6.is_any(), headers::ICMPV6, headers::ICMPV6);
    narrow.ask_headers(!tcp_flags.is_any(), headers::TCP, headers::TCP);
    narrow.ask(Axis::FRAGMENT, held_by(fragment, 2, singles(fragment, |f| *f as u128)));
    narrow.ask(Axis::MALFORMED, held_by(malformed, 5, singles(malformed, |why| *why as u128)));
    narrow.ask(Axis::SRC_PORT, numbers(cut_src_port));
    narrow.ask(Axis::DST_PORT, numbers(cut_dst_port));
    let cut = !cut_src_port.is_any() || !cut_dst_port.is_any();
    narrow.ask_headers(cut, headers::CUT, headers::CUT);
    narrow.ask(Axis::IN_INTERFACE, interface_set(in_interface, interfaces));
    narrow.ask(Axis::OUT_INTERFACE, interface_set(out_interface, interfaces));
    let states = singles(state, |state| *state as u128);
    narrow.ask(Axis::STATE, held_by(state, ConnState::Untracked as u128, states));
    narrow.ask(Axis::ZONE, numbers(zone));
    narrow.ask(Axis::DIRECTION, held_by(direction, 1, singles(direction, |way| *way as u128)));
    narrow.ask(Axis::DIRECTION, (!status.is_any()).then(|| Set::span(0, 1)));
    narrow.ask(Axis::TTL, held_by(ttl, 255, spans(ttl)));
    narrow.ask(Axis::DSCP, held_by(dscp, 63, spans(dscp)));
    narrow.ask(Axis::LENGTH, held_by(length, u32::MAX.into(), spans(length)));
    narrow.ask(Axis::VLAN, held_by(vlan, 4095, spans(vlan)));
    let Narrow(Some(cube)) = narrow else { return Vec::new() };
    let flags = tcp_flags.items().iter().map(|item| pattern(item.set().0, item.mask().0));
    let flags = any_of(tcp_flags, flags);
    let predicates = any_of(predicate, predicate.items().iter().map(|i| predicate_cube(*i)));
    let statuses = any_of(status, status.items().iter().map(|flag| status_cube(*flag)));
    let families = families(*family, src, dst);
    let both = |list: &[Cube], other: &[Cube]| -> Vec<Cube> {
        list.iter().flat_map(|a| other.iter().filter_map(|b| a.intersect(b))).collect()
    };
    [flags, predicates, statuses]
        .iter()
        .fold(both(&families, &[cube]), |all, part| both(&all, part))
}

/// Disjoint cubes of the packets of which a criterion on the mark holds, when the rules before have
/// set the bits of `set.mask()` to those of `set.value()`.
pub(in crate::analysis) fn mark_cubes(asked: &AnyOf<Masked>, set: Masked) -> Vec<Cube> {
    let fits = |item: &&Masked| (item.value() ^ set.value()) & item.mask() & set.mask() == 0;
    let cubes = asked.items().iter().filter(fits).map(|item| {
        let bits = (0..32).filter(|i| item.mask() & !set.mask() & 1 << i != 0);
        bits.fold(Cube::any(), |cube, i| cube.at(Axis::mark(i), (item.value() >> i & 1).into()))
    });
    any_of(asked, cubes)
}

/// A cube that becomes narrower with each field.
struct Narrow(Option<Cube>);

impl Narrow {
    fn ask(&mut self, axis: Axis, set: Option<Set>) {
        if let Some(set) = set {
            self.0 = self.0.take().and_then(|cube| cube.with(axis, &set));
        }
    }

    fn ask_headers(&mut self, asked: bool, first: u128, last: u128) {
        self.ask(Axis::HEADERS, asked.then(|| Set::span(first, last)));
    }
}

/// The numbers from 0 to `max` that a criterion holds of; `None` if it asks nothing.
fn held_by<T>(
    asked: &AnyOf<T>,
    max: u128,
    spans: impl IntoIterator<Item = (u128, u128)>,
) -> Option<Set> {
    if asked.is_any() {
        return None;
    }
    let set = Set::of(spans);
    Some(if asked.is_negated() { set.complement(max) } else { set })
}

fn spans<N: Copy + PartialOrd + Into<u128>>(
    asked: &AnyOf<crate::rule::Span<N>>,
) -> impl Iterator<Item = (u128, u128)> + '_ {
    asked.items().iter().map(|span| (span.first().into(), span.last().into()))
}

fn singles<T>(asked: &AnyOf<T>, number: fn(&T) -> u128) -> impl Iterator<Item = (u128, u128)> + '_ {
    asked.items().iter().map(move |item| (number(item), number(item)))
}

fn kind_spans(asked: &AnyOf<crate::rule::IcmpKind>) -> impl Iterator<Item = (u128, u128)> + '_ {
    asked.items().iter().map(|kind| {
        let number = |code| u128::from(u16::from_be_bytes([kind.icmp_type(), code]));
        (number(kind.codes().first()), number(kind.codes().last()))
    })
}

/// A packet whose interface no rule names is on none of those that a rule names.
fn interface_set(asked: &AnyOf<InterfaceName>, interfaces: &Interfaces) -> Option<Set> {
    let numbers = asked.items().iter().flat_map(|name| interfaces.numbers(name));
    held_by(asked, NO_INTERFACE, numbers.map(|number| (number as u128, number as u128)))
}

/// What is asked of the addresses: a cube for each family, or one for both if nothing is.
fn families(family: Option<Family>, src: &AnyOf<IpRange>, dst: &AnyOf<IpRange>) -> Vec<Cube> {
    if family.is_none() && src.is_any() && dst.is_any() {
        return Vec::from([Cube::any()]);
    }
    let asked = [Family::V4, Family::V6].into_iter().filter(|f| family.is_none_or(|g| g == *f));
    let cube = |family| {
        let (src_axis, dst_axis) = address_axes(family);
        let mut narrow = Narrow(Some(Cube::any().at(Axis::FAMILY, family as u128)));
        narrow.ask(src_axis, held_by(src, src_axis.last(), address_spans(src, family)));
        narrow.ask(dst_axis, held_by(dst, dst_axis.last(), address_spans(dst, family)));
        narrow.0
    };
    asked.filter_map(cube).collect()
}

/// The axes of a family's source and destination addresses.
pub(in crate::analysis) const fn address_axes(family: Family) -> (Axis, Axis) {
    match family {
        Family::V4 => (Axis::SRC_V4, Axis::DST_V4),
        Family::V6 => (Axis::SRC_V6, Axis::DST_V6),
    }
}

fn address_spans(asked: &AnyOf<IpRange>, of: Family) -> impl Iterator<Item = (u128, u128)> + '_ {
    let of_family = asked.items().iter().filter(move |range| range.family() == of);
    of_family.map(|range| (address_number(range.first()), address_number(range.last())))
}

fn address_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn pattern(set: u8, mask: u8) -> Cube {
    let bits = (0..8).filter(|i| mask >> i & 1 == 1);
    bits.fold(Cube::any(), |cube, i| cube.at(Axis::flag(i), (set >> i & 1).into()))
}

/// Numbers above 63 are refused before.
fn predicate_cube(number: u8) -> Cube {
    Cube::any().at(Axis::predicate(number), 1)
}

fn status_cube(flag: ConnFlag) -> Cube {
    Cube::any().at(Axis::status((flag as u8).trailing_zeros() as u8), 1)
}

/// Disjoint cubes of what is in one of `cubes` or, if that is asked, in none.
fn any_of<T>(asked: &AnyOf<T>, cubes: impl IntoIterator<Item = Cube>) -> Vec<Cube> {
    if asked.is_any() {
        return Vec::from([Cube::any()]);
    }
    let (mut held, mut rest) = (Vec::new(), Vec::from([Cube::any()]));
    for cube in cubes {
        held.extend(rest.iter().filter_map(|piece| piece.intersect(&cube)));
        rest = rest.iter().flat_map(|piece| piece.minus(&cube)).collect();
    }
    if asked.is_negated() { rest } else { held }
}
