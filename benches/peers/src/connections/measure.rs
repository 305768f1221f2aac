//! Both tables with the same connections, timed in turns.

use std::hint::black_box;
use std::time::Duration;

use portcullis::conntrack::{Conntrack, Limits, Lookup, Time};
use portcullis::{ConnState, ConnTable, Packet};

use super::clock::cpu_time;
use super::flows::{data, draws, key, open_table, redirect, syn};
use super::rte_hash::{Dpdk, Key, Record, RteHash};

/// How many packets come at a time.
pub(crate) const BLOCK: usize = 64;

/// How to measure.
pub(crate) struct Conditions {
    pub(crate) passes: usize,
    /// How many blocks a pass has.
    pub(crate) blocks: usize,
    pub(crate) dpdk: Option<Dpdk>,
}

/// What came out for one number of connections, in nanoseconds a packet.
pub(crate) struct Measured {
    pub(crate) flows: u32,
    pub(crate) bulk: Option<Score>,
    pub(crate) touch: Option<Score>,
    pub(crate) batch: Option<Score>,
    pub(crate) find: Option<Score>,
    pub(crate) single: Option<Score>,
    pub(crate) insert: Option<Score>,
    pub(crate) open: Option<Score>,
    pub(crate) open_batch: Option<Score>,
}

/// Of all passes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Score {
    pub(crate) median: f64,
    pub(crate) minimum: f64,
}

impl Conditions {
    pub(crate) fn measure(&self, flows: u32) -> Result<Measured, String> {
        eprintln!("{flows} connections");
        let hash = self.dpdk.as_ref().map(|dpdk| filled(dpdk, flows)).transpose()?;
        let now = Time::from_secs(1);
        let mut one_by_one = open_table(flows, now);
        let mut work = Work::new();
        warm_up(&mut one_by_one, &mut work, flows, now);
        let mut in_batches = one_by_one.clone();
        let mut records = vec![Record::NONE; hash.iter().len() * (flows as usize + 1)];
        let mut times: [Vec<f64>; 8] = Default::default();
        for pass in 0..self.passes {
            let now = Time::from_secs(2 + pass as u64);
            let mut time = |run: &mut dyn FnMut(&mut Work, &[u32]) -> usize| {
                self.time(flows, pass, &mut work, run)
            };
            let keys_alone = time(&mut |work, numbers| work.keys(numbers).len());
            let packets_alone = time(&mut |work, numbers| work.packets(numbers).len());
            if let Some(hash) = &hash {
                let bulk = time(&mut |work, numbers| hash.find_bulk(work.keys(numbers)));
                times[0].push(bulk - keys_alone);
                let moment = now.as_nanos();
                let touch = time(&mut |work, numbers| {
                    hash.touch_bulk(work.keys(numbers), &mut records, moment)
                });
                times[6].push(touch - keys_alone);
                let find = time(&mut |work, numbers| hash.find(work.keys(numbers)));
                times[2].push(find - keys_alone);
            }
            let batch = time(&mut |work, numbers| batch(&mut in_batches, work, numbers, now));
            times[1].push(batch - packets_alone);
            let single = time(&mut |work, numbers| singles(&mut one_by_one, work, numbers, now));
            times[3].push(single - packets_alone);
        }
        drop((hash, records, one_by_one, in_batches));
        for _ in 0..self.passes.min(5) {
            if let Some(dpdk) = &self.dpdk {
                times[4].push(inserts(dpdk, flows)?);
            }
            times[5].push(opens(flows));
            times[7].push(opens_in_batches(flows));
        }
        let [bulk, batch, find, single, insert, open, touch, open_batch] = times.map(Score::of);
        Ok(Measured { flows, bulk, touch, batch, find, single, insert, open, open_batch })
    }

    /// Nanoseconds a packet of a pass over connections drawn at random. Others come before, for each
    /// connection two or half as many as are measured, so that the caches hold what this contestant
    /// needs, as far as they can, and not what others needed.
    fn time(
        &self,
        flows: u32,
        pass: usize,
        work: &mut Work,
        run: &mut dyn FnMut(&mut Work, &[u32]) -> usize,
    ) -> f64 {
        let mut draws = draws(pass as u64);
        let mut numbers = [0; BLOCK];
        let mut start = Duration::ZERO;
        let before = (self.blocks / 2).max((2 * flows as usize / BLOCK).min(2 * self.blocks));
        for block in 0..before + self.blocks {
            if block == before {
                start = cpu_time();
            }
            // What follows in a connection has other numbers.
            work.seq = work.seq % 32_000 + 1;
            for (number, draw) in numbers.iter_mut().zip(&mut draws) {
                *number = ((u64::from(draw) * u64::from(flows)) >> 32) as u32;
            }
            assert_eq!(run(work, black_box(&numbers)), BLOCK, "every connection is found");
        }
        nanos(cpu_time() - start, self.blocks * BLOCK)
    }
}

impl Score {
    fn of(mut times: Vec<f64>) -> Option<Self> {
        times.sort_by(f64::total_cmp);
        Some(Self { median: *times.get(times.len() / 2)?, minimum: *times.first()? })
    }
}

/// What packets and keys are made in, as a program would that reads them from a device.
struct Work {
    keys: [Key; BLOCK],
    packets: Vec<Packet>,
    lookups: [Lookup; BLOCK],
    seq: u32,
}

impl Work {
    fn new() -> Self {
        Self {
            keys: [Key::new(&key(0)); BLOCK],
            packets: vec![data(0); BLOCK],
            lookups: [Lookup::invalid(); BLOCK],
            seq: 0,
        }
    }

    fn keys(&mut self, numbers: &[u32]) -> &[Key] {
        for (place, number) in self.keys.iter_mut().zip(numbers) {
            *place = Key::new(&key(*number));
        }
        black_box(self.keys.get(..numbers.len()).unwrap_or_default())
    }

    /// In either direction.
    fn packets(&mut self, numbers: &[u32]) -> &[Packet] {
        for (packet, number) in self.packets.iter_mut().zip(numbers) {
            redirect(packet, *number, number.wrapping_mul(0x9e37_79b9) & 1 << 20 != 0, self.seq);
        }
        black_box(self.packets.get(..numbers.len()).unwrap_or_default())
    }
}

/// A packet of each connection in both directions, like those that follow.
fn warm_up(table: &mut ConnTable, work: &mut Work, flows: u32, now: Time) {
    for flow in 0..flows {
        for back in [false, true] {
            redirect(&mut work.packets[0], flow, back, 1);
            table.look_up(&work.packets[0], now);
        }
    }
}

/// How many packets belong to an established connection, looked up together.
fn batch(table: &mut ConnTable, work: &mut Work, numbers: &[u32], now: Time) -> usize {
    work.packets(numbers);
    let done = table.look_up_batch(&work.packets, now, &mut work.lookups);
    let established = |lookup: &&Lookup| lookup.tracked.state == ConnState::Established;
    work.lookups.iter().take(done).filter(established).count()
}

/// How many packets belong to an established connection, one by one.
fn singles(table: &mut ConnTable, work: &mut Work, numbers: &[u32], now: Time) -> usize {
    let mut established =
        |packet: &&Packet| table.look_up(packet, now).tracked.state == ConnState::Established;
    work.packets(numbers).iter().filter(&mut established).count()
}

fn filled(dpdk: &Dpdk, flows: u32) -> Result<RteHash<'_>, String> {
    let mut hash = dpdk.hash(flows)?;
    let keys: Vec<Key> = (0..flows).map(|flow| Key::new(&key(flow))).collect();
    match hash.add(&keys) {
        added if added == keys.len() => Ok(hash),
        added => Err(format!("rte_hash has room for {added} of {flows} keys")),
    }
}

/// Nanoseconds a key put into an empty table.
fn inserts(dpdk: &Dpdk, flows: u32) -> Result<f64, String> {
    let mut hash = dpdk.hash(flows)?;
    let keys: Vec<Key> = (0..flows).map(|flow| Key::new(&key(shuffled(flow)))).collect();
    let start = cpu_time();
    let added = hash.add(&keys);
    let time = cpu_time() - start;
    assert!(added > keys.len() * 99 / 100, "{added} of {flows}");
    Ok(nanos(time, keys.len()))
}

/// Nanoseconds a connection that is looked up and confirmed, in an empty table.
fn opens(flows: u32) -> f64 {
    let mut table = ConnTable::new(&Limits::new(flows), [7; 16]);
    let now = Time::from_secs(1);
    let mut packet = syn(0);
    let start = cpu_time();
    for flow in 0..flows {
        redirect(&mut packet, shuffled(flow), false, flow);
        if table.look_up(black_box(&packet), now).tentative {
            table.confirm(&packet, now).expect("there is room");
        }
    }
    let time = cpu_time() - start;
    assert_eq!(table.len(), flows as usize);
    nanos(time, flows as usize)
}

/// The same in batches.
fn opens_in_batches(flows: u32) -> f64 {
    let mut table = ConnTable::new(&Limits::new(flows), [7; 16]);
    let now = Time::from_secs(1);
    let mut packets = vec![syn(0); BLOCK];
    let mut lookups = [Lookup::invalid(); BLOCK];
    let start = cpu_time();
    for first in (0..flows).step_by(BLOCK) {
        for (packet, flow) in packets.iter_mut().zip(first..) {
            redirect(packet, shuffled(flow), false, flow);
        }
        let mut rest = black_box(packets.get(..(flows - first) as usize).unwrap_or(&packets));
        while !rest.is_empty() {
            let done = table.look_up_batch(rest, now, &mut lookups);
            if lookups[done - 1].tentative {
                table.confirm(&rest[done - 1], now).expect("there is room");
            }
            rest = &rest[done..];
        }
    }
    let time = cpu_time() - start;
    assert_eq!(table.len(), flows as usize);
    nanos(time, flows as usize)
}

/// Another order of 24-bit numbers.
fn shuffled(flow: u32) -> u32 {
    flow.wrapping_mul(0x9e_3779) & 0xff_ffff
}

fn nanos(time: Duration, packets: usize) -> f64 {
    time.as_secs_f64() * 1e9 / packets as f64
}
