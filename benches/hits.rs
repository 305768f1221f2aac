//! What counting hits costs a packet: a matcher's decisions with and without counting.

mod classbench;
mod generator;
mod workload;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use portcullis::hits::HitCounters;
use portcullis::{Packet, Time};
use workload::sources;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for source in sources().iter().filter(|source| source.name.contains("ipv4-1")) {
        let workload = source.workload();
        let matcher = workload.compile();
        let packets: Vec<Packet> = workload.keys.iter().map(|key| Packet::from(*key)).collect();
        let decisions: Vec<_> = packets.iter().map(|packet| matcher.classify(packet)).collect();
        let mut counters = HitCounters::new(&workload.rules);
        let mut group = criterion.benchmark_group("hits");
        group.throughput(Throughput::Elements(packets.len() as u64));
        group.bench_function(format!("{}/count", source.name), |bencher| {
            bencher.iter(|| {
                for (at, (decision, packet)) in decisions.iter().zip(&packets).enumerate() {
                    counters.count(decision, packet, Time::from_nanos(at as u64));
                }
                black_box(&mut counters);
            });
        });
        group.bench_function(format!("{}/classify", source.name), |bencher| {
            bencher.iter(|| {
                for packet in &packets {
                    black_box(matcher.classify(packet));
                }
            });
        });
        group.bench_function(format!("{}/classify and count", source.name), |bencher| {
            bencher.iter(|| {
                for (at, packet) in packets.iter().enumerate() {
                    let decision = matcher.classify(packet);
                    counters.count(&decision, packet, Time::from_nanos(at as u64));
                }
                black_box(&mut counters);
            });
        });
        group.finish();
    }
}
