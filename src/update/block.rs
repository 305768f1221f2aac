use alloc::sync::Arc;

use super::RuleKey;
use super::ordinal::Ordinal;
use super::outline::Outline;
use super::probe::{REST, WORDS_V4, WORDS_V6, Words, each_allowed, rest};
use crate::packet::{Family, Packet};
use crate::rule::{Criteria, Rule};

/// How many rules a block has room for: one for each bit.
pub(super) const BLOCK: usize = 64;

/// Rules of an overlay, and tables that tell which of them a packet may match: for each byte that
/// counts and each number that it may be, a bit for each rule that allows it.
#[derive(Debug)]
pub(super) struct Block<A> {
    used: u64,
    v4: Option<Arc<Tables<WORDS_V4>>>,
    v6: Option<Arc<Tables<WORDS_V6>>>,
    /// For each rule what is quick to look at.
    outlines: [Outline; BLOCK],
    /// The rules in groups, so that changing one copies few.
    groups: [Arc<Group<A>>; GROUPS],
}

const GROUPS: usize = 8;

#[derive(Debug)]
struct Group<A> {
    entries: [Option<Entry<A>>; BLOCK / GROUPS],
}

/// A rule that was inserted.
#[derive(Debug)]
pub(super) struct Entry<A> {
    pub(super) ordinal: Ordinal,
    pub(super) key: RuleKey,
    pub(super) rule: Arc<Rule<A>>,
}

#[derive(Clone, Debug)]
struct Tables<const WORDS: usize> {
    addresses: [[Column; 8]; WORDS],
    rest: [Column; REST],
}

/// For each number that a byte may be a bit for each rule that allows it.
type Column = [u64; 256];

impl<A> Block<A> {
    pub(super) fn new() -> Self {
        let empty = Arc::new(Group { entries: core::array::from_fn(|_| None) });
        let groups = core::array::from_fn(|_| Arc::clone(&empty));
        Self { used: 0, v4: None, v6: None, outlines: [Outline::NONE; BLOCK], groups }
    }

    /// The lowest place that no rule has.
    pub(super) fn free(&self) -> Option<usize> {
        Some(self.used.trailing_ones() as usize).filter(|place| *place < BLOCK)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Puts a rule in a place that is free.
    pub(super) fn insert(&mut self, place: usize, entry: Entry<A>) {
        self.used |= bit(place);
        self.mark(&entry.rule.criteria, bit(place), true);
        if let Some(outline) = self.outlines.get_mut(place) {
            *outline = Outline::new(entry.ordinal, &entry.rule.criteria);
        }
        self.set(place, Some(entry));
    }

    pub(super) fn remove(&mut self, place: usize) {
        let Some(entry) = self.entry(place) else { return };
        let rule = Arc::clone(&entry.rule);
        self.used &= !bit(place);
        if let Some(outline) = self.outlines.get_mut(place) {
            *outline = Outline::NONE;
        }
        self.mark(&rule.criteria, bit(place), false);
        self.set(place, None);
    }

    /// Moves a rule within its chain.
    pub(super) fn renumber(&mut self, place: usize, ordinal: Ordinal) {
        if let Some(outline) = self.outlines.get_mut(place) {
            outline.ordinal = ordinal;
        }
        if let Some(Entry { key, rule, .. }) = self.entry(place) {
            let entry = Entry { ordinal, key: *key, rule: Arc::clone(rule) };
            self.set(place, Some(entry));
        }
    }

    pub(super) fn entry(&self, place: usize) -> Option<&Entry<A>> {
        let group = self.groups.get(place / (BLOCK / GROUPS))?;
        group.entries.get(place % (BLOCK / GROUPS))?.as_ref()
    }

    /// A bit for each rule that may match.
    pub(super) fn candidates(&self, words: &Words, rest: u64) -> u64 {
        match (words, &self.v4, &self.v6) {
            (Words::V4(words), Some(tables), _) => tables.all(words, || rest),
            (Words::V6(words), _, Some(tables)) => tables.all(words, || rest),
            _ => 0,
        }
    }

    #[inline(always)]
    pub(super) fn may_match(&self, words: &Words, packet: &Packet) -> bool {
        match (words, &self.v4, &self.v6) {
            (Words::V4(words), Some(tables), _) => tables.any(*words, packet),
            (Words::V6(words), _, Some(tables)) => tables.any(*words, packet),
            _ => false,
        }
    }

    #[inline]
    pub(super) fn outline(&self, place: usize) -> &Outline {
        self.outlines.get(place).unwrap_or(&Outline::NONE)
    }

    fn set(&mut self, place: usize, entry: Option<Entry<A>>) {
        let group = self.groups.get_mut(place / (BLOCK / GROUPS)).map(Arc::make_mut);
        let slot = group.and_then(|group| group.entries.get_mut(place % (BLOCK / GROUPS)));
        if let Some(slot) = slot {
            *slot = entry;
        }
    }

    /// Sets or clears a rule's bit wherever its criteria allow a number.
    fn mark(&mut self, criteria: &Criteria, bit: u64, on: bool) {
        if criteria.family != Some(Family::V6) {
            let tables = Arc::make_mut(self.v4.get_or_insert_with(Tables::empty));
            each_allowed(criteria, Family::V4, |byte, bounds| tables.mark(byte, bounds, bit, on));
        }
        if criteria.family != Some(Family::V4) {
            let tables = Arc::make_mut(self.v6.get_or_insert_with(Tables::empty));
            each_allowed(criteria, Family::V6, |byte, bounds| tables.mark(byte, bounds, bit, on));
        }
    }
}

fn bit(place: usize) -> u64 {
    1 << (place % BLOCK)
}

impl<const WORDS: usize> Tables<WORDS> {
    fn empty() -> Arc<Self> {
        Arc::new(Self { addresses: [[[0; 256]; 8]; WORDS], rest: [[0; 256]; REST] })
    }

    #[inline(always)]
    fn all(&self, words: &[u64; WORDS], rest: impl FnOnce() -> u64) -> u64 {
        let mut bits = u64::MAX;
        for (columns, word) in self.addresses.iter().zip(words) {
            bits &= all(columns, *word);
        }
        // The addresses leave hardly any packet over.
        if bits == 0 { 0 } else { bits & all(&self.rest, rest()) }
    }

    /// Whether some rule allows all.
    ///
    /// Not inlined: a caller with many blocks would take all bytes apart first, and keep them in
    /// memory, although those of the addresses nearly always suffice.
    #[inline(never)]
    fn any(&self, words: [u64; WORDS], packet: &Packet) -> bool {
        self.all(&words, || rest(packet)) != 0
    }

    fn mark(&mut self, byte: usize, (first, last): (u8, u8), bit: u64, on: bool) {
        let columns = self.addresses.as_flattened_mut().iter_mut().chain(&mut self.rest);
        let column = { columns }.nth(byte);
        let numbers = column.and_then(|column| column.get_mut(first.into()..=last.into()));
        for bits in numbers.unwrap_or_default() {
            *bits = if on { *bits | bit } else { *bits & !bit };
        }
    }
}

/// The bits that are in every column, each asked for the byte of `word` at the same place.
#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "a byte is below 256")]
fn all<const COLUMNS: usize>(columns: &[Column; COLUMNS], word: u64) -> u64 {
    let mut bits = u64::MAX;
    for (i, column) in columns.iter().enumerate() {
        bits &= column[usize::from((word >> (8 * i)) as u8)];
    }
    bits
}

impl<A> Clone for Block<A> {
    fn clone(&self) -> Self {
        let Self { used, v4, v6, outlines, groups } = self;
        let (v4, v6, groups) = (v4.clone(), v6.clone(), groups.clone());
        Self { used: *used, v4, v6, outlines: *outlines, groups }
    }
}

impl<A> Clone for Group<A> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone() }
    }
}

impl<A> Clone for Entry<A> {
    fn clone(&self) -> Self {
        Self { ordinal: self.ordinal, key: self.key, rule: Arc::clone(&self.rule) }
    }
}
