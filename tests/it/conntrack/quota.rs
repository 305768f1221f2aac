//! Limits on how many connections a source and a zone have.

use std::collections::BTreeMap;

use portcullis::conntrack::{Conntrack, Limits, SourceLimit};
use portcullis::packet::{Refused, TcpFlags};
use portcullis::rule::Rule;
use portcullis::{Action, Config, ConnTable, Packet, RuleSet, StatefulMatcher};
use proptest::prelude::*;

use super::{accept, at, icmp, reversed, socket, udp};

fn table(limits: Limits) -> ConnTable {
    ConnTable::new(&limits, [3; 16])
}

/// Opens a UDP connection from `src`.
fn open(table: &mut ConnTable, src: &str, port: u16, secs: u64) -> Result<(), Refused> {
    let src = if src.contains(':') { format!("[{src}]:{port}") } else { format!("{src}:{port}") };
    let dst = if src.contains('[') { "[2001:db8:f::1]:53" } else { "192.0.2.53:53" };
    enter(table, &udp(&src, dst), secs)
}

fn enter(table: &mut ConnTable, packet: &Packet, secs: u64) -> Result<(), Refused> {
    let found = table.look_up(packet, at(secs));
    if found.tentative { table.confirm(packet, at(secs)) } else { Ok(()) }
}

#[test]
fn a_source_may_have_so_many_and_others_too() {
    let mut table = table(Limits::new(100).per_source(SourceLimit::new(3)));
    for port in 1..=3 {
        open(&mut table, "10.0.0.1", port, 0).unwrap();
    }
    assert_eq!(open(&mut table, "10.0.0.1", 4, 0), Err(Refused::SourceLimit));
    assert_eq!(open(&mut table, "10.0.0.1", 5, 1), Err(Refused::SourceLimit));
    open(&mut table, "10.0.0.2", 1, 1).unwrap();
    // What it has goes on, whoever opened the way back.
    open(&mut table, "10.0.0.1", 3, 1).unwrap();
    let answer = reversed(&udp("10.0.0.1:3", "192.0.2.53:53"));
    accept(&mut table, &answer, at(1));
    let counts = table.counts();
    assert_eq!((table.len(), counts.refused, counts.refused_by_source), (4, 0, 2));
    // Half a minute without packets ends the first two, not the one answered since.
    open(&mut table, "10.0.0.1", 6, 30).unwrap();
    open(&mut table, "10.0.0.1", 7, 30).unwrap();
    assert_eq!(open(&mut table, "10.0.0.1", 8, 30), Err(Refused::SourceLimit));
}

#[test]
fn who_is_connected_to_opens_nothing() {
    let mut table = table(Limits::new(100).per_source(SourceLimit::new(1)));
    for client in 1..=9 {
        enter(&mut table, &udp(&format!("10.0.0.{client}:5"), "192.0.2.53:53"), 0).unwrap();
    }
    enter(&mut table, &udp("192.0.2.53:53", "10.0.0.77:9"), 0).unwrap();
    assert!(enter(&mut table, &udp("192.0.2.53:53", "10.0.0.78:9"), 0).is_err());
}

#[test]
fn a_source_is_a_network_of_its_zone() {
    let limit = SourceLimit::new(1).prefixes(24, 48);
    let mut table = table(Limits::new(100).per_source(limit));
    for (src, fits) in [
        ("10.0.0.1", true),
        ("10.0.0.255", false),
        ("10.0.1.0", true),
        ("2001:db8:1::1", true),
        ("2001:db8:1:ffff::1", false),
        ("2001:db8:2::1", true),
        // The same bits in another version.
        ("::a00:1", true),
    ] {
        assert_eq!(open(&mut table, src, 1, 0).is_ok(), fits, "{src}");
    }
    let mut other_zone = udp("10.0.0.1:1", "192.0.2.53:53");
    other_zone.zone = 7;
    enter(&mut table, &other_zone, 0).unwrap();
    other_zone = udp("10.0.0.2:1", "192.0.2.53:53");
    other_zone.zone = 7;
    assert!(enter(&mut table, &other_zone, 0).is_err());
}

#[test]
fn prefixes_of_any_length() {
    for (v4, v6) in [(0, 0), (32, 128), (255, 255), (1, 127)] {
        let limit = SourceLimit::new(1).prefixes(v4, v6);
        let mut table = table(Limits::new(100).per_source(limit));
        open(&mut table, "10.0.0.1", 1, 0).unwrap();
        assert_eq!(open(&mut table, "10.0.0.2", 1, 0).is_ok(), v4 >= 32, "{v4}");
        open(&mut table, "2001:db8::2", 1, 0).unwrap();
        assert_eq!(open(&mut table, "2001:db8::3", 1, 0).is_ok(), v6 >= 128, "{v6}");
    }
}

#[test]
fn a_limit_of_none_lets_nobody_in() {
    let mut table = table(Limits::new(100).per_source(SourceLimit::new(0)));
    assert_eq!(open(&mut table, "10.0.0.1", 1, 0), Err(Refused::SourceLimit));
    let mut table = self::table(Limits::new(100).per_zone(0));
    assert_eq!(open(&mut table, "10.0.0.1", 1, 0), Err(Refused::ZoneLimit));
}

#[test]
fn a_zone_may_have_so_many_and_others_too() {
    let mut table = table(Limits::new(100).per_zone(2));
    let packet = |zone: u16, client: u8| {
        let mut packet = udp(&format!("10.0.0.{client}:5"), "192.0.2.53:53");
        packet.zone = zone;
        packet
    };
    for zone in [0, 9, u16::MAX] {
        enter(&mut table, &packet(zone, 1), 0).unwrap();
        enter(&mut table, &packet(zone, 2), 0).unwrap();
        assert_eq!(enter(&mut table, &packet(zone, 3), 0), Err(Refused::ZoneLimit));
    }
    assert_eq!(table.counts().refused_by_zone, 3);
    enter(&mut table, &packet(9, 3), 30).unwrap();
}

#[test]
fn pings_count_for_who_asks() {
    let mut table = table(Limits::new(100).per_source(SourceLimit::new(1)));
    let ends = super::addrs("192.0.2.9", "10.0.0.1");
    enter(&mut table, &icmp(ends, 8, 0, 1), 0).unwrap();
    assert!(enter(&mut table, &icmp(ends, 8, 0, 2), 0).is_err());
    enter(&mut table, &icmp(ends.reversed(), 8, 0, 2), 0).unwrap();
}

/// What ends a connection counts, whatever it is.
#[test]
fn a_connection_that_has_ended_makes_room() {
    let mut table = table(Limits::new(2).per_source(SourceLimit::new(1)));
    let syn = |src: &str| Packet::tcp(socket(src), socket("192.0.2.1:80"), TcpFlags::SYN).unwrap();
    enter(&mut table, &syn("10.0.0.1:1"), 0).unwrap();
    assert!(enter(&mut table, &syn("10.0.0.1:2"), 0).is_err());
    // Refused by the server.
    let mut reset = reversed(&syn("10.0.0.1:1"));
    let mut segment = *reset.tcp_segment().unwrap();
    (segment.flags, segment.ack) = (TcpFlags::RST | TcpFlags::ACK, 1);
    reset.transport = portcullis::packet::Transport::Tcp(segment);
    accept(&mut table, &reset, at(0));
    assert!(table.is_empty());
    enter(&mut table, &syn("10.0.0.1:2"), 0).unwrap();
    // Displaced by another.
    enter(&mut table, &syn("10.0.0.2:1"), 0).unwrap();
    enter(&mut table, &syn("10.0.0.3:1"), 0).unwrap();
    enter(&mut table, &syn("10.0.0.1:3"), 0).unwrap();
    table.clear();
    enter(&mut table, &syn("10.0.0.2:9"), 0).unwrap();
    enter(&mut table, &syn("10.0.0.3:9"), 0).unwrap();
}

#[test]
fn a_refusal_is_a_drop_and_says_why() {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().udp());
    let table = table(Limits::new(9).per_source(SourceLimit::new(1)));
    let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new()).unwrap();
    firewall.classify(&udp("10.0.0.1:1", "192.0.2.53:53"), at(0));
    let decision = firewall.classify(&udp("10.0.0.1:2", "192.0.2.53:53"), at(0));
    assert_eq!((*decision.action, decision.refused), (Action::Drop, Some(Refused::SourceLimit)));
}

proptest! {
    /// No source and no zone ever has more than it may, none is refused that has less, and what is
    /// refused is counted.
    #[test]
    fn limits_hold_and_do_not_leak(
        capacity in 1..40_u32,
        steps in prop::collection::vec((0..6_u8, 0..6_u16, 0..3_u16, 0..3_u64), 0..300),
    ) {
        let limits = Limits::new(capacity).per_source(SourceLimit::new(4)).per_zone(9);
        let mut table = table(limits);
        let mut secs = 0;
        let mut refused = (0, 0);
        for (client, port, zone, wait) in steps {
            secs += wait * 7;
            let mut packet = udp(&format!("10.0.0.{client}:{port}"), "192.0.2.53:53");
            packet.zone = zone;
            let of = |table: &ConnTable| {
                let mut counts: BTreeMap<(Option<u8>, u16), usize> = BTreeMap::new();
                for connection in table.connections(at(secs)) {
                    let std::net::IpAddr::V4(src) = connection.original.addrs.src() else { panic!() };
                    for source in [None, Some(src.octets()[3])] {
                        *counts.entry((source, connection.zone)).or_default() += 1;
                    }
                }
                counts
            };
            let entered = enter(&mut table, &packet, secs);
            let counts = of(&table);
            let count = |source| counts.get(&(source, zone)).copied().unwrap_or(0);
            match entered {
                Ok(()) => {}
                Err(Refused::SourceLimit) => {
                    prop_assert_eq!(count(Some(client)), 4);
                    refused.0 += 1;
                }
                Err(Refused::ZoneLimit) => {
                    prop_assert_eq!(count(None), 9);
                    refused.1 += 1;
                }
                Err(other) => prop_assert!(false, "{:?}", other),
            }
            for ((source, _), count) in &counts {
                let most = if source.is_some() { 4 } else { 9 };
                prop_assert!(*count <= most);
            }
        }
        let counts = table.counts();
        prop_assert_eq!((counts.refused_by_source, counts.refused_by_zone), refused);
    }
}
