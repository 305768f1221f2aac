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
