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
    #[inline(always)]
    fn count_below(self, thresholds: &[u8; 64], value: u16) -> usize {
        // SAFETY: an `Avx512` is made only where the processor has the instructions.
        unsafe { count_below(thresholds, value) }
    }

    #[inline(always)]
    fn in_ranges(self, first: &[u8; 32], last: &[u8; 32], value: u16) -> u16 {
        // SAFETY: as above.
        unsafe { in_ranges(first, last, value) }
    }

    #[inline(always)]
    fn at_least(self, numbers: &[u8; 64], value: u32) -> u16 {
        // SAFETY: as above.
        unsafe { at_least(numbers, value) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,popcnt")]
#[inline]
fn count_below(thresholds: &[u8; 64], value: u16) -> usize {
    // SAFETY: 64 readable bytes; the load needs no alignment.
    let thresholds = unsafe { _mm512_loadu_epi8(thresholds.as_ptr().cast()) };
    let below = _mm512_cmplt_epu16_mask(thresholds, _mm512_set1_epi16(value.cast_signed()));
    below.count_ones() as usize
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
#[inline]
fn in_ranges(first: &[u8; 32], last: &[u8; 32], value: u16) -> u16 {
    // SAFETY: 32 readable bytes each; the loads need no alignment.
    let (first, last) = unsafe {
        (_mm256_loadu_epi8(first.as_ptr().cast()), _mm256_loadu_epi8(last.as_ptr().cast()))
    };
    let value = _mm256_set1_epi16(value.cast_signed());
    let not_above = _mm256_cmple_epu16_mask(first, value);
    _mm256_mask_cmple_epu16_mask(not_above, value, last)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn at_least(numbers: &[u8; 64], value: u32) -> u16 {
    // SAFETY: 64 readable bytes; the load needs no alignment.
    let numbers = unsafe { _mm512_loadu_epi32(numbers.as_ptr().cast()) };
    _mm512_cmpge_epu32_mask(numbers, _mm512_set1_epi32(value.cast_signed()))
}
