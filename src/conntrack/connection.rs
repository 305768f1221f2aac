use super::entry::{Entry, Track};
use super::{SctpState, TcpState, Time};
use crate::packet::{ConnFlag, FlowKey};

/// A tracked connection, as it was when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// The 5-tuple of packets in the original direction. Where the protocol has no ports they are 0;
    /// the destination port of PPTP's GRE is the call id.
    pub original: FlowKey,
    /// The zone of its packets.
    pub zone: u16,
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
    /// When it was confirmed.
    pub created: Time,
    /// When it ends unless more packets come.
    pub deadline: Time,
}

impl Connection {
    pub(super) fn of(entry: &Entry) -> Self {
        let (tcp_state, sctp_state) = match &entry.track {
            Track::Stateless => (None, None),
            Track::Tcp(tcp) => (Some(tcp.state()), None),
            Track::Sctp(sctp) => (None, Some(sctp.state())),
        };
        Self {
            original: entry.key.flow_key(entry.opener),
            zone: entry.key.zone(),
            replied: entry.replied(),
            assured: entry.assured(),
            expected: entry.flags.has(ConnFlag::Expected),
            tcp_state,
            sctp_state,
            created: entry.created,
            deadline: entry.deadline,
        }
    }
}
