use alloc::vec;
use alloc::vec::Vec;

use hashbrown::HashTable;

use super::pending::{self, Judged, Pending, Refusal};
use super::sources::{Source, Sources};
use super::{Arrival, Datagram, Expired, Fault, FragmentLimits, Reassembly, Rejection, WhenFull};
use crate::conntrack::Time;
use crate::conntrack::rings::Rings;
use crate::conntrack::sip::Sip;
use crate::packet::{Addrs, Checksum, Family, Packet, Piece, Protocol, Share};

/// How many datagrams past their time a call gives up: more than it can begin.
const VISITS: usize = 4;

/// Puts fragmented IPv4 and IPv6 datagrams together, in bounded memory and time.
///
/// A fragment is held until its datagram is complete; then all of them come back together with the
/// datagram, and what is decided of that holds for each. Bytes that came first count, in both
/// versions: a fragment that repeats others is dropped, and one that overlaps them in any other
/// way costs the datagram (RFC 5722; Linux does the same for IPv4).
///
/// - **Memory**: at most [`FragmentLimits::memory`] bytes, and 24 for each of
///   [`FragmentLimits::datagrams`], which are reserved when it is made.
/// - **Time**: a call looks up and stores one fragment among those of its datagram, and gives up at
///   most a few old datagrams besides those that have to make room. No clock is read.
/// - **Floods**: datagrams are hashed under a secret, their number is limited for each source, and
///   when there is no room the oldest go first.
///
/// # Source
///
/// RFC 791, 815, 1858, 3128, 5722, 8200 section 4.5; Linux `net/ipv4/ip_fragment.c`,
/// `net/ipv4/inet_fragment.c`, `net/ipv6/netfilter/nf_conntrack_reasm.c`.
///
/// # Examples
///
/// ```
/// use portcullis::Time;
/// use portcullis::reassembly::{Arrival, FragmentLimits, Reassembler, Reassembly};
///
/// # fn fragment(id: u8, offset: u8, more: u8, payload: &[u8]) -> Vec<u8> {
/// #     let mut bytes = vec![0x45, 0, 0, 20 + payload.len() as u8, 0, id, more << 5, offset / 8];
/// #     bytes.extend([64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 53]);
/// #     let sum: u32 = bytes.chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w[1])).sum();
/// #     let sum = !(sum + (sum >> 16)) as u16;
/// #     bytes[10..12].copy_from_slice(&sum.to_be_bytes());
/// #     bytes.extend(payload);
/// #     bytes
/// # }
/// # let first = fragment(7, 0, 1, &[0x9c, 0x40, 0, 53, 0, 12, 0, 0]);
/// # let second = fragment(7, 8, 0, b"data");
/// // `first` and `second`: two fragments of a UDP datagram.
/// let mut reassembler = Reassembler::new(&FragmentLimits::default(), [7; 16]);
/// let now = Time::from_secs(1);
/// let later = reassembler.push(Arrival::from_ip(&second, "second")?, now);
/// assert!(matches!(later, Reassembly::Held));
/// let Reassembly::Whole(datagram) = reassembler.push(Arrival::from_ip(&first, "first")?, now)
/// else {
///     panic!("it was the last one missing");
/// };
/// assert_eq!(datagram.packet.to_string(), "udp 10.0.0.1:40000 > 192.0.2.53:53");
/// assert_eq!(datagram.bytes[20..], *b"\x9c\x40\0\x35\0\x0c\0\0data");
/// assert_eq!(datagram.fragments, ["second", "first"]);
/// # Ok::<(), portcullis::packet::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reassembler<T = ()> {
    /// Numbers of entries, by hash.
    index: HashTable<u32>,
    entries: Vec<Option<Pending<T>>>,
    free: Vec<u32>,
    sources: Sources,
    /// A list for each family, oldest first.
    ages: Rings,
    begun: u64,
    memory: usize,
    hasher: Sip,
    limits: FragmentLimits,
    counts: FragmentCounts,
}

/// What a [`Reassembler`] has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FragmentCounts {
    /// Fragments pushed.
    pub fragments: u64,
    /// Datagrams completed.
    pub whole: u64,
    /// Fragments that repeated others.
    pub duplicates: u64,
    /// Fragments refused for another reason, without those that were lost with them.
    pub refused: u64,
    /// Incomplete datagrams given up because their time was over.
    pub expired: u64,
    /// Those that made room for others.
    pub displaced: u64,
    /// Those that too many fragments of their source had come after.
    pub outrun: u64,
}

/// What fragments of one datagram have in common.
///
/// Linux `include/net/inet_frag.h`, `frag_v4_compare_key` and `frag_v6_compare_key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) addrs: Addrs,
    id: u32,
    protocol: Option<Protocol>,
    zone: u16,
    /// 0 in IPv4.
    interface: u32,
}

impl Key {
    const fn of(piece: &Piece<'_>, zone: u16, interface: u32) -> Self {
        let interface = if piece.protocol.is_some() { 0 } else { interface };
        let Piece { addrs, id, protocol, .. } = *piece;
        Self { addrs, id, protocol, zone, interface }
    }

    fn hash(&self, hasher: &Sip) -> u64 {
        let (src, dst) = match self.addrs {
            Addrs::V4 { src, dst } => (u128::from(src.to_bits()), u128::from(dst.to_bits())),
            Addrs::V6 { src, dst } => (src.to_bits(), dst.to_bits()),
        };
        let protocol = self.protocol.map_or(0, |protocol| 1 << 8 | u64::from(protocol.0));
        let halves = |bits: u128| [bits as u64, (bits >> 64) as u64];
        let ([s0, s1], [d0, d1]) = (halves(src), halves(dst));
        let id = u64::from(self.id) << 32 | u64::from(self.zone) << 16 | protocol;
        hasher.hash([s0, s1, d0, d1, id, u64::from(self.interface)])
    }

    const fn list(&self) -> u32 {
        match self.addrs.family() {
            Family::V4 => 0,
            Family::V6 => 1,
        }
    }
}

impl<T> Reassembler<T> {
    /// One that holds nothing and hashes with `secret`: 16 bytes that nobody who sends packets can
    /// know, such as from the operating system's random number generator.
    pub fn new(limits: &FragmentLimits, secret: [u8; 16]) -> Self {
        let mut limits = limits.clone();
        limits.datagrams = limits.datagrams.min(u32::MAX / 4);
        let hasher = Sip::new(secret);
        Self {
            index: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            sources: Sources::new(limits.datagrams, hasher),
            ages: Rings::new(limits.datagrams, 2),
            begun: 0,
            memory: 0,
            hasher,
            limits,
            counts: FragmentCounts::default(),
        }
    }

    /// Takes an IP packet that came at `now`.
    ///
    /// One that is no fragment comes back at once. Never panics. Datagrams whose time is over are
    /// given up, a few with each call; [`expire`](Self::expire) tells of them if it is called first.
    ///
    /// # Complexity
    ///
    /// Constant for a packet that is no fragment; for others logarithmic in the number of the
    /// datagram's fragments besides moving their list, plus a copy of the payload, and of the whole
    /// when it is complete.
    pub fn push(&mut self, arrival: Arrival<'_, T>, now: Time) -> Reassembly<T> {
        let read = match arrival.share {
            Share::Alone => return Reassembly::Alone(arrival.packet, arrival.fragment),
            Share::Piece(piece) => Ok(piece),
            Share::Cut => Err(Fault::Cut),
            Share::HeaderChecksum => Err(Fault::HeaderChecksum),
        };
        self.counts.fragments += 1;
        self.collect(now);
        match read {
            Ok(piece) => self.push_piece(&piece, arrival, now),
            Err(fault) => self.refuse(fault, vec![arrival.fragment]),
        }
    }

    /// Gives up a datagram that has not been completed in time, if there is one.
    ///
    /// Call it until there is none, before [`push`](Self::push), to hear of all of them: to release
    /// what their fragments stand for, or to tell their senders.
    pub fn expire(&mut self, now: Time) -> Option<Expired<T>> {
        let number = [0, 1].into_iter().find_map(|list| self.overdue(list, now))?;
        let pending = self.remove(number)?;
        self.counts.expired += 1;
        Some(Expired {
            addrs: pending.key.addrs,
            first_seen: pending.first_seen(),
            fragments: pending.tokens,
        })
    }

    /// How many datagrams are incomplete.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Bytes held, of [`FragmentLimits::memory`].
    pub const fn memory(&self) -> usize {
        self.memory
    }

    /// The limits given when it was made.
    pub const fn limits(&self) -> &FragmentLimits {
        &self.limits
    }

    /// What has been counted so far.
    pub const fn counts(&self) -> FragmentCounts {
        self.counts
    }

    fn push_piece(
        &mut self,
        piece: &Piece<'_>,
        arrival: Arrival<'_, T>,
        now: Time,
    ) -> Reassembly<T> {
        let key = Key::of(piece, arrival.packet.zone, arrival.interface);
        if let Some(refusal) = pending::fault(piece) {
            let number = self.find(&key);
            return self.refuse_of(number, refusal, arrival.fragment);
        }
        match self.place(key, piece, now) {
            Ok(number) => self.add(number, piece, arrival, now),
            Err(fault) => self.refuse(fault, vec![arrival.fragment]),
        }
    }

    /// The number of the datagram's entry, made if there is none.
    fn place(&mut self, key: Key, piece: &Piece<'_>, now: Time) -> Result<u32, Fault> {
        let found = self.find(&key);
        if let Some(number) = found.filter(|number| self.is_overdue(*number, now)) {
            self.remove(number);
            self.counts.expired += 1;
            return self.begin(key, piece, now);
        }
        found.map_or_else(|| self.begin(key, piece, now), Ok)
    }

    fn begin(&mut self, key: Key, piece: &Piece<'_>, now: Time) -> Result<u32, Fault> {
        let source = Source::of(&key.addrs, key.zone);
        let charge = Pending::<T>::FIXED.saturating_add(Pending::<T>::charge(piece));
        if charge > self.limits.memory || self.limits.per_source == 0 {
            return Err(Fault::NoRoom);
        }
        let (held, oldest) = self.sources.held(&source);
        if let Some(oldest) = oldest.filter(|_| held >= self.limits.per_source) {
            self.give_way(oldest)?;
        }
        while self.len() >= self.limits.datagrams as usize
            || self.memory.saturating_add(charge) > self.limits.memory
        {
            let oldest = self.oldest().ok_or(Fault::NoRoom)?;
            self.give_way(oldest)?;
        }
        Ok(self.enter(key, source, now))
    }

    fn enter(&mut self, key: Key, source: Source, now: Time) -> u32 {
        let number = self.free.pop().unwrap_or(self.entries.len() as u32);
        let source = self.sources.add(source, number);
        let pending = Pending::new(key, source, self.deadline(&key, now), self.begun);
        self.begun = self.begun.wrapping_add(1);
        self.memory = self.memory.saturating_add(pending.memory);
        match self.entries.get_mut(number as usize) {
            Some(place) => *place = Some(pending),
            None => self.entries.push(Some(pending)),
        }
        self.ages.push(key.list(), number);
        let Self { index, entries, hasher, .. } = self;
        index.insert_unique(key.hash(hasher), number, |number| {
            let entry = entries.get(*number as usize).and_then(Option::as_ref);
            entry.map_or(0, |entry| entry.key.hash(hasher))
        });
        number
    }

    /// Adds a fragment to the entry.
    fn add(
        &mut self,
        number: u32,
        piece: &Piece<'_>,
        arrival: Arrival<'_, T>,
        now: Time,
    ) -> Reassembly<T> {
        self.check_distance(number, piece, now);
        let charge = Pending::<T>::charge(piece);
        if let Err(refusal) = self.make_room(number, charge) {
            return self.refuse_of(Some(number), refusal, arrival.fragment);
        }
        let most = self.limits.fragments;
        let Some(pending) = self.entry_mut(number) else { return Reassembly::Held };
        match pending.judge(piece, most) {
            Ok(Judged::New(len)) => {
                pending.store(piece, len, arrival.fragment);
                pending.memory = pending.memory.saturating_add(charge);
                self.memory = self.memory.saturating_add(charge);
                self.finish(number, arrival.packet)
            }
            Ok(Judged::Misaligned) => {
                self.remove(number);
                Reassembly::Alone(self.misaligned(&arrival), arrival.fragment)
            }
            Err(refusal) => self.refuse_of(Some(number), refusal, arrival.fragment),
        }
    }

    /// A fragment that goes on as it is, with the checksum that it has as a packet.
    fn misaligned(&self, arrival: &Arrival<'_, T>) -> Packet {
        match Checksum::of_piece(arrival.bytes) {
            Ok(checksum) if self.limits.checksum => Packet { checksum, ..arrival.packet },
            _ => arrival.packet,
        }
    }

    /// Begins anew with a datagram that too many fragments of its source have come after.
    ///
    /// Linux `net/ipv4/ip_fragment.c`, `ip_frag_too_far` and `ip_frag_reinit`.
    fn check_distance(&mut self, number: u32, piece: &Piece<'_>, now: Time) {
        let most = self.limits.max_distance;
        let Some(entry) = self.entry_mut(number).filter(|_| most > 0 && piece.protocol.is_some())
        else {
            return;
        };
        let (key, source, seen, memory) = (entry.key, entry.source, entry.seen, entry.memory);
        let arrivals = self.sources.arrived(source);
        let (deadline, age) = (self.deadline(&key, now), self.begun);
        let Some(entry) = self.entry_mut(number) else { return };
        entry.seen = arrivals;
        if entry.is_empty() || arrivals.wrapping_sub(seen) <= most {
            return;
        }
        entry.restart(deadline, age);
        let freed = memory.saturating_sub(entry.memory);
        self.memory = self.memory.saturating_sub(freed);
        self.counts.outrun += 1;
        self.begun = self.begun.wrapping_add(1);
        self.ages.remove(number);
        self.ages.push(key.list(), number);
        self.sources.renew(source, number);
    }

    /// Makes room for another fragment of entry `number`.
    fn make_room(&mut self, number: u32, charge: usize) -> Result<(), Refusal> {
        let refusal =
            Refusal { fault: Fault::NoRoom, lost: self.limits.when_full != WhenFull::Refuse };
        while self.memory.saturating_add(charge) > self.limits.memory {
            let oldest = self.oldest().filter(|oldest| *oldest != number).ok_or(refusal)?;
            self.give_way(oldest).map_err(|_| refusal)?;
        }
        Ok(())
    }

    /// Gives up an incomplete datagram for want of room, if that is what was asked for.
    fn give_way(&mut self, number: u32) -> Result<(), Fault> {
        if self.limits.when_full == WhenFull::Refuse {
            return Err(Fault::NoRoom);
        }
        self.remove(number);
        self.counts.displaced += 1;
        Ok(())
    }

    fn finish(&mut self, number: u32, last: Packet) -> Reassembly<T> {
        if !self.entry_mut(number).is_some_and(|pending| pending.is_complete()) {
            return Reassembly::Held;
        }
        let Some(pending) = self.remove(number) else { return Reassembly::Held };
        let read = pending.bytes().and_then(|bytes| {
            let packet = Packet::from_ip(&bytes).map_err(|_| Fault::Cut)?;
            Ok((packet, bytes))
        });
        let (mut packet, bytes) = match read {
            Ok(read) => read,
            Err(fault) => return self.refuse(fault, pending.tokens),
        };
        if self.limits.checksum {
            packet.checksum = Checksum::of_ip(&bytes).unwrap_or(Checksum::Unchecked);
        }
        self.counts.whole += 1;
        let packet = packet.with_context_of(&last);
        Reassembly::Whole(Datagram { packet, bytes, fragments: pending.tokens })
    }

    /// Refuses a fragment of the datagram in entry `number`, if there is one.
    fn refuse_of(&mut self, number: Option<u32>, refusal: Refusal, fragment: T) -> Reassembly<T> {
        let lost = number.filter(|_| refusal.lost).and_then(|number| self.remove(number));
        let mut fragments = lost.map(|pending| pending.tokens).unwrap_or_default();
        fragments.push(fragment);
        self.refuse(refusal.fault, fragments)
    }

    fn refuse(&mut self, fault: Fault, fragments: Vec<T>) -> Reassembly<T> {
        match fault {
            Fault::Duplicate => self.counts.duplicates += 1,
            _ => self.counts.refused += 1,
        }
        Reassembly::Rejected(Rejection { fault, fragments })
    }

    /// Gives up some of the datagrams whose time is over.
    fn collect(&mut self, now: Time) {
        for _ in 0..VISITS {
            if self.expire(now).is_none() {
                return;
            }
        }
    }

    /// The oldest datagram of a list, if its time is over.
    fn overdue(&mut self, list: u32, now: Time) -> Option<u32> {
        let number = self.ages.first(list)?;
        self.is_overdue(number, now).then_some(number)
    }

    fn is_overdue(&mut self, number: u32, now: Time) -> bool {
        let Some(key) = self.entry_mut(number).map(|entry| entry.key) else { return false };
        let latest = self.deadline(&key, now);
        self.entry_mut(number).is_some_and(|entry| {
            // Only a clock that has gone back leaves a deadline farther off.
            entry.deadline = entry.deadline.min(latest);
            entry.deadline <= now
        })
    }

    fn deadline(&self, key: &Key, now: Time) -> Time {
        match key.addrs.family() {
            Family::V4 => now.after(self.limits.timeout_v4),
            Family::V6 => now.after(self.limits.timeout_v6),
        }
    }

    /// The datagram that was begun first.
    fn oldest(&self) -> Option<u32> {
        let age = |number: &u32| {
            let entry = self.entries.get(*number as usize).and_then(Option::as_ref);
            entry.map_or(u64::MAX, |entry| entry.age)
        };
        [0, 1].into_iter().filter_map(|list| self.ages.first(list)).min_by_key(age)
    }

    fn find(&self, key: &Key) -> Option<u32> {
        let matches = |number: &u32| {
            let entry = self.entries.get(*number as usize).and_then(Option::as_ref);
            entry.is_some_and(|entry| entry.key == *key)
        };
        self.index.find(key.hash(&self.hasher), matches).copied()
    }

    fn entry_mut(&mut self, number: u32) -> Option<&mut Pending<T>> {
        self.entries.get_mut(number as usize).and_then(Option::as_mut)
    }

    fn remove(&mut self, number: u32) -> Option<Pending<T>> {
        let pending = self.entries.get_mut(number as usize)?.take()?;
        let hash = pending.key.hash(&self.hasher);
        if let Ok(found) = self.index.find_entry(hash, |found| *found == number) {
            found.remove();
        }
        self.ages.remove(number);
        self.sources.remove(pending.source, number);
        self.memory = self.memory.saturating_sub(pending.memory);
        self.free.push(number);
        Some(pending)
    }
}
