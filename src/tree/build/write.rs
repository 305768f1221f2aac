//! Writing forests, records and chains as an image.

use alloc::vec::Vec;

use hashbrown::HashTable;

use super::boxes::{Boxes, Span, anything};
use super::cut::MAX_CHILDREN;
use super::forest::Forest;
use super::grid::{Grid, THRESHOLDS};
use super::grow::Node;
use crate::tree::lookup::find::ROOT_WORDS;
use crate::tree::lookup::image::{PLAIN, UNIT, WIDE, checksum};
use crate::tree::lookup::leaf::{
    BLOCK_BOXES, GO_LINES, LINE, MAX_PASSES, MAX_PLAIN_BLOCKS, PLAIN_HALVES, TESTED,
};
use crate::tree::lookup::words::most;

/// An image being written.
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    leaves: HashTable<Written>,
    /// How many leaves of the tree being written are wide, and how many are not.
    wide: [usize; 2],
    limit: usize,
}

/// Where a list of leaves stands, so that an equal one need not be written.
struct Written {
    hash: u64,
    from: usize,
    len: usize,
}

/// The limit of bytes was passed.
#[derive(Debug)]
pub(super) struct TooLarge;

impl Writer {
    /// An image that begins with `header` bytes to be filled in at the end.
    pub(super) fn new(header: usize, limit: usize) -> Self {
        Self { bytes: alloc::vec![0; header], leaves: HashTable::new(), wide: [0; 2], limit }
    }

    /// Appends words; returns the byte offset.
    pub(super) fn words(&mut self, words: impl IntoIterator<Item = u32>) -> usize {
        let at = self.align(4);
        self.bytes.extend(words.into_iter().flat_map(u32::to_le_bytes));
        at
    }

    pub(super) fn set_word(&mut self, index: usize, word: u32) {
        if let Some(bytes) = self.bytes.get_mut(4 * index..4 * index + 4) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }

    /// Whole lines, with as many beyond all that is written as may be read from a leaf on.
    pub(super) fn finish(&mut self) {
        self.bytes.resize(self.bytes.len() + LINE * GO_LINES, 0);
        self.align(LINE);
    }

    fn align(&mut self, unit: usize) -> usize {
        let at = self.bytes.len().next_multiple_of(unit);
        self.bytes.resize(at, 0);
        at
    }

    /// Appends a forest with its trees; returns the byte offset.
    pub(super) fn forest(&mut self, boxes: &Boxes, forest: &Forest) -> Result<usize, TooLarge> {
        // Entries of one forest mean nothing to another.
        self.leaves.clear();
        let mut words = alloc::vec![forest.trees.len() as u32];
        let mut region = anything();
        for (tree, first) in &forest.trees {
            words.extend(self.root(boxes, tree, &mut region)?);
            words.push(*first);
        }
        Ok(self.words(words))
    }

    /// Appends a tree; returns what the forest says of it, but for its first rule's entry.
    fn root(
        &mut self,
        boxes: &Boxes,
        tree: &Node,
        region: &mut [Span],
    ) -> Result<Vec<u32>, TooLarge> {
        self.wide = [0; 2];
        match tree {
            Node::Grid(grid, cells, children) => {
                let mut references = Vec::with_capacity(children.len());
                for (region, child) in children {
                    references.push(self.node(boxes, child, &mut region.clone())?);
                }
                let at = self.grid(grid, cells.iter().map(|cell| references[*cell as usize]));
                let mut words = alloc::vec![
                    at as u32,
                    tree.usual_depth(),
                    self.usual_blocks(tree),
                    grid.words.len() as u32
                ];
                let (mut place, mut stride) = (0, grid.cells());
                for (_, ends) in &grid.words {
                    stride /= ends.len() + 1;
                    let mask = ((1u64 << ends.len()) - 1) << place;
                    words.extend([mask as u32, (mask >> 32) as u32, stride as u32]);
                    place += ends.len();
                }
                words.resize(ROOT_WORDS - 1, 0);
                Ok(words)
            }
            _ => {
                let root = self.node(boxes, tree, region)?;
                let mut words = alloc::vec![root, tree.usual_depth(), self.usual_blocks(tree), 0];
                words.resize(ROOT_WORDS - 1, 0);
                Ok(words)
            }
        }
    }

    /// How many blocks of a leaf of the tree just written most lookups look at, 0 if most are wide.
    fn usual_blocks(&self, tree: &Node) -> u32 {
        let [wide, plain] = self.wide;
        if wide > plain { 0 } else { tree.usual_blocks() }
    }

    /// Appends a grid with a reference for each cell; returns the byte offset.
    fn grid(&mut self, grid: &Grid, references: impl Iterator<Item = u32>) -> usize {
        let mut thresholds = [u32::MAX; THRESHOLDS];
        let mut picks = [0; THRESHOLDS];
        let ends =
            grid.words.iter().flat_map(|(word, ends)| ends.iter().map(move |end| (word, end)));
        for ((threshold, pick), (word, end)) in thresholds.iter_mut().zip(&mut picks).zip(ends) {
            (*threshold, *pick) = (*end, *word as u32);
        }
        let at = self.align(LINE);
        self.words(thresholds);
        self.words(picks);
        self.words(references);
        at
    }

    /// Appends a node's children and then the node; returns the reference to it.
    fn node(&mut self, boxes: &Boxes, node: &Node, region: &mut [Span]) -> Result<u32, TooLarge> {
        if self.bytes.len() > self.limit {
            return Err(TooLarge);
        }
        let (word, ends, children) = match node {
            Node::Leaf(ids) => return Ok(self.leaf(boxes, ids, region)),
            Node::Cut(word, ends, children) => (*word, ends, children),
            Node::Grid(..) => return Err(TooLarge),
        };
        let references = self.children(boxes, (word, ends, children), region)?;
        let at = self.align(LINE);
        let mut thresholds = [u32::MAX; MAX_CHILDREN];
        for (threshold, end) in thresholds.iter_mut().zip(ends) {
            *threshold = *end;
        }
        self.bytes.extend(thresholds.iter().flat_map(|threshold| threshold.to_le_bytes()));
        self.bytes.extend(references.iter().flat_map(|reference| reference.to_le_bytes()));
        Ok(reference(at, word as u32))
    }

    /// Appends the children of a cut; returns the references to them.
    fn children(
        &mut self,
        boxes: &Boxes,
        (word, ends, children): (usize, &[u32], &[Node]),
        region: &mut [Span],
    ) -> Result<Vec<u32>, TooLarge> {
        let whole = region[word];
        let mut references = Vec::with_capacity(children.len());
        let mut first = whole.0;
        for (child, last) in children.iter().zip(ends.iter().copied().chain([whole.1])) {
            region[word] = (first, last);
            references.push(self.node(boxes, child, region)?);
            first = last.saturating_add(1);
        }
        region[word] = whole;
        Ok(references)
    }

    /// Appends a leaf; returns the reference to it.
    fn leaf(&mut self, boxes: &Boxes, ids: &[u32], region: &[Span]) -> u32 {
        let at = self.align(UNIT);
        let halves = tested(boxes, ids, region);
        let blocks = ids.len().div_ceil(BLOCK_BOXES).max(1);
        if blocks <= MAX_PLAIN_BLOCKS
            && halves.iter().all(|half| PLAIN_HALVES[..TESTED].contains(half))
        {
            self.wide[1] += 1;
            self.blocks(boxes, ids, &PLAIN_HALVES[..TESTED]);
            return reference(self.shared(at), PLAIN + blocks as u32 - 1);
        }
        self.wide[0] += 1;
        let mut header = [0; LINE];
        header[..4].copy_from_slice(&(blocks as u32).to_le_bytes());
        header[4] = halves.len().div_ceil(TESTED).min(MAX_PASSES) as u8;
        for (picks, halves) in header[8..].chunks_mut(8).zip(halves.chunks(TESTED)) {
            picks[..halves.len()].copy_from_slice(halves);
        }
        self.bytes.extend(header);
        self.blocks(boxes, ids, &halves);
        reference(self.shared(at), WIDE)
    }

    /// Appends the blocks of a leaf that tests these halves of words, as many passes as they take.
    fn blocks(&mut self, boxes: &Boxes, ids: &[u32], halves: &[u8]) {
        for start in (0..ids.len().max(1)).step_by(BLOCK_BOXES) {
            let ids = &ids[start..ids.len().min(start + BLOCK_BOXES)];
            for halves in halves.chunks(TESTED) {
                self.block(boxes, ids, halves);
            }
        }
    }

    fn block(&mut self, boxes: &Boxes, ids: &[u32], halves: &[u8]) {
        let mut lines = [[u16::MAX; TESTED + 1], [0; TESTED + 1]].map(|span| [span; BLOCK_BOXES]);
        for (i, id) in ids.iter().enumerate() {
            let [first, last] = &mut lines;
            (first[i], last[i]) = ([0; TESTED + 1], [u16::MAX; TESTED + 1]);
            for (half, place) in halves.iter().zip(0..TESTED) {
                let span = boxes.span(usize::from(half / 2), *id);
                (first[i][place], last[i][place]) = half_of(span, *half);
            }
        }
        let spans = lines.as_flattened_mut();
        for (i, id) in ids.iter().enumerate() {
            let entry = boxes.entries[*id as usize];
            spans[2 * i][TESTED] = entry as u16;
            spans[2 * i + 1][TESTED] = (entry >> 16) as u16;
        }
        let numbers = spans.as_flattened().iter();
        self.bytes.extend(numbers.flat_map(|number| number.to_le_bytes()));
    }

    /// Where the bytes from `from` on stand already; then they are taken back.
    fn shared(&mut self, from: usize) -> usize {
        let (before, leaf) = self.bytes.split_at(from);
        let hash = checksum(leaf);
        let same = |written: &Written| {
            written.hash == hash
                && before.get(written.from..written.from + written.len) == Some(leaf)
        };
        if let Some(written) = self.leaves.find(hash, same) {
            let at = written.from;
            self.bytes.truncate(from);
            return at;
        }
        let len = leaf.len();
        self.leaves.insert_unique(hash, Written { hash, from, len }, |written| written.hash);
        from
    }
}

fn reference(at: usize, low: u32) -> u32 {
    at as u32 | low
}

/// The halves of words in which some box leaves out a number of the region, one at least.
fn tested(boxes: &Boxes, ids: &[u32], region: &[Span]) -> Vec<u8> {
    let halves = boxes.used().flat_map(|word| {
        let high = most(word) > u32::from(u16::MAX);
        [2 * word as u8, 2 * word as u8 + 1].into_iter().take(1 + usize::from(high))
    });
    let leaves_out = |half: &u8| {
        let whole = half_of(region[usize::from(half / 2)], *half);
        ids.iter().any(|id| {
            let (first, last) = half_of(boxes.span(usize::from(half / 2), *id), *half);
            whole.0 < first || last < whole.1
        })
    };
    let mut halves: Vec<u8> = halves.filter(leaves_out).collect();
    if halves.is_empty() {
        halves.push(0);
    }
    halves
}

/// What a word's span leaves one of its halves: that of the word with index `half / 2`, the low one
/// if `half` is even.
fn half_of((first, last): Span, half: u8) -> (u16, u16) {
    match half % 2 {
        0 if first >> 16 == last >> 16 => (first as u16, last as u16),
        0 => (0, u16::MAX),
        _ => ((first >> 16) as u16, (last >> 16) as u16),
    }
}
