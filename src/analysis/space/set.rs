use alloc::vec::Vec;

use smallvec::{SmallVec, smallvec};

/// A set of numbers: inclusive spans in ascending order that neither touch nor overlap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::analysis) struct Set {
    spans: SmallVec<[(u128, u128); 1]>,
}

impl Set {
    pub(in crate::analysis) fn empty() -> Self {
        Self { spans: SmallVec::new() }
    }

    pub(in crate::analysis) fn single(number: u128) -> Self {
        Self::span(number, number)
    }

    pub(in crate::analysis) fn span(first: u128, last: u128) -> Self {
        Self { spans: smallvec![(first, last)] }
    }

    /// The numbers of spans in any order.
    pub(in crate::analysis) fn of(spans: impl IntoIterator<Item = (u128, u128)>) -> Self {
        let mut sorted: Vec<_> = spans.into_iter().collect();
        sorted.sort_unstable();
        let mut set = Self::empty();
        sorted.into_iter().for_each(|span| set.append(span));
        set
    }

    pub(in crate::analysis) fn spans(&self) -> &[(u128, u128)] {
        &self.spans
    }

    pub(in crate::analysis) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub(in crate::analysis) fn contains(&self, number: u128) -> bool {
        let at = self.spans.partition_point(|span| span.1 < number);
        self.spans.get(at).is_some_and(|span| span.0 <= number)
    }

    /// How many numbers it has, saturating.
    pub(in crate::analysis) fn count(&self) -> u128 {
        let sizes = self.spans.iter().map(|(first, last)| (last - first).saturating_add(1));
        sizes.fold(0, u128::saturating_add)
    }

    pub(in crate::analysis) fn is_disjoint(&self, other: &Self) -> bool {
        if let ([(a, b)], [(c, d)]) = (self.spans(), other.spans()) {
            return b < c || d < a;
        }
        self.overlaps(other).next().is_none()
    }

    pub(in crate::analysis) fn is_subset(&self, other: &Self) -> bool {
        if let ([(a, b)], [(c, d)]) = (self.spans(), other.spans()) {
            return c <= a && b <= d;
        }
        self.spans.iter().all(|(first, last)| {
            let at = other.spans.partition_point(|span| span.1 < *first);
            other.spans.get(at).is_some_and(|span| span.0 <= *first && *last <= span.1)
        })
    }

    pub(in crate::analysis) fn intersect(&self, other: &Self) -> Self {
        Self { spans: self.overlaps(other).collect() }
    }

    pub(in crate::analysis) fn union(&self, other: &Self) -> Self {
        Self::of(self.spans.iter().chain(&other.spans).copied())
    }

    /// The numbers of this set that `other` does not have.
    pub(in crate::analysis) fn minus(&self, other: &Self) -> Self {
        self.intersect(&other.complement(u128::MAX))
    }

    /// The numbers from 0 to `max` that it does not have.
    pub(in crate::analysis) fn complement(&self, max: u128) -> Self {
        let mut gaps = Self::empty();
        let mut next = Some(0);
        for (first, last) in &self.spans {
            if let Some(start) = next.filter(|start| start < first) {
                gaps.spans.push((start, first - 1));
            }
            next = last.checked_add(1);
        }
        gaps.spans.extend(next.filter(|start| *start <= max).map(|start| (start, max)));
        gaps
    }

    /// The spans that both have, ascending.
    fn overlaps<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = (u128, u128)> + 's {
        let (few, many) = match self.spans.len() <= other.spans.len() {
            true => (self, other),
            false => (other, self),
        };
        few.spans.iter().flat_map(|(first, last)| {
            let from = many.spans.partition_point(|span| span.1 < *first);
            let met = many.spans.get(from..).unwrap_or_default().iter();
            met.take_while(|span| span.0 <= *last)
                .map(|span| (span.0.max(*first), span.1.min(*last)))
        })
    }

    /// Adds a span that begins no earlier than the last one.
    fn append(&mut self, (first, last): (u128, u128)) {
        match self.spans.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => self.spans.push((first, last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random_sets() -> Vec<Set> {
        let mut seed = 7u64;
        let mut number = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            u128::from(seed >> 33) % 16
        };
        let mut sets = alloc::vec![Set::empty(), Set::span(0, 15), Set::single(0)];
        for spans in 0..60 {
            let span = |a: u128, b: u128| (a.min(b), a.max(b));
            sets.push(Set::of((0..spans % 4).map(|_| span(number(), number()))));
        }
        sets
    }

    fn bits(set: &Set) -> u32 {
        (0..16).filter(|n| set.contains(*n)).fold(0, |bits, n| bits | 1 << n)
    }

    #[test]
    fn sets_are_what_bits_are() {
        for a in random_sets() {
            assert_eq!(a.count(), u128::from(bits(&a).count_ones()));
            assert_eq!(bits(&a.complement(15)), !bits(&a) & 0xffff);
            for b in random_sets() {
                assert_eq!(bits(&a.intersect(&b)), bits(&a) & bits(&b));
                assert_eq!(bits(&a.union(&b)), bits(&a) | bits(&b));
                assert_eq!(bits(&a.minus(&b)), bits(&a) & !bits(&b));
                assert_eq!(a.is_disjoint(&b), bits(&a) & bits(&b) == 0);
                assert_eq!(a.is_subset(&b), bits(&a) & !bits(&b) == 0);
                assert_eq!(a == b, bits(&a) == bits(&b));
            }
        }
    }

    #[test]
    fn ends_of_the_numbers() {
        let all = Set::span(0, u128::MAX);
        assert_eq!(all.count(), u128::MAX);
        assert!(all.complement(u128::MAX).is_empty());
        assert_eq!(Set::single(u128::MAX).complement(u128::MAX), Set::span(0, u128::MAX - 1));
        assert_eq!(Set::of([(5, u128::MAX), (0, 4)]), all);
    }
}
