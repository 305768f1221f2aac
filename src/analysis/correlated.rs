use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::space::{Budget, Piece};
use super::walk::{Event, Manner, Walker};
use super::{Analysis, AnalysisError, Witness};
use crate::rule::{RuleId, Target};

/// Two rules of a chain with different actions, of which each matches packets that the other does
/// not and both match some, so that their order matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Correlated {
    /// The rule that comes first and decides.
    pub first: RuleId,
    /// The rule that would decide if it came first.
    pub second: RuleId,
    /// A packet that both match and the first decides.
    pub witness: Witness,
}

impl<A: PartialEq> Analysis<'_, A> {
    /// Pairs of rules whose order matters although neither is an exception to the other: the first
    /// `most` of them, as packets come to them. There can be as many as half the square of the
    /// number of rules. Rules behind one that takes every packet are left out.
    ///
    /// # Errors
    ///
    /// When the rules cannot be compiled, or it takes too many steps.
    pub fn correlated(&self, most: usize) -> Result<Vec<Correlated>, AnalysisError> {
        let walker = self.walker(self.rules.interfaces(), &[])?;
        let mut pairs = Pairs { analysis: self, walker: &walker, known: BTreeSet::new(), most };
        let mut found = Vec::new();
        let start = walker.start(walker.everything());
        let _ = walker.walk(start, Manner::ALL, &mut self.budget(), &mut |event, budget| {
            if let Event::Matched(rule, flow) = event {
                pairs.add(rule, &flow.piece, budget, &mut found)?;
            }
            Ok(match found.len() < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            })
        })?;
        Ok(found)
    }
}

struct Pairs<'p, 'r, A> {
    analysis: &'p Analysis<'r, A>,
    walker: &'p Walker<'p, A>,
    known: BTreeSet<(RuleId, RuleId)>,
    most: usize,
}

impl<A: PartialEq> Pairs<'_, '_, A> {
    /// Adds the pairs of a rule with those before it that took packets away from it.
    fn add(
        &mut self,
        rule: RuleId,
        piece: &Piece,
        budget: &mut Budget,
        found: &mut Vec<Correlated>,
    ) -> Result<(), AnalysisError> {
        for (at, hole) in piece.holes.iter().enumerate() {
            let Some(first) = hole.why.rule().filter(|first| self.may_pair(*first, rule)) else {
                continue;
            };
            // What both match, and nothing before the first one took.
            let Some(cube) = piece.cube.intersect(&hole.cube) else { continue };
            let before = Piece { cube: piece.cube.clone(), holes: piece.holes[..at].to_vec() };
            let Some(both) = before.clip(&cube) else { continue };
            if let Some(witness) = self.analysis.proven(self.walker, &both, Some(first), budget)? {
                self.known.insert((first, rule));
                found.push(Correlated { first, second: rule, witness });
            }
            if found.len() >= self.most {
                break;
            }
        }
        Ok(())
    }

    fn may_pair(&self, first: RuleId, second: RuleId) -> bool {
        let action = |rule: RuleId| match &self.walker.rules.rule(rule)?.target {
            Target::Action(action) => Some(action),
            _ => None,
        };
        let differ = action(first).zip(action(second)).is_some_and(|(a, b)| a != b);
        differ
            && first.chain == second.chain
            && !self.known.contains(&(first, second))
            && !self.is_within(first, second)
            && !self.is_within(second, first)
    }

    /// Whether a rule matches nothing that another one does not.
    fn is_within(&self, rule: RuleId, other: RuleId) -> bool {
        let others = self.walker.cubes(other);
        self.walker.cubes(rule).iter().all(|cube| others.iter().any(|wide| cube.is_subset(wide)))
    }
}
