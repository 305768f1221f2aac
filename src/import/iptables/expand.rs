//! The conditions of a rule, one after the other, as criteria.

use alloc::vec::Vec;

use super::clause::{Clause, Spends};
use super::meet::{Inexpressible, meet};
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
    /// A token is taken from the rule's rate.
    Spend,
    /// The rule's target.
    Target,
}

/// Stands for the number of the rule's rate until that is known.
const UNNUMBERED: u8 = 0;

/// The most steps of one rule.
const MAX_STEPS: usize = 1 << 16;

impl Step {
    pub(super) fn number_rate(&mut self, number: u8) {
        let asked = &mut self.criteria.predicate;
        if !asked.is_any() {
            let negated = asked.is_negated();
            *asked = if negated { AnyOf::none_of([number]) } else { AnyOf::one_of([number]) };
        }
    }
}

/// The steps of a rule with these conditions; if they cannot be said, what is asked too much of.
pub(super) fn steps(clauses: &[Clause], family: Family) -> Result<Vec<Step>, &'static str> {
    let mut steps = Vec::new();
    let mut come = Vec::from([Criteria::default()]);
    for clause in clauses {
        if let Some(drops) = &clause.drops {
            let dropped = product(&come, core::slice::from_ref(drops), family)?;
            steps.extend(
                dropped.into_iter().map(|criteria| Step::new(criteria, StepKind::Unreadable)),
            );
        }
        if let Some(Spends { above, .. }) = &clause.spends {
            let left = with_predicate(AnyOf::one_of([UNNUMBERED]));
            let spent = product(&come, &[left], family)?;
            steps.extend(spent.into_iter().map(|criteria| Step::new(criteria, StepKind::Spend)));
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
    Ok(steps)
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
    let mut both = Vec::new();
    for (a, b) in a.iter().flat_map(|a| b.iter().map(move |b| (a, b))) {
        both.extend(meet(a, b, family).map_err(|Inexpressible(field)| field)?);
        if both.len() > MAX_STEPS {
            return Err("packets");
        }
    }
    Ok(both)
}
