//! Fragments in any order and at any times: with room enough each meets the fate that a naive model
//! gives it; with little room no limit is passed and nothing is lost from sight.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use portcullis::Time;
use portcullis::reassembly::{Arrival, FragmentLimits, Reassembler, Reassembly, WhenFull};

#[path = "../../tests/it/reassembly/model.rs"]
mod model;
#[allow(dead_code, reason = "shared with tests that also send whole datagrams")]
#[path = "../../tests/it/reassembly/sent.rs"]
mod sent;

use model::{Fate, Model};
use sent::Sent;

#[derive(Arbitrary, Debug)]
enum Input {
    Compared(Vec<Step>),
    Limited { limits: Limits, steps: Vec<(Wait, Source)> },
}

#[derive(Arbitrary, Debug)]
struct Step {
    wait: u16,
    fragment: Fragment,
}

#[derive(Arbitrary, Debug)]
struct Limits {
    memory: u16,
    datagrams: u8,
    per_source: u8,
    fragments: u8,
    max_distance: u8,
    refuse: bool,
}

#[derive(Arbitrary, Debug)]
enum Wait {
    None,
    Forward(u32),
    Back(u32),
}

#[derive(Arbitrary, Debug)]
enum Source {
    Fragment(Fragment),
    Bytes(Vec<u8>),
}

/// Few senders, identifiers and places, so that fragments meet.
#[derive(Arbitrary, Debug)]
struct Fragment {
    whose: u8,
    place: u8,
    len: u8,
    kind: u8,
}

impl Fragment {
    fn sent(&self) -> Sent {
        let protocol = [17, 17, 6, 47][usize::from(self.kind >> 2 & 3)];
        let offset = match self.place {
            0..240 => u16::from(self.place % 16),
            far => 8176 + u16::from(far - 240),
        };
        let len = if self.len < 192 { usize::from(self.len) / 8 * 8 } else { self.len.into() };
        Sent {
            v6: self.whose & 1 == 1,
            src: self.whose >> 1 & 3,
            id: u16::from(self.whose >> 3 & 3),
            offset,
            more: self.kind & 1 == 1,
            dont_fragment: self.kind & 2 == 2 && self.whose & 1 == 0,
            ecn: if self.kind & 0x10 == 0 { 2 } else { self.kind >> 5 & 3 },
            zone: u16::from(self.whose >> 5 & 1),
            interface: u32::from(self.whose >> 6 & 1),
            protocol,
            payload: (0..len).map(|at| at as u8 ^ self.kind).collect(),
        }
    }
}

fuzz_target!(|input: Input| match input {
    Input::Compared(steps) => compare(&steps),
    Input::Limited { limits, steps } => check_limits(&limits, &steps),
});

fn compare(steps: &[Step]) {
    let mut limits = FragmentLimits::default();
    limits.memory = 64 << 20;
    let mut reassembler = Reassembler::new(&limits, [3; 16]);
    let mut model = Model::default();
    let mut now = model::SECOND;
    for (number, step) in steps.iter().enumerate() {
        now += u64::from(step.wait) * 500_000;
        let sent = step.fragment.sent();
        let bytes = sent.bytes();
        let mut arrival = Arrival::from_ip(&bytes, number).unwrap();
        arrival.packet.zone = sent.zone;
        let arrival = arrival.interface(sent.interface);
        let fate = match reassembler.push(arrival, Time::from_nanos(now)) {
            Reassembly::Alone(..) => Fate::Alone,
            Reassembly::Whole(datagram) => Fate::Whole(datagram.bytes, datagram.fragments),
            Reassembly::Rejected(rejection) => Fate::Rejected(rejection.fragments),
            _ => Fate::Held,
        };
        assert_eq!(fate, model.push(number, &sent, now));
    }
}

fn check_limits(given: &Limits, steps: &[(Wait, Source)]) {
    let mut limits = FragmentLimits::default();
    limits.memory = given.memory.into();
    limits.datagrams = u32::from(given.datagrams % 16);
    limits.per_source = u32::from(given.per_source % 8);
    limits.fragments = u32::from(given.fragments % 32);
    limits.max_distance = u32::from(given.max_distance % 16);
    limits.when_full = if given.refuse { WhenFull::Refuse } else { WhenFull::DropOldest };
    let mut reassembler = Reassembler::new(&limits, [3; 16]);
    let mut now = 0u64;
    for (wait, source) in steps {
        now = match wait {
            Wait::None => now,
            Wait::Forward(millis) => now.saturating_add(u64::from(*millis) * 1_000_000),
            Wait::Back(millis) => now.saturating_sub(u64::from(*millis) * 1_000_000),
        };
        let bytes = match source {
            Source::Fragment(fragment) => fragment.sent().bytes(),
            Source::Bytes(bytes) => bytes.clone(),
        };
        let Ok(arrival) = Arrival::from_ip(&bytes, ()) else { continue };
        if let Reassembly::Whole(datagram) = reassembler.push(arrival, Time::from_nanos(now)) {
            assert!(datagram.fragments.len() <= limits.fragments as usize);
            let length = datagram.packet.length as usize;
            assert!(datagram.bytes.len() == length || datagram.packet.length == 40);
        }
        assert!(reassembler.memory() <= limits.memory);
        assert!(reassembler.len() <= limits.datagrams as usize);
        assert_eq!(reassembler.is_empty(), reassembler.memory() == 0);
    }
    while reassembler.expire(Time::MAX).is_some() {}
    assert_eq!((reassembler.len(), reassembler.memory()), (0, 0));
}
