use alloc::sync::Arc;
use alloc::vec::Vec;

use super::RuleKey;
use super::block::Entry;
use super::ordinal::Ordinal;
use crate::Config;
use crate::packet::{Packet, Tracked};
use crate::rule::{BuildError, ChainId, Rule, RuleSet};
use crate::tree::{Compiled, Members, Own};

/// Inserted rules of a chain that have been compiled by themselves: too many to be looked at one by one,
/// too few to compile all others for.
///
/// Only rules that decide and ask nothing but flow keys: what others ask may change without them.
#[derive(Debug)]
pub(super) struct Tier<A> {
    /// Without leaving out rules that others hide, since any may be removed.
    compiled: Arc<Compiled<'static, Own<A>>>,
    rules: Arc<[(RuleKey, Arc<Rule<A>>)]>,
    /// Where they stand, ascending. They may move, all in the same order.
    ordinals: Arc<Vec<Ordinal>>,
    /// A bit for each that was removed.
    gone: Arc<Vec<u64>>,
    left: usize,
}

/// A rule of the overlay that matches.
#[derive(Debug)]
pub(super) struct Inserted<'t, A> {
    pub(super) ordinal: Ordinal,
    pub(super) key: RuleKey,
    pub(super) rule: &'t Arc<Rule<A>>,
}

/// Whether a rule can be in a tier.
pub(super) fn is_plain<A>(rule: &Rule<A>) -> bool {
    rule.target.action().is_some() && rule.criteria.is_of_flow()
}

impl<A: Clone + PartialEq> Tier<A> {
    /// Of rules in order.
    pub(super) fn compile(
        entries: Vec<Entry<A>>,
        default: A,
        config: &Config,
    ) -> Result<Self, BuildError> {
        let mut rules = RuleSet::new(default);
        entries.iter().for_each(|entry| _ = rules.push(Rule::clone(&entry.rule)));
        // It shares the caches with the base.
        let memory_budget = config.memory_budget / 8;
        let config = Config { keep_hidden: true, memory_budget, ..config.clone() };
        let compiled = Arc::new(Compiled::stateless(&rules, &config)?);
        let ordinals = Arc::new(entries.iter().map(|entry| entry.ordinal).collect());
        let left = entries.len();
        let rules = entries.into_iter().map(|entry| (entry.key, entry.rule)).collect();
        Ok(Self { compiled, rules, ordinals, gone: Arc::default(), left })
    }
}

impl<A> Tier<A> {
    /// The place of the first rule that matches a packet, there or removed.
    #[inline(always)]
    pub(super) fn first(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        members: &Members,
    ) -> Option<u32> {
        self.compiled.decided(packet, tracked, members).0.map(|rule| rule.index)
    }

    /// The rule at a place, which matches, or the next one that does if it was removed, if it stands
    /// before another.
    pub(super) fn from(
        &self,
        of: (&Packet, Option<Tracked>, &Members),
        mut place: u32,
        before: Ordinal,
    ) -> Option<Inserted<'_, A>> {
        while self.is_gone(place) {
            place = self.next(of, place + 1)?;
        }
        let ordinal = *self.ordinals.get(place as usize).filter(|own| **own < before)?;
        let (key, rule) = self.rules.get(place as usize)?;
        Some(Inserted { ordinal, key: *key, rule })
    }

    /// The first rule between two places that matches.
    pub(super) fn between(
        &self,
        of: (&Packet, Option<Tracked>, &Members),
        after: Option<Ordinal>,
        before: Ordinal,
    ) -> Option<Inserted<'_, A>> {
        let least = |after| self.ordinals.partition_point(|own| *own <= after) as u32;
        self.from(of, self.next(of, after.map_or(0, least))?, before)
    }

    fn next(&self, of: (&Packet, Option<Tracked>, &Members), least: u32) -> Option<u32> {
        let found = self.compiled.first_at(of, ChainId::BASE, least, of.0.mark);
        found.map(|found| found.index)
    }

    pub(super) fn remove(&mut self, place: u32) {
        let (words, word) = (self.rules.len().div_ceil(64), place as usize / 64);
        let gone = Arc::make_mut(&mut self.gone);
        gone.resize(words, 0);
        if let Some(word) = gone.get_mut(word) {
            *word |= 1 << (place % 64);
            self.left -= 1;
        }
    }

    pub(super) fn renumber(&mut self, place: u32, ordinal: Ordinal) {
        if let Some(own) = Arc::make_mut(&mut self.ordinals).get_mut(place as usize) {
            *own = ordinal;
        }
    }

    /// Whether all rules have been removed.
    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }

    fn is_gone(&self, place: u32) -> bool {
        self.gone.get(place as usize / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}

impl<A> Clone for Tier<A> {
    fn clone(&self) -> Self {
        Self {
            compiled: Arc::clone(&self.compiled),
            rules: Arc::clone(&self.rules),
            ordinals: Arc::clone(&self.ordinals),
            gone: Arc::clone(&self.gone),
            left: self.left,
        }
    }
}
