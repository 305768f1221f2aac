use std::collections::BTreeSet;

use portcullis::analysis::{Analysis, AnalysisError, Difference};
use portcullis::rule::{IpRange, PortRange};
use portcullis::{Action, RuleId, RuleSet};

use super::redundant::{all_rules, without};
use super::small::{
    Asked, Judged, all_packets, is_plain, rule, rule_set, some_fields, variants_of,
};
use super::{is_long, name, renumbered, rules, seeds};
use crate::strategies::Rng;

/// A rule set with the names of both, so that packets can be numbered by it.
fn compare(a: &RuleSet, b: &RuleSet, packets: &[Judged], numbered: &RuleSet, case: &str) -> usize {
    let found = Analysis::new(a).difference(b).unwrap();
    let mut differing = BTreeSet::new();
    for (packet, tracked) in packets {
        let (in_a, in_b) = (renumbered(numbered, a, packet), renumbered(numbered, b, packet));
        let (of_a, of_b) = (a.first_match(&in_a, *tracked), b.first_match(&in_b, *tracked));
        let pair = (of_a.rule, of_b.rule);
        let hit: Vec<&Difference> = found
            .iter()
            .filter(|found| found.regions.iter().any(|region| region.contains(&in_a, *tracked)))
            .collect();
        if of_a.action != of_b.action {
            differing.insert(pair);
            let pairs: Vec<_> = hit.iter().map(|found| (found.first, found.second)).collect();
            assert_eq!(pairs, [pair], "{packet:?} {case}\n{a}\n{b}");
        } else {
            assert!(hit.is_empty(), "{packet:?} {hit:?} {case}\n{a}\n{b}");
        }
    }
    for found in &found {
        assert!(differing.contains(&(found.first, found.second)), "{found:?} {case}\n{a}\n{b}");
        let decide = |rules: &RuleSet, witness: &portcullis::analysis::Witness| {
            let decision = rules.first_match(&witness.packet, witness.tracked);
            (*decision.action, decision.rule)
        };
        let (of_a, of_b) = (decide(a, &found.witness), decide(b, &found.witness_in_second));
        assert_eq!((of_a.1, of_b.1), (found.first, found.second), "{case}");
        assert_ne!(of_a.0, of_b.0, "{case}");
    }
    found.len()
}

#[test]
fn unrelated_rule_sets() {
    let mut counts = [0, 0];
    for seed in seeds(50) {
        let mut rng = Rng::new(seed);
        let fields = some_fields(&mut rng);
        let (a, b) = (rule_set(&mut rng, &fields, 6), rule_set(&mut rng, &fields, 6));
        let found = compare(&a, &b, &all_packets(&a, &fields), &a, &format!("seed {seed}"));
        counts[usize::from(found > 0)] += 1;
    }
    assert!(counts[1] > 20, "{counts:?}");
}

/// Two hundred edits, one at a time: each that changes a decision is found, each that does not is
/// not.
#[test]
fn single_edits() {
    let (mut changing, mut idle) = (0, 0);
    for seed in seeds(200) {
        let mut rng = Rng::new(seed);
        let mut fields = some_fields(&mut rng);
        fields.truncate(1);
        fields.extend([Asked::Src, Asked::DstPort]);
        fields.sort_by_key(|field| *field as u8);
        fields.dedup();
        if !is_long() && variants_of(&fields) > 180 {
            fields = vec![Asked::Src, Asked::DstPort];
        }
        let a = rule_set(&mut rng, &fields, 5);
        let b = edited(&mut rng, &a, &fields);
        let mut packets = all_packets(&a, &fields);
        let all = is_long() || seed % 5 == 0 || asks_kind(&a) || asks_kind(&b);
        packets.retain(|judged| all || is_plain(judged));
        let case = format!("seed {seed}");
        let found = compare(&a, &b, &packets, &a, &case);
        changing += u32::from(found > 0);
        idle += u32::from(found == 0);
        assert_eq!(Analysis::new(&b).difference(&a).unwrap().len(), found, "{case}");
        assert!(Analysis::new(&a).is_equivalent(&a).unwrap());
    }
    assert!(changing > 30 && idle > 30, "{changing} {idle}");
}

/// Whether a rule tells kinds of packets apart that are not plain.
fn asks_kind(rules: &RuleSet) -> bool {
    let text = rules.to_string();
    text.contains("malformed") || text.contains("fragment")
}

/// Drops a rule, widens its addresses, shifts its ports, swaps two rules, adds one or turns the
/// default.
fn edited(rng: &mut Rng, rules: &RuleSet, fields: &[Asked]) -> RuleSet {
    let ids = all_rules(rules);
    let base = ids.iter().filter(|id| id.chain == portcullis::ChainId::BASE).count();
    let chosen = if rng.percent(80) { ids[rng.below(base.max(1))] } else { rng.pick(&ids) };
    let kind = rng.below(12);
    if kind < 2 {
        return without(rules, chosen);
    }
    let mut copy = RuleSet::new(*rules.default_action());
    for chain in &rules.chains()[1..] {
        copy.add_chain(chain.name());
    }
    if kind == 11 {
        copy.set_default(Action::Accept);
    }
    let next = RuleId::new(chosen.chain, chosen.index + 1);
    for id in ids {
        let mut changed = rules.rule(id).unwrap().clone();
        match kind {
            2..6 if id == chosen => {
                let wide = |range: &IpRange| range.prefix().and_then(|net| net.supernet());
                let items = changed.criteria.src.items().iter();
                let items: Vec<IpRange> =
                    items.map(|range| wide(range).map_or(*range, IpRange::from)).collect();
                if !items.is_empty() {
                    changed.criteria.src = items.into();
                }
            }
            6..8 if id == chosen => {
                let shift = |span: &PortRange| PortRange::from(span.first() + 1..=span.last() + 1);
                let items: Vec<_> = changed.criteria.dst_port.items().iter().map(shift).collect();
                if !items.is_empty() {
                    changed.criteria.dst_port = items.into();
                }
            }
            8..10 if id == chosen && rules.rule(next).is_some() => {
                changed = rules.rule(next).unwrap().clone();
            }
            8..10 if id == next => changed = rules.rule(chosen).unwrap().clone(),
            10 if id == chosen => {
                copy.push_to(id.chain, rule(rng, fields, &[]));
            }
            _ => {}
        }
        copy.push_to(id.chain, changed);
    }
    copy
}

fn shown(a: &str, b: &str) -> Vec<String> {
    let (a, b) = (rules(a), rules(b));
    let show = |found: &Difference| {
        let regions: Vec<_> = found.regions.iter().map(ToString::to_string).collect();
        let (first, second) = (name(&a, found.first), name(&b, found.second));
        format!("{first} / {second}: {}", regions.join("; "))
    };
    Analysis::new(&a).difference(&b).unwrap().iter().map(show).collect()
}

#[test]
fn differences_are_said_in_the_words_of_rules() {
    let before = "
        accept state established, related
        drop tcp from 10.0.0.13 to any port 22
        accept tcp from 10.0.0.0/8 to any port 22, 443 state new
        accept udp to any port 53";
    let after = "
        accept state established, related
        accept tcp from 10.0.0.0/8 to any port 22, 443 state new
        drop tcp from 10.0.0.13 to any port 22
        accept udp to any port 53
        accept udp to any port 123";
    let expected = [
        "base 2 / base 2: tcp from 10.0.0.13 to any port 22 state new",
        "default / base 5: udp to any port 123 state new, invalid, untracked",
    ];
    assert_eq!(shown(before, after), expected);
}

#[test]
fn the_same_rules_under_two_defaults() {
    let text = "accept tcp to any port 22\ndrop udp\n";
    let other = format!("default accept\n{text}");
    let found = shown(text, &other);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("default / default: "), "{found:?}");
    assert_eq!(shown(text, text), [""; 0]);
}

#[test]
fn rule_sets_that_say_the_same_in_other_words() {
    let chains = "
        jump a tcp
        drop any
        chain a
        return to any port not 22, 80
        accept any";
    assert_eq!(
        shown(chains, "accept tcp to any port 22\naccept tcp to any port 80\ndrop any"),
        [
            // A jump takes TCP without ports, too: no port of it is another one.
            "a 2 / base 3: tcp with no transport header or a header cut behind its ports",
        ]
    );
}

#[test]
fn interfaces_are_compared_by_name() {
    let a = "accept in wg0\naccept in eth*";
    let b = "accept in eth*\naccept in wg0";
    assert_eq!(shown(a, b), [""; 0]);
    assert_eq!(shown(a, "accept in eth0\naccept in wg0"), ["base 2 / default: in eth*"]);
    let (a, b) = (rules("accept in eth*"), rules("accept in e*"));
    let found = Analysis::new(&a).difference(&b).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].witness.packet.in_interface, None);
    assert_eq!(found[0].witness_in_second.packet.in_interface, b.interface("e*"));
}

#[test]
fn it_gives_up_rather_than_guess() {
    let (a, b) =
        (rules("accept tcp to any port 1-9"), rules("accept tcp to any port 1-8\ndrop udp"));
    let answer = Analysis::new(&a).difference(&b).unwrap();
    assert_eq!(answer.len(), 1);
    for steps in 0..300 {
        match Analysis::new(&a).max_steps(steps).difference(&b) {
            Ok(found) => assert_eq!(found, answer),
            Err(error) => assert!(matches!(error, AnalysisError::GaveUp(_)), "{error}"),
        }
    }
}
