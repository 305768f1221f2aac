use alloc::vec;
use alloc::vec::Vec;

use super::build_error::Kind;
use super::decision::MAX_DEPTH;
use super::interface::MAX_INTERFACES;
use super::{
    AnyOf, BuildError, Chain, ChainId, Criteria, Limit, Named, Rule, RuleId, RuleSet, Target,
};

/// The most rules of one chain.
pub(crate) const MAX_RULES: usize = (1 << 24) - 1;

impl<A> RuleSet<A> {
    /// Whether every jump leads to a chain of this rule set and none in a circle, and every limit
    /// that does not depend on a matcher's configuration is kept. Compiling checks this first.
    ///
    /// # Errors
    ///
    /// Names the first offending rule.
    ///
    /// # Complexity
    ///
    /// Linear in the number of rules.
    pub fn check(&self) -> Result<(), BuildError> {
        for (index, chain) in self.chains().iter().enumerate() {
            for (position, rule) in chain.rules().iter().enumerate() {
                let id = RuleId::new(ChainId(index as u32), position as u32);
                let fail = |kind| Err(BuildError::at(id, chain.name(), kind));
                if position >= MAX_RULES {
                    return fail(Kind::Limit(Limit::Rules { rules: MAX_RULES }));
                }
                if target_chain(&rule.target).is_some_and(|to| self.chain(to).is_none()) {
                    return fail(Kind::NoSuchChain);
                }
                if let Some(kind) = rule.criteria.unsound(self.named()) {
                    return fail(kind);
                }
            }
        }
        Depths::new(self).check_all()
    }

    /// Whether no rule asks for the packet's connection, which a stateless matcher does not know.
    pub(crate) fn check_untracked(&self) -> Result<(), BuildError> {
        for (chain, list) in self.chains().iter().enumerate() {
            let asks = |rule: &Rule<A>| rule.criteria.asks_connection();
            if let Some(index) = list.rules().iter().position(asks) {
                let id = RuleId::new(ChainId(chain as u32), index as u32);
                return Err(self.error_at(id, Kind::StateWithoutTracking));
            }
        }
        Ok(())
    }

    pub(crate) fn error_at(&self, id: RuleId, kind: Kind) -> BuildError {
        BuildError::at(id, self.chain(id.chain).map_or("", Chain::name), kind)
    }
}

impl Criteria {
    /// What is wrong with them, if anything, in a rule set with these interfaces and sets.
    pub(crate) fn unsound(&self, named: Named<'_>) -> Option<Kind> {
        let interfaces = named.interfaces;
        let numbered = |names: &AnyOf<_>| interfaces.number_all(names.items());
        let names = Limit::Interfaces { names: MAX_INTERFACES };
        let faults = [
            (self.predicate.items().iter().any(|number| *number > 63), Kind::PredicateNumber),
            (self.dscp.items().iter().any(|span| span.last() > 63), Kind::DscpNumber),
            (self.vlan.items().iter().any(|span| span.last() > 4095), Kind::VlanNumber),
            (!numbered(&self.in_interface), Kind::Limit(names)),
            (!numbered(&self.out_interface), Kind::Limit(names)),
        ];
        let fault = faults.into_iter().find(|(is_so, _)| *is_so).map(|(_, kind)| kind);
        fault.or_else(|| self.unsound_sets(named))
    }

    fn unsound_sets(&self, named: Named<'_>) -> Option<Kind> {
        let parts = self.sets.iter().flat_map(|sets| sets.parts());
        let mut names =
            parts.flat_map(|(part, asked)| asked.items().iter().map(move |name| (part, name)));
        names.find_map(|(part, name)| match named.sets.named(name.as_str()) {
            None => Some(Kind::NoSuchSet),
            Some(set) if set.kind() != part.kind() => {
                Some(Kind::OtherSet { is: set.kind(), asked: part.kind() })
            }
            Some(_) => None,
        })
    }
}

fn target_chain<A>(target: &Target<A>) -> Option<ChainId> {
    match target {
        Target::Jump(chain) | Target::Goto(chain) => Some(*chain),
        _ => None,
    }
}

/// How many jumps lead down from each chain, found depth first without recursion: rule sets may
/// have tens of thousands of chains.
struct Depths<'r, A> {
    rules: &'r RuleSet<A>,
    depth: Vec<Depth>,
}

#[derive(Clone, Copy)]
enum Depth {
    Unknown,
    /// Its rules are being gone through: a jump here closes a cycle.
    Open,
    Below(usize),
}

impl<'r, A> Depths<'r, A> {
    fn new(rules: &'r RuleSet<A>) -> Self {
        Self { rules, depth: vec![Depth::Unknown; rules.chains().len()] }
    }

    fn check_all(mut self) -> Result<(), BuildError> {
        for index in 0..self.depth.len() {
            self.visit(ChainId(index as u32))?;
        }
        Ok(())
    }

    fn visit(&mut self, root: ChainId) -> Result<(), BuildError> {
        if let Depth::Below(_) = self.depth[root.index()] {
            return Ok(());
        }
        // Chains entered and not yet left: the next rule to look at, the jumps found below so far.
        let mut path = vec![(RuleId::new(root, 0), 0)];
        self.depth[root.index()] = Depth::Open;
        while let Some((id, below)) = path.last_mut() {
            let Some(rule) = self.rules.rule(*id) else {
                let done = *below;
                self.depth[id.chain.index()] = Depth::Below(done);
                path.pop();
                continue;
            };
            let Some(to) = target_chain(&rule.target) else {
                id.index += 1;
                continue;
            };
            match self.depth[to.index()] {
                Depth::Open => return Err(self.rules.error_at(*id, Kind::Cycle)),
                Depth::Below(jumps) => {
                    *below = (*below).max(jumps + 1);
                    if *below > MAX_DEPTH {
                        let limit = Limit::Depth { jumps: MAX_DEPTH };
                        return Err(self.rules.error_at(*id, Kind::Limit(limit)));
                    }
                    id.index += 1;
                }
                Depth::Unknown => {
                    self.depth[to.index()] = Depth::Open;
                    path.push((RuleId::new(to, 0), 0));
                }
            }
        }
        Ok(())
    }
}
