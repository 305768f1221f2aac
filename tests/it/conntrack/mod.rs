//! The connection table and the stateful matcher, packet by packet.

mod attack;
mod batch;
mod change;
mod differential;
mod helper;
mod matcher;
mod model;
mod pointers;
mod protocols;
mod quota;
mod saved;
mod script;
mod sctp;
mod sharded;
mod table;
mod tcp;
mod zones;

use std::net::SocketAddr;

use portcullis::conntrack::{Conntrack, Limits, Lookup, Time};
use portcullis::packet::{IcmpMessage, Quote};
use portcullis::{Addrs, ConnState, ConnTable, Direction, Packet, Ports, Protocol, Tracked};

fn small_table(capacity: u32) -> ConnTable {
    ConnTable::new(&Limits::new(capacity), *b"0123456789abcdef")
}

fn at(secs: u64) -> Time {
    Time::from_secs(1_000 + secs)
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn udp(src: &str, dst: &str) -> Packet {
    Packet::udp(socket(src), socket(dst)).unwrap()
}

/// A UDP packet of the flow from port `port`.
fn udp_flow(port: u16) -> Packet {
    udp(&format!("10.0.0.1:{port}"), "192.0.2.53:53")
}

fn reversed(packet: &Packet) -> Packet {
    let ports = packet.ports.map(|ports| Ports { src: ports.dst, dst: ports.src });
    let mut back = *packet;
    back.addrs = packet.addrs.reversed();
    back.ports = ports;
    back
}

fn addrs(src: &str, dst: &str) -> Addrs {
    Addrs::new(src.parse().unwrap(), dst.parse().unwrap()).unwrap()
}

fn icmp(addrs: Addrs, icmp_type: u8, code: u8, identifier: u16) -> Packet {
    let mut message = IcmpMessage::new(icmp_type, code);
    message.identifier = Some(identifier);
    Packet::icmp(addrs, message)
}

/// A destination-unreachable message to `to` about `about`.
fn unreachable(from: &str, to: &str, about: &Packet) -> Packet {
    let mut quote = Quote::new(about.addrs, about.protocol);
    quote.ports = about.ports;
    quote.icmp = about
        .icmp_message()
        .and_then(|query| Some((query.icmp_type, query.code, query.identifier?)));
    let addrs = addrs(from, to);
    let v4 = matches!(addrs, Addrs::V4 { .. });
    let mut message = IcmpMessage::new(if v4 { 3 } else { 1 }, 0);
    message.quote = Some(quote);
    Packet::icmp(addrs, message)
}

/// Looks a packet up, and confirms it as rules that accept everything would.
fn accept(table: &mut ConnTable, packet: &Packet, now: Time) -> Tracked {
    let Lookup { tracked, tentative, .. } = table.look_up(packet, now);
    if tentative {
        table.confirm(packet, now).unwrap();
    }
    bare(tracked)
}

/// State and direction alone.
fn bare(tracked: Tracked) -> Tracked {
    Tracked::new(tracked.state, tracked.direction)
}

fn tracked(state: ConnState, direction: Direction) -> Tracked {
    Tracked::new(state, Some(direction))
}

const NEW: Tracked = Tracked::new(ConnState::New, Some(Direction::Original));
const FORTH: Tracked = Tracked::new(ConnState::Established, Some(Direction::Original));
const BACK: Tracked = Tracked::new(ConnState::Established, Some(Direction::Reply));
const INVALID: Tracked = Tracked::new(ConnState::Invalid, None);
const UNTRACKED: Tracked = Tracked::new(ConnState::Untracked, None);

#[test]
fn udp_is_new_until_answered() {
    let mut table = small_table(8);
    let query = udp_flow(5000);
    assert_eq!(accept(&mut table, &query, at(0)), NEW);
    assert_eq!(accept(&mut table, &query, at(1)), NEW);
    assert_eq!(accept(&mut table, &reversed(&query), at(1)), BACK);
    assert_eq!(accept(&mut table, &query, at(1)), FORTH);
    assert_eq!(table.len(), 1);
}

#[test]
fn an_answered_udp_flow_is_a_stream_after_two_seconds() {
    let mut table = small_table(8);
    let query = udp_flow(5000);
    accept(&mut table, &query, at(0));
    accept(&mut table, &reversed(&query), at(0));
    for (secs, left, assured) in [(2, 30, false), (3, 120, true), (4, 120, true)] {
        accept(&mut table, &query, at(secs));
        let connection = table.connection(&query.flow_key(), at(secs)).unwrap();
        assert_eq!(connection.deadline.since(at(secs)).as_secs(), left, "after {secs} s");
        assert_eq!(connection.assured, assured, "after {secs} s");
    }
}

#[test]
fn a_dropped_packet_leaves_nothing() {
    let mut table = small_table(8);
    let query = udp_flow(5000);
    assert!(table.look_up(&query, at(0)).tentative);
    assert!(table.is_empty());
    assert_eq!(table.look_up(&reversed(&query), at(0)).tracked, NEW, "not an answer");
    let error = unreachable("192.0.2.53", "10.0.0.1", &query);
    assert_eq!(table.look_up(&error, at(0)).tracked, INVALID);
}

#[test]
fn confirming_twice_keeps_the_first() {
    let mut table = small_table(8);
    let query = udp_flow(5000);
    table.confirm(&query, at(0)).unwrap();
    table.confirm(&query, at(5)).unwrap();
    assert_eq!(table.connection(&query.flow_key(), at(5)).unwrap().created, at(0));
    assert_eq!((table.len(), table.counts().confirmed), (1, 1));
}

#[test]
fn confirming_what_cannot_open_enters_nothing() {
    let mut table = small_table(8);
    let ends = addrs("10.0.0.1", "192.0.2.1");
    let answer = icmp(ends, 0, 0, 7);
    let mut cut = udp_flow(5000);
    cut.ports = None;
    for packet in [answer, cut, Packet::new(ends, Protocol::TCP)] {
        table.confirm(&packet, at(0)).unwrap();
    }
    assert!(table.is_empty());
}

#[test]
fn pings_are_told_apart_by_identifier_and_code() {
    let mut table = small_table(8);
    let out = addrs("10.0.0.1", "192.0.2.1");
    assert_eq!(accept(&mut table, &icmp(out.reversed(), 0, 0, 7), at(0)), INVALID, "unasked");
    assert_eq!(accept(&mut table, &icmp(out, 8, 0, 7), at(0)), NEW);
    assert_eq!(accept(&mut table, &icmp(out.reversed(), 0, 0, 8), at(0)), INVALID);
    assert_eq!(accept(&mut table, &icmp(out.reversed(), 0, 1, 7), at(0)), INVALID);
    assert_eq!(accept(&mut table, &icmp(out.reversed(), 14, 0, 7), at(0)), INVALID);
    assert_eq!(accept(&mut table, &icmp(out, 0, 0, 7), at(0)), INVALID, "the wrong way");
    assert_eq!(accept(&mut table, &icmp(out.reversed(), 0, 0, 7), at(0)), BACK);
    assert_eq!(accept(&mut table, &icmp(out, 8, 0, 7), at(0)), FORTH);
    let other_way = icmp(out.reversed(), 8, 0, 7);
    assert_eq!(accept(&mut table, &other_way, at(0)), NEW, "a flow of its own");
    assert_eq!(table.len(), 2);
}

#[test]
fn only_queries_open_icmp_connections() {
    let mut table = small_table(300);
    let (v4, v6) = (addrs("10.0.0.1", "192.0.2.1"), addrs("2001:db8::1", "2001:db8::2"));
    let opening = |table: &mut ConnTable, ends: Addrs| {
        let opens = |icmp_type: &u8| table.look_up(&icmp(ends, *icmp_type, 0, 1), at(0)).tentative;
        (0..=255).filter(opens).collect::<Vec<u8>>()
    };
    assert_eq!(opening(&mut table, v4), [8, 13, 15, 17]);
    assert_eq!(opening(&mut table, v6), [128, 139]);
}

#[test]
fn neighbour_discovery_is_untracked() {
    let mut table = small_table(8);
    let ends = addrs("fe80::1", "ff02::1");
    for icmp_type in [130, 131, 132, 133, 134, 135, 136, 143, 151, 152] {
        let message = Packet::icmp(ends, IcmpMessage::new(icmp_type, 0));
        assert_eq!(accept(&mut table, &message, at(0)), UNTRACKED, "type {icmp_type}");
    }
    assert!(table.is_empty());
}

#[test]
fn an_error_is_related_to_the_flow_it_quotes() {
    let mut table = small_table(8);
    let query = udp_flow(5000);
    accept(&mut table, &query, at(0));
    let deadline = table.connection(&query.flow_key(), at(0)).unwrap().deadline;
    let related = |direction| tracked(ConnState::Related, direction);

    let error = unreachable("198.51.100.1", "10.0.0.1", &query);
    assert_eq!(accept(&mut table, &error, at(1)), related(Direction::Reply), "from a router");
    let back = unreachable("10.0.0.1", "192.0.2.53", &reversed(&query));
    assert_eq!(accept(&mut table, &back, at(1)), related(Direction::Original));

    let misdirected = unreachable("192.0.2.53", "10.0.0.2", &query);
    assert_eq!(accept(&mut table, &misdirected, at(1)), INVALID, "to somebody else");
    let forged = unreachable("192.0.2.53", "10.0.0.1", &udp_flow(5001));
    assert_eq!(accept(&mut table, &forged, at(1)), INVALID, "about nothing");
    assert_eq!(table.connection(&query.flow_key(), at(1)).unwrap().deadline, deadline);
    assert_eq!(accept(&mut table, &query, at(1)), NEW, "an error is no answer");
}

#[test]
fn what_a_quote_leaves_out_is_not_guessed() {
    let mut table = small_table(8);
    let query = udp_flow(5000);
    accept(&mut table, &query, at(0));
    let error = |change: fn(&mut Quote)| {
        let mut message = *unreachable("192.0.2.53", "10.0.0.1", &query).icmp_message().unwrap();
        message.quote.as_mut().map(change);
        Packet::icmp(addrs("192.0.2.53", "10.0.0.1"), message)
    };
    assert_eq!(accept(&mut table, &error(|_| ()), at(0)).state, ConnState::Related);
    assert_eq!(accept(&mut table, &error(|quote| quote.ports = None), at(0)), INVALID);
    assert_eq!(accept(&mut table, &error(|quote| quote.later_fragment = true), at(0)), INVALID);
    assert_eq!(accept(&mut table, &error(|quote| quote.protocol = Protocol::TCP), at(0)), INVALID);
}

#[test]
fn errors_about_pings_and_about_errors() {
    let mut table = small_table(8);
    let ping = icmp(addrs("2001:db8::1", "2001:db8::2"), 128, 0, 9);
    accept(&mut table, &ping, at(0));
    let error = unreachable("2001:db8::ff", "2001:db8::1", &ping);
    assert_eq!(accept(&mut table, &error, at(0)).state, ConnState::Related);
    let mut about_error = error;
    about_error.addrs = addrs("2001:db8::ff", "2001:db8::1");
    let about_error = unreachable("2001:db8::1", "2001:db8::ff", &about_error);
    assert_eq!(accept(&mut table, &about_error, at(0)), INVALID);
}

#[test]
fn packets_without_their_ports_belong_to_no_flow() {
    use portcullis::Fragment;
    let mut table = small_table(8);
    let whole = udp_flow(5000);
    let (mut first, mut later) = (whole, whole);
    first.fragment = Fragment::First;
    (later.fragment, later.ports) = (Fragment::Later, None);
    assert_eq!(accept(&mut table, &first, at(0)), NEW);
    assert_eq!(accept(&mut table, &later, at(0)), INVALID);
    assert_eq!(accept(&mut table, &reversed(&whole), at(0)), BACK, "the first one was tracked");

    let mut malformed = whole;
    malformed.malformed = Some(portcullis::packet::Malformed::BadTransport);
    assert_eq!(accept(&mut table, &malformed, at(0)), INVALID);
}

#[test]
fn a_wrong_checksum_makes_a_packet_invalid() {
    use portcullis::packet::Checksum;
    let mut table = small_table(8);
    let mut query = udp_flow(5000);
    query.checksum = Checksum::Wrong;
    assert_eq!(accept(&mut table, &query, at(0)), INVALID);
    query.checksum = Checksum::Right;
    assert_eq!(accept(&mut table, &query, at(0)), NEW);
}

#[test]
fn packets_from_an_end_to_itself_go_back() {
    let mut table = small_table(8);
    let own = udp("10.0.0.1:7", "10.0.0.1:7");
    assert_eq!(accept(&mut table, &own, at(0)), NEW);
    assert_eq!(accept(&mut table, &own, at(0)), BACK);
    let other_port = udp("10.0.0.1:7", "10.0.0.1:8");
    assert_eq!(accept(&mut table, &other_port, at(0)), NEW);
    assert_eq!(accept(&mut table, &other_port, at(0)), NEW);
    assert_eq!(accept(&mut table, &reversed(&other_port), at(0)), BACK);
    let ping = addrs("10.0.0.1", "10.0.0.1");
    assert_eq!(accept(&mut table, &icmp(ping, 8, 0, 1), at(0)), NEW);
    assert_eq!(accept(&mut table, &icmp(ping, 0, 0, 1), at(0)), BACK);
}

#[test]
fn other_protocols_are_one_flow_per_pair_of_addresses() {
    let mut table = small_table(8);
    let esp = Packet::new(addrs("10.0.0.1", "192.0.2.1"), Protocol::ESP);
    assert_eq!(accept(&mut table, &esp, at(0)), NEW);
    assert_eq!(accept(&mut table, &reversed(&esp), at(599)), BACK);
    let mut later = esp;
    later.fragment = portcullis::Fragment::Later;
    assert_eq!(accept(&mut table, &later, at(599)), FORTH, "addresses are all it takes");
    let ah = Packet::new(esp.addrs, Protocol::AH);
    assert_eq!(accept(&mut table, &ah, at(599)), NEW);
    assert_eq!(accept(&mut table, &esp, at(599 + 600)), NEW, "expired");
}

#[test]
fn families_do_not_mix() {
    let mut table = small_table(8);
    accept(&mut table, &udp("10.0.0.1:1", "10.0.0.2:2"), at(0));
    let mapped = udp("[::ffff:10.0.0.2]:2", "[::ffff:10.0.0.1]:1");
    assert_eq!(accept(&mut table, &mapped, at(0)), NEW);
    let low = udp("[::a00:2]:2", "[::a00:1]:1");
    assert_eq!(accept(&mut table, &low, at(0)), NEW);
}

#[test]
fn connections_are_listed_as_they_were_opened() {
    let mut table = small_table(8);
    let query = udp("[2001:db8::9]:5000", "[2001:db8::1]:53");
    accept(&mut table, &query, at(0));
    accept(&mut table, &reversed(&query), at(1));
    let listed: Vec<_> = table.connections(at(1)).collect();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].original, query.flow_key());
    assert!(listed[0].replied && !listed[0].assured);
    assert_eq!(table.connection(&query.flow_key().reversed(), at(1)), Some(listed[0]));
    assert_eq!(table.connections(at(31)).count(), 0, "expired ones are not");
    table.clear();
    assert!(table.is_empty());
    assert_eq!(accept(&mut table, &query, at(1)), NEW);
}

/// As rules see it: the first answer counts at once, and nothing is confirmed that is only tentative.
#[test]
fn the_flags_of_a_connection() {
    let shown = |table: &mut ConnTable, packet: &Packet, secs| {
        table.look_up(packet, at(secs)).tracked.status.to_string()
    };
    let mut table = small_table(8);
    let query = udp_flow(5000);
    let answer = reversed(&query);
    assert_eq!(shown(&mut table, &query, 0), "none");
    table.confirm(&query, at(0)).unwrap();
    assert_eq!(shown(&mut table, &query, 0), "confirmed");
    let error = unreachable("192.0.2.53", "10.0.0.1", &query);
    assert_eq!(shown(&mut table, &error, 0), "confirmed");
    assert_eq!(shown(&mut table, &answer, 0), "replied, confirmed");
    assert_eq!(shown(&mut table, &query, 3), "replied, assured, confirmed");
    assert_eq!(shown(&mut table, &error, 3), "replied, assured, confirmed");
    let stray = unreachable("192.0.2.53", "10.0.0.1", &udp_flow(9));
    assert_eq!(shown(&mut table, &stray, 3), "none");
}
