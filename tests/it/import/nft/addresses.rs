//! Kinds of addresses that follow from the host's own, and sets that count.

use portcullis::import::nft::{Hook, Nftables};
use portcullis::packet::TcpFlags;
use portcullis::{Action, Packet};

use super::{at, tracked};

/// Whether a rule of these statements drops packets to these addresses.
fn dropped<const N: usize>(family: &str, statements: &str, to: [&str; N]) -> [bool; N] {
    let listing = format!(
        r#"{{ "nftables": [ {{ "table": {{ "family": "{family}", "name": "t" }} }},
        {{ "set": {{ "family": "{family}", "table": "t", "name": "counted", "type": "ipv4_addr",
            "elem": [ {{ "elem": {{ "val": "192.0.2.9", "counter": {{ "packets": 1, "bytes": 40 }} }} }} ],
            "stmt": [ {{ "counter": null }} ] }} }},
        {{ "chain": {{ "family": "{family}", "table": "t", "name": "c", "type": "filter", "hook": "input", "prio": 0, "policy": "accept" }} }},
        {{ "rule": {{ "family": "{family}", "table": "t", "chain": "c", "expr": [ {statements}, {{ "drop": null }} ] }} }} ] }}"#
    );
    let own: [ipnet::IpNet; 2] =
        ["192.0.2.10/24".parse().unwrap(), "2001:db8::10/64".parse().unwrap()];
    let tables = Nftables::new().local(own).read(&listing).unwrap();
    let mut firewall = tracked(&tables, Hook::Input);
    to.map(|to| {
        let from = if to.contains('[') { "[2001:db8::9]:4000" } else { "192.0.2.9:4000" };
        let packet = Packet::tcp(from.parse().unwrap(), to.parse().unwrap(), TcpFlags::SYN);
        firewall.classify(&packet.unwrap(), at(0)).action == Action::Drop
    })
}

fn fib(op: &str, kinds: &str) -> String {
    format!(
        r#"{{ "match": {{ "op": "{op}", "left": {{ "fib": {{ "result": "type", "flags": ["daddr"] }} }}, "right": {kinds} }} }}"#
    )
}

/// As a kernel with these two addresses said of each.
#[test]
fn kinds_of_addresses() {
    let to = [
        "127.0.0.1:1",
        "192.0.2.10:1",
        "192.0.2.255:1",
        "192.0.2.11:1",
        "224.0.0.5:1",
        "255.255.255.255:1",
        "[::1]:1",
        "[2001:db8::10]:1",
        "[2001:db8::11]:1",
        "[ff02::1]:1",
    ];
    for (kind, expected) in [
        ("local", [1, 1, 0, 0, 0, 0, 1, 1, 0, 0]),
        ("broadcast", [0, 0, 1, 0, 0, 1, 0, 0, 0, 0]),
        ("multicast", [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
    ] {
        let kind = format!("\"{kind}\"");
        let expected = expected.map(|it| it == 1);
        assert_eq!(dropped("inet", &fib("==", &kind), to), expected, "{kind}");
        assert_eq!(dropped("inet", &fib("!=", &kind), to), expected.map(|it| !it), "not {kind}");
    }
    let two = r#"{ "set": ["broadcast", "multicast"] }"#;
    let expected = [0, 0, 1, 0, 1, 1, 0, 0, 0, 1].map(|it| it == 1);
    assert_eq!(dropped("inet", &fib("==", two), to), expected);
    let [.., a, b] = dropped("ip", &fib("==", r#""unicast""#), ["192.0.2.10:1", "192.0.2.11:1"]);
    assert_eq!([a, b], [false, true]);
}

#[test]
fn sets_that_count_their_elements() {
    let asked = r#"{ "match": { "op": "==", "left": { "payload": { "protocol": "ip", "field": "daddr" } }, "right": "@counted" } }"#;
    assert_eq!(dropped("inet", asked, ["192.0.2.9:1", "192.0.2.8:1"]), [true, false]);
}
