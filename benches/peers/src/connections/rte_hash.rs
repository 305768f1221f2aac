//! DPDK's hash table, through a few functions in C.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::NonNull;

use portcullis::{Addrs, FlowKey};

/// The most keys that it looks up at once.
const BULK_MAX: usize = 64;

/// DPDK, started. There can be one in a process.
pub(crate) struct Dpdk(());

/// What a connection tracker would keep of a connection, at the least: `struct peer_record`.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct Record([u64; 8]);

impl Record {
    pub(crate) const NONE: Self = Self([0; 8]);
}

/// A table of keys.
pub(crate) struct RteHash<'d> {
    hash: NonNull<Hash>,
    entries: u32,
    _dpdk: &'d Dpdk,
}

/// A 5-tuple as it is in a packet: `struct peer_key`.
#[derive(Clone, Copy)]
#[repr(C, align(4))]
pub(crate) struct Key {
    src: [u8; 4],
    dst: [u8; 4],
    src_port: [u8; 2],
    dst_port: [u8; 2],
    protocol: [u8; 4],
}

impl Dpdk {
    /// Starts DPDK on a core, and keeps the calling thread there.
    pub(crate) fn start(core: usize, huge_pages: bool) -> Result<Self, String> {
        // SAFETY: takes a number only.
        unsafe { peer_touch_pages(1) };
        // SAFETY: takes numbers only, and the program calls it once.
        match unsafe { peer_pages(c_int::from(huge_pages)) + peer_start(core as u32) } {
            0 => Ok(Self(())),
            error => {
                Err(format!("DPDK does not start: {}", std::io::Error::from_raw_os_error(-error)))
            }
        }
    }

    /// An empty table. There can be one at a time.
    pub(crate) fn hash(&self, entries: u32) -> Result<RteHash<'_>, String> {
        // SAFETY: DPDK has been started.
        let hash = unsafe { peer_hash_create(entries) };
        let hash = NonNull::new(hash).ok_or("no memory for rte_hash")?;
        Ok(RteHash { hash, entries, _dpdk: self })
    }
}

impl RteHash<'_> {
    /// Adds keys, one at a time; how many went in.
    pub(crate) fn add(&mut self, keys: &[Key]) -> usize {
        // SAFETY: the table is alive; pointer and length are those of one slice.
        unsafe { peer_hash_add(self.hash.as_ptr(), keys.as_ptr(), keys.len() as u32) as usize }
    }

    /// How many keys are there, looked up one at a time.
    pub(crate) fn find(&self, keys: &[Key]) -> usize {
        // SAFETY: as above.
        unsafe { peer_hash_find(self.hash.as_ptr(), keys.as_ptr(), keys.len() as u32) as usize }
    }

    /// How many keys are there, looked up all at once.
    pub(crate) fn find_bulk(&self, keys: &[Key]) -> usize {
        assert!(keys.len() <= BULK_MAX);
        let (keys, count) = (keys.as_ptr(), keys.len() as u32);
        // SAFETY: as above, and there are not too many.
        unsafe { peer_hash_find_bulk(self.hash.as_ptr(), keys, count) as usize }
    }

    /// As [`find_bulk`](Self::find_bulk), and notes in the record of each key that its connection
    /// was seen, as whoever tracks connections with such a table has to.
    pub(crate) fn touch_bulk(&self, keys: &[Key], records: &mut [Record], now: u64) -> usize {
        assert!(keys.len() <= BULK_MAX && records.len() > self.entries as usize);
        let (keys, count) = (keys.as_ptr(), keys.len() as u32);
        let records = records.as_mut_ptr();
        // SAFETY: as above; places of keys are numbers below that of the entries, and one more.
        unsafe { peer_hash_touch_bulk(self.hash.as_ptr(), keys, count, records, now) as usize }
    }
}

impl Drop for RteHash<'_> {
    fn drop(&mut self) {
        // SAFETY: the table is alive, and nobody has it after this.
        unsafe { peer_hash_free(self.hash.as_ptr()) }
    }
}

impl Key {
    pub(crate) fn new(key: &FlowKey) -> Self {
        let (src, dst) = match key.addrs {
            Addrs::V4 { src, dst } => (src.octets(), dst.octets()),
            Addrs::V6 { .. } => Default::default(),
        };
        Self {
            src,
            dst,
            src_port: key.src_port.to_be_bytes(),
            dst_port: key.dst_port.to_be_bytes(),
            protocol: [key.protocol.0, 0, 0, 0],
        }
    }
}

/// `struct rte_hash`.
#[repr(C)]
struct Hash {
    _private: [u8; 0],
}

unsafe extern "C" {
    fn peer_pages(huge: c_int) -> c_int;
    fn peer_touch_pages(touched: c_int);
    fn peer_start(core: u32) -> c_int;
    fn peer_hash_create(entries: u32) -> *mut Hash;
    fn peer_hash_add(hash: *const Hash, keys: *const Key, count: u32) -> u32;
    fn peer_hash_find(hash: *const Hash, keys: *const Key, count: u32) -> u32;
    fn peer_hash_find_bulk(hash: *const Hash, keys: *const Key, count: u32) -> u32;
    fn peer_hash_touch_bulk(
        hash: *const Hash,
        keys: *const Key,
        count: u32,
        records: *mut Record,
        now: u64,
    ) -> u32;
    fn peer_hash_free(hash: *mut Hash);
}
