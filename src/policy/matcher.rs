use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::counter::{Counter, Limited, RateCounts};
use super::definition::decision;
use super::flat::{Flat, Flats};
use super::steps::{Act, Predicates, Step, Trees};
use super::{Asked, Policy, PolicyError};
use crate::Config;
use crate::conntrack::Time;
use crate::conntrack::sip::Sip;
use crate::packet::{InterfaceId, Packet};
use crate::rule::set::{Contents, SetError, Sets};
use crate::rule::{Action, ChainId, Decision, Effect, RuleId, RuleSet, Trial};

/// A policy, compiled, with the counts of its rates.
///
/// Answers are those of [`Definition`](super::Definition). A copy goes on with counts of its own: threads
/// that judge the packets of different sources have exact rates with a copy each.
///
/// # Complexity
///
/// One lookup in a tree, and one more for each rule that matches without deciding and for each rule with a
/// rate whose criteria hold. Judging neither allocates nor panics.
#[derive(Clone, Debug)]
pub struct PolicyMatcher<A = Action> {
    rules: RuleSet<A>,
    places: Vec<Placed>,
    steps: Vec<Step<A>>,
    trees: Trees,
    predicates: Predicates,
    counters: Vec<Counter>,
    sip: Sip,
    now: Time,
}

/// Where a rule is in its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place<'m> {
    /// The priority of its group or, if it is in none, its own.
    pub priority: u32,
    /// The name of its group.
    pub group: Option<&'m str>,
    /// Its name.
    pub rule: &'m str,
    /// The labels that it adds.
    pub labels: &'m [Box<str>],
}

/// Prints `rule`, or `group/rule`.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(group) = self.group {
            write!(f, "{group}/")?;
        }
        f.write_str(self.rule)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Placed {
    priority: u32,
    group: Option<Box<str>>,
    rule: Box<str>,
    labels: Vec<Box<str>>,
}

/// What became of a packet.
struct Outcome {
    /// The step that decided.
    decided: Option<u32>,
    /// The first staged one before it.
    staged: Option<u32>,
}

impl<A: Clone + PartialEq> PolicyMatcher<A> {
    pub(super) fn new(
        policy: &Policy<A>,
        config: &Config,
        secret: [u8; 16],
        tracked: bool,
    ) -> Result<Self, PolicyError> {
        Self::build(policy, config, Sip::new(secret), tracked)
    }

    fn build(
        policy: &Policy<A>,
        config: &Config,
        sip: Sip,
        tracked: bool,
    ) -> Result<Self, PolicyError> {
        let (units, limit) = (policy.capacity(), policy.capacity_limit());
        if units > limit {
            return Err(PolicyError::Capacity { units, limit });
        }
        let all = Flat::all(policy);
        let asked = all.check()?;
        let rules = all.rule_set(policy);
        let predicates = Predicates::new(&all, asked.len());
        let mut counters = Vec::new();
        let steps: Vec<Step<A>> =
            all.0.iter().map(|flat| Step::new(flat, &asked, &mut counters, sip)).collect();
        let trees = Trees::compile(&all, policy, &steps, &predicates, config, tracked)?;
        let places = places(&all);
        Ok(Self { rules, places, steps, trees, predicates, counters, sip, now: Time::ZERO })
    }

    /// Goes on with another policy, or the same one changed. Of rules that have the same name in the same
    /// group, the same criteria, labels and rate, the counts stay; others begin to count anew.
    ///
    /// # Errors
    ///
    /// Those of [`Policy::compile`]; the old policy stays then. The new one may ask for connections if the
    /// old one may.
    pub fn replace(&mut self, policy: &Policy<A>, config: &Config) -> Result<(), PolicyError> {
        let mut new = Self::build(policy, config, self.sip, self.trees.are_tracked())?;
        new.now = self.now;
        for counter in &mut new.counters {
            let same = self.counters.iter_mut().find(|old| old.is_of_same_rule(counter));
            if let Some(old) = same {
                core::mem::swap(counter, old);
            }
        }
        *self = new;
        Ok(())
    }
}

fn places<A>(all: &Flats<'_, A>) -> Vec<Placed> {
    let placed = all.0.iter().map(|flat| Placed {
        priority: flat.priority,
        group: flat.group.map(Box::from),
        rule: flat.rule.name.clone(),
        labels: flat.rule.labels.clone(),
    });
    placed.collect()
}

impl<A> PolicyMatcher<A> {
    /// The decision on a packet that came at `now`. Packets are counted as they are judged; a moment
    /// earlier than that of the packet before is taken as that.
    pub fn classify(&mut self, packet: &Packet, now: Time) -> Decision<'_, A> {
        self.walk(packet, now, |_, _| {})
    }

    /// [`classify`](Self::classify) that also shows each rule that matches and does not decide, in order.
    pub fn walk(
        &mut self,
        packet: &Packet,
        now: Time,
        seen: impl FnMut(RuleId, Effect),
    ) -> Decision<'_, A> {
        self.judge(&Asked::new(packet, now), seen).enforced
    }

    /// [`classify`](Self::classify), and the decision of the first staged rule that matches before it.
    pub fn classify_staged(&mut self, packet: &Packet, now: Time) -> Trial<'_, A> {
        self.judge(&Asked::new(packet, now), |_, _| {})
    }

    /// All of this, and of a packet of which the caller knows more.
    pub fn judge(
        &mut self,
        asked: &Asked<'_>,
        mut seen: impl FnMut(RuleId, Effect),
    ) -> Trial<'_, A> {
        let Outcome { decided, staged } = self.run(asked, &mut seen);
        let action =
            |step| self.steps.get(step as usize).and_then(|step: &Step<A>| step.act.action());
        let enforced = match decided.and_then(|step| Some((step, action(step)?))) {
            Some((step, action)) => decision(action, Some(id(step)), asked),
            None => decision(self.rules.default_action(), None, asked),
        };
        Trial::new(enforced, staged.and_then(|step| Some((id(step), action(step)?))))
    }

    fn run(&mut self, asked: &Asked<'_>, seen: &mut dyn FnMut(RuleId, Effect)) -> Outcome {
        let Self { steps, trees, predicates, counters, .. } = self;
        self.now = self.now.max(asked.now);
        let (now, mut labels, mut staged) = (self.now, 0, None);
        let mut next = trees.first(asked);
        while let Some(at) = next {
            let Some(step) = steps.get(at as usize) else { break };
            let mut resume = at.saturating_add(1);
            if step.asks.hold(labels) && exceeded(counters, step.counter, asked, now) {
                match &step.act {
                    Act::Decide(_) => return Outcome { decided: Some(at), staged },
                    Act::Staged(_) => {
                        staged = staged.or(Some(at));
                        seen(id(at), Effect::Staged);
                    }
                    Act::Note(effect) => seen(id(at), *effect),
                }
                labels |= step.adds;
                resume = step.resume;
            }
            next = trees.next(asked, predicates, labels, resume);
        }
        Outcome { decided: None, staged }
    }

    /// All rules in the order in which they are looked at: see [`Policy::rules`].
    pub fn rules(&self) -> &RuleSet<A> {
        &self.rules
    }

    /// Where the rule of a decision is in its policy.
    pub fn place(&self, rule: RuleId) -> Option<Place<'_>> {
        let placed =
            self.places.get(rule.index as usize).filter(|_| rule.chain == ChainId::BASE)?;
        let Placed { priority, group, rule, labels } = placed;
        Some(Place { priority: *priority, group: group.as_deref(), rule, labels })
    }

    /// The rule of this name in this group, or in none.
    pub fn rule_named(&self, group: Option<&str>, rule: &str) -> Option<RuleId> {
        let is = |placed: &Placed| placed.group.as_deref() == group && *placed.rule == *rule;
        let index = self.places.iter().position(is)?;
        u32::try_from(index).ok().map(id)
    }

    /// The number for the interface called `name`: see [`RuleSet::interface`].
    pub fn interface(&self, name: &str) -> Option<InterfaceId> {
        self.rules.interface(name)
    }

    /// The named sets as they are now.
    pub fn sets(&self) -> &Sets {
        self.trees.sets()
    }

    /// Changes a named set; nothing is compiled. The next packet is judged by the changed set.
    ///
    /// # Errors
    ///
    /// When there is no such set, its elements are of another kind, or the rules have no number for an
    /// interface in it. Nothing has changed then.
    pub fn change_set<S: Contents, R>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut S) -> R,
    ) -> Result<R, SetError> {
        self.trees.change_set(name, change)
    }

    /// Bytes that the trees take, without the counts.
    pub fn memory_bytes(&self) -> usize {
        self.trees.memory_bytes()
    }

    /// The keys of a rule's rate that are above its limit at `now`; none if it has no rate.
    ///
    /// # Complexity
    ///
    /// Linear in how many keys have been counted.
    pub fn limited(&self, rule: RuleId, now: Time) -> impl Iterator<Item = Limited> {
        let now = self.now.max(now);
        self.counter(rule).into_iter().flat_map(move |counter| counter.limited(now))
    }

    /// What a rule's rate counts at `now`; `None` if it has none.
    ///
    /// # Complexity
    ///
    /// Linear in how many keys have been counted.
    pub fn rate_counts(&self, rule: RuleId, now: Time) -> Option<RateCounts> {
        Some(self.counter(rule)?.counts(self.now.max(now)))
    }

    fn counter(&self, rule: RuleId) -> Option<&Counter> {
        let step = self.steps.get(rule.index as usize).filter(|_| rule.chain == ChainId::BASE)?;
        self.counters.get(step.counter? as usize)
    }
}

/// Whether a step has no rate, or it is exceeded with this packet.
fn exceeded(counters: &mut [Counter], counter: Option<u32>, asked: &Asked<'_>, now: Time) -> bool {
    let Some(counter) = counter else { return true };
    counters.get_mut(counter as usize).is_some_and(|counter| counter.is_exceeded(asked, now))
}

fn id(step: u32) -> RuleId {
    RuleId::new(ChainId::BASE, step)
}
