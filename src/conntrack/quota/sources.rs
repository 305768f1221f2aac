use alloc::vec;
use alloc::vec::Vec;

/// How many connections each source has, by the hash of the source: lines of ten counts, each
/// beside 32 bits of a hash. It never grows and never moves a count.
///
/// A count lies in the line that its hash says or, if that was full, in one of the next. Each line
/// counts those that went past it, so that a search knows when to end. Two sources share a count
/// when 32 bits of their hashes are the same and they lie in the same line, as one new source in 600
/// million does. The hash is keyed, so that nobody can bring that about.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    lines: Vec<Line>,
}

/// One cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line {
    tags: [u32; SLOTS],
    /// 0 where nothing is counted.
    counts: [u16; SLOTS],
    passed: u32,
}

const SLOTS: usize = 10;

/// How many counts there are in five lines on average when every connection has a source of its
/// own.
const LOAD_OF_FIVE: usize = 36;

/// A line that counts nothing.
const EMPTY: Line = Line { tags: [0; SLOTS], counts: [0; SLOTS], passed: 0 };

impl Sources {
    /// Room for as many sources.
    pub(super) fn new(sources: u32) -> Self {
        let lines = (sources as usize).saturating_mul(5).div_ceil(LOAD_OF_FIVE).max(1);
        Self { lines: vec![EMPTY; lines] }
    }

    /// How many connections a source has.
    pub(super) fn count(&self, hash: u64) -> u16 {
        let place = self.find(hash);
        place.and_then(|(at, slot)| self.lines.get(at)?.counts.get(slot).copied()).unwrap_or(0)
    }

    /// One more. There must be room for the source.
    pub(super) fn add(&mut self, hash: u64) {
        match self.find(hash) {
            Some(place) => {
                self.change(place, |count| count.saturating_add(1));
            }
            None => self.enter(hash),
        }
    }

    /// One less.
    pub(super) fn remove(&mut self, hash: u64) {
        let Some(place) = self.find(hash) else { return };
        if self.change(place, |count| count.saturating_sub(1)) == Some(0) {
            self.walk(hash, place.0, |passed| passed.saturating_sub(1));
        }
    }

    fn enter(&mut self, hash: u64) {
        let home = self.home(hash);
        let lines = self.lines.len();
        let around = (0..lines).map(|step| (home + step) % lines);
        let mut free = around.filter_map(|at| {
            let slot = self.lines.get(at)?.counts.iter().position(|count| *count == 0)?;
            Some((at, slot))
        });
        let Some((at, slot)) = free.next() else { return };
        if let Some(line) = self.lines.get_mut(at) {
            let places = (line.tags.get_mut(slot), line.counts.get_mut(slot));
            if let (Some(tag), Some(count)) = places {
                (*tag, *count) = (hash as u32, 1);
            }
        }
        self.walk(hash, at, |passed| passed.saturating_add(1));
    }

    /// Changes how many went past each line from the one where the hash leads to that before `at`.
    fn walk(&mut self, hash: u64, at: usize, change: impl Fn(u32) -> u32) {
        let mut passed = self.home(hash);
        while passed != at {
            if let Some(line) = self.lines.get_mut(passed) {
                line.passed = change(line.passed);
            }
            passed = self.after(passed);
        }
    }

    fn change(&mut self, (at, slot): (usize, usize), to: impl FnOnce(u16) -> u16) -> Option<u16> {
        let count = self.lines.get_mut(at)?.counts.get_mut(slot)?;
        *count = to(*count);
        Some(*count)
    }

    /// The line and the slot.
    fn find(&self, hash: u64) -> Option<(usize, usize)> {
        let mut at = self.home(hash);
        for _ in 0..self.lines.len() {
            let line = self.lines.get(at)?;
            let mut slots = line.tags.iter().zip(&line.counts);
            if let Some(slot) = slots.position(|(tag, count)| *tag == hash as u32 && *count != 0) {
                return Some((at, slot));
            }
            if line.passed == 0 {
                return None;
            }
            at = self.after(at);
        }
        None
    }

    /// The high half of the hash says which line, in equal shares.
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.lines.len() as u64) >> 32) as usize
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 < self.lines.len() { at + 1 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_source_takes_nine_bytes() {
        assert_eq!(size_of::<Line>(), 64);
        for sources in [1_000, 65_536, 1_000_000] {
            let lines = Sources::new(sources).lines.len();
            assert!(lines * 64 <= sources as usize * 89 / 10 + 64, "{sources}: {lines}");
        }
    }

    #[test]
    fn there_is_room_for_all_wherever_they_want_to_go() {
        for (sources, hash) in [(1, 0), (9, u64::MAX), (100, 1 << 63), (1000, u64::MAX - 5000)] {
            let mut counts = Sources::new(sources);
            let hashes = || (0..u64::from(sources)).map(|source| hash ^ source);
            hashes().for_each(|hash| counts.add(hash));
            assert!(hashes().all(|hash| counts.count(hash) == 1));
            hashes().for_each(|hash| counts.remove(hash));
            assert!(counts.lines.iter().all(|line| line.passed == 0 && line.counts == [0; SLOTS]));
        }
    }

    proptest! {
        #[test]
        fn it_counts_what_a_map_would(
            // Few lines, so that sources meet; a tag for each, as good as always.
            steps in prop::collection::vec((0..5_u64, 0..8_u64, any::<bool>()), 0..400),
        ) {
            let mut counts = Sources::new(40);
            let mut model: BTreeMap<u64, u16> = BTreeMap::new();
            for (line, tag, more) in steps {
                let hash = line << 61 | line << 3 | tag;
                let count = model.entry(hash).or_default();
                if more {
                    counts.add(hash);
                    *count += 1;
                } else {
                    counts.remove(hash);
                    *count = count.saturating_sub(1);
                }
                for (hash, count) in &model {
                    prop_assert_eq!(counts.count(*hash), *count);
                }
            }
        }
    }
}
