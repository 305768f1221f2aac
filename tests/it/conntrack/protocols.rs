//! What tells flows apart, protocol by protocol, and how long they live.

use portcullis::conntrack::Conntrack;
use portcullis::packet::{Checksum, GreHeader, IcmpMessage, Malformed, Quote, Transport};
use portcullis::{ConnState, ConnTable, Direction, FlowKey, Fragment, Packet, Protocol};

use super::{
    BACK, FORTH, INVALID, NEW, accept, addrs, at, bare, icmp, reversed, small_table, tracked,
    udp_flow, unreachable,
};

fn gre(call_id: Option<u16>) -> Packet {
    let mut packet = Packet::new(addrs("10.0.0.1", "192.0.2.1"), Protocol::GRE);
    packet.transport =
        Transport::Gre(call_id.map_or(GreHeader::default(), GreHeader::with_call_id));
    packet
}

fn left(table: &ConnTable, packet: &Packet, secs: u64) -> (u64, bool) {
    let connection = table.connection_of(packet, at(secs)).unwrap();
    (connection.deadline.since(at(secs)).as_secs(), connection.assured)
}

#[test]
fn gre_is_known_by_its_addresses() {
    let mut table = small_table(8);
    let packet = gre(None);
    assert_eq!(accept(&mut table, &packet, at(0)), NEW);
    assert_eq!(left(&table, &packet, 0), (30, false));
    assert_eq!(accept(&mut table, &reversed(&packet), at(0)), BACK);
    assert_eq!(left(&table, &packet, 0), (30, false));
    assert_eq!(accept(&mut table, &packet, at(0)), FORTH);
    assert_eq!(left(&table, &packet, 0), (180, true));
    // A header cut short tells no less than a plain one.
    let mut cut = packet;
    cut.transport = Transport::None;
    assert_eq!(accept(&mut table, &cut, at(0)), FORTH);
}

#[test]
fn calls_of_pptp_are_flows_of_their_own_in_each_direction() {
    let mut table = small_table(8);
    let call = gre(Some(5));
    assert_eq!(accept(&mut table, &call, at(0)), NEW);
    assert_eq!(accept(&mut table, &call, at(0)), NEW);
    assert_eq!(accept(&mut table, &reversed(&call), at(0)), NEW, "the other end's call 5");
    assert_eq!(accept(&mut table, &gre(Some(6)), at(0)), NEW);
    assert_eq!(accept(&mut table, &gre(None), at(0)), NEW);
    assert_eq!(table.len(), 4);
    // Call 0 looks like a plain flow.
    assert_eq!(accept(&mut table, &reversed(&gre(Some(0))), at(0)), BACK);
    let key = FlowKey { dst_port: 5, ..call.flow_key() };
    assert_eq!(table.connection(&key, at(0)).unwrap().original, key);
}

#[test]
fn an_error_about_a_call_quotes_its_id() {
    let mut table = small_table(8);
    accept(&mut table, &gre(Some(5)), at(0));
    let error = |call_id: Option<u16>| {
        let about = gre(call_id);
        let mut quote = Quote::new(about.addrs, about.protocol);
        quote.gre = about.gre_header().copied().unwrap();
        let mut message = IcmpMessage::new(3, 2);
        message.quote = Some(quote);
        Packet::icmp(addrs("192.0.2.1", "10.0.0.1"), message)
    };
    let related = tracked(ConnState::Related, Direction::Reply);
    assert_eq!(accept(&mut table, &error(Some(5)), at(0)), related);
    assert_eq!(accept(&mut table, &error(Some(6)), at(0)), INVALID);
    assert_eq!(accept(&mut table, &error(None), at(0)), INVALID);
}

#[test]
fn later_fragments_belong_to_flows_without_ports_or_keys_alone() {
    let mut table = small_table(8);
    for (number, known) in [(253, true), (50, true), (33, true), (47, false), (17, false)] {
        let mut packet = Packet::new(addrs("10.0.0.1", "192.0.2.1"), Protocol(number));
        packet.fragment = Fragment::Later;
        let expected = if known { NEW } else { INVALID };
        assert_eq!(accept(&mut table, &packet, at(0)), expected, "{number}");
    }
}

#[test]
fn dccp_is_known_by_its_addresses() {
    let mut table = small_table(8);
    let packet = |port| {
        let ends = addrs("10.0.0.1", "192.0.2.1");
        Packet::from(FlowKey {
            addrs: ends,
            src_port: port,
            dst_port: 80,
            protocol: Protocol::DCCP,
        })
    };
    assert_eq!(accept(&mut table, &packet(1), at(0)), NEW);
    assert_eq!(accept(&mut table, &reversed(&packet(2)), at(0)), BACK);
    assert_eq!(left(&table, &packet(3), 0), (600, false));
}

#[test]
fn udp_lite_is_a_stream_as_soon_as_it_is_answered() {
    let mut table = small_table(8);
    let mut packet = udp_flow(5000);
    packet.protocol = Protocol::UDP_LITE;
    accept(&mut table, &packet, at(0));
    accept(&mut table, &reversed(&packet), at(0));
    assert_eq!(left(&table, &packet, 0), (30, false));
    accept(&mut table, &packet, at(0));
    assert_eq!(left(&table, &packet, 0), (120, true));
}

#[test]
fn udp_is_a_stream_only_after_more_than_two_seconds() {
    let mut table = small_table(8);
    let packet = udp_flow(5000);
    accept(&mut table, &packet, at(0));
    for _ in 0..5 {
        accept(&mut table, &reversed(&packet), at(2));
        accept(&mut table, &packet, at(2));
    }
    assert_eq!(left(&table, &packet, 2), (30, false));
}

/// Linux sums up all of the packet, whatever UDP's own length says.
#[test]
fn checksums_that_linux_does_not_believe() {
    let mut table = small_table(8);
    let mut packet = udp_flow(5000);
    for checksum in [Checksum::Wrong, Checksum::RightInPart] {
        packet.checksum = checksum;
        assert_eq!(accept(&mut table, &packet, at(0)), INVALID, "{checksum:?}");
    }
    packet.protocol = Protocol::UDP_LITE;
    for (checksum, believed) in [(Checksum::Right, false), (Checksum::RightAsUdp, true)] {
        packet.checksum = checksum;
        let expected = if believed { NEW } else { INVALID };
        assert_eq!(accept(&mut table, &packet, at(0)), expected, "{checksum:?}");
    }
}

#[test]
fn icmp_of_the_other_version_is_invalid() {
    let mut table = small_table(8);
    let (v4, v6) = (addrs("10.0.0.1", "192.0.2.1"), addrs("2001:db8::1", "2001:db8::2"));
    for (ends, protocol, icmp_type) in [(v6, Protocol::ICMP, 8), (v4, Protocol::ICMPV6, 128)] {
        let mut packet = icmp(ends, icmp_type, 0, 7);
        packet.protocol = protocol;
        assert_eq!(accept(&mut table, &packet, at(0)), INVALID, "{protocol}");
        assert_eq!(accept(&mut table, &Packet::new(ends, protocol), at(0)), INVALID, "{protocol}");
    }
}

#[test]
fn nothing_behind_the_extension_headers_is_no_flow() {
    let mut table = small_table(8);
    let none = Protocol(59);
    let v6 = Packet::new(addrs("2001:db8::1", "2001:db8::2"), none);
    assert_eq!(accept(&mut table, &v6, at(0)), INVALID);
    let v4 = Packet::new(addrs("10.0.0.1", "192.0.2.1"), none);
    assert_eq!(accept(&mut table, &v4, at(0)), NEW);
}

#[test]
fn a_short_header_matters_where_one_is_needed() {
    for number in 0..=255 {
        let protocol = Protocol(number);
        let needs = matches!(number, 1 | 6 | 17 | 58 | 132 | 136);
        for fault in [Malformed::ShortTransport, Malformed::ShortPorts] {
            let mut packet = Packet::new(addrs("10.0.0.1", "192.0.2.1"), protocol);
            packet.malformed = Some(fault);
            let found = small_table(1).look_up(&packet, at(0)).tracked;
            assert_eq!(found, if needs { INVALID } else { NEW }, "{protocol}");
        }
        for fault in [Malformed::BadTransport, Malformed::ExtensionHeaders, Malformed::TinyFragment]
        {
            let mut packet = Packet::new(addrs("10.0.0.1", "192.0.2.1"), protocol);
            packet.malformed = Some(fault);
            assert_eq!(small_table(1).look_up(&packet, at(0)).tracked, INVALID, "{protocol}");
        }
    }
}

/// Types that are not assigned yet are errors all the same.
#[test]
fn every_icmpv6_type_below_128_is_an_error() {
    let mut table = small_table(8);
    let ends = addrs("2001:db8::1", "2001:db8::2");
    let query = icmp(ends, 128, 0, 7);
    accept(&mut table, &query, at(0));
    let related = tracked(ConnState::Related, Direction::Reply);
    for icmp_type in 0..=255 {
        let mut error = unreachable("2001:db8::9", "2001:db8::1", &query);
        if let Transport::Icmp(message) = &mut error.transport {
            message.icmp_type = icmp_type;
        }
        let found = bare(table.look_up(&error, at(0)).tracked);
        assert_eq!(found == related, icmp_type < 128, "type {icmp_type}: {found:?}");
    }
}

#[test]
fn a_redirect_is_believed_from_a_router_on_the_link() {
    let mut table = small_table(8);
    let query = icmp(addrs("2001:db8::1", "2001:db8::2"), 128, 0, 7);
    accept(&mut table, &query, at(0));
    let redirect = |from: &str, ttl| {
        let mut redirect = unreachable(from, "2001:db8::1", &query);
        if let Transport::Icmp(message) = &mut redirect.transport {
            (message.icmp_type, message.code) = (137, 0);
        }
        redirect.ttl = ttl;
        redirect
    };
    for (from, ttl, believed) in [
        ("fe80::1", 255, true),
        ("febf:ffff::1", 255, true),
        ("fec0::1", 255, false),
        ("fe80::1", 254, false),
        ("2001:db8::9", 255, false),
    ] {
        let found = accept(&mut table, &redirect(from, ttl), at(0)).state;
        let expected = if believed { ConnState::Related } else { ConnState::Invalid };
        assert_eq!(found, expected, "{from} {ttl}");
    }
}
