extern crate std;

use std::vec::Vec;

use proptest::prelude::*;

use super::scalar::Scalar;
use super::*;

/// The kernels once more, in the plainest words.
struct Naive;

impl Naive {
    fn u16s(bytes: &[u8]) -> Vec<u16> {
        bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    fn u32s(bytes: &[u8]) -> Vec<u32> {
        bytes.chunks(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    fn count_below(thresholds: &[u8; 64], value: u32) -> usize {
        Self::u32s(thresholds).iter().filter(|threshold| **threshold < value).count()
    }

    fn cell(thresholds: &[u8], words: &[u32], parts: &[Part]) -> u32 {
        let mut first = 0;
        let counts = parts.iter().zip(words).map(|(part, word)| {
            let own = &Self::u32s(thresholds)[first..part.end as usize];
            first = part.end as usize;
            own.iter().filter(|threshold| *threshold < word).count() as u32 * part.stride
        });
        counts.sum()
    }

    /// For four boxes of eight spans whether the first seven hold the halves.
    fn holding(first: &[u8; 64], last: &[u8; 64], halves: &[u16; 8]) -> [bool; 4] {
        let (first, last) = (Self::u16s(first), Self::u16s(last));
        let inside = |i: usize, box_: usize| {
            first[8 * box_ + i] <= halves[i] && halves[i] <= last[8 * box_ + i]
        };
        core::array::from_fn(|box_| (0..7).all(|i| inside(i, box_)))
    }
}

/// Whether both bits of each of four boxes are set.
fn both(held: u8) -> [bool; 4] {
    core::array::from_fn(|box_| held >> (2 * box_) & 3 == 3)
}

fn agrees<L: Lanes>(lanes: L, a: &[u8; 64], b: &[u8; 64], picks: &[u8; 64]) {
    // Values that stand in the arrays are the interesting ones.
    let words: [u32; 16] = Naive::u32s(b).try_into().unwrap();
    let pairs =
        core::array::from_fn(|i| u64::from(words[2 * i]) | u64::from(words[2 * i + 1]) << 32);
    let packed = lanes.words(pairs);
    for (i, value) in words.iter().enumerate() {
        let expected = Naive::count_below(a, *value);
        assert_eq!(lanes.count_below(a, packed, i as u32 + 16), expected);
        assert_eq!(lanes.count_below_number(a, *value), expected);
    }
    for value in [0, 1, u32::MAX, Naive::u32s(a)[3]] {
        assert_eq!(lanes.count_below_number(a, value), Naive::count_below(a, value));
    }
    cells_agree(lanes, [a, b, picks], packed, &words);
    for mask in [0, u32::MAX, u32::MAX << 20, 0xff, Naive::u32s(a)[0]] {
        for wanted in [Naive::u32s(a)[1], words[0], words[7], words[8], words[15]] {
            let equal: u16 =
                (0..16).map(|i| u16::from(words[i] & mask == wanted & mask) << i).sum();
            assert_eq!(lanes.masked_equal(&words, mask, wanted), equal);
        }
    }
    rows_agree(lanes, a, b, picks);
    columns_agree(lanes, a, b);
}

/// Parts of all lengths, empty ones too.
fn cells_agree<L: Lanes>(
    lanes: L,
    thresholds: [&[u8; 64]; GRID_LINES],
    packed: L::Words,
    words: &[u32; 16],
) {
    let [a, _, picks] = thresholds;
    let end = |part: usize| u32::from(a[part]) % (16 * GRID_LINES as u32 + 1);
    let mut parts: [Part; GRID_WORDS] =
        core::array::from_fn(|part| Part { end: end(part), stride: 10_u32.pow(2 * part as u32) });
    parts.sort_by_key(|part| part.end);
    let word = |part: usize| usize::from(picks[part]) % 16;
    let mut beside = [[0; 64]; GRID_LINES];
    for (place, pick) in beside.as_flattened_mut().as_chunks_mut().0.iter_mut().enumerate() {
        let part = parts.iter().position(|part| place < part.end as usize);
        *pick = (part.map_or(0, word) as u32 + 16).to_le_bytes();
    }
    let grid = [thresholds.map(|line| *line), beside];
    let values: [u32; GRID_WORDS] = core::array::from_fn(|part| words[word(part)]);
    for count in 0..=GRID_WORDS {
        let expected = Naive::cell(grid[0].as_flattened(), &values, &parts[..count]);
        assert_eq!(lanes.cell(&grid, &parts[..count], packed), expected);
    }
}

fn rows_agree<L: Lanes>(lanes: L, a: &[u8; 64], b: &[u8; 64], picks: &[u8; 64]) {
    let all = Naive::u16s(b);
    let picks: [u8; 8] = *picks.first_chunk().unwrap();
    let picked = picks.map(|pick| all[usize::from(pick) % 32]);
    let of_a: [u16; 8] = Naive::u16s(a)[..8].try_into().unwrap();
    let words = Naive::u32s(b);
    let words = lanes.words(core::array::from_fn(|i| {
        u64::from(words[2 * i]) | u64::from(words[2 * i + 1]) << 32
    }));
    for (halves, row) in [
        (picked, lanes.row(words, picks)),
        (of_a, lanes.row_of(pack(of_a))),
        ([0; 8], lanes.row_of([0; 2])),
        ([u16::MAX; 8], lanes.row_of([u64::MAX; 2])),
    ] {
        for (first, last) in [(a, b), (b, a), (a, a), (&[0; 64], a), (a, &[0xff; 64])] {
            let expected = Naive::holding(first, last, &halves);
            assert_eq!(both(lanes.holding(first, last, row)), expected);
        }
    }
}

fn pack(halves: [u16; 8]) -> [u64; 2] {
    let four = |i: usize| (0..4).map(|j| u64::from(halves[i + j]) << (16 * j)).sum();
    [four(0), four(4)]
}

fn columns_agree<L: Lanes>(lanes: L, a: &[u8; 64], b: &[u8; 64]) {
    let [sums, numbers]: [[u32; TOGETHER]; 2] =
        [a, b].map(|bytes| Naive::u32s(bytes).try_into().unwrap());
    let column = lanes.column(&numbers);
    assert_eq!(lanes.numbers(column), numbers);
    let rows: [[u64; 2]; TOGETHER] = core::array::from_fn(|i| {
        let word =
            |k: usize| u64::from(if k < 2 { sums[(i + k) % 16] } else { numbers[(i + k) % 16] });
        [word(0) | word(1) << 32, word(2) | word(3) << 32]
    });
    let word = |k: usize, i: usize| (rows[i][k / 2] >> (32 * (k % 2))) as u32;
    let expected = core::array::from_fn(|k| core::array::from_fn(|i| word(k, i)));
    assert_eq!(lanes.spread(&rows), expected);
    for threshold in [0, 1, numbers[5], sums[2], u32::MAX] {
        let found = lanes.add_where_below(lanes.column(&sums), 7, threshold, column);
        let expected = core::array::from_fn(|i| {
            if threshold < numbers[i] { sums[i].wrapping_add(7) } else { sums[i] }
        });
        assert_eq!(lanes.numbers(found), expected);
    }
}

fn calculates<L: Lanes>(lanes: L, a: [u64; 8], b: [u64; 8]) {
    let pairs = |of: fn(u64, u64) -> u64| core::array::from_fn(|i| of(a[i], b[i]));
    let (words, others) = (lanes.longs(&a), lanes.longs(&b));
    assert_eq!(lanes.long_numbers(words), a);
    assert_eq!(lanes.long_numbers(lanes.wrapping_add(words, others)), pairs(u64::wrapping_add));
    assert_eq!(lanes.long_numbers(lanes.xor(words, others)), pairs(|a, b| a ^ b));
    assert_eq!(lanes.long_numbers(lanes.rotate_left::<0>(words)), a);
    assert_eq!(lanes.long_numbers(lanes.rotate_left::<13>(words)), a.map(|a| a.rotate_left(13)));
    assert_eq!(lanes.long_numbers(lanes.rotate_left::<63>(words)), a.map(|a| a.rotate_left(63)));
}

fn bytes() -> impl Strategy<Value = [u8; 64]> {
    let wide = proptest::collection::vec(any::<u8>(), 64);
    let narrow = proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xff)], 64);
    prop_oneof![wide, narrow].prop_map(|bytes| bytes.try_into().unwrap())
}

proptest! {
    #[test]
    fn every_backend_agrees_with_plain_code(a in bytes(), b in bytes(), picks in bytes()) {
        agrees(Scalar, &a, &b, &picks);
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = avx2::Avx2::detect() {
            agrees(lanes, &a, &b, &picks);
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = avx512::Avx512::detect() {
            agrees(lanes, &a, &b, &picks);
        }
    }
}

proptest! {
    #[test]
    fn every_backend_calculates_like_plain_code(a: [u64; 8], b: [u64; 8]) {
        calculates(Scalar, a, b);
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = avx2::Avx2::detect() {
            calculates(lanes, a, b);
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = avx512::Avx512::detect() {
            calculates(lanes, a, b);
        }
    }
}

#[test]
fn a_backend_that_is_not_there_is_not_chosen() {
    for backend in [Backend::Scalar, Backend::Avx2, Backend::Avx512] {
        assert!(Chosen::new(Some(backend)).0.is_available());
    }
    assert!(Backend::detect().is_available());
    assert_eq!(Chosen::new(Some(Backend::Scalar)).0, Backend::Scalar);
}
