//! Criteria on a packet's connection, besides its state.

use std::net::{Ipv4Addr, SocketAddr};

use portcullis::packet::{ConnFlag, ConnStatus, IcmpMessage, Quote, TcpFlags};
use portcullis::{Addrs, ConnState, Direction, FlowKey, Packet, Ports, Protocol, Tracked};

use super::rules;

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn holds(criteria: &str, packet: &Packet, tracked: Option<Tracked>) -> bool {
    rules(&format!("accept {criteria}")).first_match(packet, tracked).rule.is_some()
}

fn check(packet: &Packet, direction: Direction, cases: &[(&str, bool)]) {
    let tracked = Tracked::new(ConnState::Established, Some(direction));
    for (criteria, expected) in cases {
        assert_eq!(holds(criteria, packet, Some(tracked)), *expected, "{criteria} {direction}");
    }
}

fn ends() -> (SocketAddr, SocketAddr) {
    ((CLIENT, 40000).into(), (SERVER, 443).into())
}

#[test]
fn direction() {
    let (client, server) = ends();
    let packet = Packet::tcp(client, server, TcpFlags::ACK).unwrap();
    for direction in [Direction::Original, Direction::Reply] {
        let is_reply = direction == Direction::Reply;
        check(
            &packet,
            direction,
            &[
                ("direction reply", is_reply),
                ("direction original", !is_reply),
                ("direction not reply", !is_reply),
                ("direction original, reply", true),
                ("direction not original, reply", false),
            ],
        );
    }
}

#[test]
fn both_directions_have_one_original() {
    let (client, server) = ends();
    let ways = [(client, server, Direction::Original), (server, client, Direction::Reply)];
    for (src, dst, direction) in ways {
        let packet = Packet::tcp(src, dst, TcpFlags::ACK).unwrap();
        check(
            &packet,
            direction,
            &[
                ("original-from 10.0.0.1", true),
                ("original-from not 10.0.0.1", false),
                ("original-from 192.0.2.1", false),
                ("original-to 192.0.2.0/24", true),
                ("original-to 10.0.0.0/8", false),
                ("original-to ::/0", false),
                ("original-to not ::/0", true),
                ("original-from any port 40000", true),
                ("original-from any port 443", false),
                ("original-to any port 443", true),
                ("original-to any port not 443", false),
                ("original-protocol tcp", true),
                ("original-protocol not tcp", false),
                ("original-from 10.0.0.1 port 40000 to 0.0.0.0/0", true),
            ],
        );
    }
}

#[test]
fn packets_of_no_connection() {
    let (client, server) = ends();
    let packet = Packet::tcp(client, server, TcpFlags::ACK).unwrap();
    let none = [
        None,
        Some(Tracked::new(ConnState::Invalid, None)),
        Some(Tracked::new(ConnState::Untracked, None)),
    ];
    for tracked in none {
        for criteria in [
            "direction original, reply",
            "direction not reply",
            "status assured",
            "status not assured",
            "original-from 0.0.0.0/0",
            "original-from not 192.0.2.1",
            "original-to any port not 1",
            "original-protocol not udp",
        ] {
            assert!(!holds(criteria, &packet, tracked), "{criteria} of {tracked:?}");
        }
        assert!(holds("original-from any", &packet, tracked));
    }
}

#[test]
fn status() {
    let (client, server) = ends();
    let packet = Packet::tcp(client, server, TcpFlags::ACK).unwrap();
    for flag in ConnFlag::ALL {
        for other in ConnFlag::ALL {
            let status = ConnStatus::new().with(other, true);
            let tracked =
                Tracked::new(ConnState::New, Some(Direction::Original)).with_status(status);
            let asks = |criteria: String| holds(&criteria, &packet, Some(tracked));
            assert_eq!(asks(format!("status {flag}")), flag == other);
            assert_eq!(asks(format!("status not {flag}")), flag != other);
        }
    }
    let both = ConnStatus::new().with(ConnFlag::Replied, true).with(ConnFlag::Assured, true);
    assert!(both.has(ConnFlag::Assured) && !both.has(ConnFlag::Expected));
    assert_eq!(both.with(ConnFlag::Replied, false).bits(), ConnFlag::Assured as u8);
}

/// As Linux keeps them: the identifier for one port, type and code of the query for the other.
#[test]
fn icmp_queries() {
    let addrs = Addrs::V4 { src: CLIENT, dst: SERVER };
    for (query, answer) in [(8, 0), (13, 14), (17, 18)] {
        let mut request = IcmpMessage::new(query, 3);
        request.identifier = Some(77);
        let mut reply = IcmpMessage::new(answer, 3);
        reply.identifier = Some(77);
        let number = u16::from_be_bytes([query, 3]);
        let cases = [
            ("original-from 10.0.0.1 port 77".to_string(), true),
            (format!("original-to 192.0.2.1 port {number}"), true),
            ("original-protocol icmp".to_string(), true),
        ];
        let cases: Vec<_> = cases.iter().map(|(text, holds)| (text.as_str(), *holds)).collect();
        check(&Packet::icmp(addrs, request), Direction::Original, &cases);
        check(&Packet::icmp(addrs.reversed(), reply), Direction::Reply, &cases);
    }
}

/// An error about a request travels in the reply direction; the connection is the request's.
#[test]
fn icmp_errors_show_the_connection_that_they_quote() {
    let addrs = Addrs::V4 { src: CLIENT, dst: SERVER };
    let router = Ipv4Addr::new(198, 51, 100, 1);
    let mut quote = Quote::new(addrs, Protocol::UDP);
    quote.ports = Some(Ports { src: 5000, dst: 53 });
    let mut message = IcmpMessage::new(3, 3);
    message.quote = Some(quote);
    let error = Packet::icmp(Addrs::V4 { src: router, dst: CLIENT }, message);
    let cases = [
        ("icmp original-protocol udp", true),
        ("original-protocol icmp", false),
        ("original-from 10.0.0.1 port 5000", true),
        ("original-to 192.0.2.1 port 53", true),
    ];
    check(&error, Direction::Reply, &cases);
    quote.addrs = addrs.reversed();
    quote.ports = Some(Ports { src: 53, dst: 5000 });
    message.quote = Some(quote);
    let error = Packet::icmp(Addrs::V4 { src: router, dst: SERVER }, message);
    check(&error, Direction::Original, &cases);
}

#[test]
fn protocols_without_ports_have_zeros() {
    let addrs = Addrs::V4 { src: SERVER, dst: CLIENT };
    let packet = Packet::new(addrs, Protocol::ESP);
    let tracked = Tracked::new(ConnState::Established, Some(Direction::Reply));
    let key =
        FlowKey { addrs: addrs.reversed(), src_port: 0, dst_port: 0, protocol: Protocol::ESP };
    assert_eq!(tracked.original(&packet), Some(key));
}
