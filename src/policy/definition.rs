//! What policies mean, rule by rule.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::flat::Flat;
use super::key::Key;
use super::rate::SLOTS_BEFORE;
use super::{Asked, Entry, Overrides, Policy, PolicyError, PolicyRule, Rate, WhenFull};
use crate::conntrack::Time;
use crate::rule::{Action, ChainId, Decision, Effect, RuleId, RuleSet, Target, Trial};

/// A policy by definition: rules are looked at one after the other, labels are kept as text, and all
/// packets that rates have counted are remembered. [`PolicyMatcher`](super::PolicyMatcher) answers what
/// this answers; test yours against it.
#[derive(Clone, Debug)]
pub struct Definition<'p, A = Action> {
    policy: &'p Policy<A>,
    /// For what names of interfaces and sets stand for.
    rules: RuleSet<A>,
    counted: Vec<Counted>,
    now: Time,
}

/// A packet that a rate has counted.
#[derive(Clone, Debug)]
struct Counted {
    rule: RuleId,
    key: Key,
    slot: u64,
}

impl<'p, A: Clone> Definition<'p, A> {
    pub(super) fn new(policy: &'p Policy<A>) -> Result<Self, PolicyError> {
        let all = Flat::all(policy);
        all.check()?;
        Ok(Self { policy, rules: all.rule_set(policy), counted: Vec::new(), now: Time::ZERO })
    }
}

impl<'p, A> Definition<'p, A> {
    /// The decision on one packet and, beside it, that of the first staged rule before it, if there is one.
    /// `seen` is shown each rule that matches and does not decide, in order.
    pub fn judge(
        &mut self,
        asked: &Asked<'_>,
        mut seen: impl FnMut(RuleId, Effect),
    ) -> Trial<'p, A> {
        self.now = self.now.max(asked.now);
        let (mut labels, mut staged, mut next) = (BTreeSet::new(), None, 0);
        for (_, entry) in self.policy.entries() {
            let (rules, overrides) = match entry {
                Entry::Rule(rule) => (Vec::from([rule]), None),
                Entry::Group(group, overrides) => {
                    (group.rules().map(|(_, rule)| rule).collect(), Some(overrides))
                }
            };
            let first = next;
            next += rules.len() as u32;
            let counts_group = overrides.is_some_and(Overrides::counts_group);
            for (rule, index) in rules.into_iter().zip(first..) {
                let id = RuleId::new(ChainId::BASE, index);
                if !self.matches(id, rule, asked, &labels) {
                    continue;
                }
                match overrides.map_or(&rule.rule.target, |overrides| overrides.target(rule)) {
                    Target::Action(action) if !counts_group => {
                        return Trial::new(decision(action, Some(id), asked), staged);
                    }
                    Target::Staged(action) => {
                        seen(id, Effect::Staged);
                        staged = staged.or((!counts_group).then_some((id, action)));
                    }
                    Target::Continue(effect) => {
                        seen(id, *effect);
                        labels.extend(rule.labels.iter().map(|label| &**label));
                    }
                    _ => {
                        seen(id, Effect::Count);
                        labels.extend(rule.labels.iter().map(|label| &**label));
                        break;
                    }
                }
            }
        }
        Trial::new(decision(self.policy.default_action(), None, asked), staged)
    }

    fn matches(
        &mut self,
        id: RuleId,
        rule: &PolicyRule<A>,
        asked: &Asked<'_>,
        labels: &BTreeSet<&str>,
    ) -> bool {
        let criteria = &rule.rule.criteria;
        let there = |any: &super::AnyLabel| labels.iter().any(|label| any.holds(label));
        criteria.hold(asked.packet, asked.tracked, asked.packet.mark, self.rules.named())
            && rule.labelled.iter().all(there)
            && !rule.not_labelled.iter().any(there)
            && rule.rate.as_ref().is_none_or(|rate| self.exceeds(id, rate, asked))
    }

    /// Counts a packet for a rule, and says whether that is too many.
    fn exceeds(&mut self, rule: RuleId, rate: &Rate, asked: &Asked<'_>) -> bool {
        let Some(key) = Key::of(asked, &rate.by) else { return false };
        let slot = rate.slot(self.now);
        let counts = |other: &&Counted| {
            other.rule == rule && other.slot >= slot.saturating_sub(SLOTS_BEFORE)
        };
        let keys: BTreeSet<&Key> =
            self.counted.iter().filter(counts).map(|other| &other.key).collect();
        if !keys.contains(&key) && keys.len() >= rate.capacity as usize {
            return rate.when_full == WhenFull::Match;
        }
        self.counted.push(Counted { rule, key, slot });
        let same = self.counted.iter().filter(counts).filter(|other| other.key == key);
        same.count() as u64 > u64::from(rate.limit)
    }
}

pub(super) fn decision<'m, A>(
    action: &'m A,
    rule: Option<RuleId>,
    asked: &Asked<'_>,
) -> Decision<'m, A> {
    let (fragment, malformed) = (asked.packet.fragment, asked.packet.malformed);
    Decision { action, rule, tracked: asked.tracked, fragment, malformed, refused: None }
}
