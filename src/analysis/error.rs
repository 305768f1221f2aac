use core::fmt;

use crate::rule::{BuildError, RuleId};

/// Why a question about rules has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnalysisError {
    /// The rules cannot be compiled either.
    Rules(BuildError),
    /// It would have taken more steps than allowed.
    GaveUp(GaveUp),
    /// A rule, or the criteria of the question (`None`), ask for the flow key of the connection's
    /// original direction, which is not known here.
    Original(Option<RuleId>),
    /// A rule, or the criteria of the question (`None`), name a set: what is in it may change, so that
    /// no answer would stay right.
    NamedSet(Option<RuleId>),
    /// A packet that was found to prove an answer does not prove it: a defect of this crate.
    Unproven,
}

/// The work that a question takes passed its limit. No answer is given, rather than a wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaveUp {
    steps: u64,
}

impl GaveUp {
    pub(super) const fn after(steps: u64) -> Self {
        Self { steps }
    }

    /// The limit: how often two regions of packets were compared.
    pub const fn steps(&self) -> u64 {
        self.steps
    }
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "gave up after {} steps; raise Analysis::max_steps or ask about fewer rules",
            self.steps
        )
    }
}

impl core::error::Error for GaveUp {}

impl fmt::Display for AnalysisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rules(error) => error.fmt(f),
            Self::GaveUp(error) => error.fmt(f),
            Self::Original(rule) => {
                match rule {
                    Some(rule) => write!(f, "{rule} asks")?,
                    None => f.write_str("the criteria ask")?,
                }
                f.write_str(" for the flow key of the connection's original direction, which is not analysed; ask for the packet's own addresses and ports and its direction")
            }
            Self::NamedSet(rule) => {
                match rule {
                    Some(rule) => write!(f, "{rule} names")?,
                    None => f.write_str("the criteria name")?,
                }
                f.write_str(" a set, whose contents may change; write its elements into the rule to have it analysed")
            }
            Self::Unproven => f.write_str(
                "a packet does not show what it was found to show; please report the rules",
            ),
        }
    }
}

impl core::error::Error for AnalysisError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Rules(error) => Some(error),
            Self::GaveUp(error) => Some(error),
            Self::Original(_) | Self::NamedSet(_) | Self::Unproven => None,
        }
    }
}

impl From<BuildError> for AnalysisError {
    fn from(error: BuildError) -> Self {
        Self::Rules(error)
    }
}

impl From<GaveUp> for AnalysisError {
    fn from(error: GaveUp) -> Self {
        Self::GaveUp(error)
    }
}
