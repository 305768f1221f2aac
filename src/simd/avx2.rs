use core::arch::x86_64::*;

use super::{Grid, Kernel, Lanes, Part, TOGETHER};

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
    type Longs = [__m256i; 2];
    type Words = [__m256i; 2];
    type Row = __m256i;
    type Column = [__m256i; 2];

    #[inline(always)]
    fn words(self, pairs: [u64; 8]) -> [__m256i; 2] {
        // SAFETY: an `Avx2` is made only where the processor has the instructions.
        unsafe { longs(&pairs) }
    }

    #[inline(always)]
    fn count_below(self, thresholds: &[u8; 64], words: [__m256i; 2], index: u32) -> usize {
        // SAFETY: as above.
        unsafe { count_below(thresholds, pick(words, _mm256_set1_epi32(index.cast_signed()))) }
    }

    #[inline(always)]
    fn count_below_number(self, thresholds: &[u8; 64], number: u32) -> usize {
        // SAFETY: as above.
        unsafe { count_below(thresholds, _mm256_set1_epi32(number.cast_signed())) }
    }

    #[inline(always)]
    fn row_of(self, halves: [u64; 2]) -> __m256i {
        // SAFETY: as above.
        unsafe { row(halves) }
    }

    #[inline(always)]
    fn spread(self, rows: &[[u64; 2]; TOGETHER]) -> [[u32; TOGETHER]; 4] {
        // SAFETY: as above.
        unsafe { spread(rows) }
    }

    #[inline(always)]
    fn column(self, numbers: &[u32; TOGETHER]) -> [__m256i; 2] {
        let (halves, _) = numbers.as_chunks::<8>();
        // SAFETY: 32 readable bytes; the load needs no alignment. For the rest as above.
        [0, 1].map(|i| unsafe { _mm256_loadu_si256(halves[i].as_ptr().cast()) })
    }

    #[inline(always)]
    fn numbers(self, column: [__m256i; 2]) -> [u32; TOGETHER] {
        let mut numbers = [0; TOGETHER];
        for (half, column) in numbers.as_chunks_mut::<8>().0.iter_mut().zip(column) {
            // SAFETY: 32 writable bytes; the store needs no alignment. For the rest as above.
            unsafe { _mm256_storeu_si256(half.as_mut_ptr().cast(), column) };
        }
        numbers
    }

    #[inline(always)]
    fn add_where_below(
        self,
        sums: [__m256i; 2],
        amount: u32,
        threshold: u32,
        numbers: [__m256i; 2],
    ) -> [__m256i; 2] {
        // SAFETY: as above.
        unsafe { add_where_below(sums, amount, threshold, numbers) }
    }

    #[inline(always)]
    fn cell(self, grid: &Grid, parts: &[Part], words: [__m256i; 2]) -> u32 {
        // SAFETY: as above.
        unsafe { cell(grid, parts, words) }
    }

    #[inline(always)]
    fn row(self, words: [__m256i; 2], picks: [u8; 8]) -> __m256i {
        // SAFETY: as above.
        unsafe { row_of_words(words, picks) }
    }

    #[inline(always)]
    fn holding(self, first: &[u8; 64], last: &[u8; 64], row: __m256i) -> u8 {
        // SAFETY: as above.
        unsafe { holding(first, last, row) }
    }

    #[inline(always)]
    fn masked_equal(self, numbers: &[u32; 16], mask: u32, value: u32) -> u16 {
        // SAFETY: as above.
        unsafe { masked_equal(numbers, mask, value) }
    }

    #[inline(always)]
    fn longs(self, numbers: &[u64; 8]) -> [__m256i; 2] {
        // SAFETY: as above.
        unsafe { longs(numbers) }
    }

    #[inline(always)]
    fn long_numbers(self, words: [__m256i; 2]) -> [u64; 8] {
        // SAFETY: as above.
        unsafe { long_numbers(words) }
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
fn count_below(thresholds: &[u8; 64], value: __m256i) -> usize {
    let mut not_below = 0;
    for half in thresholds.as_chunks::<32>().0 {
        let half = load(half);
        let lanes = _mm256_cmpeq_epi32(_mm256_max_epu32(half, value), half);
        not_below += _mm256_movemask_ps(_mm256_castsi256_ps(lanes)).count_ones();
    }
    16 - not_below as usize
}

#[target_feature(enable = "avx2,bmi2,popcnt")]
#[inline]
fn cell([thresholds, picks]: &Grid, parts: &[Part], words: [__m256i; 2]) -> u32 {
    let mut mask = 0;
    for (i, (thresholds, picks)) in thresholds.iter().zip(picks).enumerate() {
        mask |= u64::from(below(thresholds, picks, words)) << (16 * i);
    }
    super::cell(parts, |end| _bzhi_u64(mask, end).count_ones())
}

#[target_feature(enable = "avx2")]
#[inline]
fn spread(rows: &[[u64; 2]; TOGETHER]) -> [[u32; TOGETHER]; 4] {
    let mut columns = [[0; TOGETHER]; 4];
    for (i, four) in rows.as_chunks::<4>().0.iter().enumerate() {
        // SAFETY: 16 readable bytes; the load needs no alignment.
        let [a, b, c, d] =
            four.each_ref().map(|row| unsafe { _mm_loadu_si128(row.as_ptr().cast()) });
        let (low_ab, high_ab) = (_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
        let (low_cd, high_cd) = (_mm_unpacklo_epi32(c, d), _mm_unpackhi_epi32(c, d));
        let words = [
            _mm_unpacklo_epi64(low_ab, low_cd),
            _mm_unpackhi_epi64(low_ab, low_cd),
            _mm_unpacklo_epi64(high_ab, high_cd),
            _mm_unpackhi_epi64(high_ab, high_cd),
        ];
        for (column, words) in columns.iter_mut().zip(words) {
            let place = &mut column.as_chunks_mut::<4>().0[i];
            // SAFETY: 16 writable bytes; the store needs no alignment.
            unsafe { _mm_storeu_si128(place.as_mut_ptr().cast(), words) };
        }
    }
    columns
}

#[target_feature(enable = "avx2")]
#[inline]
fn add_where_below(
    sums: [__m256i; 2],
    amount: u32,
    threshold: u32,
    numbers: [__m256i; 2],
) -> [__m256i; 2] {
    let threshold = _mm256_set1_epi32(threshold.cast_signed());
    let amount = _mm256_set1_epi32(amount.cast_signed());
    // Written twice: a closure is called, not inlined, in large programs.
    let [low, high] = numbers;
    let low_not_above = _mm256_cmpeq_epi32(_mm256_max_epu32(low, threshold), threshold);
    let high_not_above = _mm256_cmpeq_epi32(_mm256_max_epu32(high, threshold), threshold);
    [
        _mm256_add_epi32(sums[0], _mm256_andnot_si256(low_not_above, amount)),
        _mm256_add_epi32(sums[1], _mm256_andnot_si256(high_not_above, amount)),
    ]
}

#[target_feature(enable = "avx2")]
#[inline]
fn below(thresholds: &[u8; 64], picks: &[u8; 64], words: [__m256i; 2]) -> u16 {
    let mut mask = 0;
    let halves = thresholds.as_chunks::<32>().0.iter().zip(picks.as_chunks::<32>().0);
    for (i, (thresholds, picks)) in halves.enumerate() {
        let thresholds = load(thresholds);
        let values = pick(words, load(picks));
        let not_below = _mm256_cmpeq_epi32(_mm256_max_epu32(thresholds, values), thresholds);
        mask |= (!_mm256_movemask_ps(_mm256_castsi256_ps(not_below)) as u16 & 0xff) << (8 * i);
    }
    mask
}

/// Eight of sixteen words, by their indices.
#[target_feature(enable = "avx2")]
#[inline]
fn pick([low, high]: [__m256i; 2], picks: __m256i) -> __m256i {
    let low = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(low, picks));
    let high = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(high, picks));
    // The bit that tells the halves apart becomes the sign.
    let from_high = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(picks));
    _mm256_castps_si256(_mm256_blendv_ps(low, high, from_high))
}

#[target_feature(enable = "avx2")]
#[inline]
fn row_of_words(words: [__m256i; 2], picks: [u8; 8]) -> __m256i {
    let picks = _mm_cvtsi64_si128(u64::from_le_bytes(picks).cast_signed());
    let picks = _mm256_cvtepu8_epi32(picks);
    let chosen = pick(words, _mm256_srli_epi32::<1>(picks));
    let high = _mm256_slli_epi32::<4>(_mm256_and_si256(picks, _mm256_set1_epi32(1)));
    let halves = _mm256_and_si256(_mm256_srlv_epi32(chosen, high), _mm256_set1_epi32(0xffff));
    // Packing works on either 128 bits alone: both have four halves twice.
    _mm256_permute4x64_epi64::<0b10_00_10_00>(_mm256_packus_epi32(halves, halves))
}

#[target_feature(enable = "avx2")]
#[inline]
fn row([low, high]: [u64; 2]) -> __m256i {
    _mm256_broadcastsi128_si256(_mm_set_epi64x(high.cast_signed(), low.cast_signed()))
}

#[target_feature(enable = "avx2")]
#[inline]
fn holding(first: &[u8; 64], last: &[u8; 64], words: __m256i) -> u8 {
    // All numbers but the eighth of each box.
    let tested = row([u64::MAX, u64::MAX >> 16]);
    let mut held = 0;
    let halves = first.as_chunks::<32>().0.iter().zip(last.as_chunks::<32>().0);
    for (i, (first, last)) in halves.enumerate() {
        let below = _mm256_subs_epu16(load(first), words);
        let above = _mm256_subs_epu16(words, load(last));
        let outside = _mm256_and_si256(tested, _mm256_or_si256(below, above));
        let inside = _mm256_cmpeq_epi64(outside, _mm256_setzero_si256());
        held |= (_mm256_movemask_pd(_mm256_castsi256_pd(inside)) as u8) << (4 * i);
    }
    held
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
fn longs(numbers: &[u64; 8]) -> [__m256i; 2] {
    let [a, b, c, d, e, f, g, h] = *numbers;
    let four =
        |a: u64, b: u64, c: u64, d: u64| _mm256_setr_epi64x(a as i64, b as i64, c as i64, d as i64);
    [four(a, b, c, d), four(e, f, g, h)]
}

#[target_feature(enable = "avx2")]
#[inline]
fn long_numbers([low, high]: [__m256i; 2]) -> [u64; 8] {
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
