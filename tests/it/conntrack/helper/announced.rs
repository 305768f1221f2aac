//! Expectations by a helper of the tests' own: what they are told apart by, how many there are, and
//! when they end.

use portcullis::conntrack::helper::{
    Expectation, Helper, MAX_EXPECTED, MEMORY_WORDS, Message, Unreadable,
};
use portcullis::conntrack::{Conntrack, Limits};
use portcullis::packet::Refused;
use portcullis::rule::Span;
use portcullis::{
    Action, Config, ConnState, ConnTable, FlowKey, Packet, Protocol, Rule, RuleSet, StatefulMatcher,
};

use super::super::{accept, at, reversed, udp};

/// Reads UDP to port 9: each four bytes announce a port of the sender, from a port or any (0).
#[derive(Debug)]
pub(in crate::conntrack) struct Ports {
    pub(in crate::conntrack) most: usize,
}

impl Helper for Ports {
    fn reads(&self, original: &FlowKey) -> bool {
        (original.protocol, original.dst_port) == (Protocol::UDP, 9)
    }

    fn read(
        &self,
        message: &Message<'_>,
        memory: &mut [u32; MEMORY_WORDS],
        expect: &mut dyn FnMut(Expectation),
    ) -> Result<(), Unreadable> {
        memory[0] += 1;
        let (announced, rest) = message.payload.as_chunks::<4>();
        for [s0, s1, d0, d1] in announced {
            let src_port = u16::from_be_bytes([*s0, *s1]);
            expect(Expectation {
                protocol: Protocol::UDP,
                src: message.receiver(),
                src_port: (src_port != 0).then_some(src_port),
                dst: message.sender(),
                dst_port: u16::from_be_bytes([*d0, *d1]),
                seconds: 60,
            });
        }
        if rest.is_empty() { Ok(()) } else { Err(Unreadable) }
    }

    fn max_expected(&self) -> usize {
        self.most
    }
}

fn table(helped: u32, most: usize) -> ConnTable {
    let limits = Limits::new(256).helped(helped);
    ConnTable::new(&limits, [3; 16]).with_helper(Ports { most })
}

/// A packet of the control connection of the client with this number.
pub(in crate::conntrack) fn control(client: u8) -> Packet {
    udp(&format!("10.0.0.{client}:7"), "192.0.2.9:9")
}

/// The client opens its control connection, if need be, and announces ports.
pub(in crate::conntrack) fn announce(
    table: &mut ConnTable,
    client: u8,
    ports: &[(u16, u16)],
    secs: u64,
) -> Result<(), Refused> {
    let packet = control(client);
    accept(table, &packet, at(secs));
    accept(table, &reversed(&packet), at(secs));
    let bytes: Vec<u8> = ports
        .iter()
        .flat_map(|(from, to)| [from.to_be_bytes(), to.to_be_bytes()])
        .flatten()
        .collect();
    table.read_payload(&packet, &bytes, at(secs))
}

pub(in crate::conntrack) fn is_expected(
    table: &ConnTable,
    from_port: u16,
    client: u8,
    to: u16,
    secs: u64,
) -> bool {
    let packet = udp(&format!("192.0.2.9:{from_port}"), &format!("10.0.0.{client}:{to}"));
    table.clone().look_up(&packet, at(secs)).tracked.state == ConnState::Related
}

#[test]
fn a_source_port_counts_if_it_is_named() {
    let mut table = table(8, 4);
    announce(&mut table, 1, &[(5, 1000), (0, 1001)], 0).unwrap();
    assert!(is_expected(&table, 5, 1, 1000, 0));
    assert!(!is_expected(&table, 6, 1, 1000, 0));
    assert!(is_expected(&table, 6, 1, 1001, 0));
    assert!(!is_expected(&table, 5, 2, 1000, 0));
}

#[test]
fn the_oldest_makes_room() {
    for most in [0, 1, 2, MAX_EXPECTED, 100] {
        let mut table = table(8, most);
        for secs in 0..6 {
            announce(&mut table, 1, &[(0, 1000 + secs as u16)], secs).unwrap();
        }
        let left: Vec<u16> = (1000..1006).filter(|to| is_expected(&table, 1, 1, *to, 6)).collect();
        let count = most.min(MAX_EXPECTED) as u16;
        assert_eq!(left, (1006 - count..1006).collect::<Vec<_>>(), "{most}");
    }
}

#[test]
fn the_same_announced_again_lives_longer_and_counts_once() {
    let mut table = table(8, 2);
    announce(&mut table, 1, &[(0, 1000)], 0).unwrap();
    announce(&mut table, 1, &[(0, 1001)], 10).unwrap();
    announce(&mut table, 1, &[(0, 1000)], 20).unwrap();
    assert!(is_expected(&table, 1, 1, 1001, 20) && is_expected(&table, 1, 1, 1000, 79));
    assert!(!is_expected(&table, 1, 1, 1000, 80));
}

#[test]
fn what_another_connection_has_announced_is_refused() {
    let mut table = table(8, 2);
    let announce_from = |table: &mut ConnTable, port: u16, secs: u64| {
        let packet = udp(&format!("10.0.0.1:{port}"), "192.0.2.9:9");
        accept(table, &packet, at(secs));
        accept(table, &reversed(&packet), at(secs));
        table.read_payload(&packet, &[0, 0, 3, 232], at(secs))
    };
    announce_from(&mut table, 1, 0).unwrap();
    assert_eq!(announce_from(&mut table, 2, 1), Err(Refused::AlreadyExpected));
    // The one that announced it has ended.
    announce_from(&mut table, 2, 31).unwrap();
    assert!(is_expected(&table, 1, 1, 1000, 31));
}

#[test]
fn it_ends_with_the_connection_that_announced_it() {
    let mut table = table(8, 2);
    announce(&mut table, 1, &[(0, 1000)], 0).unwrap();
    assert!(is_expected(&table, 1, 1, 1000, 29));
    assert!(!is_expected(&table, 1, 1, 1000, 30), "UDP lives for half a minute");
    // A later connection with the same ends announces nothing of that.
    accept(&mut table, &control(1), at(31));
    accept(&mut table, &reversed(&control(1)), at(31));
    assert!(!is_expected(&table, 1, 1, 1000, 31));
    table.clear();
    announce(&mut table, 1, &[(0, 1000)], 32).unwrap();
    table.clear();
    assert!(!is_expected(&table, 1, 1, 1000, 32));
}

#[test]
fn it_is_of_the_zone_of_that_connection() {
    let mut table = table(8, 2);
    let mut packet = control(1);
    packet.zone = 5;
    accept(&mut table, &packet, at(0));
    accept(&mut table, &reversed(&packet), at(0));
    table.read_payload(&packet, &[0, 0, 3, 232], at(0)).unwrap();
    assert!(!is_expected(&table, 1, 1, 1000, 0));
    let mut opening = udp("192.0.2.9:1", "10.0.0.1:1000");
    opening.zone = 5;
    assert_eq!(accept(&mut table, &opening, at(0)).state, ConnState::Related);
}

#[test]
fn an_expected_connection_is_related_until_it_is_answered() {
    let mut table = table(8, 2);
    announce(&mut table, 1, &[(0, 1000)], 0).unwrap();
    let opening = udp("192.0.2.9:1", "10.0.0.1:1000");
    assert_eq!(accept(&mut table, &opening, at(0)).state, ConnState::Related);
    assert_eq!(accept(&mut table, &opening, at(0)).state, ConnState::Related);
    assert_eq!(accept(&mut table, &reversed(&opening), at(0)).state, ConnState::Established);
    assert_eq!(accept(&mut table, &opening, at(0)).state, ConnState::Established);
}

#[test]
fn packets_of_unanswered_or_unknown_connections_are_not_read() {
    let mut table = table(8, 2);
    table.read_payload(&control(1), &[0, 0, 3, 232], at(0)).unwrap();
    accept(&mut table, &control(1), at(0));
    table.read_payload(&control(1), &[0, 0, 3, 232], at(0)).unwrap();
    assert!(!is_expected(&table, 1, 1, 1000, 0));
}

#[test]
fn what_stands_before_something_unreadable_does_not_count() {
    let mut table = table(8, 2);
    accept(&mut table, &control(1), at(0));
    accept(&mut table, &reversed(&control(1)), at(0));
    let refused = table.read_payload(&control(1), &[0, 0, 3, 232, 1], at(0));
    assert_eq!(refused, Err(Refused::Unreadable));
    assert!(!is_expected(&table, 1, 1, 1000, 0));
}

/// Rules that drop a packet drop its announcement, and a refusal turns acceptance into a drop.
#[test]
fn only_what_the_rules_accept_is_read() {
    let mut rules = RuleSet::new(Action::Accept);
    rules.push(Rule::drop().length(Span::from(100)));
    let table = table(8, 2);
    let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new()).unwrap();
    let packet = control(1);
    for packet in [packet, reversed(&packet)] {
        firewall.classify_with_payload(&packet, &[0, 0, 3, 232], at(0));
    }
    let mut long = packet;
    long.length = 100;
    firewall.classify_with_payload(&long, &[0, 0, 3, 233], at(0));
    let refused = firewall.classify_with_payload(&packet, &[1], at(0));
    assert_eq!((*refused.action, refused.refused), (Action::Drop, Some(Refused::Unreadable)));
    firewall.classify(&packet, at(0));
    firewall.classify_with_payload(&packet, &[0, 0, 3, 234], at(0));
    let is_expected = |to| is_expected(firewall.conntrack(), 1, 1, to, 0);
    assert_eq!([1000, 1001, 1002].map(is_expected), [false, false, true]);
}

/// One connection more than can be read displaces the one that was not read for longest.
#[test]
fn the_number_of_connections_read_is_bounded() {
    let mut table = table(3, 1);
    for client in 1..=3 {
        announce(&mut table, client, &[(0, 1000)], 0).unwrap();
    }
    announce(&mut table, 1, &[(0, 1001)], 1).unwrap();
    announce(&mut table, 4, &[(0, 1000)], 1).unwrap();
    let expects = |client| (1000..1002).any(|to| is_expected(&table, 1, client, to, 1));
    assert_eq!([1, 2, 3, 4].map(expects), [true, false, true, true]);
    let mut none = self::table(0, 1);
    announce(&mut none, 1, &[(0, 1000)], 0).unwrap();
    assert!(!is_expected(&none, 1, 1, 1000, 0));
}

/// Everything at random against a list of what was announced.
#[test]
fn many_announcements() {
    let mut table = table(8, 2);
    let mut model: Vec<(u8, u16, u64)> = Vec::new();
    let mut random = 1_u64;
    let mut draw = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        (random >> 33) % below
    };
    for step in 0..4000 {
        let secs = step / 40;
        let (client, to) = (1 + draw(6) as u8, 1000 + draw(5) as u16);
        announce(&mut table, client, &[(0, to)], secs).unwrap();
        model.retain(|(other, port, since)| (*other, *port) != (client, to) && secs < since + 60);
        let own: Vec<usize> = (0..model.len()).filter(|place| model[*place].0 == client).collect();
        if own.len() == 2 {
            // The first one is the oldest; of one second's, either may be.
            let oldest = model[own[0]];
            let gone = if is_expected(&table, 1, client, oldest.1, secs) { own[1] } else { own[0] };
            assert_eq!(model[gone].2, oldest.2);
            model.remove(gone);
        }
        model.push((client, to, secs));
        for client in 1..=6 {
            for to in 1000..1005 {
                let expected = model.iter().any(|entry| (entry.0, entry.1) == (client, to));
                assert_eq!(is_expected(&table, 1, client, to, secs), expected, "{step}");
            }
        }
    }
}
