//! [`First`](super::find::First) for several packets at once, level by level: while one packet's
//! reads are on their way, the others' are asked for.
#![expect(
    clippy::indexing_slicing,
    reason = "all indices are taken modulo the arrays' lengths, and the linked lookup is searched for panics"
)]

use super::find::{Root, Roots, child_of, is_leaf};
use super::image::{CHECKED, Image, NOTHING, UNDECIDED};
use super::leaf;
use super::subject::Judged;
use super::words::{
    DST_PORT, DST_V4, ICMP, IN_INTERFACE, OUT_INTERFACE, PROTOCOL, SRC, SRC_PORT, STATE, WORDS,
    Words,
};
use crate::packet::Family;
use crate::simd::{Kernel, Lanes, TOGETHER};

/// Finds the first rule of the base chain that matches, for several packets: `entries[i]` is what
/// [`First`](super::find::First) says of `judged(i)`.
pub(in crate::tree) struct FirstOfEach<'a, F> {
    pub(in crate::tree) image: Image<'a>,
    pub(in crate::tree) base: &'a [Roots; 2],
    pub(in crate::tree) judged: F,
    pub(in crate::tree) entries: &'a mut [u32],
}

impl<J: Judged, F: Fn(usize) -> Option<J>> Kernel for FirstOfEach<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { image, base: [v4, v6], judged, entries } = self;
        let mut group = Group::new(image, lanes);
        for (turn, entries) in entries.chunks_mut(TOGETHER).enumerate() {
            let mut of_v6 = 0;
            for i in 0..entries.len() {
                let Some(words) = judged(turn * TOGETHER + i).map(Judged::words) else { continue };
                of_v6 |= u32::from(words.family == Family::V6) << i;
                group.set(i, &words, J::IS_KEY);
            }
            let all = (1 << entries.len()) - 1;
            if of_v6 != all {
                group.find(v4, all & !of_v6, entries);
            }
            if of_v6 != 0 {
                group.find(v6, of_v6, entries);
            }
        }
    }
}

/// Packets on their way together.
struct Group<'a, L: Lanes> {
    image: Image<'a>,
    lanes: L,
    /// For each word that of every packet.
    columns: [[u32; TOGETHER]; WORDS],
    /// For each packet what plain leaves test.
    rows: [[u64; 2]; TOGETHER],
}

/// For each packet that searches a tree its place in the group and a reference.
struct Steps {
    members: [u8; TOGETHER],
    references: [u32; TOGETHER],
    count: usize,
}

/// In place of an entry: there is no packet. No tree is searched for it but the first.
const NOBODY: u32 = 0;

impl Steps {
    /// Everybody.
    const ALL: Self = Self {
        members: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        references: [0; TOGETHER],
        count: TOGETHER,
    };

    /// Those that have not found anything before the entry `first`.
    #[inline(always)]
    fn of(found: &[u32; TOGETHER], first: u32) -> Self {
        let mut steps = Self { count: 0, ..Self::ALL };
        for (i, found) in found.iter().enumerate() {
            steps.members[steps.count % TOGETHER] = i as u8;
            steps.count += usize::from(first < *found);
        }
        steps
    }
}

impl<'a, L: Lanes> Group<'a, L> {
    #[inline(always)]
    fn new(image: Image<'a>, lanes: L) -> Self {
        let columns = Words::NONE.numbers().map(|number| [number; TOGETHER]);
        Self { image, lanes, columns, rows: [[0; 2]; TOGETHER] }
    }

    /// Takes a packet in. Of an IPv4 packet the words that only IPv6 has are left as they are.
    #[inline(always)]
    fn set(&mut self, i: usize, words: &Words, is_key: bool) {
        let i = i % TOGETHER;
        self.take::<SRC>(i, words);
        match words.family {
            Family::V4 => self.take::<DST_V4>(i, words),
            Family::V6 => {
                self.take::<1>(i, words);
                self.take::<2>(i, words);
                self.take::<3>(i, words);
                self.take::<4>(i, words);
                self.take::<5>(i, words);
                self.take::<6>(i, words);
                self.take::<7>(i, words);
            }
        }
        self.take::<SRC_PORT>(i, words);
        self.take::<DST_PORT>(i, words);
        self.take::<PROTOCOL>(i, words);
        if !is_key {
            self.take::<STATE>(i, words);
            self.take::<IN_INTERFACE>(i, words);
            self.take::<OUT_INTERFACE>(i, words);
            self.take::<ICMP>(i, words);
        }
        self.rows[i] = words.row();
    }

    /// Takes one word of a packet in: known here, so that nothing is computed for the others.
    #[inline(always)]
    fn take<const WORD: usize>(&mut self, i: usize, words: &Words) {
        self.columns[WORD][i] = words.word(WORD as u8);
    }

    /// Finds the entries of those packets, a bit each.
    #[inline(always)]
    fn find(&self, roots: &Roots, members: u32, entries: &mut [u32]) {
        let mut found: [u32; TOGETHER] =
            core::array::from_fn(|i| if members >> i & 1 == 1 { NOTHING } else { NOBODY });
        let mut undecided = 0;
        for (i, root) in roots.trees().iter().enumerate() {
            let mut steps = if i == 0 { Steps::ALL } else { Steps::of(&found, root.first) };
            undecided |= self.tree(root, &mut steps, &mut found);
        }
        for (i, entry) in entries.iter_mut().enumerate() {
            if members >> i & 1 == 1 {
                *entry = if undecided >> i & 1 == 1 { UNDECIDED } else { found[i % TOGETHER] };
            }
        }
    }

    /// Takes packets through a tree. Returns a bit for each that the straight way does not decide.
    #[inline(always)]
    fn tree(&self, root: &Root, steps: &mut Steps, found: &mut [u32; TOGETHER]) -> u32 {
        let Self { image, lanes, .. } = *self;
        self.enter(root, steps);
        let Steps { members, references, count } = steps;
        let members = members.get(..*count).unwrap_or_default();
        for _ in 0..root.depth {
            for (i, reference) in members.iter().zip(references.iter_mut()) {
                let next = self.child(*i, *reference);
                *reference = if is_leaf(*reference) { *reference } else { next };
            }
        }
        let mut undecided = 0;
        for (i, reference) in members.iter().zip(references.iter()) {
            let i = usize::from(*i) % TOGETHER;
            let row = lanes.row_of(self.rows[i]);
            let entry = match root.blocks {
                0 => self.search(i, *reference),
                blocks => leaf::usual(image, *reference, blocks, lanes, row),
            };
            undecided |= u32::from(entry & 0xff == CHECKED || !is_leaf(*reference)) << i;
            found[i] = found[i].min(entry);
        }
        undecided
    }

    /// The entry in a leaf, whatever it is like.
    #[inline(always)]
    fn search(&self, i: usize, reference: u32) -> u32 {
        let words = self.lanes.words(core::array::from_fn(|pair| {
            let [low, high] = [0, 1].map(|k| u64::from(self.columns[2 * pair + k][i % TOGETHER]));
            low | high << 32
        }));
        leaf::search(self.image, reference, self.lanes, words, |held| Some(held.entry()))
    }

    /// References to the nodes or leaves that packets enter a tree at.
    #[inline(always)]
    fn enter(&self, root: &Root, steps: &mut Steps) {
        let cells = root.cells(self.image, self.lanes, &self.columns);
        for (i, reference) in steps.members.iter().zip(&mut steps.references).take(steps.count) {
            *reference = root.enter(self.image, cells[usize::from(*i) % TOGETHER]);
        }
    }

    #[inline(always)]
    fn child(&self, i: u8, reference: u32) -> u32 {
        let number = self.columns[reference as usize % WORDS][usize::from(i) % TOGETHER];
        let Some(node) = self.image.window(reference) else { return u32::MAX };
        child_of(node, |thresholds| self.lanes.count_below_number(thresholds, number))
    }
}
