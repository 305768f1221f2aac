//! Helpers: what the ends of one connection tell each other about connections to come. A
//! [`Helper`] reads the payload of one protocol, [`Ftp`] is the built-in one, and a table keeps the
//! [`Expectation`]s.

mod ftp;
mod pool;

use core::fmt;
use core::net::IpAddr;

use super::entry::Entry;
use super::key::Flow;
use crate::packet::{Direction, FlowKey, Packet, Protocol};

pub use ftp::Ftp;
pub(super) use pool::{Known, Pool};

/// Reads the connections of one protocol and says which connections they announce.
///
/// A table with a helper hands it the payload of every packet of an established connection that
/// the rules have accepted and whose 5-tuple it [`reads`](Self::reads). The first packet of a
/// connection that it expects is [`Related`](crate::ConnState::Related) instead of new.
///
/// # Duties of an implementation
///
/// - What it reads comes from whoever sends packets: never panic, never wait, and expect only what
///   the sender may ask for, which is connections to itself.
/// - It keeps nothing but the words of memory it is given, which are zero at first and are lost
///   with the connection. Packets come in any order and more than once.
pub trait Helper: fmt::Debug + Send + Sync {
    /// Whether it reads the connection whose packets have this 5-tuple in the original direction.
    fn reads(&self, original: &FlowKey) -> bool;

    /// Reads the payload of one packet and calls `expect` for each connection that it announces.
    ///
    /// # Errors
    ///
    /// When the payload is part of an announcement that cannot be read. The packet must then be
    /// dropped: its sender will send it again, perhaps whole.
    fn read(
        &self,
        message: &Message<'_>,
        memory: &mut [u32; MEMORY_WORDS],
        expect: &mut dyn FnMut(Expectation),
    ) -> Result<(), Unreadable>;

    /// How many connections may be expected at a time for each that is read, at most
    /// [`MAX_EXPECTED`] (default 1). A new expectation displaces the oldest beyond that.
    fn max_expected(&self) -> usize {
        1
    }
}

/// The words of memory that a helper has for each connection.
pub const MEMORY_WORDS: usize = 8;

/// The most connections that are expected for one connection at a time.
pub const MAX_EXPECTED: usize = 4;

/// One packet of a connection, as a [`Helper`] sees it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Message<'a> {
    /// The 5-tuple of packets in the original direction.
    pub original: FlowKey,
    /// The direction of this one.
    pub direction: Direction,
    /// Its headers.
    pub packet: &'a Packet,
    /// The bytes behind its transport header, as far as they are there.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// A packet of the connection of `entry`, whose flow it shows.
    pub(super) fn of(entry: &Entry, flow: &Flow, packet: &'a Packet, payload: &'a [u8]) -> Self {
        let original = entry.key.flow_key(entry.opener);
        Self { original, direction: entry.direction_of(flow), packet, payload }
    }

    /// Who sends it.
    pub fn sender(&self) -> IpAddr {
        self.packet.addrs.src()
    }

    /// To whom it is sent.
    pub fn receiver(&self) -> IpAddr {
        self.packet.addrs.dst()
    }
}

/// A connection that another one has announced. It is expected in the zone of that one, until that
/// one ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Expectation {
    /// Its protocol, one with ports.
    pub protocol: Protocol,
    /// Who will open it.
    pub src: IpAddr,
    /// From which port; `None` for any.
    pub src_port: Option<u16>,
    /// To whom.
    pub dst: IpAddr,
    /// To which port.
    pub dst_port: u16,
    /// For how many seconds it is expected.
    pub seconds: u32,
}

/// An announcement that cannot be read: cut short or not of its protocol's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("the announcement of a connection cannot be read")
    }
}

impl core::error::Error for Unreadable {}
