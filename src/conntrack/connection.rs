use super::entry::{Entry, Track};
use super::{Lookup, SctpState, TcpState, Time};
use crate::packet::{
    ConnFlag, FlowKey, GreHeader, IcmpMessage, Packet, Protocol, SctpChunk, SctpHeader, TcpFlags,
    TcpSegment, Tracked, Transport,
};

/// A tracked connection, as it was when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// The 5-tuple of packets in the original direction. Where the protocol has no ports they are 0;
    /// the destination port of PPTP's GRE is the call id.
    pub original: FlowKey,
    /// The zone of its packets.
    pub zone: u16,
    /// What its queries have in common, if it is one of ICMP or ICMPv6.
    pub query: Option<IcmpQuery>,
    /// Whether packets came in the reply direction.
    pub replied: bool,
    /// Whether it is established to the point where no new connection may displace it.
    pub assured: bool,
    /// Whether another connection announced it, which a [helper](super::helper) read.
    pub expected: bool,
    /// How far a TCP connection has got.
    pub tcp_state: Option<TcpState>,
    /// How far an SCTP association has got.
    pub sctp_state: Option<SctpState>,
    /// Whether it is one of TCP whose start was not seen.
    pub picked_up: bool,
    /// When it was confirmed.
    pub created: Time,
    /// When it ends unless more packets come.
    pub deadline: Time,
}

/// What the queries of an ICMP or ICMPv6 connection have in common with each other and, but for the
/// type, with the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct IcmpQuery {
    /// The type field of the queries.
    pub icmp_type: u8,
    /// The code field.
    pub code: u8,
    /// The identifier, host byte order.
    pub identifier: u16,
}

impl Connection {
    /// A packet like the one that opened it, as far as the table knows: addresses, ports, zone and
    /// the transport header. Interfaces, mark, DSCP and the like are not remembered.
    pub fn opening(&self) -> Packet {
        let FlowKey { addrs, protocol, .. } = self.original;
        let mut packet = if self.has_ports() {
            Packet::from(self.original)
        } else {
            Packet::new(addrs, protocol)
        };
        packet.zone = self.zone;
        packet.transport = self.opening_transport();
        packet
    }

    /// What the tracker said of the packet that opened it.
    pub const fn opening_state(&self) -> Tracked {
        if self.expected { Lookup::expected().tracked } else { Lookup::tentative().tracked }
    }

    const fn has_ports(&self) -> bool {
        matches!(
            self.original.protocol,
            Protocol::TCP | Protocol::UDP | Protocol::SCTP | Protocol::UDP_LITE
        )
    }

    fn opening_transport(&self) -> Transport {
        match (self.original.protocol, self.query) {
            (Protocol::TCP, _) => {
                let flags = if self.picked_up { TcpFlags::ACK } else { TcpFlags::SYN };
                Transport::Tcp(TcpSegment::new(flags))
            }
            (Protocol::SCTP, _) => {
                let mut header = SctpHeader::new(0, &[SctpChunk::new(SctpChunk::INIT)]);
                header.initiate_tag = Some(1);
                Transport::Sctp(header)
            }
            (Protocol::GRE, _) if self.original.dst_port != 0 => {
                Transport::Gre(GreHeader::with_call_id(self.original.dst_port))
            }
            (_, Some(query)) => {
                let mut message = IcmpMessage::new(query.icmp_type, query.code);
                message.identifier = Some(query.identifier);
                Transport::Icmp(message)
            }
            _ => Transport::None,
        }
    }

    pub(super) fn of(entry: &Entry) -> Self {
        let (tcp_state, sctp_state) = match &entry.track {
            Track::Stateless => (None, None),
            Track::Tcp(tcp) => (Some(tcp.state()), None),
            Track::Sctp(sctp) => (None, Some(sctp.state())),
        };
        Self {
            original: entry.key.flow_key(entry.opener),
            zone: entry.key.zone(),
            query: entry.key.query(),
            replied: entry.replied(),
            assured: entry.assured(),
            expected: entry.flags.has(ConnFlag::Expected),
            tcp_state,
            sctp_state,
            picked_up: matches!(&entry.track, Track::Tcp(tcp) if tcp.was_picked_up()),
            created: entry.created,
            deadline: entry.deadline,
        }
    }
}
