use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::rule::{ChainId, Kind, Limit, MAX_DEPTH, Rule, RuleSet, Target};

/// Which chains lead to which, so that a rule that jumps can be checked without looking at all others.
#[derive(Clone, Debug)]
pub(super) struct Jumps {
    /// For each chain those that it leads to, and how many rules do.
    down: Vec<BTreeMap<u32, usize>>,
    up: Vec<BTreeMap<u32, usize>>,
}

impl Jumps {
    pub(super) fn of<A>(rules: &RuleSet<A>) -> Self {
        let mut jumps = Self { down: Vec::new(), up: Vec::new() };
        rules.chains().iter().for_each(|_| jumps.add_chain());
        for (chain, from) in rules.chains().iter().zip(0..) {
            for rule in chain.rules() {
                jumps.add(ChainId(from), rule);
            }
        }
        jumps
    }

    pub(super) fn add_chain(&mut self) {
        self.down.push(BTreeMap::new());
        self.up.push(BTreeMap::new());
    }

    pub(super) fn add<A>(&mut self, from: ChainId, rule: &Rule<A>) {
        self.change(from, rule, |count| *count += 1);
    }

    pub(super) fn remove<A>(&mut self, from: ChainId, rule: &Rule<A>) {
        self.change(from, rule, |count| *count = count.saturating_sub(1));
    }

    /// What is wrong with a rule that is to be in the chain `from`, if anything.
    pub(super) fn fault<A>(&self, from: ChainId, rule: &Rule<A>) -> Option<Kind> {
        let to = target_chain(rule)?;
        if to.index() >= self.down.len() {
            return Some(Kind::NoSuchChain);
        }
        if reached(&self.down, to.0).contains(&from.0) {
            return Some(Kind::Cycle);
        }
        let jumps = longest(&self.up, from.0) + 1 + longest(&self.down, to.0);
        (jumps > MAX_DEPTH).then_some(Kind::Limit(Limit::Depth { jumps: MAX_DEPTH }))
    }

    fn change<A>(&mut self, from: ChainId, rule: &Rule<A>, change: impl Fn(&mut usize)) {
        let Some(to) = target_chain(rule) else { return };
        for (edges, a, b) in [(&mut self.down, from, to), (&mut self.up, to, from)] {
            let Some(edges) = edges.get_mut(a.index()) else { continue };
            change(edges.entry(b.0).or_default());
            edges.retain(|_, count| *count > 0);
        }
    }
}

fn target_chain<A>(rule: &Rule<A>) -> Option<ChainId> {
    match &rule.target {
        Target::Jump(chain) | Target::Goto(chain) => Some(*chain),
        _ => None,
    }
}

/// The chains that can be reached, the first one included.
fn reached(edges: &[BTreeMap<u32, usize>], first: u32) -> BTreeSet<u32> {
    let mut reached = BTreeSet::from([first]);
    let mut open = Vec::from([first]);
    while let Some(chain) = open.pop() {
        let next = edges.get(chain as usize).into_iter().flat_map(BTreeMap::keys);
        open.extend(next.filter(|chain| reached.insert(**chain)));
    }
    reached
}

/// The most jumps on a way from a chain. There are no circles: each round goes one jump further.
fn longest(edges: &[BTreeMap<u32, usize>], first: u32) -> usize {
    let mut level = BTreeSet::from([first]);
    let mut jumps = 0;
    loop {
        let next = level.iter().filter_map(|chain| edges.get(*chain as usize));
        let next: BTreeSet<u32> = next.flat_map(BTreeMap::keys).copied().collect();
        if next.is_empty() || jumps > MAX_DEPTH {
            return jumps;
        }
        level = next;
        jumps += 1;
    }
}
