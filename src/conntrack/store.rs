use alloc::vec::Vec;

use super::Time;
use super::entry::{Entry, Rank};
use super::helper::Known;
use super::index::Index;
use super::key::{End, Key};
use super::quota::Keeper;
use super::rings::Rings;
use super::sip::Sip;
use super::wheel::Wheel;
use crate::packet::Refused;
use crate::simd::{Chosen, Kernel, Lanes, prefetch};

/// The entries of a table and what finds them by key, by deadline and by rank, kept in step. All
/// its memory is taken, and written to, when it is made.
#[derive(Clone, Debug)]
pub(super) struct Store {
    entries: Vec<Entry>,
    index: Index,
    wheel: Wheel,
    /// Displaceable connections by rank, each list oldest first.
    ranks: Rings,
    /// The number of the first vacant entry, which has the number of the next.
    vacant: u32,
    /// How many connections there are of whom, if that is limited.
    quotas: Option<Keeper>,
    sip: Sip,
    /// The longest timeout, in seconds.
    longest: u32,
}

/// Where to look for a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought {
    pub(super) hash: u64,
    /// The entry that has it, very likely, if any has.
    pub(super) candidate: u32,
}

impl Sought {
    pub(super) const fn with(hash: u64) -> Self {
        Self { hash, candidate: u32::MAX }
    }
}

impl Store {
    pub(super) fn new(capacity: u32, sip: Sip, longest: u32) -> Self {
        Self {
            entries: (0..capacity).map(|number| Entry::vacant(number + 1)).collect(),
            index: Index::new(capacity),
            wheel: Wheel::new(capacity),
            ranks: Rings::new(capacity, Rank::ALL.len() as u32),
            vacant: 0,
            quotas: None,
            sip,
            longest,
        }
    }

    /// The same with what is counted of sources and zones. It must be empty.
    pub(super) fn with_quotas(self, quotas: Option<Keeper>) -> Self {
        Self { quotas, ..self }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.index.len() == self.entries.len()
    }

    #[inline]
    pub(super) fn hash(&self, key: &Key) -> u64 {
        key.hash(&self.sip)
    }

    /// Asks for the line of the index where a search for a key with this hash begins.
    #[inline(always)]
    pub(super) fn prefetch_line(&self, hash: u64) {
        self.index.line(hash).map(prefetch);
    }

    /// Asks for the entry that, unseen, is likely to be that of a key with this hash.
    #[inline(always)]
    pub(super) fn prefetch_candidate(&self, lanes: impl Lanes, hash: u64) -> Sought {
        let sought = self.sought(lanes, hash);
        self.entry(sought.candidate).map(prefetch);
        sought
    }

    /// Where to look for a key, its hash not known yet.
    #[inline(always)]
    pub(super) fn seek(&self, key: &Key, chosen: Chosen) -> Sought {
        chosen.run(Seek { store: self, key })
    }

    /// Asks for the entry that is likely to be that of a key with this hash.
    #[cfg(feature = "std")]
    pub(super) fn prefetch_entry(&self, hash: u64, chosen: Chosen) {
        self.entry(self.seek_hashed(hash, chosen).candidate).map(prefetch);
    }

    /// Where to look for a key with this hash.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(super) fn seek_hashed(&self, hash: u64, chosen: Chosen) -> Sought {
        chosen.run(SeekHashed { store: self, hash })
    }

    #[inline(always)]
    fn sought(&self, lanes: impl Lanes, hash: u64) -> Sought {
        Sought { hash, candidate: self.index.candidate(lanes, hash).unwrap_or(u32::MAX) }
    }

    #[inline(always)]
    pub(super) fn sip(&self) -> &Sip {
        &self.sip
    }

    #[inline]
    pub(super) fn find(&self, key: &Key, hash: u64) -> Option<u32> {
        self.index.find(hash, |number| self.is(number, key))
    }

    /// The candidate, unless it has expired.
    #[inline(always)]
    pub(super) fn candidate(&mut self, sought: Sought, now: Time) -> Option<&mut Entry> {
        let candidate = self.entries.get_mut(sought.candidate as usize);
        candidate.filter(|entry| !entry.is_expired(now))
    }

    /// As [`find`](Self::find); an expired entry is removed instead.
    pub(super) fn find_live(&mut self, key: &Key, sought: Sought, now: Time) -> Option<u32> {
        let number = match self.entry(sought.candidate) {
            Some(entry) if entry.key == *key => sought.candidate,
            _ => self.find(key, sought.hash)?,
        };
        if self.entry(number)?.is_expired(now) {
            self.remove(number);
            return None;
        }
        Some(number)
    }

    /// The entry with this key, unless it has expired.
    pub(super) fn shown(&self, key: &Key, now: Time) -> Option<&Entry> {
        let number = self.find(key, self.hash(key))?;
        self.entry(number).filter(|entry| !entry.is_expired(now))
    }

    #[inline]
    pub(super) fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get(number as usize)
    }

    #[inline]
    pub(super) fn entry_mut(&mut self, number: u32) -> Option<&mut Entry> {
        self.entries.get_mut(number as usize)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.index.numbers().filter_map(|number| self.entry(number))
    }

    /// Removes the entries that are not to be kept.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Entry) -> bool) {
        for number in 0..self.entries.len() as u32 {
            let entry = self.entry(number).filter(|entry| entry.key != Key::NONE);
            if entry.is_some_and(|entry| !keep(entry)) {
                self.remove(number);
            }
        }
    }

    /// Puts in an entry that was [admitted](Self::admit), whose key hashes to `hash` and is not there
    /// yet. There must be room.
    pub(super) fn insert(&mut self, mut entry: Entry, hash: u64) {
        let number = self.vacant;
        let Some(place) = self.entries.get_mut(number as usize) else { return };
        self.vacant = place.next_vacant();
        entry.armed = self.wheel.arm(number, entry.deadline);
        entry.rank = entry.proper_rank();
        if let Some(rank) = entry.rank {
            self.ranks.push(rank as u32, number);
        }
        *place = entry;
        self.index.insert(hash, number);
    }

    pub(super) fn remove(&mut self, number: u32) {
        self.wheel.remove(number);
        self.forget(number);
    }

    /// Puts an entry that was moved where it now belongs.
    #[inline(never)]
    pub(super) fn rearrange(&mut self, number: u32) {
        let Some(entry) = self.entries.get_mut(number as usize) else { return };
        entry.armed = self.wheel.rearm(number, entry.deadline, entry.armed);
        entry.steady = entry.is_steady();
        let rank = entry.proper_rank();
        if rank == entry.rank {
            return;
        }
        entry.rank = rank;
        self.ranks.remove(number);
        if let Some(rank) = rank {
            self.ranks.push(rank as u32, number);
        }
    }

    /// Whether there is nothing to [`collect`](Self::collect), nor will be before `now` changes.
    #[inline(always)]
    pub(super) fn is_idle(&self, now: Time) -> bool {
        self.wheel.is_idle(now)
    }

    /// Looks at up to `visits` entries whose time may have come and removes those that have
    /// expired.
    #[inline(never)]
    pub(super) fn collect(&mut self, visits: usize, now: Time) {
        for _ in 0..visits {
            let Some(number) = self.wheel.pop(now) else { return };
            self.visit(number, now);
        }
    }

    /// As [`collect`](Self::collect) with the tick that is not over, until there is room.
    pub(super) fn collect_for_room(&mut self, visits: usize, now: Time) {
        for _ in 0..visits {
            if !self.is_full() {
                return;
            }
            let Some(number) = self.wheel.pop_current(now) else { return };
            self.visit(number, now);
        }
    }

    /// Counts a connection of its source and its zone, which is to be put in next, or says why it is
    /// one too many.
    pub(super) fn admit(&mut self, key: &Key, opener: End) -> Result<(), Refused> {
        self.quotas.as_mut().map_or(Ok(()), |quotas| quotas.admit(key, opener))
    }

    /// Takes that back.
    pub(super) fn dismiss(&mut self, key: &Key, opener: End) {
        if let Some(quotas) = &mut self.quotas {
            quotas.remove(key, opener);
        }
    }

    /// As [`collect_for_room`](Self::collect_for_room), room or not.
    pub(super) fn collect_all_due(&mut self, visits: usize, now: Time) {
        for _ in 0..visits {
            let Some(number) = self.wheel.pop_current(now) else { return };
            self.visit(number, now);
        }
    }

    /// Removes the oldest of the least established connections; whether there is one that may be
    /// displaced.
    pub(super) fn displace(&mut self) -> bool {
        let oldest = Rank::ALL.iter().find_map(|rank| self.ranks.first(*rank as u32));
        oldest.map(|number| self.remove(number)).is_some()
    }

    pub(super) fn clear(&mut self) {
        self.retain(|_| false);
    }

    fn is(&self, number: u32, key: &Key) -> bool {
        self.entry(number).is_some_and(|entry| entry.key == *key)
    }

    /// Removes an entry that is not in the wheel.
    fn forget(&mut self, number: u32) {
        self.ranks.remove(number);
        let Some(entry) = self.entries.get_mut(number as usize) else { return };
        if self.index.remove(entry.key.hash(&self.sip), number) {
            if let Some(quotas) = &mut self.quotas {
                quotas.remove(&entry.key, entry.opener);
            }
            *entry = Entry::vacant(self.vacant);
            self.vacant = number;
        }
    }

    /// Removes an entry that the wheel brought up if it has expired, or else puts it back.
    fn visit(&mut self, number: u32, now: Time) {
        let longest = now.after_secs(self.longest);
        let Some(entry) = self.entries.get_mut(number as usize) else { return };
        if entry.is_expired(now) {
            return self.forget(number);
        }
        // Only a clock that has gone back leaves a deadline farther off.
        entry.deadline = entry.deadline.min(longest);
        entry.armed = self.wheel.arm(number, entry.deadline);
    }
}

/// Hashes a key and takes the first candidate unseen.
#[derive(Clone, Copy)]
struct Seek<'a> {
    store: &'a Store,
    key: &'a Key,
}

impl Kernel for Seek<'_> {
    type Output = Sought;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Sought {
        self.store.sought(lanes, self.store.hash(self.key))
    }
}

/// Takes the first candidate unseen.
#[cfg(feature = "std")]
#[derive(Clone, Copy)]
struct SeekHashed<'a> {
    store: &'a Store,
    hash: u64,
}

#[cfg(feature = "std")]
impl Kernel for SeekHashed<'_> {
    type Output = Sought;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Sought {
        self.store.sought(lanes, self.hash)
    }
}

impl Known for Store {
    fn hash_of(&self, key: &Key) -> u64 {
        self.hash(key)
    }

    fn has(&self, key: &Key, created: Time, now: Time) -> bool {
        self.shown(key, now).is_some_and(|entry| entry.created == created)
    }
}
