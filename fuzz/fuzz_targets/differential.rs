//! Runs of TCP segments: the connection table says and keeps what a naive model of Linux's own rules
//! does, after each of them.
#![no_main]

#[path = "../../tests/differential/mod.rs"]
mod differential;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(difference) = differential::play(bytes) {
        panic!("{difference}");
    }
});
