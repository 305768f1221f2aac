//! All rules of a policy in the order in which they are looked at.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::labels::is_label;
use super::rule::is_sayable;
use super::{AnyLabel, Entry, Policy, PolicyError, PolicyRule, Rate, RuleFault};
use crate::rule::{BuildError, Criteria, Effect, Rule, RuleSet, Target};

/// A rule in its place.
pub(super) struct Flat<'p, A> {
    /// The priority of its group or, if it is in none, its own.
    pub(super) priority: u32,
    pub(super) group: Option<&'p str>,
    pub(super) rule: &'p PolicyRule<A>,
    /// What it says here.
    pub(super) target: &'p Target<A>,
    /// Whether what its group decides is only counted.
    pub(super) counted: bool,
    /// Where the policy goes on when it has matched and not decided.
    pub(super) resume: usize,
}

/// The most different sets of labels that rules may ask for: a bit for each.
const MOST_LABELS: usize = 64;

/// All of them.
pub(super) struct Flats<'p, A>(pub(super) Vec<Flat<'p, A>>);

impl<'p, A> Flat<'p, A> {
    pub(super) fn all(policy: &'p Policy<A>) -> Flats<'p, A> {
        let mut all = Vec::new();
        for (priority, entry) in policy.entries() {
            match entry {
                Entry::Rule(rule) => {
                    let (target, resume) = (&rule.rule.target, all.len() + 1);
                    all.push(Self { priority, group: None, rule, target, counted: false, resume });
                }
                Entry::Group(group, overrides) => {
                    let (name, end) = (Some(group.name()), all.len() + group.len());
                    for (_, rule) in group.rules() {
                        let target = overrides.target(rule);
                        let counted = overrides.counts_group();
                        let ends = counted && matches!(target, Target::Action(_));
                        let resume = if ends { end } else { all.len() + 1 };
                        let target = if ends { &Target::Continue(Effect::Count) } else { target };
                        all.push(Self { priority, group: name, rule, target, counted, resume });
                    }
                }
            }
        }
        Flats(all)
    }
}

impl<'p, A> Flats<'p, A> {
    /// The different sets of labels that rules ask for, if each rule can be what it is where it is.
    pub(super) fn check(&self) -> Result<Vec<&'p AnyLabel>, PolicyError> {
        let mut known: Vec<&AnyLabel> = Vec::new();
        for (index, flat) in self.0.iter().enumerate() {
            if let Some(fault) = flat.fault() {
                return Err(flat.error(fault));
            }
            for asked in flat.rule.labelled.iter().chain(&flat.rule.not_labelled) {
                if known.contains(&asked) {
                    continue;
                }
                if !self.is_added_before(index, asked) {
                    let asked = alloc::format!("{asked}").into();
                    return Err(flat.error(RuleFault::UnknownLabel(asked)));
                }
                if known.len() == MOST_LABELS {
                    return Err(PolicyError::Labels { limit: MOST_LABELS });
                }
                known.push(asked);
            }
        }
        Ok(known)
    }

    fn is_added_before(&self, index: usize, asked: &AnyLabel) -> bool {
        let before = self.0.iter().take(index);
        before.flat_map(|flat| &flat.rule.labels).any(|label| asked.holds(label))
    }
}

impl<A> Flats<'_, A> {
    /// The rules as a rule set.
    pub(super) fn rule_set(&self, policy: &Policy<A>) -> RuleSet<A>
    where
        A: Clone,
    {
        self.rules_of(policy, policy.default_action().clone(), |_, flat, criteria| {
            let comment = flat.rule.rule.comment.clone();
            Rule { criteria, comment, ..Rule::new(flat.target.clone()) }
        })
    }

    /// A rule set with a rule for each of these: all such rule sets number interfaces and sets alike.
    pub(super) fn rules_of<B>(
        &self,
        policy: &Policy<A>,
        default: B,
        rule: impl Fn(usize, &Flat<'_, A>, Criteria) -> Rule<B>,
    ) -> RuleSet<B> {
        let mut rules = RuleSet::new(default);
        rules.set_sets(policy.sets().clone());
        for (index, flat) in self.0.iter().enumerate() {
            rules.push(rule(index, flat, flat.rule.rule.criteria.clone()));
        }
        rules
    }

    /// What is wrong with a rule set of these rules, or with one of them.
    pub(super) fn build_error(&self, error: BuildError) -> PolicyError {
        let flat = error.rule().and_then(|id| self.0.get(id.index as usize));
        match flat {
            Some(flat) => flat.error(RuleFault::Build(error)),
            None => PolicyError::Build(error),
        }
    }
}

impl<A> Flat<'_, A> {
    pub(super) fn error(&self, fault: RuleFault) -> PolicyError {
        PolicyError::Rule { group: self.group.map(Box::from), rule: self.rule.name.clone(), fault }
    }

    fn fault(&self) -> Option<RuleFault> {
        if !is_sayable(&self.rule.rule.target) || !is_sayable(self.target) {
            return Some(RuleFault::Target);
        }
        if let Some(label) = self.rule.labels.iter().find(|label| !is_label(label)) {
            return Some(RuleFault::Label(label.clone()));
        }
        self.rule.rate.as_ref().and_then(rate_fault)
    }
}

fn rate_fault(rate: &Rate) -> Option<RuleFault> {
    let faults = [
        (rate.window.is_zero(), RuleFault::NoWindow),
        (rate.capacity == 0, RuleFault::NoKeys),
        (!rate.by.is_sound(), RuleFault::PrefixLength),
    ];
    faults.into_iter().find(|(is_so, _)| *is_so).map(|(_, fault)| fault)
}
