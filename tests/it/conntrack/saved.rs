//! Connections moved from one table to another, by hand, as bytes and as JSON.

use portcullis::conntrack::saved::{SavedConnection, from_bytes, to_bytes};
use portcullis::conntrack::{Conntrack, Limits, SourceLimit, Time};
use portcullis::packet::{Refused, SctpChunk, SctpHeader, Transport};
use portcullis::{Addrs, ConnState, ConnTable, Packet, Ports, Protocol};
use proptest::prelude::*;

use super::helper::announced::{self, announce, is_expected};
use super::model::packet;
use super::script::segment;
use super::{BACK, FORTH, INVALID, NEW, accept, at, icmp, reversed, udp, udp_flow};

/// A table with another secret.
fn other(limits: &Limits) -> ConnTable {
    ConnTable::new(limits, [77; 16]).with_helper(announced::Ports { most: 2 })
}

fn export(table: &ConnTable, now: Time) -> Vec<SavedConnection> {
    from_bytes(&to_bytes(table.export(now))).unwrap()
}

/// The table that goes on for `table`: at `now` of its own clock it is where the other is at `then`.
fn successor(table: &ConnTable, then: Time, now: Time) -> ConnTable {
    let mut other = other(table.limits());
    for connection in export(table, then) {
        other.import(&connection, now).unwrap();
    }
    other
}

#[test]
fn a_tcp_connection_goes_on_with_its_windows() {
    let mut table = other(&Limits::new(8));
    for line in [
        "> S seq=0 win=1000 scale=2",
        "< SA seq=0 ack=1 win=2000 scale=3",
        "> A seq=1 ack=1 win=1000",
        "> A seq=1 ack=1 len=500 win=1000",
    ] {
        accept(&mut table, &segment(line, 7000), at(0));
    }
    let mut next = successor(&table, at(10), at(9000));
    for (line, expected) in [
        // 2000 << 3 fit the server's window, 4000 the client's; far beyond is invalid.
        ("< A seq=1 ack=501 len=1400 win=2000", BACK),
        ("> A seq=90000 ack=1401 len=100 win=1000", INVALID),
        ("> A seq=501 ack=1401 len=4000 win=1000", FORTH),
        ("< A seq=90000 ack=4501 len=1400 win=2000", INVALID),
    ] {
        assert_eq!(accept(&mut next, &segment(line, 7000), at(9000)), expected, "{line}");
        assert_eq!(accept(&mut table, &segment(line, 7000), at(10)), expected, "{line}");
    }
    let key = segment("> A", 7000).flow_key();
    let (old, new) = (table.connection(&key, at(10)), next.connection(&key, at(9000)));
    assert_eq!(old.unwrap().tcp_state, new.unwrap().tcp_state);
}

#[test]
fn times_are_spans() {
    let mut table = other(&Limits::new(8));
    accept(&mut table, &udp_flow(1), at(0));
    let connection = export(&table, at(10)).remove(0);
    assert_eq!((connection.age.as_secs(), connection.remaining.as_secs()), (10, 20));
    for now in [Time::ZERO, at(5), at(1_000_000)] {
        let mut next = other(&Limits::new(8));
        next.import(&connection, now).unwrap();
        let listed = next.connections(now).next().unwrap();
        assert_eq!(listed.deadline.since(now).as_secs(), 20);
        let later = Time::from_nanos(listed.deadline.as_nanos() - 1);
        assert_eq!(accept(&mut next.clone(), &reversed(&udp_flow(1)), later), BACK);
        assert_eq!(accept(&mut next, &reversed(&udp_flow(1)), listed.deadline), NEW);
    }
    assert_eq!(table.export(at(30)).count(), 0, "it is over");
}

/// Two seconds of age make an answered flow a stream.
#[test]
fn the_age_goes_on() {
    let mut table = other(&Limits::new(8));
    accept(&mut table, &udp_flow(1), at(0));
    accept(&mut table, &reversed(&udp_flow(1)), at(1));
    let mut next = successor(&table, at(2), at(50));
    accept(&mut next, &udp_flow(1), at(51));
    let connection = next.connection(&udp_flow(1).flow_key(), at(51)).unwrap();
    assert!(connection.assured);
}

#[test]
fn nothing_is_kept_longer_than_the_table_keeps_anything() {
    let mut table = other(&Limits::new(8));
    accept(&mut table, &udp_flow(1), at(0));
    let mut connection = export(&table, at(0)).remove(0);
    connection.remaining = std::time::Duration::MAX;
    let mut next = other(&Limits::new(8));
    next.import(&connection, at(0)).unwrap();
    let deadline = next.connections(at(0)).next().unwrap().deadline;
    assert_eq!(deadline.since(at(0)).as_secs(), 432_000);
}

#[test]
fn what_is_known_stays_as_it_is() {
    let mut table = other(&Limits::new(8));
    accept(&mut table, &udp_flow(1), at(0));
    let mut next = other(&Limits::new(8));
    accept(&mut next, &udp_flow(1), at(0));
    accept(&mut next, &reversed(&udp_flow(1)), at(0));
    next.import(&export(&table, at(0))[0], at(1)).unwrap();
    assert_eq!((next.len(), accept(&mut next, &udp_flow(1), at(1))), (1, FORTH));
}

#[test]
fn limits_hold_for_what_comes_from_elsewhere() {
    let mut table = other(&Limits::new(100));
    for port in 1..=20 {
        accept(&mut table, &udp_flow(port), at(0));
    }
    let mut small = other(&Limits::new(8).per_source(SourceLimit::new(5)));
    let refused = |result: &Result<(), Refused>| *result == Err(Refused::SourceLimit);
    let connections = export(&table, at(0));
    let results: Vec<_> = connections.iter().map(|saved| small.import(saved, at(0))).collect();
    assert_eq!((small.len(), results.iter().filter(|result| refused(result)).count()), (5, 15));
    // They are counted: one more from the same source is too many, from another one is not.
    assert_eq!(small.confirm(&udp_flow(99), at(0)), Err(Refused::SourceLimit));
    small.confirm(&udp("10.0.0.2:1", "192.0.2.53:53"), at(0)).unwrap();
}

#[test]
fn established_connections_make_no_room_for_others() {
    let mut table = other(&Limits::new(8));
    for line in ["> S seq=0", "< SA seq=0 ack=1", "> A seq=1 ack=1"] {
        accept(&mut table, &segment(line, 1), at(0));
    }
    accept(&mut table, &udp_flow(1), at(0));
    let connections = export(&table, at(0));
    let (tcp, udp): (Vec<_>, Vec<_>) =
        connections.into_iter().partition(|saved| saved.original.protocol == Protocol::TCP);
    let mut full = other(&Limits::new(1));
    full.import(&udp[0], at(0)).unwrap();
    full.import(&tcp[0], at(0)).unwrap();
    assert_eq!(full.import(&udp[0], at(0)), Err(Refused::TableFull));
    assert_eq!(full.connections(at(0)).next().unwrap().original.protocol, Protocol::TCP);
}

#[test]
fn what_helpers_know_goes_along() {
    let mut table = other(&Limits::new(8));
    announce(&mut table, 1, &[(5, 1000), (0, 1001)], 0).unwrap();
    let saved = export(&table, at(20)).remove(0);
    let announced: Vec<_> =
        saved.expected().iter().map(|e| (e.src_port, e.dst_port, e.seconds)).collect();
    assert_eq!(announced, [(Some(5), 1000, 40), (None, 1001, 40)]);

    let mut next = successor(&table, at(20), at(900));
    accept(&mut next, &announced::control(1), at(905));
    assert!(is_expected(&next, 5, 1, 1000, 939) && !is_expected(&next, 5, 1, 1000, 940));
    assert!(is_expected(&next, 9, 1, 1001, 900));
    // The oldest is still the first to make room.
    announce(&mut next, 1, &[(0, 1002)], 901).unwrap();
    assert!(!is_expected(&next, 5, 1, 1000, 901) && is_expected(&next, 9, 1, 1001, 901));

    // Who has no helper takes the connection alone.
    let mut plain = ConnTable::new(&Limits::new(8), [1; 16]);
    plain.import(&saved, at(900)).unwrap();
    assert!(!is_expected(&plain, 9, 1, 1001, 900));
    assert_eq!(accept(&mut plain, &announced::control(1), at(900)), FORTH);
}

#[test]
fn fields_that_contradict_each_other_are_refused() {
    let mut table = other(&Limits::new(8));
    accept(&mut table, &udp_flow(1), at(0));
    let saved = export(&table, at(0)).remove(0);
    let refused = |change: &dyn Fn(&mut SavedConnection)| {
        let mut changed = saved.clone();
        change(&mut changed);
        let mut next = other(&Limits::new(8));
        assert_eq!(next.import(&changed, at(0)), Err(Refused::Unsound));
        assert!(next.is_empty());
        let error = from_bytes(&to_bytes([saved.clone(), changed])).unwrap_err();
        // Behind the first one.
        assert_eq!(error.offset(), Some(to_bytes([saved.clone()]).len()), "{error}");
    };
    refused(&|saved| saved.original.protocol = Protocol::TCP);
    refused(&|saved| saved.original.protocol = Protocol::ICMP);
    refused(&|saved| saved.original.protocol = Protocol::ESP);
    refused(&|saved| {
        let ping = icmp(saved.original.addrs, 8, 0, 7);
        let mut pings = other(&Limits::new(8));
        accept(&mut pings, &ping, at(0));
        saved.query = export(&pings, at(0))[0].query;
    });
    refused(&|saved| {
        saved.status = saved.status.with(portcullis::packet::ConnFlag::Assured, true);
    });
}

/// One connection of each kind: bytes whose every field is filled.
fn various() -> ConnTable {
    let mut table = other(&Limits::new(64));
    for line in ["> S seq=0 scale=7", "< SA seq=0 ack=1 scale=2", "> A seq=1 ack=1 len=9"] {
        accept(&mut table, &segment(line, 1), at(0));
    }
    announce(&mut table, 1, &[(5, 1000), (0, 1001)], 0).unwrap();
    accept(&mut table, &udp("[2001:db8::1]:5", "[2001:db8::2]:6"), at(0));
    let ends: Addrs = udp_flow(1).addrs;
    accept(&mut table, &icmp(ends, 8, 0, 7), at(0));
    let mut init = SctpHeader::new(0, &[SctpChunk::new(SctpChunk::INIT)]);
    init.initiate_tag = Some(7);
    let mut association = Packet::new(ends, Protocol::SCTP);
    association.ports = Some(Ports { src: 1, dst: 2 });
    association.transport = Transport::Sctp(init);
    accept(&mut table, &association, at(0));
    accept(&mut table, &Packet::new(ends, Protocol::ESP), at(0));
    table
}

fn sorted(mut connections: Vec<SavedConnection>) -> Vec<String> {
    connections.sort_by_key(|saved| saved.original);
    connections.iter().map(|saved| format!("{saved:?}")).collect()
}

#[test]
fn bytes_and_json_say_all_there_is() {
    let table = various();
    let connections: Vec<SavedConnection> = table.export(at(1)).collect();
    assert_eq!(connections.len(), 6);
    assert_eq!(from_bytes(&to_bytes(connections.clone())).unwrap(), connections);
    let moved = successor(&table, at(1), at(1));
    assert_eq!(sorted(export(&moved, at(1))), sorted(connections.clone()));
    #[cfg(feature = "serde")]
    {
        let json = serde_json::to_string(&connections).unwrap();
        assert_eq!(serde_json::from_str::<Vec<SavedConnection>>(&json).unwrap(), connections);
        for (from, to) in [(r#""scale":7"#, r#""scale":15"#), (r#""zone":0"#, r#""zone":0,"x":1"#)]
        {
            let broken = json.replacen(from, to, 1);
            assert_ne!(broken, json);
            assert!(serde_json::from_str::<Vec<SavedConnection>>(&broken).is_err(), "{to}");
        }
    }
}

#[test]
fn a_connection_takes_so_many_bytes() {
    let size = |packets: &[Packet]| {
        let mut table = other(&Limits::new(8));
        packets.iter().for_each(|packet| _ = accept(&mut table, packet, at(0)));
        to_bytes(table.export(at(0))).len() - to_bytes([]).len()
    };
    assert_eq!(size(&[udp_flow(1)]), 37);
    assert_eq!(size(&[udp("[2001:db8::1]:5", "[2001:db8::2]:6")]), 61);
    assert_eq!(size(&[segment("> S seq=0 scale=3", 1)]), 96);
}

#[test]
fn errors_name_the_byte() {
    let bytes = to_bytes(various().export(at(1)));
    let error = |bytes: &[u8]| from_bytes(bytes).unwrap_err().to_string();
    assert_eq!(error(b""), "byte 0: 8 bytes are needed, only 0 are there");
    assert_eq!(error(b"something else"), "byte 0: these are not saved connections");
    let mut later = bytes.clone();
    later[8] = 2;
    assert_eq!(error(&later), "byte 8: version 2 of saved connections; only 1 is understood");
    let mut family = bytes.clone();
    family[10] = 5;
    assert_eq!(error(&family), "byte 10: 5 stands for no IP version");
    assert_eq!(error(&bytes[..12]), "byte 11: 4 bytes are needed, only 1 are there");
    // Every cut is an error, but between connections.
    let whole = (0..bytes.len()).filter(|len| from_bytes(&bytes[..*len]).is_ok()).count();
    assert_eq!(whole, 6);
}

/// What the next tables are asked, and how long after the one before.
fn steps() -> impl Strategy<Value = Vec<(Packet, u64, bool)>> {
    let step = (packet(), prop_oneof![6 => 0..3u64, 1 => 0..200u64], any::<bool>());
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// A table that goes on for another says what that one would have said.
    #[test]
    fn the_successor_goes_on(steps in steps(), at_step in 0..60usize, shift in 0..5000u64) {
        let mut table = other(&Limits::new(200));
        let mut next: Option<ConnTable> = None;
        let mut secs = 0;
        for (number, (packet, wait, accepted)) in steps.iter().enumerate() {
            secs += wait;
            if number == at_step {
                next = Some(successor(&table, at(secs), at(secs + shift)));
            }
            let found = table.look_up(packet, at(secs));
            let confirmed = found.tentative && *accepted;
            if confirmed {
                table.confirm(packet, at(secs)).unwrap();
            }
            let Some(next) = &mut next else { continue };
            prop_assert_eq!(next.look_up(packet, at(secs + shift)), found);
            if confirmed {
                next.confirm(packet, at(secs + shift)).unwrap();
            }
            let (old, new) = (export(&table, at(secs)), export(next, at(secs + shift)));
            prop_assert_eq!(sorted(old), sorted(new));
        }
    }

    #[test]
    fn no_bytes_panic(changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4), len in any::<usize>()) {
        let mut bytes = to_bytes(various().export(at(1)));
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        bytes.truncate(len % (2 * bytes.len()));
        if let Ok(connections) = from_bytes(&bytes) {
            prop_assert_eq!(to_bytes(connections.clone()), bytes, "one form for each");
            let mut table = other(&Limits::new(64));
            for connection in &connections {
                table.import(connection, at(0)).unwrap();
            }
            prop_assert!(table.len() <= connections.len());
            prop_assert!(table.look_up(&udp_flow(1), at(0)).tracked.state != ConnState::Untracked);
        }
    }
}
