use core::time::Duration;

use super::entry::Entry;
use super::key::Key;
use super::tcp::{Known, Step};
use super::{Limits, Time};
use crate::packet::{Direction, Packet, Protocol, TcpSegment};

/// How old an answered UDP flow must be to count as a stream.
const STREAM_AGE: Duration = Duration::from_secs(2);

/// What a packet did to its connection.
pub(super) enum Moved {
    On,
    Ended,
    Reopens,
    Invalid,
}

/// Moves the state and the deadline of `entry` by one of its packets.
pub(super) fn advance(
    entry: &mut Entry,
    packet: &Packet,
    direction: Direction,
    limits: &Limits,
    now: Time,
) -> Moved {
    if entry.tcp.is_some() {
        return match packet.tcp_segment() {
            Some(segment) => advance_tcp(entry, segment, direction, limits, now),
            None => Moved::Invalid,
        };
    }
    let timeouts = &limits.timeouts;
    let mut seconds = idle_seconds(&entry.key, limits);
    match entry.key.protocol() {
        Protocol::UDP | Protocol::UDP_LITE
            if entry.replied && now.since(entry.created) > STREAM_AGE =>
        {
            seconds = timeouts.udp_stream;
            entry.assured = true;
        }
        Protocol::GRE if entry.replied => {
            seconds = timeouts.gre_stream;
            entry.assured = true;
        }
        _ => {}
    }
    entry.replied |= direction == Direction::Reply;
    entry.deadline = now.after_secs(seconds);
    Moved::On
}

fn advance_tcp(
    entry: &mut Entry,
    segment: &TcpSegment,
    direction: Direction,
    limits: &Limits,
    now: Time,
) -> Moved {
    let timeouts = &limits.timeouts;
    let known = Known { replied: entry.replied, assured: entry.assured };
    let Some(track) = &mut entry.tcp else { return Moved::Invalid };
    match track.advance(segment, direction, known, &limits.tcp, timeouts) {
        Step::Renewed { seconds, assured } => {
            entry.assured |= assured;
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
    entry.replied |= direction == Direction::Reply;
    Moved::On
}

/// How long a connection without TCP's states is kept while it is not a stream.
pub(super) fn idle_seconds(key: &Key, limits: &Limits) -> u32 {
    let timeouts = &limits.timeouts;
    match key.protocol() {
        Protocol::UDP | Protocol::UDP_LITE => timeouts.udp,
        Protocol::GRE => timeouts.gre,
        Protocol::ICMP if key.is_icmp() => timeouts.icmp,
        Protocol::ICMPV6 if key.is_icmp() => timeouts.icmpv6,
        _ => timeouts.generic,
    }
}
