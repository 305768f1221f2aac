//! What rules note on the way: the compiled form shows the same as the definition.

use portcullis::rule::Effect;
use portcullis::{Config, RuleId, StatelessMatcher};

use crate::strategies::{Shape, case};

#[test]
fn walking_shows_what_the_definition_shows() {
    let mut shown = 0;
    for seed in 0..200 {
        let (rules, packets) = case(seed, &Shape::STATELESS);
        let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
        for packet in &packets {
            let (mut ours, mut defined) = (Vec::new(), Vec::new());
            let note = |list: &mut Vec<(RuleId, Effect)>, rule, effect| list.push((rule, effect));
            let decision = matcher.walk(packet, |rule, effect| note(&mut ours, rule, effect));
            let definition =
                rules.walk(packet, None, |rule, effect| note(&mut defined, rule, effect));
            assert_eq!(decision, definition, "seed {seed}: {packet}");
            assert_eq!(ours, defined, "seed {seed}: {packet}");
            shown += ours.len();
        }
    }
    assert!(shown > 300, "only {shown} rules noted anything");
}
