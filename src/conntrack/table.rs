mod enter;
mod why;

pub use why::{Reason, Why};

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::mem;
use core::net::IpAddr;

use super::advance::{Moved, Terms, advance, advance_if_usual, close, may_open};
use super::ahead::{Ahead, Prepared};
use super::entry::Entry;
use super::helper::{Helper, Message, Pool};
use super::index::MAX_CAPACITY;
use super::key::{Flow, Key, Part, Subject};
use super::quota::Keeper;
use super::saved::SavedConnection;
use super::sip::Sip;
use super::store::{Sought, Store};
use super::{Connection, Connections, Conntrack, Limits, Lookup, Time};
use crate::packet::{ConnState, Direction, FlowKey, Packet, Refused, TcpFlags};
use crate::simd::Chosen;

/// How many entries a call looks at to find expired ones: more than it can add.
const VISITS: usize = 4;

/// The built-in connection table: what Linux's nf_conntrack decides, in bounded memory.
///
/// - **Memory** for [`Limits::capacity`] connections, 151 bytes each, is taken when the table is
///   made, and no more after that.
/// - **Time**: every call takes constant time: one hash, one probe, a few steps of a timer wheel.
///   Connections are hashed with SipHash-1-3 under a secret, so that who chooses addresses and
///   ports cannot choose which connections collide.
/// - **When it is full**, expired connections make room first, then the oldest of those that were
///   never answered, of those that were answered but are not established, and of those that are
///   closing. An established connection is never displaced by a new one; what cannot be admitted
///   is refused and counted.
/// - **Fragments**: a later fragment has no ports and therefore belongs to no connection of a
///   protocol that has them: it is invalid. Reassemble first if fragments are to pass.
/// - **ICMP errors** are related to the connection that they quote a packet of, if they are sent
///   to that packet's sender; link-layer messages of ICMPv6 are untracked.
/// - **Zones**: packets of different [zones](Packet::zone) belong to different connections, and
///   errors to connections of their own zone.
///
/// Each duty of [`Conntrack`] is kept.
///
/// # Examples
///
/// ```
/// use portcullis::conntrack::{Conntrack, Limits, Time};
/// use portcullis::{ConnState, ConnTable, Packet};
///
/// let mut table = ConnTable::new(&Limits::new(1000), [7; 16]);
/// let query = Packet::udp("10.0.0.1:5000".parse()?, "192.0.2.53:53".parse()?)?;
/// let now = Time::from_secs(1);
/// assert!(table.look_up(&query, now).tentative);
/// table.confirm(&query, now)?;
///
/// let answer = Packet::udp("192.0.2.53:53".parse()?, "10.0.0.1:5000".parse()?)?;
/// assert_eq!(table.look_up(&answer, now).tracked.state, ConnState::Established);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConnTable {
    store: Store,
    /// The key of the last lookup that found nothing, and its hash, unless an entry has come in
    /// since: its confirmation is next.
    missed: Option<(Key, u64)>,
    /// What helpers read, if there are any.
    pool: Option<Box<Pool>>,
    limits: Limits,
    /// Of the last call.
    terms: Terms,
    counts: Counts,
    /// The packets of a batch that come next.
    ahead: Ahead,
    chosen: Chosen,
}

/// What a [`ConnTable`] has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections entered.
    pub confirmed: u64,
    /// Of these, connections that another one had announced.
    pub expected: u64,
    /// Connections not admitted because the table was full.
    pub refused: u64,
    /// Connections not admitted because their source had as many as it may.
    pub refused_by_source: u64,
    /// Connections not admitted because their zone had as many as it may.
    pub refused_by_zone: u64,
    /// Connections that made room for a new one before their time.
    pub displaced: u64,
}

#[cfg(feature = "std")]
impl Counts {
    /// Both together.
    pub(super) const fn plus(&self, other: &Self) -> Self {
        Self {
            confirmed: self.confirmed + other.confirmed,
            expected: self.expected + other.expected,
            refused: self.refused + other.refused,
            refused_by_source: self.refused_by_source + other.refused_by_source,
            refused_by_zone: self.refused_by_zone + other.refused_by_zone,
            displaced: self.displaced + other.displaced,
        }
    }
}

impl ConnTable {
    /// An empty table that hashes with `secret`: 16 bytes that nobody who sends packets can know,
    /// such as from the operating system's random number generator.
    ///
    /// # Complexity
    ///
    /// Takes memory for all of [`Limits::capacity`], of which at most 2³⁰ count, and writes to it.
    pub fn new(limits: &Limits, secret: [u8; 16]) -> Self {
        let mut limits = limits.clone();
        limits.capacity = limits.capacity.min(MAX_CAPACITY);
        let sip = Sip::new(secret);
        let quotas = Keeper::new(&limits, sip);
        Self::with_quotas(limits, sip, quotas)
    }

    /// An empty table that counts its connections here.
    pub(super) fn with_quotas(limits: Limits, sip: Sip, quotas: Option<Keeper>) -> Self {
        let store = Store::new(limits.capacity, sip, limits.timeouts.longest());
        Self {
            store: store.with_quotas(quotas),
            missed: None,
            pool: None,
            terms: Terms::of(&limits, Time::ZERO),
            limits,
            counts: Counts::default(),
            ahead: Ahead::new(),
            chosen: Chosen::new(None),
        }
    }

    /// An empty table that hashes with a secret from the operating system.
    #[cfg(feature = "std")]
    pub fn with_random_secret(limits: &Limits) -> Self {
        Self::new(limits, super::sip::random_secret())
    }

    /// Adds a helper. The first that reads a connection is the only one.
    ///
    /// # Complexity
    ///
    /// The first one takes memory for [`Limits::helped`] connections.
    #[must_use]
    pub fn with_helper(mut self, helper: impl Helper + 'static) -> Self {
        let pool = self.pool.get_or_insert_with(|| Box::new(Pool::new(self.limits.helped)));
        pool.add(Arc::new(helper));
        self
    }

    /// How many connections there are. Expired ones count until they are collected, which takes
    /// a few packets and seconds.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.store.len() == 0
    }

    /// The limits given when the table was made.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What has been counted so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The connection of zone 0 that a packet with this 5-tuple belongs to, in either direction.
    /// ICMP has no 5-tuple: see [`connection_of`](Self::connection_of).
    pub fn connection(&self, key: &FlowKey, now: Time) -> Option<Connection> {
        self.connection_in(0, key, now)
    }

    /// As [`connection`](Self::connection), of another zone.
    pub fn connection_in(&self, zone: u16, key: &FlowKey, now: Time) -> Option<Connection> {
        self.shown(&Flow::of_key(key)?.in_zone(zone).key, now)
    }

    /// The connection that a packet belongs to or, if it is an ICMP error, that it is about.
    pub fn connection_of(&self, packet: &Packet, now: Time) -> Option<Connection> {
        self.shown(&Subject::of(packet).flow.key, now)
    }

    /// All connections, in no particular order.
    pub fn connections(&self, now: Time) -> impl Iterator<Item = Connection> {
        self.entries(now).map(Connection::of)
    }

    /// All connections with their state, to be [imported](Self::import) into another table, in no
    /// particular order.
    pub fn export(&self, now: Time) -> impl Iterator<Item = SavedConnection> {
        self.entries(now).map(move |entry| {
            let pool = self.pool.as_ref();
            let help = pool.and_then(|pool| pool.saved(entry, &self.store, now));
            SavedConnection::of(entry, help, now)
        })
    }

    /// Removes all connections.
    pub fn clear(&mut self) {
        self.store.clear();
        self.missed = None;
        if let Some(pool) = &mut self.pool {
            pool.clear();
        }
    }

    /// What is there, of all connections.
    pub(super) fn entries(&self, now: Time) -> impl Iterator<Item = &Entry> {
        self.store.entries().filter(move |entry| !entry.is_expired(now))
    }

    #[cfg(feature = "std")]
    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn shown(&self, key: &Key, now: Time) -> Option<Connection> {
        self.store.shown(key, now).map(Connection::of)
    }
}

impl Conntrack for ConnTable {
    fn look_up(&mut self, packet: &Packet, now: Time) -> Lookup {
        self.collect(now);
        let subject = Subject::of(packet);
        let sought = self.store.seek(&subject.flow.key, self.chosen);
        self.terms.renew(&self.limits, now);
        self.look_up_subject(&subject, sought, packet, now)
    }

    /// The entries are fetched side by side before the first of them is looked at.
    fn look_up_batch(&mut self, packets: &[Packet], now: Time, lookups: &mut [Lookup]) -> usize {
        let mut ahead = mem::take(&mut self.ahead);
        ahead.begin();
        let done = self.look_up_ahead(&mut ahead, packets, now, lookups);
        self.ahead = ahead;
        done
    }

    fn confirm(&mut self, packet: &Packet, now: Time) -> Result<(), Refused> {
        let subject = Subject::of(packet);
        let Some(flow) = subject.member() else { return Ok(()) };
        let expected = self.pool.as_ref().and_then(|pool| pool.find(flow, &self.store, now));
        let entered = self.open(flow, packet, expected.is_some(), now)?;
        if let (true, Some(pool), Some(place)) = (entered, &mut self.pool, expected) {
            pool.take(place, &self.store);
        }
        Ok(())
    }

    fn read_payload(&mut self, packet: &Packet, payload: &[u8], now: Time) -> Result<(), Refused> {
        let Some(pool) = &mut self.pool else { return Ok(()) };
        let subject = Subject::of(packet);
        let Some(flow) = subject.member() else { return Ok(()) };
        match self.store.shown(&flow.key, now).filter(|entry| entry.replied()) {
            Some(entry) => {
                let message = Message::of(entry, flow, packet, payload);
                pool.read(&message, entry, &self.store, now)
            }
            None => Ok(()),
        }
    }

    fn reset(&mut self, packet: &Packet, now: Time) {
        let subject = Subject::of(packet);
        let Some(flow) = subject.member() else { return };
        if packet.tcp_segment().is_none_or(|segment| segment.flags.contains(TcpFlags::RST)) {
            return;
        }
        let hash = self.store.hash(&flow.key);
        let Some(number) = self.store.find_live(&flow.key, Sought::with(hash), now) else { return };
        if let Some(entry) = self.store.entry_mut(number) {
            close(entry, &self.limits, now);
            self.store.rearrange(number);
        }
    }
}

impl Connections for ConnTable {
    fn retain(&mut self, now: Time, keep: &mut dyn FnMut(&Connection) -> bool) {
        self.store.retain(|entry| !entry.is_expired(now) && keep(&Connection::of(entry)));
    }
}

/// One packet.
impl ConnTable {
    /// Asks for the entry that is likely to be that of a key with this hash.
    #[cfg(feature = "std")]
    pub(super) fn prefetch_candidate(&self, hash: u64) {
        self.store.prefetch_entry(hash, self.chosen);
    }

    /// Looks up a packet that is `subject` and whose key hashes to `hash`.
    #[cfg(feature = "std")]
    pub(super) fn look_up_hashed(
        &mut self,
        subject: &Subject,
        hash: u64,
        packet: &Packet,
        now: Time,
    ) -> Lookup {
        self.collect(now);
        let sought = self.store.seek_hashed(hash, self.chosen);
        self.terms.renew(&self.limits, now);
        self.look_up_subject(subject, sought, packet, now)
    }

    /// Looks up a packet that is `subject` and is to be sought at `sought`, if it has a key.
    #[inline(always)]
    fn look_up_subject(
        &mut self,
        subject: &Subject,
        sought: Sought,
        packet: &Packet,
        now: Time,
    ) -> Lookup {
        if let Some(flow) = subject.member()
            && let Some(entry) = self.store.candidate(sought, now)
            && entry.key.is(&flow.key)
            && let Some(found) =
                advance_if_usual(entry, packet, entry.direction_from(flow.sender), &self.terms)
        {
            if entry.comes_too_late() {
                self.store.rearrange(sought.candidate);
            }
            return found;
        }
        self.look_up_unusual(subject, sought, packet, now)
    }

    /// Looks up a packet of a batch.
    #[inline(always)]
    fn look_up_prepared(&mut self, prepared: &Prepared, packet: &Packet, now: Time) -> Lookup {
        let sought = prepared.sought();
        // What was recognized is there still, or is steady no more: nothing is entered meanwhile.
        if let Some(direction) = prepared.direction
            && let Some(entry) = self.store.candidate(sought, now)
            && let Some(found) = advance_if_usual(entry, packet, direction, &self.terms)
        {
            if entry.comes_too_late() {
                self.store.rearrange(sought.candidate);
            }
            return found;
        }
        self.look_up_other(sought, packet, now)
    }

    #[inline(never)]
    fn look_up_other(&mut self, sought: Sought, packet: &Packet, now: Time) -> Lookup {
        self.look_up_subject(&Subject::of(packet), sought, packet, now)
    }

    #[inline(never)]
    fn look_up_unusual(
        &mut self,
        subject: &Subject,
        sought: Sought,
        packet: &Packet,
        now: Time,
    ) -> Lookup {
        let flow = &subject.flow;
        match subject.part {
            Part::Member => match self.store.find_live(&flow.key, sought, now) {
                Some(number) => self.look_up_known(number, flow, sought.hash, packet, now),
                None => self.look_up_new(flow, sought.hash, packet, now),
            },
            Part::Error => self.look_up_error(flow, packet.addrs.dst(), sought, now),
            Part::Untracked => Lookup::untracked(),
            Part::Invalid => Lookup::invalid(),
        }
    }

    fn look_up_known(
        &mut self,
        number: u32,
        flow: &Flow,
        hash: u64,
        packet: &Packet,
        now: Time,
    ) -> Lookup {
        let Some(entry) = self.store.entry_mut(number) else { return Lookup::invalid() };
        let direction = entry.direction_of(flow);
        let state = entry.conn_state(direction);
        let moved = advance(entry, packet, direction, &self.limits, now);
        let found = Lookup::known(state, direction).with_status(entry.status(direction));
        match moved {
            Moved::On => {
                self.store.rearrange(number);
                found
            }
            Moved::Ended => {
                self.store.remove(number);
                found
            }
            Moved::Reopens => {
                self.store.remove(number);
                self.look_up_new(flow, hash, packet, now)
            }
            Moved::Invalid => {
                self.store.rearrange(number);
                Lookup::invalid()
            }
        }
    }

    fn look_up_ahead(
        &mut self,
        ahead: &mut Ahead,
        packets: &[Packet],
        now: Time,
        lookups: &mut [Lookup],
    ) -> usize {
        let mut done = 0;
        while let (Some(rest @ [_, ..]), Some(lookups @ [_, ..])) =
            (packets.get(done..), lookups.get_mut(done..))
        {
            let ready = ahead.ready(rest, &self.store, self.chosen);
            let (count, tentative) = self.look_up_ready(ready, rest, now, lookups);
            ahead.used(count);
            done += count;
            if tentative || count == 0 {
                break;
            }
        }
        done
    }

    /// How many of `ready` were looked up, and whether the last of them is tentative.
    #[inline(always)]
    fn look_up_ready(
        &mut self,
        ready: &[Prepared],
        packets: &[Packet],
        now: Time,
        lookups: &mut [Lookup],
    ) -> (usize, bool) {
        let mut done = 0;
        self.terms.renew(&self.limits, now);
        // Once there is nothing to collect there is nothing before the clock moves on.
        let idle = self.store.is_idle(now);
        for ((prepared, packet), lookup) in ready.iter().zip(packets).zip(lookups) {
            if !idle {
                self.store.collect(VISITS, now);
            }
            *lookup = self.look_up_prepared(prepared, packet, now);
            done += 1;
            if lookup.tentative {
                return (done, true);
            }
        }
        (done, false)
    }

    #[inline]
    fn collect(&mut self, now: Time) {
        if !self.store.is_idle(now) {
            self.store.collect(VISITS, now);
        }
    }

    fn look_up_new(&mut self, flow: &Flow, hash: u64, packet: &Packet, now: Time) -> Lookup {
        if !may_open(flow, packet, &self.limits) {
            return Lookup::invalid();
        }
        self.missed = Some((flow.key, hash));
        match &self.pool {
            Some(pool) if pool.find(flow, &self.store, now).is_some() => Lookup::expected(),
            _ => Lookup::tentative(),
        }
    }

    /// An error neither moves the connection nor keeps it alive.
    fn look_up_error(&mut self, about: &Flow, told: IpAddr, sought: Sought, now: Time) -> Lookup {
        let found = self.store.find_live(&about.key, sought, now);
        match found.and_then(|number| self.store.entry(number)) {
            Some(entry) if about.key.address(about.sender) == told => {
                let quoted = entry.direction_of(about);
                let status = entry.status(Direction::Original);
                Lookup::known(ConnState::Related, quoted.reversed()).with_status(status)
            }
            _ => Lookup::invalid(),
        }
    }
}
