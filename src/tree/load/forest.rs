//! Checking forests: roots, grids, nodes and leaves.

use core::ops::Range;

use super::{Chain, Checker, ImageError};
use crate::simd::{GRID_LINES, GRID_WORDS};
use crate::tree::lookup::find::{ROOT_WORDS, is_leaf};
use crate::tree::lookup::image::{CHECKED, MAX_RULES, MAX_TREES, NODE_BYTES, PLAIN, RECORD, WIDE};
use crate::tree::lookup::leaf::{BLOCK_BOXES, GO, LINE, MAX_PASSES, TESTED};
use crate::tree::lookup::words::WORDS;

/// More nodes than are on any way to a leaf.
const HEIGHT: u8 = PLAIN as u8;

/// A forest being checked.
struct Place {
    chain: Chain,
    /// The byte where it begins; its trees end there.
    at: usize,
    /// The lines where nodes and leaves of its trees may begin.
    lines: Range<usize>,
}

impl Checker<'_> {
    /// Checks the forest that begins at a byte, and its trees before it.
    pub(super) fn forest(&mut self, at: usize, chain: Chain) -> Result<(), ImageError> {
        let count = self.image.word(at / 4) as usize;
        let words = 1 + ROOT_WORDS * count.min(MAX_TREES);
        let end = at.saturating_add(4 * words);
        if !at.is_multiple_of(4) || at < self.from || end > self.table {
            return Err(ImageError::broken(at, "a forest out of place"));
        }
        if count > MAX_TREES {
            return Err(ImageError::broken(at, "a forest with too many trees"));
        }
        let place = Place { chain, at, lines: self.from.div_ceil(LINE)..at.div_ceil(LINE) };
        self.trees(&place)?;
        let mut least = 0;
        for tree in 0..count {
            let root = at / 4 + 1 + ROOT_WORDS * tree;
            self.root(root, &place)?;
            let first = self.image.word(root + ROOT_WORDS - 1);
            if first < least {
                return Err(ImageError::broken(4 * root, "trees out of order"));
            }
            least = first;
        }
        // The line that the forest begins in has been looked at with its trees.
        self.from = place.lines.end.saturating_mul(LINE).min(end);
        self.nothing_up_to(end)
    }

    /// Checks all nodes and leaves of a forest: that they stand beside each other, and lead down.
    fn trees(&self, place: &Place) -> Result<(), ImageError> {
        let marks = self.marks.get(place.lines.clone()).unwrap_or_default();
        let mut free = place.lines.start;
        for (line, mark) in place.lines.clone().zip(marks) {
            let end = match u32::from(*mark) {
                0 => continue,
                _ if line < free => {
                    return Err(ImageError::broken(LINE * line, "a node or leaf inside another"));
                }
                mark @ PLAIN..=WIDE => self.leaf(line, mark, place)?,
                1..PLAIN => self.node(line, *mark, place)?,
                _ => return Err(ImageError::broken(LINE * line, "a mark that is none")),
            };
            free = end;
        }
        Ok(())
    }

    /// Checks a node; returns the line after it.
    fn node(&self, line: usize, height: u8, place: &Place) -> Result<usize, ImageError> {
        let word = |i: usize| self.image.word(16 * line + i);
        let thresholds = (0..16).map(word);
        let cuts = thresholds.clone().take_while(|threshold| *threshold != u32::MAX).count();
        let broken = |what| Err(ImageError::broken(LINE * line, what));
        if !thresholds.is_sorted() || cuts == 16 {
            return broken("a node with thresholds out of order");
        }
        if LINE * (line + 1) + 4 * (cuts + 1) > place.at {
            return broken("a node beyond the end of its tree");
        }
        for child in 0..=cuts {
            self.reference(16 * line + 16 + child, height, place)?;
        }
        Ok(line + NODE_BYTES / LINE)
    }

    /// Checks the reference that is a word of the image: to a leaf, or to a node that fewer nodes
    /// than `height` are below.
    fn reference(&self, word: usize, height: u8, place: &Place) -> Result<(), ImageError> {
        let reference = self.image.word(word);
        let (line, kind) = (reference as usize / LINE, reference % LINE as u32);
        let mark = match place.lines.contains(&line) {
            true => self.marks.get(line).map_or(0, |mark| *mark),
            false => 0,
        };
        let leads_down = match is_leaf(reference) {
            true => u32::from(mark) == kind,
            false => (1..height).contains(&mark) && (kind as usize) < WORDS,
        };
        match leads_down {
            true => Ok(()),
            false => Err(ImageError::broken(4 * word, "a reference to no node or leaf below")),
        }
    }

    /// Checks a leaf; returns the line after it.
    fn leaf(&self, line: usize, mark: u32, place: &Place) -> Result<usize, ImageError> {
        let (start, blocks, passes) = match mark {
            WIDE => self.wide(line)?,
            _ => (line, (mark - PLAIN) as usize + 1, 1),
        };
        let end = start as u64 + 2 * passes as u64 * blocks as u64;
        if LINE as u64 * end > place.at as u64 {
            return Err(ImageError::broken(LINE * line, "a leaf beyond the end of its tree"));
        }
        for block in 0..blocks {
            self.entries(start + 2 * passes * block, place)?;
        }
        Ok(end as usize)
    }

    /// Of a wide leaf the line where its blocks begin, how many there are, and how many passes.
    fn wide(&self, line: usize) -> Result<(usize, usize, usize), ImageError> {
        let bytes = self.image.window::<LINE>((LINE * line) as u32).unwrap_or(&[0; LINE]);
        let (words, [_, picks @ ..]) = (bytes.as_chunks::<4>().0, bytes.as_chunks::<8>().0) else {
            return Err(ImageError::broken(LINE * line, "a leaf of no line"));
        };
        let blocks = self.image.word(16 * line) as usize;
        let passes = words.get(1).map_or(0, |word| u32::from_le_bytes(*word)) as usize;
        let known = |picks: &[u8; 8]| picks.iter().all(|pick| usize::from(*pick) < 2 * WORDS);
        match blocks > 0 && (1..=MAX_PASSES).contains(&passes) && picks.iter().all(known) {
            true => Ok((line + 1, blocks, passes)),
            false => Err(ImageError::broken(LINE * line, "a leaf that tests what is not there")),
        }
    }

    /// Checks the entries of a block of boxes.
    fn entries(&self, line: usize, place: &Place) -> Result<(), ImageError> {
        const ROW: usize = LINE / BLOCK_BOXES / 4;
        for lane in 0..BLOCK_BOXES {
            let at = 16 * line + ROW * lane;
            let [first, last] = [at, at + 16].map(|at| self.image.word(at) as u16);
            // The eighth numbers of two rows.
            let row = 16 * line + ROW * 2 * lane;
            let [low, high] = [row, row + ROW].map(|row| self.image.word(row + TESTED / 2) >> 16);
            // A lane without a box begins behind its end.
            if first <= last && !self.is_entry(low | high << 16, place.chain) {
                return Err(ImageError::broken(4 * row, "a rule without an action or a record"));
            }
        }
        Ok(())
    }

    fn is_entry(&self, entry: u32, chain: Chain) -> bool {
        let (rule, low) = (entry >> 8, entry & 0xff);
        rule < MAX_RULES
            && match low {
                RECORD..=CHECKED => self.has_record(chain, rule),
                _ => low < RECORD && low < self.actions,
            }
    }

    /// Checks what a forest says of a tree.
    fn root(&self, word: usize, place: &Place) -> Result<(), ImageError> {
        let [_, depth, blocks, grid] = [0, 1, 2, 3].map(|i| self.image.word(word + i));
        let broken = |what| Err(ImageError::broken(4 * word, what));
        if depth >= u32::from(HEIGHT) || blocks > GO as u32 {
            return broken("a tree with lookups longer than any");
        }
        match grid as usize {
            0 if (4..ROOT_WORDS - 1).any(|i| self.image.word(word + i) != 0) => {
                broken("parts of a grid without a grid")
            }
            0 => self.reference(word, HEIGHT, place),
            count @ 1..=GRID_WORDS => self.grid(word, count, place),
            _ => broken("a grid of too many words"),
        }
    }

    /// Checks a tree whose root is a grid of so many words.
    fn grid(&self, word: usize, count: usize, place: &Place) -> Result<(), ImageError> {
        let broken = |what| Err(ImageError::broken(4 * word, what));
        let at = self.image.word(word) as usize;
        let Some(cells) = self.cells(word, count) else {
            return broken("a grid whose parts do not fit");
        };
        let first = at / 4 + 32 * GRID_LINES;
        let inside =
            at >= LINE * place.lines.start && 4 * (first as u64 + cells) <= place.at as u64;
        if !at.is_multiple_of(LINE) || !inside {
            return broken("a grid out of place");
        }
        let mut place_of = 0;
        for part in 0..GRID_WORDS {
            let thresholds = self.mask(word, part).count_ones() as usize;
            let picks = at / 4 + 16 * GRID_LINES + place_of;
            self.picks(picks..picks + thresholds)?;
            place_of += thresholds;
        }
        let cells = first..first + cells as usize;
        cells.into_iter().try_for_each(|cell| self.reference(cell, HEIGHT, place))
    }

    /// How many cells a grid has, if the thresholds of its words stand one after the other, and a
    /// part of each takes as many cells as all parts of the words after it.
    fn cells(&self, word: usize, count: usize) -> Option<u64> {
        let masks: [u64; GRID_WORDS] = core::array::from_fn(|part| self.mask(word, part));
        let all: u64 = masks.iter().map(|mask| u64::from(mask.count_ones()) + 1).product();
        let (mut place, mut stride) = (0, all);
        for (part, mask) in masks.iter().enumerate() {
            let thresholds = mask.count_ones();
            let own = ((1u128 << thresholds) - 1) as u64;
            stride /= u64::from(thresholds) + 1;
            let (says, of_grid) = (self.image.word(word + 6 + 3 * part), part < count);
            let fits = own.checked_shl(place).unwrap_or(0) == *mask
                && place + thresholds <= 16 * GRID_LINES as u32
                && u64::from(says) == if of_grid { stride } else { 0 };
            if !fits || !of_grid && thresholds != 0 {
                return None;
            }
            place += thresholds;
        }
        Some(all)
    }

    /// Which thresholds a word of a grid has, a bit each.
    fn mask(&self, word: usize, part: usize) -> u64 {
        let [low, high] = [4, 5].map(|i| u64::from(self.image.word(word + i + 3 * part)));
        low | high << 32
    }

    /// Checks that these thresholds are all of the same word.
    fn picks(&self, words: Range<usize>) -> Result<(), ImageError> {
        let first = self.image.word(words.start);
        match words.clone().all(|at| self.image.word(at) == first && (first as usize) < WORDS) {
            true => Ok(()),
            false => Err(ImageError::broken(4 * words.start, "a grid of words that are none")),
        }
    }
}
