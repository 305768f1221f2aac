use core::net::IpAddr;

use super::criteria::address_axes;
use super::{Axis, NO_DIRECTION, NO_INTERFACE, NO_STATE, NO_VLAN, headers};
use crate::packet::{Packet, Protocol, Tracked};

/// What a packet has on an axis.
pub(in crate::analysis) fn number(packet: &Packet, tracked: Option<Tracked>, axis: Axis) -> u128 {
    let family = packet.addrs.family();
    let (src, dst) = address_axes(family);
    let bit = |bits: u64, first: fn(u8) -> Axis| {
        (0..64).find(|i| first(*i) == axis).map(|i| u128::from(bits >> i & 1))
    };
    let interface =
        |id: Option<crate::packet::InterfaceId>| id.map_or(NO_INTERFACE, |id| u128::from(id.0));
    let direction = tracked.and_then(|tracked| tracked.direction);
    let header = header(packet);
    let ports = packet.ports.or(packet.cut_ports);
    match axis {
        Axis::FAMILY => family as u128,
        _ if axis == src => address_number(packet.addrs.src()),
        _ if axis == dst => address_number(packet.addrs.dst()),
        Axis::HEADERS => header,
        Axis::SRC_PORT => ports.map_or(0, |ports| ports.src.into()),
        Axis::DST_PORT => ports.map_or(0, |ports| ports.dst.into()),
        Axis::PROTOCOL => packet.protocol.0.into(),
        Axis::ICMP => packet
            .icmp_message()
            .map_or(0, |message| u16::from_be_bytes([message.icmp_type, message.code]).into()),
        Axis::FRAGMENT => packet.fragment as u128,
        Axis::MALFORMED => packet.malformed.map_or(0, |why| why as u128),
        Axis::IN_INTERFACE => interface(packet.in_interface),
        Axis::OUT_INTERFACE => interface(packet.out_interface),
        Axis::STATE => tracked.map_or(NO_STATE, |tracked| tracked.state as u128),
        Axis::ZONE => packet.zone.into(),
        Axis::DIRECTION => direction.map_or(NO_DIRECTION, |way| way as u128),
        Axis::TTL => packet.ttl.into(),
        Axis::DSCP => packet.dscp.into(),
        Axis::LENGTH => packet.length.into(),
        Axis::VLAN => packet.vlan.map_or(NO_VLAN, u128::from),
        _ => {
            let flags = packet.tcp_segment().map_or(0, |segment| segment.flags.0);
            let status = tracked.map_or(0, |tracked| tracked.status.bits());
            bit(flags.into(), Axis::flag)
                .or_else(|| bit(status.into(), Axis::status))
                .or_else(|| bit(packet.mark.into(), Axis::mark))
                .or_else(|| bit(packet.predicates, Axis::predicate))
                .unwrap_or(0)
        }
    }
}

/// Which transport header a packet has.
fn header(packet: &Packet) -> u128 {
    match (packet.ports, packet.icmp_message(), packet.protocol) {
        (Some(_), ..) if packet.tcp_segment().is_some() => headers::TCP,
        (Some(_), ..) => headers::PORTS,
        (None, Some(_), Protocol::ICMP) => headers::ICMP,
        (None, Some(_), Protocol::ICMPV6) => headers::ICMPV6,
        (None, None, _) if packet.cut_ports.is_some() => headers::CUT,
        _ => headers::NONE,
    }
}

fn address_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}
