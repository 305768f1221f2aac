use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::super::Time;
use super::super::entry::Entry;
use super::super::key::{Flow, Key, Target};
use super::super::rings::Rings;
use super::super::saved::Help;
use super::{Expectation, Helper, MAX_EXPECTED, MEMORY_WORDS, Message};
use crate::packet::Refused;

/// The helpers of a table, the connections that they read, and what these have announced. All its
/// memory is taken when it is made.
#[derive(Clone, Debug)]
pub(in super::super) struct Pool {
    helpers: SmallVec<[Arc<dyn Helper>; 1]>,
    masters: Vec<Master>,
    capacity: u32,
    /// Numbers of masters, by key.
    index: HashTable<u32>,
    /// Places of expectations, by target.
    targets: HashTable<Place>,
    /// The masters that are in use, the one that has not been read for longest first.
    used: Rings,
}

/// Who knows which connections there are.
pub(in super::super) trait Known {
    fn hash_of(&self, key: &Key) -> u64;

    /// Whether the connection that was confirmed at `created` is there.
    fn has(&self, key: &Key, created: Time, now: Time) -> bool;
}

/// A connection that a helper reads.
#[derive(Clone, Copy, Debug)]
struct Master {
    key: Key,
    /// Tells it from a later connection with the same key.
    created: Time,
    memory: [u32; MEMORY_WORDS],
    expected: [Option<Expected>; MAX_EXPECTED],
}

/// A connection that a master has announced.
#[derive(Clone, Copy, Debug)]
struct Expected {
    target: Target,
    /// Whether its source port counts.
    from_port: bool,
    since: Time,
    until: Time,
}

/// The number of a master, and which of its expectations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Place {
    master: u32,
    slot: u8,
}

impl Pool {
    /// Reads up to `capacity` connections at a time.
    pub(in super::super) fn new(capacity: u32) -> Self {
        let masters = capacity as usize;
        Self {
            helpers: SmallVec::new(),
            masters: Vec::with_capacity(masters),
            capacity,
            index: HashTable::with_capacity(masters.saturating_mul(2)),
            targets: HashTable::with_capacity(masters.saturating_mul(2 * MAX_EXPECTED)),
            used: Rings::new(capacity, 1),
        }
    }

    pub(in super::super) fn add(&mut self, helper: Arc<dyn Helper>) {
        self.helpers.push(helper);
    }

    /// Forgets all connections.
    pub(in super::super) fn clear(&mut self) {
        *self = Self { helpers: core::mem::take(&mut self.helpers), ..Self::new(self.capacity) };
    }

    /// Hands a packet of `entry`, an answered connection, to the helper that reads it.
    pub(in super::super) fn read(
        &mut self,
        message: &Message<'_>,
        entry: &Entry,
        known: &impl Known,
        now: Time,
    ) -> Result<(), Refused> {
        let reads = |helper: &&Arc<dyn Helper>| helper.reads(&message.original);
        let Some(helper) = self.helpers.iter().find(reads).map(Arc::clone) else { return Ok(()) };
        let Some(number) = self.master(entry, known) else { return Ok(()) };
        let Some(master) = self.masters.get_mut(number as usize) else { return Ok(()) };
        let mut announced = SmallVec::<[Expectation; MAX_EXPECTED]>::new();
        let mut expect = |expectation| {
            if announced.len() < MAX_EXPECTED {
                announced.push(expectation);
            }
        };
        let read = helper.read(message, &mut master.memory, &mut expect);
        read.map_err(|_| Refused::Unreadable)?;
        let most = helper.max_expected().min(MAX_EXPECTED);
        announced
            .iter()
            .try_for_each(|expectation| self.expect(number, expectation, most, known, now))
    }

    /// What is known of the connection of `entry`, if it is read.
    pub(in super::super) fn saved(
        &self,
        entry: &Entry,
        known: &impl Known,
        now: Time,
    ) -> Option<Help> {
        let is_it = |number: &u32| {
            let master = self.masters.get(*number as usize);
            master.is_some_and(|master| master.key == entry.key && master.created == entry.created)
        };
        let number = self.index.find(known.hash_of(&entry.key), is_it)?;
        let master = self.masters.get(*number as usize)?;
        let live = master.expected.iter().flatten().filter(|expected| now < expected.until);
        let mut oldest_first: SmallVec<[&Expected; MAX_EXPECTED]> = live.collect();
        oldest_first.sort_by_key(|expected| expected.since);
        let expected = oldest_first.iter().map(|expected| expected.announced(now)).collect();
        Some(Help { memory: master.memory, expected })
    }

    /// Takes up what is known of the connection of `entry`, which is there, if there is a helper
    /// that reads it. What another connection has announced stays.
    pub(in super::super) fn restore(
        &mut self,
        entry: &Entry,
        help: &Help,
        known: &impl Known,
        now: Time,
    ) {
        let original = entry.key.flow_key(entry.opener);
        let helper = self.helpers.iter().find(|helper| helper.reads(&original));
        let Some(most) = helper.map(|helper| helper.max_expected().min(MAX_EXPECTED)) else {
            return;
        };
        let Some(number) = self.master(entry, known) else { return };
        if let Some(master) = self.masters.get_mut(number as usize) {
            master.memory = help.memory;
        }
        for expectation in &help.expected {
            let _ = self.expect(number, expectation, most, known, now);
        }
    }

    /// Whether a packet can be the first of a connection that is expected.
    #[cfg(feature = "std")]
    pub(in super::super) fn expects_any(&self) -> bool {
        !self.targets.is_empty()
    }

    /// The place of the expectation that the first packet of `flow` fulfils.
    pub(in super::super) fn find(
        &self,
        flow: &Flow,
        known: &impl Known,
        now: Time,
    ) -> Option<Place> {
        if self.targets.is_empty() {
            return None;
        }
        let wanted = flow.target();
        let fits = |place: &Place| {
            self.expected(*place).is_some_and(|expected| {
                expected.is_fulfilled_by(&wanted) && self.is_live(*place, known, now)
            })
        };
        self.targets.find(known.hash_of(wanted.to()), fits).copied()
    }

    /// Takes the expectation at `place` out: it is fulfilled.
    pub(in super::super) fn take(&mut self, place: Place, known: &impl Known) {
        let Some(expected) = self.expected(place) else { return };
        let hash = known.hash_of(expected.target.to());
        if let Ok(found) = self.targets.find_entry(hash, |found| *found == place) {
            found.remove();
        }
        let master = self.masters.get_mut(place.master as usize);
        if let Some(slot) = master.and_then(|master| master.expected.get_mut(place.slot as usize)) {
            *slot = None;
        }
    }

    /// The number of the connection of `entry`, which is the one read last from now on.
    fn master(&mut self, entry: &Entry, known: &impl Known) -> Option<u32> {
        let hash = known.hash_of(&entry.key);
        let is_it = |number: &u32| {
            self.masters.get(*number as usize).is_some_and(|master| master.key == entry.key)
        };
        let number = match self.index.find(hash, is_it).copied() {
            Some(number) => {
                self.renew(number, entry, known);
                number
            }
            None => self.enter(entry, hash, known)?,
        };
        self.used.remove(number);
        self.used.push(0, number);
        Some(number)
    }

    /// Begins anew if the connection is another one with the same key.
    fn renew(&mut self, number: u32, entry: &Entry, known: &impl Known) {
        let created = self.masters.get(number as usize).map(|master| master.created);
        if created == Some(entry.created) {
            return;
        }
        self.take_all(number, known);
        if let Some(master) = self.masters.get_mut(number as usize) {
            *master = Master::new(entry);
        }
    }

    fn enter(&mut self, entry: &Entry, hash: u64, known: &impl Known) -> Option<u32> {
        let number = if self.masters.len() < self.capacity as usize {
            self.masters.push(Master::new(entry));
            self.masters.len() as u32 - 1
        } else {
            let number = self.used.first(0)?;
            self.leave(number, known);
            *self.masters.get_mut(number as usize)? = Master::new(entry);
            number
        };
        let masters = &self.masters;
        let hash_of = |number: &u32| {
            masters.get(*number as usize).map_or(0, |master| known.hash_of(&master.key))
        };
        self.index.insert_unique(hash, number, hash_of);
        Some(number)
    }

    fn leave(&mut self, number: u32, known: &impl Known) {
        self.take_all(number, known);
        let Some(master) = self.masters.get(number as usize) else { return };
        let hash = known.hash_of(&master.key);
        if let Ok(found) = self.index.find_entry(hash, |found| *found == number) {
            found.remove();
        }
    }

    fn take_all(&mut self, master: u32, known: &impl Known) {
        for slot in 0..MAX_EXPECTED as u8 {
            self.take(Place { master, slot }, known);
        }
    }

    /// Expects a connection, at most `most` of one master.
    fn expect(
        &mut self,
        master: u32,
        expectation: &Expectation,
        most: usize,
        known: &impl Known,
        now: Time,
    ) -> Result<(), Refused> {
        let Some(key) = self.masters.get(master as usize).map(|master| master.key) else {
            return Ok(());
        };
        let Some(expected) = Expected::new(expectation, key.zone(), now) else { return Ok(()) };
        self.make_way(master, &expected, known, now)?;
        let Some(slot) = self.slot_for(master, most) else { return Ok(()) };
        let place = Place { master, slot };
        self.take(place, known);
        self.put(place, expected, known);
        Ok(())
    }

    /// Takes out what the master has announced before in the same words. What another connection
    /// has announced stays.
    fn make_way(
        &mut self,
        master: u32,
        expected: &Expected,
        known: &impl Known,
        now: Time,
    ) -> Result<(), Refused> {
        let hash = known.hash_of(expected.target.to());
        let clashes =
            |place: &Place| self.expected(*place).is_some_and(|other| other.clashes_with(expected));
        let Some(place) = self.targets.find(hash, clashes).copied() else { return Ok(()) };
        if place.master != master && self.is_live(place, known, now) {
            return Err(Refused::AlreadyExpected);
        }
        self.take(place, known);
        Ok(())
    }

    /// A free slot or, if there are `most` expectations, that of the oldest.
    fn slot_for(&self, master: u32, most: usize) -> Option<u8> {
        let slots = self.masters.get(master as usize)?.expected.get(..most)?;
        let age = |(_, expected): &(usize, &Option<Expected>)| {
            expected.map_or(Time::ZERO, |expected| expected.since)
        };
        let free = slots.iter().position(Option::is_none);
        let oldest = || slots.iter().enumerate().min_by_key(age).map(|(slot, _)| slot);
        free.or_else(oldest).map(|slot| slot as u8)
    }

    fn put(&mut self, place: Place, expected: Expected, known: &impl Known) {
        let hash = known.hash_of(expected.target.to());
        let master = self.masters.get_mut(place.master as usize);
        let slot = master.and_then(|master| master.expected.get_mut(place.slot as usize));
        let Some(slot) = slot else { return };
        *slot = Some(expected);
        let masters = &self.masters;
        let hash_of = |place: &Place| {
            at(masters, *place).map_or(0, |expected| known.hash_of(expected.target.to()))
        };
        self.targets.insert_unique(hash, place, hash_of);
    }

    fn expected(&self, place: Place) -> Option<&Expected> {
        at(&self.masters, place)
    }

    /// Whether the time of the expectation is not over, nor that of its master.
    fn is_live(&self, place: Place, known: &impl Known, now: Time) -> bool {
        let in_time = self.expected(place).is_some_and(|expected| now < expected.until);
        let Some(master) = self.masters.get(place.master as usize).filter(|_| in_time) else {
            return false;
        };
        known.has(&master.key, master.created, now)
    }
}

fn at(masters: &[Master], place: Place) -> Option<&Expected> {
    masters.get(place.master as usize)?.expected.get(place.slot as usize)?.as_ref()
}

impl Master {
    const fn new(entry: &Entry) -> Self {
        Self {
            key: entry.key,
            created: entry.created,
            memory: [0; MEMORY_WORDS],
            expected: [None; MAX_EXPECTED],
        }
    }
}

impl Expected {
    fn new(expectation: &Expectation, zone: u16, now: Time) -> Option<Self> {
        let flow = Flow::of_expected(expectation)?;
        Some(Self {
            target: flow.in_zone(zone).target(),
            from_port: expectation.src_port.is_some(),
            since: now,
            until: now.after_secs(expectation.seconds),
        })
    }

    fn announced(&self, now: Time) -> Expectation {
        let left = self.until.since(now);
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        self.target.expectation(self.from_port, u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    fn is_fulfilled_by(&self, target: &Target) -> bool {
        self.target.fits(target, self.from_port)
    }

    /// Whether one connection could fulfil both.
    fn clashes_with(&self, other: &Self) -> bool {
        self.target.fits(&other.target, self.from_port && other.from_port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [`Limits::helped`](crate::conntrack::Limits::helped) says so.
    #[test]
    fn a_connection_that_is_read_takes_some_600_bytes() {
        let tables = Pool::new(1024);
        let places = tables.index.allocation_size() + tables.targets.allocation_size();
        let each = size_of::<Master>() + places / 1024 + 8;
        assert!((500..650).contains(&each), "{each}");
    }
}
