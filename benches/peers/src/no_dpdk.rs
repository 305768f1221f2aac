//! Stands in for DPDK's classifier where DPDK is not installed: nothing of it can be made.

use std::time::Duration;

use portcullis::FlowKey;

use super::generator::Pattern;

pub(crate) const ALGORITHMS: [(&str, i32); 0] = [];

pub(crate) enum Dpdk {}

pub(crate) struct RteAcl<'d>(&'d Dpdk);

pub(crate) struct Headers;

impl Dpdk {
    pub(crate) fn start(_core: usize) -> Result<Self, String> {
        Err("DPDK 20.11 or later is not installed (on Debian and Ubuntu: apt-get install \
             libdpdk-dev pkg-config); rte_acl is left out"
            .into())
    }

    pub(crate) fn compile(&self, _patterns: &[Pattern]) -> Result<RteAcl<'_>, String> {
        match *self {}
    }
}

impl RteAcl<'_> {
    pub(crate) fn memory_bytes(&self) -> usize {
        match *self.0 {}
    }

    pub(crate) fn build_time(&self) -> Duration {
        match *self.0 {}
    }

    pub(crate) fn has(&self, _algorithm: i32) -> bool {
        match *self.0 {}
    }

    pub(crate) fn classify(&self, _: &Headers, _: &mut [u32], _algorithm: i32, _batch: usize) {
        match *self.0 {}
    }
}

impl Headers {
    pub(crate) fn new(_keys: &[FlowKey]) -> Self {
        Self
    }
}
