use alloc::boxed::Box;

use super::key::{End, Flow, Key, Subject};
use super::sip::Sip;
use super::store::{Sought, Store};
use crate::packet::{Direction, Packet};
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
    /// What its key consists of, if it is a usual packet of IPv4.
    words: [u64; 2],
    hash: u64,
    /// The entry that is likely to be the one.
    candidate: u32,
    /// The end that sent it, if it is such a packet.
    sender: End,
    /// The direction if it is such a packet and the candidate has its key.
    pub(super) direction: Option<Direction>,
    /// Whether its key is of IPv4.
    v4: bool,
}

/// The keys of some packets, word by word, as they are hashed.
#[derive(Clone, Copy, Debug)]
struct Group {
    v4: [[u64; GROUP]; 2],
    v6: [[u64; GROUP]; 5],
}

impl Ahead {
    pub(super) fn new() -> Self {
        let no_group = Group { v4: [[0; GROUP]; 2], v6: [[0; GROUP]; 5] };
        Self {
            prepared: Box::new([Prepared::NOTHING; BATCH]),
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
        let ready = self.prepared.get_mut(self.next..end.min(self.len)).unwrap_or_default();
        // For all before the first is used: what follows for one does not wait for another then.
        ready.iter_mut().for_each(|prepared| prepared.recognize(store));
        ready
    }

    /// Notes that so many of those that were ready have been used.
    pub(super) fn used(&mut self, count: usize) {
        self.next += count;
    }

    /// Whether what comes next is what `packet` is to the table.
    fn has(&self, packet: &Packet) -> bool {
        let next = self.prepared.get(self.next).filter(|_| self.next < self.len);
        next.is_some_and(|next| self.sure || self.is_of(next, packet))
    }

    /// Whether `next`, which comes next, was prepared for such a packet.
    fn is_of(&self, next: &Prepared, packet: &Packet) -> bool {
        if let Some((words, sender)) = Flow::of_usual_v4(packet) {
            return next.words == words && next.sender == sender;
        }
        let group = self.groups.get(self.next / GROUP);
        let key = Subject::of(packet).flow.key;
        next.is_other() && group.is_some_and(|group| group.has(self.next % GROUP, &key))
    }

    /// Hashes the first of `packets`, in the place of all others.
    fn hash(&mut self, packets: &[Packet], store: &Store, chosen: Chosen) {
        self.len = packets.len().min(self.prepared.len());
        (self.next, self.unfetched) = (0, 0);
        self.sure = true;
        let packets = packets.get(..self.len).unwrap_or_default();
        let prepared = self.prepared.get_mut(..self.len).unwrap_or_default();
        chosen.run(Hash { packets, prepared, groups: &mut self.groups, store });
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
    const NOTHING: Self = Self {
        words: Key::NONE.words_v4(),
        hash: 0,
        candidate: u32::MAX,
        sender: End::Low,
        direction: None,
        v4: false,
    };

    /// Where to look for it.
    #[inline(always)]
    pub(super) const fn sought(&self) -> Sought {
        Sought { hash: self.hash, candidate: self.candidate }
    }

    /// Takes on a packet, and puts its key where it is hashed; whether that is of IPv4.
    #[inline(always)]
    fn take(&mut self, packet: &Packet, group: &mut Group, lane: usize) -> bool {
        let Some((words, sender)) = Flow::of_usual_v4(packet) else {
            return self.take_other(packet, group, lane);
        };
        (self.words, self.sender, self.v4) = (words, sender, true);
        put(&mut group.v4, lane, words);
        true
    }

    #[inline(never)]
    fn take_other(&mut self, packet: &Packet, group: &mut Group, lane: usize) -> bool {
        let key = Subject::of(packet).flow.key;
        *self = Self { v4: key.is_v4(), ..Self::NOTHING };
        if self.v4 {
            put(&mut group.v4, lane, key.words_v4());
        } else {
            put(&mut group.v6, lane, key.words_v6());
        }
        self.v4
    }

    #[inline(always)]
    fn recognize(&mut self, store: &Store) {
        let entry = store.entry(self.candidate).filter(|entry| entry.key.is_v4_with(self.words));
        self.direction = entry.map(|entry| entry.direction_from(self.sender));
    }

    /// Whether it is not a usual packet of IPv4.
    fn is_other(&self) -> bool {
        self.words == Self::NOTHING.words
    }
}

impl Group {
    /// Whether this is the key in a lane.
    fn has(&self, lane: usize, key: &Key) -> bool {
        if key.is_v4() {
            holds(&self.v4, lane, key.words_v4())
        } else {
            holds(&self.v6, lane, key.words_v6())
        }
    }

    /// The hashes of the keys, which are those of `prepared`.
    #[inline(always)]
    fn hashes(&self, prepared: &[Prepared], lanes: impl Lanes, sip: &Sip) -> [u64; GROUP] {
        let mut hashes = sip.hash_each(lanes, &self.v6);
        let v4_hashes = sip.hash_each(lanes, &self.v4);
        for ((hash, v4_hash), prepared) in hashes.iter_mut().zip(v4_hashes).zip(prepared) {
            *hash = if prepared.v4 { v4_hash } else { *hash };
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

fn holds<const WORDS: usize>(
    lanes: &[[u64; GROUP]; WORDS],
    lane: usize,
    words: [u64; WORDS],
) -> bool {
    lanes.iter().zip(words).all(|(lanes, word)| lanes.get(lane) == Some(&word))
}

/// Hashes keys and asks for the lines of the index where they are looked for.
struct Hash<'a> {
    packets: &'a [Packet],
    prepared: &'a mut [Prepared],
    groups: &'a mut [Group],
    store: &'a Store,
}

impl Kernel for Hash<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { packets, prepared, groups, store } = self;
        // All of them first: what was just written in pieces cannot be read at once.
        let all_v4 = take(packets, prepared, groups);
        for (prepared, group) in prepared.chunks_mut(GROUP).zip(groups) {
            let hashes = if all_v4 {
                store.sip().hash_each(lanes, &group.v4)
            } else {
                group.hashes(prepared, lanes, store.sip())
            };
            for (prepared, hash) in prepared.iter_mut().zip(hashes) {
                prepared.hash = hash;
                store.prefetch_line(hash);
            }
        }
    }
}

/// Takes packets on; whether the keys of all are of IPv4.
#[inline(always)]
fn take(packets: &[Packet], prepared: &mut [Prepared], groups: &mut [Group]) -> bool {
    let mut all_v4 = true;
    let groups = prepared.chunks_mut(GROUP).zip(groups);
    for ((prepared, group), packets) in groups.zip(packets.chunks(GROUP)) {
        for (lane, (prepared, packet)) in prepared.iter_mut().zip(packets).enumerate() {
            all_v4 &= prepared.take(packet, group, lane);
        }
    }
    all_v4
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
            prepared.candidate = self.store.prefetch_candidate(lanes, prepared.hash).candidate;
        }
    }
}
