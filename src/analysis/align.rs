//! Which rules two rule sets have in common, in the same order. Packets that none of the other rules
//! could match go the same ways through both.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::rule::{Chain, ChainId, Rule, RuleId, RuleSet, Target};

/// How many rules ahead, in both chains together, it is looked for the next one that both have.
const AHEAD: usize = 64;

/// How the rules of two rule sets go together.
#[derive(Debug, Default)]
pub(super) struct Alignment {
    /// The rules of each that the other one does not have, or not in the same order.
    pub(super) changed: [Vec<RuleId>; 2],
    /// The rules of the first that are those of the second.
    pub(super) same: BTreeMap<RuleId, RuleId>,
}

/// Compares two rule sets chain by chain.
pub(super) fn align<A: PartialEq>(a: &RuleSet<A>, b: &RuleSet<A>) -> Alignment {
    let names = [Names::new(a), Names::new(b)];
    let mut alignment = Alignment::default();
    for (name, chain) in &names[0].chains {
        match names[1].chains.get(name) {
            Some(other) => {
                let chains = [(a, *chain), (b, *other)];
                Pair { chains, names: [&names[0], &names[1]] }.compare(&mut alignment);
            }
            None => alignment.changed[0].extend(all(a, *chain)),
        }
    }
    let alone = names[1].chains.iter().filter(|(name, _)| !names[0].chains.contains_key(*name));
    alignment.changed[1].extend(alone.flat_map(|(_, chain)| all(b, *chain)));
    alignment
}

/// A chain's name, and how many of that name come before.
type Name<'r> = (&'r str, usize);

/// The chains of a rule set by name, and the names by chain.
struct Names<'r> {
    chains: BTreeMap<Name<'r>, ChainId>,
    of: Vec<Name<'r>>,
}

impl<'r> Names<'r> {
    fn new<A>(rules: &'r RuleSet<A>) -> Self {
        let mut counts = BTreeMap::new();
        let name = |chain: &'r Chain<A>| {
            let count = counts.entry(chain.name()).or_insert(0);
            *count += 1;
            (chain.name(), *count)
        };
        let of: Vec<Name<'r>> = rules.chains().iter().map(name).collect();
        let chains = of.iter().enumerate().map(|(i, name)| (*name, ChainId(i as u32))).collect();
        Self { chains, of }
    }
}

fn all<A>(rules: &RuleSet<A>, chain: ChainId) -> impl Iterator<Item = RuleId> {
    let count = rules.chain(chain).map_or(0, |chain| chain.rules().len());
    (0..count).map(move |index| RuleId::new(chain, index as u32))
}

/// Two chains that stand for each other.
struct Pair<'p, 'r, A> {
    chains: [(&'r RuleSet<A>, ChainId); 2],
    names: [&'p Names<'r>; 2],
}

impl<A: PartialEq> Pair<'_, '_, A> {
    /// Goes through both chains. That as many rules as possible go together does not matter.
    fn compare(&self, alignment: &mut Alignment) {
        let [a, b] =
            self.chains.map(|(rules, chain)| rules.chain(chain).map_or(&[][..], Chain::rules));
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            let (skip_a, skip_b) = self.skips(&a[i..], &b[j..]);
            let id = |side: usize, at: usize| RuleId::new(self.chains[side].1, at as u32);
            alignment.changed[0].extend((i..i + skip_a).map(|at| id(0, at)));
            alignment.changed[1].extend((j..j + skip_b).map(|at| id(1, at)));
            (i, j) = (i + skip_a, j + skip_b);
            if i < a.len() && j < b.len() && self.are_equal(&a[i], &b[j]) {
                alignment.same.insert(id(0, i), id(1, j));
                (i, j) = (i + 1, j + 1);
            }
        }
    }

    /// How many rules of each to leave out before the next one that both have; if there is none
    /// nearby, one of each.
    fn skips(&self, a: &[Rule<A>], b: &[Rule<A>]) -> (usize, usize) {
        for both in 0..AHEAD {
            let fits = |skip: &usize| {
                let (a, b) = (a.get(*skip), b.get(both - skip));
                a.zip(b).is_some_and(|(a, b)| self.are_equal(a, b))
            };
            if let Some(skip) = (0..=both).find(fits) {
                return (skip, both - skip);
            }
        }
        (a.len().min(1), b.len().min(1))
    }

    /// Whether two rules say the same, chains being the same if they have the same name.
    fn are_equal(&self, a: &Rule<A>, b: &Rule<A>) -> bool {
        let name = |side: usize, chain: &ChainId| self.names[side].of.get(chain.index());
        let targets = match (&a.target, &b.target) {
            (Target::Jump(a), Target::Jump(b)) | (Target::Goto(a), Target::Goto(b)) => {
                name(0, a) == name(1, b)
            }
            (a, b) => a == b,
        };
        targets && a.criteria == b.criteria
    }
}
