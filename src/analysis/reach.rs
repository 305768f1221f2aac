use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::space::{Budget, Found, Piece, Search, Why};
use super::walk::{Event, Manner, Walker};
use super::{Analysis, AnalysisError, GaveUp, Witness};
use crate::rule::{ChainId, RuleId, RuleSet, Target};

/// Whether a rule can ever match.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// It can: this packet gets to it and matches it.
    Matches(Witness),
    /// It cannot: other rules take every packet that it would match.
    Shadowed(Shadowed),
    /// It cannot: no packet has what it asks for, such as ports of an ICMP message, or both what it
    /// asks for and what the jumps that lead to its chain ask for.
    Contradiction,
    /// It cannot: no jump leads to its chain, or none that can match.
    Unreachable,
}

/// The rules that another one is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shadowed {
    /// The rules that together take every packet, in order, and none that is plainly not needed for
    /// that.
    pub by: Vec<RuleId>,
    /// How what they do compares with what the rule would do.
    pub agreement: Agreement,
}

/// How what some rules do compares with what another one would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Agreement {
    /// They all have the same action: the rule is superfluous.
    Same,
    /// They all have other actions: the rule does not do what it says.
    Different,
    /// Some have its action and some do not, or lead to other chains.
    Mixed,
}

impl<A: PartialEq> Analysis<'_, A> {
    /// Whether each rule can ever match, in the order of chains and rules.
    ///
    /// # Errors
    ///
    /// When the rules cannot be compiled, or it takes too many steps.
    ///
    /// # Complexity
    ///
    /// Each rule is compared with the rules before it; what meets it is then searched.
    pub fn reach(&self) -> Result<Vec<(RuleId, Reach)>, AnalysisError> {
        let walker = self.walker(self.rules.interfaces(), &[])?;
        let mut findings =
            Findings { analysis: self, walker: &walker, of: Vec::new(), ended: BTreeSet::new() };
        findings.of.extend(
            walker
                .rules
                .chains()
                .iter()
                .map(|chain| chain.rules().iter().map(|_| Finding::default()).collect::<Vec<_>>()),
        );
        let start = walker.start(walker.everything());
        let mut budget = self.budget();
        let _ = walker.walk(start, Manner::ALL, &mut budget, &mut |event, budget| {
            match event {
                Event::Matched(rule, flow) => {
                    findings.look(rule, &flow.piece, budget)?;
                }
                Event::Ended(rule) => drop(findings.ended.insert(rule)),
                Event::Default(_) => {}
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(findings.report(&mut budget)?)
    }
}

/// What is known so far of each rule, by chain and place.
struct Findings<'f, 'r, A> {
    analysis: &'f Analysis<'r, A>,
    walker: &'f Walker<'f, A>,
    of: Vec<Vec<Finding>>,
    /// The rules that took all packets that were left in their chain.
    ended: BTreeSet<RuleId>,
}

#[derive(Clone, Debug, Default)]
struct Finding {
    witness: Option<Witness>,
    /// Whether packets of its chain were compared with it.
    visited: bool,
    by: BTreeSet<RuleId>,
}

impl<A: PartialEq> Findings<'_, '_, A> {
    /// Looks at packets that get to a rule and match it, if there are any.
    fn look(
        &mut self,
        rule: RuleId,
        piece: &Piece,
        budget: &mut Budget,
    ) -> Result<(), AnalysisError> {
        let finding = &mut self.of[rule.chain.index()][rule.index as usize];
        finding.visited = true;
        if finding.witness.is_some() {
            return Ok(());
        }
        let spot = match Search::run(piece, budget)? {
            Found::Packets(spot) => spot,
            Found::None(holes) => {
                finding.by.extend(needed(piece, holes, budget)?);
                return Ok(());
            }
        };
        let witness = Witness::new(&spot, &self.walker.region);
        finding.witness = Some(witness);
        match matches(self.analysis.rules, rule, &witness) {
            true => Ok(()),
            false => Err(AnalysisError::Unproven),
        }
    }

    fn report(self, budget: &mut Budget) -> Result<Vec<(RuleId, Reach)>, GaveUp> {
        let mut reach = Vec::new();
        for (chain, findings) in self.of.iter().enumerate() {
            for (index, finding) in findings.iter().enumerate() {
                let rule = RuleId::new(ChainId(chain as u32), index as u32);
                reach.push((rule, self.reach_of(rule, finding, budget)?));
            }
        }
        Ok(reach)
    }

    fn reach_of(
        &self,
        rule: RuleId,
        finding: &Finding,
        budget: &mut Budget,
    ) -> Result<Reach, GaveUp> {
        if let Some(witness) = finding.witness {
            return Ok(Reach::Matches(witness));
        }
        let mut by = finding.by.clone();
        // Packets that a rule sends elsewhere may come back, and be taken before they get here.
        if by.iter().all(|rule| !decides(self.analysis.rules, *rule)) {
            by.append(&mut self.ends_before(rule, budget)?);
        }
        if !by.is_empty() {
            let by: Vec<RuleId> = by.into_iter().collect();
            let agreement = agreement(self.analysis.rules, rule, &by);
            return Ok(Reach::Shadowed(Shadowed { by, agreement }));
        }
        Ok(match finding.visited || self.is_entered(rule.chain) {
            true => Reach::Contradiction,
            false => Reach::Unreachable,
        })
    }

    /// The rules before another one in its chain that took all packets left, some of which the
    /// other one would match.
    fn ends_before(&self, rule: RuleId, budget: &mut Budget) -> Result<BTreeSet<RuleId>, GaveUp> {
        let mut ends = BTreeSet::new();
        for end in self.ended.range(RuleId::new(rule.chain, 0)..rule) {
            if self.walker.overlap(*end, rule, budget)? {
                ends.insert(*end);
            }
        }
        Ok(ends)
    }

    /// Whether packets get to a chain: a rule that leads there matches some.
    fn is_entered(&self, chain: ChainId) -> bool {
        let rules = self.analysis.rules.chains().iter().zip(&self.of);
        let mut rules = rules.flat_map(|(chain, of)| chain.rules().iter().zip(of));
        chain == ChainId::BASE
            || rules.any(|(rule, finding)| {
                let leads =
                    matches!(rule.target, Target::Jump(to) | Target::Goto(to) if to == chain);
                leads && finding.witness.is_some()
            })
    }
}

/// Of holes that leave nothing of a piece, the rules that are needed for that.
fn needed(
    piece: &Piece,
    mut holes: Vec<usize>,
    budget: &mut Budget,
) -> Result<Vec<RuleId>, GaveUp> {
    let with = |holes: &[usize]| Piece {
        cube: piece.cube.clone(),
        holes: holes.iter().map(|i| piece.holes[*i].clone()).collect(),
    };
    // What is no packet comes first: a rule is not behind others because of that.
    holes.extend((0..piece.holes.len()).filter(|i| piece.holes[*i].why == Why::NoPacket));
    holes.sort_unstable();
    holes.dedup();
    let mut at = holes.len();
    while at > 0 {
        at -= 1;
        if piece.holes[holes[at]].why == Why::NoPacket {
            continue;
        }
        let hole = holes.remove(at);
        if let Found::Packets(_) = Search::run(&with(&holes), budget)? {
            holes.insert(at, hole);
        }
    }
    Ok(holes.iter().filter_map(|i| piece.holes[*i].why.rule()).collect())
}

fn decides<A>(rules: &RuleSet<A>, rule: RuleId) -> bool {
    matches!(rules.rule(rule).map(|rule| &rule.target), Some(Target::Action(_)))
}

fn agreement<A: PartialEq>(rules: &RuleSet<A>, rule: RuleId, by: &[RuleId]) -> Agreement {
    let action = |rule: RuleId| match rules.rule(rule).map(|rule| &rule.target) {
        Some(Target::Action(action)) => Some(action),
        _ => None,
    };
    let Some(own) = action(rule) else { return Agreement::Mixed };
    let same = by.iter().filter(|rule| action(**rule) == Some(own)).count();
    let different = by.iter().filter(|rule| action(**rule).is_some_and(|a| a != own)).count();
    match by.len() {
        all if all == same => Agreement::Same,
        all if all == different => Agreement::Different,
        _ => Agreement::Mixed,
    }
}

/// Whether a packet gets to a rule and matches it, by definition.
fn matches<A>(rules: &RuleSet<A>, rule: RuleId, witness: &Witness) -> bool {
    let Witness { packet, tracked } = witness;
    let mut matched = false;
    rules.trace(packet, *tracked, None, |seen, _| matched |= seen == rule);
    matched
}
