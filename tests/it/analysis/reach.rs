use portcullis::analysis::{Agreement, Analysis, AnalysisError, Packets, Reach};
use portcullis::{ChainId, RuleId, RuleSet};

use super::redundant::all_rules;
use super::small::{Asked, Candidates, all_packets, matched, rule_set, some_fields};
use super::{name, renumbered, rules, seeds};
use crate::strategies::{Rng, Shape, case, tracked};

#[test]
fn a_rule_can_match_exactly_if_some_packet_does() {
    let mut counts = [0u32; 4];
    for seed in seeds(45) {
        let mut rng = Rng::new(seed);
        let fields = some_fields(&mut rng);
        let rules = rule_set(&mut rng, &fields, 10);
        let packets = all_packets(&rules, &fields);
        for (rule, reach) in Analysis::new(&rules).reach().unwrap() {
            counts[kind(&reach)] += 1;
            if let Reach::Matches(witness) = reach {
                let judged = (witness.packet, witness.tracked);
                assert!(matched(&rules, &judged).contains(&rule), "seed {seed}: {witness}");
                continue;
            }
            let could = Candidates::new(&rules, rule);
            let found = packets.iter().filter(|judged| could.has(judged));
            let found = found.clone().find(|judged| matched(&rules, judged).contains(&rule));
            assert_eq!(found, None, "seed {seed}: {rule} {reach:?}\n{rules}");
        }
    }
    assert!(counts.iter().all(|count| *count > 5), "{counts:?}");
}

fn kind(reach: &Reach) -> usize {
    match reach {
        Reach::Matches(_) => 0,
        Reach::Shadowed(_) => 1,
        Reach::Contradiction => 2,
        _ => 3,
    }
}

/// Without the rules that are said to shadow a rule, it can match; with them alone before it, it
/// cannot. (In one chain, where nothing else leads elsewhere.)
#[test]
fn what_shadows_a_rule_does() {
    let (mut one, mut several) = (0, 0);
    for seed in seeds(400) {
        let mut rng = Rng::new(seed);
        let fields = [Asked::SrcPort, Asked::DstPort];
        let all = flat(&rule_set(&mut rng, &fields, 14));
        for (rule, reach) in Analysis::new(&all).reach().unwrap() {
            let Reach::Shadowed(shadowed) = reach else { continue };
            one += u32::from(shadowed.by.len() == 1);
            several += u32::from(shadowed.by.len() > 1);
            assert!(!can_match(&all, rule, &shadowed.by), "seed {seed}: {rule}\n{all}");
            for left_out in 0..shadowed.by.len() {
                let mut by = shadowed.by.clone();
                by.remove(left_out);
                assert!(can_match(&all, rule, &by), "seed {seed}: {rule}\n{all}");
            }
        }
    }
    assert!(one > 20 && several > 5, "{one} {several}");
}

/// The rules of the base chain that decide.
fn flat(rules: &RuleSet) -> RuleSet {
    let mut flat = RuleSet::new(*rules.default_action());
    for rule in rules.chains()[0].rules() {
        if let portcullis::Target::Action(_) = rule.target {
            flat.push(rule.clone());
        }
    }
    flat
}

/// Whether a rule can match if only `before` come before it.
fn can_match(rules: &RuleSet, rule: RuleId, before: &[RuleId]) -> bool {
    let mut few = RuleSet::new(*rules.default_action());
    for id in before.iter().chain([&rule]) {
        few.push(rules.rule(*id).unwrap().clone());
    }
    matches!(Analysis::new(&few).reach().unwrap().last().unwrap().1, Reach::Matches(_))
}

/// Rule sets of every kind; what is said never to match is matched by none of many packets.
#[test]
fn large_and_odd_rule_sets() {
    let mut never = 0;
    for seed in seeds(20) {
        let shape = Shape { odd: false, sets: false, ..Shape::STATEFUL };
        let (drawn, packets) = case(seed, &shape);
        let rules = without_original(&drawn);
        let reach = Analysis::new(&rules).reach().unwrap();
        let reach: std::collections::BTreeMap<_, _> = reach.into_iter().collect();
        never += reach.values().filter(|reach| kind(reach) != 0).count();
        let mut rng = Rng::new(seed);
        for packet in packets.into_iter().filter(is_on_the_wire) {
            let Some(tracked) = tracked(&mut rng) else { continue };
            let packet = renumbered(&drawn, &rules, &packet);
            for rule in matched(&rules, &(packet, Some(tracked))) {
                assert_eq!(kind(&reach[&rule]), 0, "seed {seed}: {rule} by {packet:?}\n{rules}");
            }
        }
    }
    assert!(never > 30, "{never}");
}

/// The rules without what is not analysed.
fn without_original(rules: &RuleSet) -> RuleSet {
    let mut copy = RuleSet::new(*rules.default_action());
    for chain in &rules.chains()[1..] {
        copy.add_chain(chain.name());
    }
    for id in all_rules(rules) {
        let mut rule = rules.rule(id).unwrap().clone();
        rule.criteria.original = None;
        copy.push_to(id.chain, rule);
    }
    copy
}

#[test]
fn what_is_not_analysed_is_refused() {
    let rules = rules("accept tcp\naccept original-from 10.0.0.0/8");
    let error = Analysis::new(&rules).reach().unwrap_err();
    assert_eq!(error, AnalysisError::Original(Some(RuleId::new(ChainId::BASE, 1))));
    assert!(error.to_string().starts_with("rule 2 asks for the flow key"), "{error}");
}

/// Other tests' packets may be TCP over nothing, or ICMP of the other family.
fn is_on_the_wire(packet: &portcullis::Packet) -> bool {
    use portcullis::{Addrs, Fragment, Protocol};
    let v4 = matches!(packet.addrs, Addrs::V4 { .. });
    let icmp =
        (packet.protocol == Protocol::ICMP && v4) || (packet.protocol == Protocol::ICMPV6 && !v4);
    let readable = packet.ports.is_some() || packet.icmp_message().is_some();
    let expected = packet.protocol.has_ports() || icmp;
    match packet.fragment {
        Fragment::Later => !readable && packet.malformed.is_none(),
        _ => readable == expected && packet.malformed.is_none(),
    }
}

fn shown(text: &str) -> Vec<String> {
    let rules = rules(text);
    let show = |(rule, reach): (RuleId, Reach)| {
        let reach = match reach {
            Reach::Matches(_) => "matches".into(),
            Reach::Shadowed(shadowed) => {
                let by: Vec<_> = shadowed.by.iter().map(|rule| name(&rules, Some(*rule))).collect();
                format!("behind {} ({:?})", by.join(", "), shadowed.agreement)
            }
            reach => format!("{reach:?}"),
        };
        format!("{}: {reach}", name(&rules, Some(rule)))
    };
    Analysis::new(&rules).reach().unwrap().into_iter().map(show).collect()
}

#[test]
fn one_rule_or_several_together_shadow_another() {
    let text = "
        accept tcp from 10.0.0.0/8
        drop tcp from 10.1.0.0/16 to any port 22
        drop udp to any port 0-1023
        accept udp to any port 1000-65535
        accept udp from 10.0.0.0/8 to any port 999-1100
        accept udp";
    let expected = [
        "base 1: matches",
        "base 2: behind base 1 (Different)",
        "base 3: matches",
        "base 4: matches",
        "base 5: behind base 3, base 4 (Mixed)",
        "base 6: matches",
    ];
    // The last one matches later fragments, which have no ports.
    assert_eq!(shown(text), expected);
}

#[test]
fn jumps_and_returns_are_part_of_it() {
    let text = "
        goto a tcp to any port 22
        drop tcp to any port 22
        jump a udp
        accept udp
        chain a
        return from 10.0.0.0/8
        accept from 10.1.0.0/16
        drop any
        accept any
        chain b
        accept any";
    let expected = [
        "base 1: matches",
        "base 2: behind base 1 (Mixed)",
        "base 3: matches",
        "base 4: matches",
        "a 1: matches",
        "a 2: behind a 1 (Mixed)",
        "a 3: matches",
        "a 4: behind a 3 (Different)",
        "b 1: Unreachable",
    ];
    assert_eq!(shown(text), expected);
}

#[test]
fn criteria_that_no_packet_meets() {
    let text = "
        accept icmp to any port 22
        accept udp flags syn/syn
        accept icmp type 8 from 2001:db8::/32
        accept fragment later to any port 22
        accept from none
        accept from 10.0.0.0/8 to 2001:db8::/32
        jump a tcp
        chain a
        drop udp";
    let expected = [
        "base 1: Contradiction",
        "base 2: Contradiction",
        "base 3: Contradiction",
        "base 4: Contradiction",
        "base 5: Contradiction",
        "base 6: Contradiction",
        "base 7: matches",
        "a 1: Contradiction",
    ];
    assert_eq!(shown(text), expected);
}

#[test]
fn flow_keys_have_ports_whatever_the_protocol() {
    let rules = rules("accept icmp to any port 22\ndrop fragment later\ndrop flags syn/syn");
    let reach = Analysis::new(&rules).packets(Packets::FlowKeys).reach().unwrap();
    assert_eq!(reach.iter().map(|(_, reach)| kind(reach)).collect::<Vec<_>>(), [0, 2, 2]);
    let Reach::Matches(witness) = reach[0].1 else { panic!() };
    assert_eq!(rules.first_match(&witness.packet.flow_key().into(), None).rule, Some(reach[0].0));
}

#[test]
fn marks_that_rules_set_count() {
    let text = "
        mark 1/1 tcp
        accept mark 1/1
        drop tcp
        accept mark 0/1 udp
        accept mark 3/3 udp
        drop mark 2 udp";
    let expected = [
        "base 1: matches",
        "base 2: matches",
        "base 3: behind base 1, base 2 (Mixed)",
        "base 4: matches",
        "base 5: behind base 2 (Same)",
        "base 6: behind base 4 (Different)",
    ];
    assert_eq!(shown(text), expected);
}

#[test]
fn it_gives_up_rather_than_guess() {
    let rules = rules("accept tcp to any port 1-9\ndrop tcp to any port 3");
    let error = Analysis::new(&rules).max_steps(1).reach().unwrap_err();
    let AnalysisError::GaveUp(gave_up) = &error else { panic!("{error}") };
    assert_eq!(gave_up.steps(), 1);
    assert!(error.to_string().starts_with("gave up after 1 steps"), "{error}");
    for steps in 0..200 {
        if let Ok(reach) = Analysis::new(&rules).max_steps(steps).reach() {
            assert_eq!(reach, Analysis::new(&rules).reach().unwrap());
        }
    }
}

#[test]
fn rules_that_cannot_be_compiled_are_refused() {
    let rules = rules("jump a any\nchain a\njump a any");
    let error = Analysis::new(&rules).reach().unwrap_err();
    assert!(matches!(error, AnalysisError::Rules(_)), "{error}");
}

#[test]
fn agreement_is_about_actions() {
    let rules = rules("drop tcp\ndrop tcp to any port 1\naccept tcp to any port 2\nlog tcp");
    let reach = Analysis::new(&rules).reach().unwrap();
    let agreement = reach.iter().filter_map(|(_, reach)| match reach {
        Reach::Shadowed(shadowed) => Some(shadowed.agreement),
        _ => None,
    });
    let expected = [Agreement::Same, Agreement::Different, Agreement::Mixed];
    assert_eq!(agreement.collect::<Vec<_>>(), expected);
}
