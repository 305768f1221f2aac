mod subject;
mod target;

use core::net::{IpAddr, Ipv4Addr};

use super::IcmpQuery;
use super::helper::Expectation;
use super::icmp::Role;
use super::sip::Sip;
use crate::packet::{
    Addrs, Checksum, Family, FlowKey, Fragment, GreHeader, Packet, Ports, Protocol, Quote,
};

pub(super) use subject::{Part, Subject};
pub(super) use target::Target;

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
        let ports = packet.ports.filter(|_| is_usual(packet))?;
        Some(Self::between_ends(&packet.addrs, packet.protocol, ports, packet.zone))
    }

    /// The flow of such a packet if it is of IPv4, by the [words](Key::words_v4) of its key and its
    /// sender.
    #[inline(always)]
    pub(super) fn of_usual_v4(packet: &Packet) -> Option<([u64; 2], End)> {
        let Addrs::V4 { src, dst } = packet.addrs else { return None };
        let ports = packet.ports.filter(|_| is_usual(packet))?;
        let rest = Key::rest([0; 2], packet.zone, packet.protocol, Family::V4);
        Some(words_between(src, dst, ports, rest))
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
        let end = |end: End| (key.bits(end), key.id(end));
        let (src, dst) = (end(self.sender), end(self.sender.other()));
        let rest = key.rest & !IDS | u64::from(dst.1) << 48;
        Target { to: Key::of_ends(dst.0, 0, rest), from: src.0, from_port: src.1 }
    }

    /// The lower end comes first, so that both directions have one key.
    #[inline(always)]
    fn between_ends(addrs: &Addrs, protocol: Protocol, ports: Ports, zone: u16) -> Self {
        let rest = |ids: [u16; 2]| Key::rest(ids, zone, protocol, addrs.family());
        let (key, sender) = match *addrs {
            Addrs::V4 { src, dst } => {
                let ([ends, rest], sender) = words_between(src, dst, ports, rest([0; 2]));
                (Key { rest, ends, more: [0; 3] }, sender)
            }
            Addrs::V6 { src, dst } => {
                let (src, dst) = ((src.to_bits(), ports.src), (dst.to_bits(), ports.dst));
                let (low, high) = (src.min(dst), src.max(dst));
                let sender = if src > dst { End::High } else { End::Low };
                (Key::of_ends_v6(low.0, high.0, rest([low.1, high.1])), sender)
            }
        };
        let looped = ports.src == ports.dst && addrs.src() == addrs.dst();
        Self { key, sender, may_open: true, looped }
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
        let rest = Key::rest(ids, NO_ZONE, icmp_protocol(family), family);
        let key = Key::of_ends(address_bits(ends.src()), address_bits(ends.dst()), rest);
        Some(Self { key, sender, may_open: sender == End::Low, looped: false })
    }
}

/// The [words](Key::words_v4) of the key of a flow between two ends, given the part of them that has
/// nothing to do with either, and which of them is the source.
#[inline(always)]
fn words_between(src: Ipv4Addr, dst: Ipv4Addr, ports: Ports, rest: u64) -> ([u64; 2], End) {
    let addrs = u64::from(src.to_bits()) << 32 | u64::from(dst.to_bits());
    let ids = Key::ids([ports.src, ports.dst]);
    let end = |addrs: u64, ids: u64| (addrs >> 32 << 16) | ids >> 48;
    let swapped = end(addrs, ids) > end(addrs << 32, ids << 32);
    // No branch, as either direction is as likely as the other.
    let turn = u32::from(swapped) * 32;
    let sender = if swapped { End::High } else { End::Low };
    ([addrs.rotate_left(turn), ids.rotate_left(turn) | rest], sender)
}

/// Whether the packet is one of TCP or UDP and sound in every way.
#[inline(always)]
fn is_usual(packet: &Packet) -> bool {
    !packet.notrack
        && packet.malformed.is_none()
        && packet.fragment != Fragment::Later
        && matches!(packet.checksum, Checksum::Unchecked | Checksum::Right)
        && matches!(packet.protocol, Protocol::TCP | Protocol::UDP)
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

impl End {
    const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

/// The name of a flow, the same for both directions: 40 bytes, of which IPv4 uses 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// From the top: the low end's port or an ICMP identifier, the zone, the high end's port or the
    /// type and code of an ICMP query, 16 bits each; protocol and family, 8 bits each.
    rest: u64,
    /// Of IPv4 both addresses, the low end's on top; of IPv6 the top half of the low end's.
    ends: u64,
    /// Of IPv6 the rest of the addresses; of IPv4 zero.
    more: [u64; 3],
}

/// The bits of [`Key::rest`] that are ports or the like.
const IDS: u64 = 0xffff << 48 | 0xffff << 16;

const ZONE_SHIFT: u32 = 32;
const ZONE: u64 = 0xffff << ZONE_SHIFT;

impl Key {
    /// The key of no flow.
    pub(super) const NONE: Self = Self { rest: u64::MAX, ends: 0, more: [0; 3] };

    /// The key with these addresses and this `rest`, which says of which family they are.
    fn of_ends(low: u128, high: u128, rest: u64) -> Self {
        if Self::is_rest_of_v4(rest) {
            return Self { rest, ends: (low as u64) << 32 | high as u64, more: [0; 3] };
        }
        Self::of_ends_v6(low, high, rest)
    }

    #[inline(always)]
    const fn of_ends_v6(low: u128, high: u128, rest: u64) -> Self {
        let ([ends, low], [high, last]) = (halves(low), halves(high));
        Self { rest, ends, more: [low, high, last] }
    }

    #[inline(always)]
    fn rest(ids: [u16; 2], zone: u16, protocol: Protocol, family: Family) -> u64 {
        let zone = u64::from(zone) << ZONE_SHIFT;
        Self::ids(ids) | zone | u64::from(protocol.0) << 8 | family as u64
    }

    #[inline(always)]
    fn ids([low, high]: [u16; 2]) -> u64 {
        u64::from(low) << 48 | u64::from(high) << 16
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
    pub(super) const fn words_v4(&self) -> [u64; 2] {
        [self.ends, self.rest]
    }

    /// What is hashed of an IPv6 key.
    #[inline(always)]
    pub(super) const fn words_v6(&self) -> [u64; 5] {
        let [low, high, last] = self.more;
        [self.ends, low, high, last, self.rest]
    }

    /// The network that one end belongs to, in its zone, as a key that has nothing else.
    pub(super) fn network(&self, end: End, v4_prefix: u8, v6_prefix: u8) -> Self {
        let address = self.bits(end);
        let (width, prefix) = if self.is_v4() { (32, v4_prefix) } else { (128, v6_prefix) };
        let host_bits = width - u32::from(prefix).min(width);
        let network = address.checked_shr(host_bits).unwrap_or(0);
        let rest = self.rest & (ZONE | 0xff);
        Self::of_ends(network, 0, rest)
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
        Self::is_rest_of_v4(self.rest)
    }

    const fn is_rest_of_v4(rest: u64) -> bool {
        rest as u8 == Family::V4 as u8
    }

    /// Whether it is the same: `==` in fewer steps where it is of IPv4.
    #[inline(always)]
    pub(super) fn is(&self, other: &Self) -> bool {
        self.is_v4_with(other.words_v4()) && (self.is_v4() || self.more == other.more)
    }

    /// Whether these words are its own, which say all of it if they are [of IPv4](Self::words_v4).
    #[inline(always)]
    pub(super) const fn is_v4_with(&self, [ends, rest]: [u64; 2]) -> bool {
        (self.rest ^ rest) | (self.ends ^ ends) == 0
    }

    /// Whether both ends are the same.
    pub(super) fn is_looped(&self) -> bool {
        let [low, high] = [End::Low, End::High].map(|end| (self.bits(end), self.id(end)));
        low == high
    }

    /// The port or what stands for it at one end.
    const fn id(&self, end: End) -> u16 {
        match end {
            End::Low => (self.rest >> 48) as u16,
            End::High => (self.rest >> 16) as u16,
        }
    }

    /// The address at one end, as a number.
    const fn bits(&self, end: End) -> u128 {
        let [low, high, last] = self.more;
        match (self.is_v4(), end) {
            (true, End::Low) => (self.ends >> 32) as u128,
            (true, End::High) => self.ends as u32 as u128,
            (false, End::Low) => (self.ends as u128) << 64 | low as u128,
            (false, End::High) => (high as u128) << 64 | last as u128,
        }
    }

    /// What the queries have in common, if it is a key of ICMP.
    pub(super) fn query(&self) -> Option<IcmpQuery> {
        let [icmp_type, code] = self.id(End::High).to_be_bytes();
        self.is_icmp().then(|| IcmpQuery { icmp_type, code, identifier: self.id(End::Low) })
    }

    /// The address of one end.
    pub(super) fn address(&self, end: End) -> IpAddr {
        let bits = self.bits(end);
        if self.is_v4() { IpAddr::V4((bits as u32).into()) } else { IpAddr::V6(bits.into()) }
    }

    /// The 5-tuple of packets that `sender` sends. ICMP has 0 for the ports.
    pub(super) fn flow_key(&self, sender: End) -> FlowKey {
        let pair = |end: End| (self.address(end), self.id(end));
        let (src, dst) = (pair(sender), pair(sender.other()));
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

fn address_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

const fn halves(bits: u128) -> [u64; 2] {
    [(bits >> 64) as u64, bits as u64]
}
