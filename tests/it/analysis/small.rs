//! Rule sets over so few values that every packet they can tell apart can be listed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use portcullis::packet::{
    ConnFlag, ConnStatus, Family, IcmpMessage, Malformed, Ports, TcpFlags, TcpSegment, Transport,
};
use portcullis::rule::{AnyOf, Effect, FlagsMatch, IcmpKind, InterfaceName, IpRange, Masked, Span};
use portcullis::{
    Action, Addrs, ChainId, ConnState, Criteria, Direction, Fragment, Packet, Protocol, Rule,
    RuleSet, Target, Tracked,
};

use super::is_long;
use crate::strategies::Rng;

/// What the rules of a small rule set ask for besides family, protocol, fragment and malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Src,
    Dst,
    SrcPort,
    DstPort,
    Icmp,
    Flags,
    Interfaces,
    State,
    Dscp,
    Length,
    Mark,
    Vlan,
    Predicate,
    CutPorts,
    Zone,
    Direction,
    Ttl,
}

const ASKED: [Asked; 17] = [
    Asked::Src,
    Asked::Dst,
    Asked::SrcPort,
    Asked::DstPort,
    Asked::Icmp,
    Asked::Flags,
    Asked::Interfaces,
    Asked::State,
    Asked::Dscp,
    Asked::Length,
    Asked::Mark,
    Asked::Vlan,
    Asked::Predicate,
    Asked::CutPorts,
    Asked::Zone,
    Asked::Direction,
    Asked::Ttl,
];

/// A packet and its place in its connection.
pub(super) type Judged = (Packet, Option<Tracked>);

/// The most packets of a kind that are listed by default.
const MAX_VARIANTS: usize = 48;

/// A few of the fields: so few that not too many packets have to be listed, unless there is time.
pub(super) fn some_fields(rng: &mut Rng) -> Vec<Asked> {
    let mut fields: Vec<Asked> = (0..1 + rng.below(3)).map(|_| rng.pick(&ASKED)).collect();
    // Two interfaces are as many packets as two fields.
    fields.truncate(if fields.contains(&Asked::Interfaces) { 2 } else { 3 });
    while !is_long() && fields.len() > 1 && variants_of(&fields) > MAX_VARIANTS {
        fields.pop();
    }
    fields
}

/// How many packets of a kind rules of these fields can tell apart, at most.
pub(super) fn variants_of(fields: &[Asked]) -> usize {
    let distinct = ASKED.into_iter().filter(|field| fields.contains(field));
    let count = |field| match field {
        Asked::Interfaces | Asked::CutPorts | Asked::Direction => 25,
        Asked::State => 8,
        Asked::Dscp => 3,
        Asked::Flags | Asked::Mark | Asked::Vlan | Asked::Predicate | Asked::Zone => 4,
        Asked::SrcPort | Asked::DstPort | Asked::Length | Asked::Ttl => 5,
        Asked::Src | Asked::Dst | Asked::Icmp => 6,
    };
    distinct.map(count).product()
}

/// Whether it is a packet of one of the kinds that are most different: whole or a later fragment,
/// sound or cut short.
pub(super) fn is_plain((packet, _): &Judged) -> bool {
    packet.fragment != Fragment::First
        && matches!(packet.malformed, None | Some(Malformed::ShortTransport))
}

/// A rule set that asks for these fields, and now and then for protocol, family and the like.
pub(super) fn rule_set(rng: &mut Rng, fields: &[Asked], most: usize) -> RuleSet {
    let mut rules = RuleSet::new(rng.pick(&[Action::Accept, Action::Drop]));
    let mut chains = vec![ChainId::BASE];
    for number in 0..rng.pick(&[0, 0, 1, 3]) {
        chains.push(rules.add_chain(&format!("chain-{number}")));
    }
    for _ in 0..1 + rng.below(most) {
        let at = if rng.percent(60) { 0 } else { rng.below(chains.len()) };
        let rule = rule(rng, fields, &chains[at + 1..]);
        rules.push_to(chains[at], rule);
    }
    if fields.contains(&Asked::Interfaces) {
        // Every rule set knows all names.
        let unused = rules.add_chain("unused");
        rules.push_to(unused, Rule::return_().in_interface(NAMES));
    }
    rules
}

const NAMES: [&str; 4] = ["a", "b", "a*", "*"];

/// A rule that may jump to one of `later`.
pub(super) fn rule(rng: &mut Rng, fields: &[Asked], later: &[ChainId]) -> Rule {
    let mut rule = Rule::new(target(rng, later));
    rule.criteria = criteria(rng, fields);
    rule
}

fn target(rng: &mut Rng, later: &[ChainId]) -> Target {
    match rng.below(100) {
        0..15 if !later.is_empty() => Target::Jump(rng.pick(later)),
        15..22 if !later.is_empty() => Target::Goto(rng.pick(later)),
        22..30 => Target::Return,
        30..34 => Target::Continue(Effect::Log),
        34..44 => Target::Continue(Effect::Mark(mark(rng))),
        _ => Target::Action(rng.pick(&[Action::Accept, Action::Drop])),
    }
}

pub(super) fn criteria(rng: &mut Rng, fields: &[Asked]) -> Criteria {
    let mut criteria = Criteria::default();
    if rng.percent(15) {
        criteria.family = Some(rng.pick(&[Family::V4, Family::V6]));
    }
    if rng.percent(30) {
        let kinds = [Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol::ICMPV6, OTHER];
        criteria.protocol = some(rng, |rng| rng.pick(&kinds));
    }
    if rng.percent(10) {
        let parts = [Fragment::Whole, Fragment::First, Fragment::Later];
        criteria.fragment = some(rng, |rng| rng.pick(&parts));
    }
    if rng.percent(10) {
        criteria.malformed = some(rng, |rng| rng.pick(&Malformed::ALL));
    }
    for field in fields {
        if rng.percent(75) {
            ask(rng, *field, &mut criteria);
        }
    }
    criteria
}

const OTHER: Protocol = Protocol(99);

fn ask(rng: &mut Rng, field: Asked, criteria: &mut Criteria) {
    match field {
        Asked::Src => criteria.src = some(rng, range),
        Asked::Dst => criteria.dst = some(rng, range),
        Asked::SrcPort => criteria.src_port = some(rng, |rng| span(rng, 20u16, 23)),
        Asked::DstPort => criteria.dst_port = some(rng, |rng| span(rng, 20u16, 23)),
        Asked::Icmp if rng.percent(50) => criteria.icmp = some(rng, kind),
        Asked::Icmp => criteria.icmpv6 = some(rng, kind),
        Asked::Flags => criteria.tcp_flags = some(rng, flags),
        Asked::Interfaces if rng.percent(50) => criteria.in_interface = some(rng, name),
        Asked::Interfaces => criteria.out_interface = some(rng, name),
        Asked::State => criteria.state = some(rng, |rng| rng.pick(&ConnState::ALL)),
        Asked::Dscp => criteria.dscp = some(rng, |rng| span(rng, 62u8, 63)),
        Asked::Length => criteria.length = some(rng, |rng| span(rng, 100u32, 102)),
        Asked::Mark => criteria.mark = some(rng, mark),
        Asked::Vlan => criteria.vlan = some(rng, |rng| span(rng, 4094u16, 4095)),
        Asked::CutPorts if rng.percent(50) => {
            criteria.cut_src_port = some(rng, |rng| span(rng, 20u16, 23));
        }
        Asked::CutPorts => criteria.cut_dst_port = some(rng, |rng| span(rng, 20u16, 23)),
        Asked::Zone => criteria.zone = some(rng, |rng| span(rng, 1u16, 2)),
        Asked::Direction if rng.percent(50) => {
            let ways = [Direction::Original, Direction::Reply];
            criteria.direction = some(rng, |rng| rng.pick(&ways));
        }
        Asked::Direction => {
            let flags = [ConnFlag::Replied, ConnFlag::Assured];
            criteria.status = some(rng, |rng| rng.pick(&flags));
        }
        Asked::Ttl => criteria.ttl = some(rng, |rng| span(rng, 1u8, 64)),
        Asked::Predicate => criteria.predicate = some(rng, |rng| rng.pick(&[0, 63])),
    }
}

fn some<T>(rng: &mut Rng, mut make: impl FnMut(&mut Rng) -> T) -> AnyOf<T> {
    let count = rng.pick(&[1, 1, 1, 1, 1, 2, 2, 3, 0]);
    let items: Vec<T> = (0..count).map(|_| make(rng)).collect();
    if rng.percent(25) { AnyOf::none_of(items) } else { AnyOf::one_of(items) }
}

fn span<N: Copy + Ord>(rng: &mut Rng, first: N, last: N) -> Span<N> {
    let (a, b) = (rng.pick(&[first, last]), rng.pick(&[first, last]));
    (a..=b).into()
}

fn range(rng: &mut Rng) -> IpRange {
    let (a, b) = (rng.below(4) as u8, rng.below(4) as u8);
    let address = |last: u8| match a < 2 || b < 2 {
        true => IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)),
        false => IpAddr::V6(Ipv6Addr::from_bits(last.into())),
    };
    IpRange::new(address(a.min(b)), address(a.max(b))).unwrap()
}

fn kind(rng: &mut Rng) -> IcmpKind {
    IcmpKind::new(rng.pick(&[3, 8]), span(rng, 0u8, 1))
}

fn flags(rng: &mut Rng) -> FlagsMatch {
    FlagsMatch::new(TcpFlags(rng.below(4) as u8), TcpFlags(rng.pick(&[1, 2, 3])))
}

fn mark(rng: &mut Rng) -> Masked {
    Masked::new(rng.below(4) as u32, rng.pick(&[1, 2, 3]))
}

fn name(rng: &mut Rng) -> InterfaceName {
    InterfaceName::from(rng.pick(&NAMES))
}

/// Every packet on the wire that rules of these fields can tell from others.
pub(super) fn all_packets(rules: &RuleSet, fields: &[Asked]) -> Vec<Judged> {
    let kinds = [Family::V4, Family::V6].into_iter().flat_map(kinds_of);
    let mut packets: Vec<Judged> = kinds.map(|packet| (packet, None)).collect();
    // The direction brings the states with it.
    let order = ASKED.iter().rev();
    for field in order.filter(|field| fields.contains(field)) {
        packets = packets.iter().flat_map(|judged| variants(rules, *field, *judged)).collect();
    }
    packets
}

/// A packet of every kind: each protocol that matters, whole and in fragments, sound or not.
fn kinds_of(family: Family) -> Vec<Packet> {
    let addrs = match family {
        Family::V4 => Addrs::V4 { src: Ipv4Addr::BROADCAST, dst: Ipv4Addr::BROADCAST },
        Family::V6 => Addrs::V6 { src: Ipv6Addr::LOCALHOST, dst: Ipv6Addr::UNSPECIFIED },
    };
    let mut kinds = Vec::new();
    // UDP-Lite is a protocol with ports that no rule names.
    let protocols = [Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol::ICMPV6, OTHER];
    for protocol in protocols.into_iter().chain([Protocol::UDP_LITE, Protocol::GRE]) {
        for fragment in [Fragment::Whole, Fragment::First, Fragment::Later] {
            for malformed in Malformed::ALL.into_iter().map(Some).chain([None]) {
                let mut packet = Packet::new(addrs, protocol);
                packet.fragment = fragment;
                packet.malformed = malformed;
                kinds.extend(headers(packet, family));
            }
        }
    }
    kinds
}

/// The packet with the header that it has, if there are such packets; two if some have one and some
/// do not.
fn headers(packet: Packet, family: Family) -> Vec<Packet> {
    let (protocol, v4) = (packet.protocol, family == Family::V4);
    let later = packet.fragment == Fragment::Later;
    let icmp = if v4 { Protocol::ICMP } else { Protocol::ICMPV6 };
    let ports = Some(Ports { src: 1, dst: 1 });
    let mut with = packet;
    match protocol {
        Protocol::TCP => with.transport = Transport::Tcp(TcpSegment::new(TcpFlags(0))),
        protocol if protocol == icmp => with.transport = Transport::Icmp(IcmpMessage::new(0, 0)),
        _ => {}
    }
    with.ports = ports.filter(|_| protocol.has_ports());
    let has_header = protocol.has_ports() || protocol == icmp;
    let mut cut = packet;
    cut.cut_ports = ports;
    match packet.malformed {
        None if later => vec![packet],
        None => vec![with],
        Some(Malformed::BadTransport) if later => vec![],
        Some(Malformed::BadTransport) if has_header => vec![with],
        Some(Malformed::BadTransport) if protocol == Protocol::GRE => vec![packet],
        Some(Malformed::ShortTransport) if later && !v4 => vec![packet],
        Some(Malformed::ShortTransport) if later => vec![],
        Some(Malformed::ShortTransport) if protocol.has_ports() && v4 => vec![cut],
        Some(Malformed::ShortTransport) if protocol.has_ports() => vec![cut, packet],
        Some(Malformed::ShortTransport) if !v4 => vec![packet],
        Some(Malformed::ShortTransport) if protocol.0 == 1 || protocol.0 == 47 => vec![packet],
        Some(Malformed::ShortPorts) if protocol.has_ports() && !later => vec![packet],
        Some(Malformed::TinyFragment) if later && v4 && protocol == Protocol::TCP => vec![packet],
        Some(Malformed::ExtensionHeaders) if !v4 => vec![packet],
        _ => vec![],
    }
}

/// The packet with each value of a field that counts.
fn variants(rules: &RuleSet, field: Asked, (packet, tracked): Judged) -> Vec<Judged> {
    let with = |change: &dyn Fn(&mut Packet)| {
        let mut changed = packet;
        change(&mut changed);
        (changed, tracked)
    };
    let ports = |set: fn(&mut Ports, u16)| match packet.ports {
        None => vec![(packet, tracked)],
        Some(ports) => [19, 20, 21, 23, 24]
            .iter()
            .map(|port| {
                let mut ports = ports;
                set(&mut ports, *port);
                with(&|p| p.ports = Some(ports))
            })
            .collect(),
    };
    match field {
        Asked::Src => {
            [0, 1, 2, 3, 4, 9].map(|n| with(&|p| p.addrs = address(p.addrs, n, true))).to_vec()
        }
        Asked::Dst => {
            [0, 1, 2, 3, 4, 9].map(|n| with(&|p| p.addrs = address(p.addrs, n, false))).to_vec()
        }
        Asked::SrcPort => ports(|ports, port| ports.src = port),
        Asked::DstPort => ports(|ports, port| ports.dst = port),
        Asked::Icmp if packet.icmp_message().is_some() => {
            [(3, 0), (3, 1), (3, 2), (8, 0), (8, 1), (9, 0)]
                .map(|(a, b)| with(&|p| p.transport = Transport::Icmp(IcmpMessage::new(a, b))))
                .to_vec()
        }
        Asked::Flags if packet.tcp_segment().is_some() => (0..4)
            .map(|bits| with(&|p| p.transport = Transport::Tcp(TcpSegment::new(TcpFlags(bits)))))
            .collect(),
        Asked::Icmp | Asked::Flags => vec![(packet, tracked)],
        Asked::Interfaces => {
            let ids = ["a", "b", "ab", "c"].map(|name| rules.interface(name));
            let [a, b, ab, c] = ids;
            pairs([a, b, ab, c, None])
                .map(|(a, b)| with(&|p| (p.in_interface, p.out_interface) = (a, b)))
                .collect()
        }
        Asked::State => match tracked {
            None => states(packet),
            // The direction has come before.
            Some(_) => vec![(packet, tracked)],
        },
        Asked::CutPorts => match packet.cut_ports {
            None => vec![(packet, tracked)],
            Some(_) => pairs([19, 20, 21, 23, 24])
                .map(|(src, dst)| with(&|p| p.cut_ports = Some(Ports { src, dst })))
                .collect(),
        },
        Asked::Zone => [0, 1, 2, 3].map(|n| with(&|p| p.zone = n)).to_vec(),
        Asked::Direction => states(packet)
            .into_iter()
            .flat_map(|(packet, tracked)| {
                let all = statuses(tracked.unwrap()).into_iter();
                all.map(move |tracked| (packet, Some(tracked)))
            })
            .collect(),
        Asked::Ttl => [0, 1, 2, 64, 65].map(|n| with(&|p| p.ttl = n)).to_vec(),
        Asked::Dscp => [61, 62, 63].map(|n| with(&|p| p.dscp = n)).to_vec(),
        Asked::Length => [99, 100, 101, 102, 103].map(|n| with(&|p| p.length = n)).to_vec(),
        Asked::Mark => (0..4).map(|n| with(&|p| p.mark = n)).collect(),
        Asked::Vlan => {
            [None, Some(1), Some(4094), Some(4095)].map(|n| with(&|p| p.vlan = n)).to_vec()
        }
        Asked::Predicate => {
            [0, 1, 1 << 63, 1 << 63 | 1].map(|n| with(&|p| p.predicates = n)).to_vec()
        }
    }
}

fn address(addrs: Addrs, n: u8, source: bool) -> Addrs {
    let Addrs::V4 { src, dst } = addrs else { return address_v6(addrs, n, source) };
    let address = Ipv4Addr::new(10, 0, 0, n);
    match source {
        true => Addrs::V4 { src: address, dst },
        false => Addrs::V4 { src, dst: address },
    }
}

fn address_v6(addrs: Addrs, n: u8, source: bool) -> Addrs {
    let Addrs::V6 { src, dst } = addrs else { return addrs };
    let address = Ipv6Addr::from_bits(n.into());
    match source {
        true => Addrs::V6 { src: address, dst },
        false => Addrs::V6 { src, dst: address },
    }
}

fn pairs<T: Copy, const N: usize>(of: [T; N]) -> impl Iterator<Item = (T, T)> {
    of.into_iter().flat_map(move |a| of.into_iter().map(move |b| (a, b)))
}

/// The packet at every place in a connection.
fn states(packet: Packet) -> Vec<Judged> {
    let ways = |state: ConnState| match state {
        ConnState::Invalid | ConnState::Untracked => vec![None],
        _ => vec![Some(Direction::Original), Some(Direction::Reply)],
    };
    let places = ConnState::ALL.into_iter();
    let places = places.flat_map(|state| ways(state).into_iter().map(move |way| (state, way)));
    places.map(|(state, way)| (packet, Some(Tracked::new(state, way)))).collect()
}

/// The place with every set of flags that counts.
fn statuses(tracked: Tracked) -> Vec<Tracked> {
    if tracked.direction.is_none() {
        return vec![tracked];
    }
    let flags = [(false, false), (false, true), (true, false), (true, true)];
    let status = |(a, b)| ConnStatus::new().with(ConnFlag::Replied, a).with(ConnFlag::Assured, b);
    flags.into_iter().map(|set| tracked.with_status(status(set))).collect()
}

/// The rules that a packet gets to and matches, by definition.
pub(super) fn matched(rules: &RuleSet, (packet, tracked): &Judged) -> Vec<portcullis::RuleId> {
    use portcullis::analysis::{Explanation, Outcome};
    let steps = Explanation::new(rules, packet, *tracked).steps;
    let matched = steps.into_iter().filter(|step| !matches!(step.outcome, Outcome::Failed(_)));
    matched.map(|step| step.rule).collect()
}

/// The packets of which a rule's criteria hold, whatever their mark: those that may match it.
pub(super) struct Candidates<'r> {
    rules: &'r RuleSet,
    alone: RuleSet,
}

impl<'r> Candidates<'r> {
    pub(super) fn new(rules: &'r RuleSet, rule: portcullis::RuleId) -> Self {
        let mut alone = RuleSet::new(Action::Drop);
        let mut only = Rule::accept();
        only.criteria = rules.rule(rule).unwrap().criteria.clone();
        only.criteria.mark = AnyOf::any();
        alone.push(only);
        Self { rules, alone }
    }

    pub(super) fn has(&self, (packet, tracked): &Judged) -> bool {
        let packet = renumbered(self.rules, &self.alone, packet);
        self.alone.first_match(&packet, *tracked).rule.is_some()
    }
}

/// The packet with its interfaces as another rule set numbers them.
pub(super) fn renumbered(from: &RuleSet, to: &RuleSet, packet: &Packet) -> Packet {
    let number = |id| from.interface_name(id).and_then(|name| to.interface(name.as_str()));
    let mut packet = *packet;
    packet.in_interface = packet.in_interface.and_then(number);
    packet.out_interface = packet.out_interface.and_then(number);
    packet
}
