//! What the orders mean, rule by rule.

use alloc::vec::Vec;

use super::{MatchOrder, OrderedRules};
use crate::packet::{Packet, Tracked};
use crate::rule::first_match::decision;
use crate::rule::{ChainId, Decision, Effect, RuleId, Target};

impl<A> OrderedRules<A> {
    /// The decision by definition, with the rule's own id: of [`MatchOrder::LastMatch`] the last rule
    /// that matches, or the first quick one; of [`MatchOrder::Priority`] the rule with the lowest number
    /// that matches.
    ///
    /// # Complexity
    ///
    /// Linear in the number of rules for the last match, quadratic for priorities.
    pub fn decide(&self, packet: &Packet, tracked: Option<Tracked>) -> Decision<'_, A> {
        self.walk(packet, tracked, |_, _| {})
    }

    /// [`decide`](Self::decide) that also shows each matching [`Target::Continue`] rule that was looked
    /// at, in order, and staged rules that would have decided: where the last match decides, those behind
    /// it, the last one first.
    pub fn walk(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        mut seen: impl FnMut(RuleId, Effect),
    ) -> Decision<'_, A> {
        let mut walk = Walk {
            packet,
            tracked,
            mark: packet.mark,
            depth: 0,
            staged: Vec::new(),
            seen: &mut seen,
        };
        let rule = match self.order() {
            MatchOrder::LastMatch => {
                let mut last = None;
                if !self.last_match_in(ChainId::BASE, &mut walk, &mut last) {
                    // Those behind the last match would have decided.
                    let staged = core::mem::take(&mut walk.staged);
                    staged.into_iter().rev().for_each(|id| (walk.seen)(id, Effect::Staged));
                }
                last
            }
            MatchOrder::Priority => self.lowest_in(ChainId::BASE, &mut walk),
        };
        let action = rule.and_then(|id| self.rules().rule(id)?.target.action());
        decision(action.unwrap_or(self.rules().default_action()), rule, packet, tracked)
    }

    /// Goes through a chain; `true` if a quick rule ended it all.
    fn last_match_in(
        &self,
        chain: ChainId,
        walk: &mut Walk<'_>,
        last: &mut Option<RuleId>,
    ) -> bool {
        let rules = self.rules().chain(chain).map_or(&[][..], |chain| chain.rules());
        for (rule, index) in rules.iter().zip(0..) {
            let id = RuleId::new(chain, index);
            if !self.matches(id, walk) {
                continue;
            }
            match &rule.target {
                Target::Action(_) => {
                    *last = Some(id);
                    walk.staged.clear();
                }
                Target::Staged(_) if self.is_quick(id) => {
                    (walk.seen)(id, Effect::Staged);
                    continue;
                }
                Target::Staged(_) => walk.staged.push(id),
                Target::Continue(effect) => (walk.seen)(id, *effect),
                Target::Jump(to) if walk.depth < self.rules().chains().len() => {
                    walk.depth += 1;
                    let ended = self.last_match_in(*to, walk, last);
                    walk.depth -= 1;
                    if ended {
                        return true;
                    }
                }
                _ => {}
            }
            if self.is_quick(id) {
                return true;
            }
        }
        false
    }

    /// The rule that decides in a chain, or in one that it leads to.
    fn lowest_in(&self, chain: ChainId, walk: &mut Walk<'_>) -> Option<RuleId> {
        let count = self.rules().chain(chain).map_or(0, |chain| chain.rules().len());
        let mut left: Vec<RuleId> =
            (0..count).map(|index| RuleId::new(chain, index as u32)).collect();
        // Of equal numbers the first is the lowest.
        while let Some(id) = left.iter().copied().min_by_key(|id| self.rank(*id)) {
            left.retain(|other| *other != id);
            let Some(rule) = self.rules().rule(id).filter(|_| self.matches(id, walk)) else {
                continue;
            };
            let deeper = walk.depth < self.rules().chains().len();
            match &rule.target {
                Target::Action(_) => return Some(id),
                Target::Continue(effect) => {
                    walk.mark = effect.apply(walk.mark);
                    (walk.seen)(id, *effect);
                }
                Target::Staged(_) => (walk.seen)(id, Effect::Staged),
                Target::Jump(to) | Target::Goto(to) if deeper => {
                    walk.depth += 1;
                    let found = self.lowest_in(*to, walk);
                    walk.depth -= 1;
                    if found.is_some() || matches!(rule.target, Target::Goto(_)) {
                        return found;
                    }
                }
                _ => return None,
            }
        }
        None
    }

    fn matches(&self, id: RuleId, walk: &Walk<'_>) -> bool {
        let Some(rule) = self.rules().rule(id) else { return false };
        rule.criteria.hold(walk.packet, walk.tracked, walk.mark, self.rules().named())
    }
}

/// A packet on its way through the rules.
struct Walk<'w> {
    packet: &'w Packet,
    tracked: Option<Tracked>,
    mark: u32,
    depth: usize,
    /// Staged rules since the last one that matched.
    staged: Vec<RuleId>,
    seen: &'w mut dyn FnMut(RuleId, Effect),
}
