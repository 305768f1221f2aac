use alloc::boxed::Box;
use core::fmt;

use super::RuleId;
use super::set::SetKind;

/// Why a rule set cannot be compiled, and which rule is the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    kind: Kind,
    rule: Option<(RuleId, Box<str>)>,
}

/// A limit that a rule set may exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Bytes of the compiled form.
    Size {
        /// The most bytes allowed.
        bytes: usize,
    },
    /// Rules in one chain.
    Rules {
        /// The most rules allowed.
        rules: usize,
    },
    /// Names of interfaces in all rules.
    Interfaces {
        /// The most different names allowed.
        names: usize,
    },
    /// Chains within chains.
    Depth {
        /// The most jumps on the way to any rule.
        jumps: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    NoSuchChain,
    Cycle,
    StateWithoutTracking,
    PredicateNumber,
    DscpNumber,
    VlanNumber,
    NoSuchSet,
    OtherSet { is: SetKind, asked: SetKind },
    Limit(Limit),
}

impl BuildError {
    /// An error whose reason is the rule `id` of the chain called `chain`.
    pub(crate) fn at(id: RuleId, chain: &str, kind: Kind) -> Self {
        Self { kind, rule: Some((id, chain.into())) }
    }

    /// An error that no single rule is the reason of.
    pub(crate) fn limit_of(limit: Limit) -> Self {
        Self { kind: Kind::Limit(limit), rule: None }
    }

    /// The rule that is the reason, if it is a single one.
    pub fn rule(&self) -> Option<RuleId> {
        self.rule.as_ref().map(|(id, _)| *id)
    }

    /// The limit that was exceeded, if that is the reason.
    pub fn limit(&self) -> Option<Limit> {
        match self.kind {
            Kind::Limit(limit) => Some(limit),
            _ => None,
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((id, chain)) = &self.rule {
            write!(f, "rule {} of chain `{chain}`: ", u64::from(id.index) + 1)?;
        }
        match self.kind {
            Kind::NoSuchChain => f.write_str("jumps to a chain that the rule set does not have"),
            Kind::Cycle => f.write_str("closes a cycle of jumps"),
            Kind::StateWithoutTracking => f.write_str(
                "asks for the packet's connection, which a stateless matcher does not know; use a StatefulMatcher",
            ),
            Kind::PredicateNumber => f.write_str("predicates are numbered 0 to 63"),
            Kind::DscpNumber => f.write_str("code points (DSCP) are 0 to 63"),
            Kind::VlanNumber => f.write_str("VLAN ids are 0 to 4095"),
            Kind::NoSuchSet => f.write_str("names a set that the rule set does not have"),
            Kind::OtherSet { is, asked } => {
                write!(f, "looks for {asked} in a set of {is}")
            }
            Kind::Limit(Limit::Size { bytes }) => {
                write!(f, "the compiled form would pass the size limit of {bytes} bytes; raise Config::size_limit")
            }
            Kind::Limit(Limit::Rules { rules }) => {
                write!(f, "a chain has at most {rules} rules")
            }
            Kind::Limit(Limit::Interfaces { names }) => {
                write!(f, "rules name at most {names} different interfaces")
            }
            Kind::Limit(Limit::Depth { jumps }) => {
                write!(f, "more than {jumps} chains within chains")
            }
        }
    }
}

impl core::error::Error for BuildError {}
