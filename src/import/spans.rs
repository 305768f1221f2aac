//! Sets of numbers as lists of spans: what it takes to ask two things of one field.

use alloc::vec::Vec;

/// Inclusive spans in ascending order that neither touch nor overlap.
pub(crate) type Spans = Vec<(u128, u128)>;

/// Sorts spans and joins those that touch or overlap.
pub(crate) fn merged(spans: impl IntoIterator<Item = (u128, u128)>) -> Spans {
    let mut sorted: Vec<_> = spans.into_iter().filter(|(first, last)| first <= last).collect();
    sorted.sort_unstable();
    let mut merged: Spans = Vec::with_capacity(sorted.len());
    for (first, last) in sorted {
        match merged.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// The numbers from 0 to `max` that are in none of `spans`, which are [merged].
pub(crate) fn complement(spans: &Spans, max: u128) -> Spans {
    let mut gaps = Vec::with_capacity(spans.len().saturating_add(1));
    let mut next = Some(0);
    for (first, last) in spans {
        if let Some(start) = next.filter(|start| start < first) {
            gaps.push((start, first.saturating_sub(1)));
        }
        next = last.checked_add(1);
    }
    gaps.extend(next.filter(|start| *start <= max).map(|start| (start, max)));
    gaps
}

/// The numbers that are in both; the lists are [merged].
pub(crate) fn intersection(a: &Spans, b: &Spans) -> Spans {
    let (mut left, mut right) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    let mut both = Vec::new();
    while let (Some(x), Some(y)) = (left.peek().copied(), right.peek().copied()) {
        let (first, last) = (x.0.max(y.0), x.1.min(y.1));
        if first <= last {
            both.push((first, last));
        }
        match x.1 < y.1 {
            true => left.next(),
            false => right.next(),
        };
    }
    both
}

/// The numbers of `width` bits that equal `value` in the bits of `mask`, or `None` if it takes more
/// than `most` spans to say them.
pub(crate) fn masked(value: u128, mask: u128, width: u32, most: usize) -> Option<Spans> {
    let all = if width == 128 { u128::MAX } else { (1 << width) - 1 };
    let free = all & !mask;
    // The free bits below the lowest that counts are one span; each one above doubles the spans.
    let low = free.trailing_ones().min(width);
    let low_bits = if low == 128 { u128::MAX } else { (1u128 << low) - 1 };
    let high = free & !low_bits;
    let count = 1usize.checked_shl(high.count_ones()).filter(|count| *count <= most)?;
    let mut spans = Vec::with_capacity(count);
    let mut picked = 0u128;
    for _ in 0..count {
        let first = value & mask | picked;
        spans.push((first, first | low_bits));
        // The next subset of the free bits.
        picked = picked.wrapping_sub(high) & high;
    }
    Some(merged(spans))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn spans_that_touch_are_joined() {
        assert_eq!(merged([(5, 9), (0, 1), (2, 3)]), vec![(0, 3), (5, 9)]);
        assert_eq!(merged([(0, u128::MAX), (7, 7), (9, 8)]), vec![(0, u128::MAX)]);
    }

    /// Against membership, number by number.
    #[test]
    fn the_algebra_is_that_of_sets() {
        let sets: Vec<Spans> = [
            vec![],
            vec![(0, 15)],
            vec![(3, 3)],
            vec![(0, 2), (4, 9), (12, 15)],
            vec![(1, 1), (9, 12)],
        ]
        .to_vec();
        let has = |set: &Spans, n: u128| set.iter().any(|(a, b)| (*a..=*b).contains(&n));
        for a in &sets {
            let not = complement(a, 15);
            for b in &sets {
                let both = intersection(a, b);
                for n in 0..16 {
                    assert_eq!(has(&not, n), !has(a, n));
                    assert_eq!(has(&both, n), has(a, n) && has(b, n), "{a:?} {b:?} {n}");
                }
            }
        }
    }

    #[test]
    fn masks_with_holes_are_several_spans() {
        for mask in 0..=255u128 {
            for value in [0, 0x5a, 0xff] {
                let spans = masked(value, mask, 8, 256).unwrap();
                for n in 0..=255u128 {
                    let is = spans.iter().any(|(a, b)| (*a..=*b).contains(&n));
                    assert_eq!(is, n & mask == value & mask, "{n:x} {value:x}/{mask:x}");
                }
            }
        }
        assert_eq!(masked(0, 0, 128, 1), Some(vec![(0, u128::MAX)]));
        assert_eq!(masked(1, 1, 128, 1024), None);
        assert_eq!(masked(0xc0a8_0000, 0xffff_0000, 32, 1), Some(vec![(0xc0a8_0000, 0xc0a8_ffff)]));
    }
}
