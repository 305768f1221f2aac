use etherparse::checksum::Sum16BitWords;
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, ip_number};

use super::ParseError;
use super::extension;
use super::ip::{Datagram, IPV6_LEN};
use crate::packet::{Addrs, Fragment, Protocol};

const FRAGMENT_HEADER_LEN: usize = 8;

/// What an IP packet's bytes are to whoever puts datagrams together.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Share<'a> {
    /// No fragment, or one that Linux lets through as it is.
    Alone,
    /// A share of a datagram.
    Piece(Piece<'a>),
    /// Bytes that the IP header promises are missing.
    Cut,
    /// The checksum of the IPv4 header is wrong.
    HeaderChecksum,
}

/// A fragment, taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) addrs: Addrs,
    /// Part of what tells datagrams apart in IPv4 only.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) id: u32,
    /// In bytes.
    pub(crate) offset: u32,
    pub(crate) more: bool,
    /// The headers that each fragment repeats, without IPv6's fragment header.
    pub(crate) header: &'a [u8],
    /// Where the header names the next one, and what to put there once the fragment header is gone.
    pub(crate) next: Option<(usize, u8)>,
    pub(crate) payload: &'a [u8],
    pub(crate) dont_fragment: bool,
    /// Explicit congestion notification, 0 to 3.
    pub(crate) ecn: u8,
}

impl<'a> Share<'a> {
    /// Takes an IP packet apart.
    pub(crate) fn of_ip(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let datagram = Datagram::read(bytes)?;
        match datagram.addrs {
            Addrs::V4 { .. } if datagram.fragment == Fragment::Whole => Ok(Self::Alone),
            Addrs::V4 { .. } => Ok(Self::v4(&datagram, bytes)),
            Addrs::V6 { .. } => Ok(Self::v6(&datagram, bytes)),
        }
    }

    fn v4(datagram: &Datagram<'a>, bytes: &'a [u8]) -> Self {
        let Ok(header) = Ipv4HeaderSlice::from_slice(bytes) else { return Self::Alone };
        if datagram.payload.len() != datagram.payload_len {
            return Self::Cut;
        }
        if Sum16BitWords::new().add_slice(header.slice()).ones_complement() != 0 {
            return Self::HeaderChecksum;
        }
        Self::Piece(Piece {
            addrs: datagram.addrs,
            protocol: Some(datagram.protocol),
            id: u32::from(header.identification()),
            offset: u32::from(header.fragments_offset().byte_offset()),
            more: header.more_fragments(),
            header: bytes.get(..header.slice().len()).unwrap_or_default(),
            next: None,
            payload: datagram.payload,
            dont_fragment: header.dont_fragment(),
            ecn: header.ecn().value(),
        })
    }

    fn v6(datagram: &Datagram<'a>, bytes: &'a [u8]) -> Self {
        let Ok(header) = Ipv6HeaderSlice::from_slice(bytes) else { return Self::Alone };
        // No fragment header may follow a jumbo payload.
        let payload_len = usize::from(header.payload_length());
        let Some(end) = IPV6_LEN.checked_add(payload_len).filter(|_| payload_len > 0) else {
            return Self::Alone;
        };
        let available = bytes.get(..end).unwrap_or(bytes);
        let Some(found) = find(header.next_header().0, available) else { return Self::Alone };
        if available.len() != end {
            return Self::Cut;
        }
        let (head, rest) = available.split_at_checked(found.at).unwrap_or_default();
        let Some((&[next, _, high, low, i0, i1, i2, i3], payload)) =
            rest.split_first_chunk::<FRAGMENT_HEADER_LEN>()
        else {
            return Self::Cut;
        };
        let field = u16::from_be_bytes([high, low]);
        if field & !7 == 0 && is_short(next, payload) {
            return Self::Alone;
        }
        Self::Piece(Piece {
            addrs: datagram.addrs,
            protocol: None,
            id: u32::from_be_bytes([i0, i1, i2, i3]),
            offset: u32::from(field & !7),
            more: field & 1 == 1,
            header: head,
            next: Some((found.named_at, next)),
            payload,
            dont_fragment: false,
            ecn: header.ecn().value(),
        })
    }
}

/// A fragment header.
struct Found {
    /// Where it starts.
    at: usize,
    /// Where the header before it, or the IPv6 header, says that it follows.
    named_at: usize,
}

/// Finds the fragment header of an IPv6 packet, if there is one before the first header that is no
/// extension header.
///
/// Linux `net/ipv6/netfilter/nf_conntrack_reasm.c`, `find_prev_fhdr`.
fn find(first: u8, bytes: &[u8]) -> Option<Found> {
    let mut kind = Protocol(first);
    let mut found = Found { at: IPV6_LEN, named_at: 6 };
    while kind.0 != ip_number::IPV6_FRAGMENTATION_HEADER.0 {
        if !extension::is_extension(kind) {
            return None;
        }
        let header = extension::Header::read(kind, bytes.get(found.at..)?)?;
        found = Found { at: found.at.checked_add(header.len)?, named_at: found.at };
        kind = header.next;
    }
    (found.at <= bytes.len()).then_some(found)
}

/// Whether a first fragment lacks a part of the transport header that has to be in it.
///
/// RFC 8200 section 4.5; Linux `include/net/ipv6_frag.h`, `ipv6frag_thdr_truncated`.
fn is_short(next: u8, payload: &[u8]) -> bool {
    let chain = extension::walk(etherparse::IpNumber(next), payload);
    if chain.cut || chain.protocol.0 == ip_number::IPV6_NO_NEXT_HEADER.0 {
        return false;
    }
    let required = match chain.protocol {
        Protocol::TCP => 20,
        Protocol::UDP | Protocol::ICMPV6 => 8,
        _ => 1,
    };
    chain.fragment != Fragment::Later && payload.len() < chain.len.saturating_add(required)
}
