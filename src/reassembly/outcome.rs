use alloc::vec::Vec;
use core::fmt;

use crate::packet::{Addrs, Packet};

/// What has become of an [`Arrival`](super::Arrival).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reassembly<T = ()> {
    /// It is no fragment, or one that Linux lets through as it is: judge it alone. The latter are
    /// first fragments of IPv6 that lack a part of the headers, and fragments of IPv6 other than the
    /// last whose length is not a multiple of eight.
    Alone(Packet, T),
    /// It was the last one missing: judge the datagram, and do the same to all of its fragments.
    Whole(Datagram<T>),
    /// More fragments are needed. There is nothing to judge yet; hold the packet back.
    Held,
    /// It is of no use. Drop it, and with it all fragments that come back.
    Rejected(Rejection<T>),
}

/// A datagram put together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Datagram<T = ()> {
    /// Its summary. What only the caller knows is that of the fragment that came last.
    pub packet: Packet,
    /// The IP packet, with lengths, flags and header checksum set right, and without IPv6's fragment
    /// header.
    pub bytes: Vec<u8>,
    /// The fragments that it was made of, in the order in which they came.
    pub fragments: Vec<T>,
}

/// Fragments that are of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection<T = ()> {
    /// Why.
    pub fault: Fault,
    /// Those to be dropped: the one that has just come, last, and before it the others of its
    /// datagram if that is lost with it.
    pub fragments: Vec<T>,
}

/// A datagram that was not completed in time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expired<T = ()> {
    /// Source and destination address.
    pub addrs: Addrs,
    /// Whether the fragment at offset 0 had come: only then is the sender told (ICMP time exceeded,
    /// code 1; RFC 792, 4443).
    pub first_seen: bool,
    /// The fragments that had come, in that order.
    pub fragments: Vec<T>,
}

/// What is wrong with a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Its bytes, or a part of them, have come before. The datagram is not lost.
    Duplicate,
    /// It overlaps others without repeating them. The datagram is lost, whatever the bytes.
    Overlap,
    /// It reaches beyond the last fragment, or two fragments say to be the last. In IPv4 the
    /// datagram is lost, in IPv6 this fragment alone.
    End,
    /// It would make the datagram longer than 65,535 bytes. In IPv4, and where the headers are too
    /// long, the datagram is lost.
    TooLong,
    /// It has no data. In IPv4 the datagram is lost, in IPv6 this fragment alone.
    Empty,
    /// Bytes that its header promises are not there. The datagram is not lost.
    Cut,
    /// The checksum of its IPv4 header is wrong. The datagram is not lost.
    HeaderChecksum,
    /// Some fragments say that their sender handles congestion marks and some that it does not
    /// (RFC 3168 section 5.3). The datagram is lost.
    Congestion,
    /// The datagram has more than [`FragmentLimits::fragments`](super::FragmentLimits::fragments).
    /// It is lost.
    TooMany,
    /// There is no room for it. The datagram is lost unless
    /// [`WhenFull::Refuse`](super::WhenFull::Refuse) is set.
    NoRoom,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Duplicate => "fragment that has come before",
            Self::Overlap => "overlapping fragment",
            Self::End => "fragment beyond the end of its datagram",
            Self::TooLong => "fragment of a datagram longer than 65535 bytes",
            Self::Empty => "fragment without data",
            Self::Cut => "fragment cut short",
            Self::HeaderChecksum => "fragment with a wrong header checksum",
            Self::Congestion => "fragments with contradicting congestion marks",
            Self::TooMany => "too many fragments; raise FragmentLimits::fragments",
            Self::NoRoom => "no room for fragments; raise FragmentLimits::memory or datagrams",
        })
    }
}

impl core::error::Error for Fault {}
