use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::question::{asks_original, asks_sets};
use super::space::criteria::{cubes, mark_cubes};
use super::space::{Budget, Found, Piece, Search};
use super::walk::{Manner, Walker};
use super::{Analysis, AnalysisError, Region, Witness};
use crate::rule::{Criteria, Interfaces, Masked, Rule, RuleId, RuleSet, Target};

/// Packets that one rule, or the default, decides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decided {
    /// The rule; `None` for the default.
    pub rule: Option<RuleId>,
    /// The packets, all of them.
    pub regions: Vec<Region>,
    /// One of them.
    pub witness: Witness,
}

impl<A> Analysis<'_, A> {
    /// A packet that meets `criteria` and for which `wanted` is true of the action that it gets and
    /// the rule that decides it (`None` for the default), if there is one.
    ///
    /// # Errors
    ///
    /// When the rules cannot be compiled or the criteria contain a number that does not exist, or
    /// it takes too many steps.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::analysis::Analysis;
    /// use portcullis::{Action, Rule, RuleSet};
    ///
    /// let rules: RuleSet = "
    ///     drop   tcp to any port 23
    ///     accept tcp from 10.0.0.0/8 to any port 20-30
    /// ".parse()?;
    /// let telnet: Rule = "accept tcp to any port 22-23".parse()?;
    /// let accepted = |action: &Action, _| *action == Action::Accept;
    /// let witness = Analysis::new(&rules).find(&telnet.criteria, accepted)?.unwrap();
    /// assert_eq!(witness.packet.ports.unwrap().dst, 22);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find(
        &self,
        criteria: &Criteria,
        mut wanted: impl FnMut(&A, Option<RuleId>) -> bool,
    ) -> Result<Option<Witness>, AnalysisError> {
        let mut found = None;
        self.each(criteria, &mut |piece, rule, action, walker, budget| {
            if !wanted(action, rule) {
                return Ok(ControlFlow::Continue(()));
            }
            Ok(match self.proven(walker, piece, rule, budget)? {
                None => ControlFlow::Continue(()),
                witness => {
                    found = witness;
                    ControlFlow::Break(())
                }
            })
        })?;
        Ok(found)
    }

    /// All packets that meet `criteria` and for which `wanted` is true, by the rule that decides
    /// them.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub fn regions(
        &self,
        criteria: &Criteria,
        mut wanted: impl FnMut(&A, Option<RuleId>) -> bool,
    ) -> Result<Vec<Decided>, AnalysisError> {
        let mut found: Vec<Decided> = Vec::new();
        self.each(criteria, &mut |piece, rule, action, walker, budget| {
            if wanted(action, rule)
                && let Some(witness) = self.proven(walker, piece, rule, budget)?
            {
                let regions = Region::of(piece, walker, budget)?;
                match found.iter_mut().find(|decided| decided.rule == rule) {
                    Some(decided) => decided.regions.extend(regions),
                    None => found.push(Decided { rule, regions, witness }),
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        found.sort_by_key(|decided| (decided.rule.is_none(), decided.rule));
        found.iter_mut().for_each(|decided| Region::merge(&mut decided.regions));
        Ok(found)
    }

    /// Shows what is decided of the packets that meet criteria.
    fn each(&self, criteria: &Criteria, seen: &mut SeenPieces<'_, A>) -> Result<(), AnalysisError> {
        let interfaces = with_names(self.rules.interfaces().clone(), criteria)?;
        let walker = self.walker(&interfaces, &[criteria])?;
        let mut budget = self.budget();
        for piece in asked(&walker, criteria) {
            let flow = walker.start(piece);
            let way = walker.walk(flow, Manner::ALL, &mut budget, &mut |event, budget| {
                let Some((rule, action, flow)) = walker.decided(&event) else {
                    return Ok(ControlFlow::Continue(()));
                };
                seen(&flow.piece, rule, action, &walker, budget)
            })?;
            if way.is_break() {
                break;
            }
        }
        Ok(())
    }
}

type SeenPieces<'s, A> = dyn FnMut(
        &Piece,
        Option<RuleId>,
        &A,
        &Walker<'_, A>,
        &mut Budget,
    ) -> Result<ControlFlow<()>, AnalysisError>
    + 's;

impl<A> Analysis<'_, A> {
    /// A packet of a piece that `rule` decides, put to the definition, if there is one.
    pub(super) fn proven(
        &self,
        walker: &Walker<'_, A>,
        piece: &Piece,
        rule: Option<RuleId>,
        budget: &mut Budget,
    ) -> Result<Option<Witness>, AnalysisError> {
        let Found::Packets(spot) = Search::run(piece, budget)? else { return Ok(None) };
        let witness =
            Witness::new(&spot, &walker.region).numbered_by(walker.interfaces, self.rules);
        match self.rules.first_match(&witness.packet, witness.tracked).rule == rule {
            true => Ok(Some(witness)),
            false => Err(AnalysisError::Unproven),
        }
    }
}

/// The packets that meet criteria, in disjoint pieces.
fn asked<A>(walker: &Walker<'_, A>, criteria: &Criteria) -> Vec<Piece> {
    let marks = mark_cubes(&criteria.mark, Masked::new(0, 0));
    let cubes = cubes(criteria, walker.interfaces);
    let both = cubes.iter().flat_map(|cube| marks.iter().filter_map(|mark| cube.intersect(mark)));
    both.filter_map(|cube| walker.everything().clip(&cube)).collect()
}

/// Interfaces with the names of further criteria, which are checked.
fn with_names(
    mut interfaces: Interfaces,
    criteria: &Criteria,
) -> Result<Interfaces, AnalysisError> {
    let mut alone = RuleSet::new(());
    let mut rule = Rule::new(Target::Return);
    rule.criteria.clone_from(criteria);
    alone.push(rule);
    if asks_original(criteria) {
        return Err(AnalysisError::Original(None));
    }
    if asks_sets(criteria) {
        return Err(AnalysisError::NamedSet(None));
    }
    alone.check()?;
    let names = criteria.in_interface.items().iter().chain(criteria.out_interface.items());
    names.for_each(|name| interfaces.intern(name));
    Ok(interfaces)
}
