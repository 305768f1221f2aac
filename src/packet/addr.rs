use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Protocol;

/// An IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Prints `ipv4` or `ipv6`.
impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        })
    }
}

/// The source and destination address of a packet, always of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Addrs {
    /// IPv4 addresses.
    V4 {
        /// The sender.
        src: Ipv4Addr,
        /// The receiver.
        dst: Ipv4Addr,
    },
    /// IPv6 addresses.
    V6 {
        /// The sender.
        src: Ipv6Addr,
        /// The receiver.
        dst: Ipv6Addr,
    },
}

impl Addrs {
    /// Pairs two addresses.
    ///
    /// # Errors
    ///
    /// When one is IPv4 and the other IPv6. An IPv4-mapped IPv6 address is an IPv6 address.
    pub const fn new(src: IpAddr, dst: IpAddr) -> Result<Self, FamilyMismatch> {
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Ok(Self::V4 { src, dst }),
            (IpAddr::V6(src), IpAddr::V6(dst)) => Ok(Self::V6 { src, dst }),
            _ => Err(FamilyMismatch { src, dst }),
        }
    }

    /// The IP version of both addresses.
    pub const fn family(&self) -> Family {
        match self {
            Self::V4 { .. } => Family::V4,
            Self::V6 { .. } => Family::V6,
        }
    }

    /// The sender's address.
    pub const fn src(&self) -> IpAddr {
        match self {
            Self::V4 { src, .. } => IpAddr::V4(*src),
            Self::V6 { src, .. } => IpAddr::V6(*src),
        }
    }

    /// The receiver's address.
    pub const fn dst(&self) -> IpAddr {
        match self {
            Self::V4 { dst, .. } => IpAddr::V4(*dst),
            Self::V6 { dst, .. } => IpAddr::V6(*dst),
        }
    }

    /// The same pair with sender and receiver exchanged.
    #[must_use]
    pub const fn reversed(&self) -> Self {
        match *self {
            Self::V4 { src, dst } => Self::V4 { src: dst, dst: src },
            Self::V6 { src, dst } => Self::V6 { src: dst, dst: src },
        }
    }
}

impl From<(Ipv4Addr, Ipv4Addr)> for Addrs {
    fn from((src, dst): (Ipv4Addr, Ipv4Addr)) -> Self {
        Self::V4 { src, dst }
    }
}

impl From<(Ipv6Addr, Ipv6Addr)> for Addrs {
    fn from((src, dst): (Ipv6Addr, Ipv6Addr)) -> Self {
        Self::V6 { src, dst }
    }
}

impl TryFrom<(IpAddr, IpAddr)> for Addrs {
    type Error = FamilyMismatch;

    fn try_from((src, dst): (IpAddr, IpAddr)) -> Result<Self, FamilyMismatch> {
        Self::new(src, dst)
    }
}

/// A source and a destination address of different IP versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyMismatch {
    /// The source address given.
    pub src: IpAddr,
    /// The destination address given.
    pub dst: IpAddr,
}

impl fmt::Display for FamilyMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source {} and destination {} are of different IP versions", self.src, self.dst)
    }
}

impl core::error::Error for FamilyMismatch {}

/// A source and a destination port, in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports {
    /// The sender's port.
    pub src: u16,
    /// The receiver's port.
    pub dst: u16,
}

/// The 5-tuple that names a flow. Ports are in host byte order.
///
/// A flow key always has ports; a matcher that is given a key takes them as present. A packet
/// without ports is described by [`Packet`](super::Packet), where they are optional.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// Source and destination address.
    pub addrs: Addrs,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// IP protocol.
    pub protocol: Protocol,
}

impl FlowKey {
    /// A key from two endpoints.
    ///
    /// # Errors
    ///
    /// When one address is IPv4 and the other IPv6.
    pub fn new(
        protocol: Protocol,
        src: SocketAddr,
        dst: SocketAddr,
    ) -> Result<Self, FamilyMismatch> {
        let addrs = Addrs::new(src.ip(), dst.ip())?;
        Ok(Self { addrs, src_port: src.port(), dst_port: dst.port(), protocol })
    }

    /// The key of the opposite direction.
    #[must_use]
    pub const fn reversed(&self) -> Self {
        Self {
            addrs: self.addrs.reversed(),
            src_port: self.dst_port,
            dst_port: self.src_port,
            protocol: self.protocol,
        }
    }
}

/// Prints `tcp 10.0.0.1:40000 > 192.0.2.1:443`.
impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let src = SocketAddr::new(self.addrs.src(), self.src_port);
        let dst = SocketAddr::new(self.addrs.dst(), self.dst_port);
        write!(f, "{} {src} > {dst}", self.protocol)
    }
}
