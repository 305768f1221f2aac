//! How many connections each source and each zone has, where that is limited.

mod sources;

use alloc::vec;
use alloc::vec::Vec;

use self::sources::Sources;
use super::key::{End, Key};
use super::sip::Sip;
use super::{Limits, SourceLimit};
use crate::packet::Refused;

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
    /// `None` if nothing is limited.
    pub(super) fn new(limits: &Limits, sip: Sip) -> Option<Self> {
        let sources = limits.per_source.map(|limit| (limit, Sources::new(limits.capacity)));
        let zones = limits.per_zone.map(|limit| (limit, vec![0; ZONES]));
        (sources.is_some() || zones.is_some()).then_some(Self { sources, zones, sip })
    }

    pub(super) fn clear(&mut self) {
        if let Some((_, sources)) = &mut self.sources {
            sources.clear();
        }
        if let Some((_, zones)) = &mut self.zones {
            zones.fill(0);
        }
    }

    /// Why one more connection with this key, opened by this end, would be too many, if it would.
    pub(super) fn refusal(&self, key: &Key, opener: End) -> Option<Refused> {
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

    /// Counts a connection that has come.
    pub(super) fn add(&mut self, key: &Key, opener: End) {
        self.change(key, opener, Sources::add, |count| count.saturating_add(1));
    }

    /// Counts a connection that is gone.
    pub(super) fn remove(&mut self, key: &Key, opener: End) {
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
