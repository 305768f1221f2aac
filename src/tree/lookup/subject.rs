//! What is being judged: a packet with its place in its connection, or a flow key alone.

use super::residual::field;
use super::words::Words;
use crate::packet::{Addrs, FlowKey, Packet, Tracked};

/// What is being judged.
pub(in crate::tree) trait Judged: Copy {
    /// The words that trees look at.
    fn words(self) -> Words;

    /// The same, for what looks at the rest.
    fn subject<'s>(self) -> Subject<'s>
    where
        Self: 's;
}

/// A packet and its place in its connection.
impl Judged for (&Packet, Option<Tracked>) {
    #[inline(always)]
    fn words(self) -> Words {
        Words::of_packet(self.0, self.1)
    }

    #[inline(always)]
    fn subject<'s>(self) -> Subject<'s>
    where
        Self: 's,
    {
        Subject::Packet(self.0)
    }
}

impl Judged for &FlowKey {
    #[inline(always)]
    fn words(self) -> Words {
        Words::of_key(self)
    }

    #[inline(always)]
    fn subject<'s>(self) -> Subject<'s>
    where
        Self: 's,
    {
        Subject::Key(self)
    }
}

/// What residual checks look at.
#[derive(Clone, Copy)]
pub(in crate::tree) enum Subject<'p> {
    Packet(&'p Packet),
    Key(&'p FlowKey),
}

impl Subject<'_> {
    #[inline(always)]
    pub(in crate::tree) fn mark(&self) -> u32 {
        self.packet().map_or(0, |packet| packet.mark)
    }

    #[inline(always)]
    pub(in crate::tree) fn packet(&self) -> Option<&Packet> {
        match self {
            Self::Packet(packet) => Some(packet),
            Self::Key(_) => None,
        }
    }

    fn addrs(&self) -> Addrs {
        match self {
            Self::Packet(packet) => packet.addrs,
            Self::Key(key) => key.addrs,
        }
    }

    /// The value of a numeric field, if the packet has it.
    pub(in crate::tree) fn number(&self, field: u32) -> Option<u128> {
        let packet = self.packet();
        let number = match field {
            field::FRAGMENT => packet.map_or(0, |packet| packet.fragment as u32),
            field::MALFORMED => packet.map_or(0, |packet| u32::from(packet.malformed.is_some())),
            field::DSCP => packet.map_or(0, |packet| u32::from(packet.dscp)),
            field::LENGTH => packet.map_or(0, |packet| packet.length),
            field::VLAN => u32::from(packet?.vlan?),
            _ => return self.address(field),
        };
        Some(u128::from(number))
    }

    fn address(&self, field: u32) -> Option<u128> {
        match (field, self.addrs()) {
            (field::SRC_V4, Addrs::V4 { src, .. }) => Some(u128::from(src.to_bits())),
            (field::DST_V4, Addrs::V4 { dst, .. }) => Some(u128::from(dst.to_bits())),
            (field::SRC_V6, Addrs::V6 { src, .. }) => Some(src.to_bits()),
            (field::DST_V6, Addrs::V6 { dst, .. }) => Some(dst.to_bits()),
            _ => None,
        }
    }
}
