use crate::packet::{InterfaceId, Packet};
use crate::rule::{Action, ChainId, Rule, RuleSet};

/// The name that rules have for the protected side. Packets that come in by it are inbound, those
/// that leave by it outbound.
pub(super) const INTERFACE: &str = "vpc";

/// Rules for both directions: one chain for each, chosen by the interface called `vpc`.
pub(super) struct Sides {
    pub(super) rules: RuleSet,
    pub(super) inbound: ChainId,
    pub(super) outbound: ChainId,
}

impl Sides {
    pub(super) fn new(default: Action) -> Self {
        let mut rules = RuleSet::new(default);
        let inbound = rules.add_chain("inbound");
        let outbound = rules.add_chain("outbound");
        rules.push(Rule::goto(inbound).in_interface(INTERFACE));
        rules.push(Rule::goto(outbound).out_interface(INTERFACE));
        Self { rules, inbound, outbound }
    }
}

/// The numbers that rules of [`Sides`] have for the protected side, for those who only have packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interfaces(Option<InterfaceId>);

impl Interfaces {
    pub(super) fn of(rules: &RuleSet) -> Self {
        Self(rules.interface(INTERFACE))
    }

    /// The packet as it comes in on the protected side.
    pub(super) const fn inbound(self, packet: &Packet) -> Packet {
        Packet { in_interface: self.0, out_interface: None, ..*packet }
    }

    /// The packet as it leaves from the protected side.
    pub(super) const fn outbound(self, packet: &Packet) -> Packet {
        Packet { in_interface: None, out_interface: self.0, ..*packet }
    }
}
