use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};

use super::cost::units;
use super::{PolicyError, PolicyRule};
use crate::rule::{Action, Effect, Target};

/// Rules that policies take in together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleGroup<A = Action> {
    name: Box<str>,
    rules: BTreeMap<u32, PolicyRule<A>>,
    names: BTreeSet<Box<str>>,
}

/// What a policy changes of a group that it takes in: by default nothing.
///
/// # Examples
///
/// A group on trial: its first rule blocks, the others only count.
///
/// ```
/// use portcullis::policy::{Overrides, Policy, PolicyRule, RuleGroup};
/// use portcullis::{Action, Rule};
///
/// let mut group = RuleGroup::new("odd-ports");
/// group.add_rule(0, PolicyRule::new("telnet", Rule::drop().tcp().to_ports(23)))?;
/// group.add_rule(1, PolicyRule::new("smb", Rule::drop().tcp().to_ports(445)))?;
/// let mut policy = Policy::new(Action::Accept);
/// policy.add_group(0, group, Overrides::none().count("smb"))?;
/// # Ok::<(), portcullis::policy::PolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, deny_unknown_fields, bound(deserialize = "A: ::serde::Deserialize<'de>"))
)]
pub struct Overrides<A = Action> {
    count_group: bool,
    rules: BTreeMap<Box<str>, Target<A>>,
}

impl<A> RuleGroup<A> {
    /// A group without rules.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), rules: BTreeMap::new(), names: BTreeSet::new() }
    }

    /// Adds a rule.
    ///
    /// # Errors
    ///
    /// When another rule of the group has the priority or the name. It is not added then.
    pub fn add_rule(&mut self, priority: u32, rule: PolicyRule<A>) -> Result<(), PolicyError> {
        if let Some(other) = self.rules.get(&priority) {
            return Err(PolicyError::same_priority(priority, &other.name, &rule.name));
        }
        if !self.names.insert(rule.name.clone()) {
            return Err(PolicyError::SameName { name: rule.name });
        }
        self.rules.insert(priority, rule);
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rules, the lowest priority first.
    pub fn rules(&self) -> impl Iterator<Item = (u32, &PolicyRule<A>)> {
        self.rules.iter().map(|(priority, rule)| (*priority, rule))
    }

    /// What it costs: [the sum of its rules](super#capacity).
    pub fn capacity(&self) -> u64 {
        self.rules.values().map(units).sum()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }
}

impl<A> Default for Overrides<A> {
    fn default() -> Self {
        Self::none()
    }
}

impl<A> Overrides<A> {
    /// The group's rules say what they say.
    pub const fn none() -> Self {
        Self { count_group: false, rules: BTreeMap::new() }
    }

    /// What the group decides is only counted: its rules are looked at until one would decide, and the
    /// policy goes on behind the group.
    pub const fn count_group() -> Self {
        Self { count_group: true, rules: BTreeMap::new() }
    }

    /// Lets a rule of the group only count.
    #[must_use]
    pub fn count(self, rule: &str) -> Self {
        self.rule(rule, Target::Continue(Effect::Count))
    }

    /// Lets a rule of the group say something else, also be staged.
    #[must_use]
    pub fn rule(mut self, rule: &str, target: Target<A>) -> Self {
        self.rules.insert(rule.into(), target);
        self
    }

    /// Whether what the group decides is only counted.
    pub const fn counts_group(&self) -> bool {
        self.count_group
    }

    /// Whether nothing is changed.
    pub fn are_none(&self) -> bool {
        !self.count_group && self.rules.is_empty()
    }

    /// The rules that say something else, and what.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &Target<A>)> {
        self.rules.iter().map(|(rule, target)| (&**rule, target))
    }

    /// What a rule of the group says in this policy.
    pub(super) fn target<'r>(&'r self, rule: &'r PolicyRule<A>) -> &'r Target<A> {
        self.rules.get(&rule.name).unwrap_or(&rule.rule.target)
    }
}
