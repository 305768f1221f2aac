//! A policy's rules as a tree finds them.

use alloc::vec::Vec;

use super::counter::Counter;
use super::flat::{Flat, Flats};
use super::{AnyLabel, Asked, Policy, PolicyError};
use crate::Config;
use crate::conntrack::sip::Sip;
use crate::rule::set::{Contents, SetError, Sets};
use crate::rule::{AnyOf, Effect, Rule, RuleSet, Target};
use crate::tree::{Compiled, Own};

/// What is done when the tree has found a rule.
#[derive(Clone, Debug)]
pub(super) struct Step<A> {
    pub(super) act: Act<A>,
    pub(super) asks: Asks,
    /// The labels that it adds, a bit for each set of them that is asked for.
    pub(super) adds: u64,
    /// The number of its rate.
    pub(super) counter: Option<u32>,
    /// Where to go on when it has matched and not decided.
    pub(super) resume: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Act<A> {
    Decide(A),
    /// Would decide.
    Staged(A),
    Note(Effect),
}

/// Sets of labels of which there must be one, and of which there must be none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asks {
    all: u64,
    none: u64,
}

impl<A: Clone> Step<A> {
    pub(super) fn new(
        flat: &Flat<'_, A>,
        asked: &[&AnyLabel],
        counters: &mut Vec<Counter>,
        sip: Sip,
    ) -> Self {
        let rule = flat.rule;
        let bits = |is: &dyn Fn(&AnyLabel) -> bool| {
            let numbered = asked.iter().zip(0..u64::BITS);
            numbered.fold(0, |bits, (asked, number)| bits | u64::from(is(asked)) << number)
        };
        let act = match flat.target {
            Target::Action(action) => Act::Decide(action.clone()),
            Target::Staged(action) if !flat.counted => Act::Staged(action.clone()),
            target => Act::Note(target.effect().unwrap_or(Effect::Count)),
        };
        let is_staged = flat.target.staged().is_some();
        let counter = rule.rate.as_ref().map(|rate| {
            counters.push(Counter::new(flat, rate, sip));
            counters.len() as u32 - 1
        });
        Self {
            act,
            asks: Asks {
                all: bits(&|asked| rule.labelled.contains(asked)),
                none: bits(&|asked| rule.not_labelled.contains(asked)),
            },
            adds: bits(&|asked| !is_staged && rule.labels.iter().any(|it| asked.holds(it))),
            counter,
            resume: u32::try_from(flat.resume).unwrap_or(u32::MAX),
        }
    }
}

impl<A> Step<A> {
    /// Whether it ends it all when it is found, provided that its labels are there.
    fn decides(&self) -> bool {
        matches!(self.act, Act::Decide(_)) && self.counter.is_none()
    }
}

impl<A> Act<A> {
    pub(super) fn action(&self) -> Option<&A> {
        match self {
            Self::Decide(action) | Self::Staged(action) => Some(action),
            Self::Note(_) => None,
        }
    }
}

impl Asks {
    fn ask(self) -> bool {
        self.all | self.none != 0
    }

    pub(super) fn hold(self, labels: u64) -> bool {
        labels & self.all == self.all && labels & self.none == 0
    }
}

/// Which of the packet's predicates stand for labels while a tree is asked.
#[derive(Clone, Debug)]
pub(super) struct Predicates {
    /// Those that the policy's own rules ask for.
    own: u64,
    /// For each set of labels the number of its predicate, as far as there are any left.
    numbers: Vec<u8>,
}

impl Predicates {
    pub(super) fn new<A>(all: &Flats<'_, A>, asked: usize) -> Self {
        let numbers = all.0.iter().flat_map(|flat| flat.rule.rule.criteria.predicate.items());
        let own = numbers.filter_map(|number| 1u64.checked_shl(u32::from(*number)));
        let own = own.fold(0, |own, bit| own | bit);
        let numbers = (0..u64::BITS as u8).filter(|number| own >> number & 1 == 0).take(asked);
        Self { own, numbers: numbers.collect() }
    }

    /// The predicates of a packet that has these labels.
    fn of(&self, predicates: u64, labels: u64) -> u64 {
        let numbered = self.numbers.iter().zip(0..u64::BITS);
        numbered.fold(predicates & self.own, |bits, (number, label)| {
            bits | (labels >> label & 1).checked_shl(u32::from(*number)).unwrap_or(0)
        })
    }

    /// A predicate that a packet must have for a rule to match: of one of the labels that it asks for.
    fn needed(&self, asks: Asks) -> Option<u8> {
        let numbered = self.numbers.iter().zip(0..u64::BITS);
        numbered.filter(|(_, label)| asks.all >> label & 1 != 0).map(|(number, _)| *number).next()
    }
}

/// A policy's rules, compiled: a tree for packets that have no labels, in which no rule is found that asks
/// for one, and a tree for those that have. Rules that decide at once hide rules behind them there; all
/// others are found, and the search goes on behind them.
#[derive(Clone, Debug)]
pub(super) struct Trees {
    unlabelled: Compiled<'static, Own<()>>,
    /// If any rule asks for labels.
    labelled: Option<Compiled<'static, Own<()>>>,
    tracked: bool,
}

impl Trees {
    pub(super) fn compile<A: Clone>(
        all: &Flats<'_, A>,
        policy: &Policy<A>,
        steps: &[Step<A>],
        predicates: &Predicates,
        config: &Config,
        tracked: bool,
    ) -> Result<Self, PolicyError> {
        let compile = |rules: RuleSet<()>| {
            let compiled = match tracked {
                true => Compiled::new(&rules, config),
                false => Compiled::stateless(&rules, config),
            };
            compiled.map_err(|error| all.build_error(error))
        };
        let unlabelled = all.rules_of(policy, (), |index, _, mut criteria| {
            let step = steps.get(index);
            if step.is_some_and(|step| step.asks.all != 0) {
                criteria.src = AnyOf::one_of([]);
            }
            Rule { criteria, ..Rule::new(said(step.is_some_and(Step::decides))) }
        });
        let labelled = steps.iter().any(|step| step.asks.ask()).then(|| {
            all.rules_of(policy, (), |index, _, mut criteria| {
                let step = steps.get(index);
                let asks = step.map(|step| step.asks).unwrap_or_default();
                if let Some(number) = predicates.needed(asks)
                    && criteria.predicate.is_any()
                {
                    criteria.predicate = number.into();
                }
                let decides = !asks.ask() && step.is_some_and(Step::decides);
                Rule { criteria, ..Rule::new(said(decides)) }
            })
        });
        let (unlabelled, labelled) = (compile(unlabelled)?, labelled.map(compile).transpose()?);
        Ok(Self { unlabelled, labelled, tracked })
    }

    /// The first rule to look at for a packet, which has no labels.
    #[inline]
    pub(super) fn first(&self, asked: &Asked<'_>) -> Option<u32> {
        self.unlabelled.first_step(asked.packet, asked.tracked)
    }

    /// The next one, from the place `least` on, for a packet that has these labels.
    pub(super) fn next(
        &self,
        asked: &Asked<'_>,
        predicates: &Predicates,
        labels: u64,
        least: u32,
    ) -> Option<u32> {
        let Some(labelled) = self.labelled.as_ref().filter(|_| labels != 0) else {
            return self.unlabelled.next_step(asked.packet, asked.tracked, least);
        };
        let mut packet = *asked.packet;
        packet.predicates = predicates.of(packet.predicates, labels);
        labelled.next_step(&packet, asked.tracked, least)
    }

    pub(super) fn are_tracked(&self) -> bool {
        self.tracked
    }

    pub(super) fn sets(&self) -> &Sets {
        self.unlabelled.members().sets()
    }

    pub(super) fn change_set<S: Contents, R>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut S) -> R,
    ) -> Result<R, SetError> {
        let result = self.unlabelled.members_mut().change(name, change)?;
        if let Some(labelled) = &mut self.labelled {
            // The same names and kinds, so that it cannot fail.
            labelled.members_mut().replace(self.unlabelled.members().sets())?;
        }
        Ok(result)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let labelled = self.labelled.as_ref().map_or(0, Compiled::memory_bytes);
        self.unlabelled.memory_bytes().saturating_add(labelled)
    }
}

/// What a rule says to a tree: a rule that ends it all hides what comes behind it.
fn said(decides: bool) -> Target<()> {
    match decides {
        true => Target::Action(()),
        false => Target::Continue(Effect::Count),
    }
}
