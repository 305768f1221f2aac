use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::align::{Alignment, align};
use super::space::{Budget, Cube, Found, Piece, Search, Shared, Why};
use super::walk::{Event, Flow, Interest, Manner, Walker, has_packets};
use super::{Analysis, AnalysisError, Region, Witness};
use crate::rule::{Criteria, Interfaces, RuleId, RuleSet};

/// Packets that two rule sets decide differently, by the rules that decide them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The rule of the first rule set; `None` for its default.
    pub first: Option<RuleId>,
    /// The rule of the second rule set; `None` for its default.
    pub second: Option<RuleId>,
    /// The packets, all of them.
    pub regions: Vec<Region>,
    /// One of them, interfaces numbered by the first rule set.
    pub witness: Witness,
    /// The same packet, interfaces numbered by the second rule set.
    pub witness_in_second: Witness,
}

impl<A: PartialEq> Analysis<'_, A> {
    /// Everything that another rule set decides differently: empty exactly if the two decide every
    /// packet alike. How they note packets is not compared.
    ///
    /// Interfaces are the same if they have the same name.
    ///
    /// # Errors
    ///
    /// When either rule set cannot be compiled, or it takes too many steps.
    ///
    /// # Complexity
    ///
    /// Only packets are looked at that a rule could match which the other rule set does not have in
    /// the same order. Each piece of them that one rule decides is compared with the rules of the
    /// other rule set.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::RuleSet;
    /// use portcullis::analysis::Analysis;
    ///
    /// let before: RuleSet = "accept tcp from 10.0.0.0/8 to any port 22, 80".parse()?;
    /// let after: RuleSet = "accept tcp from 10.0.0.0/8 to any port 80, 443".parse()?;
    /// let differences = Analysis::new(&before).difference(&after)?;
    /// let shown = |i: usize| differences[i].regions[0].to_string();
    /// assert_eq!(shown(0), "tcp from 10.0.0.0/8 to any port 22");
    /// assert_eq!(shown(1), "tcp from 10.0.0.0/8 to any port 443");
    /// assert_eq!((differences[1].first, differences.len()), (None, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn difference(&self, other: &RuleSet<A>) -> Result<Vec<Difference>, AnalysisError> {
        let mut interfaces = self.rules.interfaces().clone();
        other.interfaces().each(|name| interfaces.intern(name));
        let others = Analysis { rules: other, ..*self };
        let comparison = Comparison {
            first: self.walker(&interfaces, &asked(other))?,
            second: others.walker(&interfaces, &asked(self.rules))?,
            analyses: [self, &others],
            interfaces: &interfaces,
            alignment: align(self.rules, other),
        };
        comparison.run(&mut self.budget())
    }

    /// Whether another rule set decides every packet alike.
    ///
    /// # Errors
    ///
    /// As [`difference`](Self::difference).
    pub fn is_equivalent(&self, other: &RuleSet<A>) -> Result<bool, AnalysisError> {
        Ok(self.difference(other)?.is_empty())
    }
}

/// The criteria of all rules.
fn asked<A>(rules: &RuleSet<A>) -> Vec<&Criteria> {
    let rules = rules.chains().iter().flat_map(|chain| chain.rules());
    rules.map(|rule| &rule.criteria).collect()
}

struct Comparison<'c, 'r, A> {
    first: Walker<'c, A>,
    second: Walker<'c, A>,
    analyses: [&'c Analysis<'r, A>; 2],
    interfaces: &'c Interfaces,
    alignment: Alignment,
}

impl<A: PartialEq> Comparison<'_, '_, A> {
    fn run(&self, budget: &mut Budget) -> Result<Vec<Difference>, AnalysisError> {
        let mut differences = Vec::new();
        for piece in self.suspects(budget)? {
            let flow = self.first.start(piece);
            let _ = self.first.walk(flow, Manner::ALL, budget, &mut |event, budget| {
                self.compare(&event, budget, &mut differences)?;
                Ok(ControlFlow::Continue(()))
            })?;
        }
        let place = |rule: Option<RuleId>| (rule.is_none(), rule);
        differences.sort_by_key(|found: &Difference| (place(found.first), place(found.second)));
        differences.iter_mut().for_each(|found| Region::merge(&mut found.regions));
        Ok(differences)
    }

    /// All packets that may be decided differently, each in one piece.
    fn suspects(&self, budget: &mut Budget) -> Result<Vec<Piece>, AnalysisError> {
        let [a, b] = self.analyses.map(|analysis| analysis.rules);
        if a.default_action() != b.default_action() {
            return Ok(Vec::from([self.first.everything()]));
        }
        let [of_a, of_b] = &self.alignment.changed;
        let cubes = of_a.iter().flat_map(|rule| self.first.cubes(*rule));
        let cubes = cubes.chain(of_b.iter().flat_map(|rule| self.second.cubes(*rule)));
        let mut cubes: Vec<&Shared<Cube>> = cubes.collect();
        // Wide ones first: they leave nothing of those within.
        cubes.sort_by(|a, b| b.share().total_cmp(&a.share()));
        let mut rest = self.first.everything();
        let mut pieces = Vec::new();
        for cube in cubes {
            budget.spend(rest.holes.len())?;
            let Some(piece) = rest.clip(cube).filter(|piece| piece.filled_by().is_none()) else {
                continue;
            };
            pieces.push(piece);
            rest.remove(cube, Why::Elsewhere);
        }
        Ok(pieces)
    }

    /// Compares what the first rule set decides of packets with what the second does.
    fn compare(
        &self,
        event: &Event<'_>,
        budget: &mut Budget,
        differences: &mut Vec<Difference>,
    ) -> Result<(), AnalysisError> {
        let Some((rule, action, flow)) = self.first.decided(event) else { return Ok(()) };
        if !has_packets(&flow.piece, budget)? {
            return Ok(());
        }
        let gone = self.gone(&flow.piece);
        let interest = |id, _: &Flow| match self.second.action(id) {
            _ if gone.contains(&id) => Interest::Gone,
            Some(same) if same == action => Interest::Dull,
            _ => Interest::Shown,
        };
        let start = self.second.start(flow.piece.clone());
        let manner = Manner { interest: &interest, ..Manner::ALL };
        let _ = self.second.walk(start, manner, budget, &mut |event, budget| {
            if let Some((other, others, packets)) = self.second.decided(&event)
                && others != action
            {
                self.add([rule, other], packets, budget, differences)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(())
    }

    /// The rules of the second rule set that match no packet of a piece, because the first one has
    /// the same rules and they took what they match.
    fn gone(&self, piece: &Piece) -> BTreeSet<RuleId> {
        let taken = piece.holes.iter().filter_map(|hole| hole.why.rule());
        let whole = taken.filter(|rule| {
            self.first.rules.rule(*rule).is_some_and(|rule| rule.criteria.mark.is_any())
        });
        whole.filter_map(|rule| self.alignment.same.get(&rule).copied()).collect()
    }

    /// Adds packets, if there are any, that the two rules decide.
    fn add(
        &self,
        [first, second]: [Option<RuleId>; 2],
        packets: &Flow,
        budget: &mut Budget,
        differences: &mut Vec<Difference>,
    ) -> Result<(), AnalysisError> {
        let Found::Packets(spot) = Search::run(&packets.piece, budget)? else { return Ok(()) };
        let regions = Region::of(&packets.piece, &self.first, budget)?;
        let known = |found: &&mut Difference| (found.first, found.second) == (first, second);
        if let Some(found) = differences.iter_mut().find(known) {
            found.regions.extend(regions);
            return Ok(());
        }
        let witness = Witness::new(&spot, &self.first.region);
        let [a, b] = self.analyses.map(|a| witness.numbered_by(self.interfaces, a.rules));
        let decided = |analysis: &Analysis<'_, A>, witness: &Witness| {
            analysis.rules.first_match(&witness.packet, witness.tracked).rule
        };
        if [decided(self.analyses[0], &a), decided(self.analyses[1], &b)] != [first, second] {
            return Err(AnalysisError::Unproven);
        }
        differences.push(Difference { first, second, regions, witness: a, witness_in_second: b });
        Ok(())
    }
}
