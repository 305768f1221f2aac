use alloc::vec::Vec;

use super::Hits;
use super::count::Count;
use crate::conntrack::Time;
use crate::packet::Packet;
use crate::rule::Decision;
use crate::update::RuleKey;

/// Counters of one thread for rules that come and go, by their keys: what hit a rule stays with it
/// whatever happens around it, and never goes to another one.
///
/// # Examples
///
/// ```
/// use portcullis::hits::LiveCounters;
/// use portcullis::update::{LiveMatcher, Position};
/// use portcullis::{ChainId, Config, Packet, Rule, RuleSet, Time};
///
/// let rules: RuleSet = "accept udp".parse()?;
/// let mut live = LiveMatcher::new(&rules, &Config::new())?;
/// let mut counters = LiveCounters::new();
/// let packet = Packet::udp("10.0.0.1:4000".parse()?, "192.0.2.1:53".parse()?)?;
/// let now = Time::from_secs(1);
/// counters.count(&live.publish().classify(&packet), &packet, now);
/// live.insert(Position::First(ChainId::BASE), Rule::drop().tcp())?;
/// counters.count(&live.publish().classify(&packet), &packet, now);
///
/// let second = live.key_at(ChainId::BASE, 1).unwrap();
/// assert_eq!(counters.hits(second).packets, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveCounters {
    /// By slot.
    counts: Vec<(u32, Count)>,
    undecided: Count,
}

impl LiveCounters {
    /// Nothing counted yet.
    pub const fn new() -> Self {
        Self { counts: Vec::new(), undecided: Count::new() }
    }

    /// Counts a packet for the rule that decided it, if one did. Allocates when a rule is newer than
    /// all that were counted before.
    #[inline]
    pub fn count<A>(&mut self, decision: &Decision<'_, A, RuleKey>, packet: &Packet, now: Time) {
        match decision.rule {
            Some(rule) => self.count_rule(rule, packet, now),
            None => self.undecided.hit(packet.length, now),
        }
    }

    /// Counts a packet for a rule: also for one that only notes it.
    #[inline]
    pub fn count_rule(&mut self, rule: RuleKey, packet: &Packet, now: Time) {
        if let Some(count) = self.own(rule) {
            count.hit(packet.length, now);
        }
    }

    /// What hit a rule.
    pub fn hits(&self, rule: RuleKey) -> Hits {
        let own = self.counts.get(rule.slot()).filter(|own| own.0 == rule.generation());
        own.map_or_else(Hits::default, |own| own.1.hits())
    }

    /// The packets that no rule decided.
    pub fn undecided(&self) -> Hits {
        self.undecided.hits()
    }

    /// Adds what another thread counted. Where one of the two knows a later rule by the same number,
    /// that one counts alone.
    pub fn add(&mut self, other: &Self) {
        for (slot, (generation, count)) in other.counts.iter().enumerate() {
            if let Some(own) = self.at(slot, *generation) {
                own.add(count);
            }
        }
        self.undecided.add(&other.undecided);
    }

    #[inline]
    fn own(&mut self, rule: RuleKey) -> Option<&mut Count> {
        self.at(rule.slot(), rule.generation())
    }

    /// The count of a slot; `None` if a later rule has it.
    #[inline]
    fn at(&mut self, slot: usize, generation: u32) -> Option<&mut Count> {
        if slot >= self.counts.len() {
            self.counts.resize(slot.saturating_add(1), (0, Count::new()));
        }
        let own = self.counts.get_mut(slot)?;
        if own.0 < generation {
            *own = (generation, Count::new());
        }
        (own.0 == generation).then_some(&mut own.1)
    }
}
