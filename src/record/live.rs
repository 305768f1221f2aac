use alloc::string::String;

use super::{EndReason, Event, EventKind};
use crate::conntrack::Time;
use crate::packet::{Direction, Packet, TcpFlags};

/// What an [`EventLog`](super::EventLog) knows of a connection that is there.
#[derive(Clone, Debug)]
pub(super) struct Live {
    /// The event of its start, which has the rule that let it in.
    pub(super) start: Event,
    pub(super) first: Time,
    pub(super) last: Time,
    original: Sum,
    reply: Sum,
}

/// The packets of one direction.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    packets: u64,
    bytes: u64,
    finished: bool,
    reset: bool,
}

impl Live {
    pub(super) fn new(start: Event, now: Time) -> Self {
        let (original, reply) = (Sum::default(), Sum::default());
        Self { start, first: now, last: now, original, reply }
    }

    pub(super) fn count(&mut self, packet: &Packet, direction: Direction, now: Time) {
        let sum = match direction {
            Direction::Original => &mut self.original,
            Direction::Reply => &mut self.reply,
        };
        sum.packets = sum.packets.saturating_add(1);
        sum.bytes = sum.bytes.saturating_add(packet.length.into());
        let has = |flag| packet.tcp_segment().is_some_and(|segment| segment.flags.contains(flag));
        sum.finished |= has(TcpFlags::FIN);
        sum.reset |= has(TcpFlags::RST);
        self.last = self.last.max(now);
    }

    /// The event of its end; `timestamp` is in Unix milliseconds.
    pub(super) fn end(self, timestamp: u64) -> Event {
        let Self { start, original, reply, .. } = self;
        let reason = match () {
            () if original.reset || reply.reset => EndReason::Reset,
            () if original.finished && reply.finished => EndReason::Closed,
            () => EndReason::Gone,
        };
        Event {
            timestamp,
            kind: EventKind::End,
            packets: original.packets,
            bytes: original.bytes,
            reply_packets: Some(reply.packets),
            reply_bytes: Some(reply.bytes),
            duration: Some(millis(self.last).saturating_sub(millis(self.first))),
            state: None,
            direction: None,
            tcp_flags: None::<String>,
            reason: Some(reason),
            ..start
        }
    }
}

pub(super) const fn millis(time: Time) -> u64 {
    time.as_nanos() / 1_000_000
}
