//! Policies as JSON.

use portcullis::policy::Policy;
use proptest::prelude::*;
use serde_json::{from_str, to_string};

use super::random::policy;
use crate::strategies::{Rng, Shape, case, seeds};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn policies_come_back(seed in seeds()) {
        let (drawn, _) = case(seed, &Shape::STATEFUL);
        let policy = policy(&mut Rng::new(seed), &drawn);
        let json = to_string(&policy).unwrap();
        prop_assert_eq!(from_str::<Policy>(&json).unwrap(), policy);
    }
}

const JSON: &str = r#"{"default":"accept","capacity_limit":100,
"sets":[{"name":"bad","elements":{"prefixes":["198.51.100.0/24"]}}],"entries":[
{"priority":1,"rule":{"name":"flood","rule":{"criteria":{"protocol":["udp"]},"target":{"action":"drop"}},
"rate":{"limit":2000,"window":{"secs":300,"nanos":0},"by":{"source":{"v4":32,"v6":64},"destination":null,
"source_port":false,"destination_port":false,"protocol":false,"callers_key":false},
"capacity":65536,"when_full":"match"}}},
{"priority":2,"group":{"name":"g","rules":[
{"priority":0,"rule":{"name":"a","rule":{"criteria":{},"target":{"continue":"count"}},"labels":["x:y"]}},
{"priority":9,"rule":{"name":"b","rule":{"criteria":{"src":["10.0.0.0/8"]},"target":{"action":"drop"}},
"labelled":[["x:*","z"]],"not_labelled":[["x:z"]]}}]},
"overrides":{"count_group":true,"rules":{"b":{"staged":"drop"}}}}]}"#;

#[test]
fn the_form_of_a_policy() {
    let policy: Policy = from_str(JSON).unwrap();
    assert_eq!(to_string(&policy).unwrap(), JSON.replace('\n', ""));
    let short = r#"{"default":"drop","entries":[{"priority":1,"group":{"name":"g","rules":[]}}]}"#;
    let policy: Policy = from_str(short).unwrap();
    assert_eq!((policy.capacity(), policy.capacity_limit()), (0, 5000));
}

#[test]
fn what_policies_refuse_is_not_read() {
    let cases = [
        (r#""priority":1,"#, r#""priority":1,"odd":1,"#, "unknown field `odd`"),
        (r#""limit":2000"#, r#""limit":2000,"odd":1"#, "unknown field `odd`"),
        (r#""v6":64"#, r#""v6":64,"odd":1"#, "unknown field `odd`"),
        (r#""source_port":false"#, r#""odd":false"#, "unknown field `odd`"),
        (r#""count_group":true"#, r#""odd":true"#, "unknown field `odd`"),
        (r#""labels":["x:y"]"#, r#""odd":["x:y"]"#, "unknown field `odd`"),
        (r#""name":"g","#, r#""name":"g","odd":1,"#, "unknown field `odd`"),
        (r#""capacity_limit":100"#, r#""odd":100"#, "unknown field `odd`"),
        (r#""priority":2,"#, r#""priority":1,"#, "`g` has priority 1, which `flood` has"),
        (r#""priority":9,"#, r#""priority":0,"#, "`b` has priority 0, which `a` has"),
        (r#"{"b":{"staged""#, r#"{"c":{"staged""#, "group `g` has no rule `c` to override"),
        (r#""name":"g""#, r#""name":"flood""#, "there is another `flood`"),
        ("10.0.0.0/8", "10.0.0.1/8", "10.0.0.1/8"),
        ("198.51.100.0/24", "198.51.100.0-198.51.100.2", "is no prefix"),
        (r#""rule":{"name":"flood""#, r#""overrides":{},"rule":{"name":"flood""#, "or a `group`"),
    ];
    for (from, to, expected) in cases {
        assert!(JSON.contains(from), "{from}");
        let json = JSON.replacen(from, to, 1);
        let error = from_str::<Policy>(&json).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}
