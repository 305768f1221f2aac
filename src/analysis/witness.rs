use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use super::space::{Axis, Cube, NO_INTERFACE, NO_VLAN, Spot, headers};
use crate::packet::{
    Addrs, ConnFlag, ConnState, ConnStatus, Direction, Family, Fragment, IcmpMessage, InterfaceId,
    Malformed, Packet, Ports, Protocol, TcpFlags, TcpSegment, Tracked, Transport,
};
use crate::rule::{Interfaces, RuleSet};

/// A packet that shows an answer to be right.
///
/// Whoever returns one has put it to [`RuleSet::first_match`] before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Witness {
    /// The packet. Its interfaces are numbered by the rule set that was asked about; in an answer
    /// about two, by the first.
    pub packet: Packet,
    /// Its place in its connection, if a rule asks for that.
    pub tracked: Option<Tracked>,
}

impl Witness {
    /// The packet with usual values where `spot` leaves a choice; `region` holds all packets.
    pub(super) fn new(spot: &Spot, region: &Cube) -> Self {
        let values = Values { spot, region };
        let family = match values.at(Axis::FAMILY) {
            0 => Family::V4,
            _ => Family::V6,
        };
        let kind = values.at(Axis::HEADERS);
        let mut packet =
            Packet::new(values.addrs(family), Protocol(values.at(Axis::PROTOCOL) as u8));
        let (src, dst) = (values.at(Axis::SRC_PORT), values.at(Axis::DST_PORT));
        let ports = Some(Ports { src: src as u16, dst: dst as u16 });
        packet.ports = ports.filter(|_| matches!(kind, headers::PORTS | headers::TCP));
        packet.cut_ports = ports.filter(|_| kind == headers::CUT);
        packet.transport = values.transport(kind);
        packet.fragment = match values.at(Axis::FRAGMENT) {
            0 => Fragment::Whole,
            1 => Fragment::First,
            _ => Fragment::Later,
        };
        let fault = values.at(Axis::MALFORMED);
        packet.malformed = Malformed::ALL.into_iter().find(|why| *why as u128 == fault);
        packet.ttl = values.at(Axis::TTL) as u8;
        packet.zone = values.at(Axis::ZONE) as u16;
        packet.dscp = values.at(Axis::DSCP) as u8;
        packet.length = values.at(Axis::LENGTH) as u32;
        packet.vlan = Some(values.at(Axis::VLAN)).filter(|id| *id != NO_VLAN).map(|id| id as u16);
        packet.in_interface = values.interface(Axis::IN_INTERFACE);
        packet.out_interface = values.interface(Axis::OUT_INTERFACE);
        packet.mark = (0..32).fold(0, |bits, i| bits | (values.at(Axis::mark(i)) as u32) << i);
        packet.predicates =
            (0..64).fold(0, |bits, i| bits | (values.at(Axis::predicate(i)) as u64) << i);
        Self { packet, tracked: values.tracked() }
    }

    /// The packet with its interfaces numbered by another rule set, whose names are among
    /// `interfaces`.
    pub(super) fn numbered_by<A>(&self, interfaces: &Interfaces, rules: &RuleSet<A>) -> Self {
        let number =
            |id: InterfaceId| interfaces.name(id).and_then(|name| rules.interface(name.as_str()));
        let mut witness = *self;
        witness.packet.in_interface = witness.packet.in_interface.and_then(number);
        witness.packet.out_interface = witness.packet.out_interface.and_then(number);
        witness
    }
}

/// Prints the packet and, besides, everything that is unusual about it.
impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packet = &self.packet;
        packet.fmt(f)?;
        match packet.transport {
            Transport::Tcp(TcpSegment { flags, .. }) => write!(f, " flags {flags}")?,
            Transport::Icmp(IcmpMessage { icmp_type, code, .. }) => {
                write!(f, " type {icmp_type}/{code}")?;
            }
            _ => {}
        }
        if packet.fragment != Fragment::Whole {
            write!(f, " fragment {}", packet.fragment)?;
        }
        if let Some(why) = packet.malformed {
            write!(f, " malformed ({why})")?;
        }
        if let Some(id) = packet.vlan {
            write!(f, " vlan {id}")?;
        }
        if let Some(Ports { src, dst }) = packet.cut_ports {
            write!(f, " cut behind the ports {src} and {dst}")?;
        }
        let usual = |axis: Axis| axis.usual() as u64;
        for (word, number, usual) in [
            ("zone", u64::from(packet.zone), usual(Axis::ZONE)),
            ("dscp", packet.dscp.into(), usual(Axis::DSCP)),
            ("ttl", packet.ttl.into(), usual(Axis::TTL)),
            ("length", packet.length.into(), usual(Axis::LENGTH)),
        ] {
            if number != usual {
                write!(f, " {word} {number}")?;
            }
        }
        for (word, bits) in [("mark", u64::from(packet.mark)), ("predicates", packet.predicates)] {
            if bits != 0 {
                write!(f, " {word} {bits:#x}")?;
            }
        }
        let Some(tracked) = self.tracked else { return Ok(()) };
        write!(f, " state {}", tracked.state)?;
        if tracked.status != ConnStatus::new() {
            write!(f, " status {}", tracked.status)?;
        }
        tracked.direction.map_or(Ok(()), |direction| write!(f, " direction {direction}"))
    }
}

/// A number for each axis: of the span that it is confined to, the usual one or the first.
struct Values<'v> {
    spot: &'v Spot,
    region: &'v Cube,
}

impl Values<'_> {
    fn at(&self, axis: Axis) -> u128 {
        let usual = axis.usual();
        let of_region = || self.region.part(axis).and_then(|set| set.spans().first().copied());
        let (first, last) = self.spot.at(axis).or_else(of_region).unwrap_or((0, axis.last()));
        if first <= usual && usual <= last { usual } else { first }
    }

    fn addrs(&self, family: Family) -> Addrs {
        let (src, dst) = super::space::criteria::address_axes(family);
        let (src, dst) = (self.at(src), self.at(dst));
        match family {
            Family::V4 => Addrs::V4 {
                src: Ipv4Addr::from_bits(src as u32),
                dst: Ipv4Addr::from_bits(dst as u32),
            },
            Family::V6 => {
                Addrs::V6 { src: Ipv6Addr::from_bits(src), dst: Ipv6Addr::from_bits(dst) }
            }
        }
    }

    fn transport(&self, kind: u128) -> Transport {
        match kind {
            headers::TCP => {
                let bits = (0..8).fold(0, |bits, i| bits | (self.at(Axis::flag(i)) as u8) << i);
                Transport::Tcp(TcpSegment::new(TcpFlags(bits)))
            }
            headers::ICMP | headers::ICMPV6 => {
                let [icmp_type, code] = (self.at(Axis::ICMP) as u16).to_be_bytes();
                Transport::Icmp(IcmpMessage::new(icmp_type, code))
            }
            _ => Transport::None,
        }
    }

    fn interface(&self, axis: Axis) -> Option<InterfaceId> {
        Some(self.at(axis)).filter(|id| *id != NO_INTERFACE).map(|id| InterfaceId(id as u16))
    }

    fn tracked(&self) -> Option<Tracked> {
        let number = self.at(Axis::STATE);
        let state = ConnState::ALL.into_iter().find(|state| *state as u128 == number)?;
        let direction = match self.at(Axis::DIRECTION) {
            0 => Some(Direction::Original),
            1 => Some(Direction::Reply),
            _ => None,
        };
        let set =
            |flag: &ConnFlag| self.at(Axis::status((*flag as u8).trailing_zeros() as u8)) == 1;
        let flags = ConnFlag::ALL.into_iter().filter(set);
        let status = flags.fold(ConnStatus::new(), |status, flag| status.with(flag, true));
        Some(Tracked::new(state, direction).with_status(status))
    }
}
