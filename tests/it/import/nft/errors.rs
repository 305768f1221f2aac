//! What cannot be read: the path and the message; what a lenient import leaves out.

use portcullis::import::nft::Nftables;

/// A listing of one forward chain with one rule of these statements.
fn listing(statements: &str) -> String {
    format!(
        r#"{{ "nftables": [
        {{ "table": {{ "family": "inet", "name": "t" }} }},
        {{ "chain": {{ "family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "forward", "prio": 0, "policy": "drop" }} }},
        {{ "rule": {{ "family": "inet", "table": "t", "chain": "c", "expr": [ {statements} ] }} }}
    ] }}"#
    )
}

/// Statements, the path below the rule, and the message.
const RULES: &[(&str, &str, &str)] = &[
    (r#"{ "queue": null }"#, ".expr[0]", "the statement `queue` is not supported"),
    (
        r#"{ "match": { "op": "==", "left": { "meta": { "key": "skuid" } }, "right": 0 } }"#,
        ".expr[0].match.left.meta.key",
        "`meta skuid` is not supported",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "fib": { "result": "type", "flags": "daddr" } }, "right": "local" } }"#,
        ".expr[0].match.right",
        "without this host's addresses, which `Nftables::local` gives, this type is not supported",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "fib": { "result": "oif", "flags": ["saddr", "iif"] } }, "right": false } }"#,
        ".expr[0].match.left.fib.result",
        "`fib` for `oif`, which routes decide, is not supported",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "fib": { "result": "type", "flags": ["daddr", "iif"] } }, "right": "multicast" } }"#,
        ".expr[0].match.left.fib.flags",
        "`fib` by anything but one address is not supported",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "fib": { "result": "type", "flags": ["daddr"] } }, "right": { "set": ["multicast", "blackhole"] } } }"#,
        ".expr[0].match.right.set[1]",
        "the address type `blackhole` is not supported",
    ),
    (
        r#"{ "mangle": { "key": { "ct": { "key": "mark" } }, "value": { "meta": { "key": "mark" } } } }"#,
        ".expr[0].mangle.key",
        "changing `ct mark` is not supported",
    ),
    (
        r#"{ "mangle": { "key": { "meta": { "key": "mark" } }, "value": { "ct": { "key": "mark" } } } }"#,
        ".expr[0].mangle.value.ct",
        "a mark from `ct mark` is not supported",
    ),
    (
        r#"{ "mangle": { "key": { "tcp option": { "name": "maxseg", "field": "size" } }, "value": { "rt": { "key": "mtu" } } } }, { "accept": null }"#,
        ".expr[1]",
        "a statement after this change is not supported",
    ),
    (
        r#"{ "mangle": { "key": { "tcp option": { "name": "window", "field": "count" } }, "value": 1 } }"#,
        ".expr[0].mangle.key",
        "changing this field is not supported",
    ),
    (
        r#"{ "meter": { "name": "m", "key": { "payload": { "protocol": "ip", "field": "saddr" } }, "stmt": { "ct count": { "val": 20 } } } }"#,
        ".expr[0].meter.stmt",
        "a statement other than `limit` for each element is not supported",
    ),
    (
        r#"{ "meter": { "key": { "payload": { "protocol": "ip", "field": "saddr" } }, "stmt": { "limit": { "rate": 1 } } } }"#,
        ".expr[0].meter",
        "the field `name` is missing",
    ),
    (
        r#"{ "meter": { "name": "m", "key": { "elem": { "val": { "payload": { "protocol": "ip", "field": "saddr" } }, "timeout": 1 } }, "stmt": { "limit": { "rate": 1, "per": "minute" } } } }"#,
        ".expr[0].meter",
        "a timeout before an element has all its rate again is not supported",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "ct": { "key": "mark" } }, "right": 1 } }"#,
        ".expr[0].match.left.ct.key",
        "`ct mark` is not supported",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "payload": { "protocol": "tcp", "field": "sequence" } }, "right": 1 } }"#,
        ".expr[0].match.left.payload",
        "the field `tcp sequence` is not supported",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "payload": { "protocol": "tcp", "field": "dport" } }, "right": 65536 } }"#,
        ".expr[0].match.right",
        "expected a port, found 65536",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "payload": { "protocol": "tcp", "field": "dport" } }, "right": "@none" } }"#,
        ".expr[0].match.right",
        "there is no set `@none` in this table",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "payload": { "protocol": "tcp", "field": "dport" } }, "right": { "range": [9, 1] } } }"#,
        ".expr[0].match.right.range",
        "a range from high to low",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "payload": { "protocol": "ip", "field": "saddr" } }, "right": { "prefix": { "addr": "10.0.0.0", "len": 33 } } } }"#,
        ".expr[0].match.right.prefix.len",
        "expected a prefix length, found 33",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "payload": { "protocol": "ip", "field": "saddr" } }, "right": { "set": ["10.0.0.1", "::1"] } } }"#,
        ".expr[0].match.right.set[1]",
        "expected an IPv4 address, found `::1`",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "payload": { "protocol": "th", "field": "dport" } }, "right": 53 } }"#,
        ".expr[0].match",
        "a port of any protocol (say which, as `meta l4proto` does) is not supported",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "ct": { "key": "state" } }, "right": "newer" } }"#,
        ".expr[0].match.right",
        "expected a connection state, found `newer`",
    ),
    (
        r#"{ "match": { "left": { "ct": { "key": "state" } }, "right": "new" } }"#,
        ".expr[0].match",
        "the field `op` is missing",
    ),
    (
        r#"{ "match": { "op": "==", "left": { "ct": { "key": "state" } }, "right": "new", "more": 1 } }"#,
        ".expr[0].match.more",
        "this field is not supported",
    ),
    (r#"{ "jump": { "target": "nowhere" } }"#, "", "there is no chain `nowhere` to jump to"),
    (r#"{ "jump": { "target": "c" } }"#, "", "there is no chain `c` to jump to"),
    (
        r#"{ "limit": { "rate": 10, "rate_unit": "kbytes", "per": "second" } }"#,
        ".expr[0].limit.rate_unit",
        "a rate of `kbytes` is not supported",
    ),
    (
        r#"{ "limit": { "rate": 0, "per": "second" } }"#,
        ".expr[0].limit.rate",
        "expected a rate, found 0",
    ),
    (
        r#"{ "reject": { "type": "icmp", "expr": "nonsense" } }"#,
        ".expr[0].reject",
        "rejecting with `icmp` `nonsense` is not supported",
    ),
    (
        r#"{ "mangle": { "key": { "payload": { "protocol": "ip", "field": "ttl" } }, "value": 1 } }"#,
        ".expr[0].mangle.key",
        "changing `ip ttl` is not supported",
    ),
    (
        r#"{ "vmap": { "key": { "payload": { "protocol": "tcp", "field": "dport" } }, "data": { "set": [[22, { "counter": null }]] } } }"#,
        ".expr[0].vmap.data[0]",
        "expected a verdict, found an object",
    ),
    (
        r#"{ "notrack": null }"#,
        "",
        "`notrack` where connections are tracked already is not supported",
    ),
    (r#""accept""#, ".expr[0]", "expected a statement, found `accept`"),
];

#[test]
fn every_error_says_what_and_where() {
    let mut wrong = String::new();
    for (statements, path, message) in RULES {
        let error = Nftables::new().read(&listing(statements)).expect_err(statements);
        let place = error.place().strip_prefix("$.nftables[2].rule").unwrap_or(error.place());
        if (place, error.message()) != (*path, *message) {
            wrong += &format!("{statements}\n  ({place:?}, {:?})\n", error.message());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn documents() {
    let cases = [
        ("", "line 1, column 0: EOF while parsing a value"),
        ("{}", "$: the field `nftables` is missing"),
        (
            r#"{ "nftables": [ { "table": { "family": "inet" } } ] }"#,
            "$.nftables[0].table: the field `name` is missing",
        ),
        (
            r#"{ "nftables": [ { "table": { "family": "inet", "name": "t", "name": "u" } } ] }"#,
            "line 1, column 73: the field `name` comes twice",
        ),
        (
            r#"{ "nftables": [ { "chain": { "family": "ip", "table": "t", "name": "c" } } ] }"#,
            "$.nftables[0].chain.table: there is no table `ip t`",
        ),
        (
            r#"{ "nftables": [ { "table": { "family": "ip", "name": "t" } }, { "chain": { "family": "ip", "table": "t", "name": "c", "type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept" } } ] }"#,
            "$.nftables[1].chain.type: a chain of type `nat` (see `Nftables::translated`) is not supported",
        ),
        (
            r#"{ "nftables": [ { "table": { "family": "ip", "name": "t" } }, { "chain": { "family": "ip", "table": "t", "name": "c", "type": "filter", "hook": "ingress", "prio": 0, "policy": "accept" } } ] }"#,
            "$.nftables[1].chain.hook: the hook `ingress` is not supported",
        ),
        (
            r#"{ "nftables": [ { "table": { "family": "ip", "name": "t" } }, { "rule": { "family": "ip", "table": "t", "chain": "c", "expr": [] } } ] }"#,
            "$.nftables[1].rule.chain: there is no chain `c` in this table",
        ),
        (
            r#"{ "nftables": [ { "surprise": {} } ] }"#,
            "$.nftables[0].surprise: the object `surprise` is not supported",
        ),
    ];
    let mut wrong = String::new();
    for (text, expected) in cases {
        let error = Nftables::new().read(text).expect_err(text).to_string();
        if error != expected {
            wrong += &format!("{text}\n  {error}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Nftables::new().read(&deep).is_err());
}

/// What is not supported is left out as a whole rule and listed; what is wrong stays an error.
#[test]
fn a_lenient_import() {
    for (statements, ..) in RULES {
        let strict = Nftables::new().read(&listing(statements)).unwrap_err();
        let lenient = Nftables::new().lenient(true).read(&listing(statements));
        match strict.is_unsupported() {
            true => {
                let lenient = lenient.unwrap();
                assert!(lenient.is_partial());
                assert_eq!(lenient.left_out(), [strict], "{statements}");
            }
            false => assert_eq!(lenient.unwrap_err(), strict, "{statements}"),
        }
    }
}
