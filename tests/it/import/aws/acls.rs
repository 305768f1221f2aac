use portcullis::Config;
use portcullis::import::aws::{NetworkAcl, NetworkAcls};

use super::{acls, packet, said};

const DESCRIBED: &str = include_str!("../../../data/aws/describe-network-acls.json");
const CUSTOM: &str = include_str!("../../../data/aws/custom-acl.json");

#[track_caller]
fn check(acl: &NetworkAcl, cases: &[(&str, &str)]) {
    let (rules, matcher) = (acl.rules(), acl.matcher(&Config::new()).unwrap());
    for (case, expected) in cases {
        let (side, text) = case.split_once(' ').unwrap();
        let decision = match side {
            "in" => matcher.classify_inbound(&packet(text)),
            _ => matcher.classify_outbound(&packet(text)),
        };
        assert_eq!(said(&decision, &rules), *expected, "{case}");
    }
}

#[test]
fn the_acls_of_the_documentation() {
    let acls = acls(DESCRIBED);
    let ids: Vec<_> = acls.acls.iter().map(|acl| (&*acl.id, acl.is_default)).collect();
    let expected = [
        ("acl-7aaabd18", true),
        ("acl-5fb85d36", false),
        ("acl-9aeb5ef7", true),
        ("acl-6da75208", true),
    ];
    assert_eq!(ids, expected);
    check(
        &acls.acls[0],
        &[
            ("in udp 192.0.2.1:1 > 10.0.0.1:1", "accept 100"),
            ("out 50 10.0.0.1 > 192.0.2.1", "accept 100"),
            ("in udp [2001:db8::1]:1 > [2001:db8::2]:1", "drop default"),
        ],
    );
    check(
        &acls.acls[1],
        &[
            ("in udp 192.0.2.1:1 > 10.0.0.1:1", "drop *"),
            ("out udp 10.0.0.1:1 > 192.0.2.1:1", "drop *"),
        ],
    );
    check(
        &acls.acls[3],
        &[
            ("in udp [2001:db8::1]:1 > [2001:db8::2]:1", "accept 101"),
            ("out udp [2001:db8::2]:1 > [2001:db8::1]:1", "drop *"),
            ("in udp 192.0.2.1:1 > 10.0.0.1:1", "accept 100"),
            ("out udp 10.0.0.1:1 > 192.0.2.1:1", "drop *"),
        ],
    );
    assert_eq!(acls.of_subnet("subnet-65ea5f08").unwrap().id, acls.acls[2].id);
    assert_eq!(acls.of_subnet("subnet-0"), None);
    assert_eq!(acls.acl("acl-5fb85d36"), Some(&acls.acls[1]));
}

#[test]
fn numbers_decide_lowest_first() {
    let acls = acls(CUSTOM);
    let acl = acls.of_subnet("subnet-0a").unwrap();
    let numbers: Vec<_> = acl.inbound.iter().map(|entry| entry.number).collect();
    assert!(numbers.is_sorted() && numbers.len() == 14, "{numbers:?}");
    check(
        acl,
        &[
            ("in tcp 203.0.113.1:40000 > 10.0.0.1:80", "accept 100"),
            ("in tcp 198.51.100.1:40000 > 10.0.0.1:80", "drop 90"),
            ("in tcp 198.51.100.1:40000 > 10.0.0.1:443", "accept 110"),
            ("in tcp [2001:db8::1]:40000 > [2001:db8::2]:80", "accept 105"),
            ("in tcp [2001:db8::1]:40000 > [2001:db8::2]:443", "drop *"),
            ("in tcp 192.0.2.77:40000 > 10.0.0.1:22", "accept 120"),
            ("in tcp 192.0.3.77:40000 > 10.0.0.1:22", "drop *"),
            ("in tcp 203.0.113.1:443 > 10.0.0.1:32767", "drop *"),
            ("in tcp 203.0.113.1:443 > 10.0.0.1:32768", "accept 140"),
            ("in udp 203.0.113.1:53 > 10.0.0.1:32768", "drop *"),
            ("out tcp 10.0.0.1:80 > 203.0.113.1:40000", "accept 140"),
            ("out tcp 10.0.0.1:80 > 203.0.113.1:1025", "drop *"),
        ],
    );
}

#[test]
fn types_codes_and_canonical_prefixes() {
    let acls = acls(CUSTOM);
    check(
        &acls.acls[0],
        &[
            ("in icmp 8/0 203.0.113.1 > 10.0.0.1", "accept 150"),
            ("in icmp 0/0 203.0.113.1 > 10.0.0.1", "drop *"),
            // 203.0.113.18/24 is 203.0.113.0/24.
            ("in icmp 3/4 203.0.113.1 > 10.0.0.1", "drop 155"),
            ("in icmp 3/3 203.0.113.1 > 10.0.0.1", "accept 156"),
            ("in icmp 3/4 203.0.114.1 > 10.0.0.1", "accept 156"),
            ("in icmpv6 1/0 2001:db8::1 > 2001:db8::2", "accept 160"),
            ("in icmpv6 128/0 2001:db8::1 > 2001:db8::2", "accept 160"),
            ("in udp 100.68.63.255:1 > 10.0.0.1:53", "accept 170"),
            ("in udp 100.68.64.0:1 > 10.0.0.1:53", "drop *"),
        ],
    );
}

/// The entries of a direction come in any order, and an entry `*` may be missing.
#[test]
fn the_order_of_the_document_does_not_count() {
    let mut document: Vec<&str> = CUSTOM.lines().collect();
    let acl = NetworkAcls::from_json(CUSTOM).unwrap();
    document.retain(|line| !line.trim().is_empty());
    let text = CUSTOM.replace("\"RuleNumber\": 32767", "\"RuleNumber\": 32766");
    let other = NetworkAcls::from_json(&text).unwrap();
    assert_eq!(acl.acls[0].inbound.len(), other.acls[0].inbound.len());
    check(&other.acls[0], &[("in udp 192.0.2.1:1 > 10.0.0.1:1", "drop 32766")]);
}
