use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{AnyLabel, Rate};
use crate::rule::{Action, Effect, Rule, Target};

/// A rule of a policy: a [`Rule`] with a name, and what it has to do with labels and rates.
///
/// Its rule has an action, is staged, or goes on with [`Effect::Count`], [`Effect::Log`] or
/// [`Effect::Audit`]; there are no chains to jump to, and no marks to set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct PolicyRule<A = Action> {
    /// What it is called, alone in its policy or group.
    pub name: Box<str>,
    /// What must hold of a packet, and what is then said of it.
    pub rule: Rule<A>,
    /// What it adds to packets that it matches.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub labels: Vec<Box<str>>,
    /// The labels that a packet must have: of each of these one.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub labelled: Vec<AnyLabel>,
    /// The labels that a packet must not have: of each of these none.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub not_labelled: Vec<AnyLabel>,
    /// What must be exceeded by the packets that all else holds of.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub rate: Option<Rate>,
}

impl<A> PolicyRule<A> {
    /// A rule with a name.
    pub fn new(name: &str, rule: Rule<A>) -> Self {
        Self {
            name: name.into(),
            rule,
            labels: Vec::new(),
            labelled: Vec::new(),
            not_labelled: Vec::new(),
            rate: None,
        }
    }

    /// Adds a label to packets that it matches.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.labels.push(label.into());
        self
    }

    /// Asks for a label, or for one of several; all that is asked for in several calls must be there.
    #[must_use]
    pub fn labelled(mut self, labels: impl Into<AnyLabel>) -> Self {
        self.labelled.push(labels.into());
        self
    }

    /// Asks that a label, or any of several, is not there.
    #[must_use]
    pub fn not_labelled(mut self, labels: impl Into<AnyLabel>) -> Self {
        self.not_labelled.push(labels.into());
        self
    }

    /// Lets it match only what exceeds a rate.
    #[must_use]
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }
}

/// Whether a policy's rule can say this.
pub(super) fn is_sayable<A>(target: &Target<A>) -> bool {
    match target {
        Target::Action(_) | Target::Staged(_) => true,
        Target::Continue(effect) => matches!(effect, Effect::Count | Effect::Log | Effect::Audit),
        _ => false,
    }
}
