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

    fn count_below(thresholds: &[u8; 64], value: u16) -> usize {
        Self::u16s(thresholds).iter().filter(|threshold| **threshold < value).count()
    }

    /// For 16 lanes whether `a` is in the span of the lane and `b` in that of 16 lanes on.
    fn in_spans(first: &[u8; 64], last: &[u8; 64], a: u16, b: u16) -> u16 {
        let (first, last) = (Self::u16s(first), Self::u16s(last));
        let inside = |lane: usize, value: u16| first[lane] <= value && value <= last[lane];
        (0..16).map(|i| u16::from(inside(i, a) && inside(i + 16, b)) << i).sum()
    }

    fn at_least(numbers: &[u8; 64], value: u32) -> u16 {
        let numbers = numbers.chunks(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        numbers.enumerate().map(|(i, number)| u16::from(number >= value) << i).sum()
    }
}

fn agrees<L: Lanes>(lanes: L, a: &[u8; 64], b: &[u8; 64], value: u32) {
    // Values that stand in the arrays are the interesting ones.
    let (of_a, of_b) = (Naive::u16s(a), Naive::u16s(b));
    let short = [value as u16, of_a[3], of_b[5], of_a[19], of_b[30], 0, u16::MAX];
    for value in short {
        assert_eq!(lanes.count_below(a, value), Naive::count_below(a, value));
        for other in short {
            let pair = lanes.pair(value, other);
            let once = lanes.add(lanes.inside(), a, b, pair);
            assert_eq!(lanes.inside_lanes(once), Naive::in_spans(a, b, value, other));
            let twice = lanes.add(once, b, a, pair);
            let both = Naive::in_spans(a, b, value, other) & Naive::in_spans(b, a, value, other);
            assert_eq!(lanes.inside_lanes(twice), both);
        }
    }
    for value in [value, u32::from_le_bytes(*a.first_chunk().unwrap()), 0, u32::MAX] {
        assert_eq!(lanes.at_least(a, value), Naive::at_least(a, value));
    }
    let words: [u32; 16] = core::array::from_fn(|i| u32::from_le_bytes(b.as_chunks().0[i]));
    for mask in [0, u32::MAX, u32::MAX << 20, 0xff, value] {
        for wanted in [value, words[0], words[7], words[8], words[15]] {
            let equal: u16 =
                (0..16).map(|i| u16::from(words[i] & mask == wanted & mask) << i).sum();
            assert_eq!(lanes.masked_equal(&words, mask, wanted), equal);
        }
    }
}

fn calculates<L: Lanes>(lanes: L, a: [u64; 8], b: [u64; 8]) {
    let pairs = |of: fn(u64, u64) -> u64| core::array::from_fn(|i| of(a[i], b[i]));
    let (words, others) = (lanes.words(&a), lanes.words(&b));
    assert_eq!(lanes.numbers(words), a);
    assert_eq!(lanes.numbers(lanes.wrapping_add(words, others)), pairs(u64::wrapping_add));
    assert_eq!(lanes.numbers(lanes.xor(words, others)), pairs(|a, b| a ^ b));
    assert_eq!(lanes.numbers(lanes.rotate_left::<0>(words)), a);
    assert_eq!(lanes.numbers(lanes.rotate_left::<13>(words)), a.map(|a| a.rotate_left(13)));
    assert_eq!(lanes.numbers(lanes.rotate_left::<63>(words)), a.map(|a| a.rotate_left(63)));
}

fn bytes() -> impl Strategy<Value = [u8; 64]> {
    let wide = proptest::collection::vec(any::<u8>(), 64);
    let narrow = proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xff)], 64);
    prop_oneof![wide, narrow].prop_map(|bytes| bytes.try_into().unwrap())
}

proptest! {
    #[test]
    fn every_backend_agrees_with_plain_code(a in bytes(), b in bytes(), value: u32) {
        agrees(Scalar, &a, &b, value);
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = avx2::Avx2::detect() {
            agrees(lanes, &a, &b, value);
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = avx512::Avx512::detect() {
            agrees(lanes, &a, &b, value);
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
