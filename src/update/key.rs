use core::fmt;

use crate::rule::{ChainId, RuleId};

/// What a rule of a [`LiveMatcher`](super::LiveMatcher) is known by for as long as it is there,
/// whatever is inserted or removed around it. No other rule ever has the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleKey {
    pub(super) slot: u32,
    /// How many rules had this slot before.
    pub(super) generation: u32,
}

impl RuleKey {
    pub(crate) const fn slot(self) -> usize {
        self.slot as usize
    }

    pub(crate) const fn generation(self) -> u32 {
        self.generation
    }
}

/// Prints `rule #7`, and `rule #7.2` for a key whose number two other rules had before.
impl fmt::Display for RuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule #{}", self.slot)?;
        match self.generation {
            0 => Ok(()),
            generation => write!(f, ".{generation}"),
        }
    }
}

/// Where a rule is inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Position {
    /// Before all rules of a chain.
    First(ChainId),
    /// After all rules of a chain.
    Last(ChainId),
    /// Right before a rule, in its chain.
    Before(RuleKey),
    /// Right after a rule, in its chain.
    After(RuleKey),
    /// Where this rule is now, which then comes right after it; or at the chain's end, one place
    /// behind its last rule.
    At(RuleId),
}
