use alloc::boxed::Box;

use super::set::{SetCriteria, Sets};
use super::{
    AnyOf, FlagsMatch, IcmpKind, InterfaceName, Interfaces, IpRange, Masked, PortRange, Span,
};
use crate::packet::{
    ConnFlag, ConnState, Direction, Family, FlowKey, Fragment, IcmpMessage, InterfaceId, Malformed,
    Packet, Protocol, Tracked,
};

/// What must hold of a packet for a rule to match it: every field's criterion.
///
/// The default asks nothing of any field and so matches every packet. A criterion on a field
/// that a packet does not have never holds, negated or not. The exceptions are interfaces, where a
/// packet that came in by none is *not* `eth0`, as Linux has it, and what is wrong with a packet,
/// where a sound one is *not* cut short.
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
    /// What is wrong with the headers. Of a sound packet every negation holds.
    pub malformed: AnyOf<Malformed>,
    /// Source port of a transport header cut short behind its ports ([`Packet::cut_ports`]).
    pub cut_src_port: AnyOf<PortRange>,
    /// Destination port of such a header.
    pub cut_dst_port: AnyOf<PortRange>,
    /// The interface the packet came in by.
    pub in_interface: AnyOf<InterfaceName>,
    /// The interface it will leave by.
    pub out_interface: AnyOf<InterfaceName>,
    /// The zone that its connection belongs to, whether it has one or not ([`Packet::zone`]).
    pub zone: AnyOf<Span<u16>>,
    /// Connection state; only a stateful matcher knows it.
    pub state: AnyOf<ConnState>,
    /// The packet's direction within its connection.
    pub direction: AnyOf<Direction>,
    /// What else is known of its connection: each alternative is a flag that is set.
    pub status: AnyOf<ConnFlag>,
    /// The flow key of its connection's original direction; `None` asks nothing, and is how text is
    /// read that asks nothing of it.
    pub original: Option<Box<OriginalCriteria>>,
    /// Differentiated services code point, 0 to 63.
    pub dscp: AnyOf<Span<u8>>,
    /// Time to live or hop limit.
    pub ttl: AnyOf<Span<u8>>,
    /// Length of the IP packet in bytes.
    pub length: AnyOf<Span<u32>>,
    /// The packet's mark.
    pub mark: AnyOf<Masked>,
    /// VLAN id of the outermost tag.
    pub vlan: AnyOf<Span<u16>>,
    /// The caller's own predicates, by number, 0 to 63.
    pub predicate: AnyOf<u8>,
    /// In which [named sets](super::set) parts of the packet must be; `None` asks nothing, and is how
    /// text is read that asks nothing of it.
    pub sets: Option<Box<SetCriteria>>,
}

/// What must hold of the flow key of a connection's original direction, as [`Tracked::original`] has
/// it. Nothing of it holds of a packet of no connection, unless it asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OriginalCriteria {
    /// Source address.
    pub src: AnyOf<IpRange>,
    /// Destination address.
    pub dst: AnyOf<IpRange>,
    /// Protocol: of an ICMP error that of the packet quoted.
    pub protocol: AnyOf<Protocol>,
    /// Source port.
    pub src_port: AnyOf<PortRange>,
    /// Destination port.
    pub dst_port: AnyOf<PortRange>,
}

impl OriginalCriteria {
    /// Whether it asks nothing.
    pub fn is_any(&self) -> bool {
        let Self { src, dst, protocol, src_port, dst_port } = self;
        let ports = src_port.is_any() && dst_port.is_any();
        src.is_any() && dst.is_any() && protocol.is_any() && ports
    }

    fn hold(&self, key: Option<FlowKey>) -> bool {
        self.src.holds(key.map(|key| key.addrs.src()))
            && self.dst.holds(key.map(|key| key.addrs.dst()))
            && self.protocol.holds(key.map(|key| key.protocol))
            && self.src_port.holds(key.map(|key| key.src_port))
            && self.dst_port.holds(key.map(|key| key.dst_port))
    }
}

/// What names in criteria stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'n> {
    pub(crate) interfaces: &'n Interfaces,
    pub(crate) sets: &'n Sets,
}

impl Criteria {
    /// Whether nothing is asked beyond the family and the flow key.
    pub(crate) fn is_of_flow(&self) -> bool {
        // Without `..`, so that a new field has to be thought of here.
        let Self {
            family: _,
            src: _,
            dst: _,
            protocol: _,
            src_port: _,
            dst_port: _,
            icmp,
            icmpv6,
            tcp_flags,
            fragment,
            malformed,
            cut_src_port,
            cut_dst_port,
            in_interface,
            out_interface,
            zone,
            state: _,
            direction: _,
            status: _,
            original: _,
            dscp,
            ttl,
            length,
            mark,
            vlan,
            predicate,
            sets,
        } = self;
        let header = icmp.is_any() && icmpv6.is_any() && tcp_flags.is_any();
        let sound = malformed.is_any() && cut_src_port.is_any() && cut_dst_port.is_any();
        let place = in_interface.is_any() && out_interface.is_any() && zone.is_any();
        let ip = fragment.is_any() && dscp.is_any() && ttl.is_any() && length.is_any();
        let rest = mark.is_any() && vlan.is_any() && predicate.is_any();
        let rest = rest && sets.as_ref().is_none_or(|sets| sets.is_any());
        header && sound && place && ip && rest && !self.asks_connection()
    }

    /// Whether all of it holds of `packet`, whose mark is now `mark`: the part of the linear
    /// definition that looks at one rule.
    pub(crate) fn hold(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        mark: u32,
        Named { interfaces, sets }: Named<'_>,
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
            && self.malformed.holds(Some(packet.malformed))
            && self.cut_src_port.holds(packet.cut_ports.map(|ports| ports.src))
            && self.cut_dst_port.holds(packet.cut_ports.map(|ports| ports.dst))
            && interface_holds(&self.in_interface, packet.in_interface, interfaces)
            && interface_holds(&self.out_interface, packet.out_interface, interfaces)
            && self.zone.holds(Some(packet.zone))
            && self.state.holds(tracked.map(|tracked| tracked.state))
            && self.connection_holds(packet, tracked)
            && self.dscp.holds(Some(packet.dscp))
            && self.ttl.holds(Some(packet.ttl))
            && self.length.holds(Some(packet.length))
            && self.mark.holds(Some(mark))
            && self.vlan.holds(packet.vlan)
            && self.predicate.holds(Some(packet.predicates))
            && self.sets.as_ref().is_none_or(|asked| asked.hold(packet, sets, interfaces))
    }

    /// What is asked of a packet's connection, besides its state.
    fn connection_holds(&self, packet: &Packet, tracked: Option<Tracked>) -> bool {
        let known = tracked.filter(|tracked| tracked.direction.is_some());
        let original = || known.and_then(|tracked| tracked.original(packet));
        self.direction.holds(known.and_then(|tracked| tracked.direction))
            && self.status.holds(known.map(|tracked| tracked.status))
            && self.original.as_ref().is_none_or(|asked| asked.hold(original()))
    }

    /// Whether something is asked that only a connection tracker knows.
    pub(crate) fn asks_connection(&self) -> bool {
        let Self { state, direction, status, original, .. } = self;
        !(state.is_any() && direction.is_any() && status.is_any())
            || original.as_ref().is_some_and(|asked| !asked.is_any())
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
