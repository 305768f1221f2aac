//! The compiled form against the definition of what rules mean, [`RuleSet::first_match`]: on
//! random rule sets, and on those that are hard to compile.

mod actions;
mod asked;
mod boxes;
mod chains;
mod compare;
mod edges;
mod hidden;
mod hostile;
mod image;
mod limits;
mod random;
mod stats;

use std::fmt::Debug;
use std::net::IpAddr;

use portcullis::{Addrs, ChainId, FlowKey, Packet, Protocol, RuleSet};

fn rules(text: &str) -> RuleSet {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// A TCP or UDP packet, say, with ports.
fn packet(protocol: u8, src: (&str, u16), dst: (&str, u16)) -> Packet {
    let address = |text: &str| -> IpAddr { text.parse().unwrap() };
    let addrs = Addrs::new(address(src.0), address(dst.0)).unwrap();
    let protocol = Protocol(protocol);
    FlowKey { addrs, src_port: src.1, dst_port: dst.1, protocol }.into()
}

/// A TCP packet from 10.0.0.1:1000 to 192.0.2.1 and this port.
fn to_port(port: u16) -> Packet {
    packet(6, ("10.0.0.1", 1000), ("192.0.2.1", port))
}

/// The packet with something changed.
fn but(mut packet: Packet, change: impl FnOnce(&mut Packet)) -> Packet {
    change(&mut packet);
    packet
}

/// The place in the base chain of the rule that decides each packet, after every backend, with
/// every memory budget, has said the same as the definition.
fn decided<A: Clone + PartialEq + Debug>(
    rules: &RuleSet<A>,
    packets: &[Packet],
) -> Vec<Option<u32>> {
    for config in compare::configs() {
        if let Some(difference) = compare::stateless(rules, &config, packets) {
            panic!("{config:?}\n{difference}");
        }
    }
    let place = |packet| {
        let rule = rules.first_match(packet, None).rule?;
        assert_eq!(rule.chain, ChainId::BASE);
        Some(rule.index)
    };
    packets.iter().map(place).collect()
}
