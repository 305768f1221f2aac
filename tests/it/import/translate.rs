//! Imported rules as text, and read back: all of the recordings' rules, and those of real hosts.

use std::path::Path;

use portcullis::RuleSet;
use portcullis::import::iptables::{Hook, Iptables};

use crate::linux::vectors;

/// Rules that are printed and read back are the same rules, in the same chains.
fn round_trip(rules: &RuleSet) -> usize {
    let text = rules.to_string();
    let again: RuleSet = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(again.default_action(), rules.default_action());
    assert_eq!(again.chains().len(), rules.chains().len());
    for (found, expected) in again.chains().iter().zip(rules.chains()) {
        assert_eq!(found.rules(), expected.rules(), "{text}");
    }
    rules.len()
}

#[test]
fn the_rules_of_all_recordings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    let own: [ipnet::IpNet; 2] =
        ["192.0.2.254/24".parse().unwrap(), "2001:db8::254/64".parse().unwrap()];
    let mut counts = (0, 0);
    for file in ["a-hand", "a-random", "b-tcp", "c-other", "d-conversations", "d-rules"] {
        for case in vectors::read(&folder.join(format!("{file}.jsonl.gz"))).unwrap() {
            let case = case.unwrap();
            let mut tables = Iptables::new().local(own).ipset_save(&case.ipset).unwrap();
            tables = tables.v4(case.rules_v4.as_deref().unwrap_or("")).unwrap();
            tables = tables.v6(case.rules_v6.as_deref().unwrap_or("")).unwrap();
            counts.0 += 1;
            for hook in [Hook::Input, Hook::Forward, Hook::Output] {
                let hook = tables.hook(hook);
                let raw = hook.raw.as_ref().map_or(0, round_trip);
                counts.1 += raw + round_trip(&hook.rules);
            }
        }
    }
    assert_eq!(counts.0, 435);
    assert!(counts.1 > 6_000, "{counts:?}");
}
