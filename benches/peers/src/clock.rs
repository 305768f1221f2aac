//! Processor time, and which cores to spend it on.

use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Processor time that the calling thread has had: other programs do not count, except for what
/// they do to the caches.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The cores that the calling thread may run on.
pub(crate) fn cores() -> CpuSet {
    sched_getaffinity(None).expect("the thread's own cores")
}

/// The highest core of a set.
pub(crate) fn last(cores: &CpuSet) -> usize {
    (0..CpuSet::MAX_CPU).rev().find(|core| cores.is_set(*core)).unwrap_or(0)
}

/// Keeps the calling thread, and those it starts from now on, on one core.
pub(crate) fn pin(core: usize) -> Result<(), String> {
    let mut cores = CpuSet::new();
    cores.set(core);
    spread(&cores).map_err(|error| format!("core {core} cannot be used: {error}"))
}

/// Lets the calling thread run on all of `cores`.
pub(crate) fn spread(cores: &CpuSet) -> rustix::io::Result<()> {
    sched_setaffinity(None, cores)
}
