//! What counting hits costs a packet: nanoseconds, of many short runs the median and the least.
//!
//! `cargo bench --bench hits` counts the decisions on headers of generated rule sets; each run is so
//! short that it is seldom interrupted.

mod classbench;
mod generator;
mod workload;

use std::hint::black_box;
use std::time::Instant;

use portcullis::hits::HitCounters;
use portcullis::{Decision, Packet, Time};
use workload::sources;

/// Packets of a run: as many as a program may have at hand.
const PACKETS: usize = 512;
const RUNS: usize = 20_000;

fn main() {
    println!("| rules | counting, median | least | classifying, median | both, median |");
    println!("|---|---|---|---|---|");
    for source in sources().iter().filter(|source| source.name.contains("ipv4-1")) {
        let workload = source.workload();
        let matcher = workload.compile();
        let keys = workload.keys.iter().step_by(workload.keys.len() / PACKETS).take(PACKETS);
        let packets: Vec<Packet> = keys.map(|key| Packet::from(*key)).collect();
        let decisions: Vec<Decision> =
            packets.iter().map(|packet| matcher.classify(packet)).collect();
        let mut counters = HitCounters::new(&workload.rules);
        let count = timed(|now| {
            for (decision, packet) in decisions.iter().zip(&packets) {
                counters.count(decision, packet, now);
            }
            black_box(&mut counters);
        });
        let classify = timed(|_| {
            for packet in &packets {
                black_box(matcher.classify(packet));
            }
        });
        let both = timed(|now| {
            for packet in &packets {
                counters.count(&matcher.classify(packet), packet, now);
            }
            black_box(&mut counters);
        });
        println!(
            "| {} | {:.2} ns | {:.2} ns | {:.1} ns | {:.1} ns |",
            source.name, count.0, count.1, classify.0, both.0
        );
    }
}

/// Nanoseconds a packet: median and least.
fn timed(mut run: impl FnMut(Time)) -> (f64, f64) {
    let mut nanos: Vec<u128> = (0..RUNS)
        .map(|at| {
            let started = Instant::now();
            run(Time::from_nanos(at as u64));
            started.elapsed().as_nanos()
        })
        .collect();
    nanos.sort_unstable();
    let each = |nanos: u128| nanos as f64 / PACKETS as f64;
    (each(nanos[RUNS / 2]), each(nanos[0]))
}
