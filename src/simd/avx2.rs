use core::arch::x86_64::*;

use super::{Kernel, Lanes};

cpufeatures::new!(features, "avx2", "bmi1", "bmi2", "popcnt");

pub(super) fn is_available() -> bool {
    features::get()
}

/// # Safety
///
/// The processor must have the features named here; [`is_available`] asks for them.
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(()))
}

/// Made only by [`run`], so that having one shows that the processor has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

#[cfg(test)]
impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        is_available().then_some(Self(()))
    }
}

impl Lanes for Avx2 {
    type Pair = [__m256i; 2];
    type Outside = __m256i;
    type Words = [__m256i; 2];

    #[inline(always)]
    fn count_below(self, thresholds: &[u8; 64], value: u16) -> usize {
        // SAFETY: an `Avx2` is made only where the processor has the instructions.
        unsafe { count_below(thresholds, value) }
    }

    #[inline(always)]
    fn pair(self, a: u16, b: u16) -> [__m256i; 2] {
        // SAFETY: as above.
        unsafe { pair(a, b) }
    }

    #[inline(always)]
    fn inside(self) -> __m256i {
        // SAFETY: as above.
        unsafe { inside() }
    }

    #[inline(always)]
    fn add(
        self,
        outside: __m256i,
        first: &[u8; 64],
        last: &[u8; 64],
        pair: [__m256i; 2],
    ) -> __m256i {
        // SAFETY: as above.
        unsafe { add(outside, first, last, pair) }
    }

    #[inline(always)]
    fn inside_lanes(self, outside: __m256i) -> u16 {
        // SAFETY: as above.
        unsafe { inside_lanes(outside) }
    }

    #[inline(always)]
    fn at_least(self, numbers: &[u8; 64], value: u32) -> u16 {
        // SAFETY: as above.
        unsafe { at_least(numbers, value) }
    }

    #[inline(always)]
    fn masked_equal(self, numbers: &[u32; 16], mask: u32, value: u32) -> u16 {
        // SAFETY: as above.
        unsafe { masked_equal(numbers, mask, value) }
    }

    #[inline(always)]
    fn words(self, numbers: &[u64; 8]) -> [__m256i; 2] {
        // SAFETY: as above.
        unsafe { words(numbers) }
    }

    #[inline(always)]
    fn numbers(self, words: [__m256i; 2]) -> [u64; 8] {
        // SAFETY: as above.
        unsafe { numbers(words) }
    }

    #[inline(always)]
    fn wrapping_add(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: as above.
        unsafe { wrapping_add(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: as above.
        unsafe { xor(a, b) }
    }

    #[inline(always)]
    fn rotate_left<const BITS: u32>(self, words: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: as above.
        unsafe { rotate_left::<BITS>(words) }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: 32 readable bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn count_below(thresholds: &[u8; 64], value: u16) -> usize {
    let value = _mm256_set1_epi16(value.cast_signed());
    let mut not_below = 0;
    for half in thresholds.as_chunks::<32>().0 {
        let half = load(half);
        let lanes = _mm256_cmpeq_epi16(_mm256_max_epu16(half, value), half);
        not_below += _mm256_movemask_epi8(lanes).count_ones() / 2;
    }
    32 - not_below as usize
}

#[target_feature(enable = "avx2")]
#[inline]
fn pair(a: u16, b: u16) -> [__m256i; 2] {
    [_mm256_set1_epi16(a.cast_signed()), _mm256_set1_epi16(b.cast_signed())]
}

#[target_feature(enable = "avx2")]
#[inline]
fn inside() -> __m256i {
    _mm256_setzero_si256()
}

#[target_feature(enable = "avx2")]
#[inline]
fn add(outside: __m256i, first: &[u8; 64], last: &[u8; 64], pair: [__m256i; 2]) -> __m256i {
    let mut outside = outside;
    let halves = first.as_chunks::<32>().0.iter().zip(last.as_chunks::<32>().0);
    for (value, (first, last)) in pair.into_iter().zip(halves) {
        let below = _mm256_subs_epu16(load(first), value);
        let above = _mm256_subs_epu16(value, load(last));
        outside = _mm256_or_si256(outside, _mm256_or_si256(below, above));
    }
    outside
}

/// One bit for each of 16 lanes of 2 bytes that are zero.
#[target_feature(enable = "avx2")]
#[inline]
fn inside_lanes(outside: __m256i) -> u16 {
    let inside = _mm256_cmpeq_epi16(outside, _mm256_setzero_si256());
    let (low, high) = (_mm256_castsi256_si128(inside), _mm256_extracti128_si256::<1>(inside));
    _mm_movemask_epi8(_mm_packs_epi16(low, high)) as u16
}

#[target_feature(enable = "avx2")]
#[inline]
fn at_least(numbers: &[u8; 64], value: u32) -> u16 {
    let value = _mm256_set1_epi32(value.cast_signed());
    let mut mask = 0;
    for (i, half) in numbers.as_chunks::<32>().0.iter().enumerate() {
        let half = load(half);
        let lanes = _mm256_cmpeq_epi32(_mm256_max_epu32(half, value), half);
        mask |= (_mm256_movemask_ps(_mm256_castsi256_ps(lanes)) as u16) << (8 * i);
    }
    mask
}

#[target_feature(enable = "avx2")]
#[inline]
fn masked_equal(numbers: &[u32; 16], mask: u32, value: u32) -> u16 {
    let value = _mm256_set1_epi32((value & mask).cast_signed());
    let mask = _mm256_set1_epi32(mask.cast_signed());
    let mut equal = 0;
    for (i, half) in numbers.as_chunks::<8>().0.iter().enumerate() {
        // SAFETY: 32 readable bytes; the load needs no alignment.
        let half = unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
        let lanes = _mm256_cmpeq_epi32(_mm256_and_si256(half, mask), value);
        equal |= (_mm256_movemask_ps(_mm256_castsi256_ps(lanes)) as u16) << (8 * i);
    }
    equal
}

#[target_feature(enable = "avx2")]
#[inline]
fn words(numbers: &[u64; 8]) -> [__m256i; 2] {
    let mut words = [_mm256_setzero_si256(); 2];
    for (words, numbers) in words.iter_mut().zip(numbers.as_chunks::<4>().0) {
        // SAFETY: 32 readable bytes; the load needs no alignment.
        *words = unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) };
    }
    words
}

#[target_feature(enable = "avx2")]
#[inline]
fn numbers([low, high]: [__m256i; 2]) -> [u64; 8] {
    let mut numbers = [0; 8];
    for (words, numbers) in [low, high].into_iter().zip(numbers.as_chunks_mut::<4>().0) {
        // SAFETY: 32 bytes that may be written; the store needs no alignment.
        unsafe { _mm256_storeu_si256(numbers.as_mut_ptr().cast(), words) };
    }
    numbers
}

#[target_feature(enable = "avx2")]
#[inline]
fn wrapping_add(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
    [_mm256_add_epi64(a[0], b[0]), _mm256_add_epi64(a[1], b[1])]
}

#[target_feature(enable = "avx2")]
#[inline]
fn xor(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
    [_mm256_xor_si256(a[0], b[0]), _mm256_xor_si256(a[1], b[1])]
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotate_left<const BITS: u32>(words: [__m256i; 2]) -> [__m256i; 2] {
    let (left, right) = (BITS % 64, (64 - BITS % 64) % 64);
    let left = _mm_cvtsi32_si128(left.cast_signed());
    let right = _mm_cvtsi32_si128(right.cast_signed());
    let [low, high] = words;
    [
        _mm256_or_si256(_mm256_sll_epi64(low, left), _mm256_srl_epi64(low, right)),
        _mm256_or_si256(_mm256_sll_epi64(high, left), _mm256_srl_epi64(high, right)),
    ]
}
