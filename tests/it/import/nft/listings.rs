//! What `nft -j list ruleset` writes of rule sets in the shapes of nftables' documentation and of
//! hosts with firewalld, fail2ban, Docker, Kubernetes, libvirt and OpenWrt, each with decisions pinned. The listings were written by nft;
//! what it read lies beside them.

use portcullis::import::nft::{Hook, Nftables};

use super::{listing, tracked};
use crate::import::judged;

/// Judges packets of one way through the host, one after the other.
fn check(tables: &Nftables, hook: Hook, cases: &str) {
    judged::check(&mut tracked(tables, hook), cases);
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

/// A listing of a host whose addresses are translated elsewhere.
fn host(name: &str) -> Nftables {
    let own: [ipnet::IpNet; 2] =
        ["192.0.2.10/24".parse().unwrap(), "2001:db8::10/64".parse().unwrap()];
    let tables = Nftables::new().translated().local(own).read(&listing(name));
    tables.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The chains of type nat, and those that only they lead to, are somebody else's work; without being told
/// so, an import says where the first stands.
#[test]
fn hosts_that_translate_addresses() {
    for name in ["docker", "kube-proxy", "openwrt", "home-router", "libvirt"] {
        let error = Nftables::new().read(&listing(name)).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
        assert!(error.message().contains("a chain of type `nat`"), "{error}");
        assert!(!host(name).is_partial());
    }
}

#[test]
fn docker() {
    check(
        &host("docker"),
        Hook::Forward,
        "
        eth0 docker0 tcp 198.51.100.1:4000 > 192.0.2.10:8080 to 172.17.0.2:80 = accept by ip docker-bridges filter-forward-in__docker0 handle 25
        eth0 docker0 tcp 198.51.100.1:4000 > 172.17.0.2:80 = drop by ip docker-bridges raw-PREROUTING handle 22
        eth0 docker0 tcp 198.51.100.1:4000 > 172.17.0.3:80 = drop by ip docker-bridges filter-forward-in__docker0 handle 26
        docker0 eth0 udp 172.17.0.2:4000 > 192.0.2.53:53 = accept by ip docker-bridges filter-forward-out__docker0 handle 28
        eth0 docker0 udp 192.0.2.53:53 > 192.0.2.10:4000 to 172.17.0.2:4000 = accept by ip docker-bridges filter-forward-in__docker0 handle 23
        docker0 docker0 tcp 172.17.0.2:4000 > 172.17.0.3:80 = accept by ip docker-bridges filter-forward-in__docker0 handle 24
        eth0 eth1 tcp 198.51.100.1:4000 > 192.0.2.1:80 = accept by ip docker-bridges filter-FORWARD policy
        ",
    );
}

#[test]
fn kubernetes() {
    check(
        &host("kube-proxy"),
        Hook::Forward,
        "
        cni0 eth0 tcp 10.244.1.9:4000 > 10.96.44.7:443 = reject by ip kube-proxy reject-chain handle 51
        cni0 eth0 tcp 10.244.1.9:4000 > 10.96.0.10:80 = reject by ip kube-proxy cluster-ips-check handle 43
        cni0 eth0 tcp 10.244.1.9:4000 > 10.96.77.1:80 = drop by ip kube-proxy cluster-ips-check handle 44
        cni0 eth0 udp 10.244.1.9:4000 > 10.96.0.10:53 to 10.244.0.2:53 = accept by ip kube-proxy filter-forward policy
        eth0 cni0 tcp 192.0.2.1:4000 > 203.0.113.5:80 = drop by ip kube-proxy firewall-HVFWP5L3-default/lb/tcp/http handle 53
        eth0 cni0 tcp 198.51.100.1:4000 > 203.0.113.5:80 = accept by ip kube-proxy filter-forward policy
        ",
    );
    check(
        &host("kube-proxy"),
        Hook::Input,
        "
        eth0 - tcp 198.51.100.1:4000 > 192.0.2.10:30443 = drop by ip kube-proxy nodeport-endpoints-check handle 40
        eth0 - tcp 198.51.100.1:4000 > 192.0.2.11:30443 = accept by ip kube-proxy filter-input policy
        eth0 - tcp 198.51.100.1:4000 > 10.96.44.7:443 = reject by ip kube-proxy reject-chain handle 51
        eth0 - tcp 198.51.100.1:4000 > 192.0.2.10:22 = accept by ip kube-proxy filter-input policy
        ",
    );
}

#[test]
fn openwrt() {
    check(
        &host("openwrt"),
        Hook::Input,
        "
        br-lan - tcp 192.168.1.5:4000 > 192.168.1.1:22 = accept by inet fw4 accept_from_lan handle 55
        wan - tcp 203.0.113.1:4000 > 192.0.2.10:22 = reject with tcp-reset by inet fw4 handle_reject handle 47
        wan - udp 203.0.113.1:4000 > 192.0.2.10:53 = reject by inet fw4 handle_reject handle 48
        wan - udp 203.0.113.1:67 > 192.0.2.10:68 = accept by inet fw4 input_wan handle 57
        wan - ping 203.0.113.1 > 192.0.2.10 = accept by inet fw4 input_wan handle 58
        wan - icmp6 135 fe80::1 > 2001:db8::10 = accept by inet fw4 input_wan handle 66
        wan - icmp6 130 fe80::1 > ff02::1 = accept by inet fw4 input_wan handle 62
        wan - icmp6 130 2001:db8::1 > ff02::1 = reject by inet fw4 handle_reject handle 48
        eth9 - tcp 192.168.1.5:4000 > 192.168.1.1:22 = reject with tcp-reset by inet fw4 handle_reject handle 47
        lo - tcp 127.0.0.1:4000 > 127.0.0.1:22 = accept by inet fw4 input handle 29
        ",
    );
    check(
        &host("openwrt"),
        Hook::Forward,
        "
        br-lan wan tcp 192.168.1.5:4000 > 203.0.113.1:443 = accept by inet fw4 mangle_postrouting policy
        wan br-lan tcp 203.0.113.1:4000 > 192.168.1.5:80 = reject with tcp-reset by inet fw4 handle_reject handle 47
        wan br-lan udp 203.0.113.1:500 > 192.168.1.5:500 = accept by inet fw4 mangle_postrouting policy
        br-lan wan fin 192.168.1.5:4001 > 203.0.113.1:443 = drop by inet fw4 accept_to_wan handle 75
        br-lan br-lan tcp 192.168.1.5:4000 > 192.168.1.6:80 = accept by inet fw4 mangle_postrouting policy
        br-lan dmz tcp 192.168.1.5:4000 > 192.168.1.6:80 = reject with tcp-reset by inet fw4 handle_reject handle 47
        ",
    );
}

#[test]
fn a_home_router() {
    check(
        &host("home-router"),
        Hook::Input,
        "
        ppp0 - tcp 81.209.165.42:4000 > 192.0.2.10:22 = accept by ip global inbound_world handle 6
        ppp0 - tcp 81.209.165.43:4000 > 192.0.2.10:22 = drop by ip global inbound policy
        eth0 - udp 192.168.1.5:4000 > 192.168.1.1:53 = accept by ip global inbound_private handle 9
        eth0 - udp 192.168.1.5:4000 > 192.168.1.1:22 = drop by ip global inbound policy
        eth0 - ping 192.168.1.5 > 192.168.1.1 = accept by ip global inbound_private handle 7
        lo - tcp 127.0.0.1:4000 > 127.0.0.1:22 = accept by ip global inbound handle 13
        ",
    );
    check(
        &host("home-router"),
        Hook::Forward,
        "
        eth0 ppp0 tcp 192.168.1.5:4000 > 203.0.113.1:443 = accept by ip global forward handle 16
        ppp0 eth0 tcp 203.0.113.1:4000 > 192.168.1.5:443 = drop by ip global forward policy
        ",
    );
}

#[test]
fn libvirt() {
    check(
        &host("libvirt"),
        Hook::Forward,
        "
        lo eth0 tcp 192.168.122.5:4000 > 203.0.113.1:443 = accept by ip libvirt_network guest_output handle 9
        lo eth0 tcp 192.168.123.5:4000 > 203.0.113.1:443 = reject by ip libvirt_network guest_output handle 10
        eth0 lo tcp 203.0.113.1:4000 > 192.168.122.5:22 = reject by ip libvirt_network guest_input handle 12
        lo lo tcp 192.168.122.5:4000 > 192.168.122.6:22 = accept by ip libvirt_network guest_cross handle 13
        ",
    );
}
