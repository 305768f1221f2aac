//! Leaves: boxes side by side in blocks of four, each block tested at once.
//!
//! A block has two lines. The first says where its boxes begin: eight numbers of 16 bits a box, one
//! for each half of a word that is tested. The second says where they end. In place of the eighth
//! numbers, of both lines one after the other, stand the low and the high half of each box's entry. A
//! lane without a box begins behind its end.
//!
//! A plain leaf tests the [`PLAIN_HALVES`]; its reference says how many blocks it has. A wide leaf
//! begins with a line of its own:
//!
//! | bytes | what |
//! |---|---|
//! | 0 to 3 | how many blocks of boxes |
//! | 4 | how many passes: blocks that test one after another of the same boxes, at most [`MAX_PASSES`] |
//! | 8 and on | for each pass the eight halves that it tests, twice the word and one more for the high one; the eighth is not looked at |
//!
//! The passes of a block stand together, and the first one has the entries.

use super::image::{CHECKED, Image, NOTHING, PLAIN, WIDE};
use super::words::{DST_PORT, DST_V4, PROTOCOL, SRC, SRC_PORT};
use crate::simd::Lanes;

/// How many halves of words a block tests.
pub(in crate::tree) const TESTED: usize = 7;

/// What plain leaves test: addresses, ports and protocol of an IPv4 packet; the last is not looked at.
pub(in crate::tree) const PLAIN_HALVES: [u8; TESTED + 1] = [
    low(SRC),
    low(SRC) + 1,
    low(DST_V4),
    low(DST_V4) + 1,
    low(SRC_PORT),
    low(DST_PORT),
    low(PROTOCOL),
    0,
];

/// The low half of a word.
const fn low(word: usize) -> u8 {
    2 * word as u8
}

/// How many boxes a block has.
pub(in crate::tree) const BLOCK_BOXES: usize = 4;

/// Bytes of a line.
pub(in crate::tree) const LINE: usize = 64;

/// The most blocks of a plain leaf.
pub(in crate::tree) const MAX_PLAIN_BLOCKS: usize = (WIDE - PLAIN) as usize;

/// The most passes of a wide leaf: all there is in an IPv6 packet.
pub(in crate::tree) const MAX_PASSES: usize = 4;

/// Blocks that are tested in one go.
pub(in crate::tree) const GO: usize = 8;

/// Lines that may be read from where any leaf begins.
pub(in crate::tree) const GO_LINES: usize = 2 * GO;

/// In place of an entry, and before all others: the answer takes more than the straight way.
pub(in crate::tree) const UNUSUAL: u32 = CHECKED;

/// Of two bits for each box, the first one.
const FIRST_OF_TWO: u64 = 0x5555_5555_5555_5555;

/// Up to [`GO`] blocks of a leaf, and which of their boxes hold a packet.
#[derive(Clone, Copy)]
pub(in crate::tree) struct Held<'a> {
    lines: &'a [[u8; LINE]; GO_LINES],
    /// How many blocks a block of boxes takes: a pass each.
    passes: usize,
    /// Two bits a box, the lower one is set for those that hold the packet.
    mask: u64,
}

impl Held<'_> {
    /// The entry of the first box, if there is one.
    #[inline(always)]
    pub(in crate::tree) fn entry(self) -> u32 {
        let place = self.mask.trailing_zeros() as usize;
        let block = self.passes * (place >> 3);
        entry(self.lines, 8 * block + (place & 7))
    }

    /// The same, or [`NOTHING`].
    #[inline(always)]
    fn entry_if_any(self) -> u32 {
        if self.is_empty() { NOTHING } else { self.entry() }
    }

    pub(in crate::tree) fn is_empty(self) -> bool {
        self.mask == 0
    }

    /// The same, without the first box.
    pub(in crate::tree) fn without_first(self) -> Self {
        Self { mask: self.mask & self.mask.wrapping_sub(1), ..self }
    }
}

/// The entry of the first of a leaf's boxes that holds a packet, [`NOTHING`] if none does, or
/// [`UNUSUAL`] if `reference` names no plain leaf of at most `usual` blocks, at most [`GO`]. So many
/// are looked at even if it has fewer, so that no branch depends on how many it has. `row` is the
/// packet's.
#[inline(always)]
pub(in crate::tree) fn usual<L: Lanes>(
    image: Image<'_>,
    reference: u32,
    usual: usize,
    lanes: L,
    row: L::Row,
) -> u32 {
    let more = (reference & 63).wrapping_sub(PLAIN) as usize;
    if more >= usual {
        return UNUSUAL;
    }
    let Some(lines) = image.lines(reference) else { return NOTHING };
    let place = holding(lines, usual, lanes, row).trailing_zeros() as usize;
    let entry = entry(lines, place);
    if place < 8 * (more + 1) { entry } else { NOTHING }
}

/// Of a plain leaf's first blocks the boxes that hold a packet, a bit for each in the lower one of two.
#[inline(always)]
fn holding<L: Lanes>(lines: &[[u8; LINE]; GO_LINES], blocks: usize, lanes: L, row: L::Row) -> u64 {
    let mut mask = 0;
    for (i, [first, last]) in lines.as_chunks::<2>().0.iter().take(blocks).enumerate() {
        mask |= u64::from(lanes.holding(first, last, row)) << (8 * i);
    }
    mask & mask >> 1 & FIRST_OF_TWO
}

/// The entries of the first two of a leaf's boxes that hold a packet, [`NOTHING`] where there are none;
/// or [`UNUSUAL`] twice as [`usual`] gives it.
#[inline(always)]
pub(in crate::tree) fn usual_two<L: Lanes>(
    image: Image<'_>,
    reference: u32,
    usual: usize,
    lanes: L,
    row: L::Row,
) -> [u32; 2] {
    let more = (reference & 63).wrapping_sub(PLAIN) as usize;
    if more >= usual {
        return [UNUSUAL; 2];
    }
    let Some(lines) = image.lines(reference) else { return [NOTHING; 2] };
    let mask = holding(lines, usual, lanes, row);
    let places = [mask, mask & mask.wrapping_sub(1)].map(|mask| mask.trailing_zeros() as usize);
    places.map(|place| {
        let entry = entry(lines, place);
        if place < 8 * (more + 1) { entry } else { NOTHING }
    })
}

/// The same for any leaf.
#[inline(always)]
pub(in crate::tree) fn search_two<L: Lanes>(
    image: Image<'_>,
    reference: u32,
    lanes: L,
    words: L::Words,
) -> [u32; 2] {
    let mut before = NOTHING;
    let last = search(image, reference, lanes, words, |held| {
        let (first, second) = (held.entry(), held.without_first().entry_if_any());
        if before != NOTHING {
            return Some(first);
        }
        before = first;
        (second != NOTHING).then_some(second)
    });
    [before, last]
}

/// The entry at a place, modulo 64: eight places a block, two a box.
#[inline(always)]
fn entry(lines: &[[u8; LINE]; GO_LINES], place: usize) -> u32 {
    let numbers = lines.as_flattened().as_chunks::<2>().0;
    let number = |at| numbers.get(at).map_or(0, |bytes| u16::from_le_bytes(*bytes));
    let at = 8 * (place & 62) + TESTED;
    u32::from(number(at)) | u32::from(number(at + TESTED + 1)) << 16
}

/// How many blocks a plain leaf has, at least one.
#[inline(always)]
pub(in crate::tree) fn plain_blocks(reference: u32) -> usize {
    (reference & 31) as usize + 1
}

/// Calls `hit` with the boxes of a leaf that hold a packet, some blocks at a time, until it gives
/// an answer.
#[inline(always)]
pub(in crate::tree) fn search<L: Lanes>(
    image: Image<'_>,
    reference: u32,
    lanes: L,
    words: L::Words,
    mut hit: impl FnMut(Held<'_>) -> Option<u32>,
) -> u32 {
    let shape = Shape::read(image, reference);
    let per_go = GO / shape.passes;
    let mut first = 0;
    while first < shape.blocks {
        let Some(lines) = image.some_lines(shape.line(first)) else { return NOTHING };
        let count = per_go.min(shape.blocks - first);
        let mut mask = u64::MAX >> (64 - 8 * count);
        for pass in 0..shape.passes {
            let row = shape.row(pass, lanes, words);
            for i in 0..count {
                let block = lines.as_chunks::<2>().0.get(i * shape.passes + pass);
                let Some([first, last]) = block else { continue };
                mask &= !(0xff << (8 * i)) | u64::from(lanes.holding(first, last, row)) << (8 * i);
            }
        }
        mask = mask & mask >> 1 & FIRST_OF_TWO;
        if mask != 0
            && let Some(answer) = hit(Held { lines, passes: shape.passes, mask })
        {
            return answer;
        }
        first += count;
    }
    NOTHING
}

/// Calls `seen` with the entry of each of a leaf's boxes.
pub(in crate::tree) fn each_entry(image: Image<'_>, reference: u32, mut seen: impl FnMut(u32)) {
    let shape = Shape::read(image, reference);
    for block in 0..shape.blocks {
        let Some(lines) = image.some_lines(shape.line(block)) else { return };
        for place in 0..BLOCK_BOXES {
            // A lane without a box begins behind its end in all that is tested.
            let numbers = lines.as_flattened().as_chunks::<2>().0;
            let number = |at: usize| numbers.get(at).map_or(0, |bytes| u16::from_le_bytes(*bytes));
            let first = 8 * place;
            if number(first) <= number(first + LINE / 2) {
                seen(entry(lines, 2 * place));
            }
        }
    }
}

/// What a leaf's blocks are like.
#[derive(Clone, Copy)]
struct Shape<'a> {
    /// The line of the first block.
    start: usize,
    blocks: usize,
    passes: usize,
    /// A wide leaf's own line.
    header: Option<&'a [u8; LINE]>,
}

impl<'a> Shape<'a> {
    #[inline(always)]
    fn read(image: Image<'a>, reference: u32) -> Self {
        let start = reference as usize / LINE;
        if reference & 63 != WIDE {
            return Self { start, blocks: plain_blocks(reference), passes: 1, header: None };
        }
        let Some([header, ..]) = image.lines(reference) else {
            return Self { start, blocks: 0, passes: 1, header: None };
        };
        let blocks = header.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
        let passes = usize::from(header[4]).clamp(1, MAX_PASSES);
        Self { start: start + 1, blocks, passes, header: Some(header) }
    }

    #[inline(always)]
    fn line(&self, block: usize) -> usize {
        self.start + 2 * self.passes * block
    }

    #[inline(always)]
    fn row<L: Lanes>(&self, pass: usize, lanes: L, words: L::Words) -> L::Row {
        let picks = self.header.and_then(|header| header.as_chunks::<8>().0.get(pass + 1));
        lanes.row(words, *picks.unwrap_or(&PLAIN_HALVES))
    }
}
