use smallvec::{SmallVec, smallvec};

use crate::rule::AnyOf;

/// A set of numbers: inclusive spans in ascending order that neither touch nor overlap.
pub(super) type Spans = SmallVec<[(u128, u128); 2]>;

/// The numbers from 0 to `max` that `criterion` holds of, its alternatives being `spans`.
pub(super) fn held_by<T>(
    criterion: &AnyOf<T>,
    max: u128,
    spans: impl IntoIterator<Item = (u128, u128)>,
) -> Spans {
    if criterion.is_any() {
        return smallvec![(0, max)];
    }
    let mut spans: Spans = spans.into_iter().collect();
    merge(&mut spans);
    match criterion.is_negated() {
        true => complement(&spans, max),
        false => spans,
    }
}

/// Sorts spans and joins those that touch or overlap.
pub(super) fn merge(spans: &mut Spans) {
    spans.sort_unstable();
    let mut kept = 0;
    for i in 0..spans.len() {
        let (first, last) = spans[i];
        if kept > 0 && first <= spans[kept - 1].1.saturating_add(1) {
            spans[kept - 1].1 = spans[kept - 1].1.max(last);
        } else {
            spans[kept] = (first, last);
            kept += 1;
        }
    }
    spans.truncate(kept);
}

/// What `spans` leave out of the numbers from 0 to `max`.
fn complement(spans: &Spans, max: u128) -> Spans {
    let mut gaps = Spans::new();
    let mut next = Some(0);
    for (first, last) in spans {
        if let Some(start) = next.filter(|start| start < first) {
            gaps.push((start, first - 1));
        }
        next = last.checked_add(1);
    }
    gaps.extend(next.filter(|start| *start <= max).map(|start| (start, max)));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(spans: &[(u128, u128)]) -> Spans {
        let mut spans = Spans::from_slice(spans);
        merge(&mut spans);
        spans
    }

    #[test]
    fn merging_joins_what_touches_or_overlaps() {
        assert_eq!(merged(&[(5, 9), (0, 1), (2, 3)]).as_slice(), [(0, 3), (5, 9)]);
        assert_eq!(merged(&[(0, 9), (2, 3), (9, 9)]).as_slice(), [(0, 9)]);
        assert_eq!(merged(&[(0, u128::MAX), (7, 7)]).as_slice(), [(0, u128::MAX)]);
        assert!(merged(&[]).is_empty());
    }

    #[test]
    fn a_complement_has_the_rest_and_nothing_else() {
        assert_eq!(complement(&merged(&[]), 9).as_slice(), [(0, 9)]);
        assert_eq!(complement(&merged(&[(0, 9)]), 9).as_slice(), []);
        assert_eq!(complement(&merged(&[(3, 4)]), 9).as_slice(), [(0, 2), (5, 9)]);
        assert_eq!(complement(&merged(&[(0, 0), (9, 9)]), 9).as_slice(), [(1, 8)]);
        assert_eq!(complement(&merged(&[(0, u128::MAX)]), u128::MAX).as_slice(), []);
    }
}
