//! Writing forests, records and chains as an image.

use alloc::vec::Vec;

use hashbrown::HashTable;

use super::boxes::{ANY, Boxes, Span};
use super::cut::MAX_CHILDREN;
use super::forest::Forest;
use super::grow::Node;
use crate::tree::lookup::image::{NOTHING, PLAIN, TABLE_SHIFT, UNIT, WIDE};
use crate::tree::lookup::leaf::{LEAF_BOXES, LINE, MORE, MOST_BYTES, PLAIN_PAIRS};
use crate::tree::lookup::words::{COUNT_V4, Headers};

/// An image being written.
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    leaves: HashTable<Written>,
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
        Self { bytes: alloc::vec![0; header], leaves: HashTable::new(), limit }
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

    /// Whole lines, with the length of the largest leaf beyond all that is written.
    pub(super) fn finish(&mut self) {
        self.bytes.resize(self.bytes.len() + MOST_BYTES, 0);
        self.align(LINE);
    }

    fn align(&mut self, unit: usize) -> usize {
        let at = self.bytes.len().next_multiple_of(unit);
        self.bytes.resize(at, 0);
        at
    }

    /// Appends a forest with its trees; returns the byte offset.
    pub(super) fn forest(&mut self, boxes: &Boxes, forest: &Forest) -> Result<usize, TooLarge> {
        let mut words = alloc::vec![forest.trees.len() as u32];
        let mut region = alloc::vec![ANY; boxes.columns.len()];
        for (tree, first) in &forest.trees {
            words.extend(self.root(boxes, tree, &mut region)?);
            words.push(*first);
        }
        Ok(self.words(words))
    }

    /// Appends a tree; returns the reference to its root, the nodes most lookups go through, and,
    /// if the root is a table, the word that it splits, and one to be told from no table.
    fn root(
        &mut self,
        boxes: &Boxes,
        tree: &Node,
        region: &mut [Span],
    ) -> Result<[u32; 3], TooLarge> {
        match tree {
            Node::Cut(word, ends, children) if children.len() > MAX_CHILDREN => {
                let references = self.children(boxes, (*word, ends, children), region)?;
                let child = |number: u16| ends.partition_point(|end| *end < number);
                let entries = (0..1u32 << (16 - TABLE_SHIFT))
                    .map(|entry| references[child((entry << TABLE_SHIFT) as u16)]);
                let entries: Vec<u32> = entries.collect();
                self.align(LINE);
                let at = self.words(entries);
                Ok([at as u32, tree.usual_depth().saturating_sub(1), 1 + *word as u32])
            }
            _ => Ok([self.node(boxes, tree, region)?, tree.usual_depth(), 0]),
        }
    }

    /// Appends a node's children and then the node; returns the reference to it.
    fn node(&mut self, boxes: &Boxes, node: &Node, region: &mut [Span]) -> Result<u32, TooLarge> {
        if self.bytes.len() > self.limit {
            return Err(TooLarge);
        }
        let (word, ends, children) = match node {
            Node::Leaf(ids) => return Ok(self.leaf(boxes, ids, region)),
            Node::Cut(word, ends, children) => (*word, ends, children),
        };
        let references = self.children(boxes, (word, ends, children), region)?;
        let at = self.align(LINE);
        let mut thresholds = [u16::MAX; 32];
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
        (word, ends, children): (usize, &[u16], &[Node]),
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

    /// Appends a leaf, or several that go on with each other; returns the reference to it.
    fn leaf(&mut self, boxes: &Boxes, ids: &[u32], region: &[Span]) -> u32 {
        let at = self.align(UNIT);
        let words = tested(boxes, ids, region);
        let plain = boxes.columns.len() == COUNT_V4
            && words.iter().all(|word| PLAIN_PAIRS.iter().any(|(a, b)| a == word || b == word));
        let mut rest = ids;
        loop {
            let (now, later) = rest.split_at(rest.len().min(LEAF_BOXES));
            self.entries(boxes, now, !later.is_empty());
            if plain {
                self.pairs(boxes, now, &PLAIN_PAIRS, region);
            } else {
                let pairs = words.chunks(2).map(|pair| (pair[0], pair[pair.len() - 1]));
                let pairs: Vec<(usize, usize)> = pairs.collect();
                let bytes = pairs.iter().flat_map(|(a, b)| [*a as u8, *b as u8]);
                self.bytes.extend([pairs.len() as u8, 0].into_iter().chain(bytes));
                self.align(LINE);
                self.pairs(boxes, now, &pairs, region);
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        reference(self.shared(at), if plain { PLAIN } else { WIDE })
    }

    /// Appends a leaf's line of entries and flags.
    fn entries(&mut self, boxes: &Boxes, ids: &[u32], more: bool) {
        let mut line = [NOTHING; LEAF_BOXES + 1];
        for (entry, id) in line.iter_mut().zip(ids) {
            *entry = boxes.entries[*id as usize];
        }
        let needing = |headers| {
            let needs = |id: &u32| boxes.needs[*id as usize].contains(headers);
            ids.iter().enumerate().map(|(i, id)| u32::from(needs(id)) << i).sum::<u32>()
        };
        let more = if more { MORE } else { 0 };
        line[LEAF_BOXES] = needing(Headers::PORTS) | more | needing(Headers::ICMP) << 16;
        self.bytes.extend(line.into_iter().flat_map(u32::to_le_bytes));
    }

    /// Appends where boxes begin and end in pairs of words, as far as the region has them.
    fn pairs(&mut self, boxes: &Boxes, ids: &[u32], pairs: &[(usize, usize)], region: &[Span]) {
        for (a, b) in pairs {
            let mut lines = [[u16::MAX; 32], [0; 32]];
            for (half, word) in [a, b].into_iter().enumerate() {
                for (i, id) in ids.iter().enumerate() {
                    let (first, last) = boxes.columns[*word][*id as usize];
                    lines[0][16 * half + i] = first.max(region[*word].0);
                    lines[1][16 * half + i] = last.min(region[*word].1);
                }
            }
            let numbers = lines.as_flattened().iter();
            self.bytes.extend(numbers.flat_map(|number| number.to_le_bytes()));
        }
    }

    /// Where the bytes from `from` on stand already; then they are taken back.
    fn shared(&mut self, from: usize) -> usize {
        let (before, leaf) = self.bytes.split_at(from);
        let hash = hash(leaf);
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

/// FNV-1a over words of eight bytes: nobody gains by making leaves of a rule set collide.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for chunk in bytes.chunks(8) {
        let word = chunk.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        hash ^= hash >> 29;
    }
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The words in which some box leaves out a number of the region, one at least.
fn tested(boxes: &Boxes, ids: &[u32], region: &[Span]) -> Vec<usize> {
    let leaves_out = |word: &usize| {
        let whole = region[*word];
        ids.iter().any(|id| {
            let (first, last) = boxes.columns[*word][*id as usize];
            whole.0 < first || last < whole.1
        })
    };
    let mut words: Vec<usize> = (0..region.len()).filter(leaves_out).collect();
    if words.is_empty() {
        words.push(0);
    }
    words
}
