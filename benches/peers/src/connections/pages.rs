//! Large allocations in huge pages: rte_hash gets them, so the connection table does too.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::mm::{Advice, madvise};

const HUGE_PAGE: usize = 1 << 21;

static WANTED: AtomicBool = AtomicBool::new(false);

#[global_allocator]
static ALLOCATOR: Huge = Huge;

/// Whether allocations from now on are to lie in huge pages if they are large enough.
pub(crate) fn huge(wanted: bool) {
    WANTED.store(wanted, Ordering::Relaxed);
}

struct Huge;

impl Huge {
    fn aligned(layout: Layout) -> Layout {
        if layout.size() < HUGE_PAGE {
            return layout;
        }
        layout.align_to(HUGE_PAGE).unwrap_or(layout)
    }
}

// SAFETY: hands out what the system's allocator does, more aligned where it is large. The layout
// that memory is given back with follows from the one that it was asked for with.
unsafe impl GlobalAlloc for Huge {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises about the layout hold of the aligned one.
        let start = unsafe { System.alloc(Self::aligned(layout)) };
        if layout.size() >= HUGE_PAGE && !start.is_null() && WANTED.load(Ordering::Relaxed) {
            let whole = layout.size() / HUGE_PAGE * HUGE_PAGE;
            // SAFETY: the memory was just allocated, and the advice does not change what it holds.
            let _ = unsafe { madvise(start.cast(), whole, Advice::LinuxHugepage) };
        }
        start
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as it was allocated.
        unsafe { System.dealloc(start, Self::aligned(layout)) }
    }
}
