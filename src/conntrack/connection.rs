use super::{TcpState, Time};
use crate::packet::FlowKey;

/// A tracked connection, as it was when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// The 5-tuple of packets in the original direction; ports are 0 where the protocol has none.
    pub original: FlowKey,
    /// Whether packets came in the reply direction.
    pub replied: bool,
    /// Whether it is established to the point where no new connection may displace it.
    pub assured: bool,
    /// How far a TCP connection has got.
    pub tcp_state: Option<TcpState>,
    /// When it was confirmed.
    pub created: Time,
    /// When it ends unless more packets come.
    pub deadline: Time,
}
