use alloc::collections::BTreeMap;
use core::time::Duration;

use super::{FlowFormat, Sink};
use crate::conntrack::Time;
use crate::packet::{FlowKey, Packet, TcpFlags};
use crate::rule::Decision;
use crate::stateful::Verdict;

/// Counts packets by flow and writes a line for each flow and window, as AWS VPC Flow Logs do.
///
/// A flow is what has the same flow key, was decided alike and went the same way. Memory is bounded;
/// flows for which there is no room are left out, and a line of status `SKIPDATA` says so.
#[derive(Clone, Debug)]
pub struct FlowLog {
    format: FlowFormat,
    epoch: u64,
    window: Duration,
    capacity: usize,
    start: Time,
    flows: BTreeMap<FlowId, Flow>,
    skipped: u64,
}

/// Which way a packet went through the interface that a log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Into it.
    Ingress,
    /// Out of it.
    Egress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlowId {
    pub(super) key: FlowKey,
    pub(super) accepted: bool,
    pub(super) way: Option<Way>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) first: Time,
    pub(super) last: Time,
    pub(super) tcp_flags: u8,
}

impl FlowLog {
    /// A log in a format. `epoch` is what time it is at [`Time::ZERO`], in Unix seconds.
    ///
    /// Windows are 60 seconds, and hold 65,536 flows; the first begins at [`Time::ZERO`].
    pub fn new(format: FlowFormat, epoch: u64) -> Self {
        Self {
            format,
            epoch,
            window: Duration::from_secs(60),
            capacity: 1 << 16,
            start: Time::ZERO,
            flows: BTreeMap::new(),
            skipped: 0,
        }
    }

    /// How long a window is (default 60 seconds): how old a line is at most when it is written.
    #[must_use]
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How many flows a window has at most (default 65,536). Each takes some 150 bytes.
    #[must_use]
    pub const fn capacity(mut self, flows: usize) -> Self {
        self.capacity = flows;
        self
    }

    /// When the window began.
    #[must_use]
    pub const fn starting_at(mut self, start: Time) -> Self {
        self.start = start;
        self
    }

    /// Counts a packet.
    ///
    /// # Complexity
    ///
    /// Logarithmic in the number of flows.
    pub fn count<A: Verdict, R>(
        &mut self,
        packet: &Packet,
        decision: &Decision<'_, A, R>,
        way: Option<Way>,
        now: Time,
    ) {
        let id = FlowId { key: packet.flow_key(), accepted: decision.action.accepts(), way };
        if self.flows.len() >= self.capacity && !self.flows.contains_key(&id) {
            self.skipped = self.skipped.saturating_add(1);
            return;
        }
        let new = Flow { packets: 0, bytes: 0, first: now, last: now, tcp_flags: 0 };
        let flow = self.flows.entry(id).or_insert(new);
        flow.packets = flow.packets.saturating_add(1);
        flow.bytes = flow.bytes.saturating_add(packet.length.into());
        (flow.first, flow.last) = (flow.first.min(now), flow.last.max(now));
        flow.tcp_flags |= flags_of(packet);
    }

    /// When the window ends, and [`flush`](Self::flush) has something to write.
    pub fn due(&self) -> Time {
        self.start.after(self.window)
    }

    /// [`flush`](Self::flush) if the window is over; otherwise nothing. To be called now and then.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn flush_if_due<S: Sink>(&mut self, now: Time, sink: &mut S) -> Result<(), S::Error> {
        if now < self.due() { Ok(()) } else { self.flush(now, sink) }
    }

    /// Writes a line for each flow of the window, in the order of their keys, and begins another one.
    /// A window without flows has a line of status `NODATA`.
    ///
    /// # Errors
    ///
    /// That of the sink. Lines that were written are not written again; call it again for the rest.
    pub fn flush<S: Sink>(&mut self, now: Time, sink: &mut S) -> Result<(), S::Error> {
        let window = [self.start, now].map(|time| self.seconds(time));
        if self.flows.is_empty() && self.skipped == 0 {
            sink.line(&self.format.status_line("NODATA", window))?;
        }
        while let Some(entry) = self.flows.first_entry() {
            sink.line(&self.format.line(entry.key(), entry.get(), self.epoch))?;
            entry.remove();
        }
        if self.skipped > 0 {
            sink.line(&self.format.status_line("SKIPDATA", window))?;
        }
        (self.start, self.skipped) = (now, 0);
        Ok(())
    }

    /// How many packets of the window were left out because there was no room for their flows.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    const fn seconds(&self, time: Time) -> u64 {
        self.epoch.saturating_add(time.as_nanos() / 1_000_000_000)
    }
}

/// What flow logs say of a segment's flags: an ACK counts together with SYN alone.
fn flags_of(packet: &Packet) -> u8 {
    let Some(segment) = packet.tcp_segment() else { return 0 };
    let has = |flag: TcpFlags| segment.flags.contains(flag);
    let counted = TcpFlags::FIN.0 | TcpFlags::SYN.0 | TcpFlags::RST.0;
    let ack = if has(TcpFlags::SYN) && has(TcpFlags::ACK) { TcpFlags::ACK.0 } else { 0 };
    segment.flags.0 & counted | ack
}
