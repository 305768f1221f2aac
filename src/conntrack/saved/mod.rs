//! Connections taken out of a table and put into another one: a backup, a restart, a second node
//! that takes over.
//!
//! [`ConnTable::export`](super::ConnTable::export) gives each connection with its state and the time
//! that it has left, and [`ConnTable::import`](super::ConnTable::import) enters it, so that the next
//! packet of either end is one of an established connection. Times are spans, since two machines
//! seldom count from the same moment. In between, connections can be stored as bytes
//! ([`to_bytes`], [`from_bytes`]) or, with the feature `serde`, in any format of serde's.
//!
//! What [helpers](super::helper) know of a connection goes with it, also the connections that it has
//! announced. A table without the helper has no use for that and leaves it out. How many connections
//! a source and a zone have is counted anew, as the limits of the other table have it.
//!
//! ```
//! use portcullis::conntrack::{Conntrack, Limits, Time, saved};
//! use portcullis::{ConnState, ConnTable, Packet};
//!
//! let query = Packet::udp("10.0.0.1:5000".parse()?, "192.0.2.53:53".parse()?)?;
//! let mut table = ConnTable::new(&Limits::new(1000), [7; 16]);
//! table.confirm(&query, Time::from_secs(1))?;
//! let bytes = saved::to_bytes(table.export(Time::from_secs(2)));
//!
//! let mut other = ConnTable::new(&Limits::new(1000), [8; 16]);
//! let now = Time::from_secs(900);
//! for connection in saved::from_bytes(&bytes)? {
//!     other.import(&connection, now)?;
//! }
//! let answer = Packet::udp("192.0.2.53:53".parse()?, "10.0.0.1:5000".parse()?)?;
//! assert_eq!(other.look_up(&answer, now).tracked.state, ConnState::Established);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bytes;
mod error;
#[cfg(feature = "serde")]
mod serde;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::entry::{Entry, Track};
use super::helper::{Expectation, MAX_EXPECTED, MEMORY_WORDS};
use super::key::Flow;
use super::{IcmpQuery, Time};
use crate::packet::{ConnFlag, ConnStatus, FlowKey, Protocol};

pub(super) use bytes::{Reader, Writer};
pub use bytes::{from_bytes, to_bytes};
pub use error::SavedError;
pub(super) use error::Unsound;

/// A connection with its state, apart from any table and any clock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SavedConnection {
    /// The 5-tuple of packets in the original direction, as
    /// [`Connection::original`](super::Connection::original) has it.
    pub original: FlowKey,
    /// The zone of its packets.
    pub zone: u16,
    /// What its queries have in common, if it is one of ICMP or ICMPv6.
    pub query: Option<IcmpQuery>,
    /// How long it has been there.
    pub age: Duration,
    /// How long it is kept unless more packets come.
    pub remaining: Duration,
    /// Whether it is replied, assured and expected.
    pub status: ConnStatus,
    /// Where the states of its protocol have got.
    pub(super) track: Track,
    pub(super) help: Option<Box<Help>>,
}

/// What a helper knows of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct Help {
    pub(super) memory: [u32; MEMORY_WORDS],
    /// What it announced, the oldest first.
    pub(super) expected: Vec<Expectation>,
}

impl Help {
    fn check(&self) -> Result<(), Unsound> {
        let few = self.expected.len() <= MAX_EXPECTED;
        let fits =
            few && self.expected.iter().all(|expected| Flow::of_expected(expected).is_some());
        if fits { Ok(()) } else { Err(Unsound::Expectation) }
    }
}

impl SavedConnection {
    /// The connections that it has announced and that are still expected, the oldest first. For how
    /// long is rounded up to seconds.
    pub fn expected(&self) -> &[Expectation] {
        self.help.as_ref().map_or(&[], |help| &help.expected)
    }

    pub(super) fn of(entry: &Entry, help: Option<Help>, now: Time) -> Self {
        Self {
            original: entry.key.flow_key(entry.opener),
            zone: entry.key.zone(),
            query: entry.key.query(),
            age: now.since(entry.created),
            remaining: entry.deadline.since(now),
            status: entry.flags,
            track: entry.track,
            help: help.map(Box::new),
        }
    }

    /// The flow and the entry that stands for it from `now` on, for `longest` seconds at most.
    pub(super) fn entry(&self, now: Time, longest: u32) -> Result<(Flow, Entry), Unsound> {
        let flow = self.flow()?;
        self.check()?;
        let mut entry = Entry::new(&flow, self.track, now, 0);
        entry.flags = self.status;
        entry.created = now.before(self.age);
        entry.deadline = now.after(self.remaining).min(now.after_secs(longest));
        Ok((flow, entry))
    }

    /// The flow as the packet that opened it shows it.
    fn flow(&self) -> Result<Flow, Unsound> {
        let flow = Flow::of_saved(&self.original, self.query).ok_or(Unsound::Flow)?;
        Ok(flow.in_zone(self.zone))
    }

    /// Whether everything else is what a table could have said.
    fn check(&self) -> Result<(), Unsound> {
        self.help.as_ref().map_or(Ok(()), |help| help.check())?;
        let known = [ConnFlag::Expected, ConnFlag::Replied, ConnFlag::Assured];
        let known = known.into_iter().fold(ConnStatus::new(), |all, flag| all.with(flag, true));
        if self.status.bits() & !known.bits() != 0 {
            return Err(Unsound::Status);
        }
        if self.status.has(ConnFlag::Assured) && !self.status.has(ConnFlag::Replied) {
            return Err(Unsound::Status);
        }
        let fits = match (&self.track, self.original.protocol) {
            (Track::Tcp(track), Protocol::TCP) => return track.check(),
            (Track::Sctp(_), Protocol::SCTP) => true,
            (Track::Stateless, protocol) => !matches!(protocol, Protocol::TCP | Protocol::SCTP),
            _ => false,
        };
        if fits { Ok(()) } else { Err(Unsound::Track) }
    }
}
