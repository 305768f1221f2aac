use alloc::vec::Vec;

use super::{ChainId, Decision, Effect, RuleId, RuleSet, Target, Trial};
use crate::packet::{Packet, Tracked};

impl<A> RuleSet<A> {
    /// The decision by definition: rules are looked at one after the other, and the first that
    /// matches decides. Every matcher must answer what this answers; test yours against it.
    ///
    /// `tracked` is the packet's place in its connection; a criterion on the state of a packet
    /// that is not tracked does not hold. In a rule set that [`check`](Self::check) refuses, a jump
    /// to nowhere is an empty chain and a cycle of jumps ends with the default.
    ///
    /// # Complexity
    ///
    /// Linear in the number of rules, a chain counted as often as it is jumped to.
    pub fn first_match(&self, packet: &Packet, tracked: Option<Tracked>) -> Decision<'_, A> {
        self.walk(packet, tracked, |_, _| {})
    }

    /// [`first_match`](Self::first_match) that also shows each matching [`Target::Continue`]
    /// and [`Target::Staged`] rule, in order.
    pub fn walk(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        mut seen: impl FnMut(RuleId, Effect),
    ) -> Decision<'_, A> {
        self.trace(packet, tracked, None, |id, target| {
            if let Some(effect) = target.effect() {
                seen(id, effect);
            }
        })
    }

    /// The decision, and the one there would be if staged rules were enforced: that of the first of them
    /// that matches before the enforced decision.
    pub fn first_match_staged(&self, packet: &Packet, tracked: Option<Tracked>) -> Trial<'_, A> {
        let mut first = None;
        let enforced = self.walk(packet, tracked, |id, effect| {
            first = first.or((effect == Effect::Staged).then_some(id));
        });
        let action = first.and_then(|id| self.rule(id)?.target.staged());
        Trial::new(enforced, first.zip(action))
    }

    /// [`walk`](Self::walk) that passes a rule by and shows every rule that matches.
    pub(crate) fn trace(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        without: Option<RuleId>,
        mut seen: impl FnMut(RuleId, &Target<A>),
    ) -> Decision<'_, A> {
        let mut mark = packet.mark;
        let mut callers = Vec::new();
        let mut at = Position { id: RuleId::new(ChainId::BASE, 0), depth: 0 };
        while at.depth <= self.chains().len() {
            let Some(rule) = self.rule(at.id) else {
                let Some(caller) = callers.pop() else { break };
                at = caller;
                continue;
            };
            let id = at.id;
            at.id.index += 1;
            let holds = rule.criteria.hold(packet, tracked, mark, self.named());
            if !holds || without == Some(id) {
                continue;
            }
            seen(id, &rule.target);
            match &rule.target {
                Target::Action(action) => return decision(action, Some(id), packet, tracked),
                Target::Continue(effect) => mark = effect.apply(mark),
                Target::Staged(_) => {}
                Target::Jump(chain) => {
                    callers.push(at);
                    at = at.start_of(*chain);
                }
                Target::Goto(chain) => at = at.start_of(*chain),
                Target::Return => at.id.index = u32::MAX,
            }
        }
        decision(self.default_action(), None, packet, tracked)
    }
}

/// The next rule to look at, and how many jumps and gotos led to its chain.
#[derive(Clone, Copy)]
struct Position {
    id: RuleId,
    depth: usize,
}

impl Position {
    fn start_of(self, chain: ChainId) -> Self {
        Self { id: RuleId::new(chain, 0), depth: self.depth + 1 }
    }
}

pub(super) fn decision<'m, A>(
    action: &'m A,
    rule: Option<RuleId>,
    packet: &Packet,
    tracked: Option<Tracked>,
) -> Decision<'m, A> {
    let (fragment, malformed) = (packet.fragment, packet.malformed);
    Decision { action, rule, tracked, fragment, malformed, refused: None }
}
