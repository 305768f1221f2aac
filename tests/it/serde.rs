//! Rules and decisions as JSON, by serde.

use portcullis::packet::{ConnFlag, ConnStatus};
use portcullis::rule::{AnyOf, Effect, IpRange, Masked, PortRange};
use portcullis::{
    Action, Config, ConnState, Decision, Direction, FlowKey, Packet, Reject, Rule, RuleId, RuleSet,
    StatelessMatcher, Tracked,
};
use proptest::prelude::*;
use serde_json::{from_str, to_string};

use crate::strategies::{Shape, case, seeds};
use crate::text::EVERYTHING;

fn rule(json: &str) -> Rule {
    from_str(json).unwrap()
}

#[track_caller]
fn refused<'t, T: serde::Deserialize<'t>>(json: &'t str, expected: &str) {
    match from_str::<T>(json) {
        Ok(_) => panic!("{json} is read"),
        Err(error) => assert!(error.to_string().contains(expected), "{json}: {error}"),
    }
}

proptest! {
    #[test]
    fn rule_sets_come_back(seed in seeds()) {
        let (rules, _) = case(seed, &Shape::STATEFUL);
        let json = to_string(&rules).unwrap();
        prop_assert_eq!(from_str::<RuleSet>(&json).unwrap(), rules);
    }

    #[test]
    fn no_json_panics(text in any::<String>(), at in any::<usize>()) {
        let json = to_string(&EVERYTHING.parse::<RuleSet>().unwrap()).unwrap();
        let at = at % json.len();
        if json.is_char_boundary(at) {
            let (before, after) = json.split_at(at);
            let _ = from_str::<RuleSet>(&[before, &text, after].concat());
        }
    }
}

#[test]
fn everything_that_text_can_say_comes_back() {
    let rules: RuleSet = EVERYTHING.parse().unwrap();
    let json = to_string(&rules).unwrap();
    assert_eq!(from_str::<RuleSet>(&json).unwrap(), rules);
}

#[test]
fn interfaces_are_numbered_again() {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().in_interface("eth0"));
    let read: RuleSet = from_str(&to_string(&rules).unwrap()).unwrap();
    let mut packet =
        Packet::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).unwrap();
    packet.in_interface = read.interface("eth0");
    assert_eq!(*read.first_match(&packet, None).action, Action::Accept);
}

#[test]
fn the_form_of_a_rule() {
    let text = "reject with tcp-reset tcp from 10.0.0.0/8, 192.0.2.1-192.0.2.9 to not 2001:db8::1 \
                port 22, 8000-8099 icmp type 3/4 flags syn/syn,ack in \"eth0 a\" state new \
                original-to 192.0.2.7 dscp 46 mark 0x1/0xff predicate 3 comment \"why\"";
    let rule: Rule = text.parse().unwrap();
    let json = to_string(&rule).unwrap();
    let expected = concat!(
        r#"{"criteria":{"original":{"dst":["192.0.2.7"]},"#,
        r#""src":["10.0.0.0/8","192.0.2.1-192.0.2.9"],"dst":{"not":["2001:db8::1"]},"#,
        r#""protocol":["tcp"],"dst_port":[22,"8000-8099"],"icmp":["3/4"],"#,
        r#""tcp_flags":["syn/syn,ack"],"in_interface":["eth0 a"],"state":["new"],"dscp":[46],"#,
        r#""mark":["0x1/0xff"],"predicate":[3]},"#,
        r#""target":{"action":{"reject":"tcp-reset"}},"comment":"why"}"#,
    );
    assert_eq!(json, expected);
    assert_eq!(from_str::<Rule>(&json).unwrap(), rule);
}

#[test]
fn targets_and_effects() {
    let cases = [
        (r#"{"target":{"action":"drop"}}"#, Rule::drop()),
        (
            r#"{"target":{"action":{"reject":"port-unreachable"}}}"#,
            Rule::reject(Reject::PortUnreachable),
        ),
        (r#"{"target":"return"}"#, Rule::return_()),
        (r#"{"target":{"continue":"notrack"}}"#, Rule::continue_with(Effect::NoTrack)),
        (r#"{"target":{"continue":{"zone":7}}}"#, Rule::continue_with(Effect::Zone(7))),
        (
            r#"{"target":{"continue":{"mark":"0x1/0xff"}}}"#,
            Rule::continue_with(Effect::Mark(Masked::new(1, 0xff))),
        ),
    ];
    for (json, expected) in cases {
        assert_eq!(rule(json), expected, "{json}");
        let full = json.replacen('{', r#"{"criteria":{},"#, 1);
        assert_eq!(to_string(&expected).unwrap(), full);
    }
}

#[test]
fn alternatives() {
    let ports = |json: &str| from_str::<AnyOf<PortRange>>(json).unwrap();
    assert_eq!(ports("[]"), AnyOf::one_of([]));
    assert_eq!(ports(r#"{"not":[]}"#), AnyOf::none_of([]));
    assert_eq!(ports("null"), AnyOf::any());
    assert_eq!(
        ports(r#"[22, "22", "1-2"]"#),
        AnyOf::from([22..=22, 22..=22, 1..=2].map(PortRange::from))
    );
    for any in [AnyOf::any(), AnyOf::one_of([]), AnyOf::none_of([PortRange::from(1)])] {
        assert_eq!(ports(&to_string(&any).unwrap()), any);
    }
    assert_eq!(rule(r#"{"target":"return","criteria":{"src_port":null}}"#), Rule::return_());
}

#[test]
fn what_nobody_knows_is_refused() {
    refused::<Rule>(r#"{"target":"return","criteria":{"port":[1]}}"#, "unknown field `port`");
    refused::<Rule>(
        r#"{"target":"return","criteria":{"original":{"mark":[1]}}}"#,
        "unknown field `mark`",
    );
    refused::<Rule>(r#"{"target":"return","remark":"x"}"#, "unknown field `remark`");
    refused::<Rule>(r#"{"target":{"action":"allow"}}"#, "unknown variant `allow`");
    refused::<Rule>(r#"{"target":{"leap":1}}"#, "unknown variant `leap`");
    refused::<Rule>(r#"{"criteria":{}}"#, "missing field `target`");
    refused::<Rule>(r#"{"target":"return","target":"return"}"#, "duplicate field `target`");
    refused::<RuleSet>(r#"{"default":"drop","chains":[],"rules":[]}"#, "unknown field `rules`");
    refused::<RuleSet>(r#"{"chains":[]}"#, "missing field `default`");
    refused::<RuleSet>(
        r#"{"default":"drop","chains":[{"name":"x","rules":[]}]}"#,
        "has to be called `base`",
    );
    refused::<RuleSet>(
        r#"{"default":"drop","chains":[{"name":"base","rules":[],"policy":1}]}"#,
        "unknown field `policy`",
    );
    refused::<AnyOf<PortRange>>(r#"{"nor":[]}"#, "unknown field `nor`");
    refused::<AnyOf<PortRange>>("{}", "missing field `not`");
    refused::<AnyOf<PortRange>>(r#"{"not":[],"not":[]}"#, "duplicate field `not`");
    refused::<RuleId>(r#"{"chain":0,"index":1,"line":2}"#, "unknown field `line`");
}

#[test]
fn values_that_text_would_not_take_are_refused() {
    let cases = [
        (r#"["10.0.0.1/8"]"#, "a prefix without bits beyond its length"),
        (r#"["10.0.0.9-10.0.0.1"]"#, "a range from low to high"),
        (r#"["10.0.0.1, 10.0.0.2"]"#, "expected nothing more"),
        (r#"["10.0.0.1 # x"]"#, "expected nothing more"),
        (r#"[""]"#, "an address, a prefix or a range of addresses"),
        ("[7]", "an address, a prefix or a range of addresses"),
        ("[[]]", "a string or a number"),
    ];
    for (json, expected) in cases {
        refused::<AnyOf<IpRange>>(json, expected);
    }
    refused::<AnyOf<PortRange>>("[65536]", "from 0 to 65535");
    refused::<AnyOf<PortRange>>("[-1]", "a string or a number");
    refused::<AnyOf<PortRange>>("[1.5]", "a string or a number");
    refused::<AnyOf<PortRange>>(r#"["022"]"#, "a number without leading zeros");
    refused::<AnyOf<ConnState>>(r#"["establish"]"#, "did you mean `established`?");
}

#[test]
fn actions_of_the_callers_own() {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    enum Verdict {
        Pass,
        Queue(u16),
    }
    let mut rules = RuleSet::new(Verdict::Pass);
    rules.push(Rule::action(Verdict::Queue(3)).to_ports(25));
    let json = to_string(&rules).unwrap();
    assert!(json.contains(r#"{"action":{"Queue":3}}"#), "{json}");
    assert_eq!(from_str::<RuleSet<Verdict>>(&json).unwrap(), rules);
}

#[test]
fn the_form_of_a_decision() {
    let rules: RuleSet = "accept udp".parse().unwrap();
    let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let packet = Packet::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).unwrap();
    let decision = matcher.classify(&packet);
    let expected = r#"{"action":"accept","rule":{"chain":0,"index":0},"tracked":null,"fragment":"whole","malformed":null,"refused":null}"#;
    assert_eq!(to_string(&decision).unwrap(), expected);
    let status = ConnStatus::new().with(ConnFlag::Replied, true).with(ConnFlag::Assured, true);
    let tracked = Tracked::new(ConnState::Established, Some(Direction::Reply)).with_status(status);
    let tracked_json =
        r#"{"state":"established","direction":"reply","status":["replied","assured"]}"#;
    let mut decision: Decision<'_> = decision;
    decision.tracked = Some(tracked);
    assert!(to_string(&decision).unwrap().contains(tracked_json));
    assert_eq!(from_str::<Tracked>(tracked_json).unwrap(), tracked);
}

#[test]
fn flow_keys() {
    let json = r#"{"protocol":"tcp","src":"10.0.0.1:40000","dst":"192.0.2.1:443"}"#;
    let key: FlowKey = from_str(json).unwrap();
    assert_eq!(key.to_string(), "tcp 10.0.0.1:40000 > 192.0.2.1:443");
    assert_eq!(to_string(&key).unwrap(), json);
    let mixed = r#"{"protocol":200,"src":"10.0.0.1:1","dst":"[2001:db8::1]:1"}"#;
    refused::<FlowKey>(mixed, "different IP versions");
}
