//! What matches mean; the recordings of a kernel say more.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use portcullis::import::iptables::{Hook, Iptables};
use portcullis::packet::{ConnFlag, IcmpMessage, Malformed, TcpFlags};
use portcullis::{Action, Addrs, Fragment, Packet, Ports, Protocol, Reject};

use super::{accepts, at, forward, origin, segment, syn, tables, tracked, udp, untracked};

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "192.0.2.1:443";

fn web() -> Packet {
    syn(CLIENT, SERVER)
}

/// A TCP packet whose header ends behind the ports, or before.
fn cut(ports: Option<Ports>) -> Packet {
    let mut packet = web();
    packet.transport = portcullis::packet::Transport::None;
    packet.ports = None;
    packet.cut_ports = ports;
    packet.malformed = Some(match ports {
        Some(_) => Malformed::ShortTransport,
        None => Malformed::ShortPorts,
    });
    packet
}

#[test]
fn addresses() {
    let cases = [
        ("-s 10.0.0.0/8", true),
        ("! -s 10.0.0.0/8", false),
        ("-s 10.1.2.3/8", true),
        ("-s 10.0.0.0/255.0.0.0", true),
        ("-s 10.0.9.1/255.255.0.255", true),
        ("-s 10.0.9.2/255.255.0.255", false),
        ("! -s 10.0.9.2/255.255.0.255", true),
        ("-s 10.0.0.0/255.255.3.0", true),
        ("-s 10.0.1.0/255.255.3.0", false),
        ("--source 10.0.0.1 --destination 192.0.2.1", true),
        ("--src 10.0.0.1 --dst 192.0.2.2", false),
        ("-s 10.0.0.0/8 -m iprange --src-range 10.0.0.1-10.0.0.3", true),
        ("-s 10.0.0.0/8 -m iprange ! --src-range 10.0.0.1-10.0.0.3", false),
        ("! -s 10.0.0.2 -m iprange --src-range 10.0.0.1-10.0.0.3", true),
        ("! -s 10.0.0.1 -m iprange --src-range 10.0.0.1-10.0.0.3", false),
        ("-m iprange --dst-range 192.0.2.1", true),
    ];
    for (rule, expected) in cases {
        assert_eq!(accepts(rule, &web()), expected, "{rule}");
    }
}

#[test]
fn ports_and_flags() {
    let cases = [
        ("-p tcp -m tcp --dport 443", true),
        ("-p tcp --dport 443", true),
        ("-p 6 --destination-port 400:443", true),
        ("-p tcp --dport :442", false),
        ("-p tcp --dport 444:", false),
        ("-p tcp ! --dport 443", false),
        ("-p tcp --sport 40000 --syn", true),
        ("-p tcp ! --syn", false),
        ("-p tcp --tcp-flags ALL SYN", true),
        ("-p tcp --tcp-flags SYN,ACK SYN,ACK", false),
        ("-p tcp --tcp-flags SYN SYN,ACK", false),
        ("-p tcp ! --tcp-flags SYN SYN,ACK", true),
        ("-p tcp --tcp-flags ALL NONE", false),
        ("-p tcp -m multiport --dports 22,443", true),
        ("-p tcp -m multiport ! --dports 22,443", false),
        ("-p tcp -m multiport --ports 40000", true),
        ("-p tcp -m multiport ! --ports 22", true),
        ("-p tcp -m multiport ! --ports 22,40000", false),
        ("-p tcp -m multiport --dports 400:500 -m tcp ! --dport 440:450", false),
        ("-p tcp -m multiport --dports 400:500 -m tcp ! --dport 444:450", true),
        ("-p udp --dport 443", false),
        ("! -p udp", true),
        ("-p all", true),
    ];
    for (rule, expected) in cases {
        assert_eq!(accepts(rule, &web()), expected, "{rule}");
    }
}

/// The first rule that has to look at a header that it cannot read drops the packet, even if it says
/// to accept and the policy accepts, and says that it is the reason.
#[test]
fn what_cannot_be_read_is_dropped() {
    let text = "\
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -s 10.9.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -p tcp -m multiport --dports 22,443 -j ACCEPT
-A FORWARD -p udp -m udp --dport 53 -j ACCEPT
-A FORWARD -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -p icmp -m icmp --icmp-type 8 -j ACCEPT
COMMIT
";
    let mut firewall = untracked(&tables(text));
    let ports = |dst| Some(Ports { src: 1, dst });
    let mut tiny = web();
    (tiny.fragment, tiny.ports) = (Fragment::Later, None);
    tiny.transport = portcullis::packet::Transport::None;
    let later = tiny;
    tiny.malformed = Some(Malformed::TinyFragment);
    let mut ping = Packet::new(web().addrs, Protocol::ICMP);
    ping.malformed = Some(Malformed::ShortTransport);
    let drop = Action::Drop;
    let cases = [
        (cut(None), drop, "rule 2, line 4, header cut short"),
        (cut(ports(443)), Action::Accept, "rule 2, line 4"),
        (cut(ports(80)), drop, "rule 4, line 6, header cut short"),
        (tiny, drop, "rule 4, line 6, header cut short"),
        (later, Action::Accept, "policy, line 2"),
        (ping, drop, "rule 5, line 7, header cut short"),
        (web(), Action::Accept, "rule 2, line 4"),
    ];
    for (packet, action, place) in cases {
        let judgement = firewall.classify(&packet, at(0));
        let place = format!("ipv4 filter FORWARD {place}");
        assert_eq!(
            (judgement.action, origin(&firewall, &judgement)),
            (action, place),
            "{packet:?}"
        );
    }
}

/// What the rules before have asked decides whether a rule has to look at the header.
#[test]
fn conditions_are_asked_in_order() {
    let text = forward("-p tcp -m mark --mark 1 -m tcp --dport 22 -j ACCEPT\n-j ACCEPT");
    let mut firewall = untracked(&tables(&text));
    let mut packet = cut(None);
    assert_eq!(firewall.classify(&packet, at(0)).action, Action::Accept);
    packet.mark = 1;
    assert_eq!(firewall.classify(&packet, at(0)).action, Action::Drop);
    let text = forward("-p tcp -m tcp --dport 22 -m mark --mark 1 -j ACCEPT\n-j ACCEPT");
    let mut firewall = untracked(&tables(&text));
    packet.mark = 0;
    assert_eq!(firewall.classify(&packet, at(0)).action, Action::Drop);
}

#[test]
fn icmp_types() {
    let addrs = Addrs::V4 { src: [10, 0, 0, 1].into(), dst: [192, 0, 2, 1].into() };
    let message = |icmp_type, code| Packet::icmp(addrs, IcmpMessage::new(icmp_type, code));
    let cases = [
        ("--icmp-type 8", 8, 0, true),
        ("--icmp-type echo-request", 8, 3, true),
        ("--icmp-type 3/4", 3, 4, true),
        ("--icmp-type fragmentation-needed", 3, 3, false),
        ("! --icmp-type 3/4", 3, 3, true),
        ("! --icmp-type 3", 3, 3, false),
        ("--icmp-type any", 42, 1, true),
        ("--icmp-type 255", 42, 1, true),
        ("! --icmp-type any", 8, 0, false),
    ];
    for (option, icmp_type, code, expected) in cases {
        let rule = format!("-p icmp -m icmp {option}");
        assert_eq!(accepts(&rule, &message(icmp_type, code)), expected, "{rule}");
        assert!(!accepts(&rule, &web()), "{rule}");
    }
    assert!(accepts("-p icmp", &message(9, 9)));
}

#[test]
fn single_fields() {
    let mut packet = web();
    (packet.mark, packet.length, packet.ttl, packet.dscp) = (0x12, 1000, 65, 46);
    let cases = [
        ("-m mark --mark 0x12", true),
        ("-m mark --mark 0x10/0xf0", true),
        ("-m mark ! --mark 0x10/0xf0", false),
        // A value that its mask leaves out is never there.
        ("-m mark --mark 0x13/0x10", false),
        ("-m mark ! --mark 0x13/0x10", true),
        ("-m mark --mark 0x2/0x3 -m mark ! --mark 0x10/0x10", false),
        ("-m mark --mark 0x2/0x3 -m mark ! --mark 0x20/0x20", true),
        ("-m length --length 1000", true),
        ("-m length ! --length 0:999", true),
        ("-m length --length 1001:", false),
        // In FORWARD it has been counted down already.
        ("-m ttl --ttl-eq 64", true),
        ("-m ttl ! --ttl-eq 65", true),
        ("-m ttl --ttl-lt 65", true),
        ("-m ttl --ttl-gt 64", false),
        ("-m ttl --ttl-gt 255", false),
        ("-m ttl --ttl-lt 0", false),
        ("-m dscp --dscp 0x2e", true),
        ("-m dscp --dscp-class EF", true),
        ("-m dscp ! --dscp-class AF41", true),
        ("-m comment --comment \"a b\"", true),
        ("-m nfacct --nfacct-name hits", true),
    ];
    for (rule, expected) in cases {
        assert_eq!(accepts(rule, &packet), expected, "{rule}");
    }
}

#[test]
fn interfaces() {
    let text = forward(
        "-i lan+ -o wan0 -j ACCEPT\n! -i eth+ ! -o eth0 -j REJECT\n-i + -p udp -j ACCEPT\n! -i + -j ACCEPT",
    );
    let mut firewall = untracked(&tables(&text));
    let mut action = |packet: Packet, way: (&str, &str)| {
        let mut packet = packet;
        packet.in_interface = firewall.interface(way.0);
        packet.out_interface = firewall.interface(way.1);
        firewall.classify(&packet, at(0)).action
    };
    let reject = Action::Reject(Reject::PortUnreachable);
    assert_eq!(action(web(), ("lan7", "wan0")), Action::Accept);
    assert_eq!(action(web(), ("lan7", "wan1")), reject);
    assert_eq!(action(web(), ("eth3", "wan0")), Action::Drop);
    assert_eq!(action(udp(CLIENT, SERVER), ("eth3", "eth0")), Action::Accept);
    assert_eq!(action(web(), ("none", "none")), reject);
}

#[test]
fn rejects() {
    let kinds = [
        ("", Reject::PortUnreachable),
        ("--reject-with icmp-net-unreachable", Reject::NetUnreachable),
        ("--reject-with icmp-host-unreachable", Reject::HostUnreachable),
        ("--reject-with icmp-port-unreachable", Reject::PortUnreachable),
        ("--reject-with icmp-proto-unreachable", Reject::ProtocolUnreachable),
        ("--reject-with icmp-net-prohibited", Reject::NetProhibited),
        ("--reject-with icmp-host-prohibited", Reject::HostProhibited),
        ("--reject-with icmp-admin-prohibited", Reject::AdminProhibited),
        ("--reject-with host-prohib", Reject::HostProhibited),
        ("--reject-with tcp-reset", Reject::TcpReset),
    ];
    for (options, kind) in kinds {
        let tables = tables(&forward(&format!("-p tcp -j REJECT {options}")));
        let action = untracked(&tables).classify(&web(), at(0)).action;
        assert_eq!(action, Action::Reject(kind), "{options}");
    }
    let kinds = [
        ("icmp6-no-route", Reject::NetUnreachable),
        ("icmp6-adm-prohibited", Reject::AdminProhibited),
        ("icmp6-addr-unreachable", Reject::HostUnreachable),
        ("icmp6-port-unreachable", Reject::PortUnreachable),
        ("icmp6-policy-fail", Reject::PolicyFail),
        ("icmp6-reject-route", Reject::RejectRoute),
        ("tcp-reset", Reject::TcpReset),
    ];
    for (name, kind) in kinds {
        let text = forward(&format!("-p tcp -j REJECT --reject-with {name}"));
        let tables = Iptables::new().v6(&text).unwrap();
        let packet = syn("[2001:db8::1]:1", "[2001:db8::2]:2");
        assert_eq!(
            untracked(&tables).classify(&packet, at(0)).action,
            Action::Reject(kind),
            "{name}"
        );
    }
}

#[test]
fn connections() {
    // The question, and whether it holds of a SYN, of its answer, of the client's next segment, and of
    // a stray acknowledgement that no connection may open with.
    let cases = [
        ("--ctstate NEW", [true, false, false, false]),
        ("! --ctstate NEW", [false, true, true, true]),
        ("--ctstate INVALID", [false, false, false, true]),
        ("--ctstate NEW,INVALID", [true, false, false, true]),
        ("--ctstate SNAT,DNAT", [false, false, false, false]),
        ("--ctstate NEW,DNAT", [true, false, false, false]),
        ("! --ctstate RELATED,ESTABLISHED,DNAT", [true, false, false, true]),
        ("--ctdir ORIGINAL", [true, false, true, false]),
        ("--ctdir REPLY", [false, true, false, false]),
        // Of a packet of no connection only the state counts, if it is asked for.
        ("--ctstate INVALID --ctdir REPLY", [false, false, false, true]),
        ("--ctstate INVALID,ESTABLISHED --ctdir REPLY", [false, true, false, true]),
        ("! --ctstate NEW --ctdir REPLY", [false, true, false, true]),
        ("--ctproto tcp", [true, true, true, false]),
        ("! --ctproto udp", [true, true, true, false]),
        ("--ctproto 17", [false, false, false, false]),
        ("--ctorigsrc 10.0.0.0/8", [true, true, true, false]),
        ("! --ctorigsrc 10.0.0.0/8", [false, false, false, false]),
        ("--ctorigdst 192.0.2.1", [true, true, true, false]),
        ("--ctorigsrcport 40000", [true, true, true, false]),
        ("--ctorigdstport 400:500", [true, true, true, false]),
        ("! --ctorigdstport 443", [false, false, false, false]),
        ("--ctorigdst 10.0.0.1", [false, false, false, false]),
        ("--ctstatus CONFIRMED", [false, true, true, false]),
        ("--ctstatus SEEN_REPLY", [false, true, true, false]),
        ("! --ctstatus SEEN_REPLY", [true, false, false, false]),
        ("--ctstatus EXPECTED,ASSURED", [false, false, true, false]),
        ("--ctstatus NONE", [false, false, false, false]),
        ("! --ctstatus NONE", [true, true, true, false]),
    ];
    for (asked, expected) in cases {
        // The rules note what is asked, and accept everything.
        let rules = format!("-m conntrack {asked} -j LOG --log-prefix yes\n-j ACCEPT");
        let mut firewall = tracked(&tables(&forward(&rules)), Hook::Forward);
        let mut stray = segment("10.0.0.9:1", SERVER, TcpFlags::FIN | TcpFlags::ACK);
        stray.mark = 9;
        let mut answer = segment(SERVER, CLIENT, TcpFlags::SYN | TcpFlags::ACK);
        let mut next = segment(CLIENT, SERVER, TcpFlags::ACK);
        let mut first = web();
        number(&mut first, 100, 0);
        number(&mut answer, 500, 101);
        number(&mut next, 101, 501);
        let found = [first, answer, next, stray].map(|packet| {
            let mut logged = false;
            firewall.walk(&packet, at(0), |origin, _| {
                logged = origin.unwrap().log_prefix.as_deref() == Some("yes");
            });
            logged
        });
        assert_eq!(found, expected, "{asked}");
    }
}

fn number(packet: &mut Packet, seq: u32, ack: u32) {
    let portcullis::packet::Transport::Tcp(segment) = &mut packet.transport else { panic!() };
    (segment.seq, segment.ack, segment.window) = (seq, ack, 1000);
}

/// Flags of translation are a caller's own tracker's to set.
#[test]
fn a_tracker_that_translates() {
    use portcullis::conntrack::{Conntrack, Lookup, Time};
    use portcullis::packet::{ConnStatus, Refused};
    use portcullis::{Config, ConnState, Direction};

    struct Translating;
    impl Conntrack for Translating {
        fn look_up(&mut self, _: &Packet, _: Time) -> Lookup {
            let status = ConnStatus::new().with(ConnFlag::DstNat, true);
            Lookup::known(ConnState::New, Direction::Original).with_status(status)
        }

        fn confirm(&mut self, _: &Packet, _: Time) -> Result<(), Refused> {
            Ok(())
        }
    }
    for (asked, expected) in [
        ("--ctstate DNAT", true),
        ("! --ctstate RELATED,ESTABLISHED,DNAT", false),
        ("--ctstate SNAT", false),
    ] {
        let tables = tables(&forward(&format!("-m conntrack {asked} -j ACCEPT")));
        let mut firewall =
            tables.hook(Hook::Forward).firewall(Translating, &Config::new()).unwrap();
        let accepted = firewall.classify(&web(), at(0)).action == Action::Accept;
        assert_eq!(accepted, expected, "{asked}");
    }
}

#[test]
fn kinds_of_addresses() {
    let host: [Ipv4Net; 2] = ["192.0.2.1/24".parse().unwrap(), "203.0.113.9/31".parse().unwrap()];
    let of = |address: [u8; 4]| {
        let mut packet = web();
        packet.addrs = Addrs::new("10.0.0.1".parse().unwrap(), IpAddr::from(address)).unwrap();
        packet
    };
    let holds = |kind: &str, packet: &Packet| {
        let text = forward(&format!("-m addrtype --dst-type {kind} -j ACCEPT"));
        let tables = Iptables::new().local(host).v4(&text).unwrap();
        untracked(&tables).classify(packet, at(0)).action == Action::Accept
    };
    let cases = [
        ([192, 0, 2, 1], "LOCAL"),
        ([127, 0, 0, 1], "LOCAL"),
        ([203, 0, 113, 9], "LOCAL"),
        ([192, 0, 2, 255], "BROADCAST"),
        ([255, 255, 255, 255], "BROADCAST"),
        ([0, 0, 0, 1], "BROADCAST"),
        ([127, 255, 255, 255], "BROADCAST"),
        ([224, 0, 0, 1], "MULTICAST"),
        ([239, 255, 255, 255], "MULTICAST"),
        ([192, 0, 2, 0], "UNICAST"),
        ([203, 0, 113, 8], "UNICAST"),
        ([8, 8, 8, 8], "UNICAST"),
        ([240, 0, 0, 1], "UNICAST"),
    ];
    for (address, kind) in cases {
        for other in ["LOCAL", "BROADCAST", "MULTICAST", "UNICAST"] {
            assert_eq!(
                holds(other, &of(address)),
                other == kind,
                "{other} {:?}",
                Ipv4Addr::from(address)
            );
        }
        assert!(holds(&format!("{kind},LOCAL"), &of(address)));
    }
    assert!(accepts("-m addrtype --dst-type MULTICAST", &of([224, 0, 0, 9])));
}

/// A jump is taken once, whatever alternatives the rule consists of.
#[test]
fn alternatives_are_one_rule() {
    let text = "\
*filter
:FORWARD DROP [0:0]
:LOGGED - [0:0]
-A FORWARD -p tcp -m multiport --ports 443,40000 -j LOGGED
-A FORWARD -p tcp -m multiport --ports 443,40000 -j LOG
-A LOGGED -j LOG --log-prefix \"a b \"
COMMIT
";
    let mut firewall = untracked(&tables(text));
    let mut seen = Vec::new();
    firewall.walk(&web(), at(0), |origin, effect| {
        seen.push(format!("{effect:?} {}", origin.unwrap()));
    });
    let expected =
        ["Log ipv4 filter LOGGED rule 1, line 6", "Log ipv4 filter FORWARD rule 2, line 5"];
    assert_eq!(seen, expected);
}
