use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, ip_number};

use super::transport::{self, Head};
use super::{Layer, ParseError, extension};
use crate::packet::{Addrs, Fragment, Malformed, Packet, Protocol};

pub(super) const IPV6_LEN: usize = 40;

/// An IP packet of which everything but the transport header is known.
pub(super) struct Datagram<'a> {
    pub(super) addrs: Addrs,
    pub(super) protocol: Protocol,
    pub(super) fragment: Fragment,
    pub(super) malformed: Option<Malformed>,
    dscp: u8,
    ttl: u8,
    length: u32,
    /// The bytes behind all headers read: no more than `payload_len`.
    pub(super) payload: &'a [u8],
    /// How many there are by the IP header.
    pub(super) payload_len: usize,
}

impl<'a> Datagram<'a> {
    /// A packet of the version that it says.
    #[inline]
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match bytes.first().map(|first| first >> 4) {
            Some(4) => Self::v4(bytes, 0),
            Some(6) => Self::v6(bytes, 0),
            Some(version) => Err(ParseError::Version { offset: 0, version }),
            None => {
                Err(ParseError::Short { layer: Layer::Ip, offset: 0, required: 1, available: 0 })
            }
        }
    }

    /// An IPv4 packet whose header starts `offset` bytes into the input.
    #[inline]
    pub(super) fn v4(bytes: &'a [u8], offset: usize) -> Result<Self, ParseError> {
        let header =
            Ipv4HeaderSlice::from_slice(bytes).map_err(|error| ParseError::ipv4(&error, offset))?;
        let header_len = header.slice().len();
        let total = header.total_len();
        let Some(payload_len) = usize::from(total).checked_sub(header_len) else {
            let header = header.ihl() * 4;
            return Err(ParseError::TotalLength { offset, total, header });
        };
        let fragment_offset = header.fragments_offset().value();
        let protocol = Protocol(header.protocol().0);
        let tiny = fragment_offset == 1 && protocol == Protocol::TCP;
        Ok(Self {
            addrs: Addrs::V4 { src: header.source_addr(), dst: header.destination_addr() },
            protocol,
            fragment: fragment_kind(fragment_offset, header.more_fragments()),
            malformed: tiny.then_some(Malformed::TinyFragment),
            dscp: header.dcp().value(),
            ttl: header.ttl(),
            length: u32::from(total),
            payload: payload(bytes, header_len, payload_len),
            payload_len,
        })
    }

    /// An IPv6 packet whose header starts `offset` bytes into the input.
    #[inline]
    pub(super) fn v6(bytes: &'a [u8], offset: usize) -> Result<Self, ParseError> {
        let header =
            Ipv6HeaderSlice::from_slice(bytes).map_err(|error| ParseError::ipv6(&error, offset))?;
        let payload_len = v6_payload_len(&header, bytes.len());
        let length = u32::try_from(IPV6_LEN.saturating_add(payload_len)).unwrap_or(u32::MAX);
        let chain = extension::walk(header.next_header(), payload(bytes, IPV6_LEN, payload_len));
        Ok(Self {
            addrs: Addrs::V6 { src: header.source_addr(), dst: header.destination_addr() },
            protocol: chain.protocol,
            fragment: chain.fragment,
            malformed: chain.fault(),
            dscp: header.dscp().value(),
            ttl: header.hop_limit(),
            length,
            payload: chain.rest,
            payload_len: payload_len.saturating_sub(chain.len),
        })
    }

    /// The same bytes, as if they were no fragment.
    #[cfg(feature = "alloc")]
    pub(super) fn taken_for_whole(self) -> Self {
        Self { fragment: Fragment::Whole, ..self }
    }

    /// With the transport header, too.
    #[inline]
    pub(super) fn packet(&self, vlan: Option<u16>) -> Packet {
        let Head { ports, cut_ports, transport, malformed } = transport::read(self);
        Packet {
            ports,
            cut_ports,
            transport,
            fragment: self.fragment,
            malformed: malformed.or(self.malformed),
            dscp: self.dscp,
            ttl: self.ttl,
            length: self.length,
            vlan,
            ..Packet::new(self.addrs, self.protocol)
        }
    }
}

/// The payload of `len` bytes behind a header, as far as it is there.
fn payload(packet: &[u8], header_len: usize, len: usize) -> &[u8] {
    let bytes = packet.get(header_len..).unwrap_or_default();
    bytes.get(..len).unwrap_or(bytes)
}

/// The payload length in bytes; a jumbogram's is taken to be that of the bytes given.
fn v6_payload_len(header: &Ipv6HeaderSlice<'_>, available: usize) -> usize {
    match (header.payload_length(), header.next_header()) {
        (0, ip_number::IPV6_HEADER_HOP_BY_HOP) => available.saturating_sub(IPV6_LEN),
        (len, _) => usize::from(len),
    }
}

/// What a fragment offset, in any unit, and the more-fragments flag make of a packet.
pub(super) const fn fragment_kind(offset: u16, more: bool) -> Fragment {
    match (offset, more) {
        (0, false) => Fragment::Whole,
        (0, true) => Fragment::First,
        _ => Fragment::Later,
    }
}
