use etherparse::{IpNumber, ip_number};

use super::ip::fragment_kind;
use crate::packet::{Fragment, Malformed, Protocol};

/// What comes of a walk along IPv6 extension headers.
pub(super) struct Chain<'a> {
    /// The first header that is no extension header, or the one that could not be read.
    pub(super) protocol: Protocol,
    pub(super) fragment: Fragment,
    /// The chain ends before a header that is no extension header.
    pub(super) cut: bool,
    /// The last extension header reaches beyond the bytes there.
    overrun: bool,
    /// The bytes behind the extension headers.
    pub(super) rest: &'a [u8],
    /// The length of the extension headers, by their own length fields.
    pub(super) len: usize,
}

/// Walks the headers in `bytes`, of which the first is of kind `first`.
///
/// As in Linux, what counts are a header's first two bytes (four of a fragment or routing header),
/// even if the rest of it is missing.
///
/// Linux `net/ipv6/exthdrs_core.c`, `ipv6_find_hdr`.
#[inline]
pub(super) fn walk(first: IpNumber, bytes: &[u8]) -> Chain<'_> {
    let mut chain = Chain {
        protocol: Protocol(first.0),
        fragment: Fragment::Whole,
        cut: false,
        overrun: false,
        rest: bytes,
        len: 0,
    };
    while is_extension(chain.protocol) {
        let Some(header) = Header::read(chain.protocol, chain.rest) else {
            chain.cut = true;
            return chain;
        };
        chain.pass(&header);
        if chain.fragment == Fragment::Later {
            // The next header lies in the first fragment.
            chain.cut = is_extension(chain.protocol);
            return chain;
        }
    }
    chain
}

impl Chain<'_> {
    /// What is wrong with the extension headers alone. One that reaches beyond the end leaves
    /// nothing of the transport header, but tells the protocol.
    pub(super) const fn fault(&self) -> Option<Malformed> {
        match self {
            Self { cut: true, .. } => Some(Malformed::ExtensionHeaders),
            Self { overrun: true, .. } => Some(Malformed::ShortTransport),
            _ => None,
        }
    }

    fn pass(&mut self, header: &Header) {
        self.protocol = header.next;
        self.fragment = self.fragment.max(header.fragment);
        self.overrun = self.rest.len() < header.len;
        self.rest = self.rest.get(header.len..).unwrap_or_default();
        self.len = self.len.saturating_add(header.len);
    }
}

pub(super) const fn is_extension(protocol: Protocol) -> bool {
    matches!(
        IpNumber(protocol.0),
        ip_number::IPV6_HEADER_HOP_BY_HOP
            | ip_number::IPV6_ROUTE_HEADER
            | ip_number::IPV6_FRAGMENTATION_HEADER
            | ip_number::AUTHENTICATION_HEADER
            | ip_number::IPV6_DESTINATION_OPTIONS
    )
}

/// Up to the segments left.
const ROUTING_FIXED_LEN: usize = 4;

/// One extension header.
pub(super) struct Header {
    pub(super) next: Protocol,
    fragment: Fragment,
    /// In bytes, by its length field.
    pub(super) len: usize,
}

impl Header {
    pub(super) fn read(kind: Protocol, bytes: &[u8]) -> Option<Self> {
        let [next, len] = *bytes.first_chunk()?;
        let is_routing = kind.0 == ip_number::IPV6_ROUTE_HEADER.0;
        if is_routing && bytes.len() < ROUTING_FIXED_LEN {
            return None;
        }
        let (fragment, len) = match IpNumber(kind.0) {
            ip_number::IPV6_FRAGMENTATION_HEADER => (fragment(bytes)?, 8),
            ip_number::AUTHENTICATION_HEADER => (Fragment::Whole, (usize::from(len) + 2) * 4),
            _ => (Fragment::Whole, (usize::from(len) + 1) * 8),
        };
        Some(Self { next: Protocol(next), fragment, len })
    }
}

fn fragment(bytes: &[u8]) -> Option<Fragment> {
    let [_, _, high, low] = *bytes.first_chunk()?;
    let field = u16::from_be_bytes([high, low]);
    Some(fragment_kind(field & !7, field & 1 == 1))
}
