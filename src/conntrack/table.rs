use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use super::entry::{Entry, Rank};
use super::key::{Flow, Key, Subject};
use super::rings::Rings;
use super::tcp::{self, Known, Step, TcpTrack};
use super::wheel::Wheel;
use super::{Connection, Conntrack, Limits, Lookup, Time};
use crate::packet::{ConnState, Direction, FlowKey, Packet, Protocol, Refused, TcpSegment};

/// How many entries a call looks at to find expired ones: more than it can add.
const VISITS: usize = 4;

/// The same when the table is full.
const VISITS_WHEN_FULL: usize = 64;

/// How old an answered UDP flow must be to count as a stream.
const STREAM_AGE: Duration = Duration::from_secs(2);

/// The built-in connection table: what Linux's nf_conntrack decides, in bounded memory.
///
/// - **Memory** for [`Limits::capacity`] connections is reserved when the table is made, and no
///   more is ever taken.
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
    /// Numbers of entries, by hash.
    index: HashTable<u32>,
    entries: Vec<Entry>,
    /// Numbers of entries that are in nobody's use.
    free: Vec<u32>,
    wheel: Wheel,
    /// Displaceable connections by rank, each list oldest first.
    ranks: Rings,
    hasher: SipHasher13,
    limits: Limits,
    counts: Counts,
}

/// What a [`ConnTable`] has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections entered.
    pub confirmed: u64,
    /// Connections not admitted because the table was full.
    pub refused: u64,
    /// Connections that made room for a new one before their time.
    pub displaced: u64,
}

impl ConnTable {
    /// An empty table that hashes with `secret`: 16 bytes that nobody who sends packets can know,
    /// such as from the operating system's random number generator.
    ///
    /// # Complexity
    ///
    /// Reserves memory for all of [`Limits::capacity`], of which at most `u32::MAX - 4096` count.
    pub fn new(limits: &Limits, secret: [u8; 16]) -> Self {
        let mut limits = limits.clone();
        limits.capacity = limits.capacity.min(u32::MAX - 4096);
        let capacity = limits.capacity as usize;
        Self {
            // Twice the room: a table at most half full does not have to grow to shed the marks
            // that removed entries leave.
            index: HashTable::with_capacity(capacity.saturating_mul(2)),
            entries: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            wheel: Wheel::new(limits.capacity),
            ranks: Rings::new(limits.capacity, Rank::ALL.len() as u32),
            hasher: SipHasher13::new_with_key(&secret),
            limits,
            counts: Counts::default(),
        }
    }

    /// An empty table that hashes with a secret from the operating system.
    #[cfg(feature = "std")]
    pub fn with_random_secret(limits: &Limits) -> Self {
        use std::collections::hash_map::RandomState;
        use std::hash::BuildHasher;

        let state = RandomState::new();
        let [low, high] = [0u64, 1].map(|word| state.hash_one(word));
        Self::new(limits, (u128::from(high) << 64 | u128::from(low)).to_ne_bytes())
    }

    /// How many connections there are. Expired ones count until they are collected, which takes
    /// a few packets and seconds.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The limits given when the table was made.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What has been counted so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The connection that a packet with this 5-tuple belongs to, in either direction. ICMP has no
    /// 5-tuple: list the [`connections`](Self::connections) instead.
    pub fn connection(&self, key: &FlowKey, now: Time) -> Option<Connection> {
        let flow = Flow::of_key(key)?;
        let number = self.find(&flow.key)?;
        self.entry(number).filter(|entry| !entry.is_expired(now)).map(describe)
    }

    /// All connections, in no particular order.
    pub fn connections(&self, now: Time) -> impl Iterator<Item = Connection> {
        let entries = self.index.iter().filter_map(|number| self.entry(*number));
        entries.filter(move |entry| !entry.is_expired(now)).map(describe)
    }

    /// Removes all connections.
    pub fn clear(&mut self) {
        *self =
            Self { counts: self.counts, hasher: self.hasher, ..Self::new(&self.limits, [0; 16]) };
    }
}

impl Conntrack for ConnTable {
    fn look_up(&mut self, packet: &Packet, now: Time) -> Lookup {
        self.collect(now);
        match Subject::of(packet) {
            Subject::Flow(flow) => self.look_up_flow(&flow, packet, now),
            Subject::Error { about, told } => self.look_up_error(&about, told, now),
            Subject::Untracked => Lookup::untracked(),
            Subject::Invalid => Lookup::invalid(),
        }
    }

    fn confirm(&mut self, packet: &Packet, now: Time) -> Result<(), Refused> {
        let Subject::Flow(flow) = Subject::of(packet) else { return Ok(()) };
        if self.find_live(&flow.key, now).is_some() || !self.may_open(&flow, packet) {
            return Ok(());
        }
        self.make_room(now)?;
        let entry = self.opened(&flow, packet, now);
        self.insert(entry);
        self.counts.confirmed += 1;
        Ok(())
    }
}

/// One packet.
impl ConnTable {
    fn look_up_flow(&mut self, flow: &Flow, packet: &Packet, now: Time) -> Lookup {
        let Some(number) = self.find_live(&flow.key, now) else {
            return self.look_up_new(flow, packet);
        };
        let Some(entry) = self.entries.get_mut(number as usize) else { return Lookup::invalid() };
        let direction = entry.direction_of(flow);
        let found = Lookup::known(entry.conn_state(direction), direction);
        match advance(entry, packet, direction, &self.limits, now) {
            Moved::On => {
                self.rearrange(number);
                found
            }
            Moved::Ended => {
                self.remove(number);
                found
            }
            Moved::Reopens => {
                self.remove(number);
                self.look_up_new(flow, packet)
            }
            Moved::Invalid => {
                self.rearrange(number);
                Lookup::invalid()
            }
        }
    }

    fn look_up_new(&self, flow: &Flow, packet: &Packet) -> Lookup {
        if self.may_open(flow, packet) { Lookup::tentative() } else { Lookup::invalid() }
    }

    /// An error neither moves the connection nor keeps it alive.
    fn look_up_error(&mut self, about: &Flow, told: IpAddr, now: Time) -> Lookup {
        let found = self.find_live(&about.key, now).and_then(|number| self.entry(number));
        match found {
            Some(entry) if about.key.address(about.sender) == told => {
                let direction = entry.direction_of(about).reversed();
                Lookup::known(ConnState::Related, direction)
            }
            _ => Lookup::invalid(),
        }
    }

    fn may_open(&self, flow: &Flow, packet: &Packet) -> bool {
        match flow.key.protocol() {
            Protocol::TCP => {
                packet.tcp_segment().is_some_and(|segment| tcp::may_open(segment, &self.limits.tcp))
            }
            _ => flow.may_open,
        }
    }

    /// The entry for a flow that `packet` opens.
    fn opened(&self, flow: &Flow, packet: &Packet, now: Time) -> Entry {
        let timeouts = &self.limits.timeouts;
        match packet.tcp_segment().filter(|_| flow.key.protocol() == Protocol::TCP) {
            Some(segment) => {
                let (track, seconds) = TcpTrack::open(segment, &self.limits.tcp, timeouts);
                Entry::new(flow, Some(track), now, seconds)
            }
            None => Entry::new(flow, None, now, idle_seconds(&flow.key, &self.limits)),
        }
    }
}

/// Keeping the entries, the index, the wheel and the ranks in step.
impl ConnTable {
    fn find(&self, key: &Key) -> Option<u32> {
        let hash = key.hash(&self.hasher);
        let is_it = |number: &u32| self.entry(*number).is_some_and(|entry| entry.key == *key);
        self.index.find(hash, is_it).copied()
    }

    /// As [`find`](Self::find); an expired entry is removed instead.
    fn find_live(&mut self, key: &Key, now: Time) -> Option<u32> {
        let number = self.find(key)?;
        if self.entry(number)?.is_expired(now) {
            self.remove(number);
            return None;
        }
        Some(number)
    }

    fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get(number as usize)
    }

    fn insert(&mut self, mut entry: Entry) {
        let number = self.free.pop().unwrap_or(self.entries.len() as u32);
        entry.armed = self.wheel.arm(number, entry.deadline);
        entry.rank = entry.proper_rank();
        if let Some(rank) = entry.rank {
            self.ranks.push(rank as u32, number);
        }
        match self.entries.get_mut(number as usize) {
            Some(slot) => *slot = entry,
            None => self.entries.push(entry),
        }
        let (entries, hasher) = (&self.entries, &self.hasher);
        let hash_of =
            |number: &u32| entries.get(*number as usize).map_or(0, |entry| entry.key.hash(hasher));
        self.index.insert_unique(entry.key.hash(hasher), number, hash_of);
    }

    fn remove(&mut self, number: u32) {
        self.wheel.remove(number);
        self.forget(number);
    }

    /// Removes an entry that is not in the wheel.
    fn forget(&mut self, number: u32) {
        self.ranks.remove(number);
        let Some(entry) = self.entry(number) else { return };
        let hash = entry.key.hash(&self.hasher);
        if let Ok(found) = self.index.find_entry(hash, |found| *found == number) {
            found.remove();
            self.free.push(number);
        }
    }

    /// Puts an entry that has changed where it now belongs.
    fn rearrange(&mut self, number: u32) {
        let Some(entry) = self.entries.get_mut(number as usize) else { return };
        entry.armed = self.wheel.rearm(number, entry.deadline, entry.armed);
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

    /// Looks at a few entries whose time may have come.
    fn collect(&mut self, now: Time) {
        for _ in 0..VISITS {
            let Some(number) = self.wheel.pop(now) else { return };
            self.visit(number, now);
        }
    }

    /// Removes an entry that the wheel brought up if it has expired, or else puts it back.
    fn visit(&mut self, number: u32, now: Time) {
        let longest = now.after_secs(self.limits.timeouts.longest());
        let Some(entry) = self.entries.get_mut(number as usize) else { return };
        if entry.is_expired(now) {
            return self.forget(number);
        }
        // Only a clock that has gone back leaves a deadline farther off.
        entry.deadline = entry.deadline.min(longest);
        entry.armed = self.wheel.arm(number, entry.deadline);
    }

    fn make_room(&mut self, now: Time) -> Result<(), Refused> {
        let capacity = self.limits.capacity as usize;
        for _ in 0..VISITS_WHEN_FULL {
            if self.len() < capacity {
                return Ok(());
            }
            let Some(number) = self.wheel.pop_current(now) else { break };
            self.visit(number, now);
        }
        if self.len() < capacity {
            return Ok(());
        }
        let Some(number) = Rank::ALL.iter().find_map(|rank| self.ranks.first(*rank as u32)) else {
            self.counts.refused += 1;
            return Err(Refused::TableFull);
        };
        self.remove(number);
        self.counts.displaced += 1;
        Ok(())
    }
}

/// What a packet did to its connection.
enum Moved {
    On,
    Ended,
    Reopens,
    Invalid,
}

/// Moves the state and the deadline of `entry` by one of its packets.
fn advance(
    entry: &mut Entry,
    packet: &Packet,
    direction: Direction,
    limits: &Limits,
    now: Time,
) -> Moved {
    if entry.tcp.is_some() {
        return match packet.tcp_segment() {
            Some(segment) => advance_tcp(entry, segment, direction, limits, now),
            None => Moved::Invalid,
        };
    }
    let timeouts = &limits.timeouts;
    let mut seconds = idle_seconds(&entry.key, limits);
    match entry.key.protocol() {
        Protocol::UDP | Protocol::UDP_LITE
            if entry.replied && now.since(entry.created) > STREAM_AGE =>
        {
            seconds = timeouts.udp_stream;
            entry.assured = true;
        }
        Protocol::GRE if entry.replied => {
            seconds = timeouts.gre_stream;
            entry.assured = true;
        }
        _ => {}
    }
    entry.replied |= direction == Direction::Reply;
    entry.deadline = now.after_secs(seconds);
    Moved::On
}

fn advance_tcp(
    entry: &mut Entry,
    segment: &TcpSegment,
    direction: Direction,
    limits: &Limits,
    now: Time,
) -> Moved {
    let timeouts = &limits.timeouts;
    let known = Known { replied: entry.replied, assured: entry.assured };
    let Some(track) = &mut entry.tcp else { return Moved::Invalid };
    match track.advance(segment, direction, known, &limits.tcp, timeouts) {
        Step::Renewed { seconds, assured } => {
            entry.assured |= assured;
            entry.deadline = now.after_secs(seconds);
        }
        Step::Kept => {}
        Step::Ended => return Moved::Ended,
        Step::Reopens => return Moved::Reopens,
        Step::Invalid => return Moved::Invalid,
        Step::Doubtful => {
            entry.shorten(now, timeouts.tcp_unacknowledged);
            return Moved::Invalid;
        }
    }
    entry.replied |= direction == Direction::Reply;
    Moved::On
}

/// How long a connection without TCP's states is kept while it is not a stream.
fn idle_seconds(key: &Key, limits: &Limits) -> u32 {
    let timeouts = &limits.timeouts;
    match key.protocol() {
        Protocol::UDP | Protocol::UDP_LITE => timeouts.udp,
        Protocol::GRE => timeouts.gre,
        Protocol::ICMP if key.is_icmp() => timeouts.icmp,
        Protocol::ICMPV6 if key.is_icmp() => timeouts.icmpv6,
        _ => timeouts.generic,
    }
}

fn describe(entry: &Entry) -> Connection {
    Connection {
        original: entry.key.flow_key(entry.opener),
        replied: entry.replied,
        assured: entry.assured,
        tcp_state: entry.tcp.map(|tcp| tcp.state()),
        created: entry.created,
        deadline: entry.deadline,
    }
}
