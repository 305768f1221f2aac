use super::{SctpState, TcpState};

/// How many connections a [`ConnTable`](super::ConnTable) keeps, for how long, and how strictly
/// it looks at TCP.
///
/// # Examples
///
/// ```
/// use portcullis::conntrack::{Limits, Timeouts};
///
/// let mut timeouts = Timeouts::default();
/// timeouts.udp_stream = 180;
/// let limits = Limits::new(100_000).timeouts(timeouts);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most connections at a time; memory for all of them, some 150 bytes each, is taken
    /// when the table is made.
    pub capacity: u32,
    /// The most connections that one source opens at a time; `None` (the default) for any number.
    /// Counting takes nine bytes more for each connection.
    pub per_source: Option<SourceLimit>,
    /// The most connections of one [zone](crate::Packet::zone) at a time; `None` (the default) for any
    /// number. Counting takes 256 KiB.
    pub per_zone: Option<u32>,
    /// The most connections that [helpers](super::helper) read at a time (default 1024); memory for
    /// all of them, some 600 bytes each, is taken with the first helper. One more displaces the one
    /// that has not been read for longest.
    pub helped: u32,
    /// How long connections are kept without packets.
    pub timeouts: Timeouts,
    /// How strictly TCP is looked at.
    pub tcp: TcpTracking,
}

impl Limits {
    /// At most `capacity` connections, everything else as Linux has it.
    pub fn new(capacity: u32) -> Self {
        Self {
            capacity,
            per_source: None,
            per_zone: None,
            helped: 1024,
            timeouts: Timeouts::default(),
            tcp: TcpTracking::default(),
        }
    }

    /// Limits how many connections one source opens.
    #[must_use]
    pub fn per_source(mut self, limit: SourceLimit) -> Self {
        self.per_source = Some(limit);
        self
    }

    /// Limits how many connections one zone has.
    #[must_use]
    pub fn per_zone(mut self, connections: u32) -> Self {
        self.per_zone = Some(connections);
        self
    }

    /// Replaces how many connections helpers read.
    #[must_use]
    pub fn helped(mut self, helped: u32) -> Self {
        self.helped = helped;
        self
    }

    /// Replaces the timeouts.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Replaces how strictly TCP is looked at.
    #[must_use]
    pub fn tcp(mut self, tcp: TcpTracking) -> Self {
        self.tcp = tcp;
        self
    }
}

/// 65,536 connections.
impl Default for Limits {
    fn default() -> Self {
        Self::new(1 << 16)
    }
}

/// How many connections one source may have opened at a time. Beyond that its new ones are
/// [refused](crate::packet::Refused::SourceLimit); those that it has stay.
///
/// A source is an address or a whole network, in its zone. Whoever has an IPv6 network can use any
/// address of it, so that networks are what to count there.
///
/// # Examples
///
/// ```
/// use portcullis::conntrack::{Limits, SourceLimit};
///
/// let limits = Limits::new(100_000).per_source(SourceLimit::new(200).prefixes(32, 56));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceLimit {
    /// The most connections.
    pub connections: u16,
    /// How many bits of an IPv4 address count (default 32; more count as 32).
    pub v4_prefix: u8,
    /// How many bits of an IPv6 address count (default 64; more than 128 count as 128).
    pub v6_prefix: u8,
}

impl SourceLimit {
    /// At most `connections` for each IPv4 address and each /64 of IPv6.
    pub const fn new(connections: u16) -> Self {
        Self { connections, v4_prefix: 32, v6_prefix: 64 }
    }

    /// Replaces how many bits of an address count.
    #[must_use]
    pub const fn prefixes(mut self, v4: u8, v6: u8) -> Self {
        (self.v4_prefix, self.v6_prefix) = (v4, v6);
        self
    }
}

/// How strictly TCP is looked at.
///
/// # Source
///
/// Linux `Documentation/networking/nf_conntrack-sysctl.rst`, the fields' names behind
/// `nf_conntrack_tcp_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpTracking {
    /// Whether a plain acknowledgement may open a connection whose start was not seen (default
    /// true).
    pub loose: bool,
    /// Whether a segment outside the window is let through instead of being invalid (default
    /// false).
    pub be_liberal: bool,
    /// Whether a reset below the window is let through instead of being invalid (default false).
    pub ignore_invalid_rst: bool,
    /// How many times the same segment may be sent again before
    /// [`Timeouts::tcp_max_retrans`] applies (default 3).
    pub max_retrans: u8,
}

impl Default for TcpTracking {
    fn default() -> Self {
        Self { loose: true, be_liberal: false, ignore_invalid_rst: false, max_retrans: 3 }
    }
}

/// How many seconds a connection is kept without packets, by what it is.
///
/// The defaults are Linux's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// TCP, a SYN seen (120).
    pub tcp_syn_sent: u32,
    /// TCP, SYNs seen from both ends (120).
    pub tcp_syn_sent2: u32,
    /// TCP, SYN and SYN+ACK seen (60).
    pub tcp_syn_recv: u32,
    /// TCP, open (432,000: five days).
    pub tcp_established: u32,
    /// TCP, a FIN seen (120).
    pub tcp_fin_wait: u32,
    /// TCP, a FIN seen and acknowledged (60).
    pub tcp_close_wait: u32,
    /// TCP, FINs seen from both ends (30).
    pub tcp_last_ack: u32,
    /// TCP, the last FIN acknowledged (120).
    pub tcp_time_wait: u32,
    /// TCP, reset (10).
    pub tcp_close: u32,
    /// TCP, the same segment sent again and again, or a window of zero (300).
    pub tcp_max_retrans: u32,
    /// TCP, data not acknowledged yet, or no answer to a connection picked up midway (300).
    pub tcp_unacknowledged: u32,
    /// UDP, no answer yet or younger than two seconds; UDP-Lite, no answer yet (30).
    pub udp: u32,
    /// UDP, packets both ways for more than two seconds; UDP-Lite, packets both ways (120).
    pub udp_stream: u32,
    /// SCTP, the opener's INIT, or ended (10).
    pub sctp_closed: u32,
    /// SCTP, INIT and INIT ACK seen (3).
    pub sctp_cookie_wait: u32,
    /// SCTP, COOKIE ECHO seen (3).
    pub sctp_cookie_echoed: u32,
    /// SCTP, open (210).
    pub sctp_established: u32,
    /// SCTP, SHUTDOWN seen from the opener (3).
    pub sctp_shutdown_sent: u32,
    /// SCTP, SHUTDOWN seen from the other end (3).
    pub sctp_shutdown_recd: u32,
    /// SCTP, SHUTDOWN ACK seen (3).
    pub sctp_shutdown_ack_sent: u32,
    /// SCTP, a HEARTBEAT of an association whose start was not seen (30).
    pub sctp_heartbeat_sent: u32,
    /// ICMP queries (30).
    pub icmp: u32,
    /// ICMPv6 queries (30).
    pub icmpv6: u32,
    /// GRE, no answer yet (30).
    pub gre: u32,
    /// GRE, packets both ways (180).
    pub gre_stream: u32,
    /// Every other protocol (600).
    pub generic: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            tcp_syn_sent: 120,
            tcp_syn_sent2: 120,
            tcp_syn_recv: 60,
            tcp_established: 432_000,
            tcp_fin_wait: 120,
            tcp_close_wait: 60,
            tcp_last_ack: 30,
            tcp_time_wait: 120,
            tcp_close: 10,
            tcp_max_retrans: 300,
            tcp_unacknowledged: 300,
            udp: 30,
            udp_stream: 120,
            sctp_closed: 10,
            sctp_cookie_wait: 3,
            sctp_cookie_echoed: 3,
            sctp_established: 210,
            sctp_shutdown_sent: 3,
            sctp_shutdown_recd: 3,
            sctp_shutdown_ack_sent: 3,
            sctp_heartbeat_sent: 30,
            icmp: 30,
            icmpv6: 30,
            gre: 30,
            gre_stream: 180,
            generic: 600,
        }
    }
}

impl Timeouts {
    /// The seconds for a TCP connection in `state`.
    #[inline(always)]
    pub(super) const fn tcp(&self, state: TcpState) -> u32 {
        match state {
            TcpState::Established => self.tcp_established,
            _ => self.tcp_not_established(state),
        }
    }

    const fn tcp_not_established(&self, state: TcpState) -> u32 {
        match state {
            TcpState::SynSent => self.tcp_syn_sent,
            TcpState::SynSent2 => self.tcp_syn_sent2,
            TcpState::SynRecv => self.tcp_syn_recv,
            TcpState::Established => self.tcp_established,
            TcpState::FinWait => self.tcp_fin_wait,
            TcpState::CloseWait => self.tcp_close_wait,
            TcpState::LastAck => self.tcp_last_ack,
            TcpState::TimeWait => self.tcp_time_wait,
            TcpState::Close => self.tcp_close,
        }
    }

    /// The seconds for an SCTP association in `state`.
    pub(super) const fn sctp(&self, state: SctpState) -> u32 {
        match state {
            SctpState::Closed => self.sctp_closed,
            SctpState::CookieWait => self.sctp_cookie_wait,
            SctpState::CookieEchoed => self.sctp_cookie_echoed,
            SctpState::Established => self.sctp_established,
            SctpState::ShutdownSent => self.sctp_shutdown_sent,
            SctpState::ShutdownRecd => self.sctp_shutdown_recd,
            SctpState::ShutdownAckSent => self.sctp_shutdown_ack_sent,
            SctpState::HeartbeatSent => self.sctp_heartbeat_sent,
        }
    }

    /// The longest of all.
    pub(super) fn longest(&self) -> u32 {
        let tcp = TcpState::ALL.map(|state| self.tcp(state)).into_iter().fold(0, u32::max);
        let states = SctpState::ALL.map(|state| self.sctp(state)).into_iter().fold(tcp, u32::max);
        let others = [self.udp, self.udp_stream, self.icmp, self.icmpv6, self.gre, self.gre_stream];
        others.into_iter().fold(states.max(self.generic), u32::max)
    }
}
