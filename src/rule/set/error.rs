use core::fmt;

use super::{SetKind, SetName};
use crate::rule::InterfaceName;

/// Why a named set cannot be changed. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetError {
    /// The rule set has no set of this name.
    NoSuchSet(SetName),
    /// The set has elements of another kind.
    Kind {
        /// The set.
        name: SetName,
        /// What its elements are.
        is: SetKind,
        /// What the caller took them for.
        asked: SetKind,
    },
    /// The compiled rules have no number for this interface, so that no packet could come from there.
    UnknownInterface(InterfaceName),
    /// These are not the sets that the rules were compiled with, as their names and kinds show.
    OtherSets,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchSet(name) => write!(f, "the rule set has no set called `{name}`"),
            Self::Kind { name, is, asked } => {
                write!(f, "the set `{name}` is one of {is}, not of {asked}")
            }
            Self::UnknownInterface(name) => write!(
                f,
                "the compiled rules have no number for the interface `{name}`; name it with RuleSet::number_interface and compile again"
            ),
            Self::OtherSets => f.write_str(
                "sets of other names or kinds than those that the rules were compiled with",
            ),
        }
    }
}

impl core::error::Error for SetError {}
