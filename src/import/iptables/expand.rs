//! The conditions of a rule, one after the other, as criteria.

use alloc::vec::Vec;

use super::clause::{Clause, Spends};
use crate::import::meet::{Inexpressible, alternatives, meet};
use crate::packet::Family;
use crate::rule::{AnyOf, Criteria};

/// What becomes of some of the packets that come to a rule. No two steps of one kind hold of one
/// packet.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) criteria: Criteria,
    pub(super) kind: StepKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepKind {
    /// Dropped, as the rule cannot read them.
    Unreadable,
    /// The rate of this number is asked, and a token taken from it if one is left.
    Spend(u8),
    /// The rule's target.
    Target,
}

/// Stands for the number of the rule's rate until that is known.
const UNNUMBERED: u8 = 0;

/// The most steps of one rule.
const MAX_STEPS: usize = 1 << 16;

impl Step {
    pub(super) fn number_rate(&mut self, number: u8) {
        if let StepKind::Spend(asked) = &mut self.kind {
            *asked = number;
        }
        let asked = &mut self.criteria.predicate;
        if !asked.is_any() {
            let negated = asked.is_negated();
            *asked = if negated { AnyOf::none_of([number]) } else { AnyOf::one_of([number]) };
        }
    }
}

/// The most pairs of alternatives of one rule that are looked at.
const MAX_PAIRS: usize = 1 << 18;

/// What a rule becomes.
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    /// How many alternatives were looked at, and are asked for: what time and memory it takes.
    pub(super) work: usize,
}

/// The steps of a rule with these conditions; if they cannot be said, what is asked too much of.
pub(super) fn steps(clauses: &[Clause], family: Family) -> Result<Steps, &'static str> {
    let mut steps = Vec::new();
    let mut work: usize = 0;
    let mut come = Vec::from([Criteria::default()]);
    for clause in clauses {
        work = work.saturating_add(come.len().saturating_mul(clause.holds.len()));
        if let Some(drops) = &clause.drops {
            let dropped = product(&come, core::slice::from_ref(drops), family)?;
            steps.extend(
                dropped.into_iter().map(|criteria| Step::new(criteria, StepKind::Unreadable)),
            );
        }
        if let Some(Spends { above, .. }) = &clause.spends {
            // Also of packets for which none is left: Linux keeps in mind who has asked.
            let asked = come.iter().cloned();
            steps.extend(asked.map(|criteria| Step::new(criteria, StepKind::Spend(UNNUMBERED))));
            let holds = match above {
                true => AnyOf::none_of([UNNUMBERED]),
                false => AnyOf::one_of([UNNUMBERED]),
            };
            come = product(&come, &[with_predicate(holds)], family)?;
        }
        come = product(&come, &clause.holds, family)?;
        if come.len().saturating_add(steps.len()) > MAX_STEPS {
            return Err("packets");
        }
    }
    steps.extend(come.into_iter().map(|criteria| Step::new(criteria, StepKind::Target)));
    let asked = steps.iter().map(|step| alternatives(&step.criteria)).sum();
    Ok(Steps { steps, work: work.saturating_add(asked) })
}

impl Step {
    const fn new(criteria: Criteria, kind: StepKind) -> Self {
        Self { criteria, kind }
    }
}

fn with_predicate(predicate: AnyOf<u8>) -> Criteria {
    Criteria { predicate, ..Criteria::default() }
}

/// What of one list and of the other can be asked together.
fn product(a: &[Criteria], b: &[Criteria], family: Family) -> Result<Vec<Criteria>, &'static str> {
    if a.len().saturating_mul(b.len()) > MAX_PAIRS {
        return Err("packets");
    }
    let mut both = Vec::new();
    for (a, b) in a.iter().flat_map(|a| b.iter().map(move |b| (a, b))) {
        both.extend(meet(a, b, family).map_err(|Inexpressible(field)| field)?);
        if both.len() > MAX_STEPS {
            return Err("packets");
        }
    }
    Ok(both)
}
