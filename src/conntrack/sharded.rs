use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::iter;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::entry::Entry;
use super::helper::{Helper, Known, Message, Pool};
use super::key::{Flow, Key, Subject};
use super::quota::Keeper;
use super::saved::SavedConnection;
use super::sip::{Sip, random_secret};
use super::tracker::forward;
use super::{ConnTable, Connection, Connections, Conntrack, Counts, Limits, Lookup, Time};
use crate::packet::{FlowKey, Packet, Refused};

/// A connection table for many threads: [`ConnTable`]s behind a lock each, used through `&self`.
///
/// The hash of a flow says which shard its connection is in. Both directions have one hash, and an
/// ICMP error that of the flow it quotes, so that every packet about a connection finds it. Threads
/// wait for each other only when their packets are of one shard at the same moment, for as long
/// as one packet takes.
///
/// It decides what a `ConnTable` with the same limits decides, but for these:
///
/// - **Capacity**: each shard has an equal share of [`Limits::capacity`]. Flows are spread evenly, but
///   not quite: of `n` shards with `c` connections each, one may be full when the others have room for
///   some `3 * sqrt(c)` more. Who displaces whom is settled within the shard.
/// - **Memory**: besides 151 bytes a connection, 20 KB a shard.
/// - **Limits per source and zone** hold over all shards, exactly. Of expired connections in other
///   shards some still count until packets come there.
/// - **Helpers** are shared: what a connection in one shard announces is expected in all.
/// - **Each call is one step**, as the duties of [`Conntrack`] have it, for one packet. What goes through
///   all connections, such as [`connections`](Self::connections), takes one shard after the other.
///
/// # Examples
///
/// ```
/// use std::thread;
///
/// use portcullis::conntrack::{Limits, ShardedTable};
/// use portcullis::{Action, Config, Packet, RuleSet, StatefulMatcher, Time};
///
/// let rules: RuleSet = "accept state established\naccept udp to any port 53".parse()?;
/// let table = ShardedTable::with_random_secret(&Limits::new(100_000), 16);
/// let firewall = StatefulMatcher::compile(&rules, &table, &Config::new())?;
/// thread::scope(|threads| {
///     for number in 0..4 {
///         let mut firewall = firewall.clone();
///         threads.spawn(move || {
///             let client = ([10, 0, 0, number], 5000);
///             let query = Packet::udp(client.into(), ([192, 0, 2, 53], 53).into()).unwrap();
///             let decision = firewall.classify(&query, Time::from_secs(1));
///             assert_eq!(*decision.action, Action::Accept);
///         });
///     }
/// });
/// assert_eq!(table.len(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ShardedTable {
    first: Shard,
    others: Box<[Shard]>,
    /// What helpers read, if there are any. To be locked before any shard.
    pool: Option<Mutex<Pool>>,
    limits: Limits,
    sip: Sip,
}

/// A shard on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Shard(Mutex<ConnTable>);

/// The most shards.
const MAX_SHARDS: u32 = 1024;

/// How many packets of a batch are fetched from memory side by side.
const AHEAD: usize = 16;

impl ShardedTable {
    /// An empty table of `shards` shards (at least one, at most 1024 and the capacity) that hashes
    /// with `secret`, as [`ConnTable::new`] does. Some four shards for each thread are enough.
    pub fn new(limits: &Limits, shards: u32, secret: [u8; 16]) -> Self {
        let count = shards.clamp(1, MAX_SHARDS.min(limits.capacity.max(1)));
        let sip = Sip::new(secret);
        let quotas = Keeper::shared(limits, count, sip);
        let (share, rest) = (limits.capacity / count, limits.capacity % count);
        let shard = |number| {
            let mut limits = limits.clone();
            limits.capacity = share + u32::from(number < rest);
            Shard(Mutex::new(ConnTable::with_quotas(limits, sip, quotas.clone())))
        };
        let others = (1..count).map(shard).collect();
        Self { first: shard(0), others, pool: None, limits: limits.clone(), sip }
    }

    /// An empty table that hashes with a secret from the operating system.
    pub fn with_random_secret(limits: &Limits, shards: u32) -> Self {
        Self::new(limits, shards, random_secret())
    }

    /// Adds a helper, as [`ConnTable::with_helper`] does. It must not use this table itself.
    #[must_use]
    pub fn with_helper(mut self, helper: impl Helper + 'static) -> Self {
        let pool = self.pool.get_or_insert_with(|| Mutex::new(Pool::new(self.limits.helped)));
        pool.get_mut().unwrap_or_else(PoisonError::into_inner).add(Arc::new(helper));
        self
    }

    /// How many connections there are, shard by shard, expired ones that have not been collected
    /// among them.
    pub fn len(&self) -> usize {
        self.tables().map(|table| table.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tables().all(|table| table.is_empty())
    }

    /// The limits given when the table was made.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        1 + self.others.len()
    }

    /// What all shards have counted so far.
    pub fn counts(&self) -> Counts {
        self.tables().fold(Counts::default(), |sum, table| sum.plus(&table.counts()))
    }

    /// [`ConnTable::connection`].
    pub fn connection(&self, key: &FlowKey, now: Time) -> Option<Connection> {
        self.connection_in(0, key, now)
    }

    /// [`ConnTable::connection_in`].
    pub fn connection_in(&self, zone: u16, key: &FlowKey, now: Time) -> Option<Connection> {
        let key = Flow::of_key(key)?.in_zone(zone).key;
        self.table_of(&key).shown(&key, now)
    }

    /// [`ConnTable::connection_of`].
    pub fn connection_of(&self, packet: &Packet, now: Time) -> Option<Connection> {
        let key = Subject::of(packet).flow.key;
        self.table_of(&key).shown(&key, now)
    }

    /// All connections, in no particular order. Those of a shard are as they are when the iterator
    /// reaches it.
    pub fn connections(&self, now: Time) -> impl Iterator<Item = Connection> {
        self.tables().flat_map(move |table| table.connections(now).collect::<Vec<_>>())
    }

    /// [`ConnTable::export`], shard by shard.
    pub fn export(&self, now: Time) -> impl Iterator<Item = SavedConnection> {
        // The pool is not locked while a shard is.
        let entries = move |table: MutexGuard<'_, ConnTable>| {
            table.entries(now).copied().collect::<Vec<Entry>>()
        };
        self.tables().map(entries).flat_map(move |entries| {
            entries.into_iter().map(move |entry| {
                let help = self.pool().and_then(|pool| pool.saved(&entry, self, now));
                SavedConnection::of(&entry, help, now)
            })
        })
    }

    /// [`ConnTable::import`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn import(&self, saved: &SavedConnection, now: Time) -> Result<(), Refused> {
        let longest = self.limits.timeouts.longest();
        let (flow, entry) = saved.entry(now, longest).map_err(|_| Refused::Unsound)?;
        let entered = self.table_of(&flow.key).enter(&flow, entry, now)?;
        if let (true, Some(help), Some(mut pool)) = (entered, &saved.help, self.pool()) {
            pool.restore(&entry, help, self, now);
        }
        Ok(())
    }

    /// Removes all connections, shard by shard.
    pub fn clear(&self) {
        self.tables().for_each(|mut table| table.clear());
        if let Some(mut pool) = self.pool() {
            pool.clear();
        }
    }

    /// [`Connections::retain`], shard by shard. `keep` must not use this table itself.
    pub fn retain(&self, now: Time, mut keep: impl FnMut(&Connection) -> bool) {
        self.tables().for_each(|mut table| table.retain(now, &mut keep));
    }

    /// [`Conntrack::look_up`].
    pub fn look_up(&self, packet: &Packet, now: Time) -> Lookup {
        let subject = Subject::of(packet);
        let hash = subject.flow.key.hash(&self.sip);
        self.look_up_subject(&subject, hash, packet, now)
    }

    /// [`Conntrack::look_up_batch`].
    pub fn look_up_batch(&self, packets: &[Packet], now: Time, lookups: &mut [Lookup]) -> usize {
        let mut done = 0;
        // Preparing many for nothing would be dear where every other packet is tentative.
        let mut ahead = 1;
        while let (Some(rest @ [_, ..]), Some(lookups @ [_, ..])) =
            (packets.get(done..), lookups.get_mut(done..))
        {
            let some = rest.get(..ahead).unwrap_or(rest);
            let (count, tentative) = self.look_up_some(some, now, lookups);
            done += count;
            if tentative {
                break;
            }
            ahead = AHEAD;
        }
        done
    }

    /// [`Conntrack::confirm`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn confirm(&self, packet: &Packet, now: Time) -> Result<(), Refused> {
        let subject = Subject::of(packet);
        let Some(flow) = subject.member() else { return Ok(()) };
        let Some(mut pool) = self.pool().filter(|pool| pool.expects_any()) else {
            return self.table_of(&flow.key).open(flow, packet, false, now).map(|_| ());
        };
        let expected = pool.find(flow, self, now);
        let entered = self.table_of(&flow.key).open(flow, packet, expected.is_some(), now)?;
        if let (true, Some(place)) = (entered, expected) {
            pool.take(place, self);
        }
        Ok(())
    }

    /// [`Conntrack::read_payload`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn read_payload(&self, packet: &Packet, payload: &[u8], now: Time) -> Result<(), Refused> {
        let Some(pool) = &self.pool else { return Ok(()) };
        let subject = Subject::of(packet);
        let Some(flow) = subject.member() else { return Ok(()) };
        let entry = self.table_of(&flow.key).store().shown(&flow.key, now).copied();
        match entry.filter(|entry| entry.replied()) {
            Some(entry) => {
                let message = Message::of(&entry, flow, packet, payload);
                lock(pool).read(&message, &entry, self, now)
            }
            None => Ok(()),
        }
    }

    /// [`Conntrack::reset`].
    pub fn reset(&self, packet: &Packet, now: Time) {
        if let Some(flow) = Subject::of(packet).member() {
            self.table_of(&flow.key).reset(packet, now);
        }
    }

    fn look_up_subject(&self, subject: &Subject, hash: u64, packet: &Packet, now: Time) -> Lookup {
        let found = lock(self.shard(hash)).look_up_hashed(subject, hash, packet, now);
        if !found.tentative {
            return found;
        }
        let pool = self.pool().filter(|pool| pool.expects_any());
        let expected = pool.and_then(|pool| pool.find(&subject.flow, self, now));
        if expected.is_some() { Lookup::expected() } else { found }
    }

    /// How many were looked up, of [`AHEAD`] at most, and whether the last of them is tentative.
    fn look_up_some(&self, packets: &[Packet], now: Time, lookups: &mut [Lookup]) -> (usize, bool) {
        let mut subjects = [(Subject::INVALID, 0); AHEAD];
        for ((subject, hash), packet) in subjects.iter_mut().zip(packets) {
            *subject = Subject::of(packet);
            *hash = subject.flow.key.hash(&self.sip);
        }
        let sought = subjects.get(..packets.len()).unwrap_or_default();
        self.fetch(sought);
        let mut done = 0;
        for (((subject, hash), packet), lookup) in sought.iter().zip(packets).zip(lookups) {
            *lookup = self.look_up_subject(subject, *hash, packet, now);
            done += 1;
            if lookup.tentative {
                return (done, true);
            }
        }
        (done, false)
    }

    /// Asks for the connections that are sought, first for where they are found. Shards in use are
    /// left out: it is not worth waiting.
    fn fetch(&self, sought: &[(Subject, u64)]) {
        if sought.len() < 2 {
            return;
        }
        let tables = || sought.iter().filter_map(|(_, hash)| Some((self.idle(*hash)?, *hash)));
        tables().for_each(|(table, hash)| table.store().prefetch_line(hash));
        tables().for_each(|(table, hash)| table.prefetch_candidate(hash));
    }

    /// The low bits of a hash say which shard; what finds the entry there are others, nearly all.
    #[inline]
    fn shard(&self, hash: u64) -> &Mutex<ConnTable> {
        let number = (usize::from(hash as u16) * self.shards()) >> 16;
        let other = number.checked_sub(1).and_then(|number| self.others.get(number));
        let Shard(table) = other.unwrap_or(&self.first);
        table
    }

    fn idle(&self, hash: u64) -> Option<MutexGuard<'_, ConnTable>> {
        match self.shard(hash).try_lock() {
            Ok(table) => Some(table),
            Err(TryLockError::Poisoned(table)) => Some(table.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn table_of(&self, key: &Key) -> MutexGuard<'_, ConnTable> {
        lock(self.shard(key.hash(&self.sip)))
    }

    fn tables(&self) -> impl Iterator<Item = MutexGuard<'_, ConnTable>> {
        iter::once(&self.first).chain(&self.others).map(|Shard(table)| lock(table))
    }

    fn pool(&self) -> Option<MutexGuard<'_, Pool>> {
        self.pool.as_ref().map(lock)
    }
}

/// A table is whole whenever code of somebody else's runs that could panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known for ShardedTable {
    fn hash_of(&self, key: &Key) -> u64 {
        key.hash(&self.sip)
    }

    fn has(&self, key: &Key, created: Time, now: Time) -> bool {
        self.table_of(key).store().has(key, created, now)
    }
}

forward!(&ShardedTable, Arc<ShardedTable>);
