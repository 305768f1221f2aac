//! The one question that everything comes down to: is there a packet in a piece, in its cube and in
//! none of its holes?
//!
//! The numbers of each axis that matters are replaced by ranks: where no hole begins or ends,
//! numbers are alike. A box of ranks that no hole meets has only packets of the piece; one that a
//! hole fills has none; any other is split along the hole that takes most of it. The parts that the
//! hole leaves are looked at widest first, so that many narrow holes are soon left behind.

use alloc::rc::Rc;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::{Axis, Piece, Set};
use crate::analysis::GaveUp;

/// How much work may still be done.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Budget {
    steps: u64,
    limit: u64,
}

impl Budget {
    pub(in crate::analysis) const fn new(limit: u64) -> Self {
        Self { steps: 0, limit }
    }

    /// Counts comparisons of two regions.
    pub(in crate::analysis) const fn spend(&mut self, steps: usize) -> Result<(), GaveUp> {
        self.steps = self.steps.saturating_add(steps as u64);
        match self.steps <= self.limit {
            true => Ok(()),
            false => Err(GaveUp::after(self.limit)),
        }
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub(in crate::analysis) enum Found {
    Packets(Spot),
    /// None, because of these holes, by their place in the piece.
    None(Vec<usize>),
}

/// Packets that are alike: any number of each span will do, and of axes that are not named any at
/// all.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Spot(Vec<(Axis, (u128, u128))>);

impl Spot {
    /// The span of an axis that is named.
    pub(in crate::analysis) fn at(&self, axis: Axis) -> Option<(u128, u128)> {
        self.0.iter().find(|span| span.0 == axis).map(|span| span.1)
    }
}

/// Looks for a packet in a piece.
pub(in crate::analysis) struct Search<'p> {
    piece: &'p Piece,
    axes: Vec<RankedAxis>,
    /// A span of ranks for each axis, box after box.
    boxes: Vec<Span>,
    /// The hole of each box.
    owners: Vec<usize>,
    /// Which holes it took so far to show that there is no packet.
    used: Vec<bool>,
}

/// First and last rank.
type Span = (u32, u32);

/// A span of ranks for each axis.
type Ranks = SmallVec<[Span; 8]>;

/// Work not yet done: a box and the holes that may meet it.
struct Part {
    ranks: Ranks,
    holes: Rc<Vec<u32>>,
}

impl<'p> Search<'p> {
    /// Looks until a packet is found or there is none.
    pub(in crate::analysis) fn run(piece: &'p Piece, budget: &mut Budget) -> Result<Found, GaveUp> {
        budget.spend(piece.holes.len() + 1)?;
        let filled = piece.holes.iter().position(|hole| piece.cube.is_subset(&hole.cube));
        if let Some(hole) = filled {
            return Ok(Found::None(Vec::from([hole])));
        }
        let mut search = Self::new(piece, budget)?;
        let found = search.packet(budget)?;
        let used = || (0..piece.holes.len()).filter(|i| search.used[*i]).collect();
        Ok(found.map_or_else(|| Found::None(used()), Found::Packets))
    }

    fn new(piece: &'p Piece, budget: &mut Budget) -> Result<Self, GaveUp> {
        let axes = RankedAxis::all(piece);
        let used = alloc::vec![false; piece.holes.len()];
        let mut search = Self { piece, axes, boxes: Vec::new(), owners: Vec::new(), used };
        for hole in 0..piece.holes.len() {
            search.add_boxes(hole, budget)?;
        }
        Ok(search)
    }

    /// Adds the boxes of a hole: one for each combination of its spans.
    fn add_boxes(&mut self, hole: usize, budget: &mut Budget) -> Result<(), GaveUp> {
        let cube = &self.piece.holes[hole].cube;
        let spans = self.axes.iter().map(|axis| axis.ranks_of(cube.part(axis.axis)));
        let spans: SmallVec<[SmallVec<[Span; 2]>; 8]> = spans.collect();
        let count = spans.iter().fold(1usize, |count, list| count.saturating_mul(list.len()));
        budget.spend(count)?;
        for number in 0..count {
            let mut rest = number;
            for list in &spans {
                self.boxes.push(list[rest % list.len()]);
                rest /= list.len();
            }
            self.owners.push(hole);
        }
        Ok(())
    }

    fn packet(&mut self, budget: &mut Budget) -> Result<Option<Spot>, GaveUp> {
        let ranks = self.axes.iter().map(|axis| (0, axis.last())).collect();
        let holes = Rc::new((0..self.owners.len() as u32).collect());
        let mut parts = Vec::from([Part { ranks, holes }]);
        while let Some(part) = parts.pop() {
            budget.spend(part.holes.len() + 1)?;
            let met: Vec<u32> =
                part.holes.iter().copied().filter(|hole| self.meets(*hole, &part.ranks)).collect();
            let Some(widest) = self.widest(&met, &part.ranks) else {
                return Ok(Some(self.spot(&part.ranks)));
            };
            self.used[self.owners[widest as usize]] = true;
            self.split(&part.ranks, widest, &Rc::new(met), &mut parts);
        }
        Ok(None)
    }

    fn hole(&self, hole: u32) -> &[Span] {
        let width = self.axes.len();
        &self.boxes[hole as usize * width..][..width]
    }

    fn meets(&self, hole: u32, ranks: &Ranks) -> bool {
        let mut pairs = self.hole(hole).iter().zip(ranks);
        pairs.all(|(hole, span)| hole.0 <= span.1 && span.0 <= hole.1)
    }

    /// The hole that takes most of a box.
    fn widest(&self, holes: &[u32], ranks: &Ranks) -> Option<u32> {
        let share = |hole: &u32| {
            let pairs = self.hole(*hole).iter().zip(ranks);
            pairs.map(|(hole, span)| count(clip(*hole, *span)) / count(*span)).product::<f64>()
        };
        holes
            .iter()
            .copied()
            .map(|hole| (share(&hole), hole))
            .reduce(|best, next| if next.0 > best.0 { next } else { best })
            .map(|best| best.1)
    }

    /// What a hole leaves of a box, the most promising part last.
    fn split(&self, ranks: &Ranks, hole: u32, holes: &Rc<Vec<u32>>, parts: &mut Vec<Part>) {
        let mut order: SmallVec<[usize; 8]> = (0..ranks.len()).collect();
        let taken = |i: &usize| count(clip(self.hole(hole)[*i], ranks[*i])) / count(ranks[*i]);
        order.sort_by(|a, b| taken(a).total_cmp(&taken(b)));
        let (mut rest, mut left) = (ranks.clone(), SmallVec::<[(f64, Ranks); 8]>::new());
        for i in order {
            let ((first, last), (low, high)) = (self.hole(hole)[i], rest[i]);
            let below = (low < first).then(|| (low, first - 1));
            let above = (last < high).then(|| (last + 1, high));
            for span in below.into_iter().chain(above) {
                let mut part = rest.clone();
                part[i] = span;
                left.push((self.promise(&part), part));
            }
            rest[i] = clip((first, last), (low, high));
        }
        left.sort_by(|a, b| a.0.total_cmp(&b.0));
        parts.extend(left.into_iter().map(|(_, ranks)| Part { ranks, holes: Rc::clone(holes) }));
    }

    /// How likely it is that a box has a packet, and one that is nothing special.
    fn promise(&self, ranks: &Ranks) -> f64 {
        let of = |(span, axis): (&Span, &RankedAxis)| {
            let usual = span.0 <= axis.usual && axis.usual <= span.1;
            count(*span) * if usual { 8.0 } else { 1.0 }
        };
        ranks.iter().zip(&self.axes).map(of).product()
    }

    fn spot(&self, ranks: &Ranks) -> Spot {
        let ranked = self.axes.iter().zip(ranks).map(|(axis, span)| axis.numbers(*span));
        let others = self.piece.cube.parts().iter();
        let others = others.filter(|part| self.axes.iter().all(|axis| axis.axis != part.0));
        let others = others.map(|(axis, set)| (*axis, usual_span(*axis, set)));
        Spot(ranked.chain(others).collect())
    }
}

fn clip(a: Span, b: Span) -> Span {
    (a.0.max(b.0), a.1.min(b.1))
}

fn count(span: Span) -> f64 {
    f64::from(span.1) - f64::from(span.0) + 1.0
}

/// An axis whose numbers are ranked: numbers of a rank are alike to all holes.
struct RankedAxis {
    axis: Axis,
    /// The first number of each rank, ascending.
    firsts: Vec<u128>,
    /// The numbers that have ranks.
    all: Set,
    /// The rank of the usual number.
    usual: u32,
}

impl RankedAxis {
    /// The axes on which holes differ.
    fn all(piece: &Piece) -> Vec<Self> {
        let holes = || piece.holes.iter().flat_map(|hole| hole.cube.parts());
        let mut axes: Vec<Axis> = holes().map(|part| part.0).collect();
        axes.sort_unstable();
        axes.dedup();
        let mut ranked: Vec<Self> = axes.iter().map(|axis| Self::new(*axis, piece)).collect();
        for (axis, set) in holes() {
            if let Ok(at) = axes.binary_search(axis) {
                ranked[at].cut(set);
            }
        }
        ranked.iter_mut().for_each(Self::finish);
        ranked
    }

    fn new(axis: Axis, piece: &Piece) -> Self {
        let all = piece.cube.part(axis).cloned().unwrap_or_else(|| Set::span(0, axis.last()));
        let firsts = all.spans().iter().map(|span| span.0).collect();
        Self { axis, firsts, all, usual: 0 }
    }

    /// Begins a rank where a hole begins, and one behind where it ends.
    fn cut(&mut self, set: &Set) {
        for (first, last) in set.spans() {
            let ends = [Some(*first), last.checked_add(1)];
            let inside = ends.into_iter().flatten().filter(|number| self.all.contains(*number));
            self.firsts.extend(inside);
        }
    }

    fn finish(&mut self) {
        self.firsts.sort_unstable();
        self.firsts.dedup();
        let usual = self.axis.usual();
        self.usual = self.firsts.partition_point(|first| *first <= usual).saturating_sub(1) as u32;
    }

    fn last(&self) -> u32 {
        (self.firsts.len() as u32).saturating_sub(1)
    }

    /// The ranks whose numbers a hole has; all of them if it asks nothing here.
    fn ranks_of(&self, hole: Option<&Set>) -> SmallVec<[Span; 2]> {
        let Some(hole) = hole else { return SmallVec::from_slice(&[(0, self.last())]) };
        let ranks = |(first, last): &(u128, u128)| {
            let from = self.firsts.partition_point(|start| start < first);
            let to = self.firsts.partition_point(|start| start <= last);
            (from < to).then(|| (from as u32, to as u32 - 1))
        };
        hole.spans().iter().filter_map(ranks).collect()
    }

    /// The numbers of the first ranks of a span, which are neighbours; those of the usual rank if
    /// that is in it.
    fn numbers(&self, span: Span) -> (Axis, (u128, u128)) {
        let rank = match span.0 <= self.usual && self.usual <= span.1 {
            true => self.usual,
            false => span.0,
        } as usize;
        let first = self.firsts[rank];
        let end = self.firsts.get(rank + 1).map_or(self.axis.last(), |next| next - 1);
        let within = self.all.spans().iter().find(|span| span.0 <= first && first <= span.1);
        (self.axis, (first, within.map_or(end, |span| end.min(span.1))))
    }
}

/// The span of a set that has the usual number, or its first one.
fn usual_span(axis: Axis, set: &Set) -> (u128, u128) {
    let usual = axis.usual();
    let spans = set.spans().iter();
    let found = spans.clone().find(|span| span.0 <= usual && usual <= span.1);
    found.or_else(|| spans.clone().next()).copied().unwrap_or_default()
}
