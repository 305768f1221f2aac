//! What the overlay's tables look at: some bytes of a packet, and which numbers of each a rule allows.
//!
//! A rule allows more than it asks for, never less: the bytes only choose whom to ask.

use core::net::IpAddr;

use crate::packet::{Addrs, Family, Packet, Ports};
use crate::rule::{AnyOf, Criteria, IpRange, PortRange};

/// How many words of eight bytes the addresses of an IPv4 and of an IPv6 packet make.
pub(super) const WORDS_V4: usize = 1;
pub(super) const WORDS_V6: usize = 2;

/// How many bytes count besides: both ports and the protocol.
pub(super) const REST: usize = 5;

/// The bytes of an IPv6 address that count: a provider's sites and their networks, and the end.
const WHICH_V6: [usize; 8] = [15, 1, 2, 3, 4, 5, 6, 7];
const WHICH_V4: [usize; 4] = [0, 1, 2, 3];

/// Lists longer than this are not gone through.
const MANY: usize = 16;

/// First and last number that a byte may be.
type Bounds = (u8, u8);
const ANY: Bounds = (0, u8::MAX);

/// The bytes of a packet's addresses, the first one the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    V4([u64; WORDS_V4]),
    V6([u64; WORDS_V6]),
}

impl Words {
    #[inline(always)]
    pub(super) fn new(packet: &Packet) -> Self {
        match packet.addrs {
            Addrs::V4 { src, dst } => {
                let [src, dst] = [src, dst].map(|address| u32::from_le_bytes(address.octets()));
                Self::V4([u64::from(src) | u64::from(dst) << 32])
            }
            Addrs::V6 { src, dst } => Self::V6([src, dst].map(|address| {
                let number = u128::from_le_bytes(address.octets());
                number as u64 & !0xff | (number >> 120) as u64
            })),
        }
    }
}

/// The bytes of a packet's ports and of its protocol, the first one the lowest.
#[inline(always)]
pub(super) fn rest(packet: &Packet) -> u64 {
    let Ports { src, dst } = packet.ports.unwrap_or(Ports { src: 0, dst: 0 });
    let ports = u64::from(src.swap_bytes()) | u64::from(dst.swap_bytes()) << 16;
    ports | u64::from(packet.protocol.0) << 32
}

/// Calls `allow` with the place of each byte and numbers that a rule allows there, until all that it
/// allows for packets of `family` have been shown. Nothing for a byte means no such packet.
pub(super) fn each_allowed(
    criteria: &Criteria,
    family: Family,
    mut allow: impl FnMut(usize, Bounds),
) {
    if criteria.family.is_some_and(|asked| asked != family) {
        return;
    }
    let width = match family {
        Family::V4 => WHICH_V4.len(),
        Family::V6 => WHICH_V6.len(),
    };
    addresses(&criteria.src, family, &mut allow);
    addresses(&criteria.dst, family, |i, bounds| allow(width + i, bounds));
    ports(&criteria.src_port, |i, bounds| allow(2 * width + i, bounds));
    ports(&criteria.dst_port, |i, bounds| allow(2 * width + 2 + i, bounds));
    match listed(&criteria.protocol) {
        None => allow(2 * width + 4, ANY),
        Some(items) => items.iter().for_each(|item| allow(2 * width + 4, (item.0, item.0))),
    }
}

/// The alternatives, unless there are too many or none of them may hold.
fn listed<T>(asked: &AnyOf<T>) -> Option<&[T]> {
    let simple = !asked.is_any() && !asked.is_negated() && asked.items().len() <= MANY;
    simple.then(|| asked.items())
}

fn addresses(asked: &AnyOf<IpRange>, family: Family, mut allow: impl FnMut(usize, Bounds)) {
    let which: &[usize] = match family {
        Family::V4 => &WHICH_V4,
        Family::V6 => &WHICH_V6,
    };
    let Some(items) = listed(asked) else {
        return (0..which.len()).for_each(|i| allow(i, ANY));
    };
    for range in items.iter().filter(|range| range.family() == family) {
        match (range.first(), range.last()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                spread(&first.octets(), &last.octets(), which, &mut allow);
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                spread(&first.octets(), &last.octets(), which, &mut allow);
            }
            _ => {}
        }
    }
}

fn ports(asked: &AnyOf<PortRange>, mut allow: impl FnMut(usize, Bounds)) {
    let Some(items) = listed(asked) else {
        return [0, 1].into_iter().for_each(|i| allow(i, ANY));
    };
    for range in items {
        let (first, last) = (range.first().to_be_bytes(), range.last().to_be_bytes());
        spread(&first, &last, &[0, 1], &mut allow);
    }
}

/// What each byte of the numbers from `first` to `last` can be; of the bytes, those in `which`.
fn spread(first: &[u8], last: &[u8], which: &[usize], allow: &mut impl FnMut(usize, Bounds)) {
    let mut common = true;
    for (at, bounds) in first.iter().copied().zip(last.iter().copied()).enumerate() {
        let bounds = if common { bounds } else { ANY };
        common &= bounds.0 == bounds.1;
        if let Some(i) = which.iter().position(|byte| *byte == at) {
            allow(i, bounds);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::packet::Protocol;

    /// The bytes of a packet are those that rules are asked about, in the same order.
    #[test]
    fn a_packet_has_the_bytes_that_its_own_rule_allows() {
        let addresses = [
            ("1.2.3.4", "5.6.7.8", Family::V4),
            ("1:203:405:607:809:a0b:c0d:e0f", "f0e1:d2c3::", Family::V6),
        ];
        for (src, dst, family) in addresses {
            let [src, dst]: [IpAddr; 2] = [src, dst].map(|text| text.parse().unwrap());
            let mut packet = Packet::new(Addrs::new(src, dst).unwrap(), Protocol::UDP);
            packet.ports = Some(Ports { src: 0x1020, dst: 0x3040 });
            let rule: crate::Rule =
                crate::Rule::accept().udp().from(src).to(dst).from_ports(0x1020).to_ports(0x3040);
            let mut allowed = alloc::vec::Vec::new();
            each_allowed(&rule.criteria, family, |at, bounds| allowed.push((at, bounds)));
            allowed.sort();
            let words = match Words::new(&packet) {
                Words::V4(words) => words.to_vec(),
                Words::V6(words) => words.to_vec(),
            };
            let bytes = words.into_iter().flat_map(u64::to_le_bytes);
            let bytes = bytes.chain(rest(&packet).to_le_bytes().into_iter().take(REST));
            let expected = bytes.map(|byte| (byte, byte)).enumerate();
            assert_eq!(allowed, expected.collect::<alloc::vec::Vec<_>>());
        }
    }
}
