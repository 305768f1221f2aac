//! The table for many threads: against the one for one thread, and with threads.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use portcullis::conntrack::{
    Connection, Conntrack, Limits, Lookup, ShardedTable, SourceLimit, Time, saved,
};
use portcullis::packet::{Refused, TcpFlags};
use portcullis::{
    Action, Config, ConnState, ConnTable, Packet, RuleChange, RuleSet, StatefulMatcher,
};
use proptest::prelude::*;

use super::helper::announced::{self, control};
use super::model::packet;
use super::{BACK, FORTH, NEW, at, bare, reversed, socket, udp, udp_flow, unreachable};

fn table(limits: Limits, shards: u32) -> ShardedTable {
    ShardedTable::new(&limits, shards, [5; 16])
}

fn accept(table: &ShardedTable, packet: &Packet, now: Time) -> Lookup {
    let found = table.look_up(packet, now);
    if found.tentative {
        table.confirm(packet, now).unwrap();
    }
    found
}

fn sorted(connections: impl Iterator<Item = Connection>) -> Vec<String> {
    let mut listed: Vec<String> = connections.map(|listed| format!("{listed:?}")).collect();
    listed.sort();
    listed
}

#[test]
fn every_packet_about_a_connection_finds_it() {
    let table = table(Limits::new(4000), 16);
    let flows: Vec<Packet> = (0..1000).map(udp_flow).collect();
    for flow in &flows {
        assert_eq!(bare(accept(&table, flow, at(0)).tracked), NEW);
    }
    for flow in &flows {
        assert_eq!(bare(table.look_up(&reversed(flow), at(1)).tracked), BACK);
        let error = unreachable("198.51.100.1", "10.0.0.1", flow);
        assert_eq!(table.look_up(&error, at(1)).tracked.state, ConnState::Related);
        assert!(table.connection(&flow.flow_key(), at(1)).is_some());
        assert!(table.connection_of(&error, at(1)).is_some());
    }
    assert_eq!((table.len(), table.counts().confirmed, table.shards()), (1000, 1000, 16));
    assert_eq!(table.connections(at(1)).count(), 1000);
}

#[test]
fn shards_are_at_least_one_and_never_empty() {
    for (shards, capacity, expected) in [(0, 10, 1), (1, 0, 1), (7, 3, 3), (9_999, 1 << 20, 1024)] {
        let table = table(Limits::new(capacity), shards);
        assert_eq!(table.shards(), expected);
        assert_eq!(table.limits().capacity, capacity);
    }
}

#[test]
fn the_capacity_is_that_of_all_shards_together() {
    for (capacity, shards) in [(1, 1), (10, 4), (1000, 7), (0, 4)] {
        let table = table(Limits::new(capacity), shards);
        let mut refused = 0;
        for port in 0..5000 {
            let flow = udp_flow(port);
            table.look_up(&flow, at(0));
            refused += u32::from(table.confirm(&flow, at(0)) == Err(Refused::TableFull));
        }
        assert_eq!(table.len(), capacity as usize, "each shard is full");
        let counts = table.counts();
        assert_eq!(counts.refused, u64::from(refused));
        assert_eq!(counts.confirmed - counts.displaced, u64::from(capacity));
        table.clear();
        assert!(table.is_empty());
    }
}

#[test]
fn limits_per_source_hold_over_all_shards() {
    let table = table(Limits::new(1000).per_source(SourceLimit::new(20)), 16);
    let results: Vec<_> = (0..100).map(|port| table.confirm(&udp_flow(port), at(0))).collect();
    let entered = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!((entered, table.counts().refused_by_source), (20, 80));
    table.confirm(&udp("10.0.0.2:1", "192.0.2.53:53"), at(0)).unwrap();
    // Cut, they count no more.
    table.retain(at(0), |listed| listed.original.src_port >= 10);
    assert_eq!(table.len(), 10);
    let more = (200..300).filter(|port| table.confirm(&udp_flow(*port), at(0)).is_ok()).count();
    assert_eq!(more, 10);
}

#[test]
fn what_is_announced_in_one_shard_is_expected_in_all() {
    let limits = Limits::new(1000);
    let table = table(limits, 16).with_helper(announced::Ports { most: 4 });
    for packet in [control(1), reversed(&control(1))] {
        accept(&table, &packet, at(0));
    }
    let announce = |port: u16| {
        let [high, low] = port.to_be_bytes();
        table.read_payload(&control(1), &[0, 0, high, low], at(0)).unwrap();
    };
    for port in 1000..1100 {
        announce(port);
        let data = udp(&format!("192.0.2.9:{port}"), &format!("10.0.0.1:{port}"));
        assert_eq!(accept(&table, &data, at(0)).tracked.state, ConnState::Related);
        let other = udp(&format!("192.0.2.9:{}", port + 1), &format!("10.0.0.1:{port}"));
        assert_eq!(accept(&table, &other, at(0)).tracked.state, ConnState::New, "fulfilled");
    }
    assert_eq!(table.counts().expected, 100);
    // With the connection that announced it goes what it announced.
    announce(7);
    let data = udp("192.0.2.9:1", "10.0.0.1:7");
    assert_eq!(table.look_up(&data, at(0)).tracked.state, ConnState::Related);
    let moved = self::table(Limits::new(1000), 3).with_helper(announced::Ports { most: 4 });
    for connection in table.export(at(0)) {
        moved.import(&connection, at(0)).unwrap();
    }
    assert_eq!(moved.look_up(&data, at(0)).tracked.state, ConnState::Related);
    table.retain(at(0), |listed| listed.original.dst_port != 9);
    assert_eq!(table.look_up(&data, at(0)).tracked.state, ConnState::New);
}

#[test]
fn a_table_for_one_thread_and_one_for_many_take_each_others_connections() {
    let many = table(Limits::new(1000), 16);
    for port in 0..100 {
        accept(&many, &udp_flow(port), at(0));
    }
    let bytes = saved::to_bytes(many.export(at(5)));
    let mut one = ConnTable::new(&Limits::new(1000), [1; 16]);
    for connection in saved::from_bytes(&bytes).unwrap() {
        one.import(&connection, at(5)).unwrap();
    }
    let back = table(Limits::new(1000), 4);
    one.export(at(5)).for_each(|connection| back.import(&connection, at(5)).unwrap());
    assert_eq!(sorted(back.connections(at(5))), sorted(many.connections(at(5))));
    assert_eq!(bare(back.look_up(&reversed(&udp_flow(7)), at(6)).tracked), BACK);
}

#[test]
fn rules_change_for_all_shards() {
    let table = table(Limits::new(1000), 16);
    let all: RuleSet = "accept any".parse().unwrap();
    let mut firewall = StatefulMatcher::compile(&all, &table, &Config::new()).unwrap();
    for port in 1..=100 {
        assert_eq!(*firewall.classify(&udp_flow(port), at(0)).action, Action::Accept);
    }
    let low: RuleSet = "accept udp from any port 1-40".parse().unwrap();
    let cut = firewall.change_rules(&low, &Config::new(), RuleChange::Recheck, at(0)).unwrap();
    assert_eq!((cut.len(), table.len()), (60, 40));
    assert!(cut.iter().all(|connection| connection.original.src_port > 40));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// One after the other and in batches, it says what the table for one thread says.
    #[test]
    fn it_is_the_table_for_one_thread(
        shards in 1..20u32,
        batches in prop::collection::vec(
            (prop::collection::vec((packet(), any::<bool>()), 1..60), 0..100u64), 1..6
        ),
    ) {
        let limits = Limits::new(4000);
        let mut one = ConnTable::new(&limits, [1; 16]);
        let (single, batched) = (table(limits.clone(), shards), table(limits, shards));
        let mut secs = 0;
        for (items, wait) in batches {
            secs += wait;
            let now = at(secs);
            let packets: Vec<Packet> = items.iter().map(|(packet, _)| *packet).collect();
            let mut expected = Vec::new();
            for (packet, accepted) in &items {
                let found = one.look_up(packet, now);
                prop_assert_eq!(single.look_up(packet, now), found);
                if found.tentative && *accepted {
                    prop_assert_eq!(single.confirm(packet, now), one.confirm(packet, now));
                }
                expected.push(found);
            }
            let mut seen = Vec::new();
            let mut lookups = vec![Lookup::untracked(); packets.len()];
            while seen.len() < packets.len() {
                let first = seen.len();
                let done = batched.look_up_batch(&packets[first..], now, &mut lookups);
                prop_assert!(done > 0);
                seen.extend_from_slice(&lookups[..done]);
                let (packet, accepted) = &items[first + done - 1];
                if lookups[done - 1].tentative && *accepted {
                    batched.confirm(packet, now).unwrap();
                }
            }
            prop_assert_eq!(seen, expected);
            prop_assert_eq!(sorted(single.connections(now)), sorted(one.connections(now)));
            prop_assert_eq!(sorted(batched.connections(now)), sorted(one.connections(now)));
        }
    }
}

const THREADS: u16 = 4;

/// Each thread is one side of connections whose other side another thread sees.
#[test]
fn threads_see_each_others_connections() {
    let table = table(Limits::new(100_000), 8);
    let barrier = Barrier::new(THREADS.into());
    thread::scope(|threads| {
        for number in 0..THREADS {
            let (table, barrier) = (&table, &barrier);
            threads.spawn(move || {
                let ports = |of: u16| (0..300).map(move |port| udp_flow(of * 1000 + port));
                ports(number).for_each(|flow| _ = accept(table, &flow, at(0)));
                barrier.wait();
                let other = (number + 1) % THREADS;
                for flow in ports(other) {
                    assert_eq!(bare(table.look_up(&reversed(&flow), at(1)).tracked), BACK);
                }
                barrier.wait();
                for flow in ports(number) {
                    assert_eq!(bare(table.look_up(&flow, at(1)).tracked), FORTH);
                }
            });
        }
    });
    assert_eq!(table.len(), 300 * usize::from(THREADS));
}

/// All threads open the same connections at once: each is entered once, and who comes second
/// succeeds as well.
#[test]
fn a_race_for_a_connection_has_one_entry() {
    let table = table(Limits::new(1000), 4);
    let tentative = AtomicU32::new(0);
    thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                for port in 0..500 {
                    let found = table.look_up(&udp_flow(port), at(0));
                    tentative.fetch_add(found.tentative.into(), Ordering::Relaxed);
                    table.confirm(&udp_flow(port), at(0)).unwrap();
                }
            });
        }
    });
    assert_eq!((table.len(), table.counts().confirmed), (500, 500));
    assert!(tentative.into_inner() >= 500);
}

/// However threads race, no source has more than it may, and the counts are right afterwards.
#[test]
fn a_race_for_the_last_connection_of_a_source() {
    let limit = 50;
    let table = table(Limits::new(10_000).per_source(SourceLimit::new(limit)), 16);
    let entered = AtomicU32::new(0);
    thread::scope(|threads| {
        for number in 0..THREADS {
            let (table, entered) = (&table, &entered);
            threads.spawn(move || {
                for port in 0..200 {
                    let result = table.confirm(&udp_flow(number * 1000 + port), at(0));
                    entered.fetch_add(result.is_ok().into(), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!((entered.into_inner(), table.len()), (limit.into(), limit.into()));
    table.clear();
    let again = (0..200).filter(|port| table.confirm(&udp_flow(*port), at(0)).is_ok()).count();
    assert_eq!(again, usize::from(limit));
}

/// An announced connection is entered as such once, whoever comes first.
#[test]
fn a_race_for_an_announced_connection() {
    for _ in 0..20 {
        let table = table(Limits::new(1000), 8).with_helper(announced::Ports { most: 1 });
        for packet in [control(1), reversed(&control(1))] {
            accept(&table, &packet, at(0));
        }
        table.read_payload(&control(1), &[0, 0, 0, 80], at(0)).unwrap();
        thread::scope(|threads| {
            for number in 1..=THREADS {
                let table = &table;
                threads.spawn(move || {
                    let data = udp(&format!("192.0.2.9:{number}"), "10.0.0.1:80");
                    accept(table, &data, at(0));
                });
            }
        });
        assert_eq!((table.len(), table.counts().expected), (1 + usize::from(THREADS), 1));
    }
}

/// Everything at once: nothing is lost, nothing waits for ever.
#[test]
fn all_calls_at_once() {
    let limits = Limits::new(300).per_source(SourceLimit::new(250)).per_zone(280);
    let table = Arc::new(table(limits, 4).with_helper(announced::Ports { most: 4 }));
    thread::scope(|threads| {
        for number in 0..THREADS {
            let mut table = Arc::clone(&table);
            threads.spawn(move || {
                for round in 0..400u16 {
                    let now = at(round.into());
                    let flow = udp_flow(round % 97 + number);
                    if table.look_up(&flow, now).tentative {
                        let _ = Conntrack::confirm(&mut table, &flow, now);
                    }
                    let packet = control((round % 5) as u8);
                    for packet in [packet, reversed(&packet)] {
                        if table.look_up(&packet, now).tentative {
                            let _ = table.confirm(&packet, now);
                        }
                    }
                    let _ = table.read_payload(&packet, &round.to_be_bytes().repeat(2), now);
                    match round % 100 {
                        20 => _ = table.export(now).count(),
                        40 => table.retain(now, |listed| listed.original.src_port % 3 > 0),
                        60 => _ = table.connections(now).count() + table.len(),
                        80 => table.clear(),
                        _ => {}
                    }
                    assert!(table.len() <= 300 + 4);
                }
            });
        }
    });
    assert_eq!(table.connections(Time::ZERO).count(), table.len(), "each is in the index once");
    let counts = table.counts();
    assert!(counts.confirmed > 0 && table.len() as u64 <= counts.confirmed);
}

#[test]
fn resets_reach_the_connection() {
    let table = table(Limits::new(100), 8);
    let syn = Packet::tcp(socket("10.0.0.1:4000"), socket("192.0.2.1:80"), TcpFlags::SYN).unwrap();
    accept(&table, &syn, at(0));
    table.reset(&syn, at(1));
    let listed = table.connection_of(&syn, at(1)).unwrap();
    assert_eq!(listed.deadline.since(at(1)).as_secs(), 10);
}
