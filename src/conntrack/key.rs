mod target;

use core::net::IpAddr;

use super::IcmpQuery;
use super::helper::Expectation;
use super::icmp::Role;
use super::sip::Sip;
use crate::packet::{
    Addrs, Checksum, Family, FlowKey, Fragment, GreHeader, IcmpMessage, Malformed, Packet, Ports,
    Protocol, Quote,
};

pub(super) use target::Target;

/// What the table makes of a packet before it looks anything up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) part: Part,
    /// [`Flow::NONE`] if it has no part in any.
    pub(super) flow: Flow,
}

/// What part a packet has in a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It belongs to the flow.
    Member,
    /// It is an error that quotes a packet of the flow.
    Error,
    /// None, as it is never tracked.
    Untracked,
    /// None, as it fits no flow.
    Invalid,
}

impl Subject {
    pub(super) const UNTRACKED: Self = Self { part: Part::Untracked, flow: Flow::NONE };
    pub(super) const INVALID: Self = Self { part: Part::Invalid, flow: Flow::NONE };

    #[inline(always)]
    pub(super) fn of(packet: &Packet) -> Self {
        match Flow::of_usual(packet) {
            Some(flow) => Self { part: Part::Member, flow },
            None => Self::of_unusual(packet),
        }
    }

    /// Of any packet.
    #[inline(never)]
    pub(super) fn of_unusual(packet: &Packet) -> Self {
        if packet.notrack {
            return Self::UNTRACKED;
        }
        if !is_sound(packet) || !is_believed(packet) {
            return Self::INVALID;
        }
        match packet.icmp_message() {
            Some(message) if is_icmp(&packet.addrs, packet.protocol) => of_icmp(packet, message),
            _ => Self::with(Part::Member, Flow::of(packet), packet),
        }
    }

    /// The flow, if the packet belongs to one.
    #[inline(always)]
    pub(super) fn member(&self) -> Option<&Flow> {
        (self.part == Part::Member).then_some(&self.flow)
    }

    #[inline(always)]
    fn with(part: Part, flow: Option<Flow>, packet: &Packet) -> Self {
        flow.map_or(Self::INVALID, |flow| Self { part, flow: flow.in_zone(packet.zone) })
    }
}

fn of_icmp(packet: &Packet, message: &IcmpMessage) -> Subject {
    match (Role::of(packet.addrs.family(), message.icmp_type), &message.quote) {
        (Role::Link, _) => Subject::UNTRACKED,
        (Role::Error, Some(quote)) => Subject::with(Part::Error, Flow::of_quote(quote), packet),
        (Role::Redirect, Some(quote)) if is_from_neighbour(packet) => {
            Subject::with(Part::Error, Flow::of_quote(quote), packet)
        }
        (Role::Query | Role::Answer(_), _) => {
            let flow = message.identifier.and_then(|identifier| {
                Flow::of_query(&packet.addrs, message.icmp_type, message.code, identifier)
            });
            Subject::with(Part::Member, flow, packet)
        }
        _ => Subject::INVALID,
    }
}

/// Whether the headers are as whole as the tracker of the packet's protocol needs them.
fn is_sound(packet: &Packet) -> bool {
    match packet.malformed {
        None => true,
        Some(Malformed::ShortTransport | Malformed::ShortPorts) => {
            let icmp = matches!(packet.protocol, Protocol::ICMP | Protocol::ICMPV6);
            !tracks_ports(packet.protocol) && !icmp
        }
        Some(_) => false,
    }
}

/// Whether the checksum, if somebody has looked at it, lets Linux believe the packet: of UDP-Lite it
/// believes what is computed with UDP's protocol number, and only that.
///
/// # Source
///
/// Linux `nf_conntrack_proto_udp.c`, `udplite_error`; `net/netfilter/utils.c`, `nf_checksum`.
#[inline(always)]
fn is_believed(packet: &Packet) -> bool {
    match packet.checksum {
        Checksum::Wrong | Checksum::RightInPart => false,
        Checksum::Right => packet.protocol != Protocol::UDP_LITE,
        _ => true,
    }
}

/// Whether a redirect comes from a router on the same link.
///
/// # Source
///
/// Linux `nf_conntrack_proto_icmpv6.c`, `nf_conntrack_icmpv6_redirect`; RFC 4861 section 8.1.
fn is_from_neighbour(packet: &Packet) -> bool {
    match packet.addrs {
        Addrs::V6 { src, .. } => packet.ttl == 255 && src.is_unicast_link_local(),
        Addrs::V4 { .. } => false,
    }
}

/// A flow as one of its packets shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) key: Key,
    pub(super) sender: End,
    /// Whether it could be the flow's first packet, as far as the addresses, ports and ICMP type
    /// tell.
    pub(super) may_open: bool,
    /// Whether both ends are the same, so that packets of both directions look alike.
    pub(super) looped: bool,
}

impl Flow {
    const NONE: Self = Self { key: Key::NONE, sender: End::Low, may_open: false, looped: false };

    /// The flow of a usual packet, of TCP or UDP and sound in every way. `None` says nothing.
    #[inline(always)]
    pub(super) fn of_usual(packet: &Packet) -> Option<Self> {
        let usual = !packet.notrack
            && packet.malformed.is_none()
            && packet.fragment != Fragment::Later
            && matches!(packet.checksum, Checksum::Unchecked | Checksum::Right)
            && matches!(packet.protocol, Protocol::TCP | Protocol::UDP);
        let ports = packet.ports.filter(|_| usual)?;
        Some(Self::between_ends(&packet.addrs, packet.protocol, ports, packet.zone))
    }

    /// The flow of a packet that is not ICMP. A packet that should have ports and has none belongs
    /// to no flow.
    ///
    /// # Source
    ///
    /// Linux `nf_conntrack_core.c`, `nf_ct_get_tuple` and `get_l4proto`.
    fn of(packet: &Packet) -> Option<Self> {
        let ports = match packet.protocol {
            Protocol::ICMP | Protocol::ICMPV6 => return None,
            // Extension headers with nothing behind them.
            NO_NEXT_HEADER if packet.addrs.family() == Family::V6 => return None,
            protocol if tracks_ports(protocol) => whole_or_first(packet).and(packet.ports)?,
            Protocol::GRE => {
                let header = whole_or_first(packet).map(|packet| packet.gre_header())?;
                call(header.copied().unwrap_or_default())
            }
            _ => NO_PORTS,
        };
        Some(Self::between_ends(&packet.addrs, packet.protocol, ports, NO_ZONE))
    }

    fn of_quote(quote: &Quote) -> Option<Self> {
        if quote.later_fragment {
            return None;
        }
        if is_icmp(&quote.addrs, quote.protocol) {
            let (icmp_type, code, identifier) = quote.icmp?;
            return Self::of_query(&quote.addrs, icmp_type, code, identifier);
        }
        let ports = match quote.protocol {
            protocol if tracks_ports(protocol) => quote.ports?,
            Protocol::GRE => call(quote.gre),
            _ => NO_PORTS,
        };
        Some(Self::between_ends(&quote.addrs, quote.protocol, ports, NO_ZONE))
    }

    /// The same flow of another zone; it is 0 until said otherwise.
    #[inline(always)]
    pub(super) fn in_zone(self, zone: u16) -> Self {
        Self { key: self.key.in_zone(zone), ..self }
    }

    /// The flow with this key, as a packet in the key's direction shows it.
    pub(super) fn of_key(key: &FlowKey) -> Option<Self> {
        if key.protocol != Protocol::GRE {
            return Self::of(&Packet::from(*key));
        }
        let ports = Ports { src: key.src_port, dst: key.dst_port };
        Some(Self::between_ends(&key.addrs, key.protocol, ports, NO_ZONE))
    }

    /// The flow that a packet opens whose 5-tuple and query these are, as tables show them; `None`
    /// if there is none.
    pub(super) fn of_saved(original: &FlowKey, query: Option<IcmpQuery>) -> Option<Self> {
        let FlowKey { addrs, src_port, dst_port, protocol } = *original;
        let ports = Ports { src: src_port, dst: dst_port };
        if let Some(query) = query {
            let known = is_icmp(&addrs, protocol) && ports == NO_PORTS;
            let flow = Self::of_query(&addrs, query.icmp_type, query.code, query.identifier);
            return flow.filter(|flow| known && flow.may_open);
        }
        let known = match protocol {
            Protocol::ICMP | Protocol::ICMPV6 => false,
            NO_NEXT_HEADER if addrs.family() == Family::V6 => false,
            protocol if tracks_ports(protocol) => true,
            Protocol::GRE => src_port == 0,
            _ => ports == NO_PORTS,
        };
        known.then(|| Self::between_ends(&addrs, protocol, ports, NO_ZONE))
    }

    /// A flow that fulfils an expectation, in zone 0; `None` if none can.
    pub(super) fn of_expected(expected: &Expectation) -> Option<Self> {
        let addrs = Addrs::new(expected.src, expected.dst).ok()?;
        let ports = Ports { src: expected.src_port.unwrap_or(0), dst: expected.dst_port };
        Self::of_ports(&addrs, expected.protocol, ports)
    }

    /// The flow of packets with these ports; `None` if its protocol has none.
    pub(super) fn of_ports(addrs: &Addrs, protocol: Protocol, ports: Ports) -> Option<Self> {
        tracks_ports(protocol).then(|| Self::between_ends(addrs, protocol, ports, NO_ZONE))
    }

    /// Where the packet that shows the flow goes, and where it comes from.
    pub(super) fn target(&self) -> Target {
        let key = &self.key;
        let (low, high) = ((key.low, key.low_id()), (key.high, key.high_id()));
        let (src, dst) = if self.sender == End::Low { (low, high) } else { (high, low) };
        let rest = key.rest & !IDS | u64::from(dst.1) << 48;
        Target { to: Key { low: dst.0, high: [0; 2], rest }, from: src.0, from_port: src.1 }
    }

    /// The lower end comes first, so that both directions have one key.
    #[inline(always)]
    fn between_ends(addrs: &Addrs, protocol: Protocol, ports: Ports, zone: u16) -> Self {
        let rest = |ids: [u16; 2]| Key::rest(ids, zone, protocol, addrs.family());
        let (key, swapped, looped) = match addrs {
            // One number for an end: the lower and the higher one without a branch, as either
            // direction is as likely as the other.
            Addrs::V4 { src, dst } => {
                let end = |addr: u32, port: u16| u64::from(addr) << 16 | u64::from(port);
                let (src, dst) = (end(src.to_bits(), ports.src), end(dst.to_bits(), ports.dst));
                let (low, high) = (src.min(dst), src.max(dst));
                let rest = rest([low as u16, high as u16]);
                (Key { low: [0, low >> 16], high: [0, high >> 16], rest }, src > dst, src == dst)
            }
            Addrs::V6 { src, dst } => {
                let (src, dst) = ((src.to_bits(), ports.src), (dst.to_bits(), ports.dst));
                let (low, high) = (src.min(dst), src.max(dst));
                let rest = rest([low.1, high.1]);
                (Key { low: halves(low.0), high: halves(high.0), rest }, src > dst, src == dst)
            }
        };
        Self { key, sender: if swapped { End::High } else { End::Low }, may_open: true, looped }
    }

    /// The asking end comes first, whatever its address: the same identifier used by both ends is
    /// two flows.
    fn of_query(addrs: &Addrs, icmp_type: u8, code: u8, identifier: u16) -> Option<Self> {
        let family = addrs.family();
        let (query, sender) = match Role::of(family, icmp_type) {
            Role::Query => (icmp_type, End::Low),
            Role::Answer(query) => (query, End::High),
            _ => return None,
        };
        let ends = if sender == End::Low { *addrs } else { addrs.reversed() };
        let ids = [identifier, u16::from_be_bytes([query, code])];
        let key = Key {
            low: address_bits(ends.src()),
            high: address_bits(ends.dst()),
            rest: Key::rest(ids, NO_ZONE, icmp_protocol(family), family),
        };
        Some(Self { key, sender, may_open: sender == End::Low, looped: false })
    }
}

const NO_ZONE: u16 = 0;

const NO_PORTS: Ports = Ports { src: 0, dst: 0 };

/// "No next header" of IPv6.
const NO_NEXT_HEADER: Protocol = Protocol(59);

/// Whether flows of this protocol are told apart by ports. Linux has not looked at those of DCCP
/// since 6.17.
const fn tracks_ports(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::TCP | Protocol::UDP | Protocol::SCTP | Protocol::UDP_LITE)
}

fn whole_or_first(packet: &Packet) -> Option<&Packet> {
    (packet.fragment != Fragment::Later).then_some(packet)
}

/// What stands for the ports of a GRE flow. The call id of PPTP is the receiver's, and the one for
/// the way back is not known, so that the two directions are two flows.
///
/// # Source
///
/// Linux `nf_conntrack_proto_gre.c`, `gre_pkt_to_tuple`.
fn call(header: GreHeader) -> Ports {
    Ports { src: 0, dst: header.call_id.unwrap_or(0) }
}

fn is_icmp(addrs: &Addrs, protocol: Protocol) -> bool {
    protocol == icmp_protocol(addrs.family())
}

const fn icmp_protocol(family: Family) -> Protocol {
    match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    }
}

/// Which of a flow's two ends, in the order in which its key holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Low,
    High,
}

/// The name of a flow, the same for both directions: 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    low: [u64; 2],
    high: [u64; 2],
    /// From the top: the low end's port or an ICMP identifier, the zone, the high end's port or the
    /// type and code of an ICMP query, 16 bits each; protocol and family, 8 bits each.
    rest: u64,
}

/// The bits of [`Key::rest`] that are ports or the like.
const IDS: u64 = 0xffff << 48 | 0xffff << 16;

const ZONE_SHIFT: u32 = 32;
const ZONE: u64 = 0xffff << ZONE_SHIFT;

impl Key {
    /// The key of no flow.
    pub(super) const NONE: Self = Self { low: [0; 2], high: [0; 2], rest: u64::MAX };

    #[inline(always)]
    fn rest([low, high]: [u16; 2], zone: u16, protocol: Protocol, family: Family) -> u64 {
        let ids = u64::from(low) << 48 | u64::from(high) << 16;
        ids | u64::from(zone) << ZONE_SHIFT | u64::from(protocol.0) << 8 | family as u64
    }

    #[inline(always)]
    const fn in_zone(self, zone: u16) -> Self {
        Self { rest: self.rest & !ZONE | (zone as u64) << ZONE_SHIFT, ..self }
    }

    pub(super) const fn zone(&self) -> u16 {
        (self.rest >> ZONE_SHIFT) as u16
    }

    /// Of IPv4 16 bytes are hashed, of IPv6 40.
    #[inline]
    pub(super) fn hash(&self, sip: &Sip) -> u64 {
        if self.is_v4() { sip.hash(self.words_v4()) } else { sip.hash(self.words_v6()) }
    }

    /// What is hashed of an IPv4 key.
    #[inline(always)]
    pub(super) fn words_v4(&self) -> [u64; 2] {
        let ([_, low], [_, high]) = (self.low, self.high);
        [low << 32 | high, self.rest]
    }

    /// What is hashed of an IPv6 key.
    #[inline(always)]
    pub(super) fn words_v6(&self) -> [u64; 5] {
        let ([low_0, low_1], [high_0, high_1]) = (self.low, self.high);
        [low_0, low_1, high_0, high_1, self.rest]
    }

    /// The network that one end belongs to, in its zone, as a key that has nothing else.
    pub(super) fn network(&self, end: End, v4_prefix: u8, v6_prefix: u8) -> Self {
        let [high, low] = match end {
            End::Low => self.low,
            End::High => self.high,
        };
        let address = u128::from(high) << 64 | u128::from(low);
        let (width, prefix) = if self.is_v4() { (32, v4_prefix) } else { (128, v6_prefix) };
        let host_bits = width - u32::from(prefix).min(width);
        let network = address.checked_shr(host_bits).unwrap_or(0);
        let rest = self.rest & (ZONE | 0xff);
        Self { low: halves(network), high: [0; 2], rest }
    }

    pub(super) const fn protocol(&self) -> Protocol {
        Protocol((self.rest >> 8) as u8)
    }

    pub(super) const fn is_icmp(&self) -> bool {
        if self.is_v4() {
            self.protocol().0 == Protocol::ICMP.0
        } else {
            self.protocol().0 == Protocol::ICMPV6.0
        }
    }

    pub(super) const fn is_v4(&self) -> bool {
        self.rest as u8 == Family::V4 as u8
    }

    /// Whether it is the same: `==` in fewer steps where it is of IPv4.
    #[inline(always)]
    pub(super) fn is(&self, other: &Self) -> bool {
        let ([low_0, low_1], [high_0, high_1]) = (self.low, self.high);
        let ([other_low_0, other_low_1], [other_high_0, other_high_1]) = (other.low, other.high);
        let differ = (self.rest ^ other.rest) | (low_1 ^ other_low_1) | (high_1 ^ other_high_1);
        // What IPv4 has no use for is zero.
        differ == 0 && (self.is_v4() || (low_0 ^ other_low_0) | (high_0 ^ other_high_0) == 0)
    }

    const fn low_id(&self) -> u16 {
        (self.rest >> 48) as u16
    }

    const fn high_id(&self) -> u16 {
        (self.rest >> 16) as u16
    }

    /// What the queries have in common, if it is a key of ICMP.
    pub(super) fn query(&self) -> Option<IcmpQuery> {
        let [icmp_type, code] = self.high_id().to_be_bytes();
        self.is_icmp().then(|| IcmpQuery { icmp_type, code, identifier: self.low_id() })
    }

    /// The address of one end.
    pub(super) fn address(&self, end: End) -> IpAddr {
        let [high, low] = match end {
            End::Low => self.low,
            End::High => self.high,
        };
        if self.is_v4() {
            return IpAddr::V4((low as u32).into());
        }
        IpAddr::V6((u128::from(high) << 64 | u128::from(low)).into())
    }

    /// The 5-tuple of packets that `sender` sends. ICMP has 0 for the ports.
    pub(super) fn flow_key(&self, sender: End) -> FlowKey {
        let pair = |end: End| match end {
            End::Low => (self.address(End::Low), self.low_id()),
            End::High => (self.address(End::High), self.high_id()),
        };
        let (src, dst) = match sender {
            End::Low => (pair(End::Low), pair(End::High)),
            End::High => (pair(End::High), pair(End::Low)),
        };
        let (src_port, dst_port) = if self.is_icmp() { (0, 0) } else { (src.1, dst.1) };
        let protocol = self.protocol();
        let addrs = match (src.0, dst.0) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Addrs::V4 { src, dst },
            (src, dst) => Addrs::V6 { src: v6(src), dst: v6(dst) },
        };
        FlowKey { addrs, src_port, dst_port, protocol }
    }
}

fn v6(address: IpAddr) -> core::net::Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn address_bits(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(address) => [0, u64::from(address.to_bits())],
        IpAddr::V6(address) => halves(address.to_bits()),
    }
}

const fn halves(bits: u128) -> [u64; 2] {
    [(bits >> 64) as u64, bits as u64]
}
