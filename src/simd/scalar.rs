use super::{Grid, Kernel, Lanes, Part, TOGETHER};

/// Out of line like the other backends, so that choosing among them is all that callers inline.
#[inline(never)]
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Scalar)
}

/// Plain code, written so that compilers vectorise it where they can.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

impl Lanes for Scalar {
    type Longs = [u64; 8];
    type Words = [u32; 16];
    type Row = [u64; 2];
    type Column = [u32; TOGETHER];

    #[inline(always)]
    fn words(self, pairs: [u64; 8]) -> [u32; 16] {
        super::split(pairs)
    }

    #[inline(always)]
    fn count_below(self, thresholds: &[u8; 64], words: [u32; 16], index: u32) -> usize {
        self.count_below_number(thresholds, words.get(index as usize % 16).map_or(0, |word| *word))
    }

    #[inline(always)]
    fn count_below_number(self, thresholds: &[u8; 64], number: u32) -> usize {
        let (thresholds, _) = thresholds.as_chunks::<4>();
        let below = thresholds.iter().map(|bytes| u32::from(u32::from_le_bytes(*bytes) < number));
        below.sum::<u32>() as usize
    }

    #[inline(always)]
    fn row_of(self, halves: [u64; 2]) -> [u64; 2] {
        halves
    }

    #[inline(always)]
    fn spread(self, rows: &[[u64; 2]; TOGETHER]) -> [[u32; TOGETHER]; 4] {
        let mut columns = [[0; TOGETHER]; 4];
        for (i, [low, high]) in rows.iter().enumerate() {
            let words = [*low as u32, (low >> 32) as u32, *high as u32, (high >> 32) as u32];
            for (column, word) in columns.iter_mut().zip(words) {
                column[i] = word;
            }
        }
        columns
    }

    #[inline(always)]
    fn column(self, numbers: &[u32; TOGETHER]) -> [u32; TOGETHER] {
        *numbers
    }

    #[inline(always)]
    fn numbers(self, column: [u32; TOGETHER]) -> [u32; TOGETHER] {
        column
    }

    #[inline(always)]
    fn add_where_below(
        self,
        mut sums: [u32; TOGETHER],
        amount: u32,
        threshold: u32,
        numbers: [u32; TOGETHER],
    ) -> [u32; TOGETHER] {
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum = sum.wrapping_add(if threshold < number { amount } else { 0 });
        }
        sums
    }

    #[inline(always)]
    fn cell(self, [thresholds, picks]: &Grid, parts: &[Part], words: [u32; 16]) -> u32 {
        let thresholds = thresholds.as_flattened().as_chunks::<4>().0;
        let picks = picks.as_flattened().as_chunks::<4>().0;
        let (mut cell, mut first) = (0u32, 0);
        for part in parts {
            let own = thresholds.get(first..part.end as usize).unwrap_or_default();
            let pick = picks.get(first).map_or(0, |pick| u32::from_le_bytes(*pick));
            let word = words.get(pick as usize % 16).map_or(0, |word| *word);
            let below = own.iter().map(|bytes| u32::from(u32::from_le_bytes(*bytes) < word));
            cell = cell.wrapping_add(below.sum::<u32>().wrapping_mul(part.stride));
            first = part.end as usize;
        }
        cell
    }

    #[inline(always)]
    fn row(self, words: [u32; 16], picks: [u8; 8]) -> [u64; 2] {
        super::row(&words, picks)
    }

    #[inline(always)]
    fn holding(self, first: &[u8; 64], last: &[u8; 64], row: [u64; 2]) -> u8 {
        let values: [u16; 8] = core::array::from_fn(|i| (row[i / 4] >> (16 * (i % 4))) as u16);
        let mut held = 0;
        let boxes = first.as_chunks::<16>().0.iter().zip(last.as_chunks::<16>().0);
        for (i, (first, last)) in boxes.enumerate() {
            let mut outside = [0; 8];
            let spans = first.as_chunks::<2>().0.iter().zip(last.as_chunks::<2>().0);
            for ((lane, value), (first, last)) in outside.iter_mut().zip(values).zip(spans) {
                let below = u16::from_le_bytes(*first).saturating_sub(value);
                *lane = below | value.saturating_sub(u16::from_le_bytes(*last));
            }
            let [a, b, c, d, e, f, g, _] = outside;
            held |= u8::from(a | b | c | d == 0) << (2 * i);
            held |= u8::from(e | f | g == 0) << (2 * i + 1);
        }
        held
    }

    #[inline(always)]
    fn masked_equal(self, numbers: &[u32; 16], mask: u32, value: u32) -> u16 {
        let mut equal = 0;
        for (i, number) in numbers.iter().enumerate() {
            equal |= u16::from(number & mask == value & mask) << i;
        }
        equal
    }

    #[inline(always)]
    fn longs(self, numbers: &[u64; 8]) -> [u64; 8] {
        *numbers
    }

    #[inline(always)]
    fn long_numbers(self, words: [u64; 8]) -> [u64; 8] {
        words
    }

    #[inline(always)]
    fn wrapping_add(self, mut a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        a.iter_mut().zip(b).for_each(|(a, b)| *a = a.wrapping_add(b));
        a
    }

    #[inline(always)]
    fn xor(self, mut a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        a.iter_mut().zip(b).for_each(|(a, b)| *a ^= b);
        a
    }

    #[inline(always)]
    fn rotate_left<const BITS: u32>(self, words: [u64; 8]) -> [u64; 8] {
        words.map(|word| word.rotate_left(BITS))
    }
}
