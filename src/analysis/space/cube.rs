use alloc::vec::Vec;

use smallvec::SmallVec;

use super::{Axis, Set};

/// A product of sets: the packets that on each axis have a number of a set. Axes that it does not
/// name may have any number.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::analysis) struct Cube {
    /// By axis, ascending. No set is empty, and none has all numbers of its axis.
    parts: SmallVec<[(Axis, Set); 5]>,
}

impl Cube {
    /// All packets.
    pub(in crate::analysis) fn any() -> Self {
        Self::default()
    }

    /// Those of its packets that on `axis` have a number of `set`; `None` if there are none.
    pub(in crate::analysis) fn with(mut self, axis: Axis, set: &Set) -> Option<Self> {
        match self.parts.binary_search_by_key(&axis, |part| part.0) {
            Ok(at) => {
                let part = &mut self.parts[at].1;
                *part = part.intersect(set);
                (!part.is_empty()).then_some(self)
            }
            Err(at) => {
                let all = Set::span(0, axis.last());
                if !all.is_subset(set) {
                    self.parts.insert(at, (axis, set.clone()));
                }
                (!set.is_empty()).then_some(self)
            }
        }
    }

    /// [`with`](Self::with) for a number that it is known to have.
    pub(in crate::analysis) fn at(self, axis: Axis, number: u128) -> Self {
        self.with(axis, &Set::single(number)).unwrap_or_default()
    }

    /// The set on an axis, if not every number is in it.
    pub(in crate::analysis) fn part(&self, axis: Axis) -> Option<&Set> {
        let at = self.parts.binary_search_by_key(&axis, |part| part.0).ok()?;
        Some(&self.parts[at].1)
    }

    pub(in crate::analysis) fn parts(&self) -> &[(Axis, Set)] {
        &self.parts
    }

    /// Without what it asks on an axis.
    pub(in crate::analysis) fn without(mut self, axis: Axis) -> Self {
        self.parts.retain(|part| part.0 != axis);
        self
    }

    pub(in crate::analysis) fn is_disjoint(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self.parts.iter(), other.parts.iter());
        let (mut left, mut right) = (a.next(), b.next());
        while let (Some(one), Some(two)) = (left, right) {
            if one.0 == two.0 && one.1.is_disjoint(&two.1) {
                return true;
            }
            if one.0 <= two.0 {
                left = a.next();
            }
            if two.0 <= one.0 {
                right = b.next();
            }
        }
        false
    }

    /// Whether every packet of it is in `other`.
    pub(in crate::analysis) fn is_subset(&self, other: &Self) -> bool {
        let has =
            |(axis, set): &(Axis, Set)| self.part(*axis).is_some_and(|own| own.is_subset(set));
        other.parts.iter().all(has)
    }

    /// The packets that both have, if there are any.
    pub(in crate::analysis) fn intersect(&self, other: &Self) -> Option<Self> {
        if self.is_disjoint(other) {
            return None;
        }
        let mut both = self.clone();
        for (axis, set) in &other.parts {
            both = both.with(*axis, set)?;
        }
        Some(both)
    }

    /// Disjoint cubes of the packets that `other` does not have: at most one an axis.
    pub(in crate::analysis) fn minus(&self, other: &Self) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut rest = self.clone();
        for (axis, set) in &other.parts {
            pieces.extend(rest.clone().with(*axis, &set.complement(axis.last())));
            match rest.with(*axis, set) {
                Some(both) => rest = both,
                None => return Vec::from([self.clone()]),
            }
        }
        pieces
    }

    /// Both together, if that is a cube.
    pub(in crate::analysis) fn join(&self, other: &Self) -> Option<Self> {
        if self.is_subset(other) {
            return Some(other.clone());
        }
        if other.is_subset(self) {
            return Some(self.clone());
        }
        let axes: Vec<Axis> = self.parts.iter().map(|part| part.0).collect();
        let same_axes = other.parts.iter().map(|part| part.0).eq(axes.iter().copied());
        let mut differing = axes.iter().filter(|axis| self.part(**axis) != other.part(**axis));
        let (axis, None) = (differing.next().filter(|_| same_axes)?, differing.next()) else {
            return None;
        };
        let set = self.part(*axis)?.union(other.part(*axis)?);
        self.clone().without(*axis).with(*axis, &set)
    }

    /// The share of all packets, roughly: for choosing the wider of two.
    pub(in crate::analysis) fn share(&self) -> f64 {
        let share = |(axis, set): &(Axis, Set)| set.count() as f64 / (axis.last() as f64 + 1.0);
        self.parts.iter().map(share).product()
    }
}
