//! An allocator that only ever advances.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

const SIZE: usize = 64 << 20;

#[global_allocator]
static BUMP: Bump = Bump { arena: UnsafeCell::new([0; SIZE]), used: AtomicUsize::new(0) };

struct Bump {
    arena: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: no two calls of `alloc` give out the same part of the arena.
unsafe impl Sync for Bump {}

// SAFETY: blocks lie inside the arena, are aligned as asked, and never overlap.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let room = layout.size() + layout.align() - 1;
        let start = self.used.fetch_add(room, Ordering::Relaxed);
        if start + room > SIZE {
            return null_mut();
        }
        let block = self.arena.get().cast::<u8>().wrapping_add(start);
        block.wrapping_add(block.align_offset(layout.align()))
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
