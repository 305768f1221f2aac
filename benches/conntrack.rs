//! The connection table: packets of established connections among many, new flows, and a flood on
//! a full table. Throughput is in packets.

#[allow(dead_code, reason = "shared with another benchmark")]
mod flows;

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use portcullis::conntrack::{Conntrack, Limits, Lookup, ShardedTable, Time};
use portcullis::{ConnTable, Packet};

use flows::{data, datagram, draws, open_table, renumber, round_number, syn};

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(10);
    targets = established, sharded, new_flows, flood
}
criterion_main!(benches);

/// Packets a sample.
const BATCH: usize = 4096;

/// A data segment each, of connections drawn at random.
fn established(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conntrack/established");
    group.throughput(Throughput::Elements(BATCH as u64));
    for flows in [10_000, 100_000, 1_000_000] {
        let mut table = open_table(flows, Time::from_secs(1));
        let mut packets = draws(0).take(BATCH).map(|draw| data(draw % flows)).collect::<Vec<_>>();
        let mut round = 0;
        group.bench_function(flows.to_string(), |bencher| {
            bencher.iter(|| {
                round += 1;
                for packet in &mut packets {
                    renumber(packet, round_number(round));
                    black_box(table.look_up(black_box(packet), Time::from_secs(2)));
                }
            });
        });
    }
    group.finish();
}

/// The same in batches, by one thread and by two that share a table and see packets of all
/// connections: what they do together.
fn sharded(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conntrack/sharded, established");
    let flows = 100_000;
    let second = Time::from_secs(1);
    let table = ShardedTable::new(&Limits::new(2 * flows), 64, [7; 16]);
    for connection in open_table(flows, second).export(second) {
        table.import(&connection, second).expect("there is room");
    }
    for threads in [1, 2] {
        group.throughput(Throughput::Elements(threads * BATCH as u64));
        group.bench_function(format!("{threads} threads"), |bencher| {
            bencher.iter_custom(|rounds| {
                let track = |seed| {
                    let mut packets: Vec<Packet> =
                        draws(seed).take(BATCH).map(|draw| data(draw % flows)).collect();
                    let mut lookups = vec![Lookup::invalid(); BATCH];
                    let started = Instant::now();
                    for round in 0..rounds as u32 {
                        packets.iter_mut().for_each(|it| renumber(it, round_number(round)));
                        let now = Time::from_secs(2);
                        black_box(table.look_up_batch(black_box(&packets), now, &mut lookups));
                    }
                    started.elapsed()
                };
                thread::scope(|scope| {
                    let spawn = |seed| scope.spawn(move || track(seed));
                    let running: Vec<_> = (0..threads).map(spawn).collect();
                    let times = running.into_iter().map(|thread| thread.join().expect("no panic"));
                    times.max().unwrap_or_default()
                })
            });
        });
    }
    group.finish();
}

/// UDP flows that nobody answers, looked up and confirmed.
fn new_flows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conntrack/new udp flows");
    group.throughput(Throughput::Elements(BATCH as u64));
    let empty = ConnTable::new(&Limits::new(BATCH as u32), [7; 16]);
    let packets: Vec<Packet> = (0..BATCH as u32).map(datagram).collect();
    group.bench_function("empty table", |bencher| {
        let enter_all = |mut table: ConnTable| {
            for packet in &packets {
                enter(&mut table, packet, Time::from_secs(1));
            }
            table
        };
        bencher.iter_batched(|| empty.clone(), enter_all, BatchSize::LargeInput);
    });
    group.finish();
}

/// SYNs from everywhere: on a table full of connections that were never answered, which give way,
/// and on one full of established connections, which do not.
fn flood(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conntrack/syn flood");
    group.throughput(Throughput::Elements(1));
    let mut unanswered = ConnTable::new(&Limits::new(100_000), [7; 16]);
    let mut established = open_table(100_000, Time::from_secs(1));
    let mut sources = draws(0);
    let mut now = Time::from_secs(2);
    let mut one = |table: &mut ConnTable| {
        now = now.after(Duration::from_micros(1));
        let draw = sources.next().unwrap_or_default();
        enter(table, &syn(1 << 24 | draw & 0xff_ffff), now);
    };
    (0..100_000).for_each(|_| one(&mut unanswered));
    group.bench_function("displacing", |bencher| bencher.iter(|| one(&mut unanswered)));
    group.bench_function("refused", |bencher| bencher.iter(|| one(&mut established)));
    group.finish();
}

fn enter(table: &mut ConnTable, packet: &Packet, now: Time) {
    if table.look_up(black_box(packet), now).tentative {
        let _ = black_box(table.confirm(packet, now));
    }
}
