use alloc::boxed::Box;
use core::fmt;

use crate::rule::{BuildError, RuleId};

/// Why rules cannot be put into the order of the first match.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderError {
    /// They cannot be compiled in any order.
    Build(BuildError),
    /// A rule has no meaning where the last match decides.
    Rule {
        /// The rule.
        rule: RuleId,
        /// The name of its chain.
        chain: Box<str>,
        /// What is wrong with it, in words.
        reason: &'static str,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Leaves,
    SetsMark,
    QuickDecidesNothing,
}

impl OrderError {
    pub(super) fn at(rule: RuleId, chain: &str, kind: Kind) -> Self {
        let reason = match kind {
            Kind::Leaves => {
                "leaves its chain, which means nothing where the last match decides; use a quick rule"
            }
            Kind::SetsMark => {
                "sets a mark, which rules after it would see, but not where the last match decides"
            }
            Kind::QuickDecidesNothing => {
                "is quick but does not decide; only an action can be quick"
            }
        };
        Self::Rule { rule, chain: chain.into(), reason }
    }
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => error.fmt(f),
            Self::Rule { rule, chain, reason } => {
                write!(f, "rule {} of chain `{chain}` {reason}", u64::from(rule.index) + 1)
            }
        }
    }
}

impl core::error::Error for OrderError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Build(error) => Some(error),
            Self::Rule { .. } => None,
        }
    }
}
