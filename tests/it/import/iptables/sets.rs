//! Sets: given by the caller, or as `ipset save` writes them.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use portcullis::import::iptables::{IpSet, Iptables};
use portcullis::packet::{IcmpMessage, Malformed};
use portcullis::{Action, Addrs, Fragment, Packet, Protocol};
use proptest::prelude::*;

use super::{at, forward, syn, udp, untracked};

const SAVED: &str = "\
create hosts hash:ip family inet hashsize 1024 maxelem 65536
add hosts 10.0.0.1
add hosts 10.0.0.3 comment \"two words\"
create nets hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1234
add nets 10.0.0.0/8
add nets 10.1.0.0/16 nomatch
add nets 10.1.2.0/24
create ports bitmap:port range 0-65535
add ports 53
add ports 1000-2000
create services hash:ip,port family inet
add services 192.0.2.1,tcp:80
add services 192.0.2.1,udp:53
add services 192.0.2.2,icmp:echo-request
add services 192.0.2.3,47:0
create pairs hash:ip,port,ip family inet counters
add pairs 192.0.2.1,tcp:80,10.0.0.1 packets 7 bytes 420
create v6 hash:net family inet6
add v6 2001:db8::/32
create all list:set size 8
add all hosts
add all nets
create masked hash:ip family inet netmask 24
add masked 10.9.9.0
";

/// Whether a rule that asks for a set accepts a packet.
fn is_in(asked: &str, packet: &Packet) -> bool {
    let text = forward(&format!("-m set {asked} -j ACCEPT"));
    let tables = Iptables::new().ipset_save(SAVED).unwrap().v4(&text).unwrap();
    untracked(&tables).classify(packet, at(0)).action == Action::Accept
}

fn from(src: &str) -> Packet {
    syn(&format!("{src}:40000"), "192.0.2.1:80")
}

#[test]
fn addresses() {
    let cases = [
        ("hosts", "10.0.0.1", true),
        ("hosts", "10.0.0.2", false),
        ("nets", "10.0.0.2", true),
        ("nets", "11.0.0.0", false),
        // The narrowest network that holds an address decides.
        ("nets", "10.1.1.1", false),
        ("nets", "10.1.2.1", true),
        ("all", "10.0.0.3", true),
        ("all", "10.1.1.1", false),
        ("masked", "10.9.9.200", true),
        ("masked", "10.9.8.200", false),
    ];
    for (set, src, expected) in cases {
        assert_eq!(is_in(&format!("--match-set {set} src"), &from(src)), expected, "{set} {src}");
        assert_eq!(
            is_in(&format!("! --match-set {set} src"), &from(src)),
            !expected,
            "{set} {src}"
        );
    }
    assert!(!is_in("--match-set hosts dst", &from("10.0.0.1")));
}

#[test]
fn ports_and_pairs() {
    let web = from("10.0.0.1");
    let name = udp("10.0.0.1:1500", "192.0.2.1:53");
    let addrs = |dst: [u8; 4]| Addrs::V4 { src: [10, 0, 0, 1].into(), dst: dst.into() };
    let ping = Packet::icmp(addrs([192, 0, 2, 2]), IcmpMessage::new(8, 0));
    let answer = Packet::icmp(addrs([192, 0, 2, 2]), IcmpMessage::new(0, 0));
    let gre = Packet::new(addrs([192, 0, 2, 3]), Protocol::GRE);
    let mut later = Packet::new(addrs([192, 0, 2, 1]), Protocol::TCP);
    later.fragment = Fragment::Later;
    let mut short = later;
    (short.fragment, short.malformed) = (Fragment::Whole, Some(Malformed::ShortTransport));
    let cases = [
        ("ports dst", &web, false),
        ("ports dst", &name, true),
        ("ports src", &name, true),
        ("ports dst", &ping, false),
        ("ports dst", &later, false),
        ("services dst,dst", &web, true),
        ("services dst,src", &web, false),
        ("services src,dst", &web, false),
        ("services dst,dst", &name, true),
        ("services dst,dst", &ping, true),
        ("services dst,dst", &answer, false),
        ("services dst,dst", &gre, true),
        ("services dst,dst", &later, false),
        ("services dst,dst", &short, false),
        // Fewer sides than the set has elements: nothing is in it.
        ("services dst", &web, false),
        // More do not matter.
        ("hosts src,dst", &web, true),
        ("pairs dst,dst,src", &web, true),
        ("pairs dst,dst,dst", &web, false),
    ];
    for (asked, packet, expected) in cases {
        assert_eq!(is_in(&format!("--match-set {asked}"), packet), expected, "{asked} {packet}");
        assert_eq!(is_in(&format!("! --match-set {asked}"), packet), !expected, "{asked} {packet}");
    }
}

#[test]
fn sets_of_the_caller_s() {
    let nets: [IpNet; 2] = ["10.0.0.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let host: IpAddr = "192.0.2.1".parse().unwrap();
    let text = forward("-m set --match-set nets src -m set --match-set web dst,dst -j ACCEPT");
    let tables = Iptables::new()
        .set("nets", IpSet::addresses(nets))
        .set("web", IpSet::address_ports([(host, Protocol::TCP, 80..=88)]))
        .set("low", IpSet::ports([(Protocol::UDP, 0..=1023)]));
    let both = tables.clone().v4(&text).unwrap();
    let mut firewall = untracked(&both);
    assert_eq!(firewall.classify(&from("10.0.0.9"), at(0)).action, Action::Accept);
    assert_eq!(firewall.classify(&from("10.0.1.9"), at(0)).action, Action::Drop);
    let text = forward("-m set --match-set nets src -m set ! --match-set low dst -j ACCEPT");
    let mut firewall = untracked(&tables.v6(&text).unwrap());
    let cases = [
        (udp("[2001:db8::1]:1", "[::1]:80"), Action::Drop),
        (udp("[2001:db8::1]:1", "[::1]:2000"), Action::Accept),
        (syn("[2001:db8::1]:1", "[::1]:80"), Action::Accept),
        (syn("[2001:db9::1]:1", "[::1]:80"), Action::Drop),
    ];
    for (packet, action) in cases {
        assert_eq!(firewall.classify(&packet, at(0)).action, action, "{packet}");
    }
}

#[test]
fn what_is_wrong_with_a_set() {
    let cases = [
        ("create a hash:mac", "line 1, column 10: the type `hash:mac` is not supported"),
        (
            "create a hash:net,iface family inet",
            "line 1, column 10: the type `hash:net,iface` is not supported",
        ),
        (
            "create a hash:ip family inet5",
            "line 1, column 25: expected `inet` or `inet6`, found `inet5`",
        ),
        (
            "create a hash:ip\ncreate a hash:ip",
            "line 2, column 8: expected a name that no set before it has, found `a`",
        ),
        ("add a 10.0.0.1", "line 1, column 5: expected a set created before, found `a`"),
        (
            "create a hash:ip\nadd a 10.0.0.256",
            "line 2, column 7: expected an IPv4 address, found `10.0.0.256`",
        ),
        ("create a hash:ip\nadd a ::1", "line 2, column 7: expected an IPv4 address, found `::1`"),
        (
            "create a hash:ip,port\nadd a 10.0.0.1",
            "line 2, column 7: expected an entry with 2 parts, found `10.0.0.1`",
        ),
        (
            "create a hash:ip,port\nadd a 10.0.0.1,tcp:65536",
            "line 2, column 20: expected a port or a range of them, from 0 to 65535, found `65536`",
        ),
        (
            "create a hash:ip timeout 600\nadd a 10.0.0.1 timeout 599",
            "line 2, column 16: an entry that ends after some time, as sets do not change here, `timeout` is not supported",
        ),
        (
            "swap a b",
            "line 1, column 1: expected `create` or `add`, as `ipset save` writes them, found `swap`",
        ),
    ];
    for (text, expected) in cases {
        let error = Iptables::new().ipset_save(text).unwrap_err().to_string();
        assert_eq!(error.lines().next().unwrap(), expected, "{text}");
    }
    let text = "create a hash:ip\nadd a 10.0.0.1 timeout 599\nadd a 10.0.0.2\ncreate b hash:mac\nadd b 00:00:00:00:00:01\n";
    let lenient = Iptables::new().lenient(true).ipset_save(text).unwrap();
    let lines: Vec<usize> = lenient.left_out().iter().map(|error| error.line()).collect();
    assert_eq!(lines, [2, 4, 5]);
    assert!(
        lenient.clone().v4(&forward("-m set --match-set a src -j ACCEPT")).unwrap().is_partial()
    );
    let other_family =
        Iptables::new().ipset_save(SAVED).unwrap().v4(&forward("-m set --match-set v6 src"));
    assert_eq!(other_family.unwrap_err().message(), "expected a set of ipv4 addresses, found `v6`");
}

/// Entries of address, protocol and port, and a packet: few values, so that they meet.
fn entry() -> impl Strategy<Value = (u8, u8, u16, u16)> {
    (0u8..6, prop::sample::select(vec![6u8, 17, 47]), 0u16..6, 0u16..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// A set of addresses with ports against its entries, one by one; negated, too.
    #[test]
    fn a_set_is_what_its_entries_are(
        entries in prop::collection::vec(entry(), 0..12),
        packets in prop::collection::vec((0u8..6, prop::sample::select(vec![6u8, 17, 47, 1]), 0u16..8), 1..12),
    ) {
        let address = |last: u8| Ipv4Addr::new(192, 0, 2, last);
        let set = IpSet::address_ports(entries.iter().map(|(host, protocol, first, more)| {
            let first = if *protocol == 47 { 0 } else { *first };
            let last = if *protocol == 47 { 0 } else { first + more };
            (IpAddr::V4(address(*host)), Protocol(*protocol), first..=last)
        }));
        let text = forward("-m set --match-set s dst,dst -j ACCEPT\n-m set ! --match-set s dst,dst -j REJECT");
        let tables = Iptables::new().set("s", set).v4(&text).unwrap();
        let mut firewall = untracked(&tables);
        for (host, protocol, port) in packets {
            let addrs = Addrs::V4 { src: address(99), dst: address(host) };
            let mut packet = match Protocol(protocol) {
                Protocol::ICMP => Packet::icmp(addrs, IcmpMessage::new(0, port as u8)),
                protocol => Packet::new(addrs, protocol),
            };
            if matches!(protocol, 6 | 17) {
                packet.ports = Some(portcullis::Ports { src: 9, dst: port });
            }
            let port = if protocol == 47 { 0 } else { port };
            let expected = entries.iter().any(|(at, of, first, more)| {
                let (first, last) = if *of == 47 { (0, 0) } else { (*first, first + more) };
                *at == host && *of == protocol && (first..=last).contains(&port)
            });
            let action = firewall.classify(&packet, at(0)).action;
            let found = match action {
                Action::Accept => Some(true),
                Action::Reject(_) => Some(false),
                _ => None,
            };
            prop_assert_eq!(found, Some(expected), "{} {:?}", packet, entries);
        }
    }
}
