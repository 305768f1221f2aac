//! How long single calls of the connection table take: not how many there are a second, but how
//! long the slowest is.
//!
//! ```text
//! cargo bench --bench latency
//! ```
//!
//! Every scenario is run several times from the same state, and of each call the fastest time
//! counts: what the rest of the machine did to it is left out, what the table did is not.

#[allow(dead_code, reason = "shared with other benchmarks")]
mod flows;

use std::hint::black_box;
use std::time::{Duration, Instant};

use portcullis::conntrack::{Conntrack, Limits, Time};
use portcullis::{ConnTable, Packet};

use flows::{data, draws, open_table, syn};

const CONNECTIONS: u32 = 100_000;
const CALLS: usize = 300_000;
const RUNS: usize = 7;

fn main() {
    let second = Time::from_secs(1);
    let open = open_table(CONNECTIONS, second);
    let empty = ConnTable::new(&Limits::new(CONNECTIONS), [7; 16]);
    let mut unanswered = empty.clone();
    (0..CONNECTIONS).for_each(|flow| call(&mut unanswered, &syn(flow), second));
    let later = Time::from_secs(2);
    let week = Time::from_secs(7 * 86_400);
    println!("nanoseconds a call      p50     p99  p99.99     max");
    scenario("established", &open, |at, draw| (data(draw % CONNECTIONS), after(later, at)));
    scenario("opened", &empty, |at, _| (syn(at), after(later, at)));
    scenario("flood, displacing", &unanswered, |_, draw| (stranger(draw), later));
    scenario("flood, refused", &open, |_, draw| (stranger(draw), later));
    // All expire between two calls, and the calls after that have to clear up.
    scenario("all expired at once", &open, |at, draw| (stranger(draw), after(week, at)));
    scenario("expired in a row", &unanswered, |at, draw| {
        (stranger(draw), Time::from_nanos(second.as_nanos() + u64::from(at) * 1_000_000))
    });
}

/// A look-up and, if it may open a connection, its confirmation.
fn call(table: &mut ConnTable, packet: &Packet, now: Time) {
    if table.look_up(black_box(packet), now).tentative {
        let _ = black_box(table.confirm(packet, now));
    }
}

fn scenario(name: &str, start: &ConnTable, packet: impl Fn(u32, u32) -> (Packet, Time)) {
    let mut times = vec![Duration::MAX; CALLS];
    for _ in 0..RUNS {
        let mut table = start.clone();
        for ((time, at), draw) in times.iter_mut().zip(0..).zip(draws(1)) {
            let (packet, now) = packet(at, draw);
            let started = Instant::now();
            call(&mut table, &packet, now);
            *time = started.elapsed().min(*time);
        }
        black_box(&table);
    }
    times.sort();
    let part = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_nanos();
    let [p50, p99, p9999, max] = [0.5, 0.99, 0.9999, 1.0].map(part);
    println!("{name:20} {p50:>6} {p99:>7} {p9999:>7} {max:>7}");
}

/// A SYN of a connection that is not there.
fn stranger(draw: u32) -> Packet {
    syn(1 << 24 | draw & 0xff_ffff)
}

fn after(start: Time, calls: u32) -> Time {
    start.after(Duration::from_micros(calls.into()))
}
