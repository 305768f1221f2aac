//! What lookups in a forest will cost, estimated over packets at the boxes' own corners.

use alloc::vec::Vec;

use super::boxes::Boxes;
use super::cut::MAX_CHILDREN;
use super::forest::Forest;
use super::grow::Node;
use crate::tree::lookup::image::TABLE_SHIFT;
use crate::tree::lookup::leaf::LEAF_BOXES;

/// The most packets that are tried; for fewer boxes, two a box.
const POINTS: usize = 500;

/// Nanoseconds, roughly, on a machine of 2023: a step through a node, a table, a leaf, the start of
/// a tree; a read that misses the second-level cache.
const NODE: f64 = 8.0;
const TABLE: f64 = 6.0;
const LEAF: f64 = 14.0;
const TREE: f64 = 6.0;
const MISS: f64 = 20.0;

/// Bytes of a leaf, of a node and of a table without their children, of a child.
const LEAF_BYTES: usize = 576;
const NODE_BYTES: usize = 64;
const TABLE_BYTES: usize = 4 << (16 - TABLE_SHIFT);
const CHILD_BYTES: usize = 4;

/// Packets to try, each a number for every word.
pub(super) struct Points {
    points: Vec<Vec<u16>>,
}

impl Points {
    /// Packets in boxes picked at random, always the same ones: each word at the first or the last
    /// number of its span, or in between.
    pub(super) fn new(boxes: &Boxes) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let points = (0..POINTS.min(2 * boxes.len())).map(|_| {
            let id = random.below(boxes.len() as u64) as usize;
            let word = |column: &Vec<(u16, u16)>| {
                let (first, last) = column[id];
                match random.below(4) {
                    0 => first,
                    1 => last,
                    _ => first + random.below(u64::from(last - first) + 1) as u16,
                }
            };
            boxes.columns.iter().map(word).collect()
        });
        Self { points: points.collect() }
    }

    /// Nanoseconds a lookup, roughly.
    pub(super) fn price(&self, boxes: &Boxes, forest: &Forest, budget: usize) -> f64 {
        let bytes: usize = forest.trees.iter().map(|(node, _)| size(node)).sum();
        // The upper levels stay cached; of the last two reads in each tree, those miss that the
        // budget has no room for, and the more there are the further away they end.
        let missing = 1.0 - (budget as f64 / bytes as f64).min(1.0);
        let farther = (bytes / budget.max(1)).max(1).ilog2();
        let miss = 2.0 * missing * MISS * (1.0 + 0.75 * f64::from(farther));
        let steps = self.points.iter().map(|point| {
            let mut found = u32::MAX;
            let mut price = 0.0;
            for (tree, first) in &forest.trees {
                if *first > found {
                    break;
                }
                price += TREE + miss + walk(tree, boxes, point, &mut found);
            }
            price
        });
        steps.sum::<f64>() / self.points.len() as f64
    }
}

fn size(node: &Node) -> usize {
    match node {
        Node::Leaf(ids) => LEAF_BYTES * ids.len().div_ceil(LEAF_BOXES),
        Node::Cut(_, _, children) => {
            let own = if children.len() > MAX_CHILDREN { TABLE_BYTES } else { NODE_BYTES };
            own + children.iter().map(|child| CHILD_BYTES + size(child)).sum::<usize>()
        }
    }
}

/// The price of one tree; lowers `found` to the entry found there.
fn walk(mut node: &Node, boxes: &Boxes, point: &[u16], found: &mut u32) -> f64 {
    let mut price = 0.0;
    loop {
        match node {
            Node::Cut(word, ends, children) => {
                price += if children.len() > MAX_CHILDREN { TABLE } else { NODE };
                let child = ends.partition_point(|end| *end < point[*word]);
                let Some(next) = children.get(child) else { return price };
                node = next;
            }
            Node::Leaf(ids) => {
                let holds = |id: &u32| {
                    boxes.used().all(|word| {
                        let (first, last) = boxes.columns[word][*id as usize];
                        (first..=last).contains(&point[word])
                    })
                };
                let place = ids.iter().position(holds);
                if let Some(place) = place {
                    *found = (*found).min(boxes.entries[ids[place] as usize]);
                }
                let looked_at = place.unwrap_or(ids.len().saturating_sub(1));
                return price + LEAF * (looked_at / LEAF_BOXES + 1) as f64;
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
