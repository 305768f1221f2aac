//! Growing one tree from a list of boxes.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::boxes::{Boxes, Span, anything};
use super::cut::{Cut, Cutter, MAX_CHILDREN};
use super::estimate::Points;
use super::grid::Grid;
use crate::tree::lookup::leaf::{BLOCK_BOXES, GO};
use crate::tree::lookup::words::WORDS;

/// The most cuts on the way to a leaf.
const MAX_DEPTH: usize = 24;

/// Bytes that a box takes in trees that the budget is all for.
const BYTES_A_BOX: usize = 24;

/// How many of a grid's cells have the same boxes, at a guess.
const SHARED: usize = 6;

/// The most cells of a grid.
const MAX_CELLS: usize = 1 << 16;

/// Lists longer than this are not searched for boxes that others hide in part of the region.
const SMALL: usize = 32;

/// A tree that has not been written yet.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// These boxes, in rule order.
    Leaf(Vec<u32>),
    /// A root that cuts several words: for each cell which of the children it has, and those with
    /// a region that holds all of their cells.
    Grid(Grid, Vec<u32>, Vec<([Span; WORDS], Node)>),
    /// The word that is cut, the last number of each child but the last, the children.
    Cut(usize, Vec<u32>, Vec<Node>),
}

impl Node {
    /// How many nodes it takes to reach the leaves of nine boxes in ten.
    pub(super) fn usual_depth(&self) -> u32 {
        let mut boxes_at = [0; MAX_DEPTH + 1];
        self.count_boxes(0, &mut boxes_at);
        let all: usize = boxes_at.iter().sum();
        let mut reached = 0;
        let enough = |boxes: &usize| {
            reached += boxes;
            reached * 10 >= all * 9
        };
        boxes_at.iter().position(enough).unwrap_or(0) as u32
    }

    /// How many blocks the leaves of nine boxes in ten have, at most.
    pub(super) fn usual_blocks(&self) -> u32 {
        let mut boxes_at = [0; GO];
        self.count_blocks(&mut boxes_at);
        let all: usize = boxes_at.iter().sum();
        let mut reached = 0;
        let enough = |boxes: &usize| {
            reached += boxes;
            reached * 10 >= all * 9
        };
        boxes_at.iter().position(enough).unwrap_or(0) as u32 + 1
    }

    fn count_blocks(&self, boxes_at: &mut [usize; GO]) {
        match self {
            Self::Leaf(ids) => {
                boxes_at[ids.len().div_ceil(BLOCK_BOXES).clamp(1, GO) - 1] += ids.len();
            }
            Self::Grid(_, _, children) => {
                children.iter().for_each(|(_, child)| child.count_blocks(boxes_at));
            }
            Self::Cut(_, _, children) => {
                children.iter().for_each(|child| child.count_blocks(boxes_at));
            }
        }
    }

    fn count_boxes(&self, depth: usize, boxes_at: &mut [usize]) {
        match self {
            Self::Leaf(ids) => boxes_at[depth] += ids.len(),
            Self::Grid(_, _, children) => {
                children.iter().for_each(|(_, child)| child.count_boxes(depth, boxes_at));
            }
            Self::Cut(_, _, children) => {
                children.iter().for_each(|child| child.count_boxes(depth + 1, boxes_at));
            }
        }
    }
}

/// How a tree is grown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habit {
    /// A box that reaches into more than this share of a cut's children goes to the next tree.
    pub(super) reach: f64,
    /// How many boxes a leaf should have: fewer make wider nodes, and fewer of them on the way.
    pub(super) fill: usize,
    pub(super) copies: Copies,
    /// Lists of so many boxes are not cut.
    pub(super) leaf: usize,
    /// The most cells of a grid at the root for each box, 0 for none.
    pub(super) cells: f64,
}

/// How many copies of boxes leaves may have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Copies {
    /// So many for each box; then leaves become long.
    Each(usize),
    /// As many as the budget has room for; then there is no tree.
    Budget,
}

/// The parts of a grid that a box reaches into, first and last for each word.
struct Parts(SmallVec<[(usize, usize); 4]>);

impl Parts {
    /// How many cells that are.
    fn cells(&self) -> usize {
        self.0.iter().map(|(first, last)| last - first + 1).product()
    }

    fn each_cell(&self, grid: &Grid, mut cell_is: impl FnMut(usize)) {
        let mut at: SmallVec<[usize; 4]> = self.0.iter().map(|(first, _)| *first).collect();
        loop {
            cell_is(grid.cell(at.iter().copied()));
            let next = at.iter_mut().zip(&self.0).rev().find_map(|(part, (first, last))| {
                let more = *part < *last;
                *part = if more { *part + 1 } else { *first };
                more.then_some(())
            });
            if next.is_none() {
                return;
            }
        }
    }
}

/// Grows trees.
pub(super) struct Grower<'b> {
    boxes: &'b Boxes,
    points: &'b Points,
    habit: Habit,
    cutter: Cutter,
    budget: usize,
    /// How many more boxes leaves may have.
    room: usize,
    /// For each box whether it was sent on to the next tree.
    pub(super) sent_on: Vec<bool>,
}

impl<'b> Grower<'b> {
    pub(super) fn new(boxes: &'b Boxes, points: &'b Points, habit: Habit, budget: usize) -> Self {
        let sent_on = alloc::vec![false; boxes.len()];
        let cutter = Cutter::default();
        Self { boxes, points, habit, cutter, budget, room: 0, sent_on }
    }

    /// The tree of the boxes `ids`, which are in rule order, but for those it sends on; `None` if it
    /// would copy too many.
    pub(super) fn grow(&mut self, ids: Vec<u32>) -> Option<Node> {
        self.room = match self.habit.copies {
            Copies::Each(copies) => ids.len().saturating_mul(copies).max(1 << 12),
            Copies::Budget => self.budget.max(1 << 17) / BYTES_A_BOX,
        };
        let mut cells = ((self.habit.cells * ids.len() as f64) as usize).min(MAX_CELLS);
        while cells > 1 && ids.len() > self.habit.leaf {
            let Some(grid) = Grid::choose(self.boxes, &ids, self.points, cells) else { break };
            let reached = self.reached(&ids, &grid);
            let copies = reached.iter().map(Parts::cells).sum::<usize>() - ids.len();
            // Most cells share their list with others.
            if copies / SHARED <= self.room / 2 {
                self.room -= copies / SHARED;
                return self.grid(&ids, grid, &reached);
            }
            // Fewer cells have fewer copies.
            cells /= 4;
        }
        self.node(ids, &mut anything(), 0)
    }

    /// For each box the parts of the grid that it reaches into.
    fn reached(&self, ids: &[u32], grid: &Grid) -> Vec<Parts> {
        let parts = |id: &u32| {
            let words = grid.words.iter();
            Parts(
                words
                    .map(|(word, ends)| Grid::reached(ends, self.boxes.span(*word, *id)))
                    .collect(),
            )
        };
        ids.iter().map(parts).collect()
    }

    /// What becomes of a list of boxes when there is no room for more copies.
    fn no_room(&self, ids: Vec<u32>) -> Option<Node> {
        match self.habit.copies {
            Copies::Each(_) => Some(Node::Leaf(ids)),
            Copies::Budget => None,
        }
    }

    fn grid(&mut self, ids: &[u32], grid: Grid, reached: &[Parts]) -> Option<Node> {
        let mut lists: Vec<Vec<u32>> = alloc::vec![Vec::new(); grid.cells()];
        for (id, parts) in ids.iter().zip(reached) {
            parts.each_cell(&grid, |cell| lists[cell].push(*id));
        }
        let mut cells = Vec::with_capacity(lists.len());
        let mut groups: Vec<([Span; WORDS], Vec<u32>)> = Vec::new();
        let mut known: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
        for (cell, mut list) in lists.into_iter().enumerate() {
            let region = grid.region(cell);
            self.drop_hidden(&mut list, &region);
            let next = groups.len() as u32;
            let group = *known.entry(list.clone()).or_insert(next);
            if group == next {
                groups.push((region, list));
            } else {
                for (whole, own) in groups[group as usize].0.iter_mut().zip(region) {
                    *whole = (whole.0.min(own.0), whole.1.max(own.1));
                }
            }
            cells.push(group);
        }
        if !self.has_room_for(groups.iter().map(|(_, list)| list.len()).sum(), ids.len()) {
            return None;
        }
        let children = groups.into_iter().map(|(mut region, list)| {
            let node = self.node(list, &mut region, 1)?;
            Some((region, node))
        });
        let children: Option<_> = children.collect();
        Some(Node::Grid(grid, cells, children?))
    }

    /// Whether a grid's lists are short enough together. What they copy is there whatever becomes of
    /// them, so that a grid which copies much is given up before anything is grown in it.
    fn has_room_for(&self, listed: usize, boxes: usize) -> bool {
        match self.habit.copies {
            Copies::Each(copies) => listed <= boxes.saturating_mul(copies / 2).max(1 << 13),
            Copies::Budget => listed <= boxes + self.room,
        }
    }

    fn node(&mut self, mut ids: Vec<u32>, region: &mut [Span], depth: usize) -> Option<Node> {
        if self.habit.reach < 1.0 {
            ids.retain(|id| !self.sent_on[*id as usize]);
        }
        self.drop_hidden(&mut ids, region);
        if ids.len() <= self.habit.leaf || depth >= MAX_DEPTH {
            return Some(Node::Leaf(ids));
        }
        let Some(cut) = self.cut(&ids, region).filter(|cut| cut.expected <= 0.9) else {
            return Some(Node::Leaf(ids));
        };
        let copied = (ids.len() as f64 * cut.copies) as usize;
        if copied > self.room {
            return self.no_room(ids);
        }
        self.send_on(&mut ids, &cut, region);
        self.room -= copied.saturating_sub(ids.len()).min(self.room);
        let (word, whole) = (cut.word, region[cut.word]);
        let lists = self.share_out(&ids, &cut, whole);
        let mut children = Vec::with_capacity(lists.len());
        let mut first = whole.0;
        for (list, last) in lists.into_iter().zip(cut.thresholds.iter().copied().chain([whole.1])) {
            region[word] = (first, last);
            children.push(self.node(list, region, depth + 1)?);
            first = last.saturating_add(1);
        }
        region[word] = whole;
        Some(Node::Cut(word, cut.thresholds, children))
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
        self.cutter.choose(self.boxes, ids, region, children)
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
            ids.truncate(i + 1);
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
        boxes.ends[before] && boxes.used().all(covers)
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
