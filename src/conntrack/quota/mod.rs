//! How many connections each source and each zone has, where that is limited.

mod sources;

use alloc::vec;
use alloc::vec::Vec;

use self::sources::Sources;
use super::key::{End, Key};
use super::sip::Sip;
use super::{Limits, SourceLimit};
use crate::packet::Refused;

/// Where a table's counts are.
#[derive(Clone, Debug)]
pub(super) enum Keeper {
    /// With the table.
    Own(Quotas),
    /// With all shards of a [`ShardedTable`](super::ShardedTable).
    #[cfg(feature = "std")]
    Shared(std::sync::Arc<std::sync::Mutex<Quotas>>),
}

impl Keeper {
    /// Counts for one table; `None` if nothing is limited.
    pub(super) fn new(limits: &Limits, sip: Sip) -> Option<Self> {
        Quotas::new(limits, 1, sip).map(Self::Own)
    }

    /// Counts that clones share, for so many tables.
    #[cfg(feature = "std")]
    pub(super) fn shared(limits: &Limits, tables: u32, sip: Sip) -> Option<Self> {
        let quotas = Quotas::new(limits, tables, sip)?;
        Some(Self::Shared(std::sync::Arc::new(std::sync::Mutex::new(quotas))))
    }

    /// Counts a connection with this key, opened by this end, or says why it is one too many.
    pub(super) fn admit(&mut self, key: &Key, opener: End) -> Result<(), Refused> {
        match self {
            Self::Own(quotas) => quotas.admit(key, opener),
            #[cfg(feature = "std")]
            Self::Shared(quotas) => lock(quotas).admit(key, opener),
        }
    }

    /// Counts a connection that is gone.
    pub(super) fn remove(&mut self, key: &Key, opener: End) {
        match self {
            Self::Own(quotas) => quotas.remove(key, opener),
            #[cfg(feature = "std")]
            Self::Shared(quotas) => lock(quotas).remove(key, opener),
        }
    }
}

/// Nothing that holds the lock panics, so that what is behind it is whole.
#[cfg(feature = "std")]
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The counts and what bounds them. All their memory is taken when they are made.
#[derive(Clone, Debug)]
pub(super) struct Quotas {
    sources: Option<(SourceLimit, Sources)>,
    zones: Option<(u32, Vec<u32>)>,
    sip: Sip,
}

/// One count for each zone there can be.
const ZONES: usize = 1 << 16;

impl Quotas {
    /// Counts for so many tables of that many connections together; `None` if nothing is limited.
    fn new(limits: &Limits, tables: u32, sip: Sip) -> Option<Self> {
        // A connection is counted before there is room for it.
        let most = limits.capacity.saturating_add(tables);
        let sources = limits.per_source.map(|limit| (limit, Sources::new(most)));
        let zones = limits.per_zone.map(|limit| (limit, vec![0; ZONES]));
        (sources.is_some() || zones.is_some()).then_some(Self { sources, zones, sip })
    }

    /// Why one more connection with this key, opened by this end, would be too many, if it would.
    fn refusal(&self, key: &Key, opener: End) -> Option<Refused> {
        if let Some((limit, zones)) = &self.zones {
            let count = zones.get(usize::from(key.zone())).copied().unwrap_or(0);
            if count >= *limit {
                return Some(Refused::ZoneLimit);
            }
        }
        let (limit, sources) = self.sources.as_ref()?;
        let count = sources.count(self.source(limit, key, opener));
        (count >= limit.connections).then_some(Refused::SourceLimit)
    }

    fn admit(&mut self, key: &Key, opener: End) -> Result<(), Refused> {
        match self.refusal(key, opener) {
            Some(refused) => Err(refused),
            None => {
                self.change(key, opener, Sources::add, |count| count.saturating_add(1));
                Ok(())
            }
        }
    }

    fn remove(&mut self, key: &Key, opener: End) {
        self.change(key, opener, Sources::remove, |count| count.saturating_sub(1));
    }

    fn change(
        &mut self,
        key: &Key,
        opener: End,
        of_source: impl FnOnce(&mut Sources, u64),
        of_zone: impl FnOnce(u32) -> u32,
    ) {
        let hash = self.sources.as_ref().map(|(limit, _)| self.source(limit, key, opener));
        if let (Some((_, sources)), Some(hash)) = (&mut self.sources, hash) {
            of_source(sources, hash);
        }
        if let Some((_, zones)) = &mut self.zones
            && let Some(count) = zones.get_mut(usize::from(key.zone()))
        {
            *count = of_zone(*count);
        }
    }

    /// The hash of the network that the opener belongs to, in its zone.
    fn source(&self, limit: &SourceLimit, key: &Key, opener: End) -> u64 {
        key.network(opener, limit.v4_prefix, limit.v6_prefix).hash(&self.sip)
    }
}
