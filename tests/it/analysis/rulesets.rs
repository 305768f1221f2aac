//! Rule sets of realistic shapes, and with `PORTCULLIS_LONG=1` the ClassBench files beside the
//! clone: what is said of them, compared with another method of finding out.

use std::time::Instant;

use portcullis::analysis::{Analysis, Packets, Reach};
use portcullis::packet::Family;
use portcullis::{Action, RuleSet};

use super::is_long;
use crate::rulesets::classbench;
use crate::rulesets::generator::{Pattern, Shape, patterns, rule_set};
use crate::strategies::Rng;

const SEED: u64 = 5;

#[test]
fn shadowed_rules_are_those_that_a_sweep_finds() {
    for (name, patterns) in cases(1500) {
        let rules = rule_set(&patterns);
        let reach = Analysis::new(&rules).packets(Packets::FlowKeys).reach().unwrap();
        let mut shadowed = 0;
        for (at, (rule, reach)) in reach.iter().enumerate() {
            let covered = is_covered(&patterns[at], &patterns[..at]);
            assert_eq!(matches!(reach, Reach::Shadowed(_)), covered, "{name}: {rule} {reach:?}");
            shadowed += usize::from(covered);
        }
        println!("{name}: {shadowed} of {} rules shadowed", rules.len());
    }
}

#[test]
fn redundant_rules_are_those_that_a_sweep_finds() {
    for (name, patterns) in cases(1000) {
        let rules = rule_set(&patterns);
        let found = Analysis::new(&rules).packets(Packets::FlowKeys).redundant().unwrap();
        let action = |at: usize| !at.is_multiple_of(3);
        for at in (0..patterns.len()).step_by(if patterns.len() > 400 { 7 } else { 1 }) {
            let opposite = |other: usize| match patterns.get(other) {
                Some(_) => action(other) != action(at),
                None => action(at),
            };
            let rest: Vec<usize> = (0..=patterns.len()).filter(|other| *other != at).collect();
            let matters = reaches(&patterns, at, &rest, &opposite);
            let is_redundant = found.iter().any(|rule| rule.index as usize == at);
            assert_eq!(is_redundant, !matters, "{name}: rule {}", at + 1);
        }
        println!("{name}: {} of {} rules redundant", found.len(), rules.len());
    }
}

/// Ten edits of a large rule set: no packet at the edges of its rules is decided differently outside
/// of the regions found.
#[test]
fn ten_edits_of_a_large_rule_set() {
    for (name, patterns) in cases(usize::MAX) {
        let mut rng = Rng::new(SEED);
        let before = rule_set(&patterns);
        let after = edited(&mut rng, &patterns);
        let started = Instant::now();
        let analysis = Analysis::new(&before).packets(Packets::FlowKeys);
        let found = analysis.difference(&after).unwrap();
        println!("{name}: {} pairs of rules differ, found in {:?}", found.len(), started.elapsed());
        let mut headers = crate::rulesets::generator::headers(&patterns, 2000, SEED);
        headers.extend(found.iter().map(|found| found.witness.packet.flow_key()));
        let mut differing = 0;
        for key in headers {
            let packet = key.into();
            let [a, b] = [&before, &after].map(|rules| rules.first_match(&packet, None));
            let hit = found
                .iter()
                .find(|found| found.regions.iter().any(|region| region.contains(&packet, None)));
            let pair = hit.map(|found| (found.first, found.second));
            let expected = (a.action != b.action).then_some((a.rule, b.rule));
            assert_eq!(pair, expected, "{name}: {key}");
            differing += u32::from(expected.is_some());
        }
        assert!(differing >= found.len() as u32, "{name}");
    }
}

/// Drops rules, shifts ports, swaps rules: ten times.
fn edited(rng: &mut Rng, patterns: &[Pattern]) -> RuleSet {
    let mut rules: Vec<_> = rule_set(patterns).chains()[0].rules().to_vec();
    for edit in 0..10 {
        let at = rng.below(rules.len());
        match edit % 3 {
            0 => drop(rules.remove(at)),
            1 => rules[at].criteria.dst_port = (rng.number() as u16).into(),
            _ => {
                let other = rng.below(rules.len());
                rules.swap(at, other);
            }
        }
    }
    let mut edited = RuleSet::new(Action::Drop);
    for rule in rules {
        edited.push(rule);
    }
    edited
}

/// Names and rule sets of at most so many rules.
fn cases(most: usize) -> Vec<(String, Vec<Pattern>)> {
    let generated = [Shape::ACL, Shape::FW, Shape::IPC].into_iter().flat_map(|shape| {
        [Family::V4, Family::V6]
            .map(|family| (format!("{} {family}", shape.name), patterns(&shape, family, 120, SEED)))
    });
    let files = classbench::files().into_iter().filter(|_| is_long()).map(|path| {
        (classbench::name(&path).unwrap_or_default().to_owned(), classbench::read(&path))
    });
    let all = generated.chain(files.filter(|(_, patterns)| patterns.len() < 20_000));
    all.filter(|(_, patterns)| patterns.len() <= most).collect()
}

/// Whether some header of a pattern meets none of those before.
fn is_covered(pattern: &Pattern, before: &[Pattern]) -> bool {
    let all: Vec<usize> = (0..before.len()).collect();
    !sweep(&spans(pattern), before, &all, 0, &mut |rest| rest.is_empty())
}

/// Whether some header of the pattern at `at` meets no pattern before it, while the first of `rest`
/// that it meets after it (or the default, one behind the last) is `wanted`.
fn reaches(
    patterns: &[Pattern],
    at: usize,
    rest: &[usize],
    wanted: &dyn Fn(usize) -> bool,
) -> bool {
    sweep(&spans(&patterns[at]), patterns, rest, 0, &mut |met| {
        met.first().is_some_and(|first| *first > at && wanted(*first))
    })
}

type Spans = [(u128, u128); 5];

fn spans(pattern: &Pattern) -> Spans {
    [
        (pattern.src.first(), pattern.src.last()),
        (pattern.dst.first(), pattern.dst.last()),
        (pattern.src_port.first().into(), pattern.src_port.last().into()),
        (pattern.dst_port.first().into(), pattern.dst_port.last().into()),
        (pattern.protocol.first().into(), pattern.protocol.last().into()),
    ]
}

/// Goes through the numbers of one field after the other, between the places where patterns begin or
/// end, until `found` is true of the patterns that are met there. One that does not exist is met
/// everywhere.
fn sweep(
    within: &Spans,
    patterns: &[Pattern],
    left: &[usize],
    field: usize,
    found: &mut dyn FnMut(&[usize]) -> bool,
) -> bool {
    let Some((first, last)) = within.get(field) else { return found(left) };
    let all: Vec<_> = left.iter().map(|i| patterns.get(*i).map(|p| spans(p)[field])).collect();
    let ends = all.iter().flatten().flat_map(|(first, last)| [Some(*first), last.checked_add(1)]);
    let mut starts: Vec<u128> = ends.flatten().filter(|n| first < n && n <= last).collect();
    starts.push(*first);
    starts.sort_unstable();
    starts.dedup();
    let mut known = std::collections::HashSet::new();
    starts.into_iter().any(|start| {
        let meets =
            |span: &Option<(u128, u128)>| span.is_none_or(|(a, b)| a <= start && start <= b);
        let met: Vec<usize> =
            left.iter().zip(&all).filter(|(_, span)| meets(span)).map(|(i, _)| *i).collect();
        // Where the same patterns are met there is nothing new.
        known.insert(met.clone()) && sweep(within, patterns, &met, field + 1, found)
    })
}
