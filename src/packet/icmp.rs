use super::{Addrs, GreHeader, Ports, Protocol};

/// An ICMP or ICMPv6 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IcmpMessage {
    /// The type field.
    pub icmp_type: u8,
    /// The code field.
    pub code: u8,
    /// The identifier of a query or its reply (echo, timestamp, information, address mask),
    /// host byte order; of ICMPv6 node information the query type, which its reply repeats in the
    /// same place. `None` for every other type.
    pub identifier: Option<u16>,
    /// What an error message, or an ICMPv6 redirect, quotes of the packet it is about; `None` for
    /// other messages and for errors whose quote cannot be read.
    pub quote: Option<Quote>,
}

impl IcmpMessage {
    /// A message of this type and code, with no identifier and no quote.
    pub const fn new(icmp_type: u8, code: u8) -> Self {
        Self { icmp_type, code, identifier: None, quote: None }
    }
}

/// The start of a packet as an ICMP error quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quote {
    /// The quoted packet's addresses.
    pub addrs: Addrs,
    /// The quoted packet's protocol.
    pub protocol: Protocol,
    /// The quoted ports; `None` when the protocol has none, or they are not quoted, or the quoted
    /// packet is a later fragment.
    pub ports: Option<Ports>,
    /// Type, code and identifier of a quoted ICMP query or reply.
    pub icmp: Option<(u8, u8, u16)>,
    /// What is quoted of a GRE header.
    pub gre: GreHeader,
    /// Whether the quoted packet is a fragment other than the first.
    pub later_fragment: bool,
}

impl Quote {
    /// A quote of a packet that has neither ports nor an ICMP header.
    pub const fn new(addrs: Addrs, protocol: Protocol) -> Self {
        Self {
            addrs,
            protocol,
            ports: None,
            icmp: None,
            gre: GreHeader { call_id: None },
            later_fragment: false,
        }
    }
}
