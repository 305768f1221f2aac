use core::fmt;

/// An IP protocol number (the IPv6 "next header" of the upper-layer header).
///
/// # Source
///
/// IANA, "Assigned Internet Protocol Numbers".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// Internet Control Message Protocol, for IPv4.
    pub const ICMP: Self = Self(1);
    /// Internet Group Management Protocol.
    pub const IGMP: Self = Self(2);
    /// Transmission Control Protocol.
    pub const TCP: Self = Self(6);
    /// User Datagram Protocol.
    pub const UDP: Self = Self(17);
    /// Datagram Congestion Control Protocol.
    pub const DCCP: Self = Self(33);
    /// Generic Routing Encapsulation.
    pub const GRE: Self = Self(47);
    /// IPsec Encapsulating Security Payload.
    pub const ESP: Self = Self(50);
    /// IPsec Authentication Header.
    pub const AH: Self = Self(51);
    /// Internet Control Message Protocol, for IPv6.
    pub const ICMPV6: Self = Self(58);
    /// Stream Control Transmission Protocol.
    pub const SCTP: Self = Self(132);
    /// UDP-Lite.
    pub const UDP_LITE: Self = Self(136);

    const NAMES: [(&'static str, Self); 11] = [
        ("icmp", Self::ICMP),
        ("igmp", Self::IGMP),
        ("tcp", Self::TCP),
        ("udp", Self::UDP),
        ("dccp", Self::DCCP),
        ("gre", Self::GRE),
        ("esp", Self::ESP),
        ("ah", Self::AH),
        ("icmpv6", Self::ICMPV6),
        ("sctp", Self::SCTP),
        ("udplite", Self::UDP_LITE),
    ];

    /// The protocol with this lower-case name, if it is one of this type's constants.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::Protocol;
    /// assert_eq!(Protocol::from_name("sctp"), Some(Protocol::SCTP));
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|entry| entry.0 == name).map(|entry| entry.1)
    }

    /// The name that [`Protocol::from_name`] reads, if it has one.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find(|entry| entry.1 == self).map(|entry| entry.0)
    }

    /// Whether headers of this protocol begin with a source and a destination port.
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::DCCP | Self::SCTP | Self::UDP_LITE)
    }
}

/// Prints the name, or the number of a protocol that has none.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl From<u8> for Protocol {
    fn from(number: u8) -> Self {
        Self(number)
    }
}
