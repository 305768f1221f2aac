use portcullis::analysis::Analysis;
use portcullis::{Action, Criteria, Rule, RuleId, RuleSet};

use super::small::{Judged, all_packets, criteria, rule_set, some_fields};
use super::{name, renumbered, rules, seeds};
use crate::strategies::Rng;

#[test]
fn a_packet_is_found_exactly_if_there_is_one_and_regions_have_all_of_them() {
    let (mut found, mut none) = (0, 0);
    for seed in seeds(50) {
        let mut rng = Rng::new(seed);
        let fields = some_fields(&mut rng);
        let rules = rule_set(&mut rng, &fields, 8);
        let asked = criteria(&mut rng, &fields);
        let packets = all_packets(&rules, &fields);
        let action = rng.pick(&[Action::Accept, Action::Drop]);
        let is_wanted = |judged: &&Judged| {
            let decision = rules.first_match(&judged.0, judged.1);
            *decision.action == action && meets(&asked, &rules, judged)
        };
        let analysis = Analysis::new(&rules);
        let witness = analysis.find(&asked, |given, _| *given == action).unwrap();
        let expected = packets.iter().find(is_wanted);
        let case = || format!("seed {seed}: {asked}\n{rules}");
        assert_eq!(witness.is_some(), expected.is_some(), "{expected:?} {}", case());
        if let Some(witness) = witness {
            assert!(is_wanted(&&(witness.packet, witness.tracked)), "{witness} {}", case());
        }
        found += u32::from(witness.is_some());
        none += u32::from(witness.is_none());
        let regions = analysis.regions(&asked, |given, _| *given == action).unwrap();
        for judged in &packets {
            let rule = rules.first_match(&judged.0, judged.1).rule;
            for decided in &regions {
                let holds =
                    |region: &&portcullis::analysis::Region| region.contains(&judged.0, judged.1);
                let is_in = decided.regions.iter().any(|region| holds(&region));
                let expected = decided.rule == rule && is_wanted(&judged);
                assert_eq!(is_in, expected, "{judged:?} by {:?} {}", decided.rule, case());
            }
            let is_somewhere = regions.iter().any(|decided| decided.rule == rule);
            assert!(is_somewhere || !is_wanted(&judged), "{judged:?} {}", case());
        }
    }
    assert!(found > 15 && none > 5, "{found} {none}");
}

/// Whether criteria hold of a packet, by definition.
fn meets(asked: &Criteria, rules: &RuleSet, (packet, tracked): &Judged) -> bool {
    let mut alone = RuleSet::new(Action::Drop);
    let mut rule = Rule::accept();
    rule.criteria = asked.clone();
    alone.push(rule);
    let packet = renumbered(rules, &alone, packet);
    alone.first_match(&packet, *tracked).rule.is_some()
}

fn criteria_of(text: &str) -> Criteria {
    format!("accept {text}").parse::<Rule>().unwrap_or_else(|error| panic!("{error}")).criteria
}

/// Each rule that accepts packets that meet criteria, and which.
fn accepted(rules: &RuleSet, asked: &str) -> Vec<String> {
    let accepts = |action: &Action, _: Option<RuleId>| *action == Action::Accept;
    let found = Analysis::new(rules).regions(&criteria_of(asked), accepts).unwrap();
    let show = |decided: &portcullis::analysis::Decided| {
        let regions: Vec<_> = decided.regions.iter().map(ToString::to_string).collect();
        format!("{}: {}", name(rules, decided.rule), regions.join("; "))
    };
    found.iter().map(show).collect()
}

#[test]
fn regions_are_said_in_the_words_of_rules() {
    let rules = rules(
        "default accept
         drop tcp from 10.0.0.0/8 to any port 22
         accept tcp to any port 20-30
         drop udp to any port not 53
         accept udp from 2001:db8::/32
         drop in eth* vlan 7
         accept icmp type 8 length 0-100
         drop any",
    );
    let cases = [
        ("ipv4 tcp to any port 22", "base 2: ipv4 tcp from not 10.0.0.0/8 to any port 22"),
        ("tcp to any port 30-40", "base 2: tcp to any port 30"),
        (
            "ipv6 udp to any port 50-60 fragment whole",
            "base 4: udp from 2001:db8::/32 to any port 53 fragment whole",
        ),
        ("icmp type 8 vlan 1-7 in eth*", "base 6: in eth* vlan 1-6 icmp type 8 length 0-100"),
    ];
    for (asked, expected) in cases {
        assert_eq!(accepted(&rules, asked).join(" | "), expected, "{asked}");
    }
}

#[test]
fn many_exceptions_stay_exceptions() {
    let mut text = String::from("");
    for i in 0..30 {
        text += &format!("drop tcp from 10.{i}.0.0/16 to 192.0.{i}.0/24 port {}\n", 1000 + 7 * i);
    }
    let rules = rules(&format!("{text}accept tcp to any port 1000-9999"));
    let accepts = |action: &Action, _: Option<RuleId>| *action == Action::Accept;
    let found = Analysis::new(&rules).regions(&criteria_of("tcp"), accepts).unwrap();
    assert_eq!(found.len(), 1);
    let [region] = &found[0].regions[..] else { panic!("{found:?}") };
    assert_eq!(region.exceptions().count(), 30);
    let text = region.to_string();
    assert!(text.starts_with("tcp to any port 1000-9999, except (from 10."), "{text}");
    assert!(text.ends_with(" and 14 more"), "{text}");
}

#[test]
fn names_of_interfaces_in_a_question_alone() {
    let rules = rules("drop in eth0\naccept in eth*");
    assert_eq!(accepted(&rules, "in eth0"), [""; 0]);
    assert_eq!(accepted(&rules, "in eth1"), ["base 2: in eth1"]);
    assert_eq!(accepted(&rules, "in e*"), ["base 2: in eth*"]);
    let accepts = |action: &Action, _: Option<RuleId>| *action == Action::Accept;
    let witness = Analysis::new(&rules).find(&criteria_of("in eth1"), accepts).unwrap().unwrap();
    assert_eq!(witness.packet.in_interface, rules.interface("eth1"));
}

#[test]
fn by_rule_and_by_default() {
    let rules = rules("accept tcp to any port 22\naccept tcp");
    let any = Criteria::default();
    let by =
        |index: u32| move |_: &Action, rule: Option<RuleId>| rule.is_some_and(|r| r.index == index);
    assert!(Analysis::new(&rules).find(&any, by(1)).unwrap().is_some());
    assert!(
        Analysis::new(&rules).find(&criteria_of("tcp to any port 22"), by(1)).unwrap().is_none()
    );
    let default = |_: &Action, rule: Option<RuleId>| rule.is_none();
    let witness = Analysis::new(&rules).find(&any, default).unwrap().unwrap();
    assert_eq!(rules.first_match(&witness.packet, None).rule, None);
}

#[test]
fn questions_with_numbers_that_do_not_exist_are_refused() {
    let rules = rules("accept tcp");
    let mut asked = Criteria::default();
    asked.predicate = 64u8.into();
    assert!(Analysis::new(&rules).find(&asked, |_, _| true).is_err());
}
