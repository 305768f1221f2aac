//! Limited rates by the caller's clock: what `limit` and `hashlimit` ask.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::meet::bits;
use crate::conntrack::Time;
use crate::packet::{Addrs, FlowKey, Packet};

/// The rates that imported rules ask about, each with the tokens that are left of it.
///
/// Each rate has a number, that of the predicate that stands for it: a packet's predicate says
/// whether a token is left, and a rule that takes one notes [`Effect::Spend`].
///
/// Memory is bounded: a rate that is kept by addresses or ports has at most as many of them as its
/// rule says, 65,536 if it does not. While there are as many, new ones have no token, and are not beyond
/// the rate where nftables asks for that.
///
/// # Source
///
/// Linux `net/netfilter/xt_limit.c` and `xt_hashlimit.c`; there time is counted in ticks, here in
/// nanoseconds.
///
/// [`Effect::Spend`]: crate::rule::Effect::Spend
#[derive(Clone, Debug, Default)]
pub struct Rates {
    rates: Vec<Counted>,
}

impl Rates {
    pub(in crate::import) fn new(rates: &[Rate]) -> Self {
        Self { rates: rates.iter().cloned().map(Counted::new).collect() }
    }

    /// Whether no rule asks about a rate.
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty()
    }

    /// The predicates of a packet that came at `now`: bit `i` if rate `i` has a token left for it.
    pub fn predicates(&mut self, packet: &Packet, now: Time) -> u64 {
        let rates = self.rates.iter_mut().zip(0..u64::BITS);
        rates.fold(0, |bits, (counted, number)| {
            counted.collect(now);
            bits | u64::from(counted.is_ready(packet, now)) << number
        })
    }

    /// Takes a token of rate `number` for a packet that came at `now`, if one is left.
    pub fn spend(&mut self, number: u8, packet: &Packet, now: Time) {
        if let Some(counted) = self.rates.get_mut(usize::from(number)) {
            counted.spend(packet, now);
        }
    }
}

/// A rate as a rule gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::import) struct Rate {
    /// Nanoseconds until another token comes.
    pub(in crate::import) interval: u64,
    /// The most tokens.
    pub(in crate::import) burst: u32,
    /// What it is kept by, if not for all packets together.
    pub(in crate::import) by: Option<By>,
}

/// What of a packet tells one count from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::import) struct By {
    pub(in crate::import) name: Box<str>,
    /// Which bits of the addresses count, 0 if none.
    pub(in crate::import) src_mask: u128,
    pub(in crate::import) dst_mask: u128,
    pub(in crate::import) src_port: bool,
    pub(in crate::import) dst_port: bool,
    /// Nanoseconds after which one that was not asked about is forgotten.
    pub(in crate::import) expire: u64,
    /// The most that are kept.
    pub(in crate::import) most: usize,
    /// Whether others have a token while there are as many.
    pub(in crate::import) passes_when_full: bool,
}

impl By {
    fn key(&self, packet: &Packet) -> Key {
        let FlowKey { addrs, src_port, dst_port, .. } = packet.flow_key();
        let masked = |address: IpAddr, mask| bits(address) & mask;
        Key {
            v6: matches!(addrs, Addrs::V6 { .. }),
            src: masked(addrs.src(), self.src_mask),
            dst: masked(addrs.dst(), self.dst_mask),
            src_port: if self.src_port { src_port } else { 0 },
            dst_port: if self.dst_port { dst_port } else { 0 },
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    v6: bool,
    src: u128,
    dst: u128,
    src_port: u16,
    dst_port: u16,
}

#[derive(Clone, Debug)]
struct Counted {
    rate: Rate,
    all: Bucket,
    /// In an order that no sender of packets can make slow.
    by_key: BTreeMap<Key, Bucket>,
    /// Where the search for forgotten ones goes on.
    cursor: Key,
}

/// How many of the kept ones are looked at to find forgotten ones, when there are as many as may be.
const VISITS: usize = 8;

impl Counted {
    fn new(rate: Rate) -> Self {
        let all = Bucket::full(&rate);
        Self { rate, all, by_key: BTreeMap::new(), cursor: Key::default() }
    }

    /// Drops some of those that are forgotten, if there are as many as may be.
    fn collect(&mut self, now: Time) {
        let Some(by) = self.rate.by.as_ref().filter(|by| self.by_key.len() >= by.most) else {
            return;
        };
        let mut forgotten = [None; VISITS];
        let mut last = None;
        for (slot, (key, bucket)) in forgotten.iter_mut().zip(self.by_key.range(self.cursor..)) {
            *slot = bucket.is_forgotten(by, now).then_some(*key);
            last = Some(*key);
        }
        self.cursor = last.unwrap_or_default();
        for key in forgotten.into_iter().flatten() {
            self.by_key.remove(&key);
        }
    }

    fn is_ready(&self, packet: &Packet, now: Time) -> bool {
        let Some(by) = &self.rate.by else { return self.all.is_ready(&self.rate, now) };
        match self.by_key.get(&by.key(packet)) {
            Some(bucket) if !bucket.is_forgotten(by, now) => bucket.is_ready(&self.rate, now),
            Some(_) => true,
            None => by.passes_when_full || self.by_key.len() < by.most,
        }
    }

    fn spend(&mut self, packet: &Packet, now: Time) {
        let Some(by) = &self.rate.by else { return self.all.spend(&self.rate, now) };
        let key = by.key(packet);
        if self.by_key.len() >= by.most && !self.by_key.contains_key(&key) {
            return;
        }
        let bucket = self.by_key.entry(key).or_insert(Bucket::full(&self.rate));
        if bucket.is_forgotten(by, now) {
            *bucket = Bucket::full(&self.rate);
        }
        bucket.spend(&self.rate, now);
    }
}

/// Tokens in nanoseconds: each is worth its rate's interval.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    credit: u64,
    /// When `credit` was that; `None` before the first packet.
    at: Option<Time>,
}

impl Bucket {
    fn full(rate: &Rate) -> Self {
        Self { credit: rate.interval.saturating_mul(rate.burst.into()), at: None }
    }

    fn credit(&self, rate: &Rate, now: Time) -> u64 {
        let elapsed = self.at.map_or(0, |at| now.since(at).as_nanos());
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let most = rate.interval.saturating_mul(rate.burst.into());
        self.credit.saturating_add(elapsed).min(most)
    }

    fn is_ready(&self, rate: &Rate, now: Time) -> bool {
        self.credit(rate, now) >= rate.interval
    }

    fn spend(&mut self, rate: &Rate, now: Time) {
        let credit = self.credit(rate, now);
        self.credit = credit.checked_sub(rate.interval).unwrap_or(credit);
        // A clock that goes back gives no tokens when it comes forward again.
        self.at = self.at.max(Some(now));
    }

    fn is_forgotten(&self, by: &By, now: Time) -> bool {
        self.at.is_some_and(|at| now.since(at).as_nanos() > u128::from(by.expire))
    }
}
