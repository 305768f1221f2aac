//! Writing forests, records and chains as an image.

use alloc::vec::Vec;

use hashbrown::HashTable;

use super::boxes::{ANY, Boxes, Span};
use super::forest::Forest;
use super::grow::{LEAF_BOXES, Node};
use super::image::{LEAF, UNIT, WINDOW};
use super::leaf::{COLUMN, HEADER, MORE};
use super::words::Headers;

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

    /// Appends words where the next unit begins; returns the byte offset.
    pub(super) fn words(&mut self, words: impl IntoIterator<Item = u32>) -> usize {
        let at = self.align(UNIT);
        self.bytes.extend(words.into_iter().flat_map(u32::to_le_bytes));
        at
    }

    pub(super) fn set_word(&mut self, index: usize, word: u32) {
        if let Some(bytes) = self.bytes.get_mut(4 * index..4 * index + 4) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }

    /// Whole lines, with a window's length beyond all that is written.
    pub(super) fn finish(&mut self) {
        self.bytes.resize(self.bytes.len() + WINDOW, 0);
        self.align(64);
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
            words.extend([self.node(boxes, tree, &mut region)?, *first]);
        }
        Ok(self.words(words))
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
        let whole = region[word];
        let mut references = Vec::with_capacity(children.len());
        let mut first = whole.0;
        for (child, last) in children.iter().zip(ends.iter().copied().chain([whole.1])) {
            region[word] = (first, last);
            references.push(self.node(boxes, child, region)?);
            first = last.saturating_add(1);
        }
        region[word] = whole;
        let at = self.align(64);
        let mut thresholds = [u16::MAX; 32];
        for (threshold, end) in thresholds.iter_mut().zip(ends) {
            *threshold = *end;
        }
        self.bytes.extend(thresholds.iter().flat_map(|threshold| threshold.to_le_bytes()));
        self.bytes.extend(references.iter().flat_map(|reference| reference.to_le_bytes()));
        Ok(reference(at, word as u32))
    }

    /// Appends a leaf, or several that go on with each other; returns the reference to it.
    fn leaf(&mut self, boxes: &Boxes, ids: &[u32], region: &[Span]) -> u32 {
        let at = self.align(UNIT);
        let mut ids = ids;
        loop {
            let mut count = ids.len().min(LEAF_BOXES);
            let mut leaf = encode(boxes, &ids[..count], region);
            while leaf.is_none() && count > 1 {
                count /= 2;
                leaf = encode(boxes, &ids[..count], region);
            }
            let from = self.align(UNIT);
            self.bytes.extend(leaf.unwrap_or_default());
            ids = &ids[count..];
            if ids.is_empty() {
                break;
            }
            self.bytes[from + 6] |= MORE;
        }
        reference(self.shared(at), LEAF)
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
    ((at / UNIT) as u32) << 5 | low
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

/// One column of a leaf.
struct Column {
    word: usize,
    first: Vec<u16>,
    /// `None` if every box asks for one number, which is in `first`, or for any.
    last: Option<Vec<u16>>,
    any: u16,
}

/// The bytes of one leaf, or `None` if its columns take more room than offsets reach.
fn encode(boxes: &Boxes, ids: &[u32], region: &[Span]) -> Option<Vec<u8>> {
    let columns: Vec<Column> =
        (0..region.len()).filter_map(|word| column(boxes, ids, word, region[word])).collect();
    let bits = |test: &dyn Fn(&u32) -> bool| {
        ids.iter().enumerate().map(|(i, id)| u16::from(test(id)) << i).sum::<u16>()
    };
    let needing = |headers| bits(&|id| boxes.needs[*id as usize].contains(headers));
    let mut leaf = Vec::with_capacity(512);
    for mask in [bits(&|_| true), needing(Headers::PORTS), needing(Headers::ICMP)] {
        leaf.extend(mask.to_le_bytes());
    }
    leaf.extend([columns.len() as u8, 0]);
    let list = (ids.len() * 2).next_multiple_of(4);
    let mut next = (HEADER + COLUMN * columns.len()).next_multiple_of(4);
    for column in &columns {
        let first = u8::try_from(next / 4).ok()?;
        next += list;
        let mut last = first;
        if column.last.is_some() {
            last = u8::try_from(next / 4).ok()?;
            next += list;
        }
        leaf.extend([column.word as u8, first, last, 0]);
        leaf.extend(column.any.to_le_bytes());
    }
    leaf.resize(leaf.len().next_multiple_of(4), 0);
    for numbers in columns.iter().flat_map(|column| [Some(&column.first), column.last.as_ref()]) {
        leaf.extend(numbers.into_iter().flatten().flat_map(|number| number.to_le_bytes()));
        leaf.resize(leaf.len().next_multiple_of(4), 0);
    }
    leaf[7] = u8::try_from(leaf.len() / 4).ok()?;
    leaf.extend(ids.iter().flat_map(|id| boxes.entries[*id as usize].to_le_bytes()));
    Some(leaf)
}

/// The column for a word, unless every box takes all that the region has.
fn column(boxes: &Boxes, ids: &[u32], word: usize, region: Span) -> Option<Column> {
    let clipped = |id: &u32| {
        let (first, last) = boxes.columns[word][*id as usize];
        (first.max(region.0), last.min(region.1))
    };
    let spans: Vec<Span> = ids.iter().map(clipped).collect();
    if spans.iter().all(|span| *span == region) {
        return None;
    }
    let first: Vec<u16> = spans.iter().map(|span| span.0).collect();
    if spans.iter().any(|span| span.0 != span.1 && *span != region) {
        let last = spans.iter().map(|span| span.1).collect();
        return Some(Column { word, first, last: Some(last), any: 0 });
    }
    let any = spans.iter().enumerate().map(|(i, span)| u16::from(*span == region) << i).sum();
    Some(Column { word, first, last: None, any })
}
