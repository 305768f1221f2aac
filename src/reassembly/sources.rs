use alloc::vec::Vec;

use hashbrown::HashTable;

use crate::conntrack::rings::Rings;
use crate::conntrack::sip::Sip;
use crate::packet::Addrs;

/// The senders of incomplete datagrams, each with a list of these.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    index: HashTable<u32>,
    records: Vec<Record>,
    free: Vec<u32>,
    /// Datagrams by source, each list oldest first.
    members: Rings,
    hasher: Sip,
}

/// An IPv4 address, or an IPv6 prefix of 64 bits: one who has such a prefix has all its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    zone: u16,
    is_v4: bool,
    bits: u64,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    source: Source,
    datagrams: u32,
    /// Fragments that have come since it has incomplete datagrams.
    arrivals: u32,
}

impl Source {
    pub(super) fn of(addrs: &Addrs, zone: u16) -> Self {
        match addrs {
            Addrs::V4 { src, .. } => Self { zone, is_v4: true, bits: u64::from(src.to_bits()) },
            Addrs::V6 { src, .. } => {
                Self { zone, is_v4: false, bits: (src.to_bits() >> 64) as u64 }
            }
        }
    }

    fn hash(&self, hasher: &Sip) -> u64 {
        hasher.hash([u64::from(self.zone) << 1 | u64::from(self.is_v4), self.bits])
    }
}

impl Sources {
    /// Room for the sources of as many datagrams.
    pub(super) fn new(datagrams: u32, hasher: Sip) -> Self {
        Self {
            index: HashTable::new(),
            records: Vec::new(),
            free: Vec::new(),
            members: Rings::new(datagrams, datagrams),
            hasher,
        }
    }

    /// How many incomplete datagrams the source has, and the oldest of them.
    pub(super) fn held(&self, source: &Source) -> (u32, Option<u32>) {
        let Some(number) = self.find(source) else { return (0, None) };
        let datagrams = self.records.get(number as usize).map_or(0, |record| record.datagrams);
        (datagrams, self.members.first(number))
    }

    /// Adds a datagram to its source's, whose number it returns.
    pub(super) fn add(&mut self, source: Source, datagram: u32) -> u32 {
        let number = self.find(&source).unwrap_or_else(|| self.enter(source));
        if let Some(record) = self.records.get_mut(number as usize) {
            record.datagrams = record.datagrams.saturating_add(1);
        }
        self.members.push(number, datagram);
        number
    }

    /// Takes a datagram out of those of its source `number`.
    pub(super) fn remove(&mut self, number: u32, datagram: u32) {
        self.members.remove(datagram);
        let Some(record) = self.records.get_mut(number as usize) else { return };
        record.datagrams = record.datagrams.saturating_sub(1);
        if record.datagrams > 0 {
            return;
        }
        let hash = record.source.hash(&self.hasher);
        if let Ok(found) = self.index.find_entry(hash, |found| *found == number) {
            found.remove();
            self.free.push(number);
        }
    }

    /// Makes a datagram of source `number` its youngest.
    pub(super) fn renew(&mut self, number: u32, datagram: u32) {
        self.members.remove(datagram);
        self.members.push(number, datagram);
    }

    /// Counts a fragment of source `number` and says the how manieth that is.
    pub(super) fn arrived(&mut self, number: u32) -> u32 {
        let Some(record) = self.records.get_mut(number as usize) else { return 0 };
        record.arrivals = record.arrivals.wrapping_add(1);
        record.arrivals
    }

    fn find(&self, source: &Source) -> Option<u32> {
        let matches = |number: &u32| {
            self.records.get(*number as usize).is_some_and(|record| record.source == *source)
        };
        self.index.find(source.hash(&self.hasher), matches).copied()
    }

    fn enter(&mut self, source: Source) -> u32 {
        let record = Record { source, datagrams: 0, arrivals: 0 };
        let number = self.free.pop().unwrap_or(self.records.len() as u32);
        match self.records.get_mut(number as usize) {
            Some(place) => *place = record,
            None => self.records.push(record),
        }
        let Self { index, records, hasher, .. } = self;
        index.insert_unique(source.hash(hasher), number, |number| {
            records.get(*number as usize).map_or(0, |record| record.source.hash(hasher))
        });
        number
    }
}
