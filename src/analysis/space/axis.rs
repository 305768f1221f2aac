/// A dimension of the space of packets: what one number says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::analysis) struct Axis(u8);

impl Axis {
    // What says whether a packet has a field comes before the field: cubes are taken apart in this
    // order, and what is left of one should not speak of fields that its packets do not have.
    /// 0 for IPv4, 1 for IPv6.
    pub(in crate::analysis) const FAMILY: Self = Self(0);
    /// The source address of an IPv4 packet.
    pub(in crate::analysis) const SRC_V4: Self = Self(1);
    pub(in crate::analysis) const DST_V4: Self = Self(2);
    pub(in crate::analysis) const SRC_V6: Self = Self(3);
    pub(in crate::analysis) const DST_V6: Self = Self(4);
    /// Which transport header can be read: see [`headers`].
    pub(in crate::analysis) const HEADERS: Self = Self(5);
    pub(in crate::analysis) const DST_PORT: Self = Self(6);
    pub(in crate::analysis) const SRC_PORT: Self = Self(7);
    pub(in crate::analysis) const PROTOCOL: Self = Self(8);
    /// `type * 256 + code`, of either ICMP.
    pub(in crate::analysis) const ICMP: Self = Self(9);
    pub(in crate::analysis) const FRAGMENT: Self = Self(10);
    /// 0 for sound packets, otherwise the number of what is wrong.
    pub(in crate::analysis) const MALFORMED: Self = Self(11);
    pub(in crate::analysis) const IN_INTERFACE: Self = Self(12);
    pub(in crate::analysis) const OUT_INTERFACE: Self = Self(13);
    pub(in crate::analysis) const ZONE: Self = Self(14);
    pub(in crate::analysis) const STATE: Self = Self(15);
    pub(in crate::analysis) const DIRECTION: Self = Self(16);
    pub(in crate::analysis) const DSCP: Self = Self(17);
    pub(in crate::analysis) const TTL: Self = Self(18);
    pub(in crate::analysis) const LENGTH: Self = Self(19);
    pub(in crate::analysis) const VLAN: Self = Self(20);
    const FIRST_FLAG: u8 = 32;
    const FIRST_STATUS: u8 = Self::FIRST_FLAG + 8;
    const FIRST_MARK: u8 = Self::FIRST_STATUS + 8;
    const FIRST_PREDICATE: u8 = Self::FIRST_MARK + 32;

    /// Bit `i` of the TCP flags.
    pub(in crate::analysis) const fn flag(i: u8) -> Self {
        Self(Self::FIRST_FLAG + i % 8)
    }

    /// Bit `i` of what else is known of the connection.
    pub(in crate::analysis) const fn status(i: u8) -> Self {
        Self(Self::FIRST_STATUS + i % 8)
    }

    /// Bit `i` of the mark that the packet came with.
    pub(in crate::analysis) const fn mark(i: u8) -> Self {
        Self(Self::FIRST_MARK + i % 32)
    }

    /// Predicate `i`.
    pub(in crate::analysis) const fn predicate(i: u8) -> Self {
        Self(Self::FIRST_PREDICATE + i % 64)
    }

    /// The greatest number it has; 0 is the least.
    pub(in crate::analysis) const fn last(self) -> u128 {
        match self {
            Self::SRC_V4 | Self::DST_V4 | Self::LENGTH => u32::MAX as u128,
            Self::SRC_V6 | Self::DST_V6 => u128::MAX,
            Self::SRC_PORT | Self::DST_PORT | Self::ICMP => u16::MAX as u128,
            Self::IN_INTERFACE | Self::OUT_INTERFACE => NO_INTERFACE,
            Self::PROTOCOL | Self::TTL => u8::MAX as u128,
            Self::ZONE => u16::MAX as u128,
            Self::HEADERS => headers::CUT,
            Self::FRAGMENT => 2,
            Self::MALFORMED => 5,
            Self::DIRECTION => NO_DIRECTION,
            Self::STATE => NO_STATE,
            Self::DSCP => 63,
            Self::VLAN => NO_VLAN,
            _ => 1,
        }
    }
}

impl Axis {
    /// What a packet has there if nothing special is asked, for packets that are shown.
    pub(in crate::analysis) const fn usual(self) -> u128 {
        match self {
            Self::SRC_V4 => 0xc000_0201,             // 192.0.2.1
            Self::DST_V4 => 0xc633_6401,             // 198.51.100.1
            Self::SRC_V6 => (0x2001_0db8 << 96) | 1, // 2001:db8::1
            Self::DST_V6 => (0x2001_0db8 << 96) | 2,
            Self::SRC_PORT => 40_000,
            Self::DST_PORT => 443,
            Self::PROTOCOL => 6,
            Self::HEADERS => headers::TCP,
            Self::ICMP => 8 << 8,
            Self::IN_INTERFACE | Self::OUT_INTERFACE => NO_INTERFACE,
            Self::VLAN => NO_VLAN,
            Self::TTL => 64,
            _ => (self.0 == Self::FIRST_FLAG + 1) as u128, // SYN
        }
    }
}

/// The interface number of packets whose interface no rule names.
pub(in crate::analysis) const NO_INTERFACE: u128 = u16::MAX as u128;
/// The state of packets that are not tracked.
pub(in crate::analysis) const NO_STATE: u128 = 5;
/// The direction of packets that belong to no connection.
pub(in crate::analysis) const NO_DIRECTION: u128 = 2;
/// The VLAN of packets without a tag.
pub(in crate::analysis) const NO_VLAN: u128 = 4096;

/// Which transport header of a packet can be read.
pub(in crate::analysis) mod headers {
    pub(in crate::analysis) const NONE: u128 = 0;
    /// Ports and nothing else that rules look at.
    pub(in crate::analysis) const PORTS: u128 = 1;
    pub(in crate::analysis) const TCP: u128 = 2;
    pub(in crate::analysis) const ICMP: u128 = 3;
    pub(in crate::analysis) const ICMPV6: u128 = 4;
    /// One that is cut short behind its ports.
    pub(in crate::analysis) const CUT: u128 = 5;
}
