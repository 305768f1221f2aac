//! Compiled rule sets: every matcher answers what the linear definition answers.
#![no_main]

mod generate;

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use portcullis::{Action, Backend, Config, Criteria, Packet, RuleSet, StatelessMatcher};

const BACKENDS: [Backend; 3] = [Backend::Scalar, Backend::Avx2, Backend::Avx512];
const TINY_BUDGET: usize = 512;

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let tiny = input.arbitrary().unwrap_or(false);
    let config = if tiny { Config::new().memory_budget(TINY_BUDGET) } else { Config::new() };
    let Ok(rules) = generate::rule_set(&mut input) else { return };
    let Ok(packets) = generate::packets(&mut input, &rules) else { return };
    for backend in BACKENDS {
        compare(&rules, &packets, &config.clone().backend(backend));
    }
});

fn compare(rules: &RuleSet, packets: &[Packet], config: &Config) {
    let refused = rules.check().is_err() || asks_for_state(rules);
    let matcher = match StatelessMatcher::compile(rules, config) {
        Ok(matcher) => matcher,
        Err(error) => return assert!(refused, "{error}: {rules:#?}"),
    };
    assert!(!refused, "compiled what must be refused: {rules:#?}");
    let Some(first) = packets.first() else { return };
    let mut batch = vec![matcher.classify(first); packets.len()];
    matcher.classify_batch(packets, &mut batch);
    for (packet, in_batch) in packets.iter().zip(batch) {
        let expected = rules.first_match(packet, None);
        let context = || format!("{config:?} {packet:#?} {rules:#?}");
        assert_eq!(matcher.classify(packet), expected, "{}", context());
        assert_eq!(in_batch, expected, "in a batch: {}", context());
        let key = packet.flow_key();
        let expected = rules.first_match(&key.into(), None);
        assert_eq!(matcher.classify_key(&key), expected, "by key: {}", context());
    }
}

fn asks_for_state(rules: &RuleSet<Action>) -> bool {
    let mut all = rules.chains().iter().flat_map(|chain| chain.rules());
    all.any(|rule| {
        let Criteria { state, direction, status, original, .. } = &rule.criteria;
        let tracked = [state.is_any(), direction.is_any(), status.is_any()];
        tracked.contains(&false) || original.as_ref().is_some_and(|asked| !asked.is_any())
    })
}
