//! The first rule of a chain, at or after a place, that matches.

use super::image::{CHECKED, Image, MAX_TREES, NODE_BYTES, NOTHING, TABLE_SHIFT, UNDECIDED, WIDE};
use super::leaf::{self, Leaf, Probe};
use super::residual;
use super::subject::{Judged, Subject};
use super::words::Words;
use crate::packet::{Family, Packet};
use crate::simd::{Kernel, Lanes};

/// More steps than any tree has, and more leaves than go on with each other.
const MAX_STEPS: usize = 1 << 20;

/// The trees of one chain for one family.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::tree) struct Roots {
    count: usize,
    trees: [Root; MAX_TREES],
    /// The word index of the record table, 0 if no rule has a record.
    records: usize,
}

/// A tree.
#[derive(Clone, Copy, Debug, Default)]
struct Root {
    /// Its root: a node, a leaf or a table.
    reference: u32,
    /// How many nodes most lookups go through.
    depth: u32,
    /// One more than the word that the table splits; 0 if the root is none.
    table: u32,
    /// Its first rule's entry.
    first: u32,
}

impl Roots {
    pub(in crate::tree) fn read(image: Image<'_>, chain: u32, family: Family) -> Self {
        let [v4, v6, records_v4, records_v6] = image.chain(chain);
        let (forest, records) = match family {
            Family::V4 => (v4, records_v4),
            Family::V6 => (v6, records_v6),
        };
        let at = forest as usize / 4;
        let mut roots = Self { records: records as usize / 4, ..Self::default() };
        roots.count = (image.word(at) as usize).min(MAX_TREES);
        for (i, tree) in roots.trees.iter_mut().take(roots.count).enumerate() {
            let [reference, depth, table, first] =
                [1, 2, 3, 4].map(|word| image.word(at + 4 * i + word));
            *tree = Root { reference, depth, table, first };
        }
        roots
    }

    /// The word where the record of the rule with this entry begins.
    pub(in crate::tree) fn record(&self, image: Image<'_>, entry: u32) -> usize {
        image.word(self.records.saturating_add((entry >> 8) as usize)) as usize
    }
}

/// Finds the first rule of a chain, at or after a place, that matches a packet.
#[derive(Clone, Copy)]
pub(in crate::tree) struct Find<'a> {
    pub(in crate::tree) image: Image<'a>,
    pub(in crate::tree) roots: &'a Roots,
    pub(in crate::tree) subject: &'a Subject<'a>,
    pub(in crate::tree) words: &'a Words,
    pub(in crate::tree) mark: u32,
    /// The least entry that counts.
    pub(in crate::tree) least: u32,
}

/// Finds the first rule of the base chain that matches.
#[derive(Clone, Copy)]
pub(in crate::tree) struct First<'a, J> {
    pub(in crate::tree) image: Image<'a>,
    pub(in crate::tree) base: &'a [Roots; 2],
    pub(in crate::tree) judged: J,
}

impl<J: Judged> Kernel for First<'_, J> {
    /// The rule's entry, or [`NOTHING`], or [`UNDECIDED`] where [`Find`] has to be asked.
    type Output = u32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> u32 {
        let Self { image, base, judged } = self;
        let words = &judged.words();
        let [v4, v6] = base;
        let roots = if words.family == Family::V4 { v4 } else { v6 };
        let probe = Probe::new(lanes, words);
        let mut found = NOTHING;
        for root in roots.trees.iter().take(roots.count) {
            if root.first > found {
                break;
            }
            let reference = root.leaf(image, lanes, words);
            let Some(leaf) = Leaf::test(image, reference, lanes, words, &probe) else { continue };
            let entry = leaf.entry();
            if entry & 0xff == CHECKED || (entry == NOTHING && leaf.has_more()) {
                return UNDECIDED;
            }
            found = found.min(entry);
        }
        found
    }
}

/// [`First`] for several packets: `entries[i]` for `packets[i]`.
pub(in crate::tree) struct FirstOfEach<'a> {
    pub(in crate::tree) image: Image<'a>,
    pub(in crate::tree) base: &'a [Roots; 2],
    pub(in crate::tree) packets: &'a [Packet],
    pub(in crate::tree) entries: &'a mut [u32],
}

impl Kernel for FirstOfEach<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { image, base, packets, entries } = self;
        for (packet, entry) in packets.iter().zip(entries) {
            *entry = First { image, base, judged: (packet, None) }.run(lanes);
        }
    }
}

impl Kernel for Find<'_> {
    /// The rule's entry, or [`NOTHING`].
    type Output = u32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> u32 {
        let probe = Probe::new(lanes, self.words);
        let mut found = NOTHING;
        for root in self.roots.trees.iter().take(self.roots.count) {
            if root.first > found {
                break;
            }
            let reference = root.leaf(self.image, lanes, self.words);
            found = found.min(self.leaf(lanes, &probe, reference));
        }
        found
    }
}

impl Root {
    /// The reference to the leaf that the packet belongs to.
    ///
    /// Most lookups take the same steps whatever the packet, so that no branch has to be guessed: a
    /// reference to a leaf stays what it is for as many steps as most lookups need.
    #[inline(always)]
    fn leaf<L: Lanes>(&self, image: Image<'_>, lanes: L, words: &Words) -> u32 {
        let mut reference = self.reference;
        if let Some(word) = self.table.checked_sub(1) {
            let entry = usize::from(words.word(word as u8) >> TABLE_SHIFT);
            reference = image.word(reference as usize / 4 + entry);
        }
        for _ in 0..self.depth {
            let next = child(image, lanes, words, reference);
            reference = if is_leaf(reference) { reference } else { next };
        }
        for _ in 0..MAX_STEPS {
            if is_leaf(reference) {
                break;
            }
            reference = child(image, lanes, words, reference);
        }
        reference
    }
}

/// The reference to the child that the packet belongs to.
#[inline(always)]
fn child<L: Lanes>(image: Image<'_>, lanes: L, words: &Words, reference: u32) -> u32 {
    let Some(node) = image.window::<NODE_BYTES>(reference) else { return u32::MAX };
    let (thresholds, children) = node.split_first_chunk::<64>().unwrap_or((&[0; 64], &[]));
    let child = lanes.count_below(thresholds, words.word(reference as u8)) & 31;
    let bytes = children.as_chunks::<4>().0.get(child);
    bytes.map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes))
}

impl Find<'_> {
    /// The first entry of a leaf that counts and whose checks hold, or of those that go on with it.
    #[inline(always)]
    fn leaf<L: Lanes>(&self, lanes: L, probe: &Probe<L>, mut reference: u32) -> u32 {
        for _ in 0..MAX_STEPS {
            let leaf = Leaf::test(self.image, reference, lanes, self.words, probe);
            let Some(leaf) = leaf else { return NOTHING };
            let mut left = leaf.at_least(lanes, self.least);
            while left.mask != 0 {
                let entry = left.entry();
                if entry & 0xff != CHECKED || self.checks_hold(entry) {
                    return entry;
                }
                left = left.without_first();
            }
            if !leaf.has_more() {
                return NOTHING;
            }
            reference = reference.saturating_add(leaf::length(self.image, reference));
        }
        NOTHING
    }

    #[inline(never)]
    fn checks_hold(&self, entry: u32) -> bool {
        let at = self.roots.record(self.image, entry);
        let count = self.image.word(at.saturating_add(3));
        residual::hold(self.image, at.saturating_add(4), count, self.subject, self.words, self.mark)
    }
}

/// Whether a reference names a leaf.
#[inline(always)]
fn is_leaf(reference: u32) -> bool {
    reference & 31 >= WIDE
}
