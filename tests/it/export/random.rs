//! Random rule sets, most of whose rules can be said elsewhere, and packets that there can be.

use portcullis::packet::{Family, IcmpMessage, Malformed, TcpFlags, TcpSegment, Transport};
use portcullis::rule::{AnyOf, Effect, FlagsMatch, InterfaceName, IpRange};
use portcullis::{
    Action, ChainId, Fragment, Packet, Ports, Protocol, Reject, Rule, RuleSet, Target, Tracked,
};

use crate::strategies::{self, Rng, Shape};

const NAMES: [&str; 6] = ["eth0", "eth1", "wg0", "eth77", "lo", "wlan0"];

/// A packet, and the names of the interfaces that it comes and goes by.
pub(super) struct Sent {
    pub(super) packet: Packet,
    pub(super) names: [Option<&'static str>; 2],
}

/// A rule set of which `wild` percent of the rules may ask for anything; others ask for ports of
/// protocols that they name, if `named`.
pub(super) fn rules(rng: &mut Rng, wild: usize, named: bool) -> RuleSet {
    let size = rng.pick(&[3, 8, 25]);
    let shape = Shape { rules: size, chains: 3, states: true, sets: true, ..Shape::STATEFUL };
    let all = strategies::rule_set(rng, &shape);
    let default = match all.default_action() {
        Action::Reject(_) => Action::Reject(Reject::PortUnreachable),
        other => *other,
    };
    let mut tamed = RuleSet::new(default);
    tamed.set_sets(all.sets().clone());
    for (index, chain) in all.chains().iter().enumerate() {
        let id = if index == 0 { ChainId::BASE } else { tamed.add_chain(chain.name()) };
        for rule in chain.rules() {
            let mut rule = if rng.percent(wild) { rule.clone() } else { tame(rng, rule.clone()) };
            let unnamed = rule.criteria.protocol.is_any() || rule.criteria.protocol.is_negated();
            if named && unnamed && asks_ports(&rule) {
                rule.criteria.protocol = [Protocol::TCP, Protocol::UDP].into();
            }
            tamed.push_to(id, rule);
        }
    }
    tamed
}

fn asks_ports(rule: &Rule) -> bool {
    let criteria = &rule.criteria;
    let sets = criteria.sets.as_ref();
    let by_set = sets.is_some_and(|sets| !sets.src_port.is_any() || !sets.dst_port.is_any());
    by_set || !criteria.src_port.is_any() || !criteria.dst_port.is_any()
}

/// A rule without what no form, or one of them, can say.
fn tame(rng: &mut Rng, mut rule: Rule) -> Rule {
    let criteria = &mut rule.criteria;
    criteria.vlan = AnyOf::any();
    criteria.zone = AnyOf::any();
    criteria.predicate = AnyOf::any();
    criteria.malformed = AnyOf::any();
    criteria.cut_src_port = AnyOf::any();
    criteria.cut_dst_port = AnyOf::any();
    let kept = |asked: &AnyOf<InterfaceName>| {
        let items = asked.items().iter().filter(|name| name.as_str() != "*").cloned();
        let items: Vec<_> = items.collect();
        match (items.is_empty(), asked.is_negated()) {
            (true, _) => AnyOf::any(),
            (false, true) => AnyOf::none_of(items),
            (false, false) => AnyOf::one_of(items),
        }
    };
    criteria.in_interface = kept(&criteria.in_interface);
    criteria.out_interface = kept(&criteria.out_interface);
    if let Some(mut sets) = criteria.sets.take() {
        sets.src_endpoint = AnyOf::any();
        sets.dst_endpoint = AnyOf::any();
        sets.in_interface = AnyOf::any();
        sets.out_interface = AnyOf::any();
        criteria.sets = (!sets.is_any()).then_some(sets);
    }
    if criteria.fragment.items().iter().any(|it| *it != Fragment::Later) {
        criteria.fragment = AnyOf::any();
    }
    if criteria.fragment != AnyOf::any() {
        criteria.family = Some(Family::V4);
    }
    let low = |flags: &FlagsMatch| FlagsMatch::new(flags.set(), TcpFlags(flags.mask().0 & 0x3f));
    if !criteria.tcp_flags.is_any() {
        let items: Vec<_> = criteria.tcp_flags.items().iter().map(low).collect();
        let negated = criteria.tcp_flags.is_negated();
        criteria.tcp_flags = if negated { AnyOf::none_of(items) } else { AnyOf::one_of(items) };
    }
    for kinds in [&mut criteria.icmp, &mut criteria.icmpv6] {
        if kinds.items().iter().any(|kind| kind.icmp_type() == 255) {
            *kinds = 8.into();
        }
    }
    if criteria.protocol.items().contains(&Protocol(0)) {
        criteria.protocol = Protocol::TCP.into();
    }
    if let Some(original) = &mut criteria.original {
        for asked in [&mut original.src, &mut original.dst] {
            if asked.is_negated() || asked.items().iter().any(|it: &IpRange| it.prefix().is_none())
            {
                *asked = AnyOf::any();
            }
        }
    }
    if criteria.original.as_ref().is_some_and(|original| original.is_any()) {
        criteria.original = None;
    }
    if let Some(original) = &mut criteria.original
        && !(original.src_port.is_any() && original.dst_port.is_any())
    {
        original.protocol = Protocol::TCP.into();
    }
    if criteria.status.items().iter().any(|flag| *flag as u32 >= 16) {
        criteria.status = AnyOf::any();
    }
    if criteria.length.items().iter().any(|span| span.last() > 65535) {
        criteria.length = AnyOf::any();
    }
    match &rule.target {
        Target::Action(Action::Reject(_)) if rng.percent(50) => {
            rule.criteria.protocol = Protocol::TCP.into();
        }
        Target::Action(Action::Reject(_)) => {
            rule.target = Target::Action(Action::Reject(Reject::AdminProhibited));
        }
        Target::Staged(action) => rule.target = Target::Action(*action),
        Target::Continue(Effect::NoTrack | Effect::Zone(_) | Effect::Spend(_)) => {
            rule.target = Target::Continue(Effect::Log);
        }
        _ => {}
    }
    rule
}

/// Packets at the edges of what rules ask, as parsers make them of bytes.
pub(super) fn sent(rng: &mut Rng, rules: &RuleSet, count: usize) -> Vec<(Sent, Option<Tracked>)> {
    let shape = Shape { packets: count, odd: false, ..Shape::STATEFUL };
    let packets = strategies::packets(rng, rules, &shape);
    let each = packets.into_iter().map(|packet| {
        let name = |rng: &mut Rng| rng.percent(80).then(|| rng.pick(&NAMES));
        let names = [name(rng), name(rng)];
        let packet = super::renamed(&possible(rng, packet), names, rules);
        (Sent { packet, names }, strategies::tracked(rng))
    });
    each.collect()
}

/// The packet, made one that there can be.
fn possible(rng: &mut Rng, mut packet: Packet) -> Packet {
    let v4 = super::family(&packet) == Family::V4;
    packet.length = packet.length.clamp(20, 65535);
    packet.ttl = packet.ttl.max(1);
    let protocol = packet.protocol;
    let is_icmp = protocol == if v4 { Protocol::ICMP } else { Protocol::ICMPV6 };
    let fits = match packet.malformed {
        Some(Malformed::ShortTransport) => protocol.has_ports() || is_icmp,
        Some(Malformed::ShortPorts) => protocol.has_ports(),
        Some(Malformed::TinyFragment) => v4 && protocol == Protocol::TCP,
        Some(Malformed::ExtensionHeaders) => !v4,
        Some(Malformed::BadTransport) => protocol.has_ports(),
        None => true,
        _ => false,
    };
    if !fits {
        packet.malformed = None;
    }
    let ports = packet.ports.or(packet.cut_ports).unwrap_or(Ports { src: 1, dst: 22 });
    match packet.malformed {
        Some(Malformed::TinyFragment) => packet.fragment = Fragment::Later,
        Some(Malformed::ExtensionHeaders) => packet.protocol = Protocol(60),
        Some(_) if packet.fragment == Fragment::Later => packet.fragment = Fragment::First,
        _ => {}
    }
    let lost = packet.malformed.is_some_and(|fault| fault != Malformed::BadTransport);
    let whole = !lost && packet.fragment != Fragment::Later;
    packet.ports = (whole && protocol.has_ports()).then_some(ports);
    let cut = packet.malformed == Some(Malformed::ShortTransport) && protocol.has_ports();
    packet.cut_ports = cut.then_some(ports);
    let flags = packet.tcp_segment().map_or(TcpFlags(rng.number() as u8), |segment| segment.flags);
    let message = packet.icmp_message().copied().unwrap_or(IcmpMessage::new(8, 0));
    packet.transport = match protocol {
        _ if !whole => Transport::None,
        Protocol::TCP => Transport::Tcp(TcpSegment::new(flags)),
        _ if is_icmp => Transport::Icmp(message),
        _ => Transport::None,
    };
    packet
}
