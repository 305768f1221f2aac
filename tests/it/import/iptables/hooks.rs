//! The way through a host: built-in chains, policies, what comes before tracking.

use std::cell::RefCell;
use std::rc::Rc;

use portcullis::conntrack::Limits;
use portcullis::import::iptables::{Hook, Iptables};
use portcullis::packet::TcpFlags;
use portcullis::rule::Effect;
use portcullis::{Action, Config, ConnState, ConnTable, Packet, Reject, StatelessMatcher};

use super::{at, origin, segment, syn, tables, tracked, udp, untracked};

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "192.0.2.1:443";

/// Every built-in chain with a mark of its own.
fn marked_everywhere() -> String {
    let mut text = String::new();
    let tables: [(&str, &[&str]); 4] = [
        ("raw", &["PREROUTING", "OUTPUT"]),
        ("mangle", &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
        ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
        ("security", &["INPUT", "FORWARD", "OUTPUT"]),
    ];
    for (table, chains) in tables {
        text += &format!("*{table}\n");
        for chain in chains {
            text += &format!(":{chain} ACCEPT [0:0]\n-A {chain} -j LOG\n-A {chain} -j ACCEPT\n");
        }
        text += "COMMIT\n";
    }
    text
}

#[test]
fn packets_go_through_the_chains_in_linux_s_order() {
    let expected = [
        (
            Hook::Input,
            "raw PREROUTING, mangle PREROUTING, mangle INPUT, filter INPUT, security INPUT",
        ),
        (
            Hook::Forward,
            "raw PREROUTING, mangle PREROUTING, mangle FORWARD, filter FORWARD, security FORWARD, mangle POSTROUTING",
        ),
        (
            Hook::Output,
            "raw OUTPUT, mangle OUTPUT, filter OUTPUT, security OUTPUT, mangle POSTROUTING",
        ),
    ];
    for (hook, chains) in expected {
        let mut firewall = tracked(&tables(&marked_everywhere()), hook);
        let mut seen = Vec::new();
        let judgement = firewall.walk(&syn(CLIENT, SERVER), at(0), |origin, _| {
            let origin = origin.unwrap();
            seen.push(format!("{} {}", origin.table, origin.chain));
        });
        assert_eq!(seen.join(", "), chains);
        assert_eq!(judgement.action, Action::Accept);
    }
}

/// A drop anywhere is a drop, and nothing after it is asked.
#[test]
fn any_chain_may_drop() {
    for (table, chain) in [
        ("raw", "PREROUTING"),
        ("mangle", "PREROUTING"),
        ("mangle", "FORWARD"),
        ("security", "FORWARD"),
        ("mangle", "POSTROUTING"),
    ] {
        for policy in [false, true] {
            let (rule, policy) = match policy {
                true => (String::new(), "DROP"),
                false => (format!("-A {chain} -p tcp -j DROP\n"), "ACCEPT"),
            };
            let allowed =
                if matches!(table, "raw" | "mangle" | "security") { policy } else { "ACCEPT" };
            let text = format!(
                "*{table}\n:{chain} {allowed} [0:0]\n{rule}COMMIT\n*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"
            );
            let mut firewall = tracked(&tables(&text), Hook::Forward);
            let judgement = firewall.classify(&syn(CLIENT, SERVER), at(0));
            assert_eq!(judgement.action, Action::Drop, "{text}");
            assert_eq!(judgement.before_tracking, table == "raw");
            assert!(origin(&firewall, &judgement).starts_with(&format!("ipv4 {table} {chain}")));
            assert!(firewall.matcher().conntrack().is_empty());
        }
    }
}

#[test]
fn marks_of_mangle_are_seen_by_filter() {
    let text = "\
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 22 -j MARK --set-xmark 0x10/0x10
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:MARKED - [0:0]
-A PREROUTING -p tcp -m tcp --dport 443 -j MARKED
-A PREROUTING -p tcp -m tcp --dport 443 -j DROP
-A FORWARD -m mark --mark 0x1/0x1 -j MARK --or-mark 2
-A MARKED -j MARK --set-xmark 0x1/0xffffffff
-A MARKED -j ACCEPT
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m mark --mark 0x3 -j ACCEPT
-A FORWARD -m mark --mark 0x10/0x10 -j REJECT
COMMIT
";
    let mut firewall = tracked(&tables(text), Hook::Forward);
    let mut judge = |packet: &Packet| {
        let judgement = firewall.classify(packet, at(0));
        (judgement.action, judgement.mark)
    };
    assert_eq!(judge(&syn(CLIENT, SERVER)), (Action::Accept, 3));
    assert_eq!(
        judge(&syn(CLIENT, "192.0.2.1:22")),
        (Action::Reject(Reject::PortUnreachable), 0x10)
    );
    assert_eq!(judge(&syn(CLIENT, "192.0.2.1:80")), (Action::Drop, 0));
}

#[test]
fn what_is_not_tracked_has_no_connection() {
    let text = "\
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 53 -j CT --notrack
-A PREROUTING -p udp -m udp --dport 54 -j NOTRACK
-A PREROUTING -i lan0 -p udp -m udp --dport 55 -j CT --zone 5
-A PREROUTING -p udp -m udp --dport 53 -j CT --zone 6
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
COMMIT
";
    let mut firewall = tracked(&tables(text), Hook::Forward);
    let mut state = |packet: &Packet| firewall.classify(packet, at(0)).tracked.unwrap().state;
    // The first word on tracking counts.
    assert_eq!(state(&udp(CLIENT, "192.0.2.53:53")), ConnState::Untracked);
    assert_eq!(state(&udp(CLIENT, "192.0.2.53:54")), ConnState::Untracked);
    let mut zoned = udp(CLIENT, "192.0.2.53:55");
    assert_eq!(state(&zoned), ConnState::New);
    assert_eq!(firewall.matcher().conntrack().len(), 1);
    zoned.in_interface = firewall.interface("lan0");
    assert_eq!(firewall.classify(&zoned, at(0)).tracked.unwrap().state, ConnState::New);
    let zones: Vec<u16> = firewall
        .matcher()
        .conntrack()
        .connections(at(0))
        .map(|connection| connection.zone)
        .collect();
    assert!(zones.contains(&0) && zones.contains(&5) && zones.len() == 2, "{zones:?}");
}

/// The same numbers for interfaces, whichever way packets take.
#[test]
fn one_table_for_all_ways() {
    let text = "\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A INPUT -i lan0 -p tcp -m tcp --dport 22 -j ACCEPT
-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A OUTPUT -o wan0 -p udp -j ACCEPT
-A FORWARD -i lan0 -o wan0 -j ACCEPT
COMMIT
";
    let tables = tables(text);
    let table = Rc::new(RefCell::new(ConnTable::new(&Limits::new(10), [7; 16])));
    let [mut input, mut forward, mut output] = [Hook::Input, Hook::Forward, Hook::Output]
        .map(|hook| tables.hook(hook).firewall(Rc::clone(&table), &Config::new()).unwrap());
    for name in ["lan0", "wan0"] {
        assert_eq!(input.interface(name), forward.interface(name));
        assert_eq!(input.interface(name), output.interface(name));
    }
    let mut ssh = syn("10.0.0.1:40000", "10.0.0.254:22");
    ssh.in_interface = input.interface("lan0");
    assert_eq!(input.classify(&ssh, at(0)).action, Action::Accept);
    let answer = segment("10.0.0.254:22", "10.0.0.1:40000", TcpFlags::SYN | TcpFlags::ACK);
    assert_eq!(output.classify(&answer, at(1)).action, Action::Accept);
    assert_eq!(forward.classify(&ssh, at(2)).action, Action::Drop);
    assert_eq!(table.borrow().len(), 1);
}

#[test]
fn families() {
    let v4 = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -j DROP\nCOMMIT\n";
    let v6 = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -p tcp -j ACCEPT\nCOMMIT\n";
    let packets = [
        syn(CLIENT, SERVER),
        udp(CLIENT, SERVER),
        syn("[::1]:1", "[::2]:2"),
        udp("[::1]:1", "[::2]:2"),
    ];
    let actions = |tables: &Iptables| {
        let mut firewall = untracked(tables);
        packets.map(|packet| firewall.classify(&packet, at(0)).action == Action::Accept)
    };
    let both = Iptables::new().v4(v4).unwrap().v6(v6).unwrap();
    assert_eq!(actions(&both), [false, true, true, false]);
    // Nothing is known of a family whose text was not given; one without rules accepts.
    assert_eq!(actions(&Iptables::new().v4(v4).unwrap()), [false, true, false, false]);
    assert_eq!(
        actions(&Iptables::new().v4(v4).unwrap().v6("").unwrap()),
        [false, true, true, true]
    );
    assert_eq!(actions(&Iptables::new()), [false; 4]);
}

#[test]
fn chains_return_go_and_fall_off() {
    let text = "\
*filter
:FORWARD DROP [0:0]
:ONE - [0:0]
:TWO - [0:0]
:EMPTY - [0:0]
-A FORWARD -p tcp -m tcp --dport 1 -j ONE
-A FORWARD -p tcp -m tcp --dport 1 -j ACCEPT
-A FORWARD -p tcp -m tcp --dport 2 -g TWO
-A FORWARD -p tcp -m tcp --dport 2 -j ACCEPT
-A FORWARD -p tcp -m tcp --dport 3 -g EMPTY
-A FORWARD -p tcp -m tcp --dport 4 -j RETURN
-A FORWARD -p tcp -m tcp --dport 5 -j ONE
-A FORWARD -j ACCEPT
-A ONE -p tcp -m tcp --dport 5 -g TWO
-A ONE -p tcp -m tcp --dport 1 -j RETURN
-A ONE -j DROP
-A TWO -p udp -j ACCEPT
COMMIT
";
    let mut firewall = untracked(&tables(text));
    let mut judge = |port: u16| {
        let judgement = firewall.classify(&syn(CLIENT, &format!("192.0.2.1:{port}")), at(0));
        (judgement.action, origin(&firewall, &judgement))
    };
    let accept = |rule: &str| (Action::Accept, format!("ipv4 filter FORWARD {rule}"));
    let drop = |rule: &str| (Action::Drop, format!("ipv4 filter FORWARD {rule}"));
    assert_eq!(judge(1), accept("rule 2, line 7"));
    assert_eq!(judge(2), drop("policy, line 2"));
    assert_eq!(judge(3), drop("policy, line 2"));
    assert_eq!(judge(4), drop("rule 6, line 11"));
    // A `goto` of a chain comes back after the jump that led there.
    assert_eq!(judge(5), accept("rule 8, line 13"));
    assert_eq!(judge(6), accept("rule 8, line 13"));
}

/// What is accepted in mangle goes on to filter, from however deep.
#[test]
fn accepting_in_mangle_goes_on() {
    let text = "\
*mangle
:PREROUTING ACCEPT [0:0]
:A - [0:0]
:B - [0:0]
-A PREROUTING -j A
-A PREROUTING -j DROP
-A A -j B
-A A -j DROP
-A B -p tcp -j ACCEPT
-A B -g C
:C - [0:0]
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -p tcp -j ACCEPT
COMMIT
";
    let mut firewall = tracked(&tables(text), Hook::Forward);
    let judgement = firewall.classify(&syn(CLIENT, SERVER), at(0));
    assert_eq!(origin(&firewall, &judgement), "ipv4 filter FORWARD rule 1, line 15");
    let judgement = firewall.classify(&udp(CLIENT, SERVER), at(0));
    assert_eq!(origin(&firewall, &judgement), "ipv4 mangle A rule 2, line 8");
}

/// Where packets have no output interface yet, none is asked for.
#[test]
fn prerouting_does_not_know_where_packets_leave() {
    let text = "\
*mangle
:PREROUTING ACCEPT [0:0]
:U - [0:0]
-A PREROUTING -j U
-A U -o wan0 -j DROP
-A U ! -o wan0 -j MARK --set-mark 1
COMMIT
";
    let mut firewall = tracked(&tables(text), Hook::Forward);
    let mut packet = syn(CLIENT, SERVER);
    packet.out_interface = firewall.interface("wan0");
    let judgement = firewall.classify(&packet, at(0));
    assert_eq!((judgement.action, judgement.mark), (Action::Accept, 1));
}

/// The rule sets are plain ones: whoever wants can compile or print them.
#[test]
fn rules_can_be_had() {
    let text = "\
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p udp -j NOTRACK
COMMIT
*filter
:FORWARD DROP [5:420]
[7:600] -A FORWARD -p tcp -m tcp --dport 443 -m comment --comment \"the web\" -j ACCEPT
COMMIT
";
    let hook = tables(text).hook(Hook::Forward);
    let printed = hook.rules.to_string();
    assert_eq!(
        printed,
        "\
default drop
drop ipv4 tcp malformed short-transport, short-ports, tiny-fragment comment \"the web\"
accept ipv4 tcp to any port 443 comment \"the web\"
drop ipv4
drop ipv6
"
    );
    let matcher = StatelessMatcher::compile(&hook.rules, &Config::new()).unwrap();
    let decision = matcher.classify(&syn(CLIENT, SERVER));
    let origin = hook.origin(decision.rule.unwrap()).unwrap();
    assert_eq!((origin.rule, origin.line, origin.counters), (Some(1), 7, Some((7, 600))));
    let policy = matcher.classify(&udp(CLIENT, SERVER)).rule.unwrap();
    assert_eq!(hook.origin(policy).unwrap().counters, Some((5, 420)));
    let raw = hook.raw.unwrap();
    let mut noted = Vec::new();
    raw.walk(&udp(CLIENT, SERVER), None, |_, effect| noted.push(effect));
    assert_eq!(noted, [Effect::NoTrack]);
    assert!(hook.rates.is_empty());
}

/// Without connections, no rule may ask for them.
#[test]
fn untracked_hosts() {
    let text = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -p tcp -j DROP\n-A FORWARD -m state --state NEW -j ACCEPT\nCOMMIT\n";
    let error = tables(text).hook(Hook::Forward).untracked_firewall(&Config::new()).unwrap_err();
    assert_eq!(error.rule().unwrap().index, 1);
}
