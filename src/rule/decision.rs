use core::fmt;

use super::Action;
use crate::packet::{Fragment, Malformed, Refused, Tracked};

/// The most jumps on the way to any rule: what a lookup keeps on its stack.
pub(crate) const MAX_DEPTH: usize = 32;

/// A chain of a rule set: 0 is the base chain, user chains follow in the order they were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct ChainId(pub(crate) u32);

impl ChainId {
    /// The chain where evaluation begins.
    pub const BASE: Self = Self(0);

    /// The chain's position in its rule set.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A rule's position in its rule set: its chain, and its place there counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct RuleId {
    /// The chain that holds the rule.
    pub chain: ChainId,
    /// The rule's place in the chain, counted from 0.
    pub index: u32,
}

impl RuleId {
    /// The rule at `index` of `chain`.
    pub const fn new(chain: ChainId, index: u32) -> Self {
        Self { chain, index }
    }
}

/// Prints the place counted from 1, as people count: `rule 3`, or `chain 2 rule 3` outside the
/// base chain.
impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.chain != ChainId::BASE {
            write!(f, "chain {} ", self.chain.0)?;
        }
        write!(f, "rule {}", u64::from(self.index) + 1)
    }
}

/// What a matcher says of a packet. `R` is how it names rules.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize))]
#[non_exhaustive]
pub struct Decision<'m, A = Action, R = RuleId> {
    /// What to do with the packet.
    pub action: &'m A,
    /// The rule that decided, or `None` if the rule set's default did, or a stateful matcher let
    /// the packet of a known connection pass without asking the rules.
    pub rule: Option<R>,
    /// The packet's place in its connection; `None` from a stateless matcher.
    pub tracked: Option<Tracked>,
    /// Whether the packet was whole or a fragment.
    pub fragment: Fragment,
    /// What was wrong with its headers, if anything.
    pub malformed: Option<Malformed>,
    /// Why the connection that the packet opens was not admitted. `action` then drops the packet
    /// although `rule` accepted it.
    pub refused: Option<Refused>,
}

impl<A, R: Copy> Clone for Decision<'_, A, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, R: Copy> Copy for Decision<'_, A, R> {}

impl<A: PartialEq, R: PartialEq> PartialEq for Decision<'_, A, R> {
    fn eq(&self, other: &Self) -> bool {
        self.action == other.action
            && self.rule == other.rule
            && self.tracked == other.tracked
            && self.fragment == other.fragment
            && self.malformed == other.malformed
            && self.refused == other.refused
    }
}

impl<A: Eq, R: Eq> Eq for Decision<'_, A, R> {}

/// What is decided, and what would be if [staged](crate::rule::Effect::Staged) rules were enforced.
#[derive(Debug)]
#[non_exhaustive]
pub struct Trial<'m, A = Action> {
    /// The decision.
    pub enforced: Decision<'m, A>,
    /// That of the first staged rule that matches before; the enforced one if none does.
    pub staged: Decision<'m, A>,
}

impl<'m, A> Trial<'m, A> {
    /// Of a decision and the first staged rule that would have been another one.
    pub(crate) fn new(enforced: Decision<'m, A>, staged: Option<(RuleId, &'m A)>) -> Self {
        let staged = match staged {
            Some((rule, action)) => Decision { action, rule: Some(rule), ..enforced },
            None => enforced,
        };
        Self { enforced, staged }
    }
}

impl<A> Clone for Trial<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Trial<'_, A> {}
