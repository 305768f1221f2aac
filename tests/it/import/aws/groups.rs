use portcullis::import::aws::{Addresses, Peer, SecurityGroups, Traffic};
use portcullis::packet::Family;
use portcullis::rule::{IcmpKind, PortRange};
use portcullis::{Protocol, Time};

use super::{attach, groups, packet, prefix, said};

const DESCRIBED: &str = include_str!("../../../data/aws/describe-security-groups.json");
const SEVERAL: &str = include_str!("../../../data/aws/several-groups.json");

/// Each packet judged by rules alone: a matcher of its own for each.
#[track_caller]
fn check(groups: &SecurityGroups, ids: &[&str], addresses: &Addresses, cases: &[(&str, &str)]) {
    for (case, expected) in cases {
        let (rules, mut matcher) = attach(groups, ids, addresses);
        let (side, text) = case.split_once(' ').unwrap();
        let decision = match side {
            "in" => matcher.classify_inbound(&packet(text), Time::from_secs(1)),
            _ => matcher.classify_outbound(&packet(text), Time::from_secs(1)),
        };
        assert_eq!(said(&decision, &rules), *expected, "{case}");
    }
}

fn several() -> (SecurityGroups, Addresses) {
    let addresses = Addresses::new()
        .group("sg-0web", [prefix("10.0.1.7/32"), prefix("2001:db8:5::7/128")])
        .group("sg-0db", [prefix("10.0.2.9/32"), prefix("10.0.2.10/32")])
        .prefix_list("pl-6da54004", [prefix("3.5.140.0/22"), prefix("52.219.170.0/23")]);
    (groups(SEVERAL), addresses)
}

#[test]
fn the_document_says_what_it_says() {
    let groups = groups(DESCRIBED);
    let [group] = &groups.groups[..] else { panic!("{groups:?}") };
    assert_eq!((&*group.id, &*group.name), ("sg-903004f8", "MySecurityGroup"));
    assert_eq!(group.vpc.as_deref(), Some("vpc-1a2b3c4d"));
    assert_eq!(group.inbound[0].traffic, Traffic::All);
    assert_eq!(group.inbound[0].peers[0].peer, Peer::Group("sg-903004f8".into()));
    let ssh = Traffic::Ports(Protocol::TCP, PortRange::from(22));
    assert_eq!(group.inbound[1].traffic, ssh);
    assert_eq!(group.inbound[1].peers[0].peer, Peer::Prefix(prefix("203.0.113.0/24")));
    assert_eq!(group.outbound[0].traffic, Traffic::All);
    assert!(groups.group("sg-903004f8").is_some() && groups.group("sg-0").is_none());
}

#[test]
fn the_group_of_the_documentation() {
    let addresses = Addresses::new().group("sg-903004f8", [prefix("172.31.5.4/32")]);
    check(
        &groups(DESCRIBED),
        &["sg-903004f8"],
        &addresses,
        &[
            ("in tcp 203.0.113.9:40000 > 172.31.5.3:22", "accept sg-903004f8"),
            ("in tcp 203.0.114.9:40000 > 172.31.5.3:22", "drop default"),
            ("in tcp 203.0.113.9:40000 > 172.31.5.3:23", "drop default"),
            ("in udp 203.0.113.9:40000 > 172.31.5.3:22", "drop default"),
            ("in 50 172.31.5.4 > 172.31.5.3", "accept sg-903004f8, sg-903004f8"),
            ("in udp 172.31.5.5:1 > 172.31.5.3:1", "drop default"),
            ("out tcp 172.31.5.3:40000 > 203.0.114.9:22", "accept sg-903004f8"),
            // Nothing was said of IPv6.
            ("out udp [2001:db8::3]:1 > [2001:db8::4]:1", "drop default"),
        ],
    );
}

#[test]
fn all_groups_of_an_interface_are_united() {
    let (groups, addresses) = several();
    let cases = [
        ("in tcp 192.0.2.8:4000 > 10.0.1.7:22", "accept sg-0web: the office", "drop default"),
        ("in tcp 192.0.3.8:4000 > 10.0.1.7:22", "drop default", "drop default"),
        ("in tcp [2001:db8::8]:4000 > [2001:db8:5::7]:443", "accept sg-0web", "drop default"),
        ("in icmp 8/0 198.51.100.7 > 10.0.1.7", "drop default", "accept sg-0ping"),
        ("out udp 10.0.1.7:53 > 100.68.0.1:53", "drop default", "accept sg-0ping"),
    ];
    for (case, web, ping) in cases {
        check(&groups, &["sg-0web"], &addresses, &[(case, web)]);
        check(&groups, &["sg-0ping"], &addresses, &[(case, ping)]);
        let both = if web == "drop default" { ping } else { web };
        check(&groups, &["sg-0web", "sg-0ping"], &addresses, &[(case, both)]);
        check(&groups, &["sg-0ping", "sg-0web"], &addresses, &[(case, both)]);
    }
    // No group at all.
    check(&groups, &[], &addresses, &[("in udp 10.0.0.1:1 > 10.0.1.7:1", "drop default")]);
}

#[test]
fn references_are_what_the_caller_says() {
    let (groups, addresses) = several();
    check(
        &groups,
        &["sg-0web"],
        &addresses,
        &[
            ("out tcp 10.0.1.7:4000 > 10.0.2.10:1433", "accept sg-0web, sg-0db"),
            ("out tcp 10.0.1.7:4000 > 10.0.2.11:1433", "drop default"),
            ("out tcp 10.0.1.7:4000 > 3.5.143.255:443", "accept sg-0web, pl-6da54004"),
            ("out tcp 10.0.1.7:4000 > 3.5.144.0:443", "drop default"),
        ],
    );
    check(
        &groups,
        &["sg-0db"],
        &addresses,
        &[
            ("in tcp 10.0.1.7:4000 > 10.0.2.9:1433", "accept sg-0db, sg-0web"),
            ("in tcp [2001:db8:5::7]:4000 > [2001:db8:6::7]:1433", "accept sg-0db, sg-0web"),
        ],
    );
    // A group that nothing is attached to.
    let nobody = Addresses::new().group("sg-0web", []);
    let refused = [("in tcp 10.0.1.7:4000 > 10.0.2.9:1433", "drop default")];
    check(&groups, &["sg-0db"], &nobody, &refused);
}

#[test]
fn protocols_types_and_codes() {
    let (groups, addresses) = several();
    check(
        &groups,
        &["sg-0ping"],
        &addresses,
        &[
            // A type with any code, a type with one.
            ("in icmp 8/0 198.51.100.7 > 10.0.1.7", "accept sg-0ping"),
            ("in icmp 8/9 198.51.100.7 > 10.0.1.7", "accept sg-0ping"),
            ("in icmp 0/0 198.51.100.7 > 10.0.1.7", "drop default"),
            ("in icmp 3/4 192.0.2.7 > 10.0.1.7", "accept sg-0ping"),
            ("in icmp 3/3 192.0.2.7 > 10.0.1.7", "drop default"),
            // ICMPv6 without numbers is all of it, by number as well as by name.
            ("in icmpv6 128/0 2001:db8::1 > 2001:db8:5::7", "accept sg-0ping"),
            ("in icmpv6 1/4 2001:db8::1 > 2001:db8:5::7", "accept sg-0ping"),
            ("in icmpv6 128/0 2001:db9::1 > 2001:db8:5::7", "accept sg-0ping"),
            ("in icmpv6 128/1 2001:db9::1 > 2001:db8:5::7", "drop default"),
            // All ports, other protocols, and ports that do not count.
            ("in udp 198.51.100.7:1 > 10.0.1.7:65535", "accept sg-0ping"),
            ("in tcp 198.51.100.7:1 > 10.0.1.7:65535", "drop default"),
            ("in 47 198.51.100.9 > 10.0.1.7", "accept sg-0ping"),
            ("in 50 198.51.100.9 > 10.0.1.7", "accept sg-0ping"),
            ("in 51 198.51.100.9 > 10.0.1.7", "drop default"),
            // 100.68.0.18/18 is 100.68.0.0/18.
            ("out 47 10.0.1.7 > 100.68.0.0", "accept sg-0ping"),
            ("out 47 10.0.1.7 > 100.68.63.255", "accept sg-0ping"),
            ("out 47 10.0.1.7 > 100.68.64.0", "drop default"),
        ],
    );
    let ping = groups.group("sg-0ping").unwrap();
    let traffic: Vec<_> = ping.inbound.iter().map(|permission| permission.traffic).collect();
    assert_eq!(traffic[0], Traffic::Icmp(Family::V4, IcmpKind::from(8)));
    let shown: Vec<_> = traffic.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["icmp 8", "icmp 3/4", "icmpv6", "icmpv6 128/0", "udp", "gre", "esp"]);
}

#[test]
fn the_rules_can_be_printed() {
    let (groups, addresses) = several();
    let attached = groups.attach(["sg-0web"], &addresses).unwrap();
    let printed = attached.rules().to_string();
    let web = "accept tcp from 192.0.2.0/24 to any port 22 comment \"sg-0web: the office\"";
    assert!(printed.contains(web), "{printed}");
    assert_eq!(printed.parse::<portcullis::RuleSet>().unwrap(), *attached.rules());
}
