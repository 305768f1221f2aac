//! The connection table beside a second, naive model of it that was written from Linux's own rules:
//! runs of TCP segments, decoded from bytes, of which each must mean the same to both. Shared by the
//! tests and the fuzz target `differential`.

mod linux;
mod segments;

use portcullis::conntrack::{ConnTable, Conntrack, Limits, TcpTracking, Time, Timeouts};
use portcullis::{Packet, Tracked};

use linux::{Linux, Settings};
use segments::Segments;

/// Plays the run that `bytes` stand for, and says where table and model part first.
pub(crate) fn play(bytes: &[u8]) -> Result<Summary, String> {
    let (settings, bytes) = settings(bytes);
    let mut table = table(&settings);
    let mut linux = Linux::new(settings);
    let mut summary = Summary::default();
    let mut now = Time::from_secs(1_000_000);
    for step in Segments::new(bytes) {
        now = Time::from_nanos(now.as_nanos() + step.wait.as_nanos() as u64);
        let packet = step.packet;
        let found = table.look_up(&packet, now);
        let expected = linux.packet(&packet, now.as_nanos());
        if shown(&found.tracked) != expected.shown {
            return Err(format!(
                "step {}: {:?} is {:?}, should be {:?}",
                summary.steps, packet, found.tracked, expected.shown
            ));
        }
        if found.tentative != expected.opens {
            return Err(format!("step {}: tentative is {}", summary.steps, found.tentative));
        }
        if found.tentative && step.accepted {
            table.confirm(&packet, now).map_err(|refused| refused.to_string())?;
            linux.confirm();
        }
        compare(&table, &linux, &packet, now)
            .map_err(|what| format!("step {}: {packet:?} leaves {what}", summary.steps))?;
        summary.count(&found.tracked);
    }
    Ok(summary)
}

/// How many packets of a run were what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) steps: usize,
    pub(crate) new: usize,
    pub(crate) established: usize,
    pub(crate) invalid: usize,
}

impl Summary {
    fn count(&mut self, tracked: &Tracked) {
        self.steps += 1;
        match tracked.state.name() {
            "new" => self.new += 1,
            "established" => self.established += 1,
            _ => self.invalid += 1,
        }
    }
}

/// The first byte says how strict to be, the second which timeouts differ from the usual ones.
fn settings(bytes: &[u8]) -> (Settings, &[u8]) {
    let [strictness, timeouts, rest @ ..] = bytes else { return (Settings::default(), &[]) };
    let usual = Settings::default();
    let either = |bit: u8, seconds, other| if timeouts & bit == bit { other } else { seconds };
    let settings = Settings {
        loose: strictness & 1 == 0,
        be_liberal: strictness & 6 == 6,
        ignore_invalid_rst: strictness & 24 == 24,
        max_retrans: [3, 3, 1, 0][usize::from(strictness >> 5 & 3)],
        seconds: linux::Seconds {
            unacknowledged: either(1, usual.seconds.unacknowledged, 20),
            max_retrans: either(2, usual.seconds.max_retrans, 15),
            established: either(4, usual.seconds.established, 100),
        },
    };
    (settings, rest)
}

fn table(settings: &Settings) -> ConnTable {
    let mut tracking = TcpTracking::default();
    tracking.loose = settings.loose;
    tracking.be_liberal = settings.be_liberal;
    tracking.ignore_invalid_rst = settings.ignore_invalid_rst;
    tracking.max_retrans = settings.max_retrans;
    let mut timeouts = Timeouts::default();
    timeouts.tcp_unacknowledged = settings.seconds.unacknowledged;
    timeouts.tcp_max_retrans = settings.seconds.max_retrans;
    timeouts.tcp_established = settings.seconds.established;
    ConnTable::new(&Limits::new(64).tcp(tracking).timeouts(timeouts), [5; 16])
}

fn shown(tracked: &Tracked) -> (&'static str, Option<String>) {
    (tracked.state.name(), tracked.direction.map(|direction| direction.to_string()))
}

fn compare(table: &ConnTable, linux: &Linux, packet: &Packet, now: Time) -> Result<(), String> {
    let left = table.connection_of(packet, now).map(|connection| linux::Shown {
        state: connection.tcp_state.map_or("NONE", |state| state.name()),
        replied: connection.replied,
        assured: connection.assured,
        until: connection.deadline.as_nanos(),
    });
    let expected = linux.shown(packet, now.as_nanos());
    if left != expected {
        return Err(format!("{left:?}, should be {expected:?}"));
    }
    match (table.connections(now).count(), linux.len(now.as_nanos())) {
        (here, there) if here != there => Err(format!("{here} connections, should be {there}")),
        _ => Ok(()),
    }
}
