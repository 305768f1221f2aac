//! Stands in for DPDK's hash table where DPDK is not installed: none can be made.

use portcullis::FlowKey;

pub(crate) enum Dpdk {}

pub(crate) struct RteHash<'d>(&'d Dpdk);

#[derive(Clone, Copy)]
pub(crate) struct Key;

#[derive(Clone)]
pub(crate) struct Record;

impl Record {
    pub(crate) const NONE: Self = Self;
}

impl Dpdk {
    pub(crate) fn start(_core: usize, _huge_pages: bool) -> Result<Self, String> {
        Err("DPDK 20.11 or later is not installed (on Debian and Ubuntu: apt-get install \
             libdpdk-dev pkg-config); rte_hash is left out"
            .into())
    }

    pub(crate) fn hash(&self, _entries: u32) -> Result<RteHash<'_>, String> {
        match *self {}
    }
}

impl RteHash<'_> {
    pub(crate) fn add(&mut self, _: &[Key]) -> usize {
        match *self.0 {}
    }

    pub(crate) fn find(&self, _: &[Key]) -> usize {
        match *self.0 {}
    }

    pub(crate) fn find_bulk(&self, _: &[Key]) -> usize {
        match *self.0 {}
    }

    pub(crate) fn touch_bulk(&self, _: &[Key], _: &mut [Record], _: u64) -> usize {
        match *self.0 {}
    }
}

impl Key {
    pub(crate) fn new(_: &FlowKey) -> Self {
        Self
    }
}
