use alloc::vec::Vec;

use crate::rule::RuleId;

/// Where each rule of a rule set comes from.
#[derive(Clone, Debug)]
pub(super) struct Origins<O> {
    /// Places in `origins`, by chain and rule.
    of: Vec<Vec<Option<usize>>>,
    origins: Vec<O>,
}

impl<O> Default for Origins<O> {
    fn default() -> Self {
        Self { of: Vec::new(), origins: Vec::new() }
    }
}

impl<O: PartialEq> Origins<O> {
    pub(super) fn set(&mut self, rule: RuleId, origin: O) {
        // Rules that come from one stand side by side.
        if self.origins.last() != Some(&origin) {
            self.origins.push(origin);
        }
        let chain = rule.chain.index();
        if self.of.len() <= chain {
            self.of.resize_with(chain.saturating_add(1), Vec::new);
        }
        let Some(rules) = self.of.get_mut(chain) else { return };
        let index = rule.index as usize;
        if rules.len() <= index {
            rules.resize(index.saturating_add(1), None);
        }
        if let Some(slot) = rules.get_mut(index) {
            *slot = self.origins.len().checked_sub(1);
        }
    }
}

impl<O> Origins<O> {
    pub(super) fn of(&self, rule: RuleId) -> Option<&O> {
        let rules = self.of.get(rule.chain.index())?;
        self.origins.get((*rules.get(rule.index as usize)?)?)
    }
}
