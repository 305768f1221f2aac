/// Where a rule stands in its chain, relative to the rules of the base: base rule `i` has the highest
/// label in gap `i`, and rules inserted between it and the one before it have lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ordinal {
    pub(super) gap: u32,
    pub(super) label: u64,
}

/// How far labels are apart if there is room.
const STRIDE: u64 = 1 << 32;

/// The first label of a gap: with as much room on either side.
const MIDDLE: u64 = 1 << 63;

impl Ordinal {
    pub(super) const LAST: Self = Self { gap: u32::MAX, label: u64::MAX };

    pub(super) fn of_base(index: u32) -> Self {
        Self { gap: index, label: u64::MAX }
    }

    pub(super) fn gap_start(gap: u32) -> Self {
        Self { gap, label: 0 }
    }

    /// The first base rule that comes after this place.
    pub(super) fn next_base(self) -> u32 {
        self.gap.saturating_add(u32::from(self.label == u64::MAX))
    }
}

/// A label between two others of a gap, if there is one left.
pub(super) fn between(before: Option<u64>, after: Option<u64>) -> Option<u64> {
    match (before, after) {
        (None, None) => Some(MIDDLE),
        (Some(before), None) => before.checked_add(STRIDE).filter(|label| *label < u64::MAX),
        (None, Some(after)) => after.checked_sub(STRIDE),
        (Some(before), Some(after)) => {
            let middle = before.midpoint(after);
            (before < middle).then_some(middle)
        }
    }
}

/// Labels for `count` rules of a gap that leave the same room everywhere.
pub(super) fn even(count: usize) -> impl Iterator<Item = u64> {
    let stride = u64::MAX / (count as u64 + 2);
    (1..=count as u64).map(move |i| i * stride)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn labels_lie_between_their_neighbours_until_none_is_left() {
        assert_eq!(between(None, None), Some(MIDDLE));
        assert_eq!(between(Some(4), Some(6)), Some(5));
        assert_eq!(between(Some(4), Some(5)), None);
        assert_eq!(between(Some(u64::MAX - 1), None), None);
        assert_eq!(between(None, Some(STRIDE - 1)), None);
        assert_eq!(between(None, Some(STRIDE)), Some(0));
        assert!(between(Some(MIDDLE), None).is_some_and(|label| label > MIDDLE));
    }

    #[test]
    fn even_labels_ascend_and_leave_room() {
        for count in [0, 1, 2, 1000, 1 << 20] {
            let labels: alloc::vec::Vec<u64> = even(count).collect();
            assert_eq!(labels.len(), count);
            assert!(labels.windows(2).all(|pair| between(Some(pair[0]), Some(pair[1])).is_some()));
            assert!(labels.first().is_none_or(|first| *first > STRIDE));
            assert!(labels.last().is_none_or(|last| between(Some(*last), None).is_some()));
        }
    }

    #[test]
    fn the_next_base_rule() {
        assert_eq!(Ordinal::of_base(7).next_base(), 8);
        assert_eq!(Ordinal { gap: 7, label: MIDDLE }.next_base(), 7);
        assert_eq!(Ordinal::gap_start(0).next_base(), 0);
    }
}
