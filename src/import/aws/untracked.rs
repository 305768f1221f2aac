use alloc::vec::Vec;

use super::sides::Sides;
use super::traffic::all_ports;
use super::{Peer, Permission, SecurityGroup};
use crate::packet::{Family, Protocol};
use crate::rule::{Action, ChainId, Effect, PortRange, Rule, RuleSet};

/// Which packets of an interface with these groups are not tracked.
pub(super) fn untracked(groups: &[&SecurityGroup]) -> RuleSet {
    let mut sides = Sides::new(Action::Accept);
    for family in [Family::V4, Family::V6] {
        for protocol in [Protocol::TCP, Protocol::UDP] {
            let inbound = open(groups, |group| &group.inbound, family, protocol);
            let outbound = open(groups, |group| &group.outbound, family, protocol);
            let (inward, outward) = (sides.inbound, sides.outbound);
            let mut leave = |requests: &[PortRange], replies: &[PortRange], there, back| {
                if replies.contains(&all_ports()) {
                    add(&mut sides.rules, requests, family, protocol, there, back);
                }
            };
            leave(&inbound, &outbound, inward, outward);
            leave(&outbound, &inbound, outward, inward);
        }
    }
    sides.rules
}

/// The ports of a protocol that some rule allows for all addresses of the family.
fn open(
    groups: &[&SecurityGroup],
    side: fn(&SecurityGroup) -> &Vec<Permission>,
    family: Family,
    protocol: Protocol,
) -> Vec<PortRange> {
    let everybody = |peer: &Peer| match peer {
        Peer::Prefix(prefix) => {
            prefix.prefix_len() == 0 && (family == Family::V4) == prefix.addr().is_ipv4()
        }
        _ => false,
    };
    let permissions = groups.iter().flat_map(|group| side(group));
    let open = permissions
        .filter(|permission| permission.peers.iter().any(|allowed| everybody(&allowed.peer)));
    let mut ports: Vec<_> =
        open.filter_map(|permission| permission.traffic.ports_of(protocol)).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Leaves requests to these ports, and replies from them, untracked.
fn add(
    rules: &mut RuleSet,
    ports: &[PortRange],
    family: Family,
    protocol: Protocol,
    there: ChainId,
    back: ChainId,
) {
    let rule = || Rule::continue_with(Effect::NoTrack).family(family).protocol(protocol);
    for ports in ports {
        let (request, reply) = match *ports == all_ports() {
            true => (rule(), rule()),
            false => (rule().to_ports(*ports), rule().from_ports(*ports)),
        };
        for (chain, rule) in [(there, request), (back, reply)] {
            let known = rules.chain(chain).is_some_and(|chain| chain.rules().contains(&rule));
            if !known {
                rules.push_to(chain, rule);
            }
        }
    }
}
