use etherparse::checksum::Sum16BitWords;

use super::ParseError;
use super::ip::Datagram;
use super::link::Frame;
use crate::packet::{Addrs, Checksum, Family, Fragment, Malformed, Protocol};

impl Checksum {
    /// Checks the transport checksum of an IPv4 or IPv6 packet: TCP, UDP, UDP-Lite, ICMP, ICMPv6 and
    /// SCTP. The IPv4 header's own checksum is not looked at.
    ///
    /// # Errors
    ///
    /// Those of [`Packet::from_ip`](crate::Packet::from_ip).
    ///
    /// # Complexity
    ///
    /// Linear in the length of the packet. Never panics and never allocates.
    ///
    /// # Source
    ///
    /// RFC 1071; RFC 9293 section 3.1, 768, 8200 section 8.1, 3828 section 3.1, 9260 appendix A.
    pub fn of_ip(bytes: &[u8]) -> Result<Self, ParseError> {
        Datagram::read(bytes).map(|datagram| verdict(&datagram))
    }

    /// [`Checksum::of_ip`] of what an Ethernet II frame carries.
    ///
    /// # Errors
    ///
    /// Those of [`Packet::from_ethernet`](crate::Packet::from_ethernet).
    pub fn of_ethernet(frame: &[u8]) -> Result<Self, ParseError> {
        Frame::read(frame).map(|frame| verdict(&frame.datagram))
    }
}

impl Checksum {
    /// [`Checksum::of_ip`] of a first fragment as if it were the whole packet, which is what Linux
    /// makes of one that it cannot put together. A length that reaches beyond it is as wrong.
    #[cfg(feature = "alloc")]
    pub(crate) fn of_piece(bytes: &[u8]) -> Result<Self, ParseError> {
        let datagram = Datagram::read(bytes)?;
        if datagram.fragment != Fragment::First {
            return Ok(Self::Unchecked);
        }
        let whole = datagram.taken_for_whole();
        match whole.packet(None).malformed {
            Some(_) => Ok(Self::Wrong),
            None => Ok(verdict(&whole)),
        }
    }
}

fn verdict(packet: &Datagram<'_>) -> Checksum {
    if packet.fragment != Fragment::Whole
        || packet.malformed == Some(Malformed::ExtensionHeaders)
        || packet.payload.len() != packet.payload_len
    {
        return Checksum::Unchecked;
    }
    let bytes = packet.payload;
    match (packet.protocol, packet.addrs.family()) {
        (Protocol::TCP, _) if bytes.len() >= 20 => of_sum(with_pseudo_header(packet, bytes)),
        (Protocol::UDP, _) => udp(packet, bytes),
        (Protocol::UDP_LITE, _) => udp_lite(packet, bytes),
        (Protocol::ICMP, Family::V4) if bytes.len() >= 8 => {
            of_sum(Sum16BitWords::new().add_slice(bytes))
        }
        (Protocol::ICMPV6, Family::V6) if bytes.len() >= 8 => {
            of_sum(with_pseudo_header(packet, bytes))
        }
        (Protocol::SCTP, _) => sctp(bytes),
        _ => Checksum::Unchecked,
    }
}

/// A sum over everything, the checksum included, is all ones if that is right.
fn of_sum(sum: Sum16BitWords) -> Checksum {
    match sum.ones_complement() {
        0 => Checksum::Right,
        _ => Checksum::Wrong,
    }
}

/// UDP's pseudo header has the datagram's own length, which may be less than the packet's.
fn udp(packet: &Datagram<'_>, bytes: &[u8]) -> Checksum {
    let Some([_, _, _, _, l0, l1, c0, c1]) = bytes.first_chunk() else {
        return Checksum::Unchecked;
    };
    match bytes.get(..usize::from(u16::from_be_bytes([*l0, *l1]))) {
        Some(datagram) if datagram.len() >= 8 && [c0, c1] != [&0, &0] => {
            let whole = of_sum(with_pseudo_header(packet, bytes));
            match of_sum(with_pseudo_header(packet, datagram)) {
                Checksum::Right if whole != Checksum::Right => Checksum::RightInPart,
                _ => whole,
            }
        }
        _ => Checksum::Unchecked,
    }
}

fn udp_lite(packet: &Datagram<'_>, bytes: &[u8]) -> Checksum {
    let Some([_, _, _, _, v0, v1, c0, c1]) = bytes.first_chunk() else {
        return Checksum::Unchecked;
    };
    let covered = match u16::from_be_bytes([*v0, *v1]) {
        0 => Some(bytes),
        1..8 => None,
        coverage => bytes.get(..usize::from(coverage)),
    };
    let Some(covered) = covered else { return Checksum::Unchecked };
    if [c0, c1] == [&0, &0] {
        return Checksum::Wrong;
    }
    let sum_as = |protocol| of_sum(pseudo_header(packet, protocol, bytes.len()).add_slice(covered));
    match (sum_as(Protocol::UDP_LITE), sum_as(Protocol::UDP)) {
        (Checksum::Right, _) => Checksum::Right,
        (_, Checksum::Right) => Checksum::RightAsUdp,
        _ => Checksum::Wrong,
    }
}

fn with_pseudo_header(packet: &Datagram<'_>, bytes: &[u8]) -> Sum16BitWords {
    pseudo_header(packet, packet.protocol, bytes.len()).add_slice(bytes)
}

fn pseudo_header(packet: &Datagram<'_>, protocol: Protocol, len: usize) -> Sum16BitWords {
    let mut sum = Sum16BitWords::new();
    let sum = match packet.addrs {
        Addrs::V4 { src, dst } => sum.add_4bytes(src.octets()).add_4bytes(dst.octets()),
        Addrs::V6 { src, dst } => sum.add_16bytes(src.octets()).add_16bytes(dst.octets()),
    };
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    sum.add_2bytes([0, protocol.0]).add_4bytes(len.to_be_bytes())
}

/// SCTP's is a CRC-32C over the packet with the checksum itself taken as zero.
fn sctp(bytes: &[u8]) -> Checksum {
    let Some(([ports_and_tag @ .., c0, c1, c2, c3], chunks)) = bytes.split_first_chunk::<12>()
    else {
        return Checksum::Unchecked;
    };
    let parts: [&[u8]; 3] = [ports_and_tag, &[0; 4], chunks];
    let state = parts.into_iter().fold(u32::MAX, crc32c);
    match !state == u32::from_le_bytes([*c0, *c1, *c2, *c3]) {
        true => Checksum::Right,
        false => Checksum::Wrong,
    }
}

fn crc32c(state: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(state, |state, byte| {
        let [low, ..] = state.to_le_bytes();
        let entry = CRC32C.get(usize::from(low ^ byte)).copied().unwrap_or_default();
        (state >> 8) ^ entry
    })
}

const CRC32C: [u32; 256] = crc32c_table();

#[allow(clippy::indexing_slicing, reason = "evaluated when compiled")]
const fn crc32c_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut state = index as u32;
        let mut bit = 0;
        while bit < 8 {
            state = (state >> 1) ^ if state & 1 == 1 { 0x82f6_3b78 } else { 0 };
            bit += 1;
        }
        table[index] = state;
        index += 1;
    }
    table
}
