//! Answers about rules, compared with the definition and with brute force.

mod claims;
mod correlated;
mod difference;
mod explain;
mod query;
mod reach;
mod redundant;
mod rulesets;
mod small;

use portcullis::{RuleId, RuleSet};

use small::renumbered;

fn rules(text: &str) -> RuleSet {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// A rule as its chain's name and its place counted from 1; `default` for none.
fn name(rules: &RuleSet, rule: Option<RuleId>) -> String {
    match rule {
        Some(id) => format!("{} {}", rules.chain(id.chain).unwrap().name(), id.index + 1),
        None => "default".into(),
    }
}

/// So many seeds, ten times as many with `PORTCULLIS_LONG=1`.
fn seeds(count: u64) -> std::ops::Range<u64> {
    0..if is_long() { 10 * count } else { count }
}

/// Whether there is time: `PORTCULLIS_LONG=1`.
fn is_long() -> bool {
    std::env::var_os("PORTCULLIS_LONG").is_some_and(|long| long == "1")
}
