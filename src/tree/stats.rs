//! Counting what an image consists of.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;

use super::lookup::find::{ROOT_WORDS, Root, is_leaf};
use super::lookup::image::{Image, NODE_BYTES, NOTHING};
use super::lookup::leaf;

/// What a compiled rule set consists of, all chains and both families together.
///
/// # Examples
///
/// ```
/// use portcullis::{Config, RuleSet, StatelessMatcher};
///
/// let rules: RuleSet = "accept ipv4 tcp to any port 22\ndrop ipv4 from 192.0.2.0/24".parse()?;
/// let stats = StatelessMatcher::compile(&rules, &Config::new())?.stats();
/// assert_eq!((stats.trees, stats.nodes, stats.leaves, stats.rules), (1, 0, 1, 2));
/// println!("{stats}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Trees that hold at least one rule.
    pub trees: usize,
    /// Nodes: each sends a lookup on to one of its children.
    pub nodes: usize,
    /// Leaves: lists of rules, four of them tested at once. One that several ways lead to counts once.
    pub leaves: usize,
    /// The most nodes on the way to a leaf.
    pub depth: usize,
    /// Rules that some leaf holds; one that packets of both families can match counts twice.
    pub rules: usize,
    /// Places in leaves that these rules take.
    pub places: usize,
    /// The most nodes, and blocks of four rules in leaves, that finding a first match in one chain
    /// visits.
    pub worst_lookup: usize,
    /// Bytes of the compiled form.
    pub bytes: usize,
}

impl Stats {
    /// Places in leaves that a rule takes on average; 0 without rules.
    pub fn copies_per_rule(&self) -> f64 {
        self.places as f64 / self.rules.max(1) as f64
    }

    pub(super) fn of(image: Image<'_>, bytes: usize) -> Self {
        let mut stats = Self { bytes, ..Self::default() };
        for chain in 0..image.chains() {
            let [v4, v6, ..] = image.chain(chain);
            for forest in [v4, v6] {
                let mut walk = Walk { image, stats, ways: BTreeMap::new(), rules: BTreeSet::new() };
                let visits = walk.forest(forest as usize / 4);
                stats = walk.stats;
                stats.rules += walk.rules.len();
                stats.worst_lookup = stats.worst_lookup.max(visits);
            }
        }
        stats
    }
}

/// A line for each figure, `name: value`.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trees, nodes, leaves, depth, rules, places, worst_lookup, bytes } = self;
        writeln!(f, "trees: {trees}\nnodes: {nodes}\nleaves: {leaves}\ndepth: {depth}")?;
        writeln!(f, "rules_in_leaves: {rules}\nplaces_in_leaves: {places}")?;
        writeln!(f, "copies_per_rule: {:.2}", self.copies_per_rule())?;
        write!(f, "worst_lookup: {worst_lookup}\nbytes: {bytes}")
    }
}

/// Goes through the trees of one chain and family.
struct Walk<'a> {
    image: Image<'a>,
    stats: Stats,
    /// For each node and leaf the most nodes and blocks from there on.
    ways: BTreeMap<u32, usize>,
    rules: BTreeSet<u32>,
}

impl Walk<'_> {
    /// The most nodes and blocks of leaves that a lookup visits in all trees.
    fn forest(&mut self, at: usize) -> usize {
        let count = self.image.word(at) as usize;
        (0..count).map(|tree| self.tree(at.saturating_add(1 + ROOT_WORDS * tree))).sum()
    }

    fn tree(&mut self, at: usize) -> usize {
        let root = Root::read(self.image, at);
        self.stats.trees += usize::from(root.first != NOTHING);
        let Some(cells) = root.all_cells() else { return self.below(root.reference, 0) };
        self.stats.nodes += 1;
        1 + cells.map(|at| self.below(self.image.word(at as usize), 1)).max().unwrap_or(0)
    }

    /// The most nodes and blocks of leaves from here on; `depth` nodes lead here.
    fn below(&mut self, reference: u32, depth: usize) -> usize {
        if let Some(way) = self.ways.get(&reference) {
            return *way;
        }
        // Also ends the walk in bytes that are no tree.
        self.ways.insert(reference, 0);
        self.stats.depth = self.stats.depth.max(depth);
        let way = match is_leaf(reference) {
            true => self.leaf(reference),
            false => self.node(reference, depth + 1),
        };
        self.ways.insert(reference, way);
        way
    }

    fn node(&mut self, reference: u32, depth: usize) -> usize {
        let Some(node) = self.image.window::<NODE_BYTES>(reference) else { return 0 };
        self.stats.nodes += 1;
        let (thresholds, children) = node.split_first_chunk::<64>().unwrap_or((&[0; 64], &[]));
        let cuts = thresholds.as_chunks::<4>().0.iter().take_while(|end| **end != [0xff; 4]);
        let children = children.as_chunks::<4>().0.iter().take(1 + cuts.count());
        let references = children.map(|child| u32::from_le_bytes(*child));
        1 + references.map(|child| self.below(child, depth)).max().unwrap_or(0)
    }

    fn leaf(&mut self, reference: u32) -> usize {
        self.stats.leaves += 1;
        let before = self.stats.places;
        leaf::each_entry(self.image, reference, |entry| {
            self.stats.places += 1;
            self.rules.insert(entry >> 8);
        });
        (self.stats.places - before).div_ceil(leaf::BLOCK_BOXES).max(1)
    }
}
