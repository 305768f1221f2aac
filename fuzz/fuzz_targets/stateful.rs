//! Connection states as criteria: a rule that asks for a state decides exactly its packets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::{Action, Addrs, ConnState, Packet, Protocol, Rule, RuleSet, Tracked};

fuzz_target!(|input: (u8, u8, u8)| {
    let (asked, state, protocol) = input;
    let asked = ConnState::ALL[usize::from(asked) % ConnState::ALL.len()];
    let state = ConnState::ALL[usize::from(state) % ConnState::ALL.len()];
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().state(asked));
    let addrs = Addrs::V4 { src: [10, 0, 0, 1].into(), dst: [10, 0, 0, 2].into() };
    let packet = Packet::new(addrs, Protocol(protocol));
    let decision = rules.first_match(&packet, Some(Tracked::new(state, None)));
    assert_eq!(decision.rule.is_some(), asked == state);
});
