//! Choosing the trees for a list of boxes: several ways are tried, and the one whose lookups are
//! estimated to be cheapest is kept.

use alloc::vec;
use alloc::vec::Vec;

use super::boxes::Boxes;
use super::estimate::Points;
use super::grow::{Copies, Grower, Habit, Node};
use crate::tree::lookup::image::MAX_TREES;
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
        if all.len() <= FEW {
            return Self::of(boxes, [(Node::Leaf(all.clone()), all)]);
        }
        let points = Points::new(boxes);
        let ways = WAYS.iter().filter(|way| boxes.len() <= way.most);
        let ways = ways.filter_map(|way| way.plant(boxes, &points, &all, budget));
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

/// So many boxes need no tree.
const FEW: usize = 16;

/// A way to share boxes out among trees.
struct Way {
    groups: Groups,
    habit: Habit,
    /// It is tried for so many boxes at most.
    most: usize,
}

/// Which boxes have a tree of their own: by which addresses they leave wide.
#[derive(Clone, Copy, PartialEq)]
enum Groups {
    All,
    /// Those that leave the address wide that more boxes do, and the rest.
    ByWider,
    /// Those that leave the source wide, the destination, both, or neither.
    ByBoth,
}

const fn way(groups: Groups, cells: f64, reach: f64, copies: Copies, most: usize) -> Way {
    let (fill, leaf) = if matches!(copies, Copies::Budget) { (8, 12) } else { (14, 16) };
    Way { groups, habit: Habit { reach, fill, leaf, cells, copies }, most }
}

/// The ways that are tried. The last but one is always there.
const WAYS: [Way; 6] = [
    way(Groups::All, 16.0, 1.0, Copies::Budget, MOST_FOR_GRIDS),
    way(Groups::ByWider, 0.5, 1.0, Copies::Each(8), MOST_FOR_GRIDS),
    way(Groups::ByBoth, 0.2, 1.0, Copies::Each(8), MOST_FOR_GRIDS),
    way(Groups::ByWider, 0.0, 1.0, Copies::Each(8), MOST_TO_TRY_ALL),
    way(Groups::ByBoth, 0.0, 1.0, Copies::Each(8), usize::MAX),
    way(Groups::All, 0.5, 0.3, Copies::Each(16), MOST_TO_TRY_ALL),
];

/// More boxes than that are given no grids, which take long to choose and much memory.
const MOST_FOR_GRIDS: usize = 30_000;

/// For more boxes than that some ways are left out: one that has never been the best for so many,
/// and the one that sends boxes from tree to tree, which grows each twice.
const MOST_TO_TRY_ALL: usize = 3_000;

impl Way {
    /// The forest, or `None` if it would take more than the budget has and there is another way.
    fn plant(&self, boxes: &Boxes, points: &Points, all: &[u32], budget: usize) -> Option<Forest> {
        let mut planter = Planter { boxes, points, habit: self.habit, budget, trees: Vec::new() };
        let mut rest = Vec::new();
        for group in groups(boxes, all, self.groups) {
            rest.extend(planter.tree(group, self.habit.reach)?);
        }
        while !rest.is_empty() {
            rest.sort_unstable();
            let last = planter.trees.len() + 1 >= MAX_TREES || rest.len() < 4 * FEW;
            let reach = if last { 1.0 } else { self.habit.reach };
            let ids = core::mem::take(&mut rest);
            let before = ids.len();
            rest = planter.tree(ids, reach)?;
            if rest.len() == before {
                rest = planter.tree(rest, 1.0)?;
            }
        }
        Some(Forest::of(boxes, planter.trees))
    }
}

/// Plants the trees of a forest.
struct Planter<'b> {
    boxes: &'b Boxes,
    points: &'b Points,
    habit: Habit,
    budget: usize,
    /// The trees with their boxes.
    trees: Vec<(Node, Vec<u32>)>,
}

impl Planter<'_> {
    /// Grows a tree of `ids` and returns those it sends on.
    fn tree(&mut self, ids: Vec<u32>, reach: f64) -> Option<Vec<u32>> {
        let (mut node, sent_on) = self.grow(ids.clone(), reach)?;
        let (rest, kept): (Vec<u32>, Vec<u32>) =
            ids.into_iter().partition(|id| sent_on[*id as usize]);
        if !rest.is_empty() {
            // Grown again without them: boxes sent on late have left copies in other branches.
            (node, _) = self.grow(kept.clone(), 1.0)?;
        }
        if !kept.is_empty() {
            self.trees.push((node, kept));
        }
        Some(rest)
    }

    fn grow(&self, ids: Vec<u32>, reach: f64) -> Option<(Node, Vec<bool>)> {
        let habit = Habit { reach, ..self.habit };
        let mut grower = Grower::new(self.boxes, self.points, habit, self.budget);
        let node = grower.grow(ids)?;
        Some((node, grower.sent_on))
    }
}

/// The groups that are not empty.
fn groups(boxes: &Boxes, all: &[u32], by: Groups) -> Vec<Vec<u32>> {
    let wide = |id: u32, word: usize| {
        let (first, last) = boxes.span(word, id);
        last - first >= 0xff_ffff
    };
    let mut groups = vec![Vec::new(); 4];
    let [of_src, of_dst] =
        [SRC, boxes.dst].map(|word| all.iter().filter(|id| wide(**id, word)).count());
    let by_src = by == Groups::ByBoth || (by == Groups::ByWider && of_src >= of_dst);
    let by_dst = by == Groups::ByBoth || (by == Groups::ByWider && of_src < of_dst);
    for id in all {
        let [src, dst] =
            [by_src && wide(*id, SRC), by_dst && wide(*id, boxes.dst)].map(usize::from);
        groups[src + 2 * dst].push(*id);
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
