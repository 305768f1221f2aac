use super::super::icmp::Role;
use super::{Flow, is_icmp, tracks_ports};
use crate::packet::{Addrs, Checksum, IcmpMessage, Malformed, Packet, Protocol};

/// What the table makes of a packet before it looks anything up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::conntrack) struct Subject {
    pub(in crate::conntrack) part: Part,
    /// [`Flow::NONE`] if it has no part in any.
    pub(in crate::conntrack) flow: Flow,
}

/// What part a packet has in a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::conntrack) enum Part {
    /// It belongs to the flow.
    Member,
    /// It is an error that quotes a packet of the flow.
    Error,
    /// None, as it is never tracked.
    Untracked,
    /// None, as it fits no flow.
    Invalid,
}

impl Subject {
    pub(in crate::conntrack) const UNTRACKED: Self =
        Self { part: Part::Untracked, flow: Flow::NONE };
    pub(in crate::conntrack) const INVALID: Self = Self { part: Part::Invalid, flow: Flow::NONE };

    #[inline(always)]
    pub(in crate::conntrack) fn of(packet: &Packet) -> Self {
        match Flow::of_usual(packet) {
            Some(flow) => Self { part: Part::Member, flow },
            None => Self::of_unusual(packet),
        }
    }

    /// Of any packet.
    #[inline(never)]
    pub(in crate::conntrack) fn of_unusual(packet: &Packet) -> Self {
        if packet.notrack {
            return Self::UNTRACKED;
        }
        if !is_sound(packet) || !is_believed(packet) {
            return Self::INVALID;
        }
        match packet.icmp_message() {
            Some(message) if is_icmp(&packet.addrs, packet.protocol) => of_icmp(packet, message),
            _ => Self::with(Part::Member, Flow::of(packet), packet),
        }
    }

    /// The flow, if the packet belongs to one.
    #[inline(always)]
    pub(in crate::conntrack) fn member(&self) -> Option<&Flow> {
        (self.part == Part::Member).then_some(&self.flow)
    }

    #[inline(always)]
    fn with(part: Part, flow: Option<Flow>, packet: &Packet) -> Self {
        flow.map_or(Self::INVALID, |flow| Self { part, flow: flow.in_zone(packet.zone) })
    }
}

fn of_icmp(packet: &Packet, message: &IcmpMessage) -> Subject {
    match (Role::of(packet.addrs.family(), message.icmp_type), &message.quote) {
        (Role::Link, _) => Subject::UNTRACKED,
        (Role::Error, Some(quote)) => Subject::with(Part::Error, Flow::of_quote(quote), packet),
        (Role::Redirect, Some(quote)) if is_from_neighbour(packet) => {
            Subject::with(Part::Error, Flow::of_quote(quote), packet)
        }
        (Role::Query | Role::Answer(_), _) => {
            let flow = message.identifier.and_then(|identifier| {
                Flow::of_query(&packet.addrs, message.icmp_type, message.code, identifier)
            });
            Subject::with(Part::Member, flow, packet)
        }
        _ => Subject::INVALID,
    }
}

/// Whether the headers are as whole as the tracker of the packet's protocol needs them.
fn is_sound(packet: &Packet) -> bool {
    match packet.malformed {
        None => true,
        Some(Malformed::ShortTransport | Malformed::ShortPorts) => {
            let icmp = matches!(packet.protocol, Protocol::ICMP | Protocol::ICMPV6);
            !tracks_ports(packet.protocol) && !icmp
        }
        Some(_) => false,
    }
}

/// Whether the checksum, if somebody has looked at it, lets Linux believe the packet: of UDP-Lite it
/// believes what is computed with UDP's protocol number, and only that.
///
/// # Source
///
/// Linux `nf_conntrack_proto_udp.c`, `udplite_error`; `net/netfilter/utils.c`, `nf_checksum`.
#[inline(always)]
fn is_believed(packet: &Packet) -> bool {
    match packet.checksum {
        Checksum::Wrong | Checksum::RightInPart => false,
        Checksum::Right => packet.protocol != Protocol::UDP_LITE,
        _ => true,
    }
}

/// Whether a redirect comes from a router on the same link.
///
/// # Source
///
/// Linux `nf_conntrack_proto_icmpv6.c`, `nf_conntrack_icmpv6_redirect`; RFC 4861 section 8.1.
fn is_from_neighbour(packet: &Packet) -> bool {
    match packet.addrs {
        Addrs::V6 { src, .. } => packet.ttl == 255 && src.is_unicast_link_local(),
        Addrs::V4 { .. } => false,
    }
}
