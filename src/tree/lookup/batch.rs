//! [`First`](super::find::First) for several packets at once, level by level: while one packet's
//! reads are on their way, the others' are asked for.
#![expect(
    clippy::indexing_slicing,
    reason = "all indices are taken modulo the arrays' lengths, and the linked lookup is searched for panics"
)]

use super::find::{Root, Roots, child_of, is_leaf};
use super::image::{Image, NOTHING};
use super::leaf;
use super::subject::Judged;
use super::words::{
    DST_PORT, DST_V4, ICMP, IN_INTERFACE, OUT_INTERFACE, PROTOCOL, SRC, SRC_PORT, STATE, WORDS,
    Words,
};
use crate::packet::Family;
use crate::simd::{Kernel, Lanes, TOGETHER};

/// The most packets that are taken in before the first of them is looked up.
const BATCH: usize = TURNS * TOGETHER;

/// How many times [`TOGETHER`] that is.
const TURNS: usize = 4;

/// Finds the first rule of the base chain that matches, for several packets. Calls
/// `found(start, items, entries)` for some of the items after the other, with the number of the first
/// and for each what [`First`](super::find::First) says of `judged(start + i, &items[i])`.
pub(in crate::tree) struct FirstOfEach<'a, 'i, T, F, G> {
    pub(in crate::tree) image: Image<'a>,
    pub(in crate::tree) base: &'a [Roots; 2],
    pub(in crate::tree) items: &'i [T],
    pub(in crate::tree) judged: F,
    pub(in crate::tree) found: G,
}

impl<'i, T, J, F, G> Kernel for FirstOfEach<'_, 'i, T, F, G>
where
    J: Judged,
    F: Fn(usize, &'i T) -> J,
    G: FnMut(usize, &'i [T], &[u32]),
{
    type Output = ();

    /// Many packets are taken in before the first is looked up: what was written in parts can be read
    /// as a whole only after a while.
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { image, base, items, judged, mut found } = self;
        let mut group = Group::new(image, lanes);
        let mut entries = [[NOTHING; TOGETHER]; TURNS];
        for (batch, items) in items.chunks(BATCH).enumerate() {
            let words = |i: usize, item: &'i T| judged(batch * BATCH + i, item).words();
            group.taken.take(items, J::IS_KEY, words);
            for (turn, (items, entries)) in items.chunks(TOGETHER).zip(&mut entries).enumerate() {
                group.fill(turn, items, J::IS_KEY, words);
                group.find(base, turn, items.len(), entries);
            }
            found(batch * BATCH, items, entries.as_flattened());
        }
    }
}

/// What plain leaves and IPv4 trees test of packets.
struct Taken {
    /// For each packet its [`Words::row`].
    rows: [[[u64; 2]; TOGETHER]; TURNS],
    /// For each packet its [`Words::others`].
    others: [[[u64; 2]; TOGETHER]; TURNS],
    /// A bit for each packet that is of IPv6.
    of_v6: u64,
}

impl Taken {
    /// A bit for each packet of a turn that is of IPv6.
    #[inline(always)]
    fn of_v6(&self, turn: usize) -> u32 {
        (self.of_v6 >> (turn % TURNS * TOGETHER)) as u32 & ALL
    }

    const NONE: Self =
        Self { rows: [[[0; 2]; TOGETHER]; TURNS], others: [[[0; 2]; TOGETHER]; TURNS], of_v6: 0 };

    #[inline(always)]
    fn take<'i, T>(
        &mut self,
        items: &'i [T],
        are_keys: bool,
        words: impl Fn(usize, &'i T) -> Words,
    ) {
        let mut of_v6 = 0;
        let rows = self.rows.as_flattened_mut().iter_mut();
        let places = rows.zip(self.others.as_flattened_mut());
        for (i, (item, (row, others))) in items.iter().zip(places).enumerate() {
            let words = words(i, item);
            *row = words.row();
            if !are_keys {
                *others = words.others();
            }
            of_v6 |= u64::from(words.family == Family::V6) << i;
        }
        self.of_v6 = of_v6;
    }
}

/// Packets on their way together.
struct Group<'a, L: Lanes> {
    image: Image<'a>,
    lanes: L,
    taken: Taken,
    /// For each word that of every packet.
    columns: [[u32; TOGETHER]; WORDS],
}

/// A bit for each packet of a full group.
const ALL: u32 = (1 << TOGETHER) - 1;

impl<'a, L: Lanes> Group<'a, L> {
    #[inline(always)]
    fn new(image: Image<'a>, lanes: L) -> Self {
        let columns = Words::NONE.numbers().map(|number| [number; TOGETHER]);
        Self { image, lanes, taken: Taken::NONE, columns }
    }

    /// Fills the columns for the items of a turn.
    #[inline(always)]
    fn fill<'i, T>(
        &mut self,
        turn: usize,
        items: &'i [T],
        are_keys: bool,
        words: impl Fn(usize, &'i T) -> Words,
    ) {
        if self.taken.of_v6(turn) == 0 {
            return self.spread(turn, are_keys);
        }
        for (i, item) in items.iter().enumerate() {
            self.set(i, &words(turn * TOGETHER + i, item));
        }
    }

    /// Fills the columns that IPv4 packets need.
    #[inline(always)]
    fn spread(&mut self, turn: usize, are_keys: bool) {
        let [src, dst, ports, protocol] = self.lanes.spread(&self.taken.rows[turn % TURNS]);
        self.columns[SRC] = src;
        self.columns[DST_V4] = dst;
        self.columns[SRC_PORT] = ports.map(|ports| ports & 0xffff);
        self.columns[DST_PORT] = ports.map(|ports| ports >> 16);
        self.columns[PROTOCOL] = protocol;
        if !are_keys {
            let others = self.lanes.spread(&self.taken.others[turn % TURNS]);
            let [state, in_interface, out_interface, icmp] = others;
            self.columns[STATE] = state;
            self.columns[IN_INTERFACE] = in_interface;
            self.columns[OUT_INTERFACE] = out_interface;
            self.columns[ICMP] = icmp;
        }
    }

    /// Takes all words of a packet in.
    #[inline(always)]
    fn set(&mut self, i: usize, words: &Words) {
        for (column, number) in self.columns.iter_mut().zip(words.numbers()) {
            column[i % TOGETHER] = number;
        }
    }

    /// Finds the entries of the packets of a turn, of which there are `count`.
    #[inline(always)]
    fn find(
        &self,
        [v4, v6]: &[Roots; 2],
        turn: usize,
        count: usize,
        entries: &mut [u32; TOGETHER],
    ) {
        let of_v6 = self.taken.of_v6(turn);
        for (roots, members) in
            [(v4, ALL >> (TOGETHER - count.min(TOGETHER)) & !of_v6), (v6, of_v6)]
        {
            if members != 0 {
                self.find_in(roots, turn, members, entries);
            }
        }
    }

    /// Finds the entries of those packets, a bit each.
    #[inline(always)]
    fn find_in(&self, roots: &Roots, turn: usize, members: u32, entries: &mut [u32; TOGETHER]) {
        let mut found = [NOTHING; TOGETHER];
        let mut trees = roots.trees().iter();
        if let Some(root) = trees.next() {
            self.tree(root, turn, 0..TOGETHER, &mut found);
        }
        for root in trees {
            let (places, count) = looking(&found, root.first);
            let places = places.iter().take(count).map(|i| usize::from(*i) % TOGETHER);
            self.tree(root, turn, places, &mut found);
        }
        for (i, (entry, found)) in entries.iter_mut().zip(found).enumerate() {
            if members == ALL || members >> i & 1 == 1 {
                *entry = found;
            }
        }
    }

    /// Takes packets through a tree.
    #[inline(always)]
    fn tree(
        &self,
        root: &Root,
        turn: usize,
        places: impl Iterator<Item = usize> + Clone,
        found: &mut [u32; TOGETHER],
    ) {
        let mut references = [root.reference; TOGETHER];
        if root.is_grid() {
            let cells = root.cells(self.image, self.lanes, &self.columns);
            for i in places.clone() {
                references[i] = self.image.word(cells[i] as usize);
            }
        }
        for _ in 0..root.depth {
            for i in places.clone() {
                let reference = references[i];
                let next = self.child(i, reference);
                references[i] = if is_leaf(reference) { reference } else { next };
            }
        }
        let rows = &self.taken.rows[turn % TURNS];
        match root.blocks {
            0 => self.leaves(places, &references, found, |i, it| self.search(i, it)),
            1 => self.leaves(places, &references, found, |i, it| self.usual(rows[i], it, 1)),
            2 => self.leaves(places, &references, found, |i, it| self.usual(rows[i], it, 2)),
            3 => self.leaves(places, &references, found, |i, it| self.usual(rows[i], it, 3)),
            4 => self.leaves(places, &references, found, |i, it| self.usual(rows[i], it, 4)),
            blocks => {
                self.leaves(places, &references, found, |i, it| self.usual(rows[i], it, blocks))
            }
        }
    }

    #[inline(always)]
    fn leaves(
        &self,
        places: impl Iterator<Item = usize>,
        references: &[u32; TOGETHER],
        found: &mut [u32; TOGETHER],
        entry: impl Fn(usize, u32) -> u32,
    ) {
        for i in places {
            found[i] = found[i].min(entry(i, references[i]));
        }
    }

    /// The entry in a leaf of at most so many blocks.
    #[inline(always)]
    fn usual(&self, row: [u64; 2], reference: u32, blocks: usize) -> u32 {
        let row = self.lanes.row_of(row);
        leaf::usual(self.image, reference, blocks, self.lanes, row)
    }

    /// The entry in a leaf, whatever it is like.
    #[inline(always)]
    fn search(&self, i: usize, reference: u32) -> u32 {
        if !is_leaf(reference) {
            return leaf::UNUSUAL;
        }
        let words = self.lanes.words(core::array::from_fn(|pair| {
            let [low, high] = [0, 1].map(|k| u64::from(self.columns[2 * pair + k][i]));
            low | high << 32
        }));
        leaf::search(self.image, reference, self.lanes, words, |held| Some(held.entry()))
    }

    #[inline(always)]
    fn child(&self, i: usize, reference: u32) -> u32 {
        let number = self.columns[reference as usize % WORDS][i];
        let Some(node) = self.image.window(reference) else { return u32::MAX };
        child_of(node, |thresholds| self.lanes.count_below_number(thresholds, number))
    }
}

/// The places of packets that have not found anything before the entry `first`, and how many.
#[inline(always)]
fn looking(found: &[u32; TOGETHER], first: u32) -> ([u8; TOGETHER], usize) {
    let (mut places, mut count) = ([0; TOGETHER], 0);
    for (i, found) in found.iter().enumerate() {
        places[count % TOGETHER] = i as u8;
        count += usize::from(first < *found);
    }
    (places, count)
}
