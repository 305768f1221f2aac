//! Flow keys of any packet: two reversals give the key back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::{Addrs, FlowKey, Protocol};

fuzz_target!(|input: ([u8; 16], [u8; 16], u16, u16, u8)| {
    let (src, dst, src_port, dst_port, protocol) = input;
    let addrs = Addrs::V6 { src: src.into(), dst: dst.into() };
    let key = FlowKey { addrs, src_port, dst_port, protocol: Protocol(protocol) };
    assert_eq!(key.reversed().reversed(), key);
});
