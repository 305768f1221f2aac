use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::conntrack::Time;
use crate::rule::{ChainId, Decision, Rule, RuleId, RuleSet, Target};
use crate::stateful::Verdict;

/// Until when rules are in force. A rule without a deadline always is.
///
/// At its deadline a rule is not in force any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlines<R = RuleId> {
    of: BTreeMap<R, Deadline>,
    ordered: BTreeSet<(Time, R)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Deadline {
    until: Time,
    /// Whether the rule decides, and does not merely lead or note.
    decides: bool,
}

impl<R> Default for Deadlines<R> {
    fn default() -> Self {
        Self { of: BTreeMap::new(), ordered: BTreeSet::new() }
    }
}

impl<R: Copy + Ord> Deadlines<R> {
    /// No deadlines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the deadline of a rule, in the place of one that it had.
    pub fn set<A>(&mut self, id: R, rule: &Rule<A>, until: Time) {
        self.remove(id);
        let decides = matches!(rule.target, Target::Action(_));
        self.of.insert(id, Deadline { until, decides });
        self.ordered.insert((until, id));
    }

    /// Takes a rule's deadline away and returns it: the rule is in force for ever.
    pub fn remove(&mut self, id: R) -> Option<Time> {
        let deadline = self.of.remove(&id)?;
        self.ordered.remove(&(deadline.until, id));
        Some(deadline.until)
    }

    /// The deadline of a rule, if it has one.
    pub fn of(&self, id: R) -> Option<Time> {
        self.of.get(&id).map(|deadline| deadline.until)
    }

    /// The earliest deadline: what is in force stays so until then.
    pub fn next(&self) -> Option<Time> {
        self.ordered.first().map(|first| first.0)
    }

    /// How many rules have a deadline.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether no rule has one.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// The rules that are not in force any more, those that expired first in front.
    pub fn expired(&self, now: Time) -> impl Iterator<Item = R> {
        self.ordered.iter().take_while(move |due| due.0 <= now).map(|due| due.1)
    }

    /// [`expired`](Self::expired) rules, whose deadlines are then forgotten.
    pub fn take_expired(&mut self, now: Time) -> Vec<R> {
        let expired: Vec<R> = self.expired(now).collect();
        for id in &expired {
            self.remove(*id);
        }
        expired
    }

    /// A decision by rules of which some may have expired since they were compiled, as far as it may
    /// still be followed: what was not accepted stays so; what an expired rule accepted, and whatever
    /// an expired rule may have led elsewhere, gets the action `drop`.
    ///
    /// The result is what the rules in force decide, or it does not accept.
    ///
    /// # Complexity
    ///
    /// One comparison until the next deadline; after it linear in the number of expired rules. Neither
    /// allocates nor panics.
    #[inline]
    pub fn check<'m, A: Verdict>(
        &self,
        decision: Decision<'m, A, R>,
        drop: &'m A,
        now: Time,
    ) -> Decision<'m, A, R> {
        match self.next() {
            Some(next) if next <= now => self.check_late(decision, drop, now),
            _ => decision,
        }
    }

    fn check_late<'m, A: Verdict>(
        &self,
        decision: Decision<'m, A, R>,
        drop: &'m A,
        now: Time,
    ) -> Decision<'m, A, R> {
        let decides = |id: R| self.of.get(&id).is_none_or(|deadline| deadline.decides);
        let is_doubtful = |id: R| Some(id) == decision.rule || !decides(id);
        match decision.action.accepts() && self.expired(now).any(is_doubtful) {
            true => Decision { action: drop, ..decision },
            false => decision,
        }
    }
}

impl Deadlines<RuleId> {
    /// A copy of the rules that are in force, and the deadlines that these have. Chains, named sets and
    /// the numbers of interfaces stay as they are.
    ///
    /// # Complexity
    ///
    /// Linear in the number of rules.
    #[must_use]
    pub fn in_force<A: Clone>(&self, rules: &RuleSet<A>, now: Time) -> (RuleSet<A>, Self) {
        let (mut left, mut deadlines) = (without_rules(rules), Self::new());
        for (chain, list) in (0..).map(ChainId).zip(rules.chains()) {
            for (index, rule) in (0..).zip(list.rules()) {
                let until = self.of(RuleId::new(chain, index));
                if until.is_some_and(|until| until <= now) {
                    continue;
                }
                let id = left.push_to(chain, rule.clone());
                if let Some(until) = until {
                    deadlines.set(id, rule, until);
                }
            }
        }
        (left, deadlines)
    }
}

fn without_rules<A: Clone>(rules: &RuleSet<A>) -> RuleSet<A> {
    let mut empty = RuleSet::new(rules.default_action().clone());
    for chain in rules.chains().iter().skip(1) {
        empty.add_chain(chain.name());
    }
    rules.interfaces().each(|name| empty.number_interface(name.clone()));
    empty.set_sets(rules.sets().clone());
    empty
}
