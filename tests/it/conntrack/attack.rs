//! Floods of packets that open connections. With `PORTCULLIS_LONG=1` in the environment ten million
//! of them on a table of 100,000, and the rate is printed.

use std::env;
use std::time::Instant;

use portcullis::conntrack::{Limits, Time};
use portcullis::packet::{TcpFlags, TcpSegment, Transport};
use portcullis::{
    Action, Config, ConnState, ConnTable, FlowKey, Packet, Protocol, Rule, RuleSet, StatefulMatcher,
};

use crate::no_alloc::allocations;
use crate::strategies::Rng;

/// A server that everybody may connect to.
fn server(capacity: u32) -> StatefulMatcher {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().state([ConnState::Established, ConnState::Related]));
    rules.push(Rule::accept().tcp().to_ports(443).state(ConnState::New));
    let table = ConnTable::new(&Limits::new(capacity), [7; 16]);
    StatefulMatcher::compile(&rules, table, &Config::new()).unwrap()
}

fn segment(client: [u8; 4], port: u16, back: bool, flags: TcpFlags, seq: u32) -> Packet {
    let key = FlowKey::new(Protocol::TCP, (client, port).into(), ([192, 0, 2, 1], 443).into());
    let key = key.unwrap();
    let mut header = TcpSegment::new(flags);
    (header.seq, header.window) = (seq, 65_535);
    header.ack = u32::from(flags.contains(TcpFlags::ACK));
    let mut packet = Packet::from(if back { key.reversed() } else { key });
    packet.transport = Transport::Tcp(header);
    packet
}

/// A packet of one of the established connections.
fn member(flow: u32, back: bool, flags: TcpFlags, seq: u32) -> Packet {
    segment(
        (0x0a00_0000 + (flow >> 4)).to_be_bytes(),
        40_000 + (flow & 15) as u16,
        back,
        flags,
        seq,
    )
}

fn establish(firewall: &mut StatefulMatcher, flows: u32) {
    let (syn, ack) = (TcpFlags::SYN, TcpFlags::ACK);
    for flow in 0..flows {
        for (back, flags, seq) in [(false, syn, 0), (true, syn | ack, 0), (false, ack, 1)] {
            let now = Time::from_secs(1);
            let packet = member(flow, back, flags, seq);
            assert_eq!(*firewall.classify(&packet, now).action, Action::Accept);
        }
    }
}

/// SYNs from anywhere, ten thousand a second, and one packet in a hundred that belongs.
fn flood(firewall: &mut StatefulMatcher, flows: u32, syns: u32) -> Time {
    let mut rng = Rng::new(1996);
    let mut now = Time::from_secs(2);
    for number in 0..syns {
        now = Time::from_nanos(now.as_nanos() + 100_000);
        let draw = rng.number();
        // Not from 10.0.0.0/8, where those are that belong.
        let source = (draw as u32 | 0x8000_0000).to_be_bytes();
        let syn = segment(source, (draw >> 32) as u16, false, TcpFlags::SYN, (draw >> 24) as u32);
        firewall.classify(&syn, now);
        if number % 100 == 0 {
            let flow = number / 100 % flows;
            let decision = firewall.classify(&member(flow, number & 1 == 0, TcpFlags::ACK, 1), now);
            assert_eq!(*decision.action, Action::Accept);
        }
    }
    now
}

fn all_pass(firewall: &mut StatefulMatcher, flows: u32, now: Time) {
    for flow in 0..flows {
        for back in [false, true] {
            let decision = firewall.classify(&member(flow, back, TcpFlags::ACK, 1), now);
            let tracked = decision.tracked.unwrap();
            assert_eq!((*decision.action, tracked.state), (Action::Accept, ConnState::Established));
        }
    }
}

#[test]
fn established_connections_outlive_a_flood() {
    let long = env::var_os("PORTCULLIS_LONG").is_some_and(|long| long == "1");
    let (capacity, syns) = if long { (100_000, 10_000_000) } else { (1000, 30_000) };
    // Full of them, and with room that the flood takes.
    for flows in [capacity, capacity / 2] {
        let mut firewall = server(capacity);
        establish(&mut firewall, flows);
        let (started, mut end) = (Instant::now(), Time::ZERO);
        let allocated = allocations(|| end = flood(&mut firewall, flows, syns));
        if long {
            let rate = f64::from(syns) / started.elapsed().as_secs_f64() / 1e6;
            println!("{flows} of {capacity} established: {rate:.2} million packets a second");
        }
        assert_eq!(allocated, 0, "memory that grows");
        let counts = firewall.conntrack().counts();
        assert_eq!(firewall.conntrack().len(), capacity as usize);
        all_pass(&mut firewall, flows, end);
        if flows == capacity {
            assert_eq!((counts.refused, counts.displaced), (syns.into(), 0));
        } else {
            assert_eq!(counts.refused, 0);
            assert!(counts.displaced > u64::from(syns) / 2);
        }
    }
}

/// The flood ends the connections that it made itself: who answers none of them keeps room for the
/// next one that is answered.
#[test]
fn a_new_connection_gets_in_during_a_flood() {
    let mut firewall = server(1000);
    establish(&mut firewall, 500);
    let now = flood(&mut firewall, 500, 5000);
    let (syn, ack) = (TcpFlags::SYN, TcpFlags::ACK);
    let newcomer = |back, flags, seq| member(700_000, back, flags, seq);
    assert_eq!(*firewall.classify(&newcomer(false, syn, 0), now).action, Action::Accept);
    let answer = firewall.classify(&newcomer(true, syn | ack, 0), now);
    assert_eq!(answer.tracked.unwrap().state, ConnState::Established);
    firewall.classify(&newcomer(false, ack, 1), now);
    flood(&mut firewall, 500, 5000);
    let later = firewall.classify(&newcomer(true, ack, 1), Time::from_secs(10));
    assert_eq!(later.tracked.unwrap().state, ConnState::Established);
}
