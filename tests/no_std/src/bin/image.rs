//! Rules that were compiled elsewhere, used where they are stored, with nothing but `core`: no
//! allocator, and no panic on the way from the bytes to a decision.
//!
//! The image is that of `examples/data/gateway.rules`; `cargo run --release --example image -- --write`
//! in the library's folder writes it anew.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::net::{Ipv4Addr, SocketAddr};

use portcullis::{Action, FlowKey, Packet, Protocol, Reject, StatelessMatcher};

portcullis_no_std::program!(main);

/// On cache lines, for speed.
#[repr(align(64))]
struct Aligned<const N: usize>([u8; N]);

static IMAGE: &Aligned<{ include_bytes!("../../../../examples/data/gateway.image").len() }> =
    &Aligned(*include_bytes!("../../../../examples/data/gateway.image"));

fn main() -> bool {
    let Ok(matcher) = StatelessMatcher::from_bytes(black_box(&IMAGE.0)) else { return false };
    let cut = IMAGE.0.get(..100).is_some_and(|cut| StatelessMatcher::from_bytes(cut).is_err());
    cut && right(&matcher)
}

#[inline(never)]
fn right(matcher: &StatelessMatcher<'_>) -> bool {
    let reject = Action::Reject(Reject::PortUnreachable);
    let cases = [
        (Protocol::TCP, [10, 1, 0, 7], 443, Action::Accept),
        (Protocol::TCP, [10, 66, 0, 7], 443, Action::Drop),
        (Protocol::TCP, [10, 1, 0, 7], 22, reject),
        (Protocol::UDP, [10, 1, 0, 7], 53, Action::Accept),
        (Protocol::UDP, [192, 0, 2, 9], 53, Action::Drop),
    ];
    let keys = cases.map(|(protocol, src, port, _)| {
        let src = SocketAddr::new(Ipv4Addr::from(src).into(), 40000);
        FlowKey::new(protocol, src, SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), port)).ok()
    });
    for (key, (.., action)) in keys.iter().zip(cases) {
        let Some(key) = black_box(key) else { return false };
        if *matcher.classify_key(key).action != action {
            return false;
        }
        if *matcher.classify(&Packet::from(*key)).action != action {
            return false;
        }
        let (packets, mut decisions) = ([Packet::from(*key); 5], [matcher.classify_key(key); 5]);
        matcher.classify_batch(black_box(&packets), &mut decisions);
        if decisions.iter().any(|decision| *decision.action != action) {
            return false;
        }
    }
    true
}
