//! Names in text: what is read prints as it was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::Protocol;

fuzz_target!(|text: &str| {
    if let Some(protocol) = Protocol::from_name(text) {
        assert_eq!(protocol.to_string(), text);
    }
});
