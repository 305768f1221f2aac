//! What is tracked and what a change of rules cuts.

use portcullis::import::aws::{Addresses, SecurityGroupMatcher, SecurityGroups};
use portcullis::packet::TcpFlags;
use portcullis::{Action, Config, ConnState, Packet, Time};

use super::{attach, groups, packet, prefix, table};

const EXAMPLE: &str = include_str!("../../../data/aws/connection-tracking.json");
const ID: &str = "sg-0aaaaaaaaaaaaaaa1";

/// The example with one of its outbound prefixes taken away.
fn without_outbound(prefix: &str) -> SecurityGroups {
    let mut groups = groups(EXAMPLE);
    let peers = &mut groups.groups[0].outbound[0].peers;
    peers.retain(|allowed| {
        allowed.peer != portcullis::import::aws::Peer::Prefix(super::prefix(prefix))
    });
    assert_eq!(peers.len(), 1);
    groups
}

fn state(matcher: &mut SecurityGroupMatcher, side: &str, packet: &Packet) -> (Action, ConnState) {
    let now = Time::from_secs(5);
    let decision = match side {
        "in" => matcher.classify_inbound(packet, now),
        _ => matcher.classify_outbound(packet, now),
    };
    (*decision.action, decision.tracked.unwrap().state)
}

fn reply(packet: &Packet) -> Packet {
    let key = packet.flow_key().reversed();
    let mut reply = *packet;
    reply.addrs = key.addrs;
    reply.ports = packet.ports.map(|_| portcullis::Ports { src: key.src_port, dst: key.dst_port });
    if let portcullis::packet::Transport::Tcp(segment) = &mut reply.transport {
        (segment.flags, segment.ack) = (TcpFlags::SYN | TcpFlags::ACK, segment.seq + 1);
    }
    reply
}

/// As the documentation explains its example: SSH is tracked, HTTP is not, ICMP always is.
#[test]
fn the_example_of_the_documentation() {
    let cases = [
        ("tcp 203.0.113.1:40000 > 10.0.0.5:22", true),
        ("tcp 203.0.113.1:40000 > 10.0.0.5:80", false),
        ("tcp [2001:db8::1]:40000 > [2001:db8::5]:80", false),
        ("icmp 8/0 203.0.113.1 > 10.0.0.5", true),
    ];
    for (text, tracked) in cases {
        let (_, mut matcher) = attach(&groups(EXAMPLE), &[ID], &Addresses::new());
        let request = packet(text);
        let first = if tracked { ConnState::New } else { ConnState::Untracked };
        assert_eq!(state(&mut matcher, "in", &request), (Action::Accept, first), "{text}");
        assert_eq!(matcher.firewall().conntrack().len(), usize::from(tracked), "{text}");
        if text.starts_with("tcp") {
            let back = if tracked { ConnState::Established } else { ConnState::Untracked };
            let reply = reply(&request);
            assert_eq!(state(&mut matcher, "out", &reply), (Action::Accept, back), "{text}");
        }
    }
}

/// "If you remove the outbound rule for IPv4, all inbound and outbound IPv4 traffic is tracked."
#[test]
fn without_the_outbound_rule_of_a_family_all_of_it_is_tracked() {
    let groups = without_outbound("0.0.0.0/0");
    let (_, mut matcher) = attach(&groups, &[ID], &Addresses::new());
    let web = packet("tcp 203.0.113.1:40000 > 10.0.0.5:80");
    assert_eq!(state(&mut matcher, "in", &web), (Action::Accept, ConnState::New));
    let back = reply(&web);
    assert_eq!(state(&mut matcher, "out", &back), (Action::Accept, ConnState::Established));
    let web6 = packet("tcp [2001:db8::1]:40000 > [2001:db8::5]:80");
    assert_eq!(state(&mut matcher, "in", &web6), (Action::Accept, ConnState::Untracked));
}

#[test]
fn a_load_balancer_in_the_way_has_everything_tracked() {
    let attached = groups(EXAMPLE).attach([ID], &Addresses::new()).unwrap();
    let attached = attached.tracked_automatically();
    let mut matcher = attached.matcher(table(), &Config::new()).unwrap();
    let web = packet("tcp 203.0.113.1:40000 > 10.0.0.5:80");
    assert_eq!(state(&mut matcher, "in", &web), (Action::Accept, ConnState::New));
}

/// What goes out is tracked here, as not everything may come in; SSH from outside is, too.
#[test]
fn outbound_flows_need_an_open_inbound_side_to_be_untracked() {
    let (_, mut matcher) = attach(&groups(EXAMPLE), &[ID], &Addresses::new());
    let out = packet("udp 10.0.0.5:5000 > 198.51.100.1:53");
    assert_eq!(state(&mut matcher, "out", &out), (Action::Accept, ConnState::New));
    assert_eq!(state(&mut matcher, "in", &reply(&out)), (Action::Accept, ConnState::Established));
    let mut open = groups(EXAMPLE);
    let all = open.groups[0].outbound.clone();
    open.groups[0].inbound.extend(all);
    let (_, mut matcher) = attach(&open, &[ID], &Addresses::new());
    assert_eq!(state(&mut matcher, "out", &out), (Action::Accept, ConnState::Untracked));
    assert_eq!(state(&mut matcher, "in", &reply(&out)), (Action::Accept, ConnState::Untracked));
    // Other protocols are always tracked.
    let gre = packet("50 10.0.0.5 > 198.51.100.1");
    assert_eq!(state(&mut matcher, "out", &gre), (Action::Accept, ConnState::New));
}

#[test]
fn groups_together_leave_untracked_what_none_would_alone() {
    let mut parts = groups(EXAMPLE);
    let mut outward = parts.groups[0].clone();
    (outward.id, outward.inbound) = ("sg-out".into(), Vec::new());
    parts.groups[0].outbound.clear();
    parts.groups.push(outward);
    let web = packet("tcp 203.0.113.1:40000 > 10.0.0.5:80");
    let (_, mut alone) = attach(&parts, &[ID], &Addresses::new());
    assert_eq!(state(&mut alone, "in", &web), (Action::Accept, ConnState::New));
    let (_, mut both) = attach(&parts, &[ID, "sg-out"], &Addresses::new());
    assert_eq!(state(&mut both, "in", &web), (Action::Accept, ConnState::Untracked));
}

/// "When you change a rule, its tracked connections are not immediately interrupted", the untracked
/// are.
#[test]
fn a_change_of_rules_cuts_the_untracked_alone() {
    let (_, mut matcher) = attach(&groups(EXAMPLE), &[ID], &Addresses::new());
    let ssh = packet("tcp 203.0.113.1:40000 > 10.0.0.5:22");
    let web = packet("tcp 203.0.113.1:40000 > 10.0.0.5:80");
    for request in [&ssh, &web] {
        state(&mut matcher, "in", request);
        assert_eq!(state(&mut matcher, "out", &reply(request)).0, Action::Accept);
    }
    // Without the rules for SSH and HTTP.
    let mut changed = groups(EXAMPLE);
    changed.groups[0].inbound.truncate(0);
    let attached = changed.attach([ID], &Addresses::new()).unwrap();
    matcher.replace(&attached, &Config::new()).unwrap();
    let ack = |request: &Packet| {
        let mut ack = *request;
        if let portcullis::packet::Transport::Tcp(segment) = &mut ack.transport {
            (segment.flags, segment.seq, segment.ack) = (TcpFlags::ACK, 1, 1);
        }
        ack
    };
    let established = (Action::Accept, ConnState::Established);
    assert_eq!(state(&mut matcher, "in", &ack(&ssh)), established);
    assert_eq!(state(&mut matcher, "in", &ack(&web)), (Action::Drop, ConnState::Invalid));
}

/// Without the outbound rule the replies of an untracked flow end, and picking it up midway does not
/// bring them back.
#[test]
fn an_untracked_flow_does_not_outlive_the_rule_for_its_replies() {
    let (_, mut matcher) = attach(&groups(EXAMPLE), &[ID], &Addresses::new());
    let web = packet("tcp 203.0.113.1:40000 > 10.0.0.5:80");
    state(&mut matcher, "in", &web);
    let attached = without_outbound("0.0.0.0/0").attach([ID], &Addresses::new()).unwrap();
    matcher.replace(&attached, &Config::new()).unwrap();
    let mut ack = web;
    if let portcullis::packet::Transport::Tcp(segment) = &mut ack.transport {
        (segment.flags, segment.seq, segment.ack) = (TcpFlags::ACK, 1, 1);
    }
    assert_eq!(state(&mut matcher, "in", &ack), (Action::Accept, ConnState::Invalid));
    let mut back = reply(&ack);
    if let portcullis::packet::Transport::Tcp(segment) = &mut back.transport {
        segment.flags = TcpFlags::ACK;
    }
    assert_eq!(state(&mut matcher, "out", &back).0, Action::Drop);
}

#[test]
fn responses_pass_whatever_the_other_direction_says() {
    let described = include_str!("../../../data/aws/several-groups.json");
    let addresses = Addresses::new().group("sg-0web", [prefix("10.0.1.7/32")]);
    let (_, mut matcher) = attach(&groups(described), &["sg-0db"], &addresses);
    let query = packet("tcp 10.0.1.7:4000 > 10.0.2.9:1433");
    assert_eq!(state(&mut matcher, "out", &reply(&query)).0, Action::Drop);
    assert_eq!(state(&mut matcher, "in", &query), (Action::Accept, ConnState::New));
    let back = state(&mut matcher, "out", &reply(&query));
    assert_eq!(back, (Action::Accept, ConnState::Established));
}
