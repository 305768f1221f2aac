use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};

use super::cost::units;
use super::flat::Flat;
use super::{Definition, Overrides, PolicyError, PolicyMatcher, PolicyRule, RuleGroup};
use crate::Config;
use crate::rule::set::{Set, Sets};
use crate::rule::{Action, RuleSet};

/// Rules and groups of rules by priority, and what is done with packets that none of them decides.
///
/// What it means is said by [`Definition`], and in [this module](super).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy<A = Action> {
    entries: BTreeMap<u32, Entry<A>>,
    names: BTreeSet<Box<str>>,
    default: A,
    sets: Sets,
    capacity_limit: u64,
}

/// What has a priority in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "most entries are rules")]
pub enum Entry<A = Action> {
    /// A rule.
    Rule(PolicyRule<A>),
    /// A group, and what the policy changes of it.
    Group(RuleGroup<A>, Overrides<A>),
}

/// The most units of a policy unless its limit is set.
pub(super) const CAPACITY: u64 = 5000;

impl<A> Policy<A> {
    /// A policy without rules.
    pub fn new(default: A) -> Self {
        let (entries, names) = (BTreeMap::new(), BTreeSet::new());
        Self { entries, names, default, sets: Sets::default(), capacity_limit: CAPACITY }
    }

    /// Adds a rule.
    ///
    /// # Errors
    ///
    /// When something else has the priority or the name. It is not added then.
    pub fn add_rule(&mut self, priority: u32, rule: PolicyRule<A>) -> Result<(), PolicyError> {
        self.add(priority, Entry::Rule(rule))
    }

    /// Adds a group.
    ///
    /// # Errors
    ///
    /// When something else has the priority or the name, or the group has no rule that an override names.
    /// It is not added then.
    pub fn add_group(
        &mut self,
        priority: u32,
        group: RuleGroup<A>,
        overrides: Overrides<A>,
    ) -> Result<(), PolicyError> {
        if let Some((rule, _)) = overrides.rules().find(|(name, _)| !group.has(name)) {
            return Err(PolicyError::NoSuchRule { group: group.name().into(), rule: rule.into() });
        }
        self.add(priority, Entry::Group(group, overrides))
    }

    fn add(&mut self, priority: u32, entry: Entry<A>) -> Result<(), PolicyError> {
        if let Some(other) = self.entries.get(&priority) {
            return Err(PolicyError::same_priority(priority, other.name(), entry.name()));
        }
        if !self.names.insert(entry.name().into()) {
            return Err(PolicyError::SameName { name: entry.name().into() });
        }
        self.entries.insert(priority, entry);
        Ok(())
    }

    /// Takes out the rule or group of a priority.
    pub fn remove(&mut self, priority: u32) -> Option<Entry<A>> {
        let entry = self.entries.remove(&priority)?;
        self.names.remove(entry.name());
        Some(entry)
    }

    /// Adds a [named set](crate::rule::set) that rules may ask for, or puts it in the place of the one that
    /// has the name.
    pub fn add_set(&mut self, name: &str, set: impl Into<Set>) {
        self.sets.put(name, set.into());
    }

    /// Sets the most units that it may [cost](super#capacity), 5,000 unless it is set.
    pub fn set_capacity_limit(&mut self, units: u64) {
        self.capacity_limit = units;
    }

    /// The rules and groups, the lowest priority first.
    pub fn entries(&self) -> impl Iterator<Item = (u32, &Entry<A>)> {
        self.entries.iter().map(|(priority, entry)| (*priority, entry))
    }

    /// The named sets.
    pub fn sets(&self) -> &Sets {
        &self.sets
    }

    /// The action for packets that no rule decides.
    pub fn default_action(&self) -> &A {
        &self.default
    }

    /// What it costs: [the sum of its rules](super#capacity).
    pub fn capacity(&self) -> u64 {
        self.entries.values().map(Entry::capacity).sum()
    }

    /// The most units that it may cost.
    pub fn capacity_limit(&self) -> u64 {
        self.capacity_limit
    }
}

impl<A: Clone> Policy<A> {
    /// All rules in the order in which they are looked at, with their actions as overridden, as rules of
    /// one chain: what the ids of decisions mean, also for [`HitCounters`](crate::hits::HitCounters).
    /// What they ask of labels and rates is not part of it, and a decision of a group that is only counted
    /// is a [`Count`](crate::rule::Effect::Count).
    pub fn rules(&self) -> RuleSet<A> {
        Flat::all(self).rule_set(self)
    }

    /// What the policy means, rule by rule: slow, and with all packets in memory that rates have counted.
    ///
    /// # Errors
    ///
    /// Those of [`compile`](Self::compile), of which it compiles nothing.
    pub fn definition(&self) -> Result<Definition<'_, A>, PolicyError> {
        Definition::new(self)
    }
}

impl<A: Clone + PartialEq> Policy<A> {
    /// Compiles it, with room for all counts of its rates.
    ///
    /// Keys of rates are hashed under `secret`: 16 bytes that nobody who sends packets can know.
    ///
    /// # Errors
    ///
    /// When a rule says or asks what it cannot, a connection's state among it, asks for a label that no
    /// rule before it adds, or a limit is passed. The error names the rule.
    pub fn compile(
        &self,
        config: &Config,
        secret: [u8; 16],
    ) -> Result<PolicyMatcher<A>, PolicyError> {
        PolicyMatcher::new(self, config, secret, false)
    }

    /// [`compile`](Self::compile) with rules that may ask for connections: packets are judged with what a
    /// tracker says of them ([`Asked::tracked`](super::Asked::tracked)), and without it nothing of that
    /// holds.
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile), apart from such rules.
    pub fn compile_tracked(
        &self,
        config: &Config,
        secret: [u8; 16],
    ) -> Result<PolicyMatcher<A>, PolicyError> {
        PolicyMatcher::new(self, config, secret, true)
    }
}

impl<A> Entry<A> {
    /// The name of the rule or group.
    pub fn name(&self) -> &str {
        match self {
            Self::Rule(rule) => &rule.name,
            Self::Group(group, _) => group.name(),
        }
    }

    /// What it [costs](super#capacity).
    pub fn capacity(&self) -> u64 {
        match self {
            Self::Rule(rule) => units(rule),
            Self::Group(group, _) => group.capacity(),
        }
    }
}
