use super::extension::Chain;
use super::{icmp, tcp};
use crate::packet::{Family, Fragment, Malformed, Packet, Ports, Protocol};

/// What an IP packet carries.
#[derive(Clone, Copy)]
pub(super) struct Payload<'a> {
    /// The bytes there: no more than `len`.
    pub(super) bytes: &'a [u8],
    /// How many there are by the IP header.
    pub(super) len: usize,
}

impl<'a> Payload<'a> {
    /// The payload of `len` bytes behind a header of `header_len` at the start of `packet`.
    pub(super) fn new(packet: &'a [u8], header_len: usize, len: usize) -> Self {
        let bytes = packet.get(header_len..).unwrap_or_default();
        Self { bytes: bytes.get(..len).unwrap_or(bytes), len }
    }

    pub(super) const fn behind(self, chain: &Chain<'a>) -> Self {
        Self { bytes: chain.rest, len: self.len.saturating_sub(chain.len) }
    }
}

/// Reads the transport header into a packet that has everything below it.
pub(super) fn read(packet: &mut Packet, payload: Payload<'_>) {
    if packet.fragment == Fragment::Later || packet.malformed == Some(Malformed::ExtensionHeaders) {
        return;
    }
    match (packet.protocol, packet.addrs.family()) {
        (Protocol::TCP, _) => tcp::read(packet, payload),
        (Protocol::UDP, _) => udp(packet, payload),
        (Protocol::UDP_LITE, _) => udp_lite(packet, payload),
        (Protocol::SCTP | Protocol::DCCP, _) => ports_of::<12>(packet, payload),
        (Protocol::ICMP, Family::V4) | (Protocol::ICMPV6, Family::V6) => {
            icmp::read(packet, payload);
        }
        _ => {}
    }
}

/// A header that has too few bytes.
pub(super) fn short(packet: &mut Packet, payload: Payload<'_>) {
    packet.malformed = match packet.protocol.has_ports() && payload.bytes.len() < 4 {
        true => Some(Malformed::ShortPorts),
        false => Some(Malformed::ShortTransport),
    };
}

pub(super) const fn ports([s0, s1, d0, d1]: [u8; 4]) -> Ports {
    Ports { src: u16::from_be_bytes([s0, s1]), dst: u16::from_be_bytes([d0, d1]) }
}

fn udp(packet: &mut Packet, payload: Payload<'_>) {
    let Some(&[s0, s1, d0, d1, l0, l1, _, _]) = payload.bytes.first_chunk() else {
        return short(packet, payload);
    };
    packet.ports = Some(ports([s0, s1, d0, d1]));
    check_len(packet, payload, u16::from_be_bytes([l0, l1]));
}

/// A coverage of 0 is the whole datagram (RFC 3828 section 3.1).
fn udp_lite(packet: &mut Packet, payload: Payload<'_>) {
    let Some(&[s0, s1, d0, d1, c0, c1, _, _]) = payload.bytes.first_chunk() else {
        return short(packet, payload);
    };
    packet.ports = Some(ports([s0, s1, d0, d1]));
    match u16::from_be_bytes([c0, c1]) {
        0 => {}
        coverage => check_len(packet, payload, coverage),
    }
}

/// Checks a length that a datagram of 8 bytes of header gives itself. Of a fragmented one the
/// whole length is not known.
fn check_len(packet: &mut Packet, payload: Payload<'_>, len: u16) {
    let beyond = packet.fragment == Fragment::Whole && usize::from(len) > payload.len;
    if len < 8 || beyond {
        packet.malformed = Some(Malformed::BadTransport);
    }
}

fn ports_of<const REQUIRED: usize>(packet: &mut Packet, payload: Payload<'_>) {
    match payload.bytes.first_chunk::<REQUIRED>().and_then(|header| header.first_chunk()) {
        Some(first) => packet.ports = Some(ports(*first)),
        None => short(packet, payload),
    }
}
