//! Random rule sets. With `PORTCULLIS_LONG=1` in the environment ten million pairs of a rule set
//! and a packet; run that with `cargo test --release`.

use std::collections::HashSet;
use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use portcullis::{ChainId, Config, Direction, Packet, RuleSet, StatelessMatcher, Tracked};
use proptest::prelude::*;

use super::compare::{configs, stateful, stateless};
use crate::strategies::{Rng, Shape, case, reduce, seeds, tracked};

const SEED: u64 = 0x7265_6520;
const THREADS: u64 = 2;
const LONG_PAIRS: u64 = 10_000_000;
const SHORT_PAIRS: u64 = 20_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn compiled_rules_decide_as_defined(seed in seeds()) {
        for config in configs() {
            for states in [false, true] {
                let shape = Shape { states, ..Shape::STATELESS };
                if let Some(report) = report(seed, &shape, &config) {
                    panic!("{report}");
                }
            }
        }
    }
}

#[test]
fn many_rule_sets_are_decided_as_defined() {
    let long = env::var_os("PORTCULLIS_LONG").is_some_and(|long| long == "1");
    let pairs = if long { LONG_PAIRS } else { SHORT_PAIRS };
    let next = AtomicU64::new(0);
    let counts = thread::scope(|scope| {
        let threads = [(); THREADS as usize].map(|()| scope.spawn(|| count(&next, pairs)));
        threads.map(|thread| thread.join().unwrap())
    });
    let compared = counts.iter().map(|(compared, _)| compared).sum::<u64>();
    let differences = counts.iter().map(|(_, reports)| reports.len()).sum::<usize>();
    println!(
        "{compared} pairs of a rule set and a packet compared: {differences} rule sets differ"
    );
    for report in counts.iter().flat_map(|(_, reports)| reports).take(3) {
        println!("{report}");
    }
    assert_eq!(differences, 0);
}

/// Takes seeds until there are enough pairs; returns how many it has compared, and a report on
/// each rule set that differs, as long as these are few.
fn count(next: &AtomicU64, pairs: u64) -> (u64, Vec<String>) {
    let (configs, mut compared, mut reports) = (configs(), 0, Vec::new());
    while compared < pairs / THREADS && reports.len() < 3 {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let config = &configs[number as usize % configs.len()];
        let shape = shape(number);
        reports.extend(report(SEED + number, &shape, config));
        compared += shape.packets as u64;
    }
    (compared, reports)
}

/// From 5 to 300 rules. Every second rule set names states.
fn shape(number: u64) -> Shape {
    let rules = [5, 300, 20, 100, 40, 200, 12][number as usize % 7];
    Shape {
        rules,
        chains: 6,
        packets: 400 + 2 * rules,
        states: number % 2 == 1,
        odd: true,
        sets: true,
    }
}

/// A text about the smallest case that still differs, if the case of this seed does.
fn report(seed: u64, shape: &Shape, config: &Config) -> Option<String> {
    let (rules, packets) = case(seed, shape);
    let differs = |rules: &RuleSet, packets: &[Packet]| match shape.states {
        true => stateful(rules, config, &all_tracked(seed, packets)),
        false => stateless(rules, config, packets),
    };
    differs(&rules, &packets)?;
    let smallest = reduce(&rules, |rules| differs(rules, &packets).is_some());
    let difference = differs(&smallest, &packets)?;
    Some(format!("seed {seed}, {shape:?}, {config:?}\n{smallest}\n{difference}"))
}

fn all_tracked(seed: u64, packets: &[Packet]) -> Vec<(Packet, Tracked)> {
    let mut rng = Rng::new(seed);
    let established = Tracked::new(portcullis::ConnState::Established, Some(Direction::Reply));
    packets.iter().map(|packet| (*packet, tracked(&mut rng).unwrap_or(established))).collect()
}

/// Rule sets of which the same few rules decide everything would test little of a tree.
#[test]
fn many_rules_decide_something() {
    let (mut rules_of_all, mut deciding) = (0, 0);
    for seed in 0..30 {
        let shape = Shape { rules: 300, packets: 500, ..Shape::STATELESS };
        let (rules, packets) = case(seed, &shape);
        let decide = |packet| rules.first_match(packet, None).rule;
        let used: HashSet<_> = packets.iter().filter_map(decide).collect();
        rules_of_all += rules.len();
        deciding += used.len();
    }
    assert!(deciding > rules_of_all / 14, "{deciding} of {rules_of_all}");
}

#[test]
fn a_batch_goes_as_far_as_both_slices() {
    let (rules, packets) = case(SEED, &Shape::STATELESS);
    let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let other = RuleSet::new(portcullis::Action::Accept);
    let mut untouched = other.first_match(&packets[0], None);
    untouched.rule = Some(portcullis::RuleId::new(ChainId::BASE, 4_000_000));
    for packet_count in [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32] {
        for decision_count in [0, 1, 8, 9, 16, 30, 32, 40] {
            let mut decisions = vec![untouched; decision_count];
            matcher.classify_batch(&packets[..packet_count], &mut decisions);
            for (i, decision) in decisions.iter().enumerate() {
                let packet = packets[..packet_count].get(i);
                let expected = packet.map(|packet| rules.first_match(packet, None));
                assert_eq!(*decision, expected.unwrap_or(untouched), "{packet_count} {i}");
            }
        }
    }
}
