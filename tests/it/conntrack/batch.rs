//! Packets looked up together against the same packets one after the other.

use portcullis::conntrack::{Conntrack, Limits, Lookup, Time};
use portcullis::packet::Refused;
use portcullis::rule::Reject;
use portcullis::{
    Action, Config, ConnState, ConnTable, Decision, Order, Packet, Rule, RuleId, RuleSet,
    StatefulMatcher, Tracked,
};
use proptest::prelude::*;

use super::model::{packet, time};
use super::{at, reversed, small_table, udp_flow};

/// A packet, whether rules accept it, and whether a caller that has to stop there forgets the rest
/// of the batch.
type Item = (Packet, bool, bool);

/// What is seen of one packet.
type Seen = (Lookup, Option<Result<(), Refused>>);

fn one_by_one(table: &mut ConnTable, packets: &[Item], now: Time) -> Vec<Seen> {
    let mut seen = Vec::new();
    for (packet, accepted, forgets) in packets {
        let lookup = table.look_up(packet, now);
        let confirmed = (lookup.tentative && *accepted).then(|| table.confirm(packet, now));
        seen.push((lookup, confirmed));
        if lookup.tentative && *forgets {
            break;
        }
    }
    seen
}

fn together(table: &mut ConnTable, items: &[Item], now: Time) -> Vec<Seen> {
    let packets: Vec<Packet> = items.iter().map(|(packet, ..)| *packet).collect();
    let mut lookups = vec![Lookup::untracked(); packets.len()];
    let mut seen = Vec::new();
    while seen.len() < packets.len() {
        let first = seen.len();
        let done = table.look_up_batch(&packets[first..], now, &mut lookups);
        assert!(done > 0);
        seen.extend(lookups[..done].iter().map(|lookup| (*lookup, None)));
        let (last, confirmed) = seen.last_mut().unwrap();
        if !last.tentative {
            continue;
        }
        let (packet, accepted, forgets) = &items[first + done - 1];
        *confirmed = accepted.then(|| table.confirm(packet, now));
        if *forgets {
            break;
        }
    }
    seen
}

fn listed(table: &ConnTable) -> Vec<String> {
    let mut listed: Vec<String> = table.connections(Time::ZERO).map(|c| format!("{c:?}")).collect();
    listed.sort();
    listed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_batch_is_its_packets_one_after_the_other(
        capacity in 0..20u32,
        batches in prop::collection::vec(
            (prop::collection::vec((packet(), any::<bool>(), prop::bool::weighted(0.1)), 0..150), time()),
            1..8,
        ),
    ) {
        let mut single = ConnTable::new(&Limits::new(capacity), [9; 16]);
        let mut batched = single.clone();
        for (packets, now) in batches {
            let expected = one_by_one(&mut single, &packets, now);
            prop_assert_eq!(together(&mut batched, &packets, now), expected);
            prop_assert_eq!(listed(&batched), listed(&single));
            prop_assert_eq!(batched.len(), single.len());
        }
        prop_assert_eq!(batched.counts(), single.counts());
    }
}

/// Rules that stop some packets and, if asked to, reset connections.
fn rules(resets: bool) -> RuleSet {
    let mut rules = RuleSet::new(Action::Accept);
    rules.push(Rule::drop().state(ConnState::Invalid));
    rules.push(Rule::drop().to_ports(3).state(ConnState::New));
    if resets {
        rules.push(Rule::action(Action::Reject(Reject::TcpReset)).to_ports(2));
    }
    rules
}

type Decided = (Action, Option<RuleId>, Option<Tracked>, Option<Refused>);

fn decided(decision: &Decision<'_>) -> Decided {
    (*decision.action, decision.rule, decision.tracked, decision.refused)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_batch_is_judged_like_its_packets_one_after_the_other(
        capacity in 0..20u32,
        (resets, known_first) in any::<(bool, bool)>(),
        batches in prop::collection::vec((prop::collection::vec(packet(), 0..150), time()), 1..8),
    ) {
        let table = ConnTable::new(&Limits::new(capacity), [9; 16]);
        let order = if known_first { Order::KnownFirst } else { Order::RulesFirst };
        let mut single =
            StatefulMatcher::compile(&rules(resets), table, &Config::new()).unwrap().order(order);
        let mut batched = single.clone();
        for (packets, now) in batches {
            let expected: Vec<Decided> =
                packets.iter().map(|packet| decided(&single.classify(packet, now))).collect();
            let mut seen = Vec::new();
            batched.classify_batch(&packets, now, |number, decision| {
                assert_eq!(number, seen.len());
                seen.push(decided(&decision));
            });
            prop_assert_eq!(seen, expected);
            prop_assert_eq!(listed(batched.conntrack()), listed(single.conntrack()));
        }
        prop_assert_eq!(batched.conntrack().counts(), single.conntrack().counts());
    }
}

/// A tracker of somebody's own, which has no batches and looks nothing up for them.
struct Lazy(ConnTable);

impl Conntrack for Lazy {
    fn look_up(&mut self, packet: &Packet, now: Time) -> Lookup {
        self.0.look_up(packet, now)
    }

    fn look_up_batch(&mut self, _: &[Packet], _: Time, _: &mut [Lookup]) -> usize {
        0
    }

    fn confirm(&mut self, packet: &Packet, now: Time) -> Result<(), Refused> {
        self.0.confirm(packet, now)
    }
}

#[test]
fn no_packet_of_a_batch_is_left_out() {
    let rules = rules(false);
    let mut firewall =
        StatefulMatcher::compile(&rules, Lazy(small_table(8)), &Config::new()).unwrap();
    let mut states = Vec::new();
    let query = udp_flow(5000);
    firewall.classify_batch(&[query, reversed(&query)], at(0), |_, decision| {
        states.push(decision.tracked.unwrap().state);
    });
    assert_eq!(states, [ConnState::New, ConnState::Established]);
}

#[test]
fn a_batch_ends_at_the_packet_that_opens_a_connection() {
    let mut table = small_table(8);
    let query = udp_flow(5000);
    let packets = [query, query, reversed(&query), query];
    let mut lookups = [Lookup::invalid(); 4];
    assert_eq!(table.look_up_batch(&packets, at(0), &mut lookups), 1);
    table.confirm(&query, at(0)).unwrap();
    assert_eq!(table.look_up_batch(&packets[1..], at(0), &mut lookups), 3);
    assert!(lookups[..3].iter().all(|lookup| !lookup.tentative));
    assert_eq!(table.len(), 1);
}

#[test]
fn no_packets_and_no_room_for_answers_are_no_lookups() {
    let mut table = small_table(8);
    assert_eq!(table.look_up_batch(&[], at(0), &mut [Lookup::invalid()]), 0);
    assert_eq!(table.look_up_batch(&[udp_flow(1)], at(0), &mut []), 0);
    let packets = [Packet::new(udp_flow(1).addrs, portcullis::Protocol::TCP); 3];
    assert_eq!(table.look_up_batch(&packets, at(0), &mut [Lookup::tentative(); 2]), 2);
}

#[test]
fn what_was_prepared_for_other_packets_is_not_used() {
    let mut table = small_table(8);
    let flows = [1, 2, 3].map(udp_flow);
    let mut lookups = [Lookup::invalid(); 3];
    assert_eq!(table.look_up_batch(&flows, at(0), &mut lookups), 1);
    table.confirm(&flows[0], at(0)).unwrap();
    table.confirm(&flows[2], at(0)).unwrap();
    // The call before ended before the second flow, which does not come now.
    let others = [flows[2], flows[0], flows[1]];
    assert_eq!(table.look_up_batch(&others, at(0), &mut lookups), 3);
    assert_eq!(lookups.map(|lookup| lookup.tentative), [false, false, true]);
}
