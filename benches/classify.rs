//! Lookups: one packet after the other, in batches, and by flow key.

mod classbench;
mod generator;
mod workload;

use std::cell::LazyCell;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use portcullis::Packet;
use workload::{HEADERS, Source, sources};

const BATCH: usize = 64;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .configure_from_args();
    for source in sources() {
        classify(&mut criterion, &source);
    }
    criterion.final_summary();
}

fn classify(criterion: &mut Criterion, source: &Source) {
    // Nothing is made or compiled for a rule set that the command line leaves out.
    let case = LazyCell::new(|| {
        let workload = source.workload();
        let packets: Vec<Packet> = workload.keys.iter().copied().map(Packet::from).collect();
        (workload.compile(), workload.keys, packets)
    });
    let mut group = criterion.benchmark_group(format!("classify/{}", source.name));
    group.throughput(Throughput::Elements(HEADERS as u64));
    group.bench_function("packet", |bencher| {
        let (matcher, _, packets) = &*case;
        bencher.iter(|| {
            for packet in packets {
                black_box(matcher.classify(packet));
            }
        });
    });
    group.bench_function("batch", |bencher| {
        let (matcher, _, packets) = &*case;
        let mut decisions = [matcher.classify(&packets[0]); BATCH];
        bencher.iter(|| {
            for batch in packets.chunks(BATCH) {
                matcher.classify_batch(batch, &mut decisions);
                black_box(&decisions);
            }
        });
    });
    group.bench_function("key", |bencher| {
        let (matcher, keys, _) = &*case;
        bencher.iter(|| {
            for key in keys {
                black_box(matcher.classify_key(key));
            }
        });
    });
    group.finish();
}
