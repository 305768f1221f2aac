//! What becomes of connections when the rules change.

use std::collections::BTreeSet;

use portcullis::conntrack::{Connection, Conntrack};
use portcullis::packet::{SctpChunk, SctpHeader, TcpFlags, TcpSegment, Transport};
use portcullis::{
    Action, Config, ConnState, ConnTable, Direction, Limits, Order, Packet, Ports, Protocol, Rule,
    RuleChange, RuleSet, StatefulMatcher, Tracked,
};
use proptest::prelude::*;

use super::helper::announced;
use super::{FORTH, accept, addrs, at, bare, icmp, reversed, small_table, udp, udp_flow};
use crate::strategies::{Shape, case};

fn firewall(rules: &str) -> StatefulMatcher {
    StatefulMatcher::compile(&rules.parse().unwrap(), small_table(64), &Config::new()).unwrap()
}

fn change(firewall: &mut StatefulMatcher, rules: &str, change: RuleChange) -> Vec<Connection> {
    firewall.change_rules(&rules.parse().unwrap(), &Config::new(), change, at(1)).unwrap()
}

fn ports(connections: &[Connection]) -> BTreeSet<u16> {
    connections.iter().map(|connection| connection.original.src_port).collect()
}

const ALL: &str = "accept any";
const HIGH: &str = "accept state established\naccept udp from any port 5002-5004";

fn with_four_flows() -> StatefulMatcher {
    let mut firewall = firewall(ALL);
    for port in 5001..=5004 {
        firewall.classify(&udp_flow(port), at(0));
        firewall.classify(&reversed(&udp_flow(port)), at(0));
    }
    firewall
}

#[test]
fn kept_connections_go_on_whatever_the_rules_say() {
    let mut firewall = with_four_flows();
    assert!(change(&mut firewall, HIGH, RuleChange::Keep).is_empty());
    let decision = firewall.classify(&udp_flow(5001), at(1));
    assert_eq!(decision.tracked.map(bare), Some(FORTH));
    assert_eq!(*firewall.classify(&udp_flow(5009), at(1)).action, Action::Drop);
}

#[test]
fn rechecked_connections_go_on_if_the_new_rules_accept_them() {
    let mut firewall = with_four_flows();
    assert_eq!(ports(&change(&mut firewall, HIGH, RuleChange::Recheck)), [5001].into());
    assert_eq!(firewall.conntrack().len(), 3);
    let cut = firewall.classify(&udp_flow(5001), at(1));
    assert_eq!((cut.tracked.unwrap().state, *cut.action), (ConnState::New, Action::Drop));
    let kept = firewall.classify(&udp_flow(5002), at(1));
    assert_eq!(kept.tracked.map(bare), Some(FORTH));
}

#[test]
fn dropped_connections_are_all_listed() {
    let mut firewall = with_four_flows();
    let cut = change(&mut firewall, ALL, RuleChange::Drop);
    assert_eq!(ports(&cut), (5001..=5004).collect());
    assert!(cut.iter().all(|connection| connection.replied));
    assert!(firewall.conntrack().is_empty());
}

#[test]
fn expired_connections_are_neither_kept_nor_listed() {
    let mut firewall = with_four_flows();
    let drop_all: RuleSet = RuleSet::new(Action::Drop);
    let late = at(31);
    let cut = firewall.change_rules(&drop_all, &Config::new(), RuleChange::Recheck, late).unwrap();
    assert!(cut.is_empty());
    assert!(firewall.conntrack().is_empty());
}

#[test]
fn after_rules_that_cannot_be_compiled_all_is_as_it_was() {
    let mut firewall = with_four_flows();
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::jump(portcullis::ChainId::BASE));
    for change in [RuleChange::Keep, RuleChange::Recheck, RuleChange::Drop] {
        firewall.change_rules(&rules, &Config::new(), change, at(1)).unwrap_err();
        assert_eq!(firewall.conntrack().len(), 4);
        assert_eq!(*firewall.classify(&udp_flow(5001), at(1)).action, Action::Accept);
    }
}

#[test]
fn where_known_packets_pass_unasked_new_ones_are_what_counts() {
    let mut firewall = with_four_flows().order(Order::KnownFirst);
    let rules = "accept udp from any port 5003 state new";
    assert_eq!(
        ports(&change(&mut firewall, rules, RuleChange::Recheck)),
        [5001, 5002, 5004].into()
    );
}

#[test]
fn announced_connections_are_judged_as_related() {
    let rules = "accept state related, established\naccept udp to any port 9 state new";
    let table = small_table(8).with_helper(announced::Ports { most: 1 });
    let mut firewall =
        StatefulMatcher::compile(&rules.parse().unwrap(), table, &Config::new()).unwrap();
    firewall.classify(&announced::control(1), at(0));
    firewall.classify(&reversed(&announced::control(1)), at(0));
    firewall.classify_with_payload(&announced::control(1), &[0, 0, 0, 80], at(0));
    let data = udp("192.0.2.9:5", "10.0.0.1:80");
    assert_eq!(*firewall.classify(&data, at(0)).action, Action::Accept);

    assert!(change(&mut firewall, rules, RuleChange::Recheck).is_empty());
    let cut = change(&mut firewall, "accept udp to any port 9", RuleChange::Recheck);
    assert_eq!(cut.len(), 1);
    assert!(cut[0].expected);
    assert_eq!(cut[0].original.dst_port, 80);
}

/// Every protocol's opening packet is one that opens the same connection.
#[test]
fn the_opening_packet_opens_what_was_opened() {
    let mut init = SctpHeader::new(0, &[SctpChunk::new(SctpChunk::INIT)]);
    init.initiate_tag = Some(7);
    let ends = addrs("10.0.0.1", "192.0.2.1");
    let with = |protocol, transport, ports: Option<Ports>| {
        let mut packet = Packet::new(ends, protocol);
        (packet.transport, packet.ports, packet.zone) = (transport, ports, 3);
        packet
    };
    let some_ports = Some(Ports { src: 4000, dst: 80 });
    let tcp = |flags| Transport::Tcp(TcpSegment::new(flags));
    let call = Transport::Gre(portcullis::packet::GreHeader::with_call_id(9));
    let plain = Transport::Gre(portcullis::packet::GreHeader::default());
    for packet in [
        with(Protocol::TCP, tcp(TcpFlags::SYN), some_ports),
        with(Protocol::TCP, tcp(TcpFlags::ACK), some_ports),
        with(Protocol::UDP, Transport::None, some_ports),
        with(Protocol::UDP_LITE, Transport::None, some_ports),
        with(Protocol::SCTP, Transport::Sctp(init), some_ports),
        with(Protocol::GRE, call, None),
        with(Protocol::GRE, plain, None),
        with(Protocol::ESP, Transport::None, None),
        icmp(ends, 8, 0, 77),
        icmp(ends.reversed(), 13, 0, 1),
        icmp(addrs("2001:db8::2", "2001:db8::1"), 128, 0, 7),
    ] {
        let mut table = small_table(8);
        accept(&mut table, &packet, at(0));
        let connection = table.connections(at(0)).next().unwrap();
        let opening = connection.opening();
        assert_eq!((opening.addrs, opening.zone), (packet.addrs, packet.zone));
        assert_eq!(opening.ports, packet.ports, "{packet:?}");
        assert_eq!(opening.flow_key(), packet.flow_key());
        assert_eq!(table.connection_of(&opening, at(0)), Some(connection), "{packet:?}");
        table.clear();
        assert!(table.look_up(&opening, at(0)).tentative, "{packet:?}");
    }
}

/// Packets that open connections, of few ends and ports, so that rules meet them.
fn openings(packets: Vec<Packet>) -> Vec<Packet> {
    let flow = |packet: &Packet| {
        let ports = packet.ports.unwrap_or(Ports { src: 1, dst: 2 });
        let mut opening = match packet.protocol {
            Protocol::TCP => Packet::new(packet.addrs, Protocol::TCP),
            _ => Packet::new(packet.addrs, Protocol::UDP),
        };
        opening.ports = Some(ports);
        if opening.protocol == Protocol::TCP {
            opening.transport = Transport::Tcp(TcpSegment::new(TcpFlags::SYN));
        }
        opening
    };
    packets.iter().map(flow).collect()
}

const OPENING: Tracked = Tracked::new(ConnState::New, Some(Direction::Original));

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Exactly those connections are cut whose opening packet the new rules, by their definition, do
    /// not accept.
    #[test]
    fn recheck_is_judging_every_opening_packet_anew(seed in crate::strategies::seeds()) {
        let (old, packets) = case(seed, &Shape::STATEFUL);
        let (new, more) = case(seed ^ 1, &Shape::STATEFUL);
        let table = ConnTable::new(&Limits::new(1000), [3; 16]);
        let mut firewall = StatefulMatcher::compile(&old, table, &Config::new()).unwrap();
        for packet in openings(packets).into_iter().chain(openings(more)) {
            firewall.classify(&packet, at(0));
        }
        let before: Vec<Connection> = firewall.conntrack().connections(at(1)).collect();
        let cut = firewall.change_rules(&new, &Config::new(), RuleChange::Recheck, at(1)).unwrap();
        for connection in &before {
            let opening = connection.opening();
            let accepted = *new.first_match(&opening, Some(OPENING)).action == Action::Accept;
            prop_assert_eq!(cut.contains(connection), !accepted);
            let there = firewall.conntrack().connection_of(&opening, at(1));
            prop_assert_eq!(there, accepted.then_some(*connection));
        }
        prop_assert!(cut.len() <= before.len());
        // Once more changes nothing.
        let again = firewall.change_rules(&new, &Config::new(), RuleChange::Recheck, at(1)).unwrap();
        prop_assert!(again.is_empty());
    }
}
