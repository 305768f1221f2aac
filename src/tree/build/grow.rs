//! Growing one tree from a list of boxes.

use alloc::vec::Vec;

use super::boxes::{ANY, Boxes, Span};
use super::cut::{Cut, Cutter, Kind, MAX_CHILDREN};
use crate::tree::lookup::image::TABLE_SHIFT;
use crate::tree::lookup::leaf::LEAF_BOXES;

/// The most cuts on the way to a leaf.
const MAX_DEPTH: usize = 24;

/// Lists longer than this are not searched for boxes that others hide in part of the region.
const SMALL: usize = 64;

/// A tree that has not been written yet.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// These boxes, in rule order.
    Leaf(Vec<u32>),
    /// The word that is cut, the last number of each child but the last, the children. A root may
    /// have more of them than [`MAX_CHILDREN`], which then lie at multiples of 2 to the power [`TABLE_SHIFT`].
    Cut(usize, Vec<u16>, Vec<Node>),
}

impl Node {
    /// How many nodes it takes to reach the leaves of four boxes in five.
    pub(super) fn usual_depth(&self) -> u32 {
        let mut boxes_at = [0; MAX_DEPTH + 1];
        self.count_boxes(0, &mut boxes_at);
        let all: usize = boxes_at.iter().sum();
        let mut reached = 0;
        let enough = |boxes: &usize| {
            reached += boxes;
            reached * 5 >= all * 4
        };
        boxes_at.iter().position(enough).unwrap_or(0) as u32
    }

    fn count_boxes(&self, depth: usize, boxes_at: &mut [usize]) {
        match self {
            Self::Leaf(ids) => boxes_at[depth] += ids.len(),
            Self::Cut(_, _, children) => {
                children.iter().for_each(|child| child.count_boxes(depth + 1, boxes_at));
            }
        }
    }
}

/// The most children of a root that is a table.
const TABLE_CHILDREN: usize = 2048;

/// The most boxes of a table's children together, for each box that they are made from.
const TABLE_COPIES: f64 = 3.0;

/// How a tree is grown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habit {
    /// A box that reaches into more than this share of a cut's children goes to the next tree.
    pub(super) reach: f64,
    /// How many boxes a leaf should have: fewer make wider nodes, and fewer of them on the way.
    pub(super) fill: usize,
    /// The most boxes in all leaves together, for each box that the tree is grown from.
    pub(super) copies: usize,
    /// Whether the root may be a table.
    pub(super) table: bool,
}

/// Grows trees.
pub(super) struct Grower<'b> {
    boxes: &'b Boxes,
    habit: Habit,
    cutter: Cutter,
    /// How many more boxes leaves may have.
    room: usize,
    /// For each box whether it was sent on to the next tree.
    pub(super) sent_on: Vec<bool>,
}

impl<'b> Grower<'b> {
    pub(super) fn new(boxes: &'b Boxes, habit: Habit) -> Self {
        let sent_on = alloc::vec![false; boxes.len()];
        Self { boxes, habit, cutter: Cutter::default(), room: 0, sent_on }
    }

    /// The tree of the boxes `ids`, which are in rule order, but for those it sends on.
    pub(super) fn grow(&mut self, ids: Vec<u32>) -> Node {
        self.room = ids.len().saturating_mul(self.habit.copies).max(1 << 12);
        let mut region = alloc::vec![ANY; self.boxes.columns.len()];
        self.node(ids, &mut region, 0)
    }

    fn node(&mut self, mut ids: Vec<u32>, region: &mut [Span], depth: usize) -> Node {
        ids.retain(|id| !self.sent_on[*id as usize]);
        self.drop_hidden(&mut ids, region);
        if ids.len() <= LEAF_BOXES || depth >= MAX_DEPTH {
            return Node::Leaf(ids);
        }
        let table = (depth == 0 && self.habit.table).then(|| self.table(&ids, region)).flatten();
        let Some(cut) = table.or_else(|| self.cut(&ids, region)) else {
            return Node::Leaf(ids);
        };
        let copied = (ids.len() as f64 * cut.copies) as usize;
        if cut.expected > 0.9 || copied > self.room {
            return Node::Leaf(ids);
        }
        self.send_on(&mut ids, &cut, region);
        self.room -= copied.saturating_sub(ids.len()).min(self.room);
        let (word, whole) = (cut.word, region[cut.word]);
        let lists = self.share_out(&ids, &cut, whole);
        let mut children = Vec::with_capacity(lists.len());
        let mut first = whole.0;
        for (list, last) in lists.into_iter().zip(cut.thresholds.iter().copied().chain([whole.1])) {
            region[word] = (first, last);
            children.push(self.node(list, region, depth + 1));
            first = last.saturating_add(1);
        }
        region[word] = whole;
        Node::Cut(word, cut.thresholds, children)
    }

    /// The boxes of each child of a cut.
    fn share_out(&self, ids: &[u32], cut: &Cut, whole: Span) -> Vec<Vec<u32>> {
        let mut lists = alloc::vec![Vec::new(); cut.thresholds.len() + 1];
        for id in ids {
            let (first, last) = cut.reached(self.boxes.columns[cut.word][*id as usize], whole);
            for list in &mut lists[first..=last] {
                list.push(*id);
            }
        }
        lists
    }

    fn cut(&mut self, ids: &[u32], region: &[Span]) -> Option<Cut> {
        let children = children_for(ids.len(), self.habit.fill);
        self.cutter.choose(self.boxes, ids, region, Kind { children, shift: 0 })
    }

    /// A cut into many children, unless it would copy too much or is none.
    fn table(&mut self, ids: &[u32], region: &[Span]) -> Option<Cut> {
        let children = (2 * ids.len() / LEAF_BOXES).min(TABLE_CHILDREN);
        let cut =
            self.cutter.choose(self.boxes, ids, region, Kind { children, shift: TABLE_SHIFT })?;
        (cut.thresholds.len() >= MAX_CHILDREN && cut.copies <= TABLE_COPIES).then_some(cut)
    }

    /// Sends on the boxes that reach into too many of the cut's children.
    fn send_on(&mut self, ids: &mut Vec<u32>, cut: &Cut, region: &[Span]) {
        let children = cut.thresholds.len() + 1;
        if self.habit.reach >= 1.0 {
            return;
        }
        let most = (self.habit.reach * children as f64).max(1.0);
        let (column, whole) = (&self.boxes.columns[cut.word], region[cut.word]);
        ids.retain(|id| {
            let (first, last) = cut.reached(column[*id as usize], whole);
            let stays = (last - first + 1) as f64 <= most;
            self.sent_on[*id as usize] |= !stays;
            stays
        });
    }

    /// Drops boxes that no packet of the region reaches: a box before them takes all that they
    /// would.
    fn drop_hidden(&self, ids: &mut Vec<u32>, region: &[Span]) {
        if let Some(i) = ids.iter().position(|id| self.takes_all(*id, region)) {
            let taker = ids[i] as usize;
            let mut place = 0;
            ids.retain(|id| {
                place += 1;
                place <= i + 1 || !self.boxes.needs[*id as usize].contains(self.boxes.needs[taker])
            });
        }
        if ids.len() > SMALL {
            return;
        }
        let mut i = 1;
        while i < ids.len() {
            let hidden = ids[..i].iter().any(|before| self.hides(*before, ids[i], region));
            match hidden {
                true => drop(ids.remove(i)),
                false => i += 1,
            }
        }
    }

    fn takes_all(&self, id: u32, region: &[Span]) -> bool {
        let id = id as usize;
        let covers = |word: usize| {
            let (first, last) = self.boxes.columns[word][id];
            first <= region[word].0 && region[word].1 <= last
        };
        self.boxes.ends[id] && self.boxes.used().all(covers)
    }

    /// Whether box `before` takes all packets of the region that box `id` would match.
    fn hides(&self, before: u32, id: u32, region: &[Span]) -> bool {
        let (before, id) = (before as usize, id as usize);
        let boxes = self.boxes;
        let covers = |word: usize| {
            let (outer, inner) = (boxes.columns[word][before], boxes.columns[word][id]);
            outer.0 <= inner.0.max(region[word].0) && inner.1.min(region[word].1) <= outer.1
        };
        boxes.ends[before]
            && boxes.needs[id].contains(boxes.needs[before])
            && boxes.used().all(covers)
    }
}

/// How many children a node of so many boxes should have so that leaves fill: the same number
/// at each level that is needed.
fn children_for(boxes: usize, fill: usize) -> usize {
    let leaves = boxes.div_ceil(fill).max(2);
    let mut levels = 1;
    while MAX_CHILDREN.pow(levels) < leaves {
        levels += 1;
    }
    (2..=MAX_CHILDREN).find(|children| children.pow(levels) >= leaves).unwrap_or(MAX_CHILDREN)
}
