//! What lookups in a forest will cost, estimated over packets at the boxes' own corners.

use alloc::vec::Vec;

use super::boxes::Boxes;
use super::forest::Forest;
use super::grow::Node;
use crate::simd::GRID_LINES;
use crate::tree::lookup::leaf::BLOCK_BOXES;
use crate::tree::lookup::words::WORDS;

/// The most packets that are tried; for fewer boxes, two a box.
const POINTS: usize = 500;

/// Nanoseconds, roughly, on a machine of 2023: a step through a node, a grid, a block of a leaf, the
/// start of a tree; a read that misses the second-level cache.
const NODE: f64 = 5.0;
const GRID: f64 = 4.0;
const BLOCK: f64 = 1.0;
const TREE: f64 = 6.0;
/// A node more than usual, and a leaf of more blocks.
const FARTHER: f64 = 10.0;
const LONGER: f64 = 40.0;
const MISS: f64 = 20.0;
/// For each time that the memory beyond twice the budget is the budget.
const EXCESS: f64 = 10.0;

/// Bytes of a block of a leaf, of a node without its children, of a child.
const BLOCK_BYTES: usize = 128;
const NODE_BYTES: usize = 64;
const CHILD_BYTES: usize = 4;

/// Packets to try, each a number for every word.
pub(super) struct Points {
    points: Vec<[u32; WORDS]>,
}

impl Points {
    /// Packets in boxes picked at random, always the same ones: each word at the first or the last
    /// number of its span, or in between.
    pub(super) fn new(boxes: &Boxes) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let points = (0..POINTS.min(2 * boxes.len())).map(|_| {
            let id = random.below(boxes.len() as u64) as usize;
            let word = |word: usize| {
                let (first, last) = boxes.span(word, id as u32);
                match random.below(4) {
                    0 => first,
                    1 => last,
                    _ => first + random.below(u64::from(last - first) + 1) as u32,
                }
            };
            core::array::from_fn(word)
        });
        Self { points: points.collect() }
    }

    /// The packets.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u32; WORDS]> {
        self.points.iter()
    }

    /// Nanoseconds a lookup, roughly.
    pub(super) fn price(&self, boxes: &Boxes, forest: &Forest, budget: usize) -> f64 {
        let bytes: usize = forest.trees.iter().map(|(node, _)| size(node)).sum();
        // In each tree the last read misses as far as the budget has no room, and the more there is
        // the further away it ends.
        let missing = 1.0 - (budget as f64 / bytes as f64).min(1.0);
        let farther = (bytes / budget.max(1)).max(1).ilog2();
        let miss = missing * MISS * (1.0 + 0.25 * f64::from(farther));
        let excess = (bytes as f64 / budget.max(1) as f64 - 2.0).max(0.0) * EXCESS;
        let usual: Vec<(u32, usize)> = forest
            .trees
            .iter()
            .map(|(tree, _)| (tree.usual_depth(), tree.usual_blocks() as usize))
            .collect();
        let steps = self.points.iter().map(|point| {
            let mut found = u32::MAX;
            let mut price = 0.0;
            for ((tree, first), usual) in forest.trees.iter().zip(&usual) {
                if *first > found {
                    break;
                }
                price += TREE + miss + walk(tree, *usual, boxes, point, &mut found);
            }
            price
        });
        excess + steps.sum::<f64>() / self.points.len() as f64
    }
}

fn size(node: &Node) -> usize {
    match node {
        Node::Leaf(ids) => BLOCK_BYTES * ids.len().div_ceil(BLOCK_BOXES),
        Node::Grid(_, cells, children) => {
            let children = children.iter().map(|(_, child)| size(child));
            128 * GRID_LINES + CHILD_BYTES * cells.len() + children.sum::<usize>()
        }
        Node::Cut(_, _, children) => {
            NODE_BYTES + children.iter().map(|child| CHILD_BYTES + size(child)).sum::<usize>()
        }
    }
}

/// The price of one tree whose lookups usually go through `depth` nodes and look at `blocks` blocks
/// of a leaf; lowers `found` to the entry found there.
fn walk(
    mut node: &Node,
    (depth, blocks): (u32, usize),
    boxes: &Boxes,
    point: &[u32; WORDS],
    found: &mut u32,
) -> f64 {
    let mut price = f64::from(depth) * NODE + blocks as f64 * BLOCK;
    let mut nodes = 0;
    loop {
        match node {
            Node::Grid(grid, cells, children) => {
                price += GRID;
                node = &children[cells[grid.cell(grid.parts(point))] as usize].1;
            }
            Node::Cut(word, ends, children) => {
                nodes += 1;
                if nodes > depth {
                    price += FARTHER;
                }
                let child = ends.partition_point(|end| *end < point[*word]);
                let Some(next) = children.get(child) else { return price };
                node = next;
            }
            Node::Leaf(ids) => {
                let holds = |id: &&u32| {
                    boxes.used().all(|word| {
                        let (first, last) = boxes.columns[word][**id as usize];
                        (first..=last).contains(&point[word])
                    })
                };
                if let Some(id) = ids.iter().find(holds) {
                    *found = (*found).min(boxes.entries[*id as usize]);
                }
                let all = ids.len().div_ceil(BLOCK_BOXES);
                return if all > blocks { price + LONGER + all as f64 * BLOCK } else { price };
            }
        }
    }
}

/// A small generator (xorshift64*): the same forest for the same rules, always.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) * bound) >> 32
    }
}
