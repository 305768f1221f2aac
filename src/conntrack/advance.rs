//! What each protocol makes of a connection: which packets may open one, how packets move it, and
//! how long it is kept.

use core::time::Duration;

use super::entry::{Entry, Track};
use super::key::{Flow, Key};
use super::sctp::{self, SctpTrack};
use super::tcp::{self, Known, TcpTrack};
use super::{Limits, Lookup, Time};
use crate::packet::{
    ConnFlag, ConnState, Direction, Packet, Protocol, SctpHeader, TcpSegment, Transport,
};

/// How old an answered UDP flow must be to count as a stream.
const STREAM_AGE: Duration = Duration::from_secs(2);

/// What a packet did to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    On,
    Ended,
    Reopens,
    Invalid,
}

/// Whether `packet`, which shows `flow` and belongs to no known connection, may open one.
pub(super) fn may_open(flow: &Flow, packet: &Packet, limits: &Limits) -> bool {
    match flow.key.protocol() {
        Protocol::TCP => {
            packet.tcp_segment().is_some_and(|segment| tcp::may_open(segment, &limits.tcp))
        }
        Protocol::SCTP => packet
            .sctp_header()
            .is_some_and(|header| SctpTrack::open(header, &limits.timeouts).is_some()),
        _ => flow.may_open,
    }
}

/// The entry for the connection that `packet` opens, if it [may](may_open).
pub(super) fn opened(flow: &Flow, packet: &Packet, limits: &Limits, now: Time) -> Option<Entry> {
    if !may_open(flow, packet, limits) {
        return None;
    }
    let timeouts = &limits.timeouts;
    let (track, seconds) = match flow.key.protocol() {
        Protocol::TCP => {
            let (track, seconds) = TcpTrack::open(packet.tcp_segment()?, &limits.tcp, timeouts);
            (Track::Tcp(track), seconds)
        }
        Protocol::SCTP => {
            let (track, seconds) = SctpTrack::open(packet.sctp_header()?, timeouts)?;
            (Track::Sctp(track), seconds)
        }
        _ => (Track::Stateless, idle_seconds(&flow.key, limits)),
    };
    Some(Entry::new(flow, track, now, seconds))
}

/// What follows for usual packets: in memory and not in branches, as each is as good as random.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    now: Time,
    /// Until when the connection is kept: if there is no data that nobody has acknowledged, and if
    /// there is.
    deadlines: [Time; 2],
    /// What is found, by direction, but for the status.
    found: [Lookup; 2],
}

impl Terms {
    #[inline]
    pub(super) fn of(limits: &Limits, now: Time) -> Self {
        let seconds = tcp::usual_seconds(&limits.tcp, &limits.timeouts);
        let found = |direction| Lookup::known(ConnState::Established, direction);
        Self {
            now,
            deadlines: seconds.map(|seconds| now.after_secs(seconds)),
            found: [Direction::Original, Direction::Reply].map(found),
        }
    }

    /// Makes them those of this moment.
    #[inline(always)]
    pub(super) fn renew(&mut self, limits: &Limits, now: Time) {
        if self.now != now {
            *self = Self::of(limits, now);
        }
    }
}

/// [`advance`] for the usual packet: a segment in the middle of a TCP connection. Whether it is
/// one and has moved `entry` [on](Moved::On), and if so what is found; if not, nothing has happened.
#[inline(always)]
pub(super) fn advance_if_usual(
    entry: &mut Entry,
    packet: &Packet,
    direction: Direction,
    terms: &Terms,
) -> Option<Lookup> {
    let (true, Track::Tcp(track), Transport::Tcp(segment)) =
        (entry.steady, &mut entry.track, &packet.transport)
    else {
        return None;
    };
    let unacknowledged = track.advance_if_usual(segment, direction)?;
    entry.deadline = *terms.deadlines.get(usize::from(unacknowledged))?;
    let found = terms.found.get(direction as usize)?;
    Some(found.with_status(entry.steady_status()))
}

/// Moves the state and the deadline of `entry` by one of its packets.
///
/// # Source
///
/// Linux `nf_conntrack_core.c`, `nf_conntrack_handle_packet`, and the files it leads to:
/// `nf_conntrack_proto_udp.c` (`nf_conntrack_udp_packet`, `nf_conntrack_udplite_packet`),
/// `nf_conntrack_proto_gre.c` (`nf_conntrack_gre_packet`), `nf_conntrack_proto_generic.c`.
pub(super) fn advance(
    entry: &mut Entry,
    packet: &Packet,
    direction: Direction,
    limits: &Limits,
    now: Time,
) -> Moved {
    let moved = match entry.track {
        Track::Stateless => advance_stateless(entry, limits, now),
        Track::Tcp(_) => match packet.tcp_segment() {
            Some(segment) => advance_tcp(entry, segment, direction, limits, now),
            None => Moved::Invalid,
        },
        Track::Sctp(_) => match packet.sctp_header() {
            Some(header) => advance_sctp(entry, header, direction, limits, now),
            None => Moved::Invalid,
        },
    };
    let replied = moved == Moved::On && direction == Direction::Reply;
    entry.flag_if(replied, ConnFlag::Replied);
    moved
}

fn advance_stateless(entry: &mut Entry, limits: &Limits, now: Time) -> Moved {
    let timeouts = &limits.timeouts;
    let stream = match entry.key.protocol() {
        Protocol::UDP if now.since(entry.created) > STREAM_AGE => Some(timeouts.udp_stream),
        Protocol::UDP_LITE => Some(timeouts.udp_stream),
        Protocol::GRE => Some(timeouts.gre_stream),
        _ => None,
    };
    let stream = stream.filter(|_| entry.replied());
    entry.flag_if(stream.is_some(), ConnFlag::Assured);
    entry.deadline = now.after_secs(stream.unwrap_or(idle_seconds(&entry.key, limits)));
    Moved::On
}

fn advance_tcp(
    entry: &mut Entry,
    segment: &TcpSegment,
    direction: Direction,
    limits: &Limits,
    now: Time,
) -> Moved {
    use tcp::Step;

    let timeouts = &limits.timeouts;
    let known = Known { replied: entry.replied(), assured: entry.assured() };
    let Track::Tcp(track) = &mut entry.track else { return Moved::Invalid };
    match track.advance(segment, direction, known, &limits.tcp, timeouts) {
        Step::Renewed { seconds, assured } => {
            entry.flag_if(assured, ConnFlag::Assured);
            entry.deadline = now.after_secs(seconds);
        }
        Step::Kept => {}
        Step::Ended => return Moved::Ended,
        Step::Reopens => return Moved::Reopens,
        Step::Invalid => return Moved::Invalid,
        Step::Doubtful => {
            entry.shorten(now, timeouts.tcp_unacknowledged);
            return Moved::Invalid;
        }
    }
    Moved::On
}

fn advance_sctp(
    entry: &mut Entry,
    header: &SctpHeader,
    direction: Direction,
    limits: &Limits,
    now: Time,
) -> Moved {
    use sctp::Step;

    let Track::Sctp(track) = &mut entry.track else { return Moved::Invalid };
    let advance = track.advance(header, direction, &limits.timeouts);
    entry.flag_if(advance.assured, ConnFlag::Assured);
    match advance.step {
        Step::Renewed { seconds } => entry.deadline = now.after_secs(seconds),
        Step::Kept => {}
        Step::Invalid => return Moved::Invalid,
    }
    Moved::On
}

/// Closes a TCP connection whose packet was answered with a reset.
///
/// # Source
///
/// Linux `nf_reject_ipv4.c`, `nf_send_reset`; `nf_conntrack_proto_tcp.c`,
/// `nf_conntrack_tcp_set_closing`.
pub(super) fn close(entry: &mut Entry, limits: &Limits, now: Time) {
    if let Track::Tcp(track) = &mut entry.track
        && track.close()
    {
        entry.deadline = now.after_secs(limits.timeouts.tcp_close);
    }
}

/// How long a connection without states is kept while it is not a stream.
fn idle_seconds(key: &Key, limits: &Limits) -> u32 {
    let timeouts = &limits.timeouts;
    match key.protocol() {
        Protocol::UDP | Protocol::UDP_LITE => timeouts.udp,
        Protocol::GRE => timeouts.gre,
        Protocol::ICMP => timeouts.icmp,
        Protocol::ICMPV6 => timeouts.icmpv6,
        _ => timeouts.generic,
    }
}
