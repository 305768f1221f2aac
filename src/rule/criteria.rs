use super::{
    AnyOf, FlagsMatch, IcmpKind, InterfaceName, Interfaces, IpRange, Masked, PortRange, Span,
};
use crate::packet::{
    ConnState, Family, Fragment, IcmpMessage, InterfaceId, Packet, Protocol, Tracked,
};

/// What must hold of a packet for a rule to match it: every field's criterion.
///
/// The default asks nothing of any field and so matches every packet. A criterion on a field
/// that a packet does not have never holds, negated or not; the one exception is an interface,
/// where a packet that came in by none is *not* `eth0`, as Linux has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Criteria {
    /// The IP version.
    pub family: Option<Family>,
    /// Source address.
    pub src: AnyOf<IpRange>,
    /// Destination address.
    pub dst: AnyOf<IpRange>,
    /// Upper-layer protocol.
    pub protocol: AnyOf<Protocol>,
    /// Source port.
    pub src_port: AnyOf<PortRange>,
    /// Destination port.
    pub dst_port: AnyOf<PortRange>,
    /// Type and code of an ICMP message (protocol 1).
    pub icmp: AnyOf<IcmpKind>,
    /// Type and code of an ICMPv6 message (protocol 58).
    pub icmpv6: AnyOf<IcmpKind>,
    /// Flags of a TCP segment.
    pub tcp_flags: AnyOf<FlagsMatch>,
    /// Whole packet, first or later fragment.
    pub fragment: AnyOf<Fragment>,
    /// Whether the headers could not be read to the end.
    pub malformed: Option<bool>,
    /// The interface the packet came in by.
    pub in_interface: AnyOf<InterfaceName>,
    /// The interface it will leave by.
    pub out_interface: AnyOf<InterfaceName>,
    /// Connection state; only a stateful matcher knows it.
    pub state: AnyOf<ConnState>,
    /// Differentiated services code point, 0 to 63.
    pub dscp: AnyOf<Span<u8>>,
    /// Length of the IP packet in bytes.
    pub length: AnyOf<Span<u32>>,
    /// The packet's mark.
    pub mark: AnyOf<Masked>,
    /// VLAN id of the outermost tag.
    pub vlan: AnyOf<Span<u16>>,
    /// The caller's own predicates, by number, 0 to 63.
    pub predicate: AnyOf<u8>,
}

impl Criteria {
    /// Whether all of it holds of `packet`, whose mark is now `mark`: the part of the linear
    /// definition that looks at one rule.
    pub(crate) fn hold(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        mark: u32,
        interfaces: &Interfaces,
    ) -> bool {
        self.family.is_none_or(|family| family == packet.addrs.family())
            && self.src.holds(Some(packet.addrs.src()))
            && self.dst.holds(Some(packet.addrs.dst()))
            && self.protocol.holds(Some(packet.protocol))
            && self.src_port.holds(packet.ports.map(|ports| ports.src))
            && self.dst_port.holds(packet.ports.map(|ports| ports.dst))
            && self.icmp.holds(icmp_kind(packet, Protocol::ICMP))
            && self.icmpv6.holds(icmp_kind(packet, Protocol::ICMPV6))
            && self.tcp_flags.holds(packet.tcp_segment().map(|segment| segment.flags))
            && self.fragment.holds(Some(packet.fragment))
            && self.malformed.is_none_or(|asked| asked == packet.malformed.is_some())
            && interface_holds(&self.in_interface, packet.in_interface, interfaces)
            && interface_holds(&self.out_interface, packet.out_interface, interfaces)
            && self.state.holds(tracked.map(|tracked| tracked.state))
            && self.dscp.holds(Some(packet.dscp))
            && self.length.holds(Some(packet.length))
            && self.mark.holds(Some(mark))
            && self.vlan.holds(packet.vlan)
            && self.predicate.holds(Some(packet.predicates))
    }
}

fn icmp_kind(packet: &Packet, protocol: Protocol) -> Option<(u8, u8)> {
    let message = packet.icmp_message().filter(|_| packet.protocol == protocol);
    message.map(|IcmpMessage { icmp_type, code, .. }| (*icmp_type, *code))
}

fn interface_holds(
    asked: &AnyOf<InterfaceName>,
    interface: Option<InterfaceId>,
    interfaces: &Interfaces,
) -> bool {
    let is = |name: &InterfaceName| interface.is_some_and(|id| interfaces.matches(name, id));
    asked.is_any() || asked.items().iter().any(is) != asked.is_negated()
}
