//! Spans of numbers in 65,536 slots, in pages that copies share until one of them changes it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::array;
use core::fmt::Debug;

use smallvec::SmallVec;

/// Something that takes up a span of numbers. Of two that are not equal, one holds the other, or they
/// have nothing in common; whoever holds another comes before it.
pub(super) trait Entry: Copy + Ord + Debug {
    type Number: Copy + Ord + Debug;

    /// The first and the last number.
    fn span(self) -> (Self::Number, Self::Number);
}

/// Entries, each in the slot that its key says.
#[derive(Clone, Debug)]
pub(super) struct Slots<E: Entry> {
    /// None while there are no entries, or one for each low byte of a key.
    pages: Vec<Arc<Page<E>>>,
    len: usize,
}

const PAGES: usize = 256;
const SLOTS: usize = 256;

/// A slot for each high byte of a key.
#[derive(Clone, Debug)]
struct Page<E: Entry> {
    /// Where each slot's spans begin, and the end of the last.
    starts: [u32; SLOTS + 1],
    /// The spans of each slot, ascending, without those that others hold.
    spans: Vec<(E::Number, E::Number)>,
    entry_starts: [u32; SLOTS + 1],
    /// The entries of each slot in order.
    entries: Vec<E>,
}

impl<E: Entry> Default for Slots<E> {
    fn default() -> Self {
        Self { pages: Vec::new(), len: 0 }
    }
}

impl<E: Entry> Slots<E> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether an entry of a slot holds the number.
    #[inline]
    pub(super) fn holds(&self, key: u16, number: E::Number) -> bool {
        let [slot, page] = key.to_be_bytes();
        self.pages.get(usize::from(page)).is_some_and(|page| page.holds(slot, number))
    }

    pub(super) fn contains(&self, key: u16, entry: E) -> bool {
        let [slot, page] = key.to_be_bytes();
        let page = self.pages.get(usize::from(page));
        page.is_some_and(|page| page.entries_of(slot).binary_search(&entry).is_ok())
    }

    /// Adds an entry; `false` if it is there already.
    pub(super) fn insert(&mut self, key: u16, entry: E) -> bool {
        if self.pages.is_empty() {
            let empty = Arc::new(Page::default());
            self.pages.resize(PAGES, empty);
        }
        let inserted =
            !self.contains(key, entry) && self.change(key, |page, slot| page.insert(slot, entry));
        self.len += usize::from(inserted);
        inserted
    }

    /// Takes an entry out; `false` if it is not there.
    pub(super) fn remove(&mut self, key: u16, entry: E) -> bool {
        let removed =
            self.contains(key, entry) && self.change(key, |page, slot| page.remove(slot, entry));
        self.len -= usize::from(removed);
        removed
    }

    /// Adds many entries at once, whatever their order.
    pub(super) fn extend(&mut self, mut more: Vec<(u16, E)>) {
        if more.len() < FEW {
            more.into_iter().for_each(|(key, entry)| _ = self.insert(key, entry));
            return;
        }
        more.extend(self.iter());
        let place = |key: u16| key.swap_bytes();
        more.sort_unstable_by_key(|(key, entry)| (place(*key), *entry));
        more.dedup();
        self.len = more.len();
        self.pages.clear();
        let mut rest = &more[..];
        for page in 0..PAGES {
            let end = rest.partition_point(|(key, _)| usize::from(place(*key) >> 8) <= page);
            let (own, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.pages.push(Arc::new(Page::of(own)));
            rest = after;
        }
    }

    /// All entries with their keys, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, E)> + '_ {
        let pages = self.pages.iter().zip(0..=u8::MAX).filter(|(page, _)| !page.entries.is_empty());
        pages.flat_map(|(page, low)| {
            (0..=u8::MAX).flat_map(move |slot| {
                let key = u16::from_be_bytes([slot, low]);
                page.entries_of(slot).iter().map(move |entry| (key, *entry))
            })
        })
    }

    fn change(&mut self, key: u16, change: impl FnOnce(&mut Page<E>, u8) -> bool) -> bool {
        let [slot, page] = key.to_be_bytes();
        let page = self.pages.get_mut(usize::from(page)).map(Arc::make_mut);
        page.is_some_and(|page| change(page, slot))
    }
}

/// Fewer entries than this are put in one by one.
const FEW: usize = 1000;

impl<E: Entry> Page<E> {
    /// Of entries that are sorted by slots.
    fn of(sorted: &[(u16, E)]) -> Self {
        let entries = sorted.iter().map(|(_, entry)| *entry).collect();
        let start = |slot: usize| {
            sorted.partition_point(|(key, _)| usize::from(key.to_be_bytes()[0]) < slot) as u32
        };
        let entry_starts = array::from_fn(start);
        let mut page = Self { starts: [0; SLOTS + 1], spans: Vec::new(), entry_starts, entries };
        for slot in 0..=u8::MAX {
            let spans: SmallVec<[_; 4]> = merged(page.entries_of(slot)).collect();
            page.spans.extend(spans);
            if let Some(end) = page.starts.get_mut(usize::from(slot) + 1) {
                *end = page.spans.len() as u32;
            }
        }
        page
    }

    #[inline]
    fn holds(&self, slot: u8, number: E::Number) -> bool {
        let spans = part(&self.spans, &self.starts, slot);
        let before = spans.partition_point(|(first, _)| *first <= number);
        let last = before.checked_sub(1).and_then(|last| spans.get(last));
        last.is_some_and(|(_, last)| number <= *last)
    }

    fn entries_of(&self, slot: u8) -> &[E] {
        part(&self.entries, &self.entry_starts, slot)
    }

    fn insert(&mut self, slot: u8, entry: E) -> bool {
        let Err(place) = self.entries_of(slot).binary_search(&entry) else { return false };
        self.entries.insert(bounds(&self.entry_starts, slot).0 + place, entry);
        shift(&mut self.entry_starts, slot, 1);
        self.settle(slot);
        true
    }

    fn remove(&mut self, slot: u8, entry: E) -> bool {
        let Ok(place) = self.entries_of(slot).binary_search(&entry) else { return false };
        self.entries.remove(bounds(&self.entry_starts, slot).0 + place);
        shift(&mut self.entry_starts, slot, -1);
        self.settle(slot);
        true
    }

    /// Finds a slot's spans anew.
    fn settle(&mut self, slot: u8) {
        let spans: SmallVec<[_; 16]> = merged(self.entries_of(slot)).collect();
        let (from, to) = bounds(&self.starts, slot);
        shift(&mut self.starts, slot, spans.len() as i32 - (to - from) as i32);
        self.spans.splice(from..to, spans);
    }
}

impl<E: Entry> Default for Page<E> {
    fn default() -> Self {
        let starts = [0; SLOTS + 1];
        Self { starts, spans: Vec::new(), entry_starts: starts, entries: Vec::new() }
    }
}

/// The spans of entries that are in order, without those that others hold.
fn merged<E: Entry>(entries: &[E]) -> impl Iterator<Item = (E::Number, E::Number)> + '_ {
    let mut reached = None;
    entries.iter().map(|entry| entry.span()).filter(move |(_, last)| {
        let held = reached.is_some_and(|reached| *last <= reached);
        reached = if held { reached } else { Some(*last) };
        !held
    })
}

#[inline]
fn bounds(starts: &[u32; SLOTS + 1], slot: u8) -> (usize, usize) {
    let at = |slot: usize| starts.get(slot).map_or(0, |start| *start as usize);
    (at(slot.into()), at(usize::from(slot) + 1))
}

#[inline]
fn part<'p, T>(all: &'p [T], starts: &[u32; SLOTS + 1], slot: u8) -> &'p [T] {
    let (from, to) = bounds(starts, slot);
    all.get(from..to).unwrap_or_default()
}

/// Moves what begins behind a slot.
fn shift(starts: &mut [u32; SLOTS + 1], slot: u8, by: i32) {
    for start in starts.iter_mut().skip(usize::from(slot) + 1) {
        *start = start.wrapping_add_signed(by);
    }
}
