//! What `iptables-save` writes on hosts of Docker, Kubernetes, fail2ban, firewalld and ufw, each with
//! decisions pinned.

use std::fmt::Write;
use std::fs;

use portcullis::import::iptables::{Hook, Iptables};

use super::tracked;
use crate::import::judged;

fn dump(name: &str) -> String {
    let path = format!("{}/tests/data/iptables/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The tables of a host whose addresses are translated elsewhere.
fn host() -> Iptables {
    let own: [ipnet::IpNet; 2] =
        ["192.0.2.10/24".parse().unwrap(), "2001:db8::10/64".parse().unwrap()];
    Iptables::new().translated().local(own)
}

/// Judges packets of one way through the host, one after the other.
fn check(tables: &Iptables, hook: Hook, cases: &str) {
    judged::check(&mut tracked(tables, hook), cases);
}

#[test]
fn docker() {
    let tables = host().v4(&dump("docker.txt")).unwrap();
    check(
        &tables,
        Hook::Forward,
        "
        eth0 docker0 tcp 198.51.100.1:4000 > 172.17.0.2:80 = accept by ipv4 filter DOCKER rule 1
        eth0 docker0 tcp 198.51.100.1:4000 > 172.17.0.2:81 = drop by ipv4 filter FORWARD policy
        eth0 docker0 tcp 203.0.113.9:4000 > 172.17.0.2:80 = drop by ipv4 filter DOCKER-USER rule 1
        docker0 eth0 udp 172.17.0.2:4000 > 192.0.2.53:53 = accept by ipv4 filter FORWARD rule 5
        eth0 docker0 udp 192.0.2.53:53 > 172.17.0.2:4000 = accept by ipv4 filter FORWARD rule 3
        eth0 docker0 udp 192.0.2.53:53 > 172.17.0.2:4001 = drop by ipv4 filter FORWARD policy
        docker0 docker0 tcp 172.17.0.2:4000 > 172.17.0.3:80 = accept by ipv4 filter FORWARD rule 6
        docker0 br-5d0f3a1c77be tcp 172.17.0.2:4000 > 172.18.0.2:5432 = drop by ipv4 filter DOCKER-ISOLATION-STAGE-2 rule 2
        eth0 br-5d0f3a1c77be tcp 198.51.100.1:4001 > 172.18.0.2:5432 = accept by ipv4 filter DOCKER rule 2
        eth0 eth1 tcp 198.51.100.1:4002 > 192.0.2.1:80 = drop by ipv4 filter FORWARD policy
        ",
    );
    check(&tables, Hook::Input, "eth0 - tcp 198.51.100.1:4000 > 192.0.2.10:22 = accept by none");
}

#[test]
fn docker_of_2025() {
    let tables = host().v4(&dump("docker28.txt")).unwrap();
    check(
        &tables,
        Hook::Forward,
        "
        eth0 docker0 tcp 198.51.100.1:4000 > 172.17.0.2:80 = drop by ipv4 raw PREROUTING rule 1
        eth0 br-9e41c20b6d15 tcp 198.51.100.1:4000 > 172.20.0.3:9000 = drop by ipv4 raw PREROUTING rule 2
        eth0 br-9e41c20b6d15 tcp 198.51.100.1:4000 > 172.20.0.4:9000 = drop by ipv4 filter DOCKER rule 3
        eth0 br-9e41c20b6d15 tcp 198.51.100.1:4001 > 192.0.2.10:9000 to 172.20.0.3:9000 = accept by ipv4 filter DOCKER rule 1
        br-9e41c20b6d15 eth0 udp 172.20.0.3:4000 > 192.0.2.53:53 = accept by ipv4 filter DOCKER-FORWARD rule 5
        eth0 br-9e41c20b6d15 udp 192.0.2.53:53 > 192.0.2.10:4000 to 172.20.0.3:4000 = accept by ipv4 filter DOCKER-CT rule 2
        br-9e41c20b6d15 docker0 tcp 172.20.0.4:4000 > 172.17.0.9:80 = drop by ipv4 filter DOCKER-ISOLATION-STAGE-2 rule 2
        br-9e41c20b6d15 br-9e41c20b6d15 tcp 172.20.0.4:4000 > 172.20.0.5:80 = accept by ipv4 filter DOCKER-FORWARD rule 5
        ",
    );
}

#[test]
fn kubernetes() {
    let tables = host().v4(&dump("kubernetes.txt")).unwrap();
    check(
        &tables,
        Hook::Forward,
        "
        eth0 cni0 tcp 198.51.100.1:4000 > 10.244.1.9:8080 = accept by ipv4 filter FORWARD rule 6
        eth0 cni0 0x4000 tcp 198.51.100.1:4001 > 10.244.1.9:8080 = accept by ipv4 filter KUBE-FORWARD rule 2
        cni0 eth0 tcp 10.244.1.9:4000 > 10.96.44.7:443 = reject by ipv4 filter KUBE-SERVICES rule 1
        cni0 eth0 tcp 10.244.1.9:4000 > 10.96.44.7:80 = accept by ipv4 filter FORWARD rule 5
        eth0 cni0 fin 198.51.100.1:4002 > 10.244.1.9:8080 = drop by ipv4 filter KUBE-FORWARD rule 1
        cni0 eth0 tcp 10.244.1.9:4000 > 198.51.100.10:80 = drop by ipv4 filter KUBE-PROXY-FIREWALL rule 1
        eth0 cni0 tcp 198.51.100.1:4003 > 192.0.2.10:30443 = reject by ipv4 filter KUBE-EXTERNAL-SERVICES rule 1
        eth0 eth1 tcp 198.51.100.1:4003 > 198.51.100.2:30443 = accept by ipv4 filter FORWARD policy
        ",
    );
    check(
        &tables,
        Hook::Input,
        "
        eth0 - tcp 198.51.100.1:4000 > 192.0.2.10:31207 = accept by ipv4 filter KUBE-NODEPORTS rule 1
        eth0 - tcp 198.51.100.1:4000 > 192.0.2.10:30443 = reject by ipv4 filter KUBE-EXTERNAL-SERVICES rule 1
        eth0 - tcp 198.51.100.1:4000 > 127.0.0.1:10250 = drop by ipv4 filter KUBE-FIREWALL rule 1
        lo - tcp 127.0.0.1:4000 > 127.0.0.1:10250 = accept by ipv4 filter INPUT policy
        eth0 - tcp 198.51.100.1:4000 > 192.0.2.10:22 = accept by ipv4 filter INPUT policy
        ",
    );
}

/// A node with thousands of chains: one for each direction of each workload, as network policies have
/// them, found by a tree of prefixes of interface names, each with its own marks.
#[test]
fn kubernetes_with_thousands_of_chains() {
    const PODS: usize = 800;
    let name = |pod: usize| format!("cali{:011x}", pod * 0x9e37);
    let mut text =
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n".to_string();
    for chain in ["FORWARD", "from-wl-dispatch", "to-wl-dispatch"] {
        writeln!(text, ":cali-{chain} - [0:0]").unwrap();
    }
    for pod in 0..PODS {
        let name = name(pod);
        writeln!(text, ":cali-fw-{name} - [0:0]\n:cali-tw-{name} - [0:0]").unwrap();
        writeln!(text, ":cali-pi-p{pod} - [0:0]").unwrap();
    }
    text += "-A FORWARD -m comment --comment \"cali:wUHhoiAYhphO9Mso\" -j cali-FORWARD\n";
    text += "-A cali-FORWARD -j MARK --set-xmark 0x0/0xe0000\n";
    text += "-A cali-FORWARD -i cali+ -j cali-from-wl-dispatch\n";
    text += "-A cali-FORWARD -o cali+ -j cali-to-wl-dispatch\n";
    text += "-A cali-FORWARD -m mark --mark 0x10000/0x10000 -j ACCEPT\n";
    for pod in 0..PODS {
        let (name, port) = (name(pod), 1024 + pod);
        writeln!(text, "-A cali-from-wl-dispatch -i {name} -g cali-fw-{name}").unwrap();
        writeln!(text, "-A cali-to-wl-dispatch -o {name} -g cali-tw-{name}").unwrap();
        writeln!(text, "-A cali-fw-{name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A cali-fw-{name} -m conntrack --ctstate INVALID -j DROP\n-A cali-fw-{name} -j MARK --set-xmark 0x0/0x10000\n-A cali-fw-{name} -j MARK --set-xmark 0x10000/0x10000\n-A cali-fw-{name} -m mark --mark 0x10000/0x10000 -j RETURN\n-A cali-fw-{name} -j DROP").unwrap();
        writeln!(text, "-A cali-tw-{name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A cali-tw-{name} -j MARK --set-xmark 0x0/0x10000\n-A cali-tw-{name} -j cali-pi-p{pod}\n-A cali-tw-{name} -m mark --mark 0x10000/0x10000 -j RETURN\n-A cali-tw-{name} -m comment --comment \"Drop if no profiles matched\" -j DROP").unwrap();
        writeln!(text, "-A cali-pi-p{pod} -p tcp -m multiport --dports {port} -j MARK --set-xmark 0x10000/0x10000").unwrap();
    }
    text += "COMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n";
    for service in 0..PODS {
        writeln!(text, ":KUBE-SVC-{service:016} - [0:0]\n:KUBE-SEP-{service:016} - [0:0]").unwrap();
    }
    for service in 0..PODS {
        writeln!(text, "-A KUBE-SERVICES -d 10.96.{}.{}/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-{service:016}\n-A KUBE-SVC-{service:016} -m statistic --mode random --probability 0.5 -j KUBE-SEP-{service:016}\n-A KUBE-SEP-{service:016} -p tcp -m tcp -j DNAT --to-destination 10.244.0.1:80", service / 256, service % 256).unwrap();
    }
    text += "COMMIT\n";
    let tables = host().v4(&text).unwrap();
    let (first, last) = (name(0), name(PODS - 1));
    check(
        &tables,
        Hook::Forward,
        &format!(
            "
            eth0 {last} tcp 198.51.100.1:4000 > 10.244.1.9:1823 = accept by ipv4 filter cali-FORWARD rule 4
            eth0 {last} tcp 198.51.100.1:4001 > 10.244.1.9:1824 = drop by ipv4 filter cali-tw-{last} rule 5
            {first} eth0 tcp 10.244.1.9:4000 > 198.51.100.1:443 = accept by ipv4 filter cali-FORWARD rule 4
            {first} {last} tcp 10.244.1.9:4001 > 10.244.1.8:1823 = accept by ipv4 filter cali-FORWARD rule 4
            {first} {last} tcp 10.244.1.9:4001 > 10.244.1.8:1024 = drop by ipv4 filter cali-tw-{last} rule 5
            eth0 eth1 tcp 198.51.100.1:4001 > 198.51.100.2:80 = drop by ipv4 filter FORWARD policy
            "
        ),
    );
}

#[test]
fn fail2ban() {
    let tables = host().ipset_save(&dump("fail2ban.ipset")).unwrap();
    let tables = tables.v4(&dump("fail2ban.txt")).unwrap();
    check(
        &tables,
        Hook::Input,
        "
        eth0 - tcp 203.0.113.5:4000 > 192.0.2.10:22 = reject by ipv4 filter f2b-sshd rule 2
        eth0 - tcp 203.0.113.6:4000 > 192.0.2.10:22 = accept by ipv4 filter INPUT rule 7
        eth0 - tcp 203.0.113.5:4000 > 192.0.2.10:443 = accept by ipv4 filter INPUT rule 7
        eth0 - tcp 192.0.2.44:4000 > 192.0.2.10:443 = reject by ipv4 filter INPUT rule 3
        eth0 - tcp 192.0.2.44:4000 > 192.0.2.10:22 = accept by ipv4 filter INPUT rule 7
        eth0 - tcp 198.51.100.23:4000 > 192.0.2.10:587 = reject by ipv4 filter f2b-postfix rule 1
        eth0 - tcp 203.0.113.200:4000 > 192.0.2.10:80 = drop by ipv4 filter INPUT rule 2
        eth0 - udp 203.0.113.200:4000 > 192.0.2.10:53 = drop by ipv4 filter INPUT policy
        eth0 - ping 203.0.113.200 > 192.0.2.10 = accept by ipv4 filter INPUT rule 8
        lo - tcp 127.0.0.1:4000 > 127.0.0.1:3306 = accept by ipv4 filter INPUT rule 5
        ",
    );
    // Without the sets: an error that names the first.
    let error = host().v4(&dump("fail2ban.txt")).unwrap_err();
    assert_eq!((error.line(), error.column()), (9, 66), "{error}");
    assert!(error.message().ends_with("the set `f2b-recidive` is not supported"), "{error}");
}

#[test]
fn firewalld() {
    let tables = host().v4(&dump("firewalld.txt")).unwrap();
    check(
        &tables,
        Hook::Input,
        "
        eth0 - tcp 203.0.113.1:4000 > 192.0.2.10:22 = accept by ipv4 security INPUT policy
        eth0 - tcp 203.0.113.1:4000 > 192.0.2.10:80 = reject with host-prohibited by ipv4 filter INPUT rule 8
        eth0 - tcp 10.20.3.4:4000 > 192.0.2.10:80 = accept by ipv4 security INPUT policy
        eth0 - tcp 198.51.100.7:4000 > 192.0.2.10:22 = reject by ipv4 filter IN_public_deny rule 1
        eth0 - tcp 192.0.2.20:4000 > 192.0.2.10:5432 = accept by ipv4 security INPUT policy
        eth0 - udp 203.0.113.1:514 > 192.0.2.10:514 = accept by ipv4 security INPUT policy
        eth0 - udp 203.0.113.1:514 > 192.0.2.10:515 = reject with host-prohibited by ipv4 filter INPUT rule 8
        eth0 - ping 203.0.113.1 > 192.0.2.10 = accept by ipv4 security INPUT policy
        eth0 - fin 203.0.113.1:4009 > 192.0.2.10:80 = drop by ipv4 filter INPUT rule 6
        wan0 - fin 203.0.113.1:4009 > 192.0.2.10:22 = drop by ipv4 filter INPUT rule 6
        ",
    );
    check(
        &tables,
        Hook::Forward,
        "
        eth0 wan0 tcp 10.20.3.4:4000 > 198.51.100.7:443 = accept by ipv4 security FORWARD policy
        wan0 eth0 fin 198.51.100.7:443 > 10.20.3.4:4001 = drop by ipv4 filter FORWARD rule 6
        wan0 eth0 ping 198.51.100.7 > 10.20.3.4 = accept by ipv4 security FORWARD policy
        ",
    );
}

#[test]
fn ufw() {
    let tables = host().v4(&dump("ufw.txt")).unwrap();
    check(
        &tables,
        Hook::Input,
        "
        eth0 - tcp 203.0.113.1:4000 > 192.0.2.10:443 = accept by ipv4 filter ufw-user-input rule 1
        eth0 - tcp 203.0.113.1:4000 > 192.0.2.10:22 = drop by ipv4 filter INPUT policy
        eth0 - tcp 192.0.2.77:4000 > 192.0.2.10:22 = accept by ipv4 filter ufw-user-input rule 2
        eth0 - tcp 198.51.100.9:4000 > 192.0.2.10:25 = reject by ipv4 filter ufw-user-input rule 3
        eth0 - udp 203.0.113.1:67 > 192.0.2.10:68 = accept by ipv4 filter ufw-before-input rule 9
        eth0 - udp 192.0.2.1:137 > 192.0.2.255:137 = drop by ipv4 filter ufw-skip-to-policy-input rule 1
        eth0 - udp 192.0.2.1:5353 > 224.0.0.251:5353 = accept by ipv4 filter ufw-before-input rule 11
        eth0 - udp 192.0.2.1:5353 > 203.0.113.99:5353 = drop by ipv4 filter ufw-not-local rule 5
        eth0 - ping 203.0.113.1 > 192.0.2.10 = accept by ipv4 filter ufw-before-input rule 8
        eth0 - fin 203.0.113.1:4001 > 192.0.2.10:443 = drop by ipv4 filter ufw-before-input rule 4
        lo - tcp 127.0.0.1:4000 > 127.0.0.1:631 = accept by ipv4 filter ufw-before-input rule 1
        ",
    );
    check(
        &tables,
        Hook::Output,
        "
        - eth0 tcp 192.0.2.10:4000 > 203.0.113.1:443 = accept by ipv4 filter ufw-track-output rule 1
        - eth0 ping 192.0.2.10 > 203.0.113.1 = accept by ipv4 filter OUTPUT policy
        ",
    );
    check(
        &tables,
        Hook::Forward,
        "eth0 eth1 tcp 203.0.113.1:4000 > 198.51.100.1:443 = drop by ipv4 filter FORWARD policy",
    );
}

/// What ufw asks of IPv6 besides: routing headers, and how often somebody came before.
#[test]
fn ufw_of_ipv6_in_part() {
    let text = dump("ufw6.txt");
    let error = host().v6(&text).unwrap_err();
    assert_eq!((error.line(), error.message()), (13, "match `rt` is not supported"));
    let tables = host().lenient(true).v6(&text).unwrap();
    let left_out: Vec<_> =
        tables.left_out().iter().map(|error| (error.line(), error.column())).collect();
    assert_eq!(left_out, [(13, 25), (34, 75), (35, 75)]);
    assert!(tables.is_partial());
    check(
        &tables,
        Hook::Input,
        "
        eth0 - tcp [2001:db8::1]:4000 > [2001:db8::10]:443 = accept by ipv6 filter ufw6-user-input rule 1
        eth0 - tcp [2001:db8::1]:4000 > [2001:db8::10]:22 = accept by ipv6 filter ufw6-user-input rule 4
        eth0 - tcp [2001:db8::1]:4000 > [2001:db8::10]:23 = drop by ipv6 filter INPUT policy
        eth0 - icmp6 135 fe80::1 > 2001:db8::10 = accept by ipv6 filter ufw6-before-input rule 14
        eth0 - icmp6 130 fe80::1 > ff02::1 = accept by ipv6 filter ufw6-before-input rule 16
        eth0 - icmp6 130 2001:db8::1 > ff02::1 = drop by ipv6 filter INPUT policy
        ",
    );
}
