//! Reading and looking up a packet and nothing else, so that its symbols tell whether it can panic. Compiling rules is
//! not part of this program: the matcher is behind a pointer that nothing sets.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use portcullis::{Decision, Packet, StatelessMatcher};

portcullis_no_std::program!(main);

struct Input<'m> {
    matcher: StatelessMatcher<'m>,
    frame: &'m [u8],
    packet: Packet,
    packets: &'m [Packet],
    decisions: &'m mut [Decision<'m>],
}

static INPUT: AtomicPtr<Input<'static>> = AtomicPtr::new(null_mut());

fn main() -> bool {
    let input = black_box(&INPUT).load(Ordering::Relaxed);
    // SAFETY: null, or set by somebody who knows; nobody else has it.
    let Some(input) = (unsafe { input.as_mut() }) else { return false };
    lookup(input);
    true
}

#[inline(never)]
fn lookup(input: &'static mut Input<'static>) {
    if let Ok(packet) = Packet::from_ethernet(input.frame) {
        input.packet = packet;
    }
    black_box(input.matcher.classify(&input.packet));
    black_box(input.matcher.classify_key(&input.packet.flow_key()));
    input.matcher.classify_batch(input.packets, input.decisions);
    #[cfg(feature = "index")]
    black_box(input.packets[usize::from(input.packet.dscp)]);
}
