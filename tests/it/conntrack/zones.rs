//! Zones, and packets that are not to be tracked.

use portcullis::conntrack::Conntrack;
use portcullis::packet::{Checksum, Malformed};
use portcullis::{Addrs, ConnState, ConnTable, Packet};

use super::{
    BACK, FORTH, INVALID, NEW, UNTRACKED, accept, addrs, at, icmp, reversed, small_table, udp_flow,
    unreachable,
};

fn in_zone(zone: u16, packet: &Packet) -> Packet {
    let mut packet = *packet;
    packet.zone = zone;
    packet
}

#[test]
fn equal_packets_of_two_zones_are_two_connections() {
    let v4 = udp_flow(5000);
    let mut v6 = v4;
    v6.addrs = addrs("2001:db8::1", "2001:db8::2");
    let ping = icmp(v4.addrs, 8, 0, 7);
    for packet in [v4, v6, ping] {
        let mut table = small_table(8);
        for zone in [0, 1, 0xff00, u16::MAX] {
            let packet = in_zone(zone, &packet);
            assert_eq!(accept(&mut table, &packet, at(0)), NEW, "{packet} {zone}");
            assert_eq!(table.connection_of(&packet, at(0)).unwrap().zone, zone);
        }
        assert_eq!(table.len(), 4);
    }
}

#[test]
fn an_answer_stays_in_its_zone() {
    let mut table = small_table(8);
    let query = udp_flow(5000);
    accept(&mut table, &in_zone(3, &query), at(0));
    let answer = reversed(&query);
    assert_eq!(table.look_up(&in_zone(4, &answer), at(0)).tracked, NEW);
    assert_eq!(accept(&mut table, &in_zone(3, &answer), at(0)), BACK);
    assert_eq!(accept(&mut table, &in_zone(3, &query), at(0)), FORTH);
    let key = query.flow_key();
    assert!(table.connection(&key, at(0)).is_none());
    assert_eq!(table.connection_in(3, &key, at(0)).unwrap().original, key);
}

#[test]
fn an_error_is_about_a_connection_of_its_zone() {
    let mut table = small_table(8);
    let query = udp_flow(5000);
    accept(&mut table, &in_zone(3, &query), at(0));
    let error = unreachable("192.0.2.53", "10.0.0.1", &query);
    assert_eq!(accept(&mut table, &error, at(0)), INVALID);
    assert_eq!(accept(&mut table, &in_zone(3, &error), at(0)).state, ConnState::Related);
}

/// Whatever the packet is: it is not looked at.
#[test]
fn what_is_not_to_be_tracked_is_untracked() {
    let ends: Addrs = addrs("10.0.0.1", "192.0.2.53");
    let mut wrong = udp_flow(5000);
    wrong.checksum = Checksum::Wrong;
    let mut cut = udp_flow(5000);
    (cut.ports, cut.malformed) = (None, Some(Malformed::ShortTransport));
    let error = unreachable("192.0.2.53", "10.0.0.1", &udp_flow(5000));
    let mut table: ConnTable = small_table(8);
    accept(&mut table, &udp_flow(5000), at(0));
    let before = table.connections(at(0)).next();
    for packet in [udp_flow(5000), udp_flow(1), icmp(ends, 0, 0, 1), wrong, cut, error] {
        let mut packet = packet;
        packet.notrack = true;
        assert_eq!(accept(&mut table, &packet, at(5)), UNTRACKED, "{packet}");
        table.confirm(&packet, at(5)).unwrap();
        assert!(table.connection_of(&packet, at(5)).is_none());
    }
    assert_eq!((table.len(), table.connections(at(5)).next()), (1, before), "as it was");
}
