use core::fmt;

use alloc::vec::Vec;

use crate::rule::set::Set;
use crate::rule::{Action, ChainId, Rule, RuleId, RuleSet};

/// Which of the rules that match decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MatchOrder {
    /// The last one, as in pf; but one that is *quick* decides at once.
    LastMatch,
    /// The one with the lowest number; of several with the same number the one that was added first.
    Priority,
}

impl MatchOrder {
    pub(crate) const ALL: [Self; 2] = [Self::LastMatch, Self::Priority];

    /// The word for it in the text form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LastMatch => "last-match",
            Self::Priority => "priority",
        }
    }
}

/// Prints [`MatchOrder::name`].
impl fmt::Display for MatchOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Rules in an order of their own.
///
/// The [text form](crate::rule::text) begins with a line `order last-match` or `order priority`. A rule
/// then has `quick` before it, or has a number before it.
///
/// # Examples
///
/// ```
/// use portcullis::rule::order::OrderedRules;
/// use portcullis::{Action, Config, FlowKey, Protocol, RuleId, StatelessMatcher};
///
/// let rules: OrderedRules = "
///     order last-match
///     drop any
///     quick drop from 198.51.100.0/24
///     accept tcp to any port 443
/// ".parse()?;
/// let first = rules.in_order()?;
/// let matcher = StatelessMatcher::compile(first.rules(), &Config::new())?;
/// let key = FlowKey::new(Protocol::TCP, "10.0.0.1:4000".parse()?, "192.0.2.1:443".parse()?)?;
/// let decision = matcher.classify_key(&key);
/// assert_eq!(*decision.action, Action::Accept);
/// assert_eq!(first.origin(decision.rule.unwrap()).unwrap().index, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedRules<A = Action> {
    order: MatchOrder,
    /// As they were added.
    rules: RuleSet<A>,
    /// For each chain and rule its number, or whether it is quick (0) or not (1).
    ranks: Vec<Vec<u32>>,
}

/// What stands for a rule that is quick, and for one that is not.
pub(super) const QUICK: u32 = 0;
const NOT_QUICK: u32 = 1;

impl<A> OrderedRules<A> {
    /// No rules, of which the last that matches is to decide.
    pub fn last_match(default: A) -> Self {
        Self::new(MatchOrder::LastMatch, default)
    }

    /// No rules, of which the one with the lowest number is to decide.
    pub fn priority(default: A) -> Self {
        Self::new(MatchOrder::Priority, default)
    }

    pub(crate) fn new(order: MatchOrder, default: A) -> Self {
        Self { order, rules: RuleSet::new(default), ranks: Vec::from([Vec::new()]) }
    }

    /// Rules with the ranks that a text gives them.
    pub(crate) fn of(order: MatchOrder, rules: RuleSet<A>, ranks: Vec<Vec<u32>>) -> Self {
        Self { order, rules, ranks }
    }

    /// Adds a rule at the end of the base chain: not quick, or with number 0.
    pub fn push(&mut self, rule: Rule<A>) -> RuleId {
        self.push_to(ChainId::BASE, rule)
    }

    /// Adds a rule at the end of a chain: not quick, or with number 0. A chain that is not there means
    /// the base chain.
    pub fn push_to(&mut self, chain: ChainId, rule: Rule<A>) -> RuleId {
        let rank = match self.order {
            MatchOrder::LastMatch => NOT_QUICK,
            MatchOrder::Priority => 0,
        };
        self.push_ranked(chain, rank, rule)
    }

    /// Adds a rule that decides at once, if the last match decides otherwise.
    pub fn push_quick(&mut self, chain: ChainId, rule: Rule<A>) -> RuleId {
        self.push_ranked(chain, QUICK, rule)
    }

    /// Adds a rule with a number, if the lowest number decides. For [`MatchOrder::LastMatch`] the number
    /// 0 means quick.
    pub fn push_numbered(&mut self, chain: ChainId, number: u32, rule: Rule<A>) -> RuleId {
        self.push_ranked(chain, number, rule)
    }

    fn push_ranked(&mut self, chain: ChainId, rank: u32, rule: Rule<A>) -> RuleId {
        let id = self.rules.push_to(chain, rule);
        if let Some(ranks) = self.ranks.get_mut(id.chain.index()) {
            ranks.push(rank);
        }
        id
    }

    /// Adds an empty user chain.
    pub fn add_chain(&mut self, name: &str) -> ChainId {
        self.ranks.push(Vec::new());
        self.rules.add_chain(name)
    }

    /// Adds a named set, or puts it in the place of the one that has the name.
    pub fn add_set(&mut self, name: &str, set: impl Into<Set>) {
        self.rules.add_set(name, set);
    }

    /// Which of the rules that match decides.
    pub fn order(&self) -> MatchOrder {
        self.order
    }

    /// The rules as they were added, whatever their order.
    pub fn rules(&self) -> &RuleSet<A> {
        &self.rules
    }

    /// The number of a rule, if numbers count.
    pub fn number(&self, id: RuleId) -> Option<u32> {
        self.rank(id).filter(|_| self.order == MatchOrder::Priority)
    }

    /// Whether a rule decides at once.
    pub fn is_quick(&self, id: RuleId) -> bool {
        self.order == MatchOrder::LastMatch && self.rank(id) == Some(QUICK)
    }

    pub(super) fn rank(&self, id: RuleId) -> Option<u32> {
        self.ranks.get(id.chain.index())?.get(id.index as usize).copied()
    }
}
