use alloc::boxed::Box;
use core::fmt;

use crate::rule::BuildError;

/// Why there cannot be such a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// Two rules or groups have one priority.
    SamePriority {
        /// The priority.
        priority: u32,
        /// What has it, and what was to have it.
        names: [Box<str>; 2],
    },
    /// Two rules or groups have one name.
    SameName {
        /// The name.
        name: Box<str>,
    },
    /// An override is about a rule that its group does not have.
    NoSuchRule {
        /// The group.
        group: Box<str>,
        /// The name that the override has for the rule.
        rule: Box<str>,
    },
    /// Something is wrong with a rule.
    Rule {
        /// The rule's group.
        group: Option<Box<str>>,
        /// The rule.
        rule: Box<str>,
        /// What is wrong.
        fault: RuleFault,
    },
    /// The policy costs too much.
    Capacity {
        /// What it costs.
        units: u64,
        /// What it may cost.
        limit: u64,
    },
    /// Rules ask for more different sets of labels than a packet can be known to have.
    Labels {
        /// How many there may be.
        limit: usize,
    },
    /// It cannot be compiled, and no single rule is the reason.
    Build(BuildError),
}

/// What is wrong with a rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleFault {
    /// It neither decides, is staged, nor counts, logs or audits.
    Target,
    /// The window of its rate has no length.
    NoWindow,
    /// Its rate has room for no key.
    NoKeys,
    /// A prefix length of its rate's key is longer than an address.
    PrefixLength,
    /// A label that it adds is empty or has a `*`.
    Label(Box<str>),
    /// It asks for labels, in these words, of which no rule before it adds one.
    UnknownLabel(Box<str>),
    /// It cannot be compiled.
    Build(BuildError),
}

impl PolicyError {
    pub(super) fn same_priority(priority: u32, there: &str, added: &str) -> Self {
        Self::SamePriority { priority, names: [there.into(), added.into()] }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SamePriority { priority, names: [there, added] } => {
                write!(f, "`{added}` has priority {priority}, which `{there}` has; choose another")
            }
            Self::SameName { name } => write!(f, "there is another `{name}`; choose another name"),
            Self::NoSuchRule { group, rule } => {
                write!(f, "group `{group}` has no rule `{rule}` to override")
            }
            Self::Rule { group: Some(group), rule, fault } => {
                write!(f, "rule `{rule}` of group `{group}` {fault}")
            }
            Self::Rule { group: None, rule, fault } => write!(f, "rule `{rule}` {fault}"),
            Self::Capacity { units, limit } => {
                write!(f, "the policy costs {units} units of capacity, and may cost {limit}")
            }
            Self::Labels { limit } => {
                write!(f, "rules ask for more than {limit} different sets of labels")
            }
            Self::Build(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target => f.write_str(
                "does nothing that a policy's rule can; give it an action, stage it, or count",
            ),
            Self::NoWindow => f.write_str("has a rate whose window has no length"),
            Self::NoKeys => f.write_str("has a rate with room for no key"),
            Self::PrefixLength => {
                f.write_str("has a rate by prefixes longer than addresses (32 and 128 bits)")
            }
            Self::Label(label) => {
                write!(f, "adds the label `{label}`; a label has characters, and no `*`")
            }
            Self::UnknownLabel(asked) => {
                write!(f, "asks for the label `{asked}`, which no rule before it adds")
            }
            Self::Build(error) => write!(f, "cannot be compiled: {error}"),
        }
    }
}

impl core::error::Error for PolicyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Build(error) | Self::Rule { fault: RuleFault::Build(error), .. } => Some(error),
            _ => None,
        }
    }
}
