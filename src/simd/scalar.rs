use super::{Kernel, Lanes};

/// Out of line like the other backends, so that choosing among them is all that callers inline.
#[inline(never)]
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Scalar)
}

/// Plain code, written so that compilers vectorise it where they can.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

impl Lanes for Scalar {
    type Pair = [u16; 2];
    type Outside = [u16; 16];
    type Words = [u64; 8];

    #[inline(always)]
    fn count_below(self, thresholds: &[u8; 64], value: u16) -> usize {
        let (thresholds, _) = thresholds.as_chunks::<2>();
        let below = thresholds.iter().map(|bytes| u16::from(u16::from_le_bytes(*bytes) < value));
        usize::from(below.sum::<u16>())
    }

    #[inline(always)]
    fn pair(self, a: u16, b: u16) -> [u16; 2] {
        [a, b]
    }

    #[inline(always)]
    fn inside(self) -> [u16; 16] {
        [0; 16]
    }

    #[inline(always)]
    fn add(
        self,
        mut outside: [u16; 16],
        first: &[u8; 64],
        last: &[u8; 64],
        pair: [u16; 2],
    ) -> [u16; 16] {
        let halves = first.as_chunks::<32>().0.iter().zip(last.as_chunks::<32>().0);
        for (value, (first, last)) in pair.into_iter().zip(halves) {
            let spans = first.as_chunks::<2>().0.iter().zip(last.as_chunks::<2>().0);
            for (lane, (first, last)) in outside.iter_mut().zip(spans) {
                let below = u16::from_le_bytes(*first).saturating_sub(value);
                *lane |= below | value.saturating_sub(u16::from_le_bytes(*last));
            }
        }
        outside
    }

    #[inline(always)]
    fn inside_lanes(self, outside: [u16; 16]) -> u16 {
        let bits = outside.iter().enumerate().map(|(i, lane)| u16::from(*lane == 0) << i);
        bits.fold(0, |mask, bit| mask | bit)
    }

    #[inline(always)]
    fn at_least(self, numbers: &[u8; 64], value: u32) -> u16 {
        let mut mask = 0;
        for (i, bytes) in numbers.as_chunks::<4>().0.iter().enumerate() {
            mask |= u16::from(u32::from_le_bytes(*bytes) >= value) << i;
        }
        mask
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
    fn words(self, numbers: &[u64; 8]) -> [u64; 8] {
        *numbers
    }

    #[inline(always)]
    fn numbers(self, words: [u64; 8]) -> [u64; 8] {
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
