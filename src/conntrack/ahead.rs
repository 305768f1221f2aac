use alloc::boxed::Box;

use super::key::{Key, Subject};
use super::store::{Sought, Store};
use crate::packet::Packet;
use crate::simd::{Chosen, Kernel, Lanes};

/// How many packets are prepared at a time.
const BATCH: usize = 64;

/// How many keys are hashed at once.
const LANES: usize = 8;

/// Packets that come next, hashed, and their likely entries on the way from memory. What the table
/// does meanwhile makes none of it wrong: a candidate is only where to look first.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead {
    /// Room for a batch.
    prepared: Box<[Prepared]>,
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

impl Ahead {
    pub(super) fn new() -> Self {
        let nothing = Prepared { subject: Subject::Invalid, sought: Sought::from(0) };
        Self { prepared: Box::new([nothing; BATCH]), ..Self::default() }
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
        for (prepared, packet) in self.prepared.iter_mut().zip(packets) {
            prepared.subject = Subject::of(packet);
        }
        let prepared = self.prepared.get_mut(..self.len).unwrap_or_default();
        chosen.run(Fetch { prepared, store });
    }
}

/// Hashes all, then takes each first candidate unseen and asks for it.
struct Fetch<'a> {
    prepared: &'a mut [Prepared],
    store: &'a Store,
}

impl Kernel for Fetch<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let Self { prepared, store } = self;
        for prepared in prepared.chunks_mut(LANES) {
            let hashes = hashes(prepared, store);
            for (prepared, hash) in prepared.iter_mut().zip(hashes) {
                prepared.sought.hash = hash;
                store.prefetch_line(hash);
            }
        }
        for prepared in prepared {
            if prepared.subject.key().is_some() {
                prepared.sought = store.prefetch_candidate(prepared.sought.hash);
            }
        }
    }
}

/// The hashes of up to [`LANES`] keys; whatever where there is none.
#[inline(always)]
fn hashes(prepared: &[Prepared], store: &Store) -> [u64; LANES] {
    let mut keys = [&Key::NONE; LANES];
    for (key, prepared) in keys.iter_mut().zip(prepared) {
        *key = prepared.subject.key().unwrap_or(&Key::NONE);
    }
    let v4 = prepared.iter().filter(|prepared| is_v4(prepared)).count();
    if v4 == prepared.len() {
        return store.sip().hash_each(&transposed(keys.map(Key::words_v4)));
    }
    let mut hashes = store.sip().hash_each(&transposed(keys.map(Key::words_v6)));
    if v4 > 0 {
        for (hash, key) in hashes.iter_mut().zip(keys).filter(|(_, key)| key.is_v4()) {
            *hash = store.hash(key);
        }
    }
    hashes
}

#[inline(always)]
fn is_v4(prepared: &Prepared) -> bool {
    prepared.subject.key().is_none_or(Key::is_v4)
}

#[inline(always)]
fn transposed<const WORDS: usize>(keys: [[u64; WORDS]; LANES]) -> [[u64; LANES]; WORDS] {
    let mut message = [[0; LANES]; WORDS];
    for (lane, words) in keys.into_iter().enumerate() {
        for (lanes, word) in message.iter_mut().zip(words) {
            if let Some(place) = lanes.get_mut(lane) {
                *place = word;
            }
        }
    }
    message
}
