//! Rules as text: what is read prints as text that is read as the same, errors show their place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::{Rule, RuleSet};

fuzz_target!(|text: &str| {
    match text.parse::<RuleSet>() {
        Ok(rules) => {
            let printed = rules.to_string();
            let again: RuleSet = printed.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again, rules, "{printed}");
            assert_eq!(again.to_string(), printed);
        }
        Err(error) => {
            assert!(error.line() >= 1 && error.line() <= text.lines().count().max(1));
            assert!(error.column() <= error.source_line().chars().count() + 1);
            assert!(error.to_string().lines().count() == 3, "{error}");
        }
    }
    if let Ok(rule) = text.parse::<Rule>() {
        assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
    }
});
