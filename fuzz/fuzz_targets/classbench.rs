//! ClassBench filters and headers: reading never panics, an error shows a place of the text, and what
//! is read decides, compiled, as `RuleSet::first_match` does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::import::ImportError;
use portcullis::import::classbench::{HeaderBits, parse, parse_trace};
use portcullis::{Config, Packet, StatelessMatcher};

fuzz_target!(|text: &str| {
    for bits in [HeaderBits::Match, HeaderBits::FiveTuple] {
        match parse(text, bits) {
            Ok(rules) => {
                let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
                let packet =
                    Packet::udp("10.0.0.1:53".parse().unwrap(), "192.0.2.1:53".parse().unwrap());
                let packet = packet.unwrap();
                assert_eq!(matcher.classify(&packet).rule, rules.first_match(&packet, None).rule);
            }
            Err(error) => shown(&error, text),
        }
    }
    if let Err(error) = parse_trace(text) {
        shown(&error, text);
    }
});

/// The error names a place that the text has.
fn shown(error: &ImportError, text: &str) {
    assert!(error.line() >= 1 && error.line() <= text.lines().count().max(1));
    assert!(error.column() <= error.source_line().chars().count() + 1);
}
