use super::AnalysisError;
use super::space::{Budget, Packets};
use super::walk::Walker;
use crate::rule::{Action, ChainId, Criteria, Interfaces, RuleId, RuleSet};

/// Questions about a rule set, answered exactly: not for a sample of packets but for all that there
/// can be, over all fields and chains.
///
/// Whatever is said to be possible comes with a [`Witness`](super::Witness), a packet that has been put to
/// [`RuleSet::first_match`].
///
/// Some questions about some rules take more work than there is time for, whatever the method. One
/// that passes [`max_steps`](Self::max_steps) has an error for an answer, never a wrong one.
///
/// # Examples
///
/// ```
/// use portcullis::analysis::{Analysis, Reach};
/// use portcullis::RuleSet;
///
/// let rules: RuleSet = "
///     drop tcp from 10.0.0.0/9 to any port 22
///     drop tcp from 10.128.0.0/9 to any port 20-30
///     accept tcp from 10.0.0.0/8 to any port 22
///     accept tcp
/// ".parse()?;
/// let reach = Analysis::new(&rules).reach()?;
/// let Reach::Shadowed(shadowed) = &reach[2].1 else { panic!("{reach:?}") };
/// assert_eq!(shadowed.by.iter().map(ToString::to_string).collect::<Vec<_>>(), ["rule 1", "rule 2"]);
/// assert!(matches!(reach[3].1, Reach::Matches(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Analysis<'r, A = Action> {
    pub(super) rules: &'r RuleSet<A>,
    pub(super) packets: Packets,
    pub(super) max_steps: u64,
}

impl<'r, A> Analysis<'r, A> {
    /// Questions about `rules` and all packets that can come from a network.
    pub const fn new(rules: &'r RuleSet<A>) -> Self {
        Self { rules, packets: Packets::OnTheWire, max_steps: 4_000_000_000 }
    }

    /// Which packets the answers are about (default [`Packets::OnTheWire`]).
    #[must_use]
    pub const fn packets(mut self, packets: Packets) -> Self {
        self.packets = packets;
        self
    }

    /// How often two regions of packets may be compared for one answer (default four thousand
    /// million, which is about a minute). Memory is bounded by it, too: at most some hundred bytes
    /// for each thousand steps, and usually next to nothing.
    #[must_use]
    pub const fn max_steps(mut self, steps: u64) -> Self {
        self.max_steps = steps;
        self
    }

    pub(super) const fn budget(&self) -> Budget {
        Budget::new(self.max_steps)
    }

    /// The rule set as cubes, after a check; `asked` are further criteria that matter.
    pub(super) fn walker<'w>(
        &self,
        interfaces: &'w Interfaces,
        asked: &[&Criteria],
    ) -> Result<Walker<'w, A>, AnalysisError>
    where
        'r: 'w,
    {
        self.rules.check()?;
        refuse_original(self.rules)?;
        Ok(Walker::new(self.rules, interfaces, self.packets, asked))
    }
}

/// A rule that asks for what is not analysed is an error, as it would otherwise seem to match.
pub(super) fn refuse_original<A>(rules: &RuleSet<A>) -> Result<(), AnalysisError> {
    for (chain, list) in rules.chains().iter().enumerate() {
        if let Some(index) = list.rules().iter().position(|rule| asks_original(&rule.criteria)) {
            let rule = RuleId::new(ChainId(chain as u32), index as u32);
            return Err(AnalysisError::Original(Some(rule)));
        }
        if let Some(index) = list.rules().iter().position(|rule| asks_sets(&rule.criteria)) {
            let rule = RuleId::new(ChainId(chain as u32), index as u32);
            return Err(AnalysisError::NamedSet(Some(rule)));
        }
    }
    Ok(())
}

pub(super) fn asks_sets(criteria: &Criteria) -> bool {
    criteria.sets.as_ref().is_some_and(|asked| !asked.is_any())
}

pub(super) fn asks_original(criteria: &Criteria) -> bool {
    criteria.original.as_ref().is_some_and(|asked| !asked.is_any())
}
