//! Choosing how a node splits its boxes.

use alloc::vec::Vec;

use super::boxes::{Boxes, Span};

/// The most children of a node.
pub(super) const MAX_CHILDREN: usize = 16;

/// How many boxes a choice looks at, at least so many and so many for each child; of more, an even
/// sample is taken.
const SAMPLE: usize = 1024;
const SAMPLE_A_CHILD: usize = 8;

/// A way to split a region: the word, and the last number of each child but the last.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub(super) word: usize,
    pub(super) thresholds: Vec<u32>,
    /// Boxes of the child that a box is in, on average, and boxes of all children: both for each
    /// box of the node.
    pub(super) expected: f64,
    pub(super) copies: f64,
}

impl Cut {
    /// The first and the last child that a span reaches into, in a region that it meets.
    pub(super) fn reached(&self, span: Span, region: Span) -> (usize, usize) {
        let child = |number: u32| self.thresholds.partition_point(|end| *end < number);
        (child(span.0.max(region.0)), child(span.1.min(region.1)))
    }
}

/// Finds cuts; keeps its working memory between nodes.
#[derive(Default)]
pub(super) struct Cutter {
    sample: Vec<u32>,
    starts: Vec<u32>,
    ends: Vec<u32>,
    edges: Vec<u32>,
}

impl Cutter {
    /// The best cut of these boxes into about `children` parts, or `None` if no word tells them
    /// apart.
    ///
    /// Each word is cut where equally many boxes begin or end. The best cut leaves the fewest boxes
    /// for a packet to meet, at the price of few copies: it minimises `expected^2 * copies`.
    pub(super) fn choose(
        &mut self,
        boxes: &Boxes,
        ids: &[u32],
        region: &[Span],
        children: usize,
    ) -> Option<Cut> {
        let sample = SAMPLE.max(SAMPLE_A_CHILD * children);
        let step = ids.len().div_ceil(sample).max(1);
        self.sample.clear();
        self.sample.extend(ids.iter().copied().step_by(step));
        let mut best: Option<Cut> = None;
        for word in boxes.used() {
            let Some(cut) = self.cut(boxes, word, region[word], children) else { continue };
            let price = |cut: &Cut| cut.expected * cut.expected * cut.copies;
            if best.as_ref().is_none_or(|best| price(&cut) < price(best)) {
                best = Some(cut);
            }
        }
        best
    }

    fn cut(&mut self, boxes: &Boxes, word: usize, region: Span, children: usize) -> Option<Cut> {
        if region.0 == region.1 {
            return None;
        }
        self.collect(&boxes.columns[word], region);
        if self.edges.is_empty() {
            return None;
        }
        let parts = children.max(2);
        let mut thresholds: Vec<u32> = Vec::with_capacity(parts);
        for i in 1..parts {
            let edge = self.edges[i * self.edges.len() / parts];
            if edge < region.1 && thresholds.last().is_none_or(|last| *last < edge) {
                thresholds.push(edge);
            }
        }
        if thresholds.is_empty() {
            return None;
        }
        let (mut sum, mut squares) = (0.0, 0.0);
        let mut before = 0;
        for end in thresholds.iter().copied().chain([region.1]) {
            let begun = self.starts.partition_point(|start| *start <= end);
            let size = (begun - before) as f64;
            (sum, squares) = (sum + size, squares + size * size);
            before = self.ends.partition_point(|last| *last <= end);
        }
        let all = self.sample.len() as f64;
        Some(Cut { word, thresholds, expected: squares / sum / all, copies: sum / all })
    }

    /// Sorts where the sampled boxes begin and end in `region`, and the edges between.
    fn collect(&mut self, column: &[Span], region: Span) {
        self.starts.clear();
        self.ends.clear();
        for id in &self.sample {
            let (first, last) = column[*id as usize];
            self.starts.push(first.max(region.0));
            self.ends.push(last.min(region.1));
        }
        self.starts.sort_unstable();
        self.ends.sort_unstable();
        self.edges.clear();
        let mut ends = self.ends.iter().copied().filter(|end| *end < region.1).peekable();
        for start in self.starts.iter().copied().filter(|start| *start > region.0) {
            while let Some(end) = ends.next_if(|end| *end < start) {
                self.edges.push(end);
            }
            self.edges.push(start - 1);
        }
        self.edges.extend(ends);
    }
}
