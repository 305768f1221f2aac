//! Rules compiled to decision trees, and looking packets up in them.

use crate::Config;
use crate::packet::{Packet, Tracked};
use crate::rule::{BuildError, Decision, RuleSet};

/// A compiled rule set.
#[derive(Clone, Debug)]
pub(crate) struct Compiled<A> {
    rules: RuleSet<A>,
}

impl<A: Clone + PartialEq> Compiled<A> {
    pub(crate) fn new(rules: &RuleSet<A>, _config: &Config) -> Result<Self, BuildError> {
        rules.check()?;
        Ok(Self { rules: rules.clone() })
    }
}

impl<A> Compiled<A> {
    pub(crate) fn decide(&self, packet: &Packet, tracked: Option<Tracked>) -> Decision<'_, A> {
        self.rules.first_match(packet, tracked)
    }

    pub(crate) fn default_action(&self) -> &A {
        self.rules.default_action()
    }
}
