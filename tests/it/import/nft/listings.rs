//! What `nft -j list ruleset` writes of rule sets in the shapes of nftables' documentation and of
//! hosts with firewalld and fail2ban, each with decisions pinned. The listings were written by nft;
//! what it read lies beside them.

use std::fmt::Write;

use portcullis::import::nft::{Firewall, Hook, Nftables};

use super::{at, listing, tracked};
use crate::import::iptables::dumps::packet;

/// A line is the interfaces (`-` for none), the mark if it is not 0, the packet, and after `=` what is
/// to come out.
fn check(tables: &Nftables, hook: Hook, cases: &str) {
    let mut firewall = tracked(tables, hook);
    let mut wrong = String::new();
    for case in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (asked, expected) = case.split_once(" = ").unwrap();
        let found = judged(&mut firewall, asked);
        if found != expected {
            writeln!(wrong, "{asked} = {found}\n    not {expected}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{hook:?}\n{wrong}");
}

fn judged(firewall: &mut Firewall, asked: &str) -> String {
    let words: Vec<&str> = asked.split_whitespace().collect();
    let (ways, mut words) = words.split_at(2);
    let mut mark = 0;
    if let Some(value) = words[0].strip_prefix("0x") {
        mark = u32::from_str_radix(value, 16).unwrap();
        words = &words[1..];
    }
    let mut packet = packet(words);
    packet.mark = mark;
    packet.in_interface = firewall.interface(ways[0]);
    packet.out_interface = firewall.interface(ways[1]);
    let judgement = firewall.classify(&packet, at(0));
    let origin = firewall.origin(&judgement).map_or("none".into(), ToString::to_string);
    format!("{} by {origin}", judgement.action)
}

fn read(name: &str) -> Nftables {
    Nftables::new().read(&listing(name)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_workstation() {
    check(
        &read("workstation"),
        Hook::Input,
        "
        eth0 - tcp 203.0.113.1:4000 > 192.0.2.10:443 = accept by inet filter inbound handle 16
        eth0 - tcp 203.0.113.1:4000 > 192.0.2.10:8080 = drop by inet filter inbound handle 18
        eth0 - udp 192.0.2.1:5353 > 224.0.0.251:5353 = accept by inet filter inbound handle 17
        eth0 - udp 192.0.2.1:5353 > 192.0.2.10:5353 = drop by inet filter inbound handle 18
        eth0 - ping 203.0.113.1 > 192.0.2.10 = accept by inet filter inbound_ipv4 handle 6
        eth0 - icmp6 135 fe80::1 > 2001:db8::10 = accept by inet filter inbound_ipv6 handle 8
        eth0 - icmp6 137 fe80::1 > 2001:db8::10 = drop by inet filter inbound handle 11
        eth0 - fin 203.0.113.1:4001 > 192.0.2.10:443 = drop by inet filter inbound handle 11
        lo - tcp [::1]:4000 > [::1]:631 = accept by inet filter inbound handle 12
        ",
    );
    check(
        &read("workstation"),
        Hook::Forward,
        "eth0 eth1 tcp 10.0.0.1:1 > 192.0.2.1:80 = drop by inet filter forward policy",
    );
    check(
        &read("workstation"),
        Hook::Output,
        "- eth0 tcp 10.0.0.1:1 > 192.0.2.1:80 = accept by inet filter outbound policy",
    );
}

#[test]
fn a_router() {
    check(
        &read("router"),
        Hook::Forward,
        "
        lan0 wan0 tcp 10.0.0.1:4000 > 192.0.2.1:443 = accept by inet firewall late policy
        lan0 wan0 tcp 10.0.0.1:4000 > 192.0.2.1:25 = reject with tcp-reset by inet firewall from_lan handle 12
        lan0 wan0 tcp 10.0.0.1:4000 > 192.0.2.1:445 = drop by inet firewall late handle 32
        lan0 wan0 tcp 172.16.0.1:4000 > 192.0.2.1:443 = drop by inet firewall from_lan handle 11
        lan0 wan0 udp 10.0.0.1:4000 > 192.0.2.53:53 = accept by inet firewall late policy
        wan0 lan0 udp 192.0.2.53:53 > 10.0.0.1:4000 = accept by inet firewall late policy
        wan0 lan0 tcp 192.0.2.1:4000 > 10.0.0.80:443 = accept by inet firewall late policy
        wan0 lan0 tcp 192.0.2.1:4000 > 10.0.0.80:8042 = accept by inet firewall late policy
        wan0 lan0 tcp 192.0.2.1:4000 > 10.0.0.80:8100 = reject with tcp-reset by inet firewall refused handle 24
        wan0 lan0 udp 192.0.2.1:4000 > 10.0.0.80:443 = reject by inet firewall refused handle 25
        wan0 lan0 tcp 203.0.113.7:4000 > 10.0.0.80:443 = drop by inet firewall from_wan handle 15
        wan0 lan0 tcp 203.0.113.10:4000 > 10.0.0.80:443 = accept by inet firewall late policy
        wan0 lan0 tcp 203.0.113.77:4000 > 10.0.0.80:443 = drop by inet firewall from_wan handle 16
        wan0 lan0 tcp [2001:db8:bad::1]:4000 > [2001:db8::80]:443 = drop by inet firewall from_wan handle 17
        wan0 lan0 tcp [2001:db8:1::1]:4000 > [2001:db8::80]:443 = reject with tcp-reset by inet firewall refused handle 24
        wan0 lan0 ping 192.0.2.1 > 10.0.0.80 = accept by inet firewall late policy
        wan0 lan0 icmp6 128 2001:db8:1::1 > 2001:db8::80 = drop by inet firewall forward handle 28
        wan0 lan0 udp 192.0.2.1:4000 > 10.0.0.9:514 = accept by inet firewall late policy
        wan0 lan0 fin 192.0.2.9:4000 > 10.0.0.80:443 = drop by inet firewall forward handle 28
        dmz0 lan0 tcp 192.0.2.1:4000 > 10.0.0.80:443 = drop by inet firewall forward policy
        ",
    );
}

#[test]
fn firewalld() {
    check(
        &read("firewalld"),
        Hook::Input,
        "
        eth0 - tcp 203.0.113.1:4000 > 192.0.2.10:22 = accept by inet firewalld filter_IN_public_allow handle 41
        eth0 - tcp 203.0.113.1:4000 > 192.0.2.10:80 = reject with admin-prohibited by inet firewalld filter_INPUT handle 20
        eth0 - tcp 198.51.100.7:4000 > 192.0.2.10:22 = reject by inet firewalld filter_IN_public_deny handle 40
        eth0 - ping 203.0.113.1 > 192.0.2.10 = accept by inet firewalld filter_IN_public handle 39
        eth0 - udp [fe80::1]:547 > [fe80::2]:546 = accept by inet firewalld filter_IN_public_allow handle 42
        eth0 - udp [fe80::1]:547 > [2001:db8::2]:546 = reject with admin-prohibited by inet firewalld filter_INPUT handle 20
        eth0 - icmp6 135 fe80::1 > 2001:db8::10 = accept by inet firewalld filter_IN_public handle 39
        eth0 - fin 203.0.113.1:4009 > 192.0.2.10:80 = drop by inet firewalld filter_INPUT handle 19
        ",
    );
    check(
        &read("firewalld"),
        Hook::Forward,
        "
        eth0 eth1 tcp 203.0.113.1:4000 > 192.0.2.10:22 = accept by inet firewalld filter_FWD_public_allow handle 35
        eth1 eth0 tcp 203.0.113.1:4001 > 192.0.2.10:22 = reject with admin-prohibited by inet firewalld filter_FORWARD handle 29
        eth0 eth1 tcp [2001:db8::1]:4000 > [2002:a00::1]:80 = reject with host-unreachable by inet firewalld filter_FORWARD handle 26
        ",
    );
}

#[test]
fn fail2ban() {
    check(
        &read("fail2ban"),
        Hook::Input,
        "
        eth0 - tcp 203.0.113.5:4000 > 192.0.2.10:22 = reject by inet f2b-table f2b-chain handle 4
        eth0 - tcp 203.0.113.6:4000 > 192.0.2.10:22 = accept by ip filter INPUT handle 5
        eth0 - tcp [2001:db8::bad]:4000 > [2001:db8::10]:22 = reject by inet f2b-table f2b-chain handle 5
        eth0 - tcp [2001:db8::1]:4000 > [2001:db8::10]:22 = accept by inet f2b-table f2b-chain policy
        eth0 - tcp 203.0.113.6:4000 > 192.0.2.10:8001 = drop by ip filter INPUT handle 5
        eth0 - tcp 203.0.113.6:4000 > 192.0.2.10:8085 = accept by ip filter extra handle 10
        eth0 - tcp 10.0.0.2:4000 > 192.0.2.10:8085 = drop by ip filter INPUT policy
        eth0 - tcp 10.0.7.1:4000 > 192.0.2.10:9999 = accept by ip filter INPUT handle 6
        eth0 - tcp 203.0.113.6:4000 > 192.0.2.10:9000 = accept by ip filter INPUT handle 7
        eth0 - udp 203.0.113.6:4000 > 192.0.2.10:9000 = drop by ip filter INPUT policy
        ",
    );
}
