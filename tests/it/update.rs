//! Rules that come and go: every snapshot against the definition on the rules of that moment.

mod errors;
mod model;
mod places;
mod random;
mod readers;
mod tiers;

use portcullis::RuleSet;

fn rules(text: &str) -> RuleSet {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}
