//! From a frame to the packet that it carries, by link type.

use std::fmt;

use portcullis::Packet;
use portcullis::packet::ParseError;

/// What a frame carries.
pub(crate) enum Payload {
    /// An IP packet.
    Packet(Box<Packet>),
    /// Something else; its ether type or the like.
    NotIp(u16),
    /// An IP packet whose header cannot be read.
    Unreadable(ParseError),
}

/// Reads a frame.
///
/// # Errors
///
/// When the link type is none of those known here.
pub(crate) fn payload(link: u32, frame: &[u8]) -> Result<Payload, UnknownLink> {
    Ok(match link {
        1 => classify(Packet::from_ethernet(frame)),
        12 | 101 | 228 | 229 => classify(Packet::from_ip(frame)),
        0 | 108 => loopback(frame),
        113 => cooked(frame, 14, 16),
        276 => cooked(frame, 0, 20),
        _ => return Err(UnknownLink(link)),
    })
}

fn classify(parsed: Result<Packet, ParseError>) -> Payload {
    match parsed {
        Ok(packet) => Payload::Packet(Box::new(packet)),
        Err(ParseError::NotIp { ether_type, .. }) => Payload::NotIp(ether_type),
        Err(error) => Payload::Unreadable(error),
    }
}

/// The address family in four bytes of either order, then the packet.
fn loopback(frame: &[u8]) -> Payload {
    let Some((family, packet)) = frame.split_first_chunk() else {
        return classify(Packet::from_ip(&[]));
    };
    let family = u32::from_be_bytes(*family).min(u32::from_le_bytes(*family));
    match family {
        2 | 10 | 24 | 28 | 30 => classify(Packet::from_ip(packet)),
        other => Payload::NotIp(u16::try_from(other).unwrap_or(u16::MAX)),
    }
}

/// Linux' header for captures on all interfaces: the ether type at `at`, the packet at `start`.
fn cooked(frame: &[u8], at: usize, start: usize) -> Payload {
    let ether_type = frame.get(at..).and_then(|rest| rest.first_chunk());
    match ether_type.map(|bytes| u16::from_be_bytes(*bytes)) {
        Some(0x0800 | 0x86dd) | None => {
            classify(Packet::from_ip(frame.get(start..).unwrap_or(&[])))
        }
        Some(other) => Payload::NotIp(other),
    }
}

/// The name of what is not IP, as far as it is often met.
pub(crate) fn not_ip(ether_type: u16) -> String {
    let name = match ether_type {
        0..0x0600 => "802.3 frame",
        0x0806 => "ARP",
        0x8035 => "RARP",
        0x8847 | 0x8848 => "MPLS",
        0x8863 | 0x8864 => "PPPoE",
        0x888e => "EAPOL",
        0x88cc => "LLDP",
        _ => return format!("not IP: ether type {ether_type:#06x}"),
    };
    format!("not IP: {name}")
}

/// A link type that this program does not read.
#[derive(Debug)]
pub(crate) struct UnknownLink(pub(crate) u32);

impl fmt::Display for UnknownLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "link type {} is not one that this program reads, which are: Ethernet (1), raw IP (12, 101, 228, 229), Linux cooked (113, 276), loopback (0, 108)",
            self.0
        )
    }
}
