use alloc::vec;
use alloc::vec::Vec;

use super::key::Key;
use super::rate::SLOTS_BEFORE;
use crate::conntrack::rings::Rings;
use crate::conntrack::sip::Sip;

/// How many packets each key had lately. All memory is taken when it is made.
#[derive(Debug)]
pub(super) struct Table {
    /// By the hash of a key, the first of its entries.
    heads: Vec<u32>,
    entries: Vec<Entry>,
    capacity: u32,
    /// All entries, those first whose last packet came first.
    order: Rings,
    sip: Sip,
}

/// How many slots count.
const SLOTS: usize = SLOTS_BEFORE as usize + 1;

/// No entry.
const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Entry {
    key: Key,
    /// The next entry with the same head.
    next: u32,
    /// The slot of its last packet.
    slot: u64,
    /// How many there were in each slot that counts, at its number modulo theirs.
    counts: [u32; SLOTS],
    /// Their sum.
    total: u64,
}

/// A copy has room for as many keys, too.
impl Clone for Table {
    fn clone(&self) -> Self {
        let mut entries = Vec::with_capacity(self.capacity as usize);
        entries.extend_from_slice(&self.entries);
        Self { heads: self.heads.clone(), entries, order: self.order.clone(), ..*self }
    }
}

impl Table {
    /// Room for as many keys.
    pub(super) fn new(capacity: u32, sip: Sip) -> Self {
        let capacity = capacity.min(NONE - 1);
        let heads = (capacity as usize).next_power_of_two();
        Self {
            heads: vec![NONE; heads],
            entries: Vec::with_capacity(capacity as usize),
            capacity,
            order: Rings::new(capacity, 1),
            sip,
        }
    }

    /// Counts a packet and gives how many there are of its key now; `None` if there is no room.
    ///
    /// # Complexity
    ///
    /// Constant on average; the hash is keyed, so that nobody can choose keys that collide.
    pub(super) fn count(&mut self, key: &Key, slot: u64) -> Option<u64> {
        let head = self.head(key);
        let index = match self.find(head, key) {
            Some(index) => index,
            None => self.admit(head, key, slot)?,
        };
        self.order.remove(index);
        self.order.push(0, index);
        self.entries.get_mut(index as usize).map(|entry| entry.count(slot))
    }

    /// The keys of which more than `limit` packets count, and how many.
    pub(super) fn above(&self, limit: u32, slot: u64) -> impl Iterator<Item = (&Key, u64)> {
        let counted = self.entries.iter().map(move |entry| (&entry.key, entry.total_at(slot)));
        counted.filter(move |(_, total)| *total > u64::from(limit))
    }

    /// How many keys have packets that count.
    pub(super) fn live(&self, slot: u64) -> usize {
        self.entries.iter().filter(|entry| entry.is_live(slot)).count()
    }

    fn head(&self, key: &Key) -> usize {
        // A power of two of them, at least one.
        let mask = (self.heads.len() as u64).wrapping_sub(1);
        (self.sip.hash(key.words()) & mask) as usize
    }

    fn find(&self, head: usize, key: &Key) -> Option<u32> {
        let mut at = self.heads.get(head).copied()?;
        while let Some(entry) = self.entries.get(at as usize) {
            if entry.key == *key {
                return Some(at);
            }
            at = entry.next;
        }
        None
    }

    /// A new entry, or that of a key none of whose packets count any more.
    fn admit(&mut self, head: usize, key: &Key, slot: u64) -> Option<u32> {
        let new = Entry::new(*key, self.heads.get(head).copied()?, slot);
        let index = self.entries.len() as u32;
        if index < self.capacity {
            self.entries.push(new);
            *self.heads.get_mut(head)? = index;
            return Some(index);
        }
        let oldest = self.order.first(0)?;
        let entry = self.entries.get(oldest as usize).filter(|entry| !entry.is_live(slot))?;
        let (old, next) = (entry.key, entry.next);
        self.unlink(&old, oldest, next);
        // It may have been in the same list.
        let first = self.heads.get(head).copied()?;
        *self.entries.get_mut(oldest as usize)? = Entry { next: first, ..new };
        *self.heads.get_mut(head)? = oldest;
        Some(oldest)
    }

    /// Takes an entry out of the list of its head.
    fn unlink(&mut self, key: &Key, index: u32, next: u32) {
        let head = self.head(key);
        let mut at = self.heads.get(head).copied().unwrap_or(NONE);
        if at == index {
            if let Some(head) = self.heads.get_mut(head) {
                *head = next;
            }
            return;
        }
        while let Some(entry) = self.entries.get_mut(at as usize) {
            if entry.next == index {
                entry.next = next;
                return;
            }
            at = entry.next;
        }
    }
}

impl Entry {
    fn new(key: Key, next: u32, slot: u64) -> Self {
        Self { key, next, slot, counts: [0; SLOTS], total: 0 }
    }

    /// Counts a packet, and gives how many count.
    fn count(&mut self, slot: u64) -> u64 {
        self.advance(slot);
        if let Some(count) = self.counts.get_mut((self.slot % SLOTS as u64) as usize)
            && let Some(more) = count.checked_add(1)
        {
            *count = more;
            self.total = self.total.saturating_add(1);
        }
        self.total
    }

    /// Forgets what does not count any more in a later slot.
    fn advance(&mut self, slot: u64) {
        let steps = slot.saturating_sub(self.slot).min(SLOTS as u64);
        for step in 1..=steps {
            let at = self.slot.wrapping_add(step) % SLOTS as u64;
            if let Some(count) = self.counts.get_mut(at as usize) {
                self.total = self.total.saturating_sub(u64::from(*count));
                *count = 0;
            }
        }
        self.slot = self.slot.max(slot);
    }

    fn total_at(&self, slot: u64) -> u64 {
        let mut then = self.clone();
        then.advance(slot);
        then.total
    }

    /// Whether packets of it count.
    fn is_live(&self, slot: u64) -> bool {
        slot.saturating_sub(self.slot) <= SLOTS_BEFORE
    }
}
