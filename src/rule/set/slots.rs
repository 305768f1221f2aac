//! Spans of numbers in 65,536 slots, in pages that copies share until one of them changes it.
//!
//! A slot's spans are numbers in a row, where they begin and where they are over by turns. A number is
//! within one if an odd count of them is not above it. Counting has no branch that depends on the
//! answer, so that a processor looks into a set for one packet while memory answers for another.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::array;
use core::fmt::Debug;

use smallvec::SmallVec;

use super::edge::{AHEAD, Edge, halvings, odd_passed};

/// Something that takes up a span of numbers. Of two that are not equal, one holds the other, or they
/// have nothing in common; whoever holds another comes before it.
pub(super) trait Entry: Copy + Ord + Debug {
    type Number: Edge;

    /// The first and the last number.
    fn span(self) -> (Self::Number, Self::Number);
}

/// A number alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct One<N>(pub(super) N);

impl<N: Edge> Entry for One<N> {
    type Number = N;

    fn span(self) -> (N, N) {
        (self.0, self.0)
    }
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
    /// Where each slot's edges begin, and the end of the last.
    starts: [u32; SLOTS + 1],
    /// Of each slot where its spans begin and are over, ascending; then [`AHEAD`] more.
    edges: Vec<E::Number>,
    /// How often edges have to be halved, of the slot that has most.
    halvings: u32,
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
        let starts = [0; SLOTS + 1];
        let mut page = Self { starts, edges: Vec::new(), halvings: 0, entry_starts, entries };
        for slot in 0..=u8::MAX {
            let edges = edges(page.entries_of(slot));
            page.halvings = page.halvings.max(halvings(edges.len()));
            page.edges.extend(edges);
            if let Some(end) = page.starts.get_mut(usize::from(slot) + 1) {
                *end = page.edges.len() as u32;
            }
        }
        page.edges.extend([E::Number::default(); AHEAD]);
        page
    }

    #[inline]
    fn holds(&self, slot: u8, number: E::Number) -> bool {
        let (from, to) = bounds(&self.starts, slot);
        odd_passed(&self.edges, from..to, self.halvings, number)
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

    /// Finds a slot's edges anew.
    fn settle(&mut self, slot: u8) {
        let edges = edges(self.entries_of(slot));
        let (from, to) = bounds(&self.starts, slot);
        shift(&mut self.starts, slot, edges.len() as i32 - (to - from) as i32);
        self.halvings = self.halvings.max(halvings(edges.len()));
        self.edges.splice(from..to, edges);
    }
}

impl<E: Entry> Default for Page<E> {
    fn default() -> Self {
        let starts = [0; SLOTS + 1];
        let edges = vec![E::Number::default(); AHEAD];
        Self { starts, edges, halvings: 0, entry_starts: starts, entries: Vec::new() }
    }
}

/// Where the spans of entries that are in order begin and are over, without those that others hold. One
/// that goes on where another is over is one with it.
fn edges<E: Entry>(entries: &[E]) -> SmallVec<[E::Number; 16]> {
    let mut edges = SmallVec::new();
    let mut reached = None;
    for (first, last) in entries.iter().map(|entry| entry.span()) {
        if reached.is_some_and(|reached| last <= reached) {
            continue;
        }
        reached = Some(last);
        if edges.last() == Some(&first) {
            edges.pop();
        } else {
            edges.push(first);
        }
        edges.extend(last.next());
    }
    edges
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

/// A key for numbers: those that are near each other get keys that are not.
#[inline]
pub(super) fn scattered(bits: u64) -> u16 {
    (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16
}

/// The same for 128 bits.
#[inline]
pub(super) fn all_scattered(bits: u128) -> u16 {
    let [high, low] = [(bits >> 64) as u64, bits as u64];
    scattered(low ^ high.rotate_left(23).wrapping_mul(0xbf58_476d_1ce4_e5b9))
}
