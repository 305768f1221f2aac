//! What a program without the standard library and without a C library has to bring: where it
//! starts and ends, the copies that compilers emit, and, with the feature `alloc`, an allocator.
#![no_std]

#[cfg(feature = "alloc")]
mod bump;
mod memory;

use core::arch::{asm, naked_asm};

/// Declares the program's entry point: `main` is a `fn() -> bool`, whether all is well. The exit
/// code is 0 if it is and 1 if not.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn program_main() -> ! {
            $crate::exit(if $main() { 0 } else { 1 })
        }

        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            $crate::panicked()
        }
    };
}

/// Ends the process.
pub fn exit(code: i32) -> ! {
    const EXIT: u64 = 60;
    // SAFETY: the system call `exit` takes one number and does not come back.
    unsafe { asm!("syscall", in("rax") EXIT, in("rdi") code, options(noreturn, nostack)) }
}

/// Where every panic ends. Its symbol is in a program exactly when something there can panic.
#[inline(never)]
pub fn panicked() -> ! {
    exit(101)
}

/// The first instruction: the kernel gives no return address, and a stack of its own alignment.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "and rsp, -16", "call program_main", "ud2")
}

/// Named by the prebuilt `alloc`; nothing unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
