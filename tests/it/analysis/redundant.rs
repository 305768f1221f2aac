use std::collections::BTreeSet;

use portcullis::analysis::{Analysis, AnalysisError};
use portcullis::rule::Effect;
use portcullis::{Action, ChainId, RuleId, RuleSet};

use super::small::{Judged, all_packets, rule_set, some_fields};
use super::{name, renumbered, rules, seeds};
use crate::strategies::Rng;

#[test]
fn a_rule_is_redundant_exactly_if_no_packet_fares_otherwise_without_it() {
    let (mut redundant, mut needed) = (0, 0);
    for seed in seeds(40) {
        let mut rng = Rng::new(seed);
        let fields = some_fields(&mut rng);
        let rules = rule_set(&mut rng, &fields, 8);
        let packets = all_packets(&rules, &fields);
        let found: BTreeSet<RuleId> =
            Analysis::new(&rules).redundant().unwrap().into_iter().collect();
        for rule in all_rules(&rules) {
            let less = without(&rules, rule);
            let changes = packets.iter().find(|judged| {
                shown(&rules, Some(rule), &rules, judged) != shown(&less, None, &rules, judged)
            });
            let is_redundant = found.contains(&rule);
            assert_eq!(is_redundant, changes.is_none(), "seed {seed}: {rule} {changes:?}\n{rules}");
            redundant += u32::from(is_redundant);
            needed += u32::from(!is_redundant);
        }
    }
    assert!(redundant > 30 && needed > 30, "{redundant} {needed}");
}

pub(super) fn all_rules(rules: &RuleSet) -> Vec<RuleId> {
    let chains = (0u32..).zip(rules.chains());
    let ids = chains.flat_map(|(_, chain)| {
        let id = rules.chain_named(chain.name()).unwrap();
        (0..chain.rules().len() as u32).map(move |index| RuleId::new(id, index))
    });
    ids.collect()
}

/// A copy without one rule.
pub(super) fn without(rules: &RuleSet, left_out: RuleId) -> RuleSet {
    let mut copy = RuleSet::new(*rules.default_action());
    for chain in &rules.chains()[1..] {
        copy.add_chain(chain.name());
    }
    for id in all_rules(rules) {
        if id != left_out {
            copy.push_to(id.chain, rules.rule(id).unwrap().clone());
        }
    }
    copy
}

/// The action, and what is noted on the way, rules counted as if one had been left out.
fn shown(
    rules: &RuleSet,
    counted_out: Option<RuleId>,
    numbered: &RuleSet,
    (packet, tracked): &Judged,
) -> (Action, Vec<(ChainId, Option<u32>, Effect)>) {
    let packet = renumbered(numbered, rules, packet);
    let mut noted = Vec::new();
    let decision = rules.walk(&packet, *tracked, |id, effect| {
        let place = match counted_out {
            Some(out) if out == id => None,
            Some(out) if out.chain == id.chain && out.index < id.index => Some(id.index - 1),
            _ => Some(id.index),
        };
        noted.push((id.chain, place, effect));
    });
    (*decision.action, noted)
}

fn redundant(text: &str) -> Vec<String> {
    let rules = rules(text);
    let found = Analysis::new(&rules).redundant().unwrap();
    found.into_iter().map(|rule| name(&rules, Some(rule))).collect()
}

#[test]
fn what_later_rules_and_the_default_would_do_anyway() {
    let text = "
        accept tcp to any port 22
        drop udp to any port 53
        accept tcp to any port 1-100
        drop tcp to any port 101-200
        accept tcp
        drop udp from 10.0.0.0/8
        drop any";
    assert_eq!(redundant(text), ["base 1", "base 2", "base 3", "base 6", "base 7"]);
}

#[test]
fn what_notes_something_is_needed_and_so_is_what_keeps_packets_from_it() {
    let text = "
        accept tcp to any port 22
        log tcp
        accept tcp";
    assert_eq!(redundant(text), [""; 0]);
    assert_eq!(redundant("accept tcp to any port 22\nlog udp\naccept tcp"), ["base 1"]);
}

#[test]
fn jumps_to_nothing_new_are_redundant() {
    let text = "
        jump a tcp
        jump b tcp
        accept tcp
        chain a
        return to any port 22
        chain b
        drop from 10.0.0.0/8";
    assert_eq!(redundant(text), ["base 1", "a 1"]);
}

#[test]
fn it_gives_up_rather_than_guess() {
    let rules = rules("accept tcp to any port 1-9\naccept tcp to any port 3\naccept udp");
    let answer = Analysis::new(&rules).redundant().unwrap();
    for steps in 0..300 {
        match Analysis::new(&rules).max_steps(steps).redundant() {
            Ok(found) => assert_eq!(found, answer),
            Err(error) => assert!(matches!(error, AnalysisError::GaveUp(_)), "{error}"),
        }
    }
}
