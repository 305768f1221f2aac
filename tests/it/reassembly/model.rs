//! Reassembly as plainly as it can be written: every byte has its place in a map, and every fragment
//! is kept. No limits but times and the distance.

use std::collections::HashMap;

use super::sent::Sent;

/// What should become of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Alone,
    /// The packet's bytes, and the numbers of the fragments.
    Whole(Vec<u8>, Vec<usize>),
    Held,
    /// The numbers of the fragments that are lost, the last one included.
    Rejected(Vec<usize>),
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    datagrams: HashMap<Key, Parts>,
    arrivals: HashMap<(u8, u16), u64>,
}

/// IPv6 or not, source, identifier, zone, protocol (IPv4), interface (IPv6).
type Key = (bool, u8, u16, u16, u8, u32);

#[derive(Debug, Default)]
struct Parts {
    begun: u64,
    taken: Vec<Taken>,
    end: usize,
    last_seen: bool,
    count: Option<u64>,
}

#[derive(Debug)]
struct Taken {
    number: usize,
    sent: Sent,
    /// What is of use.
    payload: Vec<u8>,
    /// Which run it is part of.
    run: usize,
}

impl Taken {
    fn start(&self) -> usize {
        self.sent.start()
    }

    fn end(&self) -> usize {
        self.start() + self.payload.len()
    }
}

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const MAX_DISTANCE: u64 = 64;

impl Model {
    /// Takes fragment `number` at `now`, in nanoseconds. The clock must not go back.
    pub(crate) fn push(&mut self, number: usize, sent: &Sent, now: u64) -> Fate {
        let timeout = |key: &Key| if key.0 { 60 * SECOND } else { 30 * SECOND };
        self.datagrams.retain(|key, parts| now < parts.begun + timeout(key));
        if !sent.v6 && sent.offset == 0 && !sent.more {
            return Fate::Alone;
        }
        if sent.v6 && sent.offset == 0 && sent.payload.len() < required(sent.protocol) {
            return Fate::Alone;
        }
        let key = key(sent);
        let mut payload = sent.payload.clone();
        if !sent.v6 && sent.more {
            payload.truncate(payload.len() / 8 * 8);
        }
        let end = sent.start() + payload.len();
        let too_long = end + if sent.v6 { 0 } else { 20 } > 65_535;
        if too_long && sent.v6 {
            return Fate::Rejected(vec![number]);
        }
        if !sent.v6 && (too_long || payload.is_empty()) {
            return self.lose(key, number);
        }
        let fresh = || Parts { begun: now, ..Parts::default() };
        if !sent.v6 {
            self.count(sent, key, now);
        }
        let parts = self.datagrams.entry(key).or_insert_with(fresh);
        if sent.v6 && sent.more && !end.is_multiple_of(8) {
            self.datagrams.remove(&key);
            return Fate::Alone;
        }
        let contradicts = match sent.more {
            true => parts.last_seen && end > parts.end,
            false => end < parts.end || parts.last_seen && end != parts.end,
        };
        if contradicts && !sent.v6 {
            return self.lose(key, number);
        }
        if contradicts {
            return Fate::Rejected(vec![number]);
        }
        parts.last_seen |= !sent.more;
        parts.end = parts.end.max(end);
        if payload.is_empty() {
            return Fate::Rejected(vec![number]);
        }
        if let Some(run) = parts.met_run(sent.start(), end) {
            return match parts.is_within(run, sent.start(), end) {
                true => Fate::Rejected(vec![number]),
                false => self.lose(key, number),
            };
        }
        parts.take(number, sent, payload);
        match parts.is_complete() {
            true => self.finish(key),
            false => Fate::Held,
        }
    }

    fn count(&mut self, sent: &Sent, key: Key, now: u64) {
        let arrivals = self.arrivals.entry((sent.src, sent.zone)).or_default();
        *arrivals += 1;
        let arrivals = *arrivals;
        let parts =
            self.datagrams.entry(key).or_insert_with(|| Parts { begun: now, ..Parts::default() });
        let before = parts.count.replace(arrivals);
        let distance = before.map_or(0, |before| arrivals - before);
        if !parts.taken.is_empty() && distance > MAX_DISTANCE {
            *parts = Parts { begun: now, count: Some(arrivals), ..Parts::default() };
        }
    }

    fn lose(&mut self, key: Key, number: usize) -> Fate {
        let lost = self.datagrams.remove(&key).unwrap_or_default();
        let before = lost.taken.iter().map(|taken| taken.number);
        Fate::Rejected(before.chain([number]).collect())
    }

    fn finish(&mut self, key: Key) -> Fate {
        let parts = self.datagrams.remove(&key).unwrap();
        let numbers: Vec<_> = parts.taken.iter().map(|taken| taken.number).collect();
        let mut payload = vec![None; parts.end];
        for taken in &parts.taken {
            for (at, byte) in taken.payload.iter().enumerate() {
                assert_eq!(payload[taken.start() + at].replace(*byte), None);
            }
        }
        let payload: Vec<u8> = payload.into_iter().map(Option::unwrap).collect();
        let marks: Vec<u8> = parts.taken.iter().map(|taken| taken.sent.ecn).collect();
        let mut first =
            parts.taken.iter().find(|taken| taken.sent.offset == 0).unwrap().sent.clone();
        if marks.contains(&0) && marks.iter().any(|mark| *mark != 0) {
            return Fate::Rejected(numbers);
        }
        if marks.contains(&3) {
            first.ecn = 3;
        }
        first.dont_fragment = {
            let largest = parts.taken.iter().map(|taken| taken.payload.len()).max();
            let whole = parts.taken.iter().filter(|taken| taken.sent.dont_fragment);
            whole.map(|taken| taken.payload.len()).max() == largest
        };
        Fate::Whole(first.whole(&payload), numbers)
    }
}

impl Parts {
    fn met_run(&self, start: usize, end: usize) -> Option<usize> {
        let met = self.taken.iter().find(|taken| start < taken.end() && taken.start() < end);
        met.map(|taken| taken.run)
    }

    fn is_within(&self, run: usize, start: usize, end: usize) -> bool {
        let of_run = |at: usize| {
            self.taken
                .iter()
                .any(|taken| taken.run == run && (taken.start()..taken.end()).contains(&at))
        };
        (start..end).all(of_run)
    }

    /// A fragment that continues the farthest one is of the same run.
    fn take(&mut self, number: usize, sent: &Sent, payload: Vec<u8>) {
        let farthest = self.taken.iter().max_by_key(|taken| taken.end());
        let run = match farthest {
            Some(farthest) if farthest.end() == sent.start() => farthest.run,
            _ => number,
        };
        self.taken.push(Taken { number, sent: sent.clone(), payload, run });
    }

    fn is_complete(&self) -> bool {
        let held: usize = self.taken.iter().map(|taken| taken.payload.len()).sum();
        self.last_seen && held == self.end && self.taken.iter().any(|taken| taken.sent.offset == 0)
    }
}

fn key(sent: &Sent) -> Key {
    let (protocol, interface) = match sent.v6 {
        true => (0, sent.interface),
        false => (sent.protocol, 0),
    };
    (sent.v6, sent.src, sent.id, sent.zone, protocol, interface)
}

/// What of an upper-layer header has to be in an IPv6 packet's first fragment.
fn required(protocol: u8) -> usize {
    match protocol {
        6 => 20,
        17 | 58 => 8,
        _ => 1,
    }
}
