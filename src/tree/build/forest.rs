//! Choosing the trees for a list of boxes: several ways are tried, and the one whose lookups are
//! estimated to be cheapest is kept.

use alloc::vec;
use alloc::vec::Vec;

use super::boxes::Boxes;
use super::estimate::Points;
use super::grow::{Grower, Habit, Node};
use crate::tree::lookup::image::MAX_TREES;
use crate::tree::lookup::leaf::LEAF_BOXES;
use crate::tree::lookup::words::SRC;

/// Trees that together hold every box of a list.
pub(super) struct Forest {
    /// Each tree with the entry of its first rule; ascending by that.
    pub(super) trees: Vec<(Node, u32)>,
}

impl Forest {
    /// The forest for these boxes that lookups are cheapest in, as far as `budget` bytes allow.
    pub(super) fn plant(boxes: &Boxes, budget: usize) -> Self {
        let all: Vec<u32> = (0..boxes.len() as u32).collect();
        if all.len() <= LEAF_BOXES {
            return Self::of(boxes, [(Node::Leaf(all.clone()), all)]);
        }
        let points = Points::new(boxes);
        // Copies and half-full leaves are for rule sets that leave room for them.
        let roomy = boxes.len() * ROOMY_BYTES <= budget;
        let ways = WAYS.iter().filter(|way| roomy || !way.lavish).map(|way| way.plant(boxes, &all));
        let priced = ways.map(|forest| (points.price(boxes, &forest, budget), forest));
        let best = priced.min_by(|(a, _), (b, _)| a.total_cmp(b));
        best.map_or_else(|| Self::of(boxes, []), |(_, forest)| forest)
    }

    fn of(boxes: &Boxes, trees: impl IntoIterator<Item = (Node, Vec<u32>)>) -> Self {
        let first = |ids: &[u32]| ids.first().map_or(u32::MAX, |id| boxes.entries[*id as usize]);
        let trees = trees.into_iter().filter(|(_, ids)| !ids.is_empty());
        let mut trees: Vec<_> = trees.map(|(node, ids)| (node, first(&ids))).collect();
        trees.sort_by_key(|(_, first)| *first);
        Self { trees }
    }
}

/// Bytes a box that the budget must have for lavish ways to be worth trying.
const ROOMY_BYTES: usize = 200;

/// A way to share boxes out among trees.
struct Way {
    /// Whether it takes several times the memory of the others.
    lavish: bool,
    /// Whether boxes are first grouped by which addresses they leave wide.
    group: bool,
    habit: Habit,
}

const fn way(
    lavish: bool,
    group: bool,
    table: bool,
    reach: f64,
    fill: usize,
    copies: usize,
) -> Way {
    Way { lavish, group, habit: Habit { reach, fill, copies, table } }
}

/// The ways that are tried: one tree with copies, wide boxes sent on, groups; some of them also with
/// wide nodes over half-full leaves, or with a table as root.
const WAYS: [Way; 9] = [
    way(true, false, false, 1.0, 13, 40),
    way(true, false, false, 1.0, 4, 40),
    way(true, false, false, 0.3, 4, 16),
    way(true, true, true, 1.0, 4, 8),
    way(true, false, true, 1.0, 4, 40),
    way(false, false, false, 0.3, 13, 16),
    way(false, false, true, 0.15, 13, 16),
    way(false, true, false, 1.0, 13, 8),
    way(false, true, true, 1.0, 13, 8),
];

impl Way {
    fn plant(&self, boxes: &Boxes, all: &[u32]) -> Forest {
        let mut trees = Vec::new();
        let mut rest = Vec::new();
        let groups = if self.group { groups(boxes, all) } else { vec![all.to_vec()] };
        for group in groups {
            rest.extend(self.tree(boxes, group, self.habit.reach, &mut trees));
        }
        while !rest.is_empty() {
            rest.sort_unstable();
            let last = trees.len() + 1 >= MAX_TREES || rest.len() < 4 * LEAF_BOXES;
            let reach = if last { 1.0 } else { self.habit.reach };
            let ids = core::mem::take(&mut rest);
            let before = ids.len();
            rest = self.tree(boxes, ids, reach, &mut trees);
            if rest.len() == before {
                rest = self.tree(boxes, rest, 1.0, &mut trees);
            }
        }
        Forest::of(boxes, trees)
    }

    /// Grows a tree of `ids` and returns those it sends on.
    fn tree(
        &self,
        boxes: &Boxes,
        ids: Vec<u32>,
        reach: f64,
        trees: &mut Vec<(Node, Vec<u32>)>,
    ) -> Vec<u32> {
        let mut grower = Grower::new(boxes, Habit { reach, ..self.habit });
        let mut node = grower.grow(ids.clone());
        let (rest, kept): (Vec<u32>, Vec<u32>) =
            ids.into_iter().partition(|id| grower.sent_on[*id as usize]);
        if !rest.is_empty() {
            // Grown again without them: boxes sent on late have left copies in other branches.
            node = Grower::new(boxes, Habit { reach: 1.0, ..self.habit }).grow(kept.clone());
        }
        if !kept.is_empty() {
            trees.push((node, kept));
        }
        rest
    }
}

/// The boxes that leave the source address wide, the destination, both, or neither.
fn groups(boxes: &Boxes, all: &[u32]) -> Vec<Vec<u32>> {
    let half = (boxes.columns.len() - SRC) / 2;
    let wide = |id: u32, word: usize| {
        let (first, last) = boxes.columns[word][id as usize];
        last - first >= 0xff
    };
    let mut groups = vec![Vec::new(); 4];
    for id in all {
        let group = usize::from(wide(*id, SRC)) + 2 * usize::from(wide(*id, SRC + half));
        groups[group].push(*id);
    }
    // A small group costs a tree of its own on every lookup.
    for i in 0..3 {
        if groups[i].len() < all.len() / 50 {
            let few = core::mem::take(&mut groups[i]);
            groups[3].extend(few);
        }
    }
    groups[3].sort_unstable();
    groups.retain(|group| !group.is_empty());
    groups
}
