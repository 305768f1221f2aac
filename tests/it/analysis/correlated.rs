use portcullis::analysis::{Analysis, Reach};
use portcullis::{Action, RuleId, RuleSet, Target};

use super::small::{Asked, Candidates, all_packets, rule_set};
use super::{name, rules, seeds};
use crate::strategies::Rng;

/// Of a single chain of rules that decide: the pairs are those of which some packet matches both and
/// is decided by the first, while neither matches only what the other does.
#[test]
fn pairs_are_those_that_brute_force_finds() {
    let mut count = 0;
    for seed in seeds(60) {
        let mut rng = Rng::new(seed);
        let fields = [Asked::SrcPort, Asked::DstPort];
        let mut rules = RuleSet::new(Action::Drop);
        for rule in rule_set(&mut rng, &fields, 10).chains()[0].rules() {
            if let Target::Action(_) = rule.target {
                rules.push(rule.clone());
            }
        }
        let packets = all_packets(&rules, &fields);
        let reach = Analysis::new(&rules).reach().unwrap();
        let found = Analysis::new(&rules).correlated(usize::MAX).unwrap();
        for pair in &found {
            let decision = rules.first_match(&pair.witness.packet, pair.witness.tracked);
            assert_eq!(decision.rule, Some(pair.first), "seed {seed}");
            let second = Candidates::new(&rules, pair.second);
            assert!(second.has(&(pair.witness.packet, None)), "seed {seed}");
        }
        count += found.len();
        for second in 0..rules.len() as u32 {
            for first in 0..second {
                let [first, second] =
                    [first, second].map(|i| RuleId::new(portcullis::ChainId::BASE, i));
                let is_found = found.iter().any(|p| (p.first, p.second) == (first, second));
                let [of_first, of_second] =
                    [first, second].map(|rule| Candidates::new(&rules, rule));
                let target = |rule| &rules.rule(rule).unwrap().target;
                let both = |judged: &&_| of_first.has(judged) && of_second.has(judged);
                let decided = |judged: &(_, _)| rules.first_match(&judged.0, judged.1).rule;
                let meet = packets.iter().filter(both).any(|judged| decided(judged) == Some(first));
                // What holds of all packets may not show from the criteria alone.
                let apart = packets.iter().any(|j| of_first.has(j) && !of_second.has(j))
                    && packets.iter().any(|j| of_second.has(j) && !of_first.has(j));
                let expected = target(first) != target(second) && meet;
                let case = format!("seed {seed}: {first} and {second}\n{rules}");
                assert!(!is_found || expected, "{case}");
                // A rule behind one that takes everything need not be there.
                let live = matches!(reach[second.index as usize].1, Reach::Matches(_));
                assert!(is_found || !(expected && apart && live), "{case}");
            }
        }
    }
    assert!(count > 10, "{count}");
}

#[test]
fn order_matters_only_where_both_match() {
    let rules = rules(
        "accept tcp from 10.0.0.0/8
         drop tcp to any port 23
         drop tcp from 10.1.0.0/16
         accept udp
         drop to any port 53",
    );
    let found = Analysis::new(&rules).correlated(10).unwrap();
    let shown: Vec<_> = found
        .iter()
        .map(|pair| {
            format!("{}, {}", name(&rules, Some(pair.first)), name(&rules, Some(pair.second)))
        })
        .collect();
    assert_eq!(shown, ["base 1, base 2", "base 1, base 5", "base 4, base 5"]);
    assert_eq!(Analysis::new(&rules).correlated(2).unwrap().len(), 2);
    assert_eq!(Analysis::new(&rules).correlated(0).unwrap().len(), 0);
}
