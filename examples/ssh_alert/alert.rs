//! What is said of events, and how often.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use portcullis::Time;
use portcullis::record::{EndReason, Event, EventKind};

/// How many alerts a source may cause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) alerts: u32,
    pub(crate) window: Duration,
}

/// Alerts, limited by source.
pub(crate) struct Alerts {
    limit: Limit,
    sources: BTreeMap<IpAddr, Source>,
}

/// What a source caused in its window.
struct Source {
    start: Time,
    alerts: u32,
    suppressed: u32,
}

/// More sources are not told apart: their alerts are not limited.
const MOST_SOURCES: usize = 100_000;

impl Alerts {
    pub(crate) fn new(limit: Limit) -> Self {
        Self { limit, sources: BTreeMap::new() }
    }

    /// The alert for an event, if there is one and the source may cause one.
    pub(crate) fn of(&mut self, event: &Event, short: u64, now: Time) -> Option<String> {
        let text = said(event, short)?;
        let room = self.sources.len() < MOST_SOURCES;
        if !room && !self.sources.contains_key(&event.src) {
            return Some(text);
        }
        let new = Source { start: now, alerts: 0, suppressed: 0 };
        let source = self.sources.entry(event.src).or_insert(new);
        let mut before = String::new();
        if now.since(source.start) >= self.limit.window {
            before = after_silence(event.src, source.suppressed).unwrap_or_default();
            *source = Source { start: now, alerts: 0, suppressed: 0 };
        }
        if source.alerts >= self.limit.alerts {
            source.suppressed += 1;
            return None;
        }
        source.alerts += 1;
        Some(if before.is_empty() { text } else { format!("{before}\n{text}") })
    }

    /// What was not said of each source, when all is over.
    pub(crate) fn suppressed(&self) -> Vec<String> {
        let said =
            |(address, source): (&IpAddr, &Source)| after_silence(*address, source.suppressed);
        self.sources.iter().filter_map(said).collect()
    }
}

fn after_silence(source: IpAddr, suppressed: u32) -> Option<String> {
    match suppressed {
        0 => None,
        1 => Some(format!("1 more alert about {source} was held back")),
        more => Some(format!("{more} more alerts about {source} were held back")),
    }
}

/// What there is to say of an event.
fn said(event: &Event, short: u64) -> Option<String> {
    let end = |address, port: Option<u16>| match port {
        Some(port) => SocketAddr::new(address, port).to_string(),
        None => address.to_string(),
    };
    let (src, dst) = (end(event.src, event.src_port), end(event.dst, event.dst_port));
    let rule = match (&event.chain, event.rule) {
        (Some(chain), Some(rule)) => format!("{chain} rule {rule}"),
        _ => "default".into(),
    };
    let packets = event.packets + event.reply_packets.unwrap_or(0);
    let seconds = event.duration.unwrap_or(0) as f64 / 1000.0;
    match (event.kind, event.reason) {
        (EventKind::Start, _) => Some(format!("new SSH connection from {src} to {dst} ({rule})")),
        (EventKind::Decision, _) => {
            Some(format!("SSH from {src} to {dst} denied: {} ({rule})", event.action))
        }
        (_, Some(EndReason::Reset)) if event.packets < short => {
            let what = if packets <= 2 { "refused" } else { "reset" };
            Some(format!("SSH from {src} to {dst} was {what} after {packets} packets"))
        }
        (_, Some(_)) if event.packets < short => Some(format!(
            "SSH login from {src} to {dst} probably failed: over after {seconds:.1} s and {packets} packets"
        )),
        _ => None,
    }
}
