//! iptables.

use std::collections::BTreeMap;

use portcullis::export::iptables::{Saved, to_text};
use portcullis::export::{ExportError, Host};
use portcullis::import::iptables::{Hook, Iptables};
use portcullis::{RuleSet, Tracked};

use super::random::{self, Sent};
use crate::strategies::Rng;

pub(super) fn imported(saved: &Saved) -> Iptables {
    let tables = Iptables::new().ipset_save(&saved.sets);
    let tables = tables.and_then(|tables| tables.v4(&saved.v4)?.v6(&saved.v6));
    tables.unwrap_or_else(|error| panic!("{error}\n{}\n{}", saved.v4, saved.v6))
}

fn exported(rules: &RuleSet, drop: bool) -> Result<Saved, ExportError> {
    to_text(&Host::new().rules(Hook::Forward, rules).drop_unreadable(drop))
}

/// Why rules are refused: all that the module's documentation lists.
const REFUSED: [&str; 25] = [
    "vlan",
    "zone",
    "predicate",
    "fragment",
    "malformed",
    "cut-source-port or cut-destination-port",
    "in",
    "out",
    "flags",
    "protocol 0",
    "icmp 255",
    "length",
    "original-from or original-to",
    "status",
    "state",
    "from-endpoint-set or to-endpoint-set",
    "reject",
    "reject with tcp-reset",
    "staged",
    "spend",
    "notrack or zone",
    "comment",
    "return or goto",
    "unreadable packets",
    "set",
];

fn check(rules: &RuleSet, saved: &Saved, sent: &[(Sent, Option<Tracked>)], cut: bool) {
    let again = imported(saved).hook(Hook::Forward).rules;
    super::same(rules, &again, sent, cut, &format!("{}{}", saved.v4, saved.v6));
}

#[test]
fn random_rules_come_back() {
    let cases = super::cases(200);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    let mut exact = [0, 0];
    for seed in 0..cases {
        let mut rng = Rng::new(seed);
        let rules = random::rules(&mut rng, if seed % 4 == 0 { 30 } else { 0 }, false);
        let sent = random::sent(&mut rng, &rules, 40);
        for drop in [false, true] {
            match exported(&rules, drop) {
                Ok(saved) => {
                    exact[usize::from(drop)] += 1;
                    check(&rules, &saved, &sent, !drop);
                }
                Err(error) => *refused.entry(error.what().into()).or_default() += 1,
            }
        }
    }
    let unknown: Vec<_> = refused.keys().filter(|what| !REFUSED.contains(&&***what)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    println!("{exact:?} of {cases} written; refused {refused:?}");
    let enough = exact[0] > cases as usize / 20 && exact[1] > cases as usize / 3;
    assert!(enough, "{exact:?} {refused:?}");
}

/// Rules that pass a packet by whose header is cut short, and accept it later.
#[test]
fn packets_that_cannot_be_read_are_decided_alike_or_named() {
    let rules: RuleSet = "
        default accept
        drop tcp to any port 23
    "
    .parse()
    .unwrap();
    let error = exported(&rules, false).unwrap_err();
    assert_eq!((error.what(), error.rule().unwrap().index), ("unreadable packets", 0));
    assert!(error.why().contains("Host::drop_unreadable"), "{error}");
    assert!(exported(&rules, true).is_ok());

    let said = "
        default accept
        drop tcp malformed short-transport, short-ports, tiny-fragment
        drop malformed extension-headers
        drop tcp to any port 23
    ";
    let rules: RuleSet = said.parse().unwrap();
    let saved = exported(&rules, false).unwrap();
    assert!(saved.v4.contains("-A FORWARD -p tcp -m tcp\n"), "{}", saved.v4);
    assert!(saved.v4.contains("-A FORWARD -p tcp -m tcp --dport 23 -j DROP\n"), "{}", saved.v4);
}

#[test]
fn alternatives_become_lists_rules_and_chains() {
    let rules: RuleSet = "
        default reject
        count from 10.0.0.0/8, 192.0.2.1-192.0.2.3 in not eth0, wg* comment \"a \\\"b\\\"\"
        accept tcp from not 10.0.0.0/8 to any port 1-2, 5, 7 state new
        chain later
        return mark 1/3
        mark 5/7 udp to 192.0.2.0/24 port 53
    "
    .parse()
    .unwrap();
    let saved = exported(&rules, true).unwrap();
    let expected = include_str!("alternatives.txt");
    assert_eq!(saved.v4, expected, "{}", saved.v4);
}
