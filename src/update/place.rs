use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::RuleKey;
use super::delta::Delta;
use super::ordinal::Ordinal;

/// What the writer knows of a chain: its name, and the inserted rules in order.
#[derive(Debug)]
pub(super) struct LiveChain {
    pub(super) name: Box<str>,
    pub(super) inserted: BTreeMap<Ordinal, RuleKey>,
}

impl LiveChain {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), inserted: BTreeMap::new() }
    }

    /// The labels of the inserted rules on either side of a place in the gap of base rule `gap`.
    pub(super) fn around(&self, place: Ordinal) -> (Option<u64>, Option<u64>) {
        let of_gap = |ordinal: &Ordinal| ordinal.gap == place.gap;
        let before = self.inserted.range(..place).next_back().map(|(ordinal, _)| *ordinal);
        let after = self.inserted.range(place..).next().map(|(ordinal, _)| *ordinal);
        (before.filter(of_gap).map(|o| o.label), after.filter(of_gap).map(|o| o.label))
    }

    /// The inserted rules of a gap, in order.
    pub(super) fn of_gap(&self, gap: u32) -> Vec<RuleKey> {
        let range = Ordinal::gap_start(gap)..=Ordinal::of_base(gap);
        self.inserted.range(range).map(|(_, key)| *key).collect()
    }
}

/// A chain as it is now: its base rules that are still there, and the inserted ones.
pub(super) struct Order<'c, A> {
    pub(super) base: &'c [RuleKey],
    pub(super) delta: Option<&'c Delta<A>>,
    pub(super) inserted: &'c BTreeMap<Ordinal, RuleKey>,
}

impl<A> Order<'_, A> {
    pub(super) fn len(&self) -> usize {
        self.kept(0, self.base.len() as u32) + self.inserted.len()
    }

    /// How many rules come before a place.
    pub(super) fn rank(&self, ordinal: Ordinal) -> usize {
        self.kept(0, ordinal.gap) + self.inserted.range(..ordinal).count()
    }

    /// The rule that so many others come before.
    pub(super) fn key_at(&self, rank: usize) -> Option<RuleKey> {
        let (mut kept, mut gap, mut before) = (0, 0, 0);
        for (ordinal, key) in self.inserted {
            kept += self.kept(gap, ordinal.gap);
            gap = ordinal.gap;
            match rank.cmp(&(kept + before)) {
                core::cmp::Ordering::Less => break,
                core::cmp::Ordering::Equal => return Some(*key),
                core::cmp::Ordering::Greater => before += 1,
            }
        }
        let kept = rank - before;
        let index = self.delta.map_or(kept as u32, |delta| delta.kept(kept));
        self.base.get(index as usize).copied()
    }

    /// All rules in order.
    pub(super) fn keys(&self) -> Vec<RuleKey> {
        let mut keys = Vec::with_capacity(self.len());
        let mut inserted = self.inserted.iter().peekable();
        for (index, key) in (0..).zip(self.base) {
            while let Some((_, key)) = inserted.next_if(|(ordinal, _)| ordinal.gap <= index) {
                keys.push(*key);
            }
            if self.delta.is_none_or(|delta| !delta.is_removed(index)) {
                keys.push(*key);
            }
        }
        keys.extend(inserted.map(|(_, key)| *key));
        keys
    }

    /// How many base rules from one up to another are still there.
    fn kept(&self, from: u32, to: u32) -> usize {
        let removed = self.delta.map_or(0, |delta| delta.removed_within(from, to));
        (to - from) as usize - removed
    }
}
