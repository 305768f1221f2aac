use core::arch::x86_64::*;

use super::{Kernel, Lanes};

cpufeatures::new!(
    features, "avx512f", "avx512bw", "avx512dq", "avx512vl", "bmi1", "bmi2", "popcnt"
);

pub(super) fn is_available() -> bool {
    features::get()
}

/// # Safety
///
/// The processor must have the features named here; [`is_available`] asks for them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt,lzcnt")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512(()))
}

/// Made only by [`run`], so that having one shows that the processor has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

#[cfg(test)]
impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        is_available().then_some(Self(()))
    }
}

impl Lanes for Avx512 {
    type Pair = __m512i;
    type Outside = __m512i;
    type Words = __m512i;

    #[inline(always)]
    fn count_below(self, thresholds: &[u8; 64], value: u16) -> usize {
        // SAFETY: an `Avx512` is made only where the processor has the instructions.
        unsafe { count_below(thresholds, value) }
    }

    #[inline(always)]
    fn pair(self, a: u16, b: u16) -> __m512i {
        // SAFETY: as above.
        unsafe { pair(a, b) }
    }

    #[inline(always)]
    fn inside(self) -> __m512i {
        // SAFETY: as above.
        unsafe { inside() }
    }

    #[inline(always)]
    fn add(self, outside: __m512i, first: &[u8; 64], last: &[u8; 64], pair: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { add(outside, first, last, pair) }
    }

    #[inline(always)]
    fn inside_lanes(self, outside: __m512i) -> u16 {
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
    fn words(self, numbers: &[u64; 8]) -> __m512i {
        // SAFETY: as above.
        unsafe { words(numbers) }
    }

    #[inline(always)]
    fn numbers(self, words: __m512i) -> [u64; 8] {
        // SAFETY: as above.
        unsafe { numbers(words) }
    }

    #[inline(always)]
    fn wrapping_add(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { wrapping_add(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { xor(a, b) }
    }

    #[inline(always)]
    fn rotate_left<const BITS: u32>(self, words: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { rotate_left::<BITS>(words) }
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: 64 readable bytes; the load needs no alignment.
    unsafe { _mm512_loadu_epi8(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,popcnt")]
#[inline]
fn count_below(thresholds: &[u8; 64], value: u16) -> usize {
    let value = _mm512_set1_epi16(value.cast_signed());
    _mm512_cmplt_epu16_mask(load(thresholds), value).count_ones() as usize
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn pair(a: u16, b: u16) -> __m512i {
    _mm512_mask_set1_epi16(_mm512_set1_epi16(a.cast_signed()), 0xffff_0000, b.cast_signed())
}

#[target_feature(enable = "avx512f")]
#[inline]
fn inside() -> __m512i {
    _mm512_setzero_si512()
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn add(outside: __m512i, first: &[u8; 64], last: &[u8; 64], pair: __m512i) -> __m512i {
    let below = _mm512_subs_epu16(load(first), pair);
    let above = _mm512_subs_epu16(pair, load(last));
    _mm512_ternarylogic_epi32::<0xfe>(outside, below, above)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
#[inline]
fn inside_lanes(outside: __m512i) -> u16 {
    let inside = _mm512_testn_epi16_mask(outside, outside);
    (inside & (inside >> 16)) as u16
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn at_least(numbers: &[u8; 64], value: u32) -> u16 {
    _mm512_cmpge_epu32_mask(load(numbers), _mm512_set1_epi32(value.cast_signed()))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn masked_equal(numbers: &[u32; 16], mask: u32, value: u32) -> u16 {
    // SAFETY: 64 readable bytes; the load needs no alignment.
    let numbers = unsafe { _mm512_loadu_epi32(numbers.as_ptr().cast()) };
    let differing = _mm512_xor_si512(numbers, _mm512_set1_epi32(value.cast_signed()));
    _mm512_testn_epi32_mask(differing, _mm512_set1_epi32(mask.cast_signed()))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn words(numbers: &[u64; 8]) -> __m512i {
    // SAFETY: 64 readable bytes; the load needs no alignment.
    unsafe { _mm512_loadu_epi64(numbers.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn numbers(words: __m512i) -> [u64; 8] {
    let mut numbers = [0; 8];
    // SAFETY: 64 bytes that may be written; the store needs no alignment.
    unsafe { _mm512_storeu_epi64(numbers.as_mut_ptr().cast(), words) };
    numbers
}

#[target_feature(enable = "avx512f")]
#[inline]
fn wrapping_add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi64(a, b)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn xor(a: __m512i, b: __m512i) -> __m512i {
    _mm512_xor_si512(a, b)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn rotate_left<const BITS: u32>(words: __m512i) -> __m512i {
    _mm512_rolv_epi64(words, _mm512_set1_epi64(i64::from(BITS)))
}
