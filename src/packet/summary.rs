use core::fmt;
use core::net::SocketAddr;

use super::{
    Addrs, Checksum, FamilyMismatch, FlowKey, GreHeader, IcmpMessage, Ports, Protocol, SctpHeader,
    TcpFlags, TcpSegment,
};

/// What a matcher looks at: one packet's headers, summed up, and what the caller knows of it.
///
/// Built by hand with [`Packet::new`], [`Packet::tcp`] and their like, or from bytes with
/// [`Packet::from_ethernet`] and [`Packet::from_ip`] (feature `parse`). Fields may be changed
/// freely; they are what the packet *is* to every matcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet {
    /// Source and destination address.
    pub addrs: Addrs,
    /// Upper-layer protocol, behind all IPv6 extension headers.
    pub protocol: Protocol,
    /// The ports, if the packet has them: not a later fragment, not a header cut short, not a
    /// protocol without ports. A rule that names ports never matches a packet without them.
    pub ports: Option<Ports>,
    /// The ports of a transport header that is cut short behind them
    /// ([`Malformed::ShortTransport`]). They are not the packet's ports to any rule that names
    /// ports; Linux's `multiport` match looks at them.
    pub cut_ports: Option<Ports>,
    /// The transport header.
    pub transport: Transport,
    /// Whether this is a whole packet or which part of a fragmented one.
    pub fragment: Fragment,
    /// What is wrong with the packet's headers, if anything.
    pub malformed: Option<Malformed>,
    /// Whether the transport checksum is right, if somebody has looked.
    pub checksum: Checksum,
    /// Differentiated services code point, 0 to 63.
    pub dscp: u8,
    /// Time to live (IPv4) or hop limit (IPv6). Packets built by hand have 64.
    pub ttl: u8,
    /// Length of the IP packet in bytes, its header included.
    pub length: u32,
    /// VLAN id of the outermost tag, 0 to 4095.
    pub vlan: Option<u16>,
    /// The interface it came in by, as [`RuleSet::interface`](crate::RuleSet::interface) numbers it.
    pub in_interface: Option<InterfaceId>,
    /// The interface it will leave by.
    pub out_interface: Option<InterfaceId>,
    /// A number that keeps equal addresses and ports of different networks apart: two packets that
    /// differ in nothing but this belong to different connections.
    ///
    /// # Source
    ///
    /// Linux's conntrack zones, `include/net/netfilter/nf_conntrack_zones.h`.
    pub zone: u16,
    /// Whether connection tracking leaves the packet alone: it is then
    /// [untracked](super::ConnState::Untracked), as by `NOTRACK` in Linux's `raw` table.
    pub notrack: bool,
    /// The mark that the caller, or an earlier rule, put on it.
    pub mark: u32,
    /// The caller's own predicates that hold of this packet: bit `i` for predicate `i`.
    pub predicates: u64,
}

impl Packet {
    /// A whole packet of `protocol` without ports or transport header.
    pub fn new(addrs: impl Into<Addrs>, protocol: Protocol) -> Self {
        Self {
            addrs: addrs.into(),
            protocol,
            ports: None,
            cut_ports: None,
            transport: Transport::None,
            fragment: Fragment::Whole,
            malformed: None,
            checksum: Checksum::Unchecked,
            dscp: 0,
            ttl: 64,
            length: 0,
            vlan: None,
            in_interface: None,
            out_interface: None,
            zone: 0,
            notrack: false,
            mark: 0,
            predicates: 0,
        }
    }

    /// A whole TCP segment.
    ///
    /// # Errors
    ///
    /// When one address is IPv4 and the other IPv6.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::Packet;
    /// use portcullis::packet::TcpFlags;
    ///
    /// let syn = Packet::tcp("10.0.0.1:40000".parse()?, "192.0.2.1:443".parse()?, TcpFlags::SYN)?;
    /// assert_eq!(syn.ports.unwrap().dst, 443);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tcp(src: SocketAddr, dst: SocketAddr, flags: TcpFlags) -> Result<Self, FamilyMismatch> {
        let key = FlowKey::new(Protocol::TCP, src, dst)?;
        Ok(Self { transport: Transport::Tcp(TcpSegment::new(flags)), ..Self::from(key) })
    }

    /// A whole UDP datagram.
    ///
    /// # Errors
    ///
    /// When one address is IPv4 and the other IPv6.
    pub fn udp(src: SocketAddr, dst: SocketAddr) -> Result<Self, FamilyMismatch> {
        FlowKey::new(Protocol::UDP, src, dst).map(Self::from)
    }

    /// A whole SCTP packet.
    ///
    /// # Errors
    ///
    /// When one address is IPv4 and the other IPv6.
    pub fn sctp(
        src: SocketAddr,
        dst: SocketAddr,
        header: SctpHeader,
    ) -> Result<Self, FamilyMismatch> {
        let key = FlowKey::new(Protocol::SCTP, src, dst)?;
        Ok(Self { transport: Transport::Sctp(header), ..Self::from(key) })
    }

    /// A whole ICMP or ICMPv6 message; which of the two follows from the addresses.
    pub fn icmp(addrs: impl Into<Addrs>, message: IcmpMessage) -> Self {
        let addrs = addrs.into();
        let protocol = match addrs {
            Addrs::V4 { .. } => Protocol::ICMP,
            Addrs::V6 { .. } => Protocol::ICMPV6,
        };
        Self { transport: Transport::Icmp(message), ..Self::new(addrs, protocol) }
    }

    /// The 5-tuple, with ports 0 where the packet has none.
    pub fn flow_key(&self) -> FlowKey {
        let Ports { src, dst } = self.ports.unwrap_or(Ports { src: 0, dst: 0 });
        FlowKey { addrs: self.addrs, src_port: src, dst_port: dst, protocol: self.protocol }
    }

    /// These headers with what only the caller knows of `other`: interfaces, zone, mark and the like.
    #[cfg(all(feature = "alloc", feature = "parse"))]
    pub(crate) const fn with_context_of(self, other: &Self) -> Self {
        Self {
            vlan: other.vlan,
            in_interface: other.in_interface,
            out_interface: other.out_interface,
            zone: other.zone,
            notrack: other.notrack,
            mark: other.mark,
            predicates: other.predicates,
            ..self
        }
    }

    /// The TCP header, if the packet has one.
    pub fn tcp_segment(&self) -> Option<&TcpSegment> {
        match &self.transport {
            Transport::Tcp(segment) => Some(segment),
            _ => None,
        }
    }

    /// The SCTP header, if the packet has one.
    pub fn sctp_header(&self) -> Option<&SctpHeader> {
        match &self.transport {
            Transport::Sctp(header) => Some(header),
            _ => None,
        }
    }

    /// The GRE header, if the packet has one.
    pub fn gre_header(&self) -> Option<&GreHeader> {
        match &self.transport {
            Transport::Gre(header) => Some(header),
            _ => None,
        }
    }

    /// The ICMP or ICMPv6 message, if the packet is one.
    pub fn icmp_message(&self) -> Option<&IcmpMessage> {
        match &self.transport {
            Transport::Icmp(message) => Some(message),
            _ => None,
        }
    }
}

/// A whole packet with the key's ports, whatever its protocol.
impl From<FlowKey> for Packet {
    fn from(key: FlowKey) -> Self {
        let ports = Some(Ports { src: key.src_port, dst: key.dst_port });
        Self { ports, ..Self::new(key.addrs, key.protocol) }
    }
}

/// Prints the five-tuple, with no ports where there are none:
/// `tcp 10.0.0.1:40000 > 192.0.2.1:443`, `icmp 10.0.0.1 > 192.0.2.1`.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ports.is_some() {
            return self.flow_key().fmt(f);
        }
        write!(f, "{} {} > {}", self.protocol, self.addrs.src(), self.addrs.dst())
    }
}

/// The part of the transport header that matchers look at, besides the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "no allocator: the larger variant cannot be boxed")]
pub enum Transport {
    /// Nothing: a later fragment, a header cut short, or a protocol of which only the number
    /// (and perhaps the ports) counts.
    None,
    /// A TCP header.
    Tcp(TcpSegment),
    /// An SCTP header and what matters of the chunks behind it.
    Sctp(SctpHeader),
    /// A GRE header.
    Gre(GreHeader),
    /// An ICMP header of a packet of protocol 1, or an ICMPv6 header of one of protocol 58.
    Icmp(IcmpMessage),
}

/// Which part of a datagram a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fragment {
    /// Not fragmented.
    Whole = 0,
    /// The fragment at offset 0, with more to come. It has the transport header, if that fits.
    First = 1,
    /// A fragment at another offset. It has no transport header.
    Later = 2,
}

/// Prints `whole`, `first` or `later`.
impl fmt::Display for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Whole => "whole",
            Self::First => "first",
            Self::Later => "later",
        })
    }
}

/// What is wrong with a packet's headers.
///
/// The numbers are stable, 0 being left for a packet with nothing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Malformed {
    /// The transport header is cut short. The packet has no ports.
    ShortTransport = 1,
    /// The transport header is cut short before the end of the ports. (Linux's `multiport` match
    /// tells this from [`Malformed::ShortTransport`]; other matches do not.)
    ShortPorts = 2,
    /// A field of the transport header contradicts itself or the packet's length. The packet has
    /// its ports and the other fields of that header.
    BadTransport = 5,
    /// The chain of IPv6 extension headers ends before the upper-layer protocol is known.
    ExtensionHeaders = 4,
    /// A TCP fragment of IPv4 that starts at byte 8 of the segment, where the flags and the window
    /// are: no sound sender makes one, and it can overwrite the flags that a filter has seen.
    ///
    /// # Source
    ///
    /// RFC 1858, 3128; Linux `xt_tcpudp.c`.
    TinyFragment = 3,
}

impl Malformed {
    /// Everything that can be wrong, in the order of the numbers.
    pub const ALL: [Self; 5] = [
        Self::ShortTransport,
        Self::ShortPorts,
        Self::TinyFragment,
        Self::ExtensionHeaders,
        Self::BadTransport,
    ];

    /// The name used by the text form of rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShortTransport => "short-transport",
            Self::ShortPorts => "short-ports",
            Self::BadTransport => "bad-transport",
            Self::ExtensionHeaders => "extension-headers",
            Self::TinyFragment => "tiny-fragment",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ShortTransport => "transport header cut short",
            Self::ShortPorts => "transport header cut short within the ports",
            Self::BadTransport => "transport header contradicts itself",
            Self::ExtensionHeaders => "IPv6 extension headers cut short",
            Self::TinyFragment => "fragment within the TCP header",
        })
    }
}

/// A number that stands for an interface name in one rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub(crate) u16);
