use core::fmt;

use super::{Addrs, FlowKey, IcmpMessage, Packet, Protocol, Quote};

/// What a connection tracker says of a packet, as rules see it.
///
/// The numbers are stable: state sets are stored as `1 << state`.
///
/// # Source
///
/// Linux `include/uapi/linux/netfilter/nf_conntrack_common.h` and `xt_conntrack.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ConnState {
    /// The first packet of a connection, or one of a connection that has seen no reply yet.
    New = 0,
    /// Belongs to a connection that has seen packets in both directions.
    Established = 1,
    /// Starts a connection, or is an error message, that an existing connection led to expect.
    Related = 2,
    /// Fits no connection and may not start one.
    Invalid = 3,
    /// Deliberately not tracked.
    Untracked = 4,
}

impl ConnState {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::New, Self::Established, Self::Related, Self::Invalid, Self::Untracked];

    /// The lower-case name used by the text form of rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Established => "established",
            Self::Related => "related",
            Self::Invalid => "invalid",
            Self::Untracked => "untracked",
        }
    }
}

/// Prints [`ConnState::name`].
impl fmt::Display for ConnState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which way a packet travels within its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the end that opened the connection.
    Original,
    /// Towards the end that opened the connection.
    Reply,
}

impl Direction {
    /// The other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }
}

/// Prints `original` or `reply`.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Original => "original",
            Self::Reply => "reply",
        })
    }
}

/// Something known of a connection besides its state.
///
/// # Source
///
/// The numbers are those of Linux, `enum ip_conntrack_status` in
/// `include/uapi/linux/netfilter/nf_conntrack_common.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum ConnFlag {
    /// Another connection had led to expect it.
    Expected = 1,
    /// Packets came in the reply direction.
    Replied = 2,
    /// Established to the point where no new connection displaces it.
    Assured = 4,
    /// Entered because its first packet was accepted. Not yet so of a packet that opens one.
    Confirmed = 8,
    /// Its source address is translated. The built-in table translates nothing and never says so.
    SrcNat = 16,
    /// Its destination address is translated. The built-in table never says so.
    DstNat = 32,
}

impl ConnFlag {
    /// Every flag, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Expected, Self::Replied, Self::Assured, Self::Confirmed, Self::SrcNat, Self::DstNat];

    /// The name used by the text form of rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Replied => "replied",
            Self::Assured => "assured",
            Self::Confirmed => "confirmed",
            Self::SrcNat => "src-nat",
            Self::DstNat => "dst-nat",
        }
    }
}

/// Prints [`ConnFlag::name`].
impl fmt::Display for ConnFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The flags of a packet's connection, as the packet itself may have left them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnStatus(u8);

impl ConnStatus {
    /// No flags.
    pub const fn new() -> Self {
        Self(0)
    }

    /// Of [`bits`](Self::bits).
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The same with a flag set or not set.
    #[must_use]
    #[inline]
    pub const fn with(self, flag: ConnFlag, set: bool) -> Self {
        let bit = flag as u8;
        Self(self.0 & !bit | bit & (set as u8).wrapping_neg())
    }

    /// Whether a flag is set.
    #[inline]
    pub const fn has(self, flag: ConnFlag) -> bool {
        self.0 & flag as u8 != 0
    }

    /// The set as a number: the sum of the flags' numbers.
    pub const fn bits(self) -> u8 {
        self.0
    }
}

/// Prints the names of the flags with commas between, or `none`.
impl fmt::Display for ConnStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for flag in ConnFlag::ALL.into_iter().filter(|flag| self.has(*flag)) {
            write!(f, "{separator}{flag}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

/// A packet's place in its connection, for rules that ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Tracked {
    /// The connection state.
    pub state: ConnState,
    /// The direction; `None` when the packet belongs to no connection (invalid or untracked).
    pub direction: Option<Direction>,
    /// What else is known of the connection; nothing when there is none.
    pub status: ConnStatus,
}

impl Tracked {
    /// A state and, for packets of a connection, a direction.
    pub const fn new(state: ConnState, direction: Option<Direction>) -> Self {
        Self { state, direction, status: ConnStatus(0) }
    }

    /// The same with what else is known of the connection.
    #[must_use]
    pub const fn with_status(self, status: ConnStatus) -> Self {
        Self { status, ..self }
    }

    /// The flow key of the connection's original direction, given a packet of it: the packet's own
    /// or the reverse. Of an ICMP error it is that of the packet quoted. `None` for a packet of no
    /// connection.
    ///
    /// ICMP has for the source port the identifier of its queries, for the destination port the
    /// query's type and code, `type * 256 + code`. PPTP's GRE has the call id for the destination
    /// port. DCCP and protocols without ports have 0.
    ///
    /// # Source
    ///
    /// Linux `nf_conntrack_core.c`, `nf_conntrack_proto_icmp.c` and `nf_conntrack_proto_gre.c`, which
    /// keep them in that way.
    pub fn original(&self, packet: &Packet) -> Option<FlowKey> {
        let (key, direction) = match (self.direction?, packet.icmp_message()) {
            (direction, Some(IcmpMessage { quote: Some(quote), .. })) => {
                (key_of_quote(quote), direction.reversed())
            }
            (direction, Some(message)) => (key_of_query(packet, message), direction),
            (direction, None) => (key_of_packet(packet), direction),
        };
        Some(match (direction, is_icmp(&key)) {
            (Direction::Original, _) => key,
            (Direction::Reply, false) => key.reversed(),
            (Direction::Reply, true) => FlowKey { addrs: key.addrs.reversed(), ..asking(key) },
        })
    }
}

fn key_of_packet(packet: &Packet) -> FlowKey {
    let key = packet.flow_key();
    let ports = match packet.protocol {
        Protocol::GRE => (0, packet.gre_header().and_then(|header| header.call_id).unwrap_or(0)),
        Protocol::DCCP => (0, 0),
        _ => (key.src_port, key.dst_port),
    };
    FlowKey { src_port: ports.0, dst_port: ports.1, ..key }
}

fn is_icmp(key: &FlowKey) -> bool {
    match key.addrs {
        Addrs::V4 { .. } => key.protocol == Protocol::ICMP,
        Addrs::V6 { .. } => key.protocol == Protocol::ICMPV6,
    }
}

fn key_of_quote(quote: &Quote) -> FlowKey {
    let (src_port, dst_port) = match (quote.ports, quote.icmp) {
        (Some(ports), _) if quote.protocol != Protocol::DCCP => (ports.src, ports.dst),
        (None, Some((icmp_type, code, id))) => (id, u16::from_be_bytes([icmp_type, code])),
        _ => (0, quote.gre.call_id.unwrap_or(0)),
    };
    FlowKey { addrs: quote.addrs, src_port, dst_port, protocol: quote.protocol }
}

fn key_of_query(packet: &Packet, message: &IcmpMessage) -> FlowKey {
    FlowKey {
        addrs: packet.addrs,
        src_port: message.identifier.unwrap_or(0),
        dst_port: u16::from_be_bytes([message.icmp_type, message.code]),
        protocol: packet.protocol,
    }
}

/// The key of an ICMP answer with the type of the query that it answers.
fn asking(key: FlowKey) -> FlowKey {
    let [answer, code] = key.dst_port.to_be_bytes();
    let query = match (key.protocol, answer) {
        (Protocol::ICMP, 0) => 8,
        _ => answer.saturating_sub(1),
    };
    FlowKey { dst_port: u16::from_be_bytes([query, code]), ..key }
}

/// Why a connection could not be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Refused {
    /// The connection table is full of connections that a new one may not displace.
    TableFull,
    /// The source has opened as many connections as it may.
    SourceLimit,
    /// The zone has as many connections as it may.
    ZoneLimit,
    /// A [helper](crate::conntrack::helper) cannot read what the packet announces.
    Unreadable,
    /// The packet announces a connection that another one has announced already.
    AlreadyExpected,
    /// A [saved connection](crate::conntrack::saved) contradicts itself.
    Unsound,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TableFull => "the connection table is full; raise Limits::capacity",
            Self::SourceLimit => {
                "the source has opened as many connections as Limits::per_source allows"
            }
            Self::ZoneLimit => "the zone has as many connections as Limits::per_zone allows",
            Self::Unreadable => "the packet announces a connection and is cut short or malformed",
            Self::AlreadyExpected => "the connection that the packet announces is expected already",
            Self::Unsound => "the saved connection contradicts itself",
        })
    }
}

impl core::error::Error for Refused {}
