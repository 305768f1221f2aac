//! Leaves: up to 16 boxes side by side, tested all at once.
//!
//! | offset | what |
//! |---|---|
//! | 0 | 2 bytes: a bit for each box |
//! | 2 | 2 bytes: a bit for each box that needs ports |
//! | 4 | 2 bytes: a bit for each box that needs an ICMP header |
//! | 6 | a byte: how many columns; [`MORE`] added when another leaf follows that goes on with this one |
//! | 7 | a byte: where the entries are, in units of 4 bytes from the start of the leaf |
//! | 8 | for each column 6 bytes: the word; where its first numbers and where its last numbers are (units of 4 bytes); 0; 2 bytes, a bit for each box that takes any number |
//! | then | the numbers, 2 bytes a box; one list serves as first and last where every box asks for one number or any |
//! | then | the entries, 4 bytes a box |
//!
//! A word that every box takes all of, as far as packets of the leaf have it, has no column.

use super::image::WINDOW;
use super::words::{Headers, Words};
use crate::simd::Lanes;

/// In the byte with the number of columns: the next leaf goes on with this one.
pub(super) const MORE: u8 = 0x80;

/// Bytes before the columns' descriptions.
pub(super) const HEADER: usize = 8;

/// Bytes that describe a column.
pub(super) const COLUMN: usize = 6;

/// Columns that are tested without asking whether there are so many.
const USUAL: usize = 8;

/// A leaf in its window.
#[derive(Clone, Copy)]
pub(super) struct Leaf<'a> {
    window: &'a [u8; WINDOW],
}

impl<'a> Leaf<'a> {
    #[inline(always)]
    pub(super) fn new(window: &'a [u8; WINDOW]) -> Self {
        Self { window }
    }

    /// The boxes that hold the packet, a bit each, the first rule's lowest.
    #[inline(always)]
    pub(super) fn matching<L: Lanes>(self, lanes: L, words: &Words) -> u16 {
        let columns = usize::from(self.window[6] & 31);
        let mut mask = self.short(0);
        if !words.headers.contains(Headers::PORTS) {
            mask &= !self.short(2);
        }
        if !words.headers.contains(Headers::ICMP) {
            mask &= !self.short(4);
        }
        for i in 0..USUAL {
            // Beyond the last column something is tested too, and does not count.
            let beyond = if i < columns { 0 } else { u16::MAX };
            mask &= self.column(lanes, words, i) | beyond;
        }
        for i in USUAL..columns {
            mask &= self.column(lanes, words, i);
        }
        mask
    }

    #[inline(always)]
    fn column<L: Lanes>(self, lanes: L, words: &Words, i: usize) -> u16 {
        let at = HEADER + COLUMN * (i & 31);
        let [word, first, last, any] = [0, 1, 2, 4].map(|offset| self.window[at + offset]);
        let any = u16::from_le_bytes([any, self.window[at + 5]]);
        lanes.in_ranges(self.numbers(first), self.numbers(last), words.word(word)) | any
    }

    #[inline(always)]
    fn numbers(self, at: u8) -> &'a [u8; 32] {
        let from = usize::from(at) * 4;
        self.window[from..].first_chunk().unwrap_or(&[0; 32])
    }

    /// Of the boxes in `mask` those whose entry is at least `least`.
    #[inline(always)]
    pub(super) fn at_least<L: Lanes>(self, lanes: L, mask: u16, least: u32) -> u16 {
        let from = usize::from(self.window[7]) * 4;
        let entries = self.window[from..].first_chunk().unwrap_or(&[0; 64]);
        mask & lanes.at_least(entries, least)
    }

    /// The entry of box `i`, modulo 16.
    #[inline(always)]
    pub(super) fn entry(self, i: u32) -> u32 {
        let from = usize::from(self.window[7]) * 4 + (i as usize & 15) * 4;
        let bytes = self.window[from..].first_chunk().unwrap_or(&[0; 4]);
        u32::from_le_bytes(*bytes)
    }

    /// How many units of [`UNIT`](super::image::UNIT) bytes on the leaf is that goes on with this
    /// one, if there is one.
    #[inline(always)]
    pub(super) fn more(self) -> Option<u32> {
        let entries = u32::from(self.window[7]);
        let words = entries + u32::from(self.short(0).count_ones() as u16);
        (self.window[6] & MORE != 0).then(|| words.div_ceil(4))
    }

    #[inline(always)]
    fn short(self, at: usize) -> u16 {
        u16::from_le_bytes([self.window[at & 7], self.window[(at & 7) + 1]])
    }
}
