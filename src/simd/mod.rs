//! Comparing one value with many at once: scalar, AVX2 and AVX-512, one backend chosen when a
//! matcher is built. The only module with `unsafe` code.
//!
//! A backend is a type with the methods of [`Lanes`]. A lookup is written once, generic over it,
//! as a [`Kernel`], and [`Chosen::run`] compiles it once for each backend, with that backend's
//! instructions switched on for the whole of it.
#![allow(unsafe_code)]
#![cfg_attr(not(feature = "alloc"), allow(dead_code, reason = "some of it is for connections"))]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;
#[cfg(test)]
mod tests;

/// A set of vector instructions that lookups can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// Plain code: on every processor.
    Scalar,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 (F, BW, DQ and VL).
    Avx512,
}

impl Backend {
    /// The best one that this processor has. `--cfg portcullis_scalar` makes it the scalar one.
    pub fn detect() -> Self {
        [Self::Avx512, Self::Avx2]
            .into_iter()
            .find(|backend| backend.is_available())
            .unwrap_or(Self::Scalar)
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => !cfg!(portcullis_scalar) && avx2::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => !cfg!(portcullis_scalar) && avx512::is_available(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// A backend that this processor is known to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen(Backend);

impl Chosen {
    /// `wanted` if there is one and the processor has it, else the best.
    pub(crate) fn new(wanted: Option<Backend>) -> Self {
        Self(wanted.filter(|backend| backend.is_available()).unwrap_or_else(Backend::detect))
    }

    /// Runs the kernel with this backend's instructions.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            // SAFETY: a `Chosen` holds a backend only after `is_available` has found that the
            // processor has its instructions.
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512 => unsafe { avx512::run(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2 => unsafe { avx2::run(kernel) },
            _ => scalar::run(kernel),
        }
    }
}

/// Asks the processor to fetch the cache lines of `value`, which will soon be read.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        let start: *const i8 = core::ptr::from_ref(value).cast();
        for line in (0..size_of::<T>()).step_by(64) {
            // SAFETY: a hint, of SSE, which every x86-64 processor has; it faults at no address,
            // and this one lies in `value`.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Code to be compiled for each backend. `run` must be `#[inline(always)]`, and so must all that
/// it calls on its way to the lanes.
pub(crate) trait Kernel {
    type Output;

    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// How many packets are on their way together.
pub(crate) const TOGETHER: usize = 16;

/// The most words that a grid splits.
pub(crate) const GRID_WORDS: usize = 4;

/// Lines of thresholds of a grid.
pub(crate) const GRID_LINES: usize = 3;

/// Thresholds, and beside each of them the index of its word.
pub(crate) type Grid = [[[u8; 64]; GRID_LINES]; 2];

/// What a grid says of one word.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    /// How many thresholds there are up to its last one.
    pub(crate) end: u32,
    /// How many cells lie between two of its thresholds.
    pub(crate) stride: u32,
}

/// What a backend can do. Numbers in byte arrays are little-endian.
pub(crate) trait Lanes: Copy {
    /// Eight numbers of 64 bits.
    type Longs: Copy;

    /// Sixteen words of a packet.
    type Words: Copy;

    /// Eight numbers of 16 bits, as many times side by side as boxes are tested at once.
    type Row: Copy;

    /// A number for each of [`TOGETHER`] packets.
    type Column: Copy;

    /// Two words each, the lower one first.
    fn words(self, pairs: [u64; 8]) -> Self::Words;

    /// How many of 16 thresholds of 32 bits are below the word with this index, modulo 16.
    fn count_below(self, thresholds: &[u8; 64], words: Self::Words, index: u32) -> usize;

    /// The same for a word itself.
    fn count_below_number(self, thresholds: &[u8; 64], number: u32) -> usize;

    /// For each part of a grid how many of its thresholds are below its word, times its stride: the
    /// sum. The word's index, modulo 16, stands beside each threshold.
    fn cell(self, grid: &Grid, parts: &[Part], words: Self::Words) -> u32;

    /// Those halves of the words that `picks` names, modulo 32: the low half of the first is 0.
    fn row(self, words: Self::Words, picks: [u8; 8]) -> Self::Row;

    /// Eight halves, four in each number, the first one lowest.
    fn row_of(self, halves: [u64; 2]) -> Self::Row;

    /// The four words of each row, the lower half of the first number first: a column for each.
    fn spread(self, rows: &[[u64; 2]; TOGETHER]) -> [[u32; TOGETHER]; 4];

    /// Numbers side by side.
    fn column(self, numbers: &[u32; TOGETHER]) -> Self::Column;

    /// The numbers of a column.
    fn numbers(self, column: Self::Column) -> [u32; TOGETHER];

    /// Adds `amount` to the sums of the packets whose number is above `threshold`.
    fn add_where_below(
        self,
        sums: Self::Column,
        amount: u32,
        threshold: u32,
        numbers: Self::Column,
    ) -> Self::Column;

    /// Whether the first seven numbers of the row are in the spans of four boxes, each of which has eight numbers
    /// in `first` and in `last`: both of bits `2 * i` and `2 * i + 1` are set for box `i`, or not.
    /// (One tells of the first four numbers, the other of the rest.)
    fn holding(self, first: &[u8; 64], last: &[u8; 64], row: Self::Row) -> u8;

    /// For each of 16 numbers whether the bits of `mask` are those of `value`: bit `i` for number
    /// `i`.
    fn masked_equal(self, numbers: &[u32; 16], mask: u32, value: u32) -> u16;

    fn longs(self, numbers: &[u64; 8]) -> Self::Longs;

    fn long_numbers(self, words: Self::Longs) -> [u64; 8];

    /// The sums, without what carries over.
    fn wrapping_add(self, a: Self::Longs, b: Self::Longs) -> Self::Longs;

    fn xor(self, a: Self::Longs, b: Self::Longs) -> Self::Longs;

    fn rotate_left<const BITS: u32>(self, words: Self::Longs) -> Self::Longs;
}

/// The same from a function that says how many thresholds before a place are below their words.
#[inline(always)]
fn cell(parts: &[Part], below_before: impl Fn(u32) -> u32) -> u32 {
    let (mut cell, mut before) = (0u32, 0);
    for part in parts {
        let up_to_end = below_before(part.end);
        cell = cell.wrapping_add(up_to_end.wrapping_sub(before).wrapping_mul(part.stride));
        before = up_to_end;
    }
    cell
}

/// Eight halves of words, four in each number.
#[inline(always)]
fn row(words: &[u32; 16], picks: [u8; 8]) -> [u64; 2] {
    let half = |pick: u8| {
        let word = words.get(usize::from(pick / 2 % 16)).map_or(0, |word| *word);
        u64::from((word >> (16 * (pick % 2))) as u16)
    };
    let [a, b, c, d, e, f, g, h] = picks.map(half);
    [a | b << 16 | c << 32 | d << 48, e | f << 16 | g << 32 | h << 48]
}

/// Words from pairs, the lower one first.
#[inline(always)]
fn split(pairs: [u64; 8]) -> [u32; 16] {
    core::array::from_fn(|i| (pairs[i / 2] >> (32 * (i % 2))) as u32)
}
