use core::arch::x86_64::*;

use super::{Grid, Kernel, Lanes, Part, TOGETHER};

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
    type Longs = __m512i;
    type Words = __m512i;
    type Row = __m512i;
    type Column = __m512i;

    #[inline(always)]
    fn words(self, pairs: [u64; 8]) -> __m512i {
        // SAFETY: an `Avx512` is made only where the processor has the instructions.
        unsafe { words(pairs) }
    }

    #[inline(always)]
    fn count_below(self, thresholds: &[u8; 64], words: __m512i, index: u32) -> usize {
        // SAFETY: as above.
        unsafe { count_below(thresholds, words, index) }
    }

    #[inline(always)]
    fn cell(self, grid: &Grid, parts: &[Part], words: __m512i) -> u32 {
        // SAFETY: as above.
        unsafe { cell(grid, parts, words) }
    }

    #[inline(always)]
    fn row(self, words: __m512i, picks: [u8; 8]) -> __m512i {
        // SAFETY: as above.
        unsafe { row(words, picks) }
    }

    #[inline(always)]
    fn count_below_number(self, thresholds: &[u8; 64], number: u32) -> usize {
        // SAFETY: as above.
        unsafe { count_below_number(thresholds, number) }
    }

    #[inline(always)]
    fn row_of(self, halves: [u64; 2]) -> __m512i {
        // SAFETY: as above.
        unsafe { row_of(halves) }
    }

    #[inline(always)]
    fn spread(self, rows: &[[u64; 2]; TOGETHER]) -> [[u32; TOGETHER]; 4] {
        // SAFETY: as above.
        let columns = unsafe { spread(rows) };
        columns.map(|column| self.numbers(column))
    }

    #[inline(always)]
    fn column(self, numbers: &[u32; TOGETHER]) -> __m512i {
        // SAFETY: 64 readable bytes; the load needs no alignment. For the rest as above.
        unsafe { _mm512_loadu_epi32(numbers.as_ptr().cast()) }
    }

    #[inline(always)]
    fn numbers(self, column: __m512i) -> [u32; TOGETHER] {
        let mut numbers = [0; TOGETHER];
        // SAFETY: 64 writable bytes; the store needs no alignment. For the rest as above.
        unsafe { _mm512_storeu_epi32(numbers.as_mut_ptr().cast(), column) };
        numbers
    }

    #[inline(always)]
    fn add_where_below(
        self,
        sums: __m512i,
        amount: u32,
        threshold: u32,
        numbers: __m512i,
    ) -> __m512i {
        // SAFETY: as above.
        unsafe { add_where_below(sums, amount, threshold, numbers) }
    }

    #[inline(always)]
    fn holding(self, first: &[u8; 64], last: &[u8; 64], row: __m512i) -> u8 {
        // SAFETY: as above.
        unsafe { holding(first, last, row) }
    }

    #[inline(always)]
    fn masked_equal(self, numbers: &[u32; 16], mask: u32, value: u32) -> u16 {
        // SAFETY: as above.
        unsafe { masked_equal(numbers, mask, value) }
    }

    #[inline(always)]
    fn longs(self, numbers: &[u64; 8]) -> __m512i {
        // SAFETY: as above.
        unsafe { longs(numbers) }
    }

    #[inline(always)]
    fn long_numbers(self, words: __m512i) -> [u64; 8] {
        // SAFETY: as above.
        unsafe { long_numbers(words) }
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

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
#[inline]
fn words(pairs: [u64; 8]) -> __m512i {
    let [a, b, c, d, e, f, g, h] = pairs.map(u64::cast_signed);
    let low = _mm256_set_m128i(_mm_set_epi64x(d, c), _mm_set_epi64x(b, a));
    let high = _mm256_set_m128i(_mm_set_epi64x(h, g), _mm_set_epi64x(f, e));
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

#[target_feature(enable = "avx512f,avx512bw,popcnt")]
#[inline]
fn count_below(thresholds: &[u8; 64], words: __m512i, index: u32) -> usize {
    let index = _mm512_set1_epi32(index.cast_signed());
    below(thresholds, index, words).count_ones() as usize
}

#[target_feature(enable = "avx512f,avx512bw,bmi2,popcnt")]
#[inline]
fn cell([thresholds, picks]: &Grid, parts: &[Part], words: __m512i) -> u32 {
    let mut mask = 0;
    for (i, (thresholds, picks)) in thresholds.iter().zip(picks).enumerate() {
        mask |= u64::from(below(thresholds, load(picks), words)) << (16 * i);
    }
    super::cell(parts, |end| _bzhi_u64(mask, end).count_ones())
}

#[target_feature(enable = "avx512f,avx512bw,popcnt")]
#[inline]
fn count_below_number(thresholds: &[u8; 64], number: u32) -> usize {
    let number = _mm512_set1_epi32(number.cast_signed());
    _mm512_cmplt_epu32_mask(load(thresholds), number).count_ones() as usize
}

#[target_feature(enable = "avx512f")]
#[inline]
fn row_of([low, high]: [u64; 2]) -> __m512i {
    _mm512_broadcast_i32x4(_mm_set_epi64x(high.cast_signed(), low.cast_signed()))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn spread(rows: &[[u64; 2]; TOGETHER]) -> [__m512i; 4] {
    let (fours, _) = rows.as_chunks::<4>();
    // SAFETY: 64 readable bytes; the load needs no alignment.
    let [a, b, c, d] =
        [0, 1, 2, 3].map(|i| unsafe { _mm512_loadu_epi64(fours[i].as_ptr().cast()) });
    [0, 1, 2, 3].map(|word| {
        let every_fourth = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0);
        let places = _mm512_add_epi32(every_fourth, _mm512_set1_epi32(word));
        let low = _mm512_permutex2var_epi32(a, places, b);
        let high = _mm512_permutex2var_epi32(c, places, d);
        _mm512_inserti64x4::<1>(low, _mm512_castsi512_si256(high))
    })
}

#[target_feature(enable = "avx512f")]
#[inline]
fn add_where_below(sums: __m512i, amount: u32, threshold: u32, numbers: __m512i) -> __m512i {
    let below = _mm512_cmplt_epu32_mask(_mm512_set1_epi32(threshold.cast_signed()), numbers);
    _mm512_mask_add_epi32(sums, below, sums, _mm512_set1_epi32(amount.cast_signed()))
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn below(thresholds: &[u8; 64], picks: __m512i, words: __m512i) -> u16 {
    _mm512_cmplt_epu32_mask(load(thresholds), _mm512_permutexvar_epi32(picks, words))
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn row(words: __m512i, picks: [u8; 8]) -> __m512i {
    let picks = _mm_set_epi64x(0, i64::from_le_bytes(picks));
    let picks = _mm512_broadcast_i32x4(_mm_cvtepu8_epi16(picks));
    _mm512_permutexvar_epi16(picks, words)
}

/// Three numbers of 16 bits of four.
const SEVEN: i64 = 0xffff_ffff_ffff;

#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
#[inline]
fn holding(first: &[u8; 64], last: &[u8; 64], row: __m512i) -> u8 {
    // All numbers but the eighth of each box.
    let tested = _mm512_set_epi64(SEVEN, -1, SEVEN, -1, SEVEN, -1, SEVEN, -1);
    let below = _mm512_subs_epu16(load(first), row);
    let above = _mm512_subs_epu16(row, load(last));
    let outside = _mm512_ternarylogic_epi64::<0xe0>(tested, below, above);
    _mm512_testn_epi64_mask(outside, outside)
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
fn longs(numbers: &[u64; 8]) -> __m512i {
    // SAFETY: 64 readable bytes; the load needs no alignment.
    unsafe { _mm512_loadu_epi64(numbers.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn long_numbers(words: __m512i) -> [u64; 8] {
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
