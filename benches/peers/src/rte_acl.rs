//! DPDK's classifier, through a few functions in C.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::NonNull;
use std::time::Duration;

use portcullis::{Addrs, FlowKey};

use super::clock::cpu_time;
use super::generator::{Pattern, any, prefix};

/// The algorithms by name, and by DPDK's number.
pub(crate) const ALGORITHMS: [(&str, i32); 5] =
    [("scalar", 1), ("sse", 2), ("avx2", 3), ("avx512x16", 6), ("avx512x32", 7)];

/// DPDK, started. There can be one in a process.
pub(crate) struct Dpdk(());

/// Rules that DPDK has compiled.
pub(crate) struct RteAcl<'d> {
    context: NonNull<Context>,
    bytes: usize,
    build: Duration,
    _dpdk: &'d Dpdk,
}

/// Headers as DPDK wants them.
pub(crate) struct Headers {
    // What the pointers point to.
    _headers: Vec<Header>,
    pointers: Vec<*const u8>,
}

impl Dpdk {
    /// Starts DPDK on a core, and keeps the calling thread there.
    pub(crate) fn start(core: usize) -> Result<Self, String> {
        // SAFETY: takes a number only, and the program calls it once.
        match unsafe { peer_start(core as u32) } {
            0 => Ok(Self(())),
            error => Err(format!("DPDK does not start: {}", reason(error))),
        }
    }

    /// Compiles the rules that ask for `patterns`.
    pub(crate) fn compile(&self, patterns: &[Pattern]) -> Result<RteAcl<'_>, String> {
        let rules = patterns.iter().map(rule).collect::<Option<Vec<_>>>();
        let rules = rules.ok_or("a rule is not of IPv4, prefixes and one protocol or any")?;
        // SAFETY: the pointer and the length are those of one slice; the rules are copied.
        let context = unsafe { peer_create(rules.as_ptr(), rules.len() as u32) };
        let context = NonNull::new(context).ok_or("no memory for the rules")?;
        let mut acl = RteAcl { context, bytes: 0, build: Duration::ZERO, _dpdk: self };
        acl.build()?;
        Ok(acl)
    }
}

impl RteAcl<'_> {
    /// Bytes of what lookups read.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// How long DPDK took over building.
    pub(crate) fn build_time(&self) -> Duration {
        self.build
    }

    /// Whether an algorithm is there.
    pub(crate) fn has(&self, algorithm: i32) -> bool {
        // SAFETY: the context is alive.
        unsafe { peer_choose(self.context.as_ptr(), algorithm) == 0 }
    }

    /// Looks all headers up, `batch` at a time: `results[i]` becomes 1 + the index of the rule for
    /// `headers[i]`, or 0.
    pub(crate) fn classify(
        &self,
        headers: &Headers,
        results: &mut [u32],
        algorithm: i32,
        batch: usize,
    ) {
        assert!(self.has(algorithm) && headers.pointers.len() == results.len() && batch > 0);
        let (pointers, results) = (headers.pointers.as_ptr(), results.as_mut_ptr());
        let count = headers.pointers.len() as u32;
        // SAFETY: both arrays have `count` elements; each pointer is that of a whole header, and
        // the headers live as long as the pointers.
        unsafe { peer_classify(self.context.as_ptr(), pointers, results, count, batch as u32) }
    }

    fn build(&mut self) -> Result<(), String> {
        let before = allocated();
        let start = cpu_time();
        // SAFETY: the context is alive and not shared.
        let error = unsafe { peer_build(self.context.as_ptr()) };
        self.build = cpu_time() - start;
        self.bytes = allocated() - before;
        if error == 0 { Ok(()) } else { Err(format!("not built: {}", reason(error))) }
    }
}

impl Drop for RteAcl<'_> {
    fn drop(&mut self) {
        // SAFETY: the context is alive, and nobody has it after this.
        unsafe { peer_free(self.context.as_ptr()) }
    }
}

impl Headers {
    /// The headers with these flow keys; those of IPv6 are all zeros.
    pub(crate) fn new(keys: &[FlowKey]) -> Self {
        let headers: Vec<Header> = keys.iter().map(header).collect();
        let pointers = headers.iter().map(|header| std::ptr::from_ref(header).cast()).collect();
        Self { _headers: headers, pointers }
    }
}

fn rule(pattern: &Pattern) -> Option<Rule> {
    let whole = any(pattern.family).protocol;
    let (first, last) = (pattern.protocol.first(), pattern.protocol.last());
    let protocol_mask = match () {
        () if pattern.protocol == whole => 0,
        () if first == last => u8::MAX,
        () => return None,
    };
    Some(Rule {
        src: pattern.src.first().try_into().ok()?,
        dst: pattern.dst.first().try_into().ok()?,
        src_ports: [pattern.src_port.first(), pattern.src_port.last()],
        dst_ports: [pattern.dst_port.first(), pattern.dst_port.last()],
        src_len: prefix_len(pattern, pattern.src.first(), pattern.src.last())?,
        dst_len: prefix_len(pattern, pattern.dst.first(), pattern.dst.last())?,
        protocol: first & protocol_mask,
        protocol_mask,
    })
}

fn prefix_len(pattern: &Pattern, first: u128, last: u128) -> Option<u8> {
    let len = u32::try_from(first ^ last).ok()?.leading_zeros();
    let same = prefix(pattern.family, first, len);
    (same.first() == first && same.last() == last).then_some(len as u8)
}

fn header(key: &FlowKey) -> Header {
    let (src, dst) = match key.addrs {
        Addrs::V4 { src, dst } => (src.octets(), dst.octets()),
        Addrs::V6 { .. } => Default::default(),
    };
    Header {
        src,
        dst,
        src_port: key.src_port.to_be_bytes(),
        dst_port: key.dst_port.to_be_bytes(),
        protocol: [key.protocol.0, 0, 0, 0],
    }
}

fn allocated() -> usize {
    // SAFETY: reads numbers that only this thread changes.
    unsafe { peer_bytes() }
}

fn reason(error: c_int) -> std::io::Error {
    std::io::Error::from_raw_os_error(-error)
}

/// `struct rte_acl_ctx`.
#[repr(C)]
struct Context {
    _private: [u8; 0],
}

/// `struct peer_rule`.
#[repr(C)]
struct Rule {
    src: u32,
    dst: u32,
    src_ports: [u16; 2],
    dst_ports: [u16; 2],
    src_len: u8,
    dst_len: u8,
    protocol: u8,
    protocol_mask: u8,
}

/// `struct peer_header`.
#[repr(C, align(4))]
struct Header {
    src: [u8; 4],
    dst: [u8; 4],
    src_port: [u8; 2],
    dst_port: [u8; 2],
    protocol: [u8; 4],
}

unsafe extern "C" {
    fn peer_start(core: u32) -> c_int;
    fn peer_create(rules: *const Rule, count: u32) -> *mut Context;
    fn peer_build(context: *mut Context) -> c_int;
    fn peer_bytes() -> usize;
    fn peer_choose(context: *mut Context, algorithm: c_int) -> c_int;
    fn peer_classify(
        context: *const Context,
        headers: *const *const u8,
        results: *mut u32,
        count: u32,
        batch: u32,
    );
    fn peer_free(context: *mut Context);
}
