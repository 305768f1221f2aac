use alloc::vec::Vec;

use super::{Axis, Cube, NO_DIRECTION, NO_INTERFACE, NO_STATE, NO_VLAN, Set, headers};
use crate::packet::{ConnState, Family, Fragment, Malformed, Protocol};

/// Which packets an answer is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Packets {
    /// Those that can come from a network: a TCP packet has ports and flags unless it is a later
    /// fragment or malformed, an ICMP packet has none, and so on. If a rule asks for the connection
    /// state, each packet has one.
    #[default]
    OnTheWire,
    /// Those that are made of a [`FlowKey`](crate::FlowKey) alone: addresses, protocol, and ports
    /// whatever the protocol. Of everything else they have what `Packet::from` gives them.
    FlowKeys,
}

impl Packets {
    /// The region that holds them, if no hole of [`holes`](Self::holes) has them.
    pub(in crate::analysis) fn region(self, states: bool, predicates: u64) -> Cube {
        let tracked = Set::span(0, ConnState::Untracked as u128);
        match self {
            Self::OnTheWire if states => {
                Cube::any().with(Axis::STATE, &tracked).unwrap_or_default()
            }
            Self::OnTheWire => {
                Cube::any().at(Axis::STATE, NO_STATE).at(Axis::DIRECTION, NO_DIRECTION)
            }
            Self::FlowKeys => bare(predicates),
        }
    }

    /// What no packet is: headers that are there without their protocol, or are not although they
    /// should be. `interfaces` is how many numbers of interfaces there are.
    pub(in crate::analysis) fn holes(self, interfaces: usize) -> Vec<Cube> {
        match self {
            Self::FlowKeys => Vec::new(),
            Self::OnTheWire => contradictions(interfaces),
        }
    }
}

/// What `Packet::from` makes of a flow key.
fn bare(predicates: u64) -> Cube {
    let cube = Cube::any()
        .at(Axis::HEADERS, headers::PORTS)
        .at(Axis::FRAGMENT, Fragment::Whole as u128)
        .at(Axis::MALFORMED, 0)
        .at(Axis::IN_INTERFACE, NO_INTERFACE)
        .at(Axis::OUT_INTERFACE, NO_INTERFACE)
        .at(Axis::ZONE, 0)
        .at(Axis::STATE, NO_STATE)
        .at(Axis::DIRECTION, NO_DIRECTION)
        .at(Axis::DSCP, 0)
        .at(Axis::TTL, Axis::TTL.usual())
        .at(Axis::LENGTH, 0)
        .at(Axis::VLAN, NO_VLAN);
    let asked = (0..64).filter(|i| predicates >> i & 1 == 1);
    asked.fold(cube, |cube, i| cube.at(Axis::predicate(i), 0))
}

fn contradictions(interfaces: usize) -> Vec<Cube> {
    let unnumbered =
        [Axis::IN_INTERFACE, Axis::OUT_INTERFACE].map(|axis| unnumbered(axis, interfaces));
    let lists = [headers_and_protocols(), missing_headers(), faults(), connections()];
    lists.into_iter().flatten().chain(unnumbered.into_iter().flatten()).collect()
}

/// Headers of a packet of another protocol, and of a later fragment.
fn headers_and_protocols() -> Vec<Cube> {
    let with_ports = Set::of((0..=255).filter(|n| Protocol(*n).has_ports()).map(single));
    let tcp = Set::single(Protocol::TCP.0.into());
    let of = |header: u128, protocols: &Set| {
        cube([(Axis::HEADERS, Set::single(header)), (Axis::PROTOCOL, protocols.complement(255))])
    };
    let readable = Set::span(headers::PORTS, headers::CUT);
    let family = |header: u128, other: Family| {
        cube([(Axis::HEADERS, Set::single(header)), (Axis::FAMILY, Set::single(other as u128))])
    };
    Vec::from([
        of(headers::PORTS, &with_ports.minus(&tcp)),
        of(headers::TCP, &tcp),
        of(headers::CUT, &with_ports),
        of(headers::ICMP, &Set::single(Protocol::ICMP.0.into())),
        of(headers::ICMPV6, &Set::single(Protocol::ICMPV6.0.into())),
        family(headers::ICMP, Family::V6),
        family(headers::ICMPV6, Family::V4),
        cube([(Axis::FRAGMENT, Set::single(LATER)), (Axis::HEADERS, readable)]),
    ])
}

const LATER: u128 = Fragment::Later as u128;

/// A packet that is whole or a first fragment has its header, unless it is cut short.
fn missing_headers() -> Vec<Cube> {
    let with_ports = Set::of((0..=255).filter(|n| Protocol(*n).has_ports()).map(single));
    let not_later = Set::span(Fragment::Whole as u128, Fragment::First as u128);
    let without = |protocols: Set, faults: Set, family: Option<Family>| {
        let families = family.map_or(Set::span(0, 1), |family| Set::single(family as u128));
        cube([
            (Axis::FAMILY, families),
            (Axis::HEADERS, Set::single(headers::NONE)),
            (Axis::PROTOCOL, protocols),
            (Axis::FRAGMENT, not_later.clone()),
            (Axis::MALFORMED, faults),
        ])
    };
    let sound = || Set::of([SOUND, Malformed::BadTransport as u128].map(|n| (n, n)));
    let cut = Set::single(Malformed::ShortTransport as u128);
    Vec::from([
        without(with_ports.clone(), sound(), None),
        without(Set::single(Protocol::ICMP.0.into()), sound(), Some(Family::V4)),
        without(Set::single(Protocol::ICMPV6.0.into()), sound(), Some(Family::V6)),
        // Cut behind the ports there are ports; in IPv6 an extension header may be what is cut.
        without(with_ports, cut, Some(Family::V4)),
    ])
}

const SOUND: u128 = 0;

/// What can be wrong with which packets.
fn faults() -> Vec<Cube> {
    let fault = |why: Malformed| (Axis::MALFORMED, Set::single(why as u128));
    let with_ports = Set::of((0..=255).filter(|n| Protocol(*n).has_ports()).map(single));
    let only = |protocol: Protocol| Set::single(protocol.0.into()).complement(255);
    let (v4, v6) = (Set::single(Family::V4 as u128), Set::single(Family::V6 as u128));
    let later = || (Axis::FRAGMENT, Set::single(LATER));
    let cut_short =
        Set::span(Malformed::ShortTransport as u128, Malformed::ExtensionHeaders as u128);
    let whole_header = Set::span(headers::PORTS, headers::ICMPV6);
    let uncut = Set::single(Malformed::ShortTransport as u128).complement(5);
    let readable = with_ports.union(&Set::of([1, 47].map(|n| (n, n))));
    Vec::from([
        cube([(Axis::HEADERS, whole_header), (Axis::MALFORMED, cut_short)]),
        cube([(Axis::HEADERS, Set::single(headers::CUT)), (Axis::MALFORMED, uncut)]),
        cube([fault(Malformed::TinyFragment), (Axis::FRAGMENT, Set::span(0, LATER - 1))]),
        cube([fault(Malformed::TinyFragment), (Axis::PROTOCOL, only(Protocol::TCP))]),
        cube([fault(Malformed::TinyFragment), (Axis::FAMILY, v6)]),
        cube([fault(Malformed::ExtensionHeaders), (Axis::FAMILY, v4.clone())]),
        cube([fault(Malformed::ShortPorts), (Axis::PROTOCOL, with_ports.complement(255))]),
        cube([fault(Malformed::ShortPorts), later()]),
        cube([fault(Malformed::BadTransport), later()]),
        cube([
            fault(Malformed::BadTransport),
            (Axis::HEADERS, Set::single(headers::NONE)),
            (Axis::PROTOCOL, only(Protocol::GRE)),
        ]),
        cube([fault(Malformed::ShortTransport), later(), (Axis::FAMILY, v4.clone())]),
        cube([
            fault(Malformed::ShortTransport),
            (Axis::PROTOCOL, readable.complement(255)),
            (Axis::FAMILY, v4),
        ]),
    ])
}

/// Packets of a connection have a direction, and no others.
fn connections() -> Vec<Cube> {
    let none = [ConnState::Invalid as u128, ConnState::Untracked as u128, NO_STATE];
    let none = Set::of(none.map(|n| (n, n)));
    let belongs = none.complement(NO_STATE);
    Vec::from([
        cube([(Axis::STATE, none), (Axis::DIRECTION, Set::span(0, NO_DIRECTION - 1))]),
        cube([(Axis::STATE, belongs), (Axis::DIRECTION, Set::single(NO_DIRECTION))]),
    ])
}

fn cube<const N: usize>(parts: [(Axis, Set); N]) -> Cube {
    let all = Some(Cube::any());
    parts.iter().fold(all, |cube, (axis, set)| cube?.with(*axis, set)).unwrap_or_default()
}

/// Numbers that stand for no interface.
fn unnumbered(axis: Axis, interfaces: usize) -> Option<Cube> {
    let first = interfaces as u128;
    (0 < first && first < NO_INTERFACE)
        .then(|| Cube::any().with(axis, &Set::span(first, NO_INTERFACE - 1)))
        .flatten()
}

fn single(number: u8) -> (u128, u128) {
    (number.into(), number.into())
}
