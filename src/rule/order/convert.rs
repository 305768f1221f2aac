use alloc::format;
use alloc::vec::Vec;

use super::error::{Kind, OrderError};
use super::{MatchOrder, OrderedRules};
use crate::rule::{Action, BuildError, Chain, ChainId, Effect, Rule, RuleId, RuleSet, Target};

/// Rules put into the order of the first match, and where each of them comes from.
#[derive(Clone, Debug)]
pub struct InOrder<A = Action> {
    rules: RuleSet<A>,
    /// For each chain and rule the rule that it comes from.
    origins: Vec<Vec<RuleId>>,
}

impl<A> InOrder<A> {
    /// The rules.
    pub fn rules(&self) -> &RuleSet<A> {
        &self.rules
    }

    /// The rules, without where they come from.
    pub fn into_rules(self) -> RuleSet<A> {
        self.rules
    }

    /// The id that a rule had in its own order.
    pub fn origin(&self, id: RuleId) -> Option<RuleId> {
        self.origins.get(id.chain.index())?.get(id.index as usize).copied()
    }

    fn push(&mut self, chain: ChainId, rule: Rule<A>, origin: RuleId) {
        self.rules.push_to(chain, rule);
        if let Some(origins) = self.origins.get_mut(chain.index()) {
            origins.push(origin);
        }
    }
}

impl<A: Clone> OrderedRules<A> {
    /// The rule set that decides every packet alike, and notes alike.
    ///
    /// Of numbered rules, each chain is sorted. Of rules whose last match decides, the base chain has the
    /// quick ones first, in order, and then the others the other way round; each user chain becomes two,
    /// one for each of these parts.
    ///
    /// # Errors
    ///
    /// When jumps lead to nowhere or in a circle. Of rules whose last match decides also `Return`, `Goto`
    /// and setting marks, which would mean something else for rules looked at the other way round, and
    /// quick rules that do not decide.
    pub fn in_order(&self) -> Result<InOrder<A>, OrderError> {
        self.rules().check().map_err(OrderError::of_build)?;
        match self.order() {
            MatchOrder::Priority => Ok(self.sorted()),
            MatchOrder::LastMatch => self.reversed(),
        }
    }

    fn sorted(&self) -> InOrder<A> {
        let mut sorted = self.empty();
        for (chain, list) in self.chains() {
            let id = if chain == ChainId::BASE {
                chain
            } else {
                self.copy_chain(&mut sorted, list.name())
            };
            let mut ids: Vec<RuleId> = ids(chain, list).collect();
            ids.sort_by_key(|id| self.rank(*id));
            for origin in ids {
                if let Some(rule) = self.rules().rule(origin) {
                    sorted.push(id, rule.clone(), origin);
                }
            }
        }
        sorted
    }

    fn reversed(&self) -> Result<InOrder<A>, OrderError> {
        let mut done = self.empty();
        for (_, list) in self.chains().skip(1) {
            self.copy_chain(&mut done, list.name());
            self.copy_chain(&mut done, &format!("{}, the other way round", list.name()));
        }
        for (chain, list) in self.chains() {
            let [forward, back] = parts(chain);
            for (origin, rule) in ids(chain, list).zip(list.rules()) {
                let quick = self.is_quick(origin);
                if let Some(kind) = fault(rule, quick) {
                    return Err(OrderError::at(origin, list.name(), kind));
                }
                let decides = matches!(rule.target, Target::Action(_) | Target::Staged(_));
                let is_first = quick || !decides;
                if is_first {
                    done.push(forward, led(rule, 0), origin);
                }
            }
            let all: Vec<_> = ids(chain, list).zip(list.rules()).collect();
            for (origin, rule) in all.into_iter().rev() {
                let noted = matches!(rule.target, Target::Continue(_));
                if !noted && !self.is_quick(origin) {
                    done.push(back, led(rule, 1), origin);
                }
            }
        }
        Ok(done)
    }

    fn empty(&self) -> InOrder<A> {
        let mut rules = RuleSet::new(self.rules().default_action().clone());
        rules.set_interfaces(self.rules().interfaces().clone());
        rules.set_sets(self.rules().sets().clone());
        InOrder { rules, origins: Vec::from([Vec::new()]) }
    }

    fn copy_chain(&self, to: &mut InOrder<A>, name: &str) -> ChainId {
        to.origins.push(Vec::new());
        to.rules.add_chain(name)
    }

    fn chains(&self) -> impl Iterator<Item = (ChainId, &Chain<A>)> {
        self.rules().chains().iter().zip(0..).map(|(chain, id)| (ChainId(id), chain))
    }
}

/// The chains for the rules of a chain that are looked at in order, and for those looked at the other
/// way round; both are parts of the base chain.
fn parts(chain: ChainId) -> [ChainId; 2] {
    match chain {
        ChainId::BASE => [ChainId::BASE; 2],
        ChainId(number) => [ChainId(2 * number - 1), ChainId(2 * number)],
    }
}

/// A rule whose jump leads to one of the parts.
fn led<A: Clone>(rule: &Rule<A>, part: usize) -> Rule<A> {
    let mut rule = rule.clone();
    if let Target::Jump(to) = &mut rule.target {
        let [forward, back] = parts(*to);
        *to = if part == 0 { forward } else { back };
    }
    rule
}

fn fault<A>(rule: &Rule<A>, quick: bool) -> Option<Kind> {
    match &rule.target {
        Target::Return | Target::Goto(_) => Some(Kind::Leaves),
        Target::Continue(Effect::Mark(_)) => Some(Kind::SetsMark),
        Target::Action(_) | Target::Staged(_) => None,
        _ if quick => Some(Kind::QuickDecidesNothing),
        _ => None,
    }
}

fn ids<A>(chain: ChainId, list: &Chain<A>) -> impl Iterator<Item = RuleId> + use<A> {
    (0..list.rules().len() as u32).map(move |index| RuleId::new(chain, index))
}

impl OrderError {
    fn of_build(error: BuildError) -> Self {
        Self::Build(error)
    }
}
