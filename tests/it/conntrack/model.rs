//! Random packets against a simple model of the table, and against nothing but its promises.

use std::collections::HashMap;

use portcullis::conntrack::{Conntrack, Limits, Time};
use portcullis::packet::{IcmpMessage, Quote, SackBlock, TcpFlags, TcpSegment, Transport};
use portcullis::{Addrs, ConnTable, Fragment, Packet, Ports, Protocol, Tracked};
use proptest::prelude::*;

use super::{BACK, FORTH, INVALID, NEW, bare, icmp};

/// UDP and ICMP echo by the book: one entry for each direction-neutral name.
#[derive(Default)]
struct Model {
    flows: HashMap<Name, Flow>,
}

/// Who asked, who was asked, and the identifier or ports.
type Name = (bool, u8, u8, u16, u16);

struct Flow {
    created: u64,
    deadline: u64,
    replied: bool,
}

/// A packet of the model's little world: hosts 1 to 3.
#[derive(Clone, Copy, Debug)]
struct Event {
    ping: bool,
    answer: bool,
    src: u8,
    dst: u8,
    ids: (u16, u16),
    accepted: bool,
    wait_ms: u64,
}

impl Event {
    fn packet(&self) -> Packet {
        let addrs =
            Addrs::V4 { src: [10, 0, 0, self.src].into(), dst: [10, 0, 0, self.dst].into() };
        if self.ping {
            return icmp(addrs, if self.answer { 0 } else { 8 }, 0, self.ids.0);
        }
        let mut packet = Packet::new(addrs, Protocol::UDP);
        packet.ports = Some(Ports { src: self.ids.0, dst: self.ids.1 });
        packet
    }

    fn name(&self) -> Name {
        match (self.ping, self.answer) {
            (true, true) => (true, self.dst, self.src, self.ids.0, 0),
            (true, false) => (true, self.src, self.dst, self.ids.0, 0),
            _ => (false, self.src, self.dst, self.ids.0, self.ids.1),
        }
    }
}

impl Model {
    fn packet(&mut self, event: &Event, now: u64) -> Tracked {
        self.flows.retain(|_, flow| flow.deadline > now);
        let name = event.name();
        let back = (name.0, name.2, name.1, name.4, name.3);
        if event.ping {
            return match self.flows.get_mut(&name) {
                Some(flow) => flow.see(event.answer, now, 30_000, 30_000),
                None if event.answer => INVALID,
                None => self.open(name, event, now),
            };
        }
        if let Some(flow) = self.flows.get_mut(&name) {
            return flow.see(false, now, 30_000, 120_000);
        }
        match self.flows.get_mut(&back) {
            Some(flow) => flow.see(true, now, 30_000, 120_000),
            None => self.open(name, event, now),
        }
    }

    fn open(&mut self, name: Name, event: &Event, now: u64) -> Tracked {
        if event.accepted {
            self.flows.insert(name, Flow { created: now, deadline: now + 30_000, replied: false });
        }
        NEW
    }
}

impl Flow {
    fn see(&mut self, back: bool, now: u64, short: u64, long: u64) -> Tracked {
        let tracked = match (back, self.replied) {
            (true, _) => BACK,
            (false, true) => FORTH,
            (false, false) => NEW,
        };
        let stream = self.replied && now > self.created + 2_000;
        self.deadline = now + if stream { long } else { short };
        self.replied |= back;
        tracked
    }
}

fn event() -> impl Strategy<Value = Event> {
    let hosts = (1..4u8, 1..4u8).prop_filter("two hosts", |(src, dst)| src != dst);
    let ids = (0..3u16, 0..3u16);
    let wait = prop_oneof![4 => 0..1_500u64, 2 => 1_500..40_000u64, 1 => 100_000..9_000_000u64];
    (any::<bool>(), any::<bool>(), hosts, ids, any::<bool>(), wait).prop_map(
        |(ping, answer, (src, dst), ids, accepted, wait_ms)| Event {
            ping,
            answer,
            src,
            dst,
            ids,
            accepted,
            wait_ms,
        },
    )
}

proptest! {
    #[test]
    fn udp_and_ping_as_the_model_has_them(events in prop::collection::vec(event(), 1..300)) {
        let mut table = ConnTable::new(&Limits::new(64), [9; 16]);
        let mut model = Model::default();
        let mut now = 0;
        for event in events {
            now += event.wait_ms;
            let time = Time::from_millis(now);
            let packet = event.packet();
            let found = table.look_up(&packet, time);
            if found.tentative && event.accepted {
                table.confirm(&packet, time).unwrap();
            }
            prop_assert_eq!(bare(found.tracked), model.packet(&event, now), "{:?} at {}", event, now);
            prop_assert_eq!(table.connections(time).count(), model.flows.len());
        }
    }
}

fn addrs() -> impl Strategy<Value = Addrs> {
    (any::<bool>(), 0..4u8, 0..4u8).prop_map(|(v4, src, dst)| {
        if v4 {
            Addrs::V4 { src: [10, 0, 0, src].into(), dst: [10, 0, 0, dst].into() }
        } else {
            Addrs::V6 { src: u128::from(src).into(), dst: u128::from(dst).into() }
        }
    })
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![0..4u32, any::<u32>(), u32::MAX - 3..=u32::MAX, 1000..1100u32]
}

fn segment() -> impl Strategy<Value = TcpSegment> {
    let flags = prop_oneof![
        Just(0x02u8),
        Just(0x12),
        Just(0x10),
        Just(0x11),
        Just(0x04),
        Just(0x14),
        any::<u8>()
    ];
    let window = prop_oneof![Just(0u16), Just(8192), any::<u16>()];
    let scale = prop::option::of(any::<u8>());
    (flags, number(), number(), window, 0..2000u32, scale, any::<bool>(), any::<(u32, u32)>())
        .prop_map(|(flags, seq, ack, window, len, scale, sack, (left, right))| {
            let mut segment = TcpSegment::new(TcpFlags(flags));
            (segment.seq, segment.ack, segment.window) = (seq, ack, window);
            (segment.payload_len, segment.window_scale) = (len, scale);
            segment.sack_permitted = sack;
            if sack {
                segment.sack.push(SackBlock { left, right });
            }
            segment
        })
}

fn message() -> impl Strategy<Value = IcmpMessage> {
    let icmp_type =
        prop_oneof![Just(8u8), Just(0), Just(3), Just(128), Just(129), Just(1), any::<u8>()];
    let quoted = (addrs(), prop_oneof![Just(6u8), Just(17), Just(1), any::<u8>()], ports());
    let quote = prop::option::of(quoted).prop_map(|quoted| {
        let (addrs, protocol, ports) = quoted?;
        let mut quote = Quote::new(addrs, Protocol(protocol));
        quote.ports = ports;
        quote.icmp = ports.map(|ports| (ports.src as u8 * 8, 0, ports.dst));
        Some(quote)
    });
    (icmp_type, 0..2u8, prop::option::of(0..3u16), quote).prop_map(
        |(icmp_type, code, identifier, quote)| {
            let mut message = IcmpMessage::new(icmp_type, code);
            (message.identifier, message.quote) = (identifier, quote);
            message
        },
    )
}

fn ports() -> impl Strategy<Value = Option<Ports>> {
    prop::option::weighted(0.9, (0..4u16, 0..4u16).prop_map(|(src, dst)| Ports { src, dst }))
}

pub(super) fn packet() -> impl Strategy<Value = Packet> {
    let transport = prop_oneof![
        4 => segment().prop_map(Transport::Tcp),
        2 => message().prop_map(Transport::Icmp),
        2 => Just(Transport::None),
    ];
    let protocol = prop_oneof![
        4 => Just(6u8), 2 => Just(17u8), 2 => Just(1u8), 2 => Just(58u8), 1 => Just(47u8), 1 => any::<u8>()
    ];
    let fragment = prop_oneof![
        8 => Just(Fragment::Whole), 1 => Just(Fragment::First), 1 => Just(Fragment::Later)
    ];
    (addrs(), protocol, ports(), transport, fragment).prop_map(
        |(addrs, protocol, ports, transport, fragment)| {
            let mut packet = Packet::new(addrs, Protocol(protocol));
            (packet.ports, packet.transport, packet.fragment) = (ports, transport, fragment);
            packet
        },
    )
}

pub(super) fn time() -> impl Strategy<Value = Time> {
    prop_oneof![
        6 => (0..200_000u64).prop_map(Time::from_millis),
        1 => any::<u64>().prop_map(Time::from_nanos),
        1 => Just(Time::MAX),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// No order of calls, no packet and no clock breaks what the table promises.
    #[test]
    fn any_packets_at_any_times(
        capacity in 0..12u32,
        steps in prop::collection::vec((packet(), time(), any::<bool>()), 1..200),
    ) {
        let mut table = ConnTable::new(&Limits::new(capacity), [9; 16]);
        for (packet, now, accepted) in steps {
            let found = table.look_up(&packet, now);
            let before = table.len();
            let confirmed = accepted && table.confirm(&packet, now).is_ok() && found.tentative;
            // What begins at the end of time is over at once.
            if confirmed && now < Time::MAX {
                let again = table.look_up(&packet, now);
                prop_assert!(!again.tentative, "not known: {:?}", packet);
            } else if !accepted {
                prop_assert_eq!(table.len(), before);
            }
            prop_assert!(table.len() <= capacity as usize);
            let listed: Vec<_> = table.connections(Time::ZERO).collect();
            prop_assert_eq!(listed.len(), table.len(), "each is in the index once");
        }
    }
}
