//! Packets judged with their connections, and what happened to those of SSH.

use std::convert::Infallible;

use portcullis::conntrack::TcpState;
use portcullis::record::{Event, EventLog, Sampling, Sink};
use portcullis::{BuildError, Config, ConnTable, Limits, Packet, RuleSet, StatefulMatcher, Time};

use super::app::Args;

/// A firewall, and the log of its events.
pub(crate) struct Watch<'r> {
    rules: &'r RuleSet,
    firewall: StatefulMatcher,
    log: EventLog,
    ports: Vec<u16>,
}

/// Takes the lines of a log and reads them back.
#[derive(Default)]
struct Events(Vec<Event>);

impl Sink for Events {
    type Error = Infallible;

    fn line(&mut self, line: &str) -> Result<(), Infallible> {
        self.0.extend(serde_json::from_str::<Event>(line));
        Ok(())
    }
}

impl<'r> Watch<'r> {
    pub(crate) fn new(rules: &'r RuleSet, args: &Args) -> Result<Self, BuildError> {
        let table = ConnTable::with_random_secret(&Limits::new(100_000));
        let firewall = StatefulMatcher::compile(rules, table, &Config::new())?;
        // Times of captures count from 1970 already.
        let log = EventLog::new(0).sampling(Sampling::Denied);
        Ok(Self { rules, firewall, log, ports: args.ports.clone() })
    }

    /// What came of a packet: denied, a connection that started, connections that ended.
    pub(crate) fn see(&mut self, packet: &Packet, now: Time) -> Vec<Event> {
        let mut events = Events::default();
        let decision = self.firewall.classify(packet, now);
        let Ok(()) = self.log.decided(self.rules, packet, &decision, now, &mut events);
        let table = self.firewall.conntrack();
        let is_open = |state| !matches!(state, Some(TcpState::TimeWait | TcpState::Close));
        let is_there = |zone, key: &_| {
            table.connection_in(zone, key, now).is_some_and(|found| is_open(found.tcp_state))
        };
        let Ok(()) = self.log.end_gone(now, is_there, &mut events);
        self.of_ssh(events)
    }

    /// What is still open when the capture is over.
    pub(crate) fn end(&mut self, now: Time) -> Vec<Event> {
        let mut events = Events::default();
        let Ok(()) = self.log.end_gone(now, |_, _| false, &mut events);
        self.of_ssh(events)
    }

    fn of_ssh(&self, events: Events) -> Vec<Event> {
        let is_ssh = |event: &Event| event.dst_port.is_some_and(|port| self.ports.contains(&port));
        events.0.into_iter().filter(is_ssh).collect()
    }
}
