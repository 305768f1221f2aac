//! What is being judged: a packet with its place in its connection, or a flow key alone.

use super::residual::field;
use super::words::{NO_STATE, Words};
use crate::packet::{Addrs, ConnState, ConnStatus, Direction, Family, FlowKey, Packet, Tracked};

/// What is being judged.
pub(in crate::tree) trait Judged: Copy {
    /// Whether only addresses, ports and protocol are known; other words are as for no packet.
    const IS_KEY: bool;

    /// The family of the addresses.
    fn family(self) -> Family;

    /// The words that trees look at.
    fn words(self) -> Words;

    /// The same, without its connection.
    fn bare<'s>(self) -> Bare<'s>
    where
        Self: 's;

    /// The same, for what looks at the rest.
    fn subject<'s>(self) -> Subject<'s>
    where
        Self: 's;
}

/// A packet and its place in its connection.
#[derive(Clone, Copy)]
pub(in crate::tree) struct Placed<'p> {
    packet: &'p Packet,
    place: Place,
}

impl<'p> Placed<'p> {
    #[inline(always)]
    pub(in crate::tree) fn new(packet: &'p Packet, tracked: Option<Tracked>) -> Self {
        Self { packet, place: Place::of(tracked) }
    }
}

impl Judged for Placed<'_> {
    const IS_KEY: bool = false;

    #[inline(always)]
    fn family(self) -> Family {
        self.packet.addrs.family()
    }

    #[inline(always)]
    fn words(self) -> Words {
        Words::of_packet(self.packet, self.place.state())
    }

    #[inline(always)]
    fn bare<'s>(self) -> Bare<'s>
    where
        Self: 's,
    {
        Bare::Packet(self.packet)
    }

    #[inline(always)]
    fn subject<'s>(self) -> Subject<'s>
    where
        Self: 's,
    {
        Subject::Packet(self.packet, self.place.tracked())
    }
}

/// An `Option<Tracked>` as one number: the state, and from bit 8 on the direction, from 16 the flags.
///
/// It is written and read as a whole. An option's parts are written one by one, and whoever reads them
/// together has to wait until memory has them: a fifth of a lookup.
#[derive(Clone, Copy)]
struct Place(u32);

impl Place {
    #[inline(always)]
    fn of(tracked: Option<Tracked>) -> Self {
        let Some(Tracked { state, direction, status }) = tracked else { return Self(NO_STATE) };
        let direction = direction.map_or(0, |direction| direction as u32 + 1);
        Self(state as u32 | direction << 8 | u32::from(status.bits()) << 16)
    }

    #[inline(always)]
    fn state(self) -> u32 {
        self.0 & 0xff
    }

    fn tracked(self) -> Option<Tracked> {
        let state = *ConnState::ALL.get(self.state() as usize)?;
        let direction = match self.0 >> 8 & 0xff {
            0 => None,
            1 => Some(Direction::Original),
            _ => Some(Direction::Reply),
        };
        let status = ConnStatus::from_bits((self.0 >> 16) as u8);
        Some(Tracked::new(state, direction).with_status(status))
    }
}

impl Judged for &FlowKey {
    const IS_KEY: bool = true;

    #[inline(always)]
    fn family(self) -> Family {
        self.addrs.family()
    }

    #[inline(always)]
    fn words(self) -> Words {
        Words::of_key(self)
    }

    #[inline(always)]
    fn bare<'s>(self) -> Bare<'s>
    where
        Self: 's,
    {
        Bare::Key(self)
    }

    #[inline(always)]
    fn subject<'s>(self) -> Subject<'s>
    where
        Self: 's,
    {
        Subject::Key(self)
    }
}

/// What has the parts that may be in named sets.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "alloc"), expect(dead_code, reason = "no sets without an allocator"))]
pub(in crate::tree) enum Bare<'p> {
    Packet(&'p Packet),
    Key(&'p FlowKey),
}

/// What residual checks look at.
#[derive(Clone, Copy)]
pub(in crate::tree) enum Subject<'p> {
    Packet(&'p Packet, Option<Tracked>),
    Key(&'p FlowKey),
}

impl<'p> Subject<'p> {
    pub(in crate::tree) fn bare(&self) -> Bare<'p> {
        match *self {
            Self::Packet(packet, _) => Bare::Packet(packet),
            Self::Key(key) => Bare::Key(key),
        }
    }

    #[inline(always)]
    pub(in crate::tree) fn mark(&self) -> u32 {
        self.packet().map_or(0, |packet| packet.mark)
    }

    #[inline(always)]
    pub(in crate::tree) fn packet(&self) -> Option<&Packet> {
        match self {
            Self::Packet(packet, _) => Some(packet),
            Self::Key(_) => None,
        }
    }

    /// What is known of the packet's connection, if it belongs to one.
    pub(in crate::tree) fn status(&self) -> Option<ConnStatus> {
        self.known().map(|tracked| tracked.status)
    }

    fn known(&self) -> Option<Tracked> {
        match self {
            Self::Packet(_, tracked) => tracked.filter(|tracked| tracked.direction.is_some()),
            Self::Key(_) => None,
        }
    }

    fn original(&self) -> Option<FlowKey> {
        self.known()?.original(self.packet()?)
    }

    fn addrs(&self) -> Addrs {
        match self {
            Self::Packet(packet, _) => packet.addrs,
            Self::Key(key) => key.addrs,
        }
    }

    /// The value of a numeric field, if the packet has it.
    pub(in crate::tree) fn number(&self, field: u32) -> Option<u128> {
        let packet = self.packet();
        let number = match field {
            field::FRAGMENT => packet.map_or(0, |packet| packet.fragment as u32),
            field::MALFORMED => {
                packet.map_or(0, |packet| packet.malformed.map_or(0, |fault| fault as u32))
            }
            field::DSCP => packet.map_or(0, |packet| u32::from(packet.dscp)),
            field::LENGTH => packet.map_or(0, |packet| packet.length),
            field::TTL => packet.map_or(KEY_TTL, |packet| u32::from(packet.ttl)),
            field::ZONE => packet.map_or(0, |packet| u32::from(packet.zone)),
            field::VLAN => u32::from(packet?.vlan?),
            field::CUT_SRC_PORT => u32::from(packet?.cut_ports?.src),
            field::CUT_DST_PORT => u32::from(packet?.cut_ports?.dst),
            field::DIRECTION => self.known()?.direction? as u32,
            field::ORIGINAL_PROTOCOL => u32::from(self.original()?.protocol.0),
            field::ORIGINAL_SRC_PORT => u32::from(self.original()?.src_port),
            field::ORIGINAL_DST_PORT => u32::from(self.original()?.dst_port),
            field::ORIGINAL_SRC_V4 => return address(field::SRC_V4, self.original()?.addrs),
            field::ORIGINAL_DST_V4 => return address(field::DST_V4, self.original()?.addrs),
            field::ORIGINAL_SRC_V6 => return address(field::SRC_V6, self.original()?.addrs),
            field::ORIGINAL_DST_V6 => return address(field::DST_V6, self.original()?.addrs),
            _ => return address(field, self.addrs()),
        };
        Some(u128::from(number))
    }
}

/// The time to live of a packet of which only the flow key is known, as of one built by hand.
const KEY_TTL: u32 = 64;

fn address(field: u32, addrs: Addrs) -> Option<u128> {
    match (field, addrs) {
        (field::SRC_V4, Addrs::V4 { src, .. }) => Some(u128::from(src.to_bits())),
        (field::DST_V4, Addrs::V4 { dst, .. }) => Some(u128::from(dst.to_bits())),
        (field::SRC_V6, Addrs::V6 { src, .. }) => Some(src.to_bits()),
        (field::DST_V6, Addrs::V6 { dst, .. }) => Some(dst.to_bits()),
        _ => None,
    }
}
