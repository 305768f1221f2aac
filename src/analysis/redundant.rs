use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::space::{Budget, Found, Search};
use super::walk::{Event, Flow, Interest, Manner, Walker};
use super::{Analysis, AnalysisError, Witness};
use crate::rule::{ChainId, Effect, RuleId, RuleSet};

/// What a packet shows: what is decided, and which rules note it on the way.
type Shown<'a, A> = (&'a A, Vec<(RuleId, Effect)>);

impl<A: PartialEq> Analysis<'_, A> {
    /// The rules without any one of which everything would be the same: each packet would get the
    /// same action and be noted (counted, logged, marked) by the same rules. Rules that can never
    /// match are among them.
    ///
    /// Taking one of them away may make another one necessary.
    ///
    /// # Errors
    ///
    /// When the rules cannot be compiled, or it takes too many steps.
    ///
    /// # Complexity
    ///
    /// The packets of each rule are led through the rules after it, until one is decided otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::RuleSet;
    /// use portcullis::analysis::Analysis;
    ///
    /// let rules: RuleSet = "
    ///     accept tcp from 10.0.0.0/8 to any port 22
    ///     drop   tcp to any port 23
    ///     accept tcp from 10.0.0.0/8
    /// ".parse()?;
    /// let redundant = Analysis::new(&rules).redundant()?;
    /// assert_eq!(redundant.len(), 1);
    /// assert_eq!(redundant[0].to_string(), "rule 1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn redundant(&self) -> Result<Vec<RuleId>, AnalysisError> {
        let walker = self.walker(self.rules.interfaces(), &[])?;
        let mut needed = BTreeMap::new();
        let start = walker.start(walker.everything());
        let _ = walker.walk(start, NOTING, &mut self.budget(), &mut |event, budget| {
            if let Event::Matched(rule, flow) = event
                && !needed.contains_key(&rule)
                && let Some(witness) = difference_without(&walker, rule, flow, budget)?
            {
                needed.insert(rule, witness);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if needed.iter().any(|(rule, witness)| !changes(self.rules, *rule, witness)) {
            return Err(AnalysisError::Unproven);
        }
        let all = self.rules.chains().iter().enumerate().flat_map(|(chain, list)| {
            (0..list.rules().len()).map(move |i| RuleId::new(ChainId(chain as u32), i as u32))
        });
        Ok(all.filter(|rule| !needed.contains_key(rule)).collect())
    }
}

const NOTING: Manner<'_> = Manner { noting: true, ..Manner::ALL };

/// Of packets that match a rule, one that would fare otherwise without it.
fn difference_without<A: PartialEq>(
    walker: &Walker<'_, A>,
    rule: RuleId,
    flow: &Flow,
    budget: &mut Budget,
) -> Result<Option<Witness>, AnalysisError> {
    // Packets that have met the rule before were compared there.
    if flow.met.contains(&rule) || !super::walk::has_packets(&flow.piece, budget)? {
        return Ok(None);
    }
    let mut found = None;
    let mut compare = |with: Shown<'_, A>, packets: &Flow, budget: &mut Budget| {
        // Rules that would do the same need not be looked at closely.
        let interest = |id, flow: &Flow| match walker.action(id) {
            Some(action) if (action, &flow.noted) == (with.0, &with.1) => Interest::Dull,
            _ => Interest::Shown,
        };
        let without = Manner { without: Some(rule), interest: &interest, ..NOTING };
        walker.walk(
            flow.with_piece(packets.piece.clone()),
            without,
            budget,
            &mut |event, budget| {
                let Some((shown, packets)) = shown(walker, &event) else {
                    return Ok(ControlFlow::Continue(()));
                };
                if shown == with {
                    return Ok(ControlFlow::Continue(()));
                }
                if let Found::Packets(spot) = Search::run(&packets.piece, budget)? {
                    found = Some(Witness::new(&spot, &walker.region));
                    return Ok(ControlFlow::Break(()));
                }
                Ok(ControlFlow::Continue(()))
            },
        )
    };
    match walker.follow(rule, flow, NOTING) {
        None => {
            if let Some((with, _)) = shown(walker, &Event::Matched(rule, flow)) {
                let _ = compare(with, flow, budget)?;
            }
        }
        Some(next) => {
            let _ = walker.walk(next, NOTING, budget, &mut |event, budget| match shown(
                walker, &event,
            ) {
                Some((with, packets)) => compare(with, packets, budget),
                None => Ok(ControlFlow::Continue(())),
            })?;
        }
    }
    Ok(found)
}

/// What packets show that have come to an end.
fn shown<'w, 'e, A>(walker: &Walker<'w, A>, event: &Event<'e>) -> Option<(Shown<'w, A>, &'e Flow)> {
    let (_, action, flow) = walker.decided(event)?;
    Some(((action, flow.noted.clone()), flow))
}

/// Whether a packet fares otherwise without a rule, by definition.
fn changes<A: PartialEq>(rules: &RuleSet<A>, rule: RuleId, witness: &Witness) -> bool {
    let shown = |without| {
        let mut noted = Vec::new();
        let decision = rules.trace(&witness.packet, witness.tracked, without, |id, target| {
            if let Some(effect) = target.effect() {
                noted.push((id, effect));
            }
        });
        (decision.action, noted)
    };
    shown(None) != shown(Some(rule))
}
