//! Security groups and network ACLs: documents that AWS's own documentation shows, with decisions
//! pinned; what is tracked; what cannot be read.

mod acls;
mod errors;
mod groups;
mod tracking;

use ipnet::IpNet;
use portcullis::import::aws::{self, Addresses, NetworkAcls, SecurityGroupMatcher, SecurityGroups};
use portcullis::packet::{IcmpMessage, TcpFlags};
use portcullis::rule::{RuleId, RuleSet};
use portcullis::{Addrs, Config, ConnTable, Decision, FlowKey, Packet, Protocol};

/// Reads `tcp 10.0.0.1:40000 > 192.0.2.1:80`, `icmp 8/0 10.0.0.1 > 192.0.2.1`, `47 10.0.0.1 > ..`.
fn packet(text: &str) -> Packet {
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        ["icmp" | "icmpv6", kind, src, ">", dst] => {
            let (icmp_type, code) = kind.split_once('/').unwrap();
            let mut message = IcmpMessage::new(icmp_type.parse().unwrap(), code.parse().unwrap());
            message.identifier = Some(7);
            Packet::icmp(Addrs::new(src.parse().unwrap(), dst.parse().unwrap()).unwrap(), message)
        }
        ["tcp", src, ">", dst] => {
            Packet::tcp(src.parse().unwrap(), dst.parse().unwrap(), TcpFlags::SYN).unwrap()
        }
        ["udp", src, ">", dst] => {
            let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
            Packet::from(FlowKey::new(Protocol::UDP, src, dst).unwrap())
        }
        [protocol, src, ">", dst] => Packet::new(
            Addrs::new(src.parse().unwrap(), dst.parse().unwrap()).unwrap(),
            Protocol(protocol.parse().unwrap()),
        ),
        _ => panic!("{text}"),
    }
}

fn prefix(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// The comment of a rule, `default` for none.
fn comment(rules: &RuleSet, rule: Option<RuleId>) -> String {
    let rule = rule.and_then(|id| rules.rule(id));
    rule.map_or("default".into(), |rule| rule.comment.as_deref().unwrap_or("").into())
}

/// The action and the comment of the rule that gave it.
fn said(decision: &Decision<'_>, rules: &RuleSet) -> String {
    format!("{} {}", decision.action, comment(rules, decision.rule))
}

fn groups(text: &str) -> SecurityGroups {
    SecurityGroups::from_json(text).unwrap()
}

fn acls(text: &str) -> NetworkAcls {
    NetworkAcls::from_json(text).unwrap()
}

fn table() -> ConnTable {
    ConnTable::new(&aws::limits(1000), [7; 16])
}

fn attach(
    groups: &SecurityGroups,
    ids: &[&str],
    addresses: &Addresses,
) -> (RuleSet, SecurityGroupMatcher) {
    let attached = groups.attach(ids.iter().copied(), addresses).unwrap();
    (attached.rules().clone(), attached.matcher(table(), &Config::new()).unwrap())
}
