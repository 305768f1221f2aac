use core::net::{Ipv4Addr, Ipv6Addr};

use etherparse::IpNumber;

use super::transport::ports;
use super::{extension, gre, icmp};
use crate::packet::{Addrs, Family, Fragment, Protocol, Quote};

/// The IPv4 packet quoted at the start of `bytes`. Neither its version nor its lengths count:
/// senders are known to change the total length of what they quote. A header said to be shorter than
/// it can be is taken at its word, as by Linux's `ipv4_get_l4proto`.
pub(super) fn v4(bytes: &[u8]) -> Option<Quote> {
    let [words, _, _, _, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
        *bytes.first_chunk::<20>()?;
    let header_len = usize::from(words & 0xf) * 4;
    let addrs =
        Addrs::V4 { src: Ipv4Addr::new(s0, s1, s2, s3), dst: Ipv4Addr::new(d0, d1, d2, d3) };
    let quote = Quote {
        later_fragment: u16::from_be_bytes([f0, f1]) & 0x1fff != 0,
        ..Quote::new(addrs, Protocol(protocol))
    };
    with_transport(quote, bytes.get(header_len..)?)
}

/// The IPv6 packet quoted at the start of `bytes`.
pub(super) fn v6(bytes: &[u8]) -> Option<Quote> {
    let ([_, _, _, _, _, _, next, _], behind) = bytes.split_first_chunk()?;
    let (src, behind) = behind.split_first_chunk::<16>()?;
    let (dst, behind) = behind.split_first_chunk::<16>()?;
    let chain = extension::walk(IpNumber(*next), behind);
    if chain.cut {
        return None;
    }
    let addrs = Addrs::V6 { src: Ipv6Addr::from(*src), dst: Ipv6Addr::from(*dst) };
    let quote = Quote {
        later_fragment: chain.fragment == Fragment::Later,
        ..Quote::new(addrs, chain.protocol)
    };
    with_transport(quote, chain.rest)
}

fn with_transport(quote: Quote, bytes: &[u8]) -> Option<Quote> {
    if quote.later_fragment {
        return Some(quote);
    }
    Some(match (quote.protocol, quote.addrs.family()) {
        (protocol, _) if protocol.has_ports() => {
            Quote { ports: bytes.first_chunk().copied().map(ports), ..quote }
        }
        (Protocol::ICMP, family @ Family::V4) | (Protocol::ICMPV6, family @ Family::V6) => {
            Quote { icmp: query(family, bytes), ..quote }
        }
        (Protocol::GRE, _) => Quote { gre: gre::header(bytes).ok()?, ..quote },
        _ => quote,
    })
}

/// Type, code and identifier of an ICMP query or reply.
fn query(family: Family, bytes: &[u8]) -> Option<(u8, u8, u16)> {
    let [icmp_type, code, _, _, i0, i1, _, _] = *bytes.first_chunk()?;
    icmp::has_identifier(family, icmp_type).then_some((
        icmp_type,
        code,
        u16::from_be_bytes([i0, i1]),
    ))
}
