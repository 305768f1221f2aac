//! Numbers that nft writes as words.

use crate::packet::Protocol;

/// A protocol by the name that nft takes from the system, or that it has itself.
pub(super) fn protocol(name: &str) -> Option<u8> {
    let known = match name {
        "ipv6-icmp" | "icmpv6" => 58,
        "ip" | "hopopt" => 0,
        "ipencap" => 4,
        "ipv6" => 41,
        "ipv6-route" => 43,
        "ipv6-frag" => 44,
        "ipv6-nonxt" => 59,
        "ipv6-opts" => 60,
        "comp" | "ipcomp" => 108,
        "vrrp" => 112,
        "l2tp" => 115,
        "ospf" => 89,
        "pim" => 103,
        "mobility-header" => 135,
        _ => return Protocol::from_name(name).map(|protocol| protocol.0),
    };
    Some(known)
}

/// RFC 2474, 2597, 3246, 5865, 8622.
pub(super) fn dscp(name: &str) -> Option<u8> {
    let digit = |at: usize, most: u8| {
        let digit = name.as_bytes().get(at)?.checked_sub(b'0')?;
        (digit <= most).then_some(digit)
    };
    match (name, name.len()) {
        ("be" | "df", _) => Some(0),
        ("ef", _) => Some(46),
        ("va" | "voice-admit", _) => Some(44),
        ("lephb" | "le", _) => Some(1),
        (_, 3) if name.starts_with("cs") => Some(digit(2, 7)? << 3),
        (_, 4) if name.starts_with("af") => {
            let (class, precedence) = (digit(2, 4)?, digit(3, 3)?);
            (class > 0 && precedence > 0).then_some(class << 3 | precedence << 1)
        }
        _ => None,
    }
}

pub(super) const ICMP_TYPES: [(&str, u8); 15] = [
    ("echo-reply", 0),
    ("destination-unreachable", 3),
    ("source-quench", 4),
    ("redirect", 5),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
    ("info-request", 15),
    ("info-reply", 16),
    ("address-mask-request", 17),
    ("address-mask-reply", 18),
];

pub(super) const ICMP_CODES: [(&str, u8); 8] = [
    ("net-unreachable", 0),
    ("host-unreachable", 1),
    ("prot-unreachable", 2),
    ("port-unreachable", 3),
    ("frag-needed", 4),
    ("net-prohibited", 9),
    ("host-prohibited", 10),
    ("admin-prohibited", 13),
];

pub(super) const ICMPV6_TYPES: [(&str, u8); 19] = [
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("mld-listener-query", 130),
    ("mld-listener-report", 131),
    ("mld-listener-done", 132),
    ("mld-listener-reduction", 132),
    ("nd-router-solicit", 133),
    ("nd-router-advert", 134),
    ("nd-neighbor-solicit", 135),
    ("nd-neighbor-advert", 136),
    ("nd-redirect", 137),
    ("router-renumbering", 138),
    ("ind-neighbor-solicit", 141),
    ("ind-neighbor-advert", 142),
    ("mld2-listener-report", 143),
];

pub(super) const ICMPV6_CODES: [(&str, u8); 6] = [
    ("no-route", 0),
    ("admin-prohibited", 1),
    ("addr-unreachable", 3),
    ("port-unreachable", 4),
    ("policy-fail", 5),
    ("reject-route", 6),
];

pub(super) const TCP_FLAGS: [(&str, u8); 8] = [
    ("fin", 0x01),
    ("syn", 0x02),
    ("rst", 0x04),
    ("psh", 0x08),
    ("ack", 0x10),
    ("urg", 0x20),
    ("ecn", 0x40),
    ("cwr", 0x80),
];

pub(super) fn named(names: &[(&str, u8)], name: &str) -> Option<u8> {
    names.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}
