//! One rule set, compiled and by definition.

use std::fmt::Debug;

use portcullis::conntrack::{Conntrack, Lookup, Time};
use portcullis::packet::Refused;
use portcullis::{
    Backend, Config, Decision, FlowKey, Packet, RuleSet, StatefulMatcher, StatelessMatcher, Tracked,
};

/// Every backend that this processor has, with hardly any memory and with the default budget.
pub(super) fn configs() -> Vec<Config> {
    [Backend::Scalar, Backend::Avx2, Backend::Avx512]
        .into_iter()
        .filter(|backend| backend.is_available())
        .map(|backend| Config::new().backend(backend))
        .flat_map(|config| [config.clone().memory_budget(1), config])
        .collect()
}

/// What a stateless matcher first says otherwise than the definition: of a packet, of its flow
/// key, of it in a batch.
pub(super) fn stateless<A: Clone + PartialEq + Debug>(
    rules: &RuleSet<A>,
    config: &Config,
    packets: &[Packet],
) -> Option<String> {
    let matcher = StatelessMatcher::compile(rules, config).unwrap_or_else(|e| panic!("{e}"));
    let batch = in_batches(&matcher, packets);
    let keys: Vec<FlowKey> = packets.iter().map(Packet::flow_key).collect();
    let mut of_keys = batch.clone();
    matcher.classify_keys(&keys, &mut of_keys);
    packets.iter().zip(batch).zip(of_keys).find_map(|((packet, in_batch), of_key)| {
        let expected = rules.first_match(packet, None);
        let key = packet.flow_key();
        differs("classify", packet, matcher.classify(packet), expected)
            .or_else(|| differs("classify_batch", packet, in_batch, expected))
            .or_else(|| {
                let packet = Packet::from(key);
                let expected = rules.first_match(&packet, None);
                differs("classify_key", &packet, matcher.classify_key(&key), expected)
                    .or_else(|| differs("classify_keys", &packet, of_key, expected))
            })
    })
}

/// What a stateful matcher first says otherwise than the definition, of packets that are at these
/// places of their connections.
pub(super) fn stateful(
    rules: &RuleSet,
    config: &Config,
    packets: &[(Packet, Tracked)],
) -> Option<String> {
    let oracle = Oracle(Lookup::invalid());
    let mut matcher = StatefulMatcher::compile(rules, oracle, config).unwrap();
    packets.iter().find_map(|(packet, tracked)| {
        matcher.conntrack_mut().0.tracked = *tracked;
        let got = matcher.classify(packet, Time::from_secs(0));
        let expected = rules.first_match(packet, Some(*tracked));
        differs("stateful classify", packet, got, expected)
    })
}

fn in_batches<'m, A: Debug>(
    matcher: &'m StatelessMatcher<'_, A>,
    packets: &[Packet],
) -> Vec<Decision<'m, A>> {
    let Some(first) = packets.first() else { return Vec::new() };
    let mut decisions = vec![matcher.classify(first); packets.len()];
    for (packets, decisions) in packets.chunks(21).zip(decisions.chunks_mut(21)) {
        matcher.classify_batch(packets, decisions);
    }
    decisions
}

fn differs<A: PartialEq + Debug>(
    call: &str,
    packet: &Packet,
    got: Decision<'_, A>,
    expected: Decision<'_, A>,
) -> Option<String> {
    let shown = || format!("{call}: {packet}\n{packet:?}\nsaid     {got:?}\nexpected {expected:?}");
    (got != expected).then(shown)
}

/// Says of every packet what the test wants.
struct Oracle(Lookup);

impl Conntrack for Oracle {
    fn look_up(&mut self, _: &Packet, _: Time) -> Lookup {
        self.0
    }

    fn confirm(&mut self, _: &Packet, _: Time) -> Result<(), Refused> {
        Ok(())
    }
}
