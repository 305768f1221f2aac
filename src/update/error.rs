use core::fmt;

use super::RuleKey;
use crate::rule::set::SetError;
use crate::rule::{BuildError, ChainId, RuleId};

/// Why a rule cannot be inserted or removed. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateError {
    /// The rule has been removed, or is of another matcher.
    NoSuchRule(RuleKey),
    /// There is no such chain.
    NoSuchChain(ChainId),
    /// The chain ends before this place.
    NoSuchPlace {
        /// The place asked for.
        place: RuleId,
        /// How many rules the chain has.
        rules: usize,
    },
    /// A named set cannot be changed so.
    Set(SetError),
    /// The rule cannot be part of a compiled rule set.
    Build(BuildError),
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchRule(key) => {
                write!(f, "{key} has been removed, or is a rule of another matcher")
            }
            Self::NoSuchChain(chain) => write!(f, "there is no chain {}", chain.index()),
            Self::NoSuchPlace { place, rules } => {
                write!(f, "there is no place for {place}: the chain has {rules} rules")
            }
            Self::Set(error) => error.fmt(f),
            Self::Build(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for UpdateError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Set(error) => Some(error),
            Self::Build(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SetError> for UpdateError {
    fn from(error: SetError) -> Self {
        Self::Set(error)
    }
}

impl From<BuildError> for UpdateError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}
