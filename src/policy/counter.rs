use alloc::boxed::Box;

use ipnet::IpNet;

use super::flat::Flat;
use super::key::Key;
use super::table::Table;
use super::{Asked, PolicyRule, Rate, WhenFull};
use crate::conntrack::Time;
use crate::conntrack::sip::Sip;
use crate::packet::Protocol;
use crate::rule::Rule;

/// A rate with its counts.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    rate: Rate,
    table: Table,
    /// Packets that there was no room to count.
    uncounted: u64,
    group: Option<Box<str>>,
    /// The rule, without what it says.
    rule: PolicyRule<()>,
}

/// A key that is above the limit of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limited {
    /// The network of the source, if it is part of the key.
    pub source: Option<IpNet>,
    /// The network of the destination.
    pub destination: Option<IpNet>,
    /// The source port.
    pub source_port: Option<u16>,
    /// The destination port.
    pub destination_port: Option<u16>,
    /// The protocol.
    pub protocol: Option<Protocol>,
    /// The caller's key.
    pub key: Option<u64>,
    /// How many of its packets count.
    pub packets: u64,
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateCounts {
    /// Keys with packets that count.
    pub keys: usize,
    /// Packets that there was no room to count, ever.
    pub uncounted: u64,
}

impl Counter {
    /// Room for the counts of a rule's rate.
    pub(super) fn new<A>(flat: &Flat<'_, A>, rate: &Rate, sip: Sip) -> Self {
        let rule = flat.rule;
        let mut asks = Rule::action(());
        asks.criteria = rule.rule.criteria.clone();
        let rule = PolicyRule {
            name: rule.name.clone(),
            rule: asks,
            labels: Default::default(),
            labelled: rule.labelled.clone(),
            not_labelled: rule.not_labelled.clone(),
            rate: rule.rate.clone(),
        };
        let table = Table::new(rate.capacity, sip);
        Self { rate: rate.clone(), table, uncounted: 0, group: flat.group.map(Box::from), rule }
    }

    /// Whether it counts the same as another.
    pub(super) fn is_of_same_rule(&self, other: &Self) -> bool {
        (&self.group, &self.rule) == (&other.group, &other.rule)
    }

    /// Counts a packet, and says whether that is too many.
    pub(super) fn is_exceeded(&mut self, asked: &Asked<'_>, now: Time) -> bool {
        let Some(key) = Key::of(asked, &self.rate.by) else { return false };
        match self.table.count(&key, self.rate.slot(now)) {
            Some(packets) => packets > u64::from(self.rate.limit),
            None => {
                self.uncounted = self.uncounted.saturating_add(1);
                self.rate.when_full == WhenFull::Match
            }
        }
    }

    pub(super) fn limited(&self, now: Time) -> impl Iterator<Item = Limited> {
        let by = &self.rate.by;
        self.table.above(self.rate.limit, self.rate.slot(now)).map(|(key, packets)| {
            let [source_port, destination_port] = key.ports(by);
            Limited {
                source: key.source(by),
                destination: key.destination(by),
                source_port,
                destination_port,
                protocol: key.protocol(by),
                key: key.callers(by),
                packets,
            }
        })
    }

    pub(super) fn counts(&self, now: Time) -> RateCounts {
        RateCounts { keys: self.table.live(self.rate.slot(now)), uncounted: self.uncounted }
    }
}
