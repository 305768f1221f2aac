//! nftables.

use std::collections::BTreeMap;

use portcullis::RuleSet;
use portcullis::export::nft::to_json;
use portcullis::export::{ExportError, Host};
use portcullis::import::nft::{Hook, Nftables};

use super::random;
use crate::strategies::Rng;

pub(super) fn imported(listing: &str) -> Nftables {
    Nftables::new().read(listing).unwrap_or_else(|error| panic!("{error}\n{listing}"))
}

fn exported(rules: &RuleSet) -> Result<String, ExportError> {
    to_json(&Host::new().rules(Hook::Forward, rules))
}

/// Why rules are refused: all that the module's documentation lists.
const REFUSED: [&str; 20] = [
    "vlan",
    "zone",
    "predicate",
    "port",
    "protocol",
    "original ports",
    "fragment",
    "malformed",
    "cut-source-port or cut-destination-port",
    "in",
    "out",
    "state",
    "from-endpoint-set or to-endpoint-set",
    "reject",
    "reject with tcp-reset",
    "staged",
    "spend",
    "notrack or zone",
    "comment",
    "return or goto",
];

#[test]
fn random_rules_come_back() {
    let cases = super::cases(200);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    let mut written = 0;
    for seed in 0..cases {
        let mut rng = Rng::new(seed);
        let rules = random::rules(&mut rng, if seed % 4 == 0 { 30 } else { 0 }, true);
        let sent = random::sent(&mut rng, &rules, 40);
        match exported(&rules) {
            Ok(listing) => {
                written += 1;
                let again = imported(&listing).hook(Hook::Forward).rules;
                super::same(&rules, &again, &sent, true, &listing);
            }
            Err(error) => *refused.entry(error.what().into()).or_default() += 1,
        }
    }
    let unknown: Vec<_> = refused.keys().filter(|what| !REFUSED.contains(&&***what)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    println!("{written} of {cases} written; refused {refused:?}");
    assert!(written > cases as usize / 3, "{written} {refused:?}");
}
