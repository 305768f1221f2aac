//! A firewall from end to end: frames are parsed, tracked in batches among 100,000 established TCP
//! connections, and judged by 1,000 rules, by one thread alone and by one and two that share a table.
//! Throughput is in packets.

#[allow(dead_code, reason = "shared with other benchmarks")]
mod flows;
#[allow(dead_code, reason = "shared with other benchmarks")]
mod generator;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis::conntrack::{Conntrack, Limits, ShardedTable, Time};
use portcullis::packet::{Family, TcpFlags, TcpSegment, Transport};
use portcullis::{
    Action, Addrs, ChainId, Config, ConnState, ConnTable, FlowKey, Packet, Protocol, Rule, RuleSet,
    StatefulMatcher,
};

use flows::{draws, round_number};
use generator::{Shape, headers, patterns, rule_set};

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(10);
    targets = end_to_end, shared
}
criterion_main!(benches);

const RULES: usize = 1000;
const CONNECTIONS: usize = 100_000;
const FRAMES: usize = 1 << 16;
const BATCH: usize = 64;
const SEED: u64 = 2007;

/// Where it stands in a frame.
const SEQUENCE_NUMBER: usize = 14 + 20 + 4;

fn end_to_end(criterion: &mut Criterion) {
    let patterns = patterns(&Shape::ACL, Family::V4, RULES, SEED);
    let keys = connections(headers(&patterns, 8 * CONNECTIONS, SEED));
    assert_eq!(keys.len(), CONNECTIONS);
    let table = established(&keys);
    let mut frames = frames(&keys, SEED);
    let rules = rule_set(&patterns);
    let mut group = criterion.benchmark_group("stateful/frames");
    group.throughput(Throughput::Elements(FRAMES as u64));
    for (name, rules) in
        [("established accepted first", behind_state_rules(&rules)), ("all rules for all", rules)]
    {
        let mut firewall =
            StatefulMatcher::compile(&rules, table.clone(), &Config::new()).expect("no jumps");
        check(&mut firewall, &frames);
        let mut round = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                round += 1;
                judge(&mut firewall, &mut frames, round);
            });
        });
    }
    group.finish();
}

/// What threads do together that share a connection table and see packets of all its connections.
fn shared(criterion: &mut Criterion) {
    let patterns = patterns(&Shape::ACL, Family::V4, RULES, SEED);
    let keys = connections(headers(&patterns, 8 * CONNECTIONS, SEED));
    let rules = behind_state_rules(&rule_set(&patterns));
    let now = Time::from_secs(1);
    let table = ShardedTable::new(&Limits::new(2 * CONNECTIONS as u32), 64, [7; 16]);
    established(&keys).export(now).for_each(|it| table.import(&it, now).expect("there is room"));
    let firewall = StatefulMatcher::compile(&rules, &table, &Config::new()).expect("no jumps");
    let mut group = criterion.benchmark_group("stateful/frames, shared table");
    for threads in [1, 2] {
        group.throughput(Throughput::Elements(threads * FRAMES as u64));
        group.bench_function(format!("{threads} threads"), |bencher| {
            bencher.iter_custom(|rounds| {
                let work = |seed| {
                    let (mut firewall, mut frames) = (firewall.clone(), frames(&keys, seed));
                    let started = Instant::now();
                    (0..rounds).for_each(|round| judge(&mut firewall, &mut frames, round as u32));
                    started.elapsed()
                };
                thread::scope(|scope| {
                    let spawn = |seed| scope.spawn(move || work(seed));
                    let running: Vec<_> = (0..threads).map(spawn).collect();
                    let times = running.into_iter().map(|thread| thread.join().expect("no panic"));
                    times.max().unwrap_or_default()
                })
            });
        });
    }
    group.finish();
}

/// Judges every frame, of which none is the same as in the round before.
fn judge<C: Conntrack>(
    firewall: &mut StatefulMatcher<Action, C>,
    frames: &mut [Vec<u8>],
    round: u32,
) {
    let mut packets = Vec::with_capacity(BATCH);
    let number = round_number(round).to_be_bytes();
    for frames in frames.chunks_mut(BATCH) {
        packets.clear();
        packets.extend(frames.iter_mut().flat_map(|frame| {
            frame[SEQUENCE_NUMBER..][..4].copy_from_slice(&number);
            Packet::from_ethernet(frame)
        }));
        firewall.classify_batch(&packets, Time::from_secs(2), |_, decision| {
            black_box(decision);
        });
    }
}

/// Frames of connections drawn at random.
fn frames(keys: &[FlowKey], seed: u64) -> Vec<Vec<u8>> {
    let draws = draws(seed).take(FRAMES);
    draws.map(|draw| frame(&keys[draw as usize % keys.len()], draw)).collect()
}

/// Every frame belongs to one of the connections.
fn check(firewall: &mut StatefulMatcher, frames: &[Vec<u8>]) {
    for frame in frames {
        let packet = Packet::from_ethernet(frame).expect("it is IPv4");
        let tracked = firewall.classify(&packet, Time::from_secs(1)).tracked;
        assert_eq!(tracked.map(|tracked| tracked.state), Some(ConnState::Established));
    }
}

/// Different TCP connections that the rules have something to say about.
fn connections(keys: Vec<FlowKey>) -> Vec<FlowKey> {
    let tcp = keys.into_iter().map(|key| FlowKey { protocol: Protocol::TCP, ..key });
    let mut seen = BTreeSet::new();
    let mut fresh = |key: &FlowKey| seen.insert(*key) && !seen.contains(&key.reversed());
    let mut keys: Vec<FlowKey> = tcp.filter(|key| key.addrs.src() != key.addrs.dst()).collect();
    keys.retain(&mut fresh);
    keys.truncate(CONNECTIONS);
    keys
}

fn established(keys: &[FlowKey]) -> ConnTable {
    let now = Time::from_secs(1);
    let mut table = ConnTable::new(&Limits::new(CONNECTIONS as u32), [7; 16]);
    for key in keys {
        let syn = segment(key, TcpFlags::SYN, 0, 0);
        let answer = segment(&key.reversed(), TcpFlags::SYN | TcpFlags::ACK, 0, 1);
        for packet in [syn, answer, segment(key, TcpFlags::ACK, 1, 1)] {
            if table.look_up(&packet, now).tentative {
                table.confirm(&packet, now).expect("there is room");
            }
        }
    }
    table
}

fn segment(key: &FlowKey, flags: TcpFlags, seq: u32, ack: u32) -> Packet {
    let mut header = TcpSegment::new(flags);
    (header.seq, header.ack, header.window) = (seq, ack, 65_535);
    let mut packet = Packet::from(*key);
    packet.transport = Transport::Tcp(header);
    packet
}

/// Rules as most firewalls have them: what is established passes by the first one.
fn behind_state_rules(rules: &RuleSet) -> RuleSet {
    let mut all = RuleSet::new(Action::Drop);
    all.push(Rule::accept().state([ConnState::Established, ConnState::Related]));
    all.push(Rule::drop().state(ConnState::Invalid));
    let base = rules.chain(ChainId::BASE).expect("there always is one");
    base.rules().iter().for_each(|rule| _ = all.push(rule.clone()));
    all
}

/// A frame of 118 bytes: 64 bytes of data in a segment of the connection, in either direction.
fn frame(key: &FlowKey, draw: u32) -> Vec<u8> {
    let key = if draw & 1 == 0 { *key } else { key.reversed() };
    let Addrs::V4 { src, dst } = key.addrs else { unreachable!("only IPv4 is generated") };
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 0, 104, 0, 0, 0x40, 0, 64, 6, 0, 0]);
    frame.extend(src.octets().into_iter().chain(dst.octets()));
    frame.extend([key.src_port, key.dst_port].map(u16::to_be_bytes).as_flattened());
    frame.extend([1_u32, 1].map(u32::to_be_bytes).as_flattened());
    frame.extend([0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    frame.resize(frame.len() + 64, 0);
    frame
}
