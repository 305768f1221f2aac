//! Twelve recorded FTP sessions with eleven data connections of every kind.

use portcullis::conntrack::helper::Ftp;
use portcullis::conntrack::{Limits, Time};
use portcullis::{
    Action, Config, ConnState, ConnTable, Order, Packet, Protocol, RuleSet, StatefulMatcher,
};

use crate::packet::bytes::frames;

/// The SYNs of the data connections, frames counted from 1.
const DATA: [usize; 11] = [19, 54, 115, 181, 242, 301, 333, 397, 457, 523, 590];

fn firewall(table: ConnTable, order: Order) -> StatefulMatcher {
    let rules: RuleSet = "
        accept state established, related
        accept tcp from 10.1.0.0/24, 2001:db8:1::/64 to any port 21 state new
    "
    .parse()
    .unwrap();
    StatefulMatcher::compile(&rules, table, &Config::new()).unwrap().order(order)
}

fn table() -> ConnTable {
    ConnTable::new(&Limits::new(100), [7; 16])
}

/// What becomes of the TCP frames: number, state, whether accepted.
fn judge(firewall: &mut StatefulMatcher) -> Vec<(usize, ConnState, bool)> {
    let mut judged = Vec::new();
    for (index, frame) in frames("ftp").iter().enumerate() {
        let Ok(packet) = Packet::from_ethernet(frame) else { continue };
        if packet.protocol != Protocol::TCP {
            continue;
        }
        let payload = Packet::payload_of_ethernet(frame).unwrap();
        let now = Time::from_millis(index as u64);
        let decision = firewall.classify_with_payload(&packet, payload, now);
        assert_eq!(decision.refused, None, "frame {}", index + 1);
        let state = decision.tracked.unwrap().state;
        judged.push((index + 1, state, *decision.action == Action::Accept));
    }
    judged
}

#[test]
fn every_data_connection_is_related() {
    for order in [Order::RulesFirst, Order::KnownFirst] {
        let mut firewall = firewall(table().with_helper(Ftp::new()), order);
        let judged = judge(&mut firewall);
        assert_eq!(judged.len(), 599);
        let dropped: Vec<_> = judged.iter().filter(|(.., accepted)| !accepted).collect();
        assert!(dropped.is_empty(), "{dropped:?}");
        let related: Vec<_> =
            judged.iter().filter(|(_, state, _)| *state == ConnState::Related).collect();
        assert_eq!(related.iter().map(|(frame, ..)| *frame).collect::<Vec<_>>(), DATA);
        let counts = firewall.conntrack().counts();
        assert_eq!((counts.confirmed, counts.expected), (23, 11));
        let now = Time::from_millis(700);
        assert_eq!(firewall.conntrack().connections(now).filter(|c| c.expected).count(), 11);
    }
}

#[test]
fn without_a_helper_no_data_connection_is() {
    let mut firewall = firewall(table(), Order::RulesFirst);
    let judged = judge(&mut firewall);
    let new_and_dropped = |frame: &usize| judged.contains(&(*frame, ConnState::New, false));
    assert!(DATA.iter().all(new_and_dropped));
    assert_eq!(firewall.conntrack().counts().expected, 0);
}

#[test]
fn a_helper_for_another_port_reads_nothing() {
    let mut firewall = firewall(table().with_helper(Ftp::new().port(2121)), Order::RulesFirst);
    judge(&mut firewall);
    assert_eq!(firewall.conntrack().counts().expected, 0);
}

/// The payload of frames that were cut is not read, and does no harm.
#[test]
fn frames_cut_short_announce_nothing() {
    let mut firewall = firewall(table().with_helper(Ftp::new()), Order::RulesFirst);
    for (index, frame) in frames("ftp").iter().enumerate() {
        let frame = &frame[..frame.len().min(74)];
        let Ok(packet) = Packet::from_ethernet(frame) else { continue };
        let payload = Packet::payload_of_ethernet(frame).unwrap();
        let now = Time::from_millis(index as u64);
        assert_eq!(firewall.classify_with_payload(&packet, payload, now).refused, None);
    }
    assert_eq!(firewall.conntrack().counts().expected, 0);
}
