use alloc::boxed::Box;

use super::key::{Key, Subject};
use super::sip::Sip;
use super::store::{Sought, Store};
use crate::packet::Packet;
use crate::simd::{Chosen, Kernel, Lanes};

/// How many packets are prepared at a time.
const BATCH: usize = 64;

/// How many keys are hashed at once.
const GROUP: usize = 8;

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
    /// One bit for each that is of IPv4.
    are_v4: u8,
}

impl Ahead {
    pub(super) fn new() -> Self {
        let nothing = Prepared { subject: Subject::Invalid, sought: Sought::NOWHERE };
        let no_group = Group { v4: [[0; GROUP]; 2], v6: [[0; GROUP]; 5], are_v4: 0 };
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

    /// Whether what comes next is what `packet` is to the table.
    #[inline]
    pub(super) fn has(&self, packet: &Packet) -> bool {
        let next = self.prepared.get(self.next).filter(|_| self.next < self.len);
        next.is_some_and(|next| self.sure || next.subject == Subject::of(packet))
    }

    #[inline]
    pub(super) fn next(&mut self) -> Option<&Prepared> {
        let next = self.prepared.get(self.next)?;
        self.next += 1;
        Some(next)
    }

    /// Prepares the first of `packets` in the place of all others.
    pub(super) fn prepare(&mut self, packets: &[Packet], store: &Store, chosen: Chosen) {
        self.len = packets.len().min(self.prepared.len());
        self.next = 0;
        self.sure = true;
        let groups = self.prepared.chunks_mut(GROUP).zip(&mut self.groups);
        for ((prepared, group), packets) in groups.zip(packets.chunks(GROUP)) {
            group.are_v4 = 0;
            for (lane, (prepared, packet)) in prepared.iter_mut().zip(packets).enumerate() {
                prepared.subject = Subject::of(packet);
                group.put(lane, prepared.subject.key().unwrap_or(&Key::NONE));
            }
        }
        let prepared = self.prepared.get_mut(..self.len).unwrap_or_default();
        chosen.run(Fetch { prepared, groups: &self.groups, store });
    }
}

impl Group {
    #[inline(always)]
    fn put(&mut self, lane: usize, key: &Key) {
        if key.is_v4() {
            self.are_v4 |= 1 << lane;
            put(&mut self.v4, lane, key.words_v4());
        } else {
            put(&mut self.v6, lane, key.words_v6());
        }
    }

    #[inline(always)]
    fn hashes(&self, lanes: impl Lanes, sip: &Sip) -> [u64; GROUP] {
        match self.are_v4 {
            u8::MAX => sip.hash_each(lanes, &self.v4),
            0 => sip.hash_each(lanes, &self.v6),
            _ => self.mixed_hashes(lanes, sip),
        }
    }

    #[inline(always)]
    fn mixed_hashes(&self, lanes: impl Lanes, sip: &Sip) -> [u64; GROUP] {
        let (v4, v6) = (sip.hash_each(lanes, &self.v4), sip.hash_each(lanes, &self.v6));
        let mut hashes = v6;
        for (lane, (hash, v4)) in hashes.iter_mut().zip(v4).enumerate() {
            if self.are_v4 >> lane & 1 != 0 {
                *hash = v4;
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

/// Hashes all, then takes each first candidate unseen and asks for it.
struct Fetch<'a> {
    prepared: &'a mut [Prepared],
    groups: &'a [Group],
    store: &'a Store,
}

impl Kernel for Fetch<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { prepared, groups, store } = self;
        for (prepared, group) in prepared.chunks_mut(GROUP).zip(groups) {
            let hashes = group.hashes(lanes, store.sip());
            for (prepared, hash) in prepared.iter_mut().zip(hashes) {
                prepared.sought = Sought::with(hash);
                store.prefetch_line(hash);
            }
        }
        for prepared in prepared {
            prepared.sought = store.prefetch_candidate(lanes, prepared.sought.hash);
        }
    }
}
