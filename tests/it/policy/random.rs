//! Random policies, compared with their definition packet by packet.

use std::time::Duration;

use portcullis::policy::{
    Asked, CountedBy, Overrides, Policy, PolicyMatcher, PolicyRule, Rate, RuleGroup, WhenFull,
};
use portcullis::rule::Effect;
use portcullis::{Action, Config, Packet, Rule, RuleSet, Target, Time};
use proptest::prelude::*;

use crate::orders::renumbered;
use crate::strategies::{Rng, Shape, case, seeds, tracked};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn compiled_policies_answer_as_defined(seed in seeds()) {
        compare(seed);
    }
}

/// A generator that reaches nothing tests nothing.
#[test]
fn policies_are_worth_running() {
    let mut found = Found::default();
    for seed in 0..30 {
        let one = compare(seed);
        found.decided += one.decided;
        found.seen += one.seen;
        found.staged += one.staged;
        found.by_label += one.by_label;
        found.by_rate += one.by_rate;
        found.all += one.all;
    }
    let Found { all, decided, seen, staged, by_label, by_rate } = found;
    let enough = decided > all / 3 && seen > all / 3 && staged > all / 20;
    assert!(enough && by_label > all / 40 && by_rate > all / 40, "{found:?}");
}

#[derive(Clone, Copy, Debug, Default)]
struct Found {
    all: usize,
    decided: usize,
    seen: usize,
    staged: usize,
    by_label: usize,
    by_rate: usize,
}

fn compare(seed: u64) -> Found {
    let mut rng = Rng::new(seed ^ 0x706f_6c69);
    let shape = Shape { rules: 30, packets: 60, ..Shape::STATEFUL };
    let (drawn, packets) = case(seed, &shape);
    let policy = policy(&mut rng, &drawn);
    let mut matcher = policy.compile_tracked(&Config::new(), [3; 16]).unwrap();
    let mut definition = policy.definition().unwrap();
    let mut found = Found::default();
    let mut now = Time::from_secs(1_000_000);
    for number in 0..packets.len() * 3 {
        // The same packets come again, so that rates have something to count.
        let drawn_packet = if rng.percent(50) { &packets[number % 4] } else { &rng.pick(&packets) };
        let packet = renumbered(&drawn, matcher.rules(), drawn_packet);
        now = later(&mut rng, now);
        let asked = asked(&mut rng, &packet, now);
        let mut expected_notes = Vec::new();
        let expected = definition.judge(&asked, |id, effect| expected_notes.push((id, effect)));
        let mut notes = Vec::new();
        let trial = matcher.judge(&asked, |id, effect| notes.push((id, effect)));
        assert_eq!(trial.enforced, expected.enforced, "{policy:#?}\n{packet:?}");
        assert_eq!(trial.staged, expected.staged, "{policy:#?}\n{packet:?}");
        assert_eq!(notes, expected_notes, "{policy:#?}\n{packet:?}");
        let rule = trial.enforced.rule;
        found.all += 1;
        found.decided += usize::from(rule.is_some());
        found.seen += usize::from(!notes.is_empty());
        found.staged += usize::from(trial.staged.rule != rule);
        let (labels, rate) = rule.map_or((false, false), |rule| asks(&policy, &matcher, rule));
        found.by_label += usize::from(labels);
        found.by_rate += usize::from(rate);
    }
    found
}

/// Whether a rule asks for labels, and whether it has a rate.
fn asks(policy: &Policy, matcher: &PolicyMatcher, rule: portcullis::RuleId) -> (bool, bool) {
    use portcullis::policy::Entry;

    let place = matcher.place(rule).unwrap();
    let entry = policy.entries().find(|(priority, _)| *priority == place.priority).unwrap().1;
    let rule = match entry {
        Entry::Rule(rule) => rule,
        Entry::Group(group, _) => {
            group.rules().find(|(_, rule)| *rule.name == *place.rule).unwrap().1
        }
        _ => unreachable!(),
    };
    (!rule.labelled.is_empty(), rule.rate.is_some())
}

fn asked<'p>(rng: &mut Rng, packet: &'p Packet, now: Time) -> Asked<'p> {
    let mut asked = Asked::new(packet, now);
    if let Some(tracked) = tracked(rng) {
        asked = asked.tracked(tracked);
    }
    if rng.percent(70) {
        asked = asked.key(rng.pick(&[0, 1, u64::MAX]));
    }
    asked
}

/// Steps at and next to the ends of slots and windows, and sometimes back.
fn later(rng: &mut Rng, now: Time) -> Time {
    let nanos = now.as_nanos();
    let slot = rng.pick(&WINDOWS).as_nanos().div_ceil(30) as u64;
    let next = (nanos / slot + rng.pick(&[0, 1, 1, 2, 30, 31])) * slot;
    match rng.below(10) {
        0 => Time::from_nanos(next),
        1 => Time::from_nanos(next - 1),
        2 => Time::from_nanos(nanos - slot),
        3 => Time::from_nanos(nanos + 31 * slot - 1),
        _ => now,
    }
}

const WINDOWS: [Duration; 4] = [
    Duration::from_secs(300),
    Duration::from_secs(60),
    Duration::from_nanos(1),
    Duration::from_nanos(3_000_000_001),
];

const LABELS: [&str; 5] = ["a", "a:b", "a:b:c", "d:", "d:e"];
const ASKED: [&str; 6] = ["a", "a*", "a:*", "d:", "d:*", "a:b:c"];

/// The drawn rules of the base chain, and those of each other chain as a group.
pub(super) fn policy(rng: &mut Rng, drawn: &RuleSet) -> Policy {
    let mut policy = Policy::new(*drawn.default_action());
    for (name, set) in drawn.sets().iter() {
        policy.add_set(name.as_str(), set.clone());
    }
    let mut added: Vec<&str> = Vec::new();
    let mut priority = 0;
    for (number, chain) in drawn.chains().iter().enumerate() {
        let mut group = RuleGroup::new(chain.name());
        let mut overrides =
            if rng.percent(30) { Overrides::count_group() } else { Overrides::none() };
        for (index, rule) in chain.rules().iter().enumerate() {
            let name = format!("rule-{index}");
            let rule = policy_rule(rng, &name, rule, &mut added);
            if number == 0 {
                priority += 1 + rng.below(3) as u32;
                policy.add_rule(priority, rule).unwrap();
                continue;
            }
            if rng.percent(20) {
                overrides = overrides.rule(&name, target(rng, &rule.rule.target));
            }
            group.add_rule(7 * index as u32, rule).unwrap();
        }
        if number != 0 {
            priority += 1;
            policy.add_group(priority, group, overrides).unwrap();
        }
    }
    policy
}

fn policy_rule<'l>(rng: &mut Rng, name: &str, rule: &Rule, added: &mut Vec<&'l str>) -> PolicyRule
where
    'static: 'l,
{
    let mut rule = rule.clone();
    rule.target = target(rng, &rule.target);
    // Some that many packets meet.
    if rng.percent(25) {
        rule.criteria = Default::default();
    }
    let wide = rule.criteria == Default::default();
    let mut rule = PolicyRule::new(name, rule);
    let is_added = |asked: &&str| match asked.strip_suffix('*') {
        Some(start) => added.iter().any(|label| label.starts_with(start)),
        None => added.contains(asked),
    };
    let askable: Vec<&str> = ASKED.into_iter().filter(is_added).collect();
    for _ in 0..2 {
        match rng.below(if wide { 4 } else { 8 }) {
            _ if askable.is_empty() => {}
            0 => rule = rule.labelled(rng.pick(&askable)),
            1 => rule = rule.labelled([rng.pick(&askable), rng.pick(&askable)]),
            2 => rule = rule.not_labelled(rng.pick(&askable)),
            _ => {}
        }
    }
    if rng.percent(if wide { 50 } else { 20 }) {
        rule = rule.rate(rate(rng));
    }
    if rng.percent(40) {
        let label = rng.pick(&LABELS);
        rule = rule.label(label);
        added.push(label);
    }
    rule
}

fn target(rng: &mut Rng, drawn: &Target) -> Target {
    let action = rng.pick(&[Action::Accept, Action::Drop]);
    match (rng.below(10), drawn) {
        (0..3, _) => Target::Continue(rng.pick(&[Effect::Count, Effect::Log, Effect::Audit])),
        (3, _) => Target::Staged(action),
        (_, Target::Action(action)) => Target::Action(*action),
        _ => Target::Continue(Effect::Count),
    }
}

fn rate(rng: &mut Rng) -> Rate {
    let mut by = rng.pick(&[
        CountedBy::nothing(),
        CountedBy::source(),
        CountedBy::source_prefix(8, 16),
        CountedBy::source_prefix(0, 0),
        CountedBy::destination(),
        CountedBy::callers_key(),
    ]);
    if rng.percent(20) {
        by = by.and_destination_port().and_protocol();
    }
    if rng.percent(10) {
        by = by.and_source_port();
    }
    Rate::new(rng.pick(&[0, 1, 2, 5]), rng.pick(&WINDOWS))
        .by(by)
        .capacity(rng.pick(&[1, 2, 3, 100]))
        .when_full(rng.pick(&[WhenFull::Match, WhenFull::Pass]))
}
