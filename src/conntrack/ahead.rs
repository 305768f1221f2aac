use alloc::boxed::Box;

use super::key::{Flow, Key, Part, Subject};
use super::sip::Sip;
use super::store::{Sought, Store};
use crate::packet::Packet;
use crate::simd::{Chosen, Kernel, Lanes};

/// How many packets are hashed ahead.
const BATCH: usize = 64;

/// How many keys are hashed at once, and how many packets are looked up before more are fetched.
const GROUP: usize = 8;

/// How far ahead entries are fetched, in packets.
const REACH: usize = 2 * GROUP;

/// Packets that come next, hashed, and their likely entries on the way from memory. What the table
/// does meanwhile makes none of it wrong: a candidate is only where to look first.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead {
    /// Room for a batch.
    prepared: Box<[Prepared]>,
    groups: Box<[Group]>,
    len: usize,
    /// The first that has not been used.
    next: usize,
    /// The first whose entry is not on the way.
    unfetched: usize,
    /// Whether the packets are those of the present call for sure.
    sure: bool,
}

/// A packet that comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prepared {
    pub(super) subject: Subject,
    pub(super) sought: Sought,
}

/// The keys of some packets, word by word, as they are hashed.
#[derive(Clone, Copy, Debug)]
struct Group {
    v4: [[u64; GROUP]; 2],
    v6: [[u64; GROUP]; 5],
}

impl Ahead {
    pub(super) fn new() -> Self {
        let nothing = Prepared { subject: Subject::INVALID, sought: Sought::NOWHERE };
        let no_group = Group { v4: [[0; GROUP]; 2], v6: [[0; GROUP]; 5] };
        Self {
            prepared: Box::new([nothing; BATCH]),
            groups: Box::new([no_group; BATCH / GROUP]),
            ..Self::default()
        }
    }

    /// Begins a call, whose packets may be others than those prepared.
    pub(super) fn begin(&mut self) {
        self.sure = false;
    }

    /// What was prepared for the first of `packets` and, as far as that is sure, for a few after
    /// it; prepares them if nothing was.
    pub(super) fn ready(
        &mut self,
        packets: &[Packet],
        store: &Store,
        chosen: Chosen,
    ) -> &[Prepared] {
        if packets.first().is_none_or(|packet| !self.has(packet)) {
            self.hash(packets, store, chosen);
        }
        self.fetch(store, chosen);
        let end = if self.sure { self.next + GROUP } else { self.next + 1 };
        self.prepared.get(self.next..end.min(self.len)).unwrap_or_default()
    }

    /// Notes that so many of those that were ready have been used.
    pub(super) fn used(&mut self, count: usize) {
        self.next += count;
    }

    /// Whether what comes next is what `packet` is to the table.
    fn has(&self, packet: &Packet) -> bool {
        let next = self.prepared.get(self.next).filter(|_| self.next < self.len);
        next.is_some_and(|next| self.sure || next.subject == Subject::of(packet))
    }

    /// Hashes the first of `packets`, in the place of all others.
    fn hash(&mut self, packets: &[Packet], store: &Store, chosen: Chosen) {
        self.len = packets.len().min(self.prepared.len());
        (self.next, self.unfetched) = (0, 0);
        self.sure = true;
        let groups = self.prepared.chunks_mut(GROUP).zip(&mut self.groups);
        for ((prepared, group), packets) in groups.zip(packets.chunks(GROUP)) {
            for (lane, (prepared, packet)) in prepared.iter_mut().zip(packets).enumerate() {
                group.put(lane, prepared.take(packet));
            }
        }
        let prepared = self.prepared.get_mut(..self.len).unwrap_or_default();
        chosen.run(Hash { prepared, groups: &self.groups, store });
    }

    /// Fetches entries as far ahead as is useful.
    fn fetch(&mut self, store: &Store, chosen: Chosen) {
        let until = (self.next + REACH).min(self.len);
        if let Some(prepared) = self.prepared.get_mut(self.unfetched..until) {
            self.unfetched = until;
            chosen.run(Fetch { prepared, store });
        }
    }
}

impl Prepared {
    /// Takes on a packet and gives its key back.
    #[inline(always)]
    fn take(&mut self, packet: &Packet) -> Key {
        // Two assignments, as one of whichever it is would be a copy.
        if let Some(flow) = Flow::of_usual(packet) {
            self.subject = Subject { part: Part::Member, flow };
            flow.key
        } else {
            self.subject = Subject::of_unusual(packet);
            self.subject.flow.key
        }
    }
}

impl Group {
    #[inline(always)]
    fn put(&mut self, lane: usize, key: Key) {
        if key.is_v4() {
            put(&mut self.v4, lane, key.words_v4());
        } else {
            put(&mut self.v6, lane, key.words_v6());
        }
    }

    /// The hashes of the keys, which are those of `prepared`.
    #[inline(always)]
    fn hashes(&self, prepared: &[Prepared], lanes: impl Lanes, sip: &Sip) -> [u64; GROUP] {
        let v4_keys = prepared.iter().filter(|prepared| prepared.subject.flow.key.is_v4()).count();
        if v4_keys == prepared.len() {
            return sip.hash_each(lanes, &self.v4);
        }
        let mut hashes = sip.hash_each(lanes, &self.v6);
        if v4_keys > 0 {
            let v4 = sip.hash_each(lanes, &self.v4);
            for ((hash, v4), prepared) in hashes.iter_mut().zip(v4).zip(prepared) {
                *hash = if prepared.subject.flow.key.is_v4() { v4 } else { *hash };
            }
        }
        hashes
    }
}

#[inline(always)]
fn put<const WORDS: usize>(lanes: &mut [[u64; GROUP]; WORDS], lane: usize, words: [u64; WORDS]) {
    for (lanes, word) in lanes.iter_mut().zip(words) {
        if let Some(place) = lanes.get_mut(lane) {
            *place = word;
        }
    }
}

/// Hashes keys and asks for the lines of the index where they are looked for.
struct Hash<'a> {
    prepared: &'a mut [Prepared],
    groups: &'a [Group],
    store: &'a Store,
}

impl Kernel for Hash<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { prepared, groups, store } = self;
        for (prepared, group) in prepared.chunks_mut(GROUP).zip(groups) {
            let hashes = group.hashes(prepared, lanes, store.sip());
            for (prepared, hash) in prepared.iter_mut().zip(hashes) {
                prepared.sought = Sought::with(hash);
                store.prefetch_line(hash);
            }
        }
    }
}

/// Takes first candidates unseen and asks for them.
struct Fetch<'a> {
    prepared: &'a mut [Prepared],
    store: &'a Store,
}

impl Kernel for Fetch<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        for prepared in self.prepared {
            prepared.sought = self.store.prefetch_candidate(lanes, prepared.sought.hash);
        }
    }
}
