use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, ip_number};

use super::extension::{self, Chain};
use super::transport::Payload;
use super::{Layer, ParseError};
use crate::packet::{Addrs, Fragment, Malformed, Packet, Protocol};

const IPV6_LEN: usize = 40;

/// A packet of the version that it says, all but its transport header, and what it carries.
pub(super) fn any_version(bytes: &[u8]) -> Result<(Packet, Payload<'_>), ParseError> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => v4(bytes, 0),
        Some(6) => v6(bytes, 0),
        Some(version) => Err(ParseError::Version { offset: 0, version }),
        None => Err(ParseError::Short { layer: Layer::Ip, offset: 0, required: 1, available: 0 }),
    }
}

/// An IPv4 packet whose header starts `offset` bytes into the input.
pub(super) fn v4(bytes: &[u8], offset: usize) -> Result<(Packet, Payload<'_>), ParseError> {
    let header =
        Ipv4HeaderSlice::from_slice(bytes).map_err(|error| ParseError::ipv4(&error, offset))?;
    let header_len = header.slice().len();
    let total = header.total_len();
    let Some(payload_len) = usize::from(total).checked_sub(header_len) else {
        let header = header.ihl() * 4;
        return Err(ParseError::TotalLength { offset, total, header });
    };
    let addrs = Addrs::V4 { src: header.source_addr(), dst: header.destination_addr() };
    let fragment_offset = header.fragments_offset().value();
    let mut packet = Packet {
        dscp: header.dcp().value(),
        ttl: header.ttl(),
        length: u32::from(total),
        fragment: fragment_kind(fragment_offset, header.more_fragments()),
        ..Packet::new(addrs, Protocol(header.protocol().0))
    };
    if fragment_offset == 1 && packet.protocol == Protocol::TCP {
        packet.malformed = Some(Malformed::TinyFragment);
    }
    Ok((packet, Payload::new(bytes, header_len, payload_len)))
}

/// An IPv6 packet whose header starts `offset` bytes into the input.
pub(super) fn v6(bytes: &[u8], offset: usize) -> Result<(Packet, Payload<'_>), ParseError> {
    let header =
        Ipv6HeaderSlice::from_slice(bytes).map_err(|error| ParseError::ipv6(&error, offset))?;
    let payload_len = v6_payload_len(&header, bytes.len());
    let payload = Payload::new(bytes, IPV6_LEN, payload_len);
    let chain = extension::walk(header.next_header(), payload.bytes);
    let addrs = Addrs::V6 { src: header.source_addr(), dst: header.destination_addr() };
    let packet = Packet {
        dscp: header.dscp().value(),
        ttl: header.hop_limit(),
        length: u32::try_from(IPV6_LEN.saturating_add(payload_len)).unwrap_or(u32::MAX),
        fragment: chain.fragment,
        malformed: chain_fault(&chain),
        ..Packet::new(addrs, chain.protocol)
    };
    Ok((packet, payload.behind(&chain)))
}

/// The payload length in bytes; a jumbogram's is taken to be that of the bytes given.
fn v6_payload_len(header: &Ipv6HeaderSlice<'_>, available: usize) -> usize {
    match (header.payload_length(), header.next_header()) {
        (0, ip_number::IPV6_HEADER_HOP_BY_HOP) => available.saturating_sub(IPV6_LEN),
        (len, _) => usize::from(len),
    }
}

/// What is wrong with the extension headers alone. One that reaches beyond the end leaves nothing
/// of the transport header, but tells the protocol.
const fn chain_fault(chain: &Chain<'_>) -> Option<Malformed> {
    match chain {
        Chain { cut: true, .. } => Some(Malformed::ExtensionHeaders),
        Chain { overrun: true, .. } => Some(Malformed::ShortTransport),
        _ => None,
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
