//! Rule sets of few distinct values, so that rules overlap, and packets at their boundaries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arbitrary::{Arbitrary, Result, Unstructured};
use portcullis::packet::{
    ConnFlag, Family, IcmpMessage, InterfaceId, Malformed, TcpFlags, TcpSegment, Transport,
};
use portcullis::rule::{
    AnyOf, Effect, FlagsMatch, IcmpKind, InterfaceName, IpRange, Masked, OriginalCriteria,
    PortRange, Span,
};
use portcullis::{
    Action, Addrs, ChainId, ConnState, Criteria, Direction, Fragment, Packet, Ports, Protocol,
    Reject, Rule, RuleSet, Target,
};

const MAX_CHAINS: usize = 4;
const MAX_RULES: usize = 40;
const MAX_PACKETS: usize = 40;

const INTERFACES: [&str; 5] = ["eth0", "eth1", "eth*", "wg0", "*"];
const PROTOCOLS: [u8; 8] = [6, 17, 1, 58, 132, 47, 0, 255];
const PORTS: [u16; 10] = [0, 1, 22, 53, 80, 443, 1023, 1024, 8080, 65535];
const FLAGS: [u8; 6] = [0x00, 0x02, 0x12, 0x10, 0x17, 0xff];
const NUMBERS: [u32; 8] = [0, 1, 20, 46, 63, 576, 1500, u32::MAX];

/// A rule set, chains and all. Most compile; a few ask for a state, jump in circles, or number a
/// predicate too high.
pub fn rule_set(input: &mut Unstructured) -> Result<RuleSet> {
    let mut rules = RuleSet::new(action(input)?);
    let mut chains = vec![ChainId::BASE];
    for _ in 0..input.int_in_range(0..=MAX_CHAINS)? {
        chains.push(rules.add_chain("chain"));
    }
    for _ in 0..input.int_in_range(0..=MAX_RULES)? {
        let at = input.choose_index(chains.len())?;
        let mut rule = Rule::new(target(input, &chains, at)?);
        rule.criteria = criteria(input)?;
        rules.push_to(chains[at], rule);
    }
    Ok(rules)
}

/// Packets whose fields are mostly the first and last values that some rule allows, and those
/// next to them.
pub fn packets(input: &mut Unstructured, rules: &RuleSet) -> Result<Vec<Packet>> {
    let edges = Edges::of(rules);
    let ids = interface_ids();
    (0..input.int_in_range(1..=MAX_PACKETS)?).map(|_| packet(input, &edges, &ids)).collect()
}

fn action(input: &mut Unstructured) -> Result<Action> {
    input.choose(&[Action::Accept, Action::Drop, Action::Reject(Reject::TcpReset)]).copied()
}

fn target(input: &mut Unstructured, chains: &[ChainId], at: usize) -> Result<Target> {
    let later = &chains[at + 1..];
    Ok(match input.int_in_range(0..=31u8)? {
        0..=4 if !later.is_empty() => Target::Jump(*input.choose(later)?),
        5..=8 if !later.is_empty() => Target::Goto(*input.choose(later)?),
        9..=11 => Target::Return,
        12..=15 => Target::Continue(effect(input)?),
        16 if input.ratio(1, 16)? => Target::Jump(*input.choose(chains)?),
        16 => Target::Staged(action(input)?),
        _ => Target::Action(action(input)?),
    })
}

fn effect(input: &mut Unstructured) -> Result<Effect> {
    Ok(match input.int_in_range(0..=6u8)? {
        0 => Effect::Count,
        1 => Effect::Log,
        2 => Effect::NoTrack,
        3 => Effect::Zone(zone(input)?),
        4 => Effect::Spend(*input.choose(&[0, 63])?),
        _ => Effect::Mark(masked(input)?),
    })
}

/// The five-tuple is asked for often, of the other fields two at most.
fn criteria(input: &mut Unstructured) -> Result<Criteria> {
    let mut asked = Criteria::default();
    let v6 = input.arbitrary()?;
    asked.src = often(input, |input| ip_range(input, v6))?;
    asked.dst = often(input, |input| ip_range(input, v6))?;
    asked.protocol = often(input, protocol)?;
    asked.src_port = often(input, port_range)?;
    asked.dst_port = often(input, port_range)?;
    for _ in 0..input.int_in_range(0..=2)? {
        other_criterion(input, &mut asked)?;
    }
    Ok(asked)
}

fn other_criterion(input: &mut Unstructured, asked: &mut Criteria) -> Result<()> {
    match input.int_in_range(0..=21u8)? {
        0 => asked.family = Some(*input.choose(&[Family::V4, Family::V6])?),
        1 => asked.icmp = some(input, icmp_kind)?,
        2 => asked.icmpv6 = some(input, icmp_kind)?,
        3 | 4 => asked.tcp_flags = some(input, flags)?,
        5 => asked.fragment = some(input, fragment)?,
        6 => asked.malformed = some(input, malformed)?,
        7 => asked.in_interface = some(input, interface)?,
        8 => asked.out_interface = some(input, interface)?,
        9 => asked.dscp = some(input, |input| Ok(span(input.arbitrary()?, input.arbitrary()?)))?,
        10 => asked.length = some(input, |input| Ok(span(number(input)?, number(input)?)))?,
        11 | 12 => asked.mark = some(input, masked)?,
        13 => asked.vlan = some(input, |input| Ok(span(vlan(input)?, vlan(input)?)))?,
        14 => asked.predicate = some(input, predicate)?,
        15 => asked.cut_src_port = some(input, port_range)?,
        16 => asked.cut_dst_port = some(input, port_range)?,
        17 => asked.ttl = some(input, |input| Ok(span(input.arbitrary()?, input.arbitrary()?)))?,
        18 => asked.zone = some(input, |input| Ok(span(zone(input)?, zone(input)?)))?,
        _ if input.ratio(1, 16)? => connection(input, asked)?,
        _ => {}
    }
    Ok(())
}

fn connection(input: &mut Unstructured, asked: &mut Criteria) -> Result<()> {
    match input.int_in_range(0..=3u8)? {
        0 => asked.state = AnyOf::from(ConnState::New),
        1 => asked.direction = AnyOf::from(Direction::Reply),
        2 => asked.status = some(input, |input| input.choose(&ConnFlag::ALL).copied())?,
        _ => {
            let v6 = input.arbitrary()?;
            let mut original = OriginalCriteria::default();
            original.src = often(input, |input| ip_range(input, v6))?;
            original.dst_port = often(input, port_range)?;
            original.protocol = often(input, protocol)?;
            asked.original = (!original.is_any()).then(|| Box::new(original));
        }
    }
    Ok(())
}

fn often<T>(
    input: &mut Unstructured,
    item: impl Fn(&mut Unstructured) -> Result<T>,
) -> Result<AnyOf<T>> {
    if input.arbitrary()? { Ok(AnyOf::any()) } else { some(input, item) }
}

/// One alternative mostly; sometimes up to three, none at all, or a negation.
fn some<T>(
    input: &mut Unstructured,
    item: impl Fn(&mut Unstructured) -> Result<T>,
) -> Result<AnyOf<T>> {
    let (count, negated) = match input.int_in_range(0..=7u8)? {
        0..=4 => (1, false),
        5 => (1, true),
        kind => (input.int_in_range(0..=3)?, kind == 7),
    };
    let items: Vec<T> = (0..count).map(|_| item(input)).collect::<Result<_>>()?;
    Ok(if negated { AnyOf::none_of(items) } else { AnyOf::one_of(items) })
}

fn span<N: Ord + Copy>(a: N, b: N) -> Span<N> {
    Span::from(a..=b)
}

fn protocol(input: &mut Unstructured) -> Result<Protocol> {
    input.choose(&PROTOCOLS).copied().map(Protocol)
}

fn port(input: &mut Unstructured) -> Result<u16> {
    if input.ratio(1, 8)? { input.arbitrary() } else { input.choose(&PORTS).copied() }
}

fn port_range(input: &mut Unstructured) -> Result<PortRange> {
    let first = port(input)?;
    Ok(if input.arbitrary()? { first.into() } else { span(first, port(input)?) })
}

fn number(input: &mut Unstructured) -> Result<u32> {
    input.choose(&NUMBERS).copied()
}

fn zone(input: &mut Unstructured) -> Result<u16> {
    input.choose(&[0, 1, 7, u16::MAX]).copied()
}

fn vlan(input: &mut Unstructured) -> Result<u16> {
    input.choose(&[0, 1, 100, 4095]).copied()
}

fn masked(input: &mut Unstructured) -> Result<Masked> {
    let mask = input.choose(&[0, 0x1, 0xff, 0xff00, u32::MAX]).copied()?;
    Ok(Masked::new(*input.choose(&[0, 0x1, 0x2, 0x101])?, mask))
}

fn predicate(input: &mut Unstructured) -> Result<u8> {
    Ok(if input.ratio(1, 64)? { 64 } else { *input.choose(&[0, 1, 31, 63])? })
}

fn icmp_kind(input: &mut Unstructured) -> Result<IcmpKind> {
    let icmp_type = *input.choose(&[0u8, 3, 8, 128])?;
    Ok(match input.arbitrary()? {
        true => icmp_type.into(),
        false => IcmpKind::new(icmp_type, span(input.int_in_range(0..=4)?, 2u8)),
    })
}

fn flags(input: &mut Unstructured) -> Result<FlagsMatch> {
    let set = TcpFlags(*input.choose(&FLAGS)?);
    Ok(FlagsMatch::new(set, TcpFlags(*input.choose(&FLAGS)?)))
}

fn malformed(input: &mut Unstructured) -> Result<Malformed> {
    input.choose(&Malformed::ALL).copied()
}

fn fragment(input: &mut Unstructured) -> Result<Fragment> {
    input.choose(&[Fragment::Whole, Fragment::First, Fragment::Later]).copied()
}

fn interface(input: &mut Unstructured) -> Result<InterfaceName> {
    input.choose(&INTERFACES).map(|name| (*name).into())
}

/// A prefix around one of two addresses that share their upper bits, or a range from one prefix
/// to another.
fn ip_range(input: &mut Unstructured, v6: bool) -> Result<IpRange> {
    let (first, last) = prefix(input, v6)?;
    if input.ratio(3, 4)? {
        return Ok(range(first, last, v6));
    }
    let (other_first, other_last) = prefix(input, v6)?;
    Ok(range(first.min(other_first), last.max(other_last), v6))
}

fn prefix(input: &mut Unstructured, v6: bool) -> Result<(u128, u128)> {
    let lengths: &[u32] = if v6 {
        &[0, 3, 32, 48, 63, 64, 65, 96, 127, 128]
    } else {
        &[0, 8, 15, 16, 24, 30, 31, 32]
    };
    let addresses: [u128; 3] = match v6 {
        true => [0x2001_0db8_0001_0002_0003_0004_0005_0006, 0x2001_0db8_0001_0003 << 64, u128::MAX],
        false => [0x0a01_0203, 0x0a01_8000, u128::from(u32::MAX)],
    };
    let width = if v6 { 128 } else { 32 };
    let host_bits = width - *input.choose(lengths)?;
    let host = if host_bits == 128 { u128::MAX } else { (1 << host_bits) - 1 };
    let address = *input.choose(&addresses)?;
    Ok((address & !host, address | host))
}

fn range(first: u128, last: u128, v6: bool) -> IpRange {
    IpRange::new(address(first, v6), address(last, v6)).expect("in order, of one family")
}

fn address(bits: u128, v6: bool) -> IpAddr {
    match v6 {
        true => Ipv6Addr::from_bits(bits).into(),
        false => Ipv4Addr::from_bits(bits as u32).into(),
    }
}

/// The values at which rules begin and end to match.
struct Edges {
    v4: Vec<Ipv4Addr>,
    v6: Vec<Ipv6Addr>,
    ports: Vec<u16>,
}

impl Edges {
    fn of(rules: &RuleSet) -> Self {
        let mut edges = Self {
            v4: vec![Ipv4Addr::UNSPECIFIED],
            v6: vec![Ipv6Addr::UNSPECIFIED],
            ports: PORTS.to_vec(),
        };
        for rule in rules.chains().iter().flat_map(|chain| chain.rules()) {
            let asked = &rule.criteria;
            asked.src.items().iter().chain(asked.dst.items()).for_each(|range| edges.add(range));
            for ports in asked.src_port.items().iter().chain(asked.dst_port.items()) {
                let (first, last) = (ports.first(), ports.last());
                edges.ports.extend([first, last, first.wrapping_sub(1), last.wrapping_add(1)]);
            }
        }
        edges
    }

    fn add(&mut self, range: &IpRange) {
        match (range.first(), range.last()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                let (a, b) = (first.to_bits(), last.to_bits());
                let around = [a, b, a.wrapping_sub(1), b.wrapping_add(1)];
                self.v4.extend(around.map(Ipv4Addr::from_bits));
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                let (a, b) = (first.to_bits(), last.to_bits());
                let around = [a, b, a.wrapping_sub(1), b.wrapping_add(1)];
                self.v6.extend(around.map(Ipv6Addr::from_bits));
            }
            _ => unreachable!("a range has one family"),
        }
    }
}

/// Interface numbers, also ones that the rule set under test has no name for.
fn interface_ids() -> Vec<InterfaceId> {
    let mut names = RuleSet::new(Action::Drop);
    names.push(Rule::drop().in_interface(INTERFACES));
    INTERFACES.iter().filter_map(|name| names.interface(name)).collect()
}

fn packet(input: &mut Unstructured, edges: &Edges, ids: &[InterfaceId]) -> Result<Packet> {
    let mut packet = Packet::new(addrs(input, edges)?, protocol(input)?);
    if input.ratio(7, 8)? {
        packet.ports =
            Some(Ports { src: *input.choose(&edges.ports)?, dst: *input.choose(&edges.ports)? });
    }
    packet.transport = transport(input)?;
    packet.fragment = fragment(input)?;
    packet.malformed = maybe(input, malformed)?;
    packet.cut_ports = maybe(input, |input| {
        Ok(Ports { src: *input.choose(&edges.ports)?, dst: *input.choose(&edges.ports)? })
    })?;
    packet.ttl = input.arbitrary()?;
    packet.zone = zone(input)?;
    packet.dscp = input.int_in_range(0..=63)?;
    packet.length = number(input)?;
    packet.vlan = maybe(input, vlan)?;
    packet.in_interface = maybe(input, |input| input.choose(ids).copied())?;
    packet.out_interface = maybe(input, |input| input.choose(ids).copied())?;
    packet.mark = *input.choose(&[0, 1, 2, 0x101, u32::MAX])?;
    packet.predicates = u64::arbitrary(input)?;
    Ok(packet)
}

fn addrs(input: &mut Unstructured, edges: &Edges) -> Result<Addrs> {
    Ok(match input.arbitrary()? {
        true => Addrs::V6 { src: *input.choose(&edges.v6)?, dst: *input.choose(&edges.v6)? },
        false => Addrs::V4 { src: *input.choose(&edges.v4)?, dst: *input.choose(&edges.v4)? },
    })
}

fn transport(input: &mut Unstructured) -> Result<Transport> {
    Ok(match input.int_in_range(0..=3u8)? {
        0 => Transport::None,
        1 => {
            let icmp_type = *input.choose(&[0, 3, 8, 128])?;
            Transport::Icmp(IcmpMessage::new(icmp_type, input.int_in_range(0..=5)?))
        }
        _ => Transport::Tcp(TcpSegment::new(TcpFlags(*input.choose(&FLAGS)?))),
    })
}

fn maybe<T>(
    input: &mut Unstructured,
    value: impl Fn(&mut Unstructured) -> Result<T>,
) -> Result<Option<T>> {
    Ok(if input.arbitrary()? { Some(value(input)?) } else { None })
}
