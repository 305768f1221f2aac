use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;
use core::num::NonZeroU32;

use super::live::{Live, millis};
use super::{Event, EventKind, Sink};
use crate::conntrack::Time;
use crate::packet::{Addrs, ConnFlag, ConnState, Direction, FlowKey, Packet, Tracked};
use crate::rule::{Decision, RuleSet};
use crate::stateful::Verdict;

/// Writes decisions, and connections that start and end, as lines of JSON.
///
/// Which members the lines have says [`Event`]. Starts are seen in the decisions of a
/// [`StatefulMatcher`](crate::StatefulMatcher), ends when [`end_gone`](Self::end_gone) asks the
/// table; both are written whatever the sampling.
#[derive(Clone, Debug)]
pub struct EventLog {
    epoch: u64,
    sampling: Sampling,
    /// Decisions since the last that was written.
    passed: u32,
    capacity: usize,
    live: BTreeMap<(u16, FlowKey), Live>,
}

/// Which decisions are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Sampling {
    /// All.
    #[default]
    All,
    /// Of so many one, the first of them first.
    OneIn(NonZeroU32),
    /// Those that accept nothing: drops, rejections, connections that were refused.
    Denied,
    /// None, only connections.
    Connections,
}

impl EventLog {
    /// A log of everything. `epoch` is what time it is at [`Time::ZERO`], in Unix seconds.
    pub const fn new(epoch: u64) -> Self {
        Self { epoch, sampling: Sampling::All, passed: 0, capacity: 1 << 16, live: BTreeMap::new() }
    }

    /// Which decisions are written (default all).
    #[must_use]
    pub const fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// How many connections are kept in mind until they end (default 65,536), each in some 500
    /// bytes. Those for which there is no room have a start and no end.
    #[must_use]
    pub const fn capacity(mut self, connections: usize) -> Self {
        self.capacity = connections;
        self
    }

    /// Takes the decision on a packet by these rules, and writes what there is to write.
    ///
    /// # Errors
    ///
    /// That of the sink. What could not be written is not written later.
    pub fn decided<A: Verdict + Display, S: Sink>(
        &mut self,
        rules: &RuleSet<A>,
        packet: &Packet,
        decision: &Decision<'_, A>,
        now: Time,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if self.takes(decision.action.accepts()) {
            let event = self.event(EventKind::Decision, rules, packet, decision, now);
            sink.line(&event.to_string())?;
        }
        let Some(tracked) = decision.tracked else { return Ok(()) };
        if decision.action.accepts() && starts(tracked) {
            return self.start(rules, packet, decision, now, sink);
        }
        self.count(packet, tracked, now);
        Ok(())
    }

    /// Writes the end of each connection that `is_there` does not know any more, given its zone and
    /// its original flow key.
    ///
    /// # Errors
    ///
    /// That of the sink. What could not be written is not written later.
    ///
    /// # Complexity
    ///
    /// Linear in the number of connections that started and have not ended.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "std", doc = "```")]
    #[cfg_attr(not(feature = "std"), doc = "```ignore")]
    /// use portcullis::record::{EventLog, Sampling};
    /// use portcullis::{Config, ConnTable, Limits, Packet, RuleSet, StatefulMatcher, Time};
    ///
    /// let rules: RuleSet = "accept udp to any port 53".parse()?;
    /// let table = ConnTable::new(&Limits::new(100), [7; 16]);
    /// let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new())?;
    /// let mut log = EventLog::new(1_700_000_000).sampling(Sampling::Connections);
    /// let mut out = Vec::new();
    /// let packet = Packet::udp("10.0.0.1:4000".parse()?, "192.0.2.1:53".parse()?)?;
    ///
    /// let decision = firewall.classify(&packet, Time::from_secs(1));
    /// log.decided(&rules, &packet, &decision, Time::from_secs(1), &mut out)?;
    /// let now = Time::from_secs(600);
    /// let table = firewall.conntrack();
    /// log.end_gone(now, |zone, key| table.connection_in(zone, key, now).is_some(), &mut out)?;
    /// let lines = String::from_utf8(out)?;
    /// assert_eq!(lines.lines().count(), 2);
    /// assert!(lines.ends_with("\"reply_bytes\":0,\"duration\":0,\"reason\":\"gone\"}\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn end_gone<S: Sink>(
        &mut self,
        now: Time,
        mut is_there: impl FnMut(u16, &FlowKey) -> bool,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let gone = self.live.keys().filter(|(zone, key)| !is_there(*zone, key)).copied();
        let gone: Vec<(u16, FlowKey)> = gone.collect();
        let timestamp = self.timestamp(now);
        let ended = gone.iter().filter_map(|id| self.live.remove(id));
        ended.into_iter().try_for_each(|live| sink.line(&live.end(timestamp).to_string()))
    }

    /// How many connections have started and not ended.
    pub fn connections(&self) -> usize {
        self.live.len()
    }

    fn takes(&mut self, accepted: bool) -> bool {
        match self.sampling {
            Sampling::All => true,
            Sampling::Denied => !accepted,
            Sampling::Connections => false,
            Sampling::OneIn(count) => {
                let is_first = self.passed == 0;
                self.passed = (self.passed + 1) % count;
                is_first
            }
        }
    }

    /// A connection of the same key that was there is no more.
    fn start<A: Verdict + Display, S: Sink>(
        &mut self,
        rules: &RuleSet<A>,
        packet: &Packet,
        decision: &Decision<'_, A>,
        now: Time,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let id = (packet.zone, packet.flow_key());
        if let Some(before) = self.live.remove(&id) {
            sink.line(&before.end(self.timestamp(now)).to_string())?;
        }
        let event = self.event(EventKind::Start, rules, packet, decision, now);
        sink.line(&event.to_string())?;
        if self.live.len() < self.capacity {
            let mut live = Live::new(event, now);
            live.count(packet, Direction::Original, now);
            self.live.insert(id, live);
        }
        Ok(())
    }

    fn count(&mut self, packet: &Packet, tracked: Tracked, now: Time) {
        let Some(direction) = tracked.direction else { return };
        let key = packet.flow_key();
        let original = match direction {
            Direction::Original => key,
            Direction::Reply => reversed(key),
        };
        if let Some(live) = self.live.get_mut(&(packet.zone, original)) {
            live.count(packet, direction, now);
        }
    }

    fn event<A: Display>(
        &self,
        kind: EventKind,
        rules: &RuleSet<A>,
        packet: &Packet,
        decision: &Decision<'_, A>,
        now: Time,
    ) -> Event {
        let known =
            decision.rule.and_then(|id| Some((id, rules.chain(id.chain)?, rules.rule(id)?)));
        let text = |text: &str| Some(String::from(text));
        Event {
            timestamp: self.timestamp(now),
            kind,
            action: decision.action.to_string(),
            chain: known.and_then(|(_, chain, _)| text(chain.name())),
            rule: decision.rule.map(|id| u64::from(id.index) + 1),
            comment: known.and_then(|(_, _, rule)| rule.comment.as_deref().and_then(text)),
            protocol: packet.protocol,
            src: packet.addrs.src(),
            src_port: packet.ports.map(|ports| ports.src),
            dst: packet.addrs.dst(),
            dst_port: packet.ports.map(|ports| ports.dst),
            packets: 1,
            bytes: packet.length.into(),
            reply_packets: None,
            reply_bytes: None,
            duration: None,
            state: decision.tracked.map(|tracked| tracked.state),
            direction: decision.tracked.and_then(|tracked| tracked.direction),
            tcp_flags: packet.tcp_segment().map(|segment| segment.flags.to_string()),
            refused: decision.refused,
            reason: None,
        }
    }

    const fn timestamp(&self, now: Time) -> u64 {
        self.epoch.saturating_mul(1000).saturating_add(millis(now))
    }
}

/// Whether a packet that was accepted opened its connection.
fn starts(tracked: Tracked) -> bool {
    let opens = matches!(tracked.state, ConnState::New | ConnState::Related);
    let is_original = tracked.direction == Some(Direction::Original);
    opens && is_original && !tracked.status.has(ConnFlag::Confirmed)
}

fn reversed(key: FlowKey) -> FlowKey {
    let addrs = match key.addrs {
        Addrs::V4 { src, dst } => Addrs::V4 { src: dst, dst: src },
        Addrs::V6 { src, dst } => Addrs::V6 { src: dst, dst: src },
    };
    FlowKey { addrs, src_port: key.dst_port, dst_port: key.src_port, ..key }
}
