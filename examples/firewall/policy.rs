//! One rule file, three rule sets: as it is, for the stateful matcher; without what only a
//! connection tracker knows; and the latter with a rule that lets replies in.

use portcullis::rule::AnyOf;
use portcullis::{ChainId, ConnState, Rule, RuleId, RuleSet};

/// A rule set, and which rule of the file each of its rules comes from.
pub(crate) struct Derived {
    pub(crate) rules: RuleSet,
    origins: Vec<Vec<Decider>>,
}

/// What decided on a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Decider {
    /// This rule of the file.
    Rule(RuleId),
    /// The rule that was added to let replies in.
    Added,
    /// The default, because no rule matched.
    Default,
    /// No rule was asked: the packet belongs to a known connection.
    Connection,
}

/// What deriving the stateless rules did to the rules of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Rules left out: no packet that is judged alone can match them.
    pub(crate) left_out: Vec<RuleId>,
    /// Rules whose connection state was taken off.
    pub(crate) relaxed: Vec<RuleId>,
}

impl Derived {
    /// The rules without connection states.
    ///
    /// A packet judged alone looks like the first of its connection. So a rule for new connections
    /// stays and loses its `state`; a rule that asks for another state is left out.
    pub(crate) fn stateless(file: &RuleSet) -> (Self, Changes) {
        let mut changes = Changes::default();
        let derived = Self::build(file, |id, mut rule| {
            let state = std::mem::replace(&mut rule.criteria.state, AnyOf::any());
            if state.is_any() {
                return Some(rule);
            }
            let for_new = state.holds(Some(ConnState::New));
            if for_new { &mut changes.relaxed } else { &mut changes.left_out }.push(id);
            for_new.then_some(rule)
        });
        (derived, changes)
    }

    /// The same rules and one more, in front of the final rules that match every packet.
    pub(crate) fn with(&self, added: &Rule) -> Self {
        let base = self.rules.chains().first().map_or(&[][..], |chain| chain.rules());
        let matches_all = |rule: &&Rule| rule.criteria == Default::default();
        let place = base.len() - base.iter().rev().take_while(matches_all).count();
        let mut derived = Self::empty(&self.rules);
        for (id, rule) in all(&self.rules) {
            if id == RuleId::new(ChainId::BASE, place as u32) {
                derived.push(ChainId::BASE, added.clone(), Decider::Added);
            }
            derived.push(id.chain, rule.clone(), self.origin(id));
        }
        if place == base.len() {
            derived.push(ChainId::BASE, added.clone(), Decider::Added);
        }
        derived
    }

    /// The rule of the file that the rule `id` comes from.
    pub(crate) fn origin(&self, id: RuleId) -> Decider {
        let origins = self.origins.get(id.chain.index());
        *origins.and_then(|origins| origins.get(id.index as usize)).unwrap_or(&Decider::Default)
    }

    /// Whether it has the rule.
    pub(crate) fn has(&self, by: Decider) -> bool {
        self.origins.iter().flatten().any(|origin| *origin == by)
    }

    fn build(file: &RuleSet, mut keep: impl FnMut(RuleId, Rule) -> Option<Rule>) -> Self {
        let mut derived = Self::empty(file);
        for (id, rule) in all(file) {
            if let Some(rule) = keep(id, rule.clone()) {
                derived.push(id.chain, rule, Decider::Rule(id));
            }
        }
        derived
    }

    /// The chains and the default action of `file`, without its rules.
    fn empty(file: &RuleSet) -> Self {
        let mut rules = RuleSet::new(*file.default_action());
        for chain in file.chains().iter().skip(1) {
            rules.add_chain(chain.name());
        }
        Self { rules, origins: vec![Vec::new(); file.chains().len()] }
    }

    fn push(&mut self, chain: ChainId, rule: Rule, origin: Decider) {
        self.rules.push_to(chain, rule);
        self.origins[chain.index()].push(origin);
    }
}

/// The same rules without their comments.
pub(crate) fn without_comments(rules: &RuleSet) -> RuleSet {
    let derived = Derived::build(rules, |_, mut rule| {
        rule.comment = None;
        Some(rule)
    });
    derived.rules
}

/// Every rule of every chain.
pub(crate) fn all(rules: &RuleSet) -> impl Iterator<Item = (RuleId, &Rule)> {
    let ids = rules.chains().iter().map(|chain| rules.chain_named(chain.name()));
    ids.zip(rules.chains()).flat_map(|(chain, rules)| {
        let chain = chain.unwrap_or(ChainId::BASE);
        let numbered = rules.rules().iter().enumerate();
        numbered.map(move |(index, rule)| (RuleId::new(chain, index as u32), rule))
    })
}
