use core::cmp::Ordering;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::RangeInclusive;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Masked;
use crate::packet::{
    ConnFlag, ConnState, ConnStatus, Direction, Family, Fragment, Malformed, Protocol, TcpFlags,
};

/// One alternative of a criterion: something that a field's value either is or is not in.
///
/// Sealed: the kinds of alternatives are those of this module.
pub trait Item: Clone + PartialEq + sealed::Sealed {
    /// The type of the packet field it is compared with.
    type Value: Copy;

    /// Whether `value` is in it.
    fn matches(&self, value: Self::Value) -> bool;
}

mod sealed {
    pub trait Sealed {}
}

/// An inclusive range of addresses of one family. A prefix is the usual case.
///
/// # Examples
///
/// ```
/// use portcullis::rule::IpRange;
///
/// let range: IpRange = "10.0.0.0/8".parse::<ipnet::IpNet>()?.into();
/// assert_eq!(range.to_string(), "10.0.0.0/8");
/// let range = IpRange::new("10.0.0.1".parse()?, "10.0.0.9".parse()?).unwrap();
/// assert_eq!(range.to_string(), "10.0.0.1-10.0.0.9");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpRange {
    first: IpAddr,
    last: IpAddr,
}

impl IpRange {
    /// The addresses from `first` to `last`; `None` if they are of different families or in the
    /// wrong order.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Self { first, last })
    }

    /// The lowest address.
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// The highest address.
    pub const fn last(&self) -> IpAddr {
        self.last
    }

    /// The family of its addresses.
    pub const fn family(&self) -> Family {
        match self.first {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    /// The prefix that holds exactly these addresses, if there is one.
    pub fn prefix(&self) -> Option<IpNet> {
        let (bits, width) = match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                (u128::from(first.to_bits() ^ last.to_bits()), 32)
            }
            (first, last) => (address_bits(first) ^ address_bits(last), 128),
        };
        let host_bits = 128 - bits.leading_zeros() as u8;
        let net = IpNet::new(self.first, width - host_bits).ok()?;
        (net.network() == self.first && net.broadcast() == self.last).then_some(net)
    }
}

fn address_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The prefix's addresses; bits beyond its length are ignored.
impl From<IpNet> for IpRange {
    fn from(net: IpNet) -> Self {
        match net {
            IpNet::V4(net) => net.into(),
            IpNet::V6(net) => net.into(),
        }
    }
}

impl From<Ipv4Net> for IpRange {
    fn from(net: Ipv4Net) -> Self {
        Self { first: net.network().into(), last: net.broadcast().into() }
    }
}

impl From<Ipv6Net> for IpRange {
    fn from(net: Ipv6Net) -> Self {
        Self { first: net.network().into(), last: net.broadcast().into() }
    }
}

impl From<IpAddr> for IpRange {
    fn from(address: IpAddr) -> Self {
        Self { first: address, last: address }
    }
}

impl From<Ipv4Addr> for IpRange {
    fn from(address: Ipv4Addr) -> Self {
        IpAddr::V4(address).into()
    }
}

impl From<Ipv6Addr> for IpRange {
    fn from(address: Ipv6Addr) -> Self {
        IpAddr::V6(address).into()
    }
}

/// Prints an address, a prefix, or `first-last`.
impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix() {
            _ if self.first == self.last => self.first.fmt(f),
            Some(net) => net.fmt(f),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl sealed::Sealed for IpRange {}

impl Item for IpRange {
    type Value = IpAddr;

    fn matches(&self, value: IpAddr) -> bool {
        value.is_ipv4() == self.first.is_ipv4() && self.first <= value && value <= self.last
    }
}

/// An inclusive range of numbers: DSCP values, packet lengths in bytes, VLAN ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span<N> {
    first: N,
    last: N,
}

/// An inclusive range of ports, in host byte order.
pub type PortRange = Span<u16>;

impl<N: Copy + PartialOrd> Span<N> {
    /// The numbers from `first` to `last`; `None` if `last` is below `first`.
    pub fn new(first: N, last: N) -> Option<Self> {
        matches!(first.partial_cmp(&last), Some(Ordering::Less | Ordering::Equal))
            .then_some(Self { first, last })
    }

    /// The lowest number.
    pub const fn first(&self) -> N {
        self.first
    }

    /// The highest number.
    pub const fn last(&self) -> N {
        self.last
    }
}

impl<N: Copy> From<N> for Span<N> {
    fn from(number: N) -> Self {
        Self { first: number, last: number }
    }
}

/// A range written the wrong way round, `9..=1`, is taken as the one meant, `1..=9`.
impl<N: Copy + Ord> From<RangeInclusive<N>> for Span<N> {
    fn from(range: RangeInclusive<N>) -> Self {
        let (a, b) = range.into_inner();
        Self { first: a.min(b), last: a.max(b) }
    }
}

/// Prints the number, or `first-last`.
impl<N: fmt::Display + PartialEq> fmt::Display for Span<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => self.first.fmt(f),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl<N> sealed::Sealed for Span<N> {}

impl<N: Copy + PartialOrd> Item for Span<N> {
    type Value = N;

    fn matches(&self, value: N) -> bool {
        self.first <= value && value <= self.last
    }
}

impl sealed::Sealed for Masked {}

impl Item for Masked {
    type Value = u32;

    fn matches(&self, value: u32) -> bool {
        value & self.mask() == self.value()
    }
}

/// TCP flags that must be set and flags that must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlagsMatch {
    set: TcpFlags,
    mask: TcpFlags,
}

impl FlagsMatch {
    /// Of the flags in `mask`, exactly those in `set` are set; those outside `mask` do not count.
    pub const fn new(set: TcpFlags, mask: TcpFlags) -> Self {
        Self { set: TcpFlags(set.0 & mask.0), mask }
    }

    /// The flags that must be set.
    pub const fn set(&self) -> TcpFlags {
        self.set
    }

    /// The flags that count.
    pub const fn mask(&self) -> TcpFlags {
        self.mask
    }
}

/// Prints `syn/fin,syn,rst,ack`: the flags set, a slash, the flags that count.
impl fmt::Display for FlagsMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.set, self.mask)
    }
}

impl sealed::Sealed for FlagsMatch {}

impl Item for FlagsMatch {
    type Value = TcpFlags;

    fn matches(&self, value: TcpFlags) -> bool {
        value.0 & self.mask.0 == self.set.0
    }
}

/// An ICMP or ICMPv6 type with a range of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IcmpKind {
    icmp_type: u8,
    codes: Span<u8>,
}

impl IcmpKind {
    /// A type and the codes, first to last, that count.
    pub fn new(icmp_type: u8, codes: impl Into<Span<u8>>) -> Self {
        Self { icmp_type, codes: codes.into() }
    }

    /// The type.
    pub const fn icmp_type(&self) -> u8 {
        self.icmp_type
    }

    /// The codes.
    pub const fn codes(&self) -> Span<u8> {
        self.codes
    }
}

/// A type with any code.
impl From<u8> for IcmpKind {
    fn from(icmp_type: u8) -> Self {
        Self::new(icmp_type, 0..=u8::MAX)
    }
}

/// Prints `8`, or `3/4` or `3/0-5` when the code counts.
impl fmt::Display for IcmpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.icmp_type.fmt(f)?;
        match (self.codes.first, self.codes.last) {
            (0, u8::MAX) => Ok(()),
            _ => write!(f, "/{}", self.codes),
        }
    }
}

impl sealed::Sealed for IcmpKind {}

impl Item for IcmpKind {
    type Value = (u8, u8);

    fn matches(&self, (icmp_type, code): (u8, u8)) -> bool {
        self.icmp_type == icmp_type && self.codes.matches(code)
    }
}

/// Values that are their own alternatives: equal or not.
macro_rules! equal_item {
    ($($kind:ty),*) => {$(
        impl sealed::Sealed for $kind {}

        impl Item for $kind {
            type Value = $kind;

            fn matches(&self, value: $kind) -> bool {
                *self == value
            }
        }
    )*};
}

equal_item!(Protocol, ConnState, Direction, Fragment);

impl sealed::Sealed for Malformed {}

/// Equal or not; a sound packet has the value `None`.
impl Item for Malformed {
    type Value = Option<Self>;

    fn matches(&self, value: Option<Self>) -> bool {
        value == Some(*self)
    }
}

impl sealed::Sealed for ConnFlag {}

/// Set or not.
impl Item for ConnFlag {
    type Value = ConnStatus;

    fn matches(&self, value: ConnStatus) -> bool {
        value.has(*self)
    }
}

/// A caller's predicate, 0 to 63.
impl sealed::Sealed for u8 {}

impl Item for u8 {
    type Value = u64;

    fn matches(&self, predicates: u64) -> bool {
        predicates.checked_shr(u32::from(*self)).is_some_and(|bits| bits & 1 == 1)
    }
}
