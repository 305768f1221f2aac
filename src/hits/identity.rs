use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::rule::{ChainId, Rule, RuleId, RuleSet, Target};

/// The rules of a rule set by what stays the same when others come and go.
pub(super) struct Identities<'r, A> {
    rules: &'r RuleSet<A>,
    /// By the name of the chain and the criteria as text, rules that have not gone to another one
    /// yet, in their order.
    left: BTreeMap<(&'r str, String), Vec<RuleId>>,
}

impl<'r, A: PartialEq> Identities<'r, A> {
    /// Each rule of `from` that is still there, and what it is in `to`.
    ///
    /// # Complexity
    ///
    /// Linear times logarithmic in the number of rules; quadratic in those of a chain that have the
    /// same criteria.
    pub(super) fn pairs(from: &'r RuleSet<A>, to: &'r RuleSet<A>) -> Vec<(RuleId, RuleId)> {
        let mut identities = Self { rules: from, left: BTreeMap::new() };
        for (id, name, rule) in each(from) {
            let key = (name, rule.criteria.to_string());
            identities.left.entry(key).or_default().push(id);
        }
        let pair = |(id, name, rule): (RuleId, &'r str, &'r Rule<A>)| {
            Some((identities.take(name, rule, to)?, id))
        };
        each(to).filter_map(pair).collect()
    }

    /// The first rule left that is the same as `rule` of `others`.
    fn take(&mut self, name: &'r str, rule: &Rule<A>, others: &RuleSet<A>) -> Option<RuleId> {
        let left = self.left.get_mut(&(name, rule.criteria.to_string()))?;
        let is_same = |id: &RuleId| {
            let own = self.rules.rule(*id);
            own.is_some_and(|own| same_target((self.rules, &own.target), (others, &rule.target)))
        };
        let at = left.iter().position(is_same)?;
        Some(left.remove(at))
    }
}

fn each<A>(rules: &RuleSet<A>) -> impl Iterator<Item = (RuleId, &str, &Rule<A>)> {
    let chains = (0..).map(ChainId).zip(rules.chains());
    chains.flat_map(|(id, chain)| {
        let rules = (0..).zip(chain.rules());
        rules.map(move |(index, rule)| (RuleId::new(id, index), chain.name(), rule))
    })
}

/// Whether two targets are the same; chains are if they have the same name.
fn same_target<A: PartialEq>(a: (&RuleSet<A>, &Target<A>), b: (&RuleSet<A>, &Target<A>)) -> bool {
    let name = |rules: &RuleSet<A>, chain: ChainId| {
        rules.chain(chain).map_or_else(String::new, |chain| chain.name().into())
    };
    match (a.1, b.1) {
        (Target::Jump(x), Target::Jump(y)) | (Target::Goto(x), Target::Goto(y)) => {
            name(a.0, *x) == name(b.0, *y)
        }
        (x, y) => x == y,
    }
}
