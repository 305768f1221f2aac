use alloc::vec;
use alloc::vec::Vec;

use crate::simd::Lanes;

/// The numbers of entries, found by hash: lines of 15 slots, each a few bits of a hash and a
/// number. It never grows, never moves a number and has nothing to clean up after removals.
///
/// A number lies in the line that its hash says or, if that was full, in one of the next. Each line
/// counts the numbers that went past it, so that a search knows when to end.
#[derive(Clone, Debug)]
pub(super) struct Index {
    lines: Vec<Line>,
    /// How many low bits of a slot are the number; above them are the tag and, on top, a bit that
    /// says that the slot is taken.
    number_bits: u32,
    len: usize,
}

/// One cache line: the slots, and at the end how many numbers went past.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line([u32; SLOTS + 1]);

const SLOTS: usize = 15;

const SLOT_BITS: u16 = (1 << SLOTS) - 1;

/// How many slots of a line are taken on average when the index is full: with 9 of 15 one line in
/// forty is too short for those whose hash leads there.
const LOAD: usize = 9;

/// The most entries that can be numbered.
pub(super) const MAX_CAPACITY: u32 = 1 << 30;

/// The mark of a slot that is taken.
const TAKEN: u32 = 1 << 31;

impl Index {
    /// Room for the numbers 0 to `capacity - 1`; at most [`MAX_CAPACITY`] count.
    pub(super) fn new(capacity: u32) -> Self {
        let capacity = capacity.min(MAX_CAPACITY);
        let lines = (capacity as usize).div_ceil(LOAD).max(1);
        let number_bits = u32::BITS - capacity.saturating_sub(1).leading_zeros();
        Self { lines: vec![Line::EMPTY; lines], number_bits, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The line where a search for this hash begins.
    #[inline(always)]
    pub(super) fn line(&self, hash: u64) -> Option<&Line> {
        self.lines.get(self.home(hash))
    }

    /// The first number in that line whose tag is that of the hash: nearly always the one sought,
    /// if it is there. What has the number has not been looked at.
    #[inline(always)]
    pub(super) fn candidate(&self, lanes: impl Lanes, hash: u64) -> Option<u32> {
        let line = self.line(hash)?;
        let tagged = lanes.masked_equal(&line.0, self.tag_mask(), self.tag(hash));
        line.number((tagged & SLOT_BITS).trailing_zeros(), self.number_mask())
    }

    /// The number with this hash that `is_it` says is the one.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (_, _, number) = self.search(hash, is_it)?;
        Some(number)
    }

    /// Puts in a number that is not there. There must be fewer than the capacity.
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        let taken = self.tag(hash) | number & self.number_mask();
        let mut at = self.home(hash);
        for _ in 0..self.lines.len() {
            let Some(line) = self.lines.get_mut(at) else { return };
            let (slots, passed) = line.parts_mut();
            if let Some(free) = slots.iter_mut().find(|slot| **slot == 0) {
                *free = taken;
                self.len += 1;
                return;
            }
            *passed = passed.saturating_add(1);
            at = self.after(at);
        }
    }

    /// Takes a number out; whether it was there.
    pub(super) fn remove(&mut self, hash: u64, number: u32) -> bool {
        let Some((at, slot, _)) = self.search(hash, |found| found == number) else { return false };
        if let Some(slot) = self.lines.get_mut(at).and_then(|line| line.0.get_mut(slot)) {
            *slot = 0;
            self.len -= 1;
        }
        let mut past = self.home(hash);
        while past != at {
            if let Some(line) = self.lines.get_mut(past) {
                let (_, passed) = line.parts_mut();
                *passed = passed.saturating_sub(1);
            }
            past = self.after(past);
        }
        true
    }

    /// All numbers, in no particular order.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        let slots = self.lines.iter().flat_map(|line| line.slots());
        slots.filter(|slot| **slot != 0).map(|slot| slot & self.number_mask())
    }

    /// The line, the slot and the number.
    #[inline]
    fn search(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<(usize, usize, u32)> {
        let (tag, tag_mask, number_mask) = (self.tag(hash), self.tag_mask(), self.number_mask());
        let mut at = self.home(hash);
        for _ in 0..self.lines.len() {
            let line = self.lines.get(at)?;
            let mut tagged = line.tagged(tag, tag_mask);
            while let Some(number) = line.number(tagged.trailing_zeros(), number_mask) {
                if is_it(number) {
                    return Some((at, tagged.trailing_zeros() as usize, number));
                }
                tagged &= tagged - 1;
            }
            if line.passed() == 0 {
                return None;
            }
            at = self.after(at);
        }
        None
    }

    /// The high half of the hash says which line, in equal shares.
    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.lines.len() as u64) >> 32) as usize
    }

    #[inline(always)]
    fn after(&self, at: usize) -> usize {
        if at + 1 < self.lines.len() { at + 1 } else { 0 }
    }

    #[inline(always)]
    fn tag(&self, hash: u64) -> u32 {
        (hash as u32 | TAKEN) & self.tag_mask()
    }

    #[inline(always)]
    const fn tag_mask(&self) -> u32 {
        !self.number_mask()
    }

    #[inline(always)]
    const fn number_mask(&self) -> u32 {
        (1 << self.number_bits) - 1
    }
}

impl Line {
    const EMPTY: Self = Self([0; SLOTS + 1]);

    fn slots(&self) -> &[u32; SLOTS] {
        let [slots @ .., _] = &self.0;
        slots
    }

    fn parts_mut(&mut self) -> (&mut [u32; SLOTS], &mut u32) {
        let [slots @ .., passed] = &mut self.0;
        (slots, passed)
    }

    #[inline(always)]
    const fn passed(&self) -> u32 {
        let [.., passed] = self.0;
        passed
    }

    /// The slots with this tag: bit `i` for slot `i`.
    #[inline(always)]
    fn tagged(&self, tag: u32, tag_mask: u32) -> u16 {
        let mut tagged = 0;
        for (place, slot) in self.0.iter().enumerate() {
            tagged |= u16::from(slot & tag_mask == tag) << place;
        }
        tagged & SLOT_BITS
    }

    #[inline(always)]
    fn number(&self, place: u32, number_mask: u32) -> Option<u32> {
        self.0.get(place as usize).map(|slot| slot & number_mask)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_a_cache_line() {
        assert_eq!((size_of::<Line>(), align_of::<Line>()), (64, 64));
    }

    #[test]
    fn it_holds_as_many_as_it_has_room_for_wherever_they_want_to_go() {
        for (capacity, hash) in [(1, 0), (15, u64::MAX), (16, 5), (100, u64::MAX), (100, 1 << 63)] {
            let mut index = Index::new(capacity);
            (0..capacity).for_each(|number| index.insert(hash, number));
            assert_eq!(index.len(), capacity as usize);
            for number in 0..capacity {
                assert_eq!(index.find(hash, |found| found == number), Some(number), "{capacity}");
            }
            assert!((0..capacity).rev().all(|number| index.remove(hash, number)));
            assert!(index.lines.iter().all(|line| line.0 == Line::EMPTY.0));
        }
    }

    #[test]
    fn a_line_overflows_seldom() {
        let mut index = Index::new(90_000);
        let mut hash = 1_u64;
        for number in 0..90_000 {
            hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            index.insert(hash ^ hash >> 29, number);
        }
        let passed = index.lines.iter().filter(|line| line.passed() > 0).count();
        assert!(passed * 25 < index.lines.len(), "{passed} of {}", index.lines.len());
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert(u64),
        Remove(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        // Few lines and few tags, so that numbers meet.
        let hash = (0..4_u64, 0..3_u64).prop_map(|(line, tag)| line << 62 | tag << 29);
        prop_oneof![3 => hash.prop_map(Step::Insert), 2 => (0..200_usize).prop_map(Step::Remove)]
    }

    proptest! {
        #[test]
        fn it_finds_what_a_map_would(steps in prop::collection::vec(step(), 0..300)) {
            let mut index = Index::new(60);
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Insert(hash) => {
                        let Some(free) = (0..60).find(|number| !model.contains_key(number)) else {
                            continue;
                        };
                        index.insert(hash, free);
                        model.insert(free, hash);
                    }
                    Step::Remove(which) => {
                        let Some((number, hash)) = model.iter().nth(which) else { continue };
                        let (number, hash) = (*number, *hash);
                        prop_assert!(index.remove(hash, number));
                        prop_assert!(!index.remove(hash, number));
                        model.remove(&number);
                    }
                }
                for (number, hash) in &model {
                    prop_assert_eq!(index.find(*hash, |found| found == *number), Some(*number));
                    prop_assert_eq!(index.find(*hash, |_| false), None);
                }
                let mut numbers: Vec<u32> = index.numbers().collect();
                numbers.sort_unstable();
                prop_assert_eq!(numbers, model.keys().copied().collect::<Vec<_>>());
                prop_assert_eq!(index.len(), model.len());
            }
        }
    }
}
