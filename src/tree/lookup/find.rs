//! The first rule of a chain, at or after a place, that matches.

use super::image::{CHECKED, Image, MAX_RULES, MAX_TREES, NODE_BYTES, NOTHING, PLAIN};
use super::leaf::{self, GO, Held, PLAIN_HALVES, UNUSUAL};
use super::question::Question;
use super::residual;
use super::subject::{Judged, Subject};
use super::words::WORDS;
use super::words::Words;
use crate::packet::Family;
use crate::simd::{GRID_LINES, GRID_WORDS, Grid, Kernel, Lanes, Part, TOGETHER};
use crate::tree::members::Members;

/// More steps than any tree has, and more leaves than go on with each other.
const MAX_STEPS: usize = 1 << 20;

/// Words that a forest says of a tree.
pub(in crate::tree) const ROOT_WORDS: usize = 5 + 3 * GRID_WORDS;

/// The trees of one chain for one family.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::tree) struct Roots {
    count: usize,
    wide: bool,
    trees: [Root; MAX_TREES],
    /// The word index of the record table, 0 if no rule has a record.
    records: usize,
    /// Whether rules ask for sets and nothing else besides their boxes; known of the base chain.
    asks_sets: bool,
    /// What the first rules ask that decide if a part of the packet is in a set; known of the base chain.
    questions: [Question; QUESTIONS],
}

/// Rules whose questions are kept at hand.
const QUESTIONS: usize = 4;

/// A tree.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::tree) struct Root {
    /// Its root: a node, a leaf or a table.
    pub(in crate::tree) reference: u32,
    /// How many nodes most lookups go through.
    pub(super) depth: u32,
    /// How many blocks of a leaf most lookups look at; 0 if most leaves are wide.
    pub(super) blocks: usize,
    /// How many words its root splits at once; 0 if it is no grid.
    words: usize,
    /// What it says of each of them.
    parts: [Part; GRID_WORDS],
    /// Its first rule's entry.
    pub(in crate::tree) first: u32,
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
            *tree = Root::read(image, at + 1 + ROOT_WORDS * i);
            roots.wide |= tree.blocks == 0;
        }
        roots
    }

    /// Of the base chain, where it is known what rules ask of sets.
    pub(in crate::tree) fn of_base(image: Image<'_>, family: Family) -> Self {
        let mut roots = Self::read(image, 0, family);
        let before = roots.records.checked_sub(1);
        let count = before.map_or(0, |before| image.word(before)).min(MAX_RULES);
        let mut questions = roots.questions.iter_mut();
        for rule in 0..count {
            let record = image.word(roots.records.saturating_add(rule as usize)) as usize;
            let question = Question::read(image, record, rule << 8 | CHECKED);
            let Some(question) = question.filter(|_| record != 0) else { continue };
            let Some(place) = questions.next() else { break };
            *place = question;
            roots.asks_sets = true;
        }
        roots
    }

    /// What the rule with this entry asks of sets, if that is all that there is to it and it is among
    /// the first that do so.
    #[inline(always)]
    pub(in crate::tree) fn question(&self, entry: u32) -> Option<&Question> {
        self.questions.iter().find(|question| question.entry == entry)
    }

    /// Whether rules of the base chain ask for sets.
    #[inline(always)]
    pub(in crate::tree) fn ask_sets(&self) -> bool {
        self.asks_sets
    }

    /// The trees, ascending by their first rules.
    #[inline(always)]
    pub(super) fn trees(&self) -> &[Root] {
        self.trees.get(..self.count).unwrap_or_default()
    }

    /// Whether most leaves of some tree are wide.
    #[inline(always)]
    pub(in crate::tree) fn are_wide(&self) -> bool {
        self.wide
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
    pub(in crate::tree) members: &'a Members,
    pub(in crate::tree) mark: u32,
    /// The least entry that counts.
    pub(in crate::tree) least: u32,
}

/// Finds the first rule of the base chain that matches. If `WIDE`, it also searches leaves that are
/// wide or long; without, all has room in registers.
#[derive(Clone, Copy)]
pub(in crate::tree) struct First<'a, J, const WIDE: bool> {
    pub(in crate::tree) image: Image<'a>,
    pub(in crate::tree) base: &'a [Roots; 2],
    pub(in crate::tree) judged: J,
}

impl<J: Judged, const WIDE: bool> Kernel for First<'_, J, WIDE> {
    /// The rule's entry, or [`NOTHING`], or one that is [`CHECKED`] where [`Find`] has to be asked.
    type Output = u32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> u32 {
        let Self { image, base, judged } = self;
        let words = &judged.words();
        let [v4, v6] = base;
        let roots = if words.family == Family::V4 { v4 } else { v6 };
        let words = lanes.words(words.pairs());
        let row = lanes.row(words, PLAIN_HALVES);
        let mut found = NOTHING;
        for root in roots.trees() {
            if root.first > found {
                break;
            }
            let reference = root.leaf(image, lanes, words);
            let mut entry = leaf::usual(image, reference, root.blocks, lanes, row);
            if WIDE && entry == UNUSUAL {
                entry = leaf::search(image, reference, lanes, words, |held| Some(held.entry()));
            }
            found = found.min(entry);
        }
        found
    }
}

/// Finds the first two rules of the base chain that match, without regard to residual checks. If
/// `WIDE`, it also searches leaves that are wide or long.
#[derive(Clone, Copy)]
pub(in crate::tree) struct FirstTwo<'a, J, const WIDE: bool> {
    pub(in crate::tree) image: Image<'a>,
    pub(in crate::tree) roots: &'a Roots,
    pub(in crate::tree) judged: J,
}

impl<J: Judged, const WIDE: bool> Kernel for FirstTwo<'_, J, WIDE> {
    /// Their entries, or [`NOTHING`], or [`UNUSUAL`] in both places. The second one counts if the first
    /// is [`CHECKED`].
    type Output = [u32; 2];

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> [u32; 2] {
        let Self { image, roots, judged } = self;
        let words = lanes.words(judged.words().pairs());
        let row = lanes.row(words, PLAIN_HALVES);
        let [mut first, mut second] = [NOTHING; 2];
        for root in roots.trees() {
            if root.first > if first & 0xff == CHECKED { second } else { first } {
                break;
            }
            let reference = root.leaf(image, lanes, words);
            let mut own = leaf::usual_two(image, reference, root.blocks, lanes, row);
            if WIDE && own == [UNUSUAL; 2] {
                own = leaf::search_two(image, reference, lanes, words);
            }
            second = first.max(own[0]).min(second.min(own[1]));
            first = first.min(own[0]);
        }
        [first, second]
    }
}

impl Kernel for Find<'_> {
    /// The rule's entry, or [`NOTHING`].
    type Output = u32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> u32 {
        let words = lanes.words(self.words.pairs());
        let mut found = NOTHING;
        for root in self.roots.trees() {
            if root.first > found {
                break;
            }
            let reference = root.leaf(self.image, lanes, words);
            let entry =
                leaf::search(self.image, reference, lanes, words, |held| self.first_of(held));
            found = found.min(entry);
        }
        found
    }
}

impl Root {
    pub(in crate::tree) fn read(image: Image<'_>, at: usize) -> Self {
        let word = |i| image.word(at.saturating_add(i));
        let part = |i| {
            let mask = u64::from(word(4 + 3 * i)) | u64::from(word(5 + 3 * i)) << 32;
            Part { end: u64::BITS - mask.leading_zeros(), stride: word(6 + 3 * i) }
        };
        Self {
            reference: word(0),
            depth: word(1),
            blocks: (word(2) as usize).min(GO),
            words: word(3) as usize,
            parts: core::array::from_fn(part),
            first: word(ROOT_WORDS - 1),
        }
    }

    /// The word of the image with the reference of the packet's cell.
    #[inline(always)]
    fn cell<L: Lanes>(&self, image: Image<'_>, lanes: L, words: L::Words) -> u32 {
        let Some(grid) = self.lines(image) else { return 0 };
        self.first_cell().wrapping_add(lanes.cell(grid, self.parts(), words))
    }

    /// The same for several packets: `columns` has for each word that of every packet.
    #[inline(always)]
    pub(super) fn cells<L: Lanes>(
        &self,
        image: Image<'_>,
        lanes: L,
        columns: &[[u32; TOGETHER]; WORDS],
    ) -> [u32; TOGETHER] {
        let mut cells = lanes.column(&[self.first_cell(); TOGETHER]);
        let Some([thresholds, picks]) = self.lines(image) else { return lanes.numbers(cells) };
        let (thresholds, picks) =
            (thresholds.as_flattened().as_chunks::<4>().0, picks.as_flattened().as_chunks::<4>().0);
        let mut first = 0;
        for part in self.parts() {
            let own = thresholds.get(first..part.end as usize).unwrap_or_default();
            let word = picks.get(first).map(|word| u32::from_le_bytes(*word) as usize % WORDS);
            let Some(column) = word.and_then(|word| columns.get(word)) else { continue };
            let column = lanes.column(column);
            let mut add = |threshold: &[u8; 4]| {
                let threshold = u32::from_le_bytes(*threshold);
                cells = lanes.add_where_below(cells, part.stride, threshold, column);
            };
            let (fours, rest) = own.as_chunks::<4>();
            fours.iter().for_each(|four| four.iter().for_each(&mut add));
            rest.iter().for_each(&mut add);
            first = part.end as usize;
        }
        lanes.numbers(cells)
    }

    /// The words of the image with the references of all cells, if the root is a grid.
    pub(in crate::tree) fn all_cells(&self) -> Option<impl Iterator<Item = u32> + use<>> {
        let mut before = 0;
        let parts = self.parts().iter().map(|part| {
            let thresholds = part.end.saturating_sub(before);
            before = part.end;
            thresholds + 1
        });
        let first = self.first_cell();
        let count = parts.fold(1, u32::saturating_mul);
        self.is_grid().then(|| first..first.saturating_add(count))
    }

    #[inline(always)]
    fn parts(&self) -> &[Part] {
        self.parts.get(..self.words).unwrap_or_default()
    }

    /// Whether its root is a grid.
    #[inline(always)]
    pub(super) fn is_grid(&self) -> bool {
        self.words != 0
    }

    /// The word of the image with the reference of the first cell.
    #[inline(always)]
    fn first_cell(&self) -> u32 {
        self.reference / 4 + 32 * GRID_LINES as u32
    }

    /// A grid's lines: thresholds, and the words that they are of.
    #[inline(always)]
    fn lines<'a>(&self, image: Image<'a>) -> Option<&'a Grid> {
        let lines: &[u8; 128 * GRID_LINES] = image.window(self.reference)?;
        lines.as_chunks().0.as_chunks().0.first_chunk()
    }

    /// The reference to the leaf that the packet belongs to.
    ///
    /// Most lookups take the same steps whatever the packet, so that no branch has to be guessed: a
    /// reference to a leaf stays what it is for as many steps as most lookups need.
    #[inline(always)]
    fn leaf<L: Lanes>(&self, image: Image<'_>, lanes: L, words: L::Words) -> u32 {
        let mut reference = self.reference;
        if self.is_grid() {
            reference = image.word(self.cell(image, lanes, words) as usize);
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
fn child<L: Lanes>(image: Image<'_>, lanes: L, words: L::Words, reference: u32) -> u32 {
    let Some(node) = image.window(reference) else { return u32::MAX };
    child_of(node, |thresholds| lanes.count_below(thresholds, words, reference))
}

/// The reference to the child with the number that `count` gives for a node's thresholds.
#[inline(always)]
pub(super) fn child_of(node: &[u8; NODE_BYTES], count: impl FnOnce(&[u8; 64]) -> usize) -> u32 {
    let (thresholds, children) = node.split_first_chunk().unwrap_or((&[0; 64], &[]));
    let bytes = children.as_chunks::<4>().0.get(count(thresholds) & 15);
    bytes.map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes))
}

impl Find<'_> {
    /// The first entry that counts and whose checks hold.
    fn first_of(&self, mut held: Held<'_>) -> Option<u32> {
        while !held.is_empty() {
            let entry = held.entry();
            if entry >= self.least && (entry & 0xff != CHECKED || self.checks_hold(entry)) {
                return Some(entry);
            }
            held = held.without_first();
        }
        None
    }

    /// Whether the checks of the rule with this entry hold.
    #[inline(never)]
    pub(in crate::tree) fn checks_hold(&self, entry: u32) -> bool {
        let at = self.roots.record(self.image, entry);
        let count = self.image.word(at.saturating_add(3));
        let of = (self.subject, self.words, self.members);
        residual::hold(self.image, at.saturating_add(4), count, of, self.mark)
    }
}

/// Whether a reference names a leaf.
#[inline(always)]
pub(in crate::tree) fn is_leaf(reference: u32) -> bool {
    reference & PLAIN != 0
}
