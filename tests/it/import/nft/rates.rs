//! Rates for each element of a set that packets change.

use portcullis::conntrack::Time;
use portcullis::import::nft::{Hook, Nftables};
use portcullis::packet::TcpFlags;
use portcullis::{Action, Packet};

use super::{at, tracked};

/// One set and one rule, behind which everything is accepted.
fn listing(set: &str, statements: &str) -> String {
    format!(
        r#"{{ "nftables": [ {{ "table": {{ "family": "inet", "name": "t" }} }},
        {{ "set": {{ "family": "inet", "table": "t", "name": "m", "type": "ipv4_addr" {set} }} }},
        {{ "chain": {{ "family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept" }} }},
        {{ "rule": {{ "family": "inet", "table": "t", "chain": "c", "expr": [ {statements}, {{ "drop": null }} ] }} }} ] }}"#
    )
}

/// Whether packets from these sources, at these milliseconds, are dropped.
fn dropped<const N: usize>(listing: &str, packets: [(&str, u64); N]) -> [bool; N] {
    let tables = Nftables::new().read(listing).unwrap();
    let mut firewall = tracked(&tables, Hook::Forward);
    packets.map(|(source, millis)| {
        let to = if source.contains('[') { "[2001:db8::9]:22" } else { "192.0.2.9:22" };
        let (source, to) = (source.parse().unwrap(), to.parse().unwrap());
        let packet = Packet::tcp(source, to, TcpFlags::SYN).unwrap();
        let now: Time = at(millis);
        firewall.classify(&packet, now).action == Action::Drop
    })
}

const OVER: &str = r#"{ "set": { "op": "update", "elem": { "payload": { "protocol": "ip", "field": "saddr" } }, "set": "@m",
    "stmt": [ { "limit": { "rate": 1, "burst": 2, "per": "second", "inv": true } } ] } }"#;

#[test]
fn each_element_has_a_rate_of_its_own() {
    let (a, b) = ("10.0.0.1:1", "10.0.0.2:1");
    let packets = [(a, 0), (a, 0), (a, 0), (b, 0), (b, 1), (b, 2), (a, 999), (a, 1000), (a, 1001)];
    let expected = [false, false, true, false, false, true, true, false, true];
    assert_eq!(dropped(&listing("", OVER), packets), expected);
    // A packet without such an address is not meant.
    assert_eq!(dropped(&listing("", OVER), [("[2001:db8::1]:1", 0); 4]), [false; 4]);
    // Within the rate, as long as it lasts.
    let within = OVER.replace(r#", "inv": true"#, "");
    assert_eq!(
        dropped(&listing("", &within), [(a, 0), (a, 0), (a, 0), (b, 0)]),
        [true, true, false, true]
    );
    let one = OVER.replace("[ { \"limit\"", "{ \"limit\"").replace("} } ] } }", "} } } }");
    assert_eq!(dropped(&listing("", &one), [(a, 0), (a, 0), (a, 0)]), [false, false, true]);
}

/// A packet for whose element there is no room is not meant, whichever way the rule asks.
#[test]
fn a_set_that_is_full() {
    let packets = [("10.0.0.1:1", 0), ("10.0.0.2:1", 0), ("10.0.0.2:1", 0), ("10.0.0.2:1", 0)];
    let full = r#", "size": 1"#;
    assert_eq!(dropped(&listing(full, OVER), packets), [false; 4]);
    let within = OVER.replace(r#", "inv": true"#, "");
    assert_eq!(dropped(&listing(full, &within), packets), [true, false, false, false]);
    // When elements end, there is room again.
    let packets = [("10.0.0.1:1", 0), ("10.0.0.2:1", 1000), ("10.0.0.2:1", 61_000)];
    let ends = r#", "size": 1, "timeout": 60"#;
    assert_eq!(dropped(&listing(ends, &within), packets), [true, false, true]);
}

#[test]
fn elements_of_several_fields_and_of_networks() {
    let saddr = r#"{ "payload": { "protocol": "ip", "field": "saddr" } }"#;
    let port = r#"{ "payload": { "protocol": "tcp", "field": "sport" } }"#;
    let both = OVER.replace(saddr, &format!(r#"{{ "concat": [ {saddr}, {port} ] }}"#));
    let packets = [("10.0.0.1:1", 0), ("10.0.0.1:1", 0), ("10.0.0.1:2", 0), ("10.0.0.1:1", 0)];
    assert_eq!(dropped(&listing("", &both), packets), [false, false, false, true]);
    let network = OVER.replace(saddr, &format!(r#"{{ "&": [ {saddr}, "255.255.255.0" ] }}"#));
    let packets = [("10.0.0.1:1", 0), ("10.0.0.2:1", 0), ("10.0.0.3:1", 0), ("10.0.1.3:1", 0)];
    assert_eq!(dropped(&listing("", &network), packets), [false, false, true, false]);
}

/// The older statement: a set of its own.
#[test]
fn meters() {
    let meter = |key: &str, more: &str| {
        format!(
            r#"{{ "meter": {{ "name": "own", "key": {key}, {more}
            "stmt": {{ "limit": {{ "rate": 1, "burst": 2, "per": "second", "inv": true }} }} }} }}"#
        )
    };
    let saddr = r#"{ "payload": { "protocol": "ip", "field": "saddr" } }"#;
    let (a, b) = ("10.0.0.1:1", "10.0.0.2:1");
    let packets = [(a, 0), (a, 0), (a, 0), (b, 0), (b, 1), (b, 2), (a, 999), (a, 1000), (a, 1001)];
    let expected = [false, false, true, false, false, true, true, false, true];
    assert_eq!(dropped(&listing("", &meter(saddr, "")), packets), expected);
    let full = meter(saddr, r#""size": 1,"#);
    assert_eq!(dropped(&listing("", &full), [(a, 0), (b, 0), (b, 0), (b, 0)]), [false; 4]);
    let ends = format!(r#"{{ "elem": {{ "val": {saddr}, "timeout": 60 }} }}"#);
    let ends = meter(&ends, r#""size": 1,"#);
    let packets = [(a, 0), (b, 0), (b, 61_000), (b, 61_000), (b, 61_000)];
    assert_eq!(dropped(&listing("", &ends), packets), [false, false, false, false, true]);
}

#[test]
fn what_rates_of_elements_cannot_be() {
    let message = |set: &str, statements: &str| {
        Nftables::new().read(&listing(set, statements)).unwrap_err().message().to_string()
    };
    let look = r#"{ "match": { "op": "==", "left": { "payload": { "protocol": "ip", "field": "daddr" } }, "right": "@m" } }"#;
    let cases = [
        ("", OVER.replace("update", "delete"), "the operation `delete` on a set is not supported"),
        ("", OVER.replace("@m", "@n"), "there is no set `@n` in this table"),
        (
            r#", "timeout": 1"#,
            OVER.into(),
            "a timeout before an element has all its rate again is not supported",
        ),
        (
            r#", "timeout": 60"#,
            OVER.replace("update", "add"),
            "a timeout that packets do not put off is not supported",
        ),
        (
            "",
            OVER.replace(
                r#"{ "limit": { "rate": 1, "burst": 2, "per": "second", "inv": true } }"#,
                r#"{ "counter": null }"#,
            ),
            "a statement other than `limit` for each element is not supported",
        ),
        (
            "",
            OVER.replace(
                r#"{ "payload": { "protocol": "ip", "field": "saddr" } }"#,
                r#"{ "meta": { "key": "mark" } }"#,
            ),
            "a rate by this field is not supported",
        ),
        (
            "",
            format!("{look}, {OVER}"),
            "looking into the set `@m`, which packets change, is not supported",
        ),
        (
            "",
            format!("{OVER}, {}", OVER.replace(r#""burst": 2"#, r#""burst": 3"#)),
            "another rate for elements of the same set is not supported",
        ),
    ];
    for (set, statements, expected) in cases {
        assert_eq!(message(set, &statements), expected, "{statements}");
    }
}
