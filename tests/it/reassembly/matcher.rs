//! Rules and connections over whole datagrams.

use portcullis::reassembly::{Arrival, Fault};
use portcullis::{
    Action, Config, ConnState, ConnTable, Judged, Limits, Reassembler, RuleSet, StatefulMatcher,
    Time,
};

use super::cases::reassembler;
use super::sent::{Sent, cut, udp};

const NOW: Time = Time::from_secs(100);

fn firewall(rules: &str) -> StatefulMatcher {
    let rules: RuleSet = rules.parse().unwrap();
    let table = ConnTable::new(&Limits::new(100), [3; 16]);
    StatefulMatcher::compile(&rules, table, &Config::new()).unwrap()
}

fn judge<'m>(
    firewall: &'m mut StatefulMatcher,
    reassembler: &mut Reassembler<usize>,
    bytes: &[u8],
    number: usize,
) -> Judged<'m, Action, usize> {
    firewall.classify_arrival(reassembler, Arrival::from_ip(bytes, number).unwrap(), NOW)
}

#[test]
fn every_fragment_shares_the_decision() {
    for v6 in [false, true] {
        let mut firewall = firewall("accept udp to any port 53 state new");
        let mut reassembler = reassembler();
        let sent = cut(v6, 5, &udp(60), &[24, 48]);
        for (number, sent) in sent[..2].iter().enumerate() {
            let judged = judge(&mut firewall, &mut reassembler, &sent.bytes(), number);
            assert_eq!((judged.decision(), &judged), (None, &Judged::Held));
        }
        let judged = judge(&mut firewall, &mut reassembler, &sent[2].bytes(), 2);
        assert_eq!(*judged.decision().unwrap().action, Action::Accept);
        let Judged::Whole(decision, datagram) = judged else { panic!("{judged:?}") };
        assert_eq!(decision.tracked.unwrap().state, ConnState::New);
        assert_eq!(datagram.fragments, [0, 1, 2]);
        assert_eq!(firewall.conntrack().len(), 1);
    }
}

#[test]
fn packets_that_are_whole_are_judged_at_once() {
    let mut firewall = firewall("accept udp to any port 53 state new");
    let bytes = Sent::new(false, 0, 0, false, &[]).whole(&udp(4));
    let judged = judge(&mut firewall, &mut reassembler(), &bytes, 7);
    let Judged::Alone(decision, 7) = judged else { panic!("{judged:?}") };
    assert_eq!(*decision.action, Action::Accept);
}

#[test]
fn useless_fragments_reach_neither_rules_nor_connections() {
    let mut firewall = firewall("default accept\naccept udp state new, invalid");
    let mut reassembler = reassembler();
    let first = Sent::new(false, 5, 0, true, &udp(16));
    judge(&mut firewall, &mut reassembler, &first.bytes(), 0);
    let over = Sent::new(false, 5, 8, false, &udp(16));
    let judged = judge(&mut firewall, &mut reassembler, &over.bytes(), 1);
    let Judged::Rejected(rejection) = judged else { panic!("{judged:?}") };
    assert_eq!((rejection.fault, rejection.fragments), (Fault::Overlap, vec![0, 1]));
    assert!(firewall.conntrack().is_empty());
}

/// Without a reassembler: no ports are guessed, and the table knows no later fragment.
#[test]
fn without_it_later_fragments_have_no_ports() {
    let mut firewall = firewall("accept udp to any port 53 state new\naccept state established");
    let sent = cut(false, 5, &udp(60), &[24]);
    let decide = |firewall: &mut StatefulMatcher, sent: &Sent| {
        let packet = portcullis::Packet::from_ip(&sent.bytes()).unwrap();
        let decision = firewall.classify(&packet, NOW);
        (*decision.action, decision.tracked.unwrap().state)
    };
    assert_eq!(decide(&mut firewall, &sent[0]), (Action::Accept, ConnState::New));
    assert_eq!(decide(&mut firewall, &sent[1]), (Action::Drop, ConnState::Invalid));
}
