//! Leaves: up to 15 boxes side by side, tested all at once.
//!
//! | line | what |
//! |---|---|
//! | 0 | the boxes' entries, 4 bytes each; then 4 bytes of flags: a bit for each box that needs ports, [`MORE`] when another leaf goes on with this one, and a bit for each box that needs an ICMP header, from bit 16 up |
//! | wide leaves: 1 | how many pairs of words are tested; a byte of 0; two bytes a pair, the words |
//! | two a pair | where the boxes begin and where they end: 16 numbers of 2 bytes for one word, and 16 for the other |
//!
//! A plain leaf tests the [`PLAIN_PAIRS`]; it serves IPv4 rules that ask for nothing else. A lane
//! without a box begins behind its end.

use super::image::{Image, NOTHING, PLAIN};
use super::words::{DST_PORT, DST_V4, Headers, PROTOCOL, SRC, SRC_PORT, STATE, Words};
use crate::simd::Lanes;

/// The most boxes of a leaf.
pub(in crate::tree) const LEAF_BOXES: usize = 15;

/// In the flags: the leaf behind this one goes on with it.
pub(in crate::tree) const MORE: u32 = 0x8000;

/// Bytes of a line.
pub(in crate::tree) const LINE: usize = 64;

/// What a plain leaf tests.
pub(in crate::tree) const PLAIN_PAIRS: [(usize, usize); 4] =
    [(SRC, SRC + 1), (DST_V4, DST_V4 + 1), (SRC_PORT, DST_PORT), (PROTOCOL, STATE)];

/// The most pairs of a wide leaf: 23 words.
pub(in crate::tree) const MOST_PAIRS: usize = 12;

/// Bytes of a plain leaf.
const PLAIN_BYTES: usize = LINE * (1 + 2 * PLAIN_PAIRS.len());

/// Bytes of the largest leaf, which may be read wherever one begins.
pub(in crate::tree) const MOST_BYTES: usize = LINE * (2 + 2 * MOST_PAIRS);

/// A packet's words as plain leaves test them.
#[derive(Clone, Copy)]
pub(in crate::tree) struct Probe<L: Lanes> {
    pairs: [L::Pair; PLAIN_PAIRS.len()],
}

impl<L: Lanes> Probe<L> {
    #[inline(always)]
    pub(in crate::tree) fn new(lanes: L, words: &Words) -> Self {
        Self {
            pairs: PLAIN_PAIRS.map(|(a, b)| lanes.pair(words.word(a as u8), words.word(b as u8))),
        }
    }
}

/// A leaf, and which of its boxes hold a packet: a bit each, the first rule's lowest.
#[derive(Clone, Copy)]
pub(in crate::tree) struct Leaf<'a> {
    entries: &'a [u8; LINE],
    pub(in crate::tree) mask: u16,
}

impl<'a> Leaf<'a> {
    /// Tests the boxes of the leaf that `reference` names.
    #[inline(always)]
    pub(in crate::tree) fn test<L: Lanes>(
        image: Image<'a>,
        reference: u32,
        lanes: L,
        words: &Words,
        probe: &Probe<L>,
    ) -> Option<Self> {
        let (entries, outside) = match reference & 31 == PLAIN {
            true => Self::plain(image.window(reference)?, lanes, probe),
            false => Self::wide(image.window(reference)?, lanes, words),
        };
        let flags = flags(entries);
        let mut mask = lanes.inside_lanes(outside);
        if words.headers == Headers::PORTS {
            mask &= !((flags >> 16) as u16);
        } else {
            mask &= !lacking(flags, words.headers);
        }
        Some(Self { entries, mask })
    }

    #[inline(always)]
    fn plain<L: Lanes>(
        bytes: &'a [u8; PLAIN_BYTES],
        lanes: L,
        probe: &Probe<L>,
    ) -> (&'a [u8; LINE], L::Outside) {
        let mut outside = lanes.inside();
        for (i, pair) in probe.pairs.iter().enumerate() {
            outside = lanes.add(outside, line(bytes, 1 + 2 * i), line(bytes, 2 + 2 * i), *pair);
        }
        (line(bytes, 0), outside)
    }

    #[inline(always)]
    fn wide<L: Lanes>(
        bytes: &'a [u8; MOST_BYTES],
        lanes: L,
        words: &Words,
    ) -> (&'a [u8; LINE], L::Outside) {
        let header = line(bytes, 1);
        let mut outside = lanes.inside();
        let pairs = header.as_chunks::<2>().0.iter().skip(1);
        for (i, [a, b]) in pairs.take(usize::from(header[0]).min(MOST_PAIRS)).enumerate() {
            let pair = lanes.pair(words.word(*a), words.word(*b));
            outside = lanes.add(outside, line(bytes, 2 + 2 * i), line(bytes, 3 + 2 * i), pair);
        }
        (line(bytes, 0), outside)
    }

    /// The entry of the first box in the mask.
    #[inline(always)]
    pub(in crate::tree) fn entry(self) -> u32 {
        let place = (self.mask | 0x8000).trailing_zeros() as usize & 15;
        let entry = number(self.entries, place);
        if self.mask == 0 { NOTHING } else { entry }
    }

    /// The same leaf, without the boxes in the mask whose entry is below `least`.
    #[inline(always)]
    pub(in crate::tree) fn at_least<L: Lanes>(self, lanes: L, least: u32) -> Self {
        Self { mask: self.mask & lanes.at_least(self.entries, least), ..self }
    }

    /// The same leaf, without the first box in the mask.
    pub(in crate::tree) fn without_first(self) -> Self {
        Self { mask: self.mask & self.mask.wrapping_sub(1), ..self }
    }

    /// Whether another leaf goes on with this one.
    #[inline(always)]
    pub(in crate::tree) fn has_more(self) -> bool {
        flags(self.entries) & MORE != 0
    }
}

/// How many bytes behind a leaf the one begins that goes on with it.
pub(in crate::tree) fn length(image: Image<'_>, reference: u32) -> u32 {
    if reference & 31 == PLAIN {
        return PLAIN_BYTES as u32;
    }
    let pairs = image.window::<MOST_BYTES>(reference).map_or(0, |bytes| usize::from(bytes[LINE]));
    (LINE * (2 + 2 * pairs.min(MOST_PAIRS))) as u32
}

#[inline(always)]
fn flags(entries: &[u8; LINE]) -> u32 {
    number(entries, LEAF_BOXES)
}

/// The word `i` of a line.
#[inline(always)]
fn number(line: &[u8; LINE], i: usize) -> u32 {
    line.as_chunks::<4>().0.get(i).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// The line `i` of a leaf.
#[inline(always)]
fn line<const N: usize>(bytes: &[u8; N], i: usize) -> &[u8; LINE] {
    bytes.as_chunks().0.get(i).unwrap_or(&[0; LINE])
}

/// A bit for each box that needs a header which a packet with these does not have.
#[inline(always)]
fn lacking(flags: u32, headers: Headers) -> u16 {
    let ports = if headers.contains(Headers::PORTS) { 0 } else { flags as u16 };
    let icmp = if headers.contains(Headers::ICMP) { 0 } else { (flags >> 16) as u16 };
    ports | icmp
}
