//! What brings connections into a table.

use super::ConnTable;
use crate::conntrack::Time;
use crate::conntrack::advance::opened;
use crate::conntrack::entry::Entry;
use crate::conntrack::key::{Flow, Key};
use crate::conntrack::saved::SavedConnection;
use crate::conntrack::store::Sought;
use crate::packet::{ConnFlag, Packet, Refused};

/// How many entries are looked at to find expired ones when the table is full.
const VISITS_WHEN_FULL: usize = 64;

impl ConnTable {
    /// Enters a connection of another table, as far as it was there. If it is known here, nothing
    /// happens. It is kept no longer than the longest timeout of this table.
    ///
    /// # Errors
    ///
    /// When it cannot be admitted, as in [`confirm`](crate::Conntrack::confirm), or when its fields
    /// contradict each other, which those of an exported one do not.
    pub fn import(&mut self, saved: &SavedConnection, now: Time) -> Result<(), Refused> {
        let longest = self.limits.timeouts.longest();
        let (flow, entry) = saved.entry(now, longest).map_err(|_| Refused::Unsound)?;
        let entered = self.enter(&flow, entry, now)?;
        if let (true, Some(pool), Some(help)) = (entered, &mut self.pool, &saved.help) {
            pool.restore(&entry, help, &self.store, now);
        }
        Ok(())
    }

    /// Enters the connection that `packet`, which shows `flow`, opens; whether it may open one
    /// and it was not there.
    pub(in crate::conntrack) fn open(
        &mut self,
        flow: &Flow,
        packet: &Packet,
        expected: bool,
        now: Time,
    ) -> Result<bool, Refused> {
        let Some(mut entry) = opened(flow, packet, &self.limits, now) else { return Ok(false) };
        entry.flag_if(expected, ConnFlag::Expected);
        let entered = self.enter(flow, entry, now)?;
        self.counts.confirmed += u64::from(entered);
        self.counts.expected += u64::from(entered && expected);
        Ok(entered)
    }

    /// Enters a connection; whether it was not there.
    pub(in crate::conntrack) fn enter(
        &mut self,
        flow: &Flow,
        entry: Entry,
        now: Time,
    ) -> Result<bool, Refused> {
        let Some(hash) = self.unknown(&flow.key, now) else { return Ok(false) };
        self.admit(flow, now)?;
        if let Err(refused) = self.make_room(now) {
            self.store.dismiss(&flow.key, flow.sender);
            return Err(refused);
        }
        self.store.insert(entry, hash);
        self.missed = None;
        Ok(true)
    }

    /// The hash of a key that no connection has.
    fn unknown(&mut self, key: &Key, now: Time) -> Option<u64> {
        match self.missed {
            Some((missed, hash)) if missed == *key => Some(hash),
            _ => {
                let hash = self.store.hash(key);
                self.store.find_live(key, Sought::with(hash), now).is_none().then_some(hash)
            }
        }
    }

    /// Counts the flow as one of its source and zone, if they may have one more.
    fn admit(&mut self, flow: &Flow, now: Time) -> Result<(), Refused> {
        if self.store.admit(&flow.key, flow.sender).is_ok() {
            return Ok(());
        }
        self.store.collect_all_due(VISITS_WHEN_FULL, now);
        self.store.admit(&flow.key, flow.sender).inspect_err(|refused| match refused {
            Refused::ZoneLimit => self.counts.refused_by_zone += 1,
            _ => self.counts.refused_by_source += 1,
        })
    }

    fn make_room(&mut self, now: Time) -> Result<(), Refused> {
        if !self.store.is_full() {
            return Ok(());
        }
        self.store.collect_for_room(VISITS_WHEN_FULL, now);
        if !self.store.is_full() {
            return Ok(());
        }
        if !self.store.displace() {
            self.counts.refused += 1;
            return Err(Refused::TableFull);
        }
        self.counts.displaced += 1;
        Ok(())
    }
}
