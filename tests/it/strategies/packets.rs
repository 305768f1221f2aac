use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use portcullis::packet::{
    ConnFlag, ConnStatus, Family, IcmpMessage, InterfaceId, Malformed, TcpFlags, TcpSegment,
    Transport,
};
use portcullis::rule::{AnyOf, IpRange, Masked, Span};
use portcullis::{
    Addrs, ConnState, Criteria, Direction, Fragment, Packet, Ports, Protocol, RuleSet, Tracked,
};

use super::vocabulary::INTERFACES;
use super::{Rng, Shape};

/// Packets whose fields lie mostly at the first and last values that some rule names, or next to
/// them. Most are made to go with one rule in every field and then changed in a few.
pub(crate) fn packets(rng: &mut Rng, rules: &RuleSet, shape: &Shape) -> Vec<Packet> {
    let all: Vec<&Criteria> =
        rules.chains().iter().flat_map(|chain| chain.rules()).map(|rule| &rule.criteria).collect();
    let ids = INTERFACES.map(|name| rules.interface(name));
    let mut make = || Maker { rng: &mut *rng, all: &all, ids: &ids }.packet(shape.odd);
    (0..shape.packets).map(|_| make()).collect()
}

/// A packet's place in its connection, or none.
pub(crate) fn tracked(rng: &mut Rng) -> Option<Tracked> {
    let state = rng.try_pick(&ConnState::ALL).filter(|_| rng.percent(90))?;
    let belongs = !matches!(state, ConnState::Invalid | ConnState::Untracked);
    let direction = rng.pick(&[Direction::Original, Direction::Reply]);
    let bits = if belongs { rng.number() } else { 0 };
    let status = ConnFlag::ALL
        .into_iter()
        .fold(ConnStatus::new(), |status, flag| status.with(flag, bits & flag as u64 != 0));
    Some(Tracked::new(state, belongs.then_some(direction)).with_status(status))
}

struct Maker<'m> {
    rng: &'m mut Rng,
    all: &'m [&'m Criteria],
    ids: &'m [Option<InterfaceId>],
}

impl Maker<'_> {
    fn packet(&mut self, odd: bool) -> Packet {
        let stay = self.rng.pick(&[0, 60, 90, 100]);
        let aim = self.rng.pick(self.all);
        let family = self.family(aim);
        // Each field follows the rule aimed at, or another one.
        let near: [&Criteria; 14] = std::array::from_fn(|_| match self.rng.percent(stay) {
            true => aim,
            false => self.rng.pick(self.all),
        });
        let mut near = near.into_iter();
        let mut at = || near.next().unwrap_or(aim);
        let (src, dst) = (at(), at());
        let addrs = self.addrs(family, &src.src, &dst.dst);
        let protocol = at();
        let protocol = self.protocol(family, aim, protocol);
        let mut packet = Packet::new(addrs, protocol);
        packet.ports = protocol.has_ports().then(|| Ports {
            src: self.number(&at().src_port, u16::MAX, |n| n.into(), |n| n as u16),
            dst: self.number(&at().dst_port, u16::MAX, |n| n.into(), |n| n as u16),
        });
        packet.transport = self.transport(protocol, at());
        packet.dscp = self.number(&at().dscp, 63, |n| n.into(), |n| n as u8);
        packet.zone = self.number(&at().zone, u16::MAX, |n| n.into(), |n| n as u16);
        packet.ttl = self.number(&at().ttl, 255, |n| n.into(), |n| n as u8);
        packet.length = self.number(&at().length, u32::MAX, |n| n.into(), |n| n as u32);
        let vlan = at();
        packet.vlan =
            self.rng.percent(60).then(|| self.number(&vlan.vlan, 4095, |n| n.into(), |n| n as u16));
        packet.mark = self.mark(&at().mark);
        packet.predicates = self.predicates(at());
        packet.in_interface = self.interface();
        packet.out_interface = self.interface();
        self.damage(&mut packet, at());
        if odd && self.rng.percent(5) {
            self.contradict(&mut packet);
        }
        packet
    }

    fn family(&mut self, aim: &Criteria) -> Family {
        let named = aim.src.items().iter().chain(aim.dst.items()).map(IpRange::family).next();
        let guess = self.rng.pick(&[Family::V4, Family::V4, Family::V6]);
        aim.family.or(named).filter(|_| self.rng.percent(95)).unwrap_or(guess)
    }

    fn addrs(&mut self, family: Family, src: &AnyOf<IpRange>, dst: &AnyOf<IpRange>) -> Addrs {
        let (src, dst) = (self.address(family, src), self.address(family, dst));
        match family {
            Family::V4 => Addrs::V4 {
                src: Ipv4Addr::from_bits(src as u32),
                dst: Ipv4Addr::from_bits(dst as u32),
            },
            Family::V6 => {
                Addrs::V6 { src: Ipv6Addr::from_bits(src), dst: Ipv6Addr::from_bits(dst) }
            }
        }
    }

    fn address(&mut self, family: Family, asked: &AnyOf<IpRange>) -> u128 {
        let width = if family == Family::V4 { u32::MAX.into() } else { u128::MAX };
        let of_family = |range: &&IpRange| range.family() == family;
        let count = asked.items().iter().filter(of_family).count();
        let chosen = self.rng.below(count);
        match asked.items().iter().filter(of_family).nth(chosen) {
            Some(range) => self.corner(bits(range.first()), bits(range.last()), width),
            None => self.rng.wide() & width,
        }
    }

    fn protocol(&mut self, family: Family, aim: &Criteria, other: &Criteria) -> Protocol {
        let implied = match aim {
            _ if self.rng.percent(10) => None,
            _ if !aim.icmp.is_any() => Some(Protocol::ICMP),
            _ if !aim.icmpv6.is_any() => Some(Protocol::ICMPV6),
            _ if !aim.tcp_flags.is_any() => Some(Protocol::TCP),
            _ => None,
        };
        let icmp = if family == Family::V4 { Protocol::ICMP } else { Protocol::ICMPV6 };
        let usual = [Protocol::TCP, Protocol::TCP, Protocol::UDP, icmp];
        let any = Protocol(self.rng.number() as u8);
        let random = if self.rng.percent(10) { any } else { self.rng.pick(&usual) };
        let named = self.rng.try_pick(other.protocol.items()).filter(|_| self.rng.percent(80));
        implied.or(named).unwrap_or(random)
    }

    fn transport(&mut self, protocol: Protocol, near: &Criteria) -> Transport {
        match protocol {
            Protocol::TCP => Transport::Tcp(TcpSegment::new(self.flags(near))),
            Protocol::ICMP => Transport::Icmp(self.icmp(&near.icmp)),
            Protocol::ICMPV6 => Transport::Icmp(self.icmp(&near.icmpv6)),
            _ => Transport::None,
        }
    }

    fn flags(&mut self, near: &Criteria) -> TcpFlags {
        let random = self.rng.number() as u8;
        let Some(asked) = self.rng.try_pick(near.tcp_flags.items()) else {
            return TcpFlags(self.rng.pick(&[0x02, 0x12, 0x10, 0x04, 0x11, random]));
        };
        let flipped = if self.rng.percent(30) { 1 << self.rng.below(8) } else { 0 };
        TcpFlags((asked.set().0 | random & !asked.mask().0) ^ flipped)
    }

    fn icmp(&mut self, near: &AnyOf<portcullis::rule::IcmpKind>) -> IcmpMessage {
        match self.rng.try_pick(near.items()) {
            Some(kind) => {
                let (first, last) = (kind.codes().first().into(), kind.codes().last().into());
                let near = if self.rng.percent(10) { 1 } else { 0 };
                let code = self.corner(first, last, 255) as u8;
                IcmpMessage::new(kind.icmp_type().wrapping_add(near), code)
            }
            None => IcmpMessage::new(self.rng.pick(&[0, 3, 8, 128]), self.rng.pick(&[0, 1, 4])),
        }
    }

    fn mark(&mut self, near: &AnyOf<Masked>) -> u32 {
        let random = self.rng.pick(&[0, 0, 1, u32::MAX, self.rng.clone().number() as u32]);
        match self.rng.try_pick(near.items()) {
            Some(asked) if self.rng.percent(30) => asked.value() ^ 1 << self.rng.below(32),
            Some(asked) => asked.value() | random & !asked.mask(),
            None => random,
        }
    }

    fn predicates(&mut self, near: &Criteria) -> u64 {
        let bit = self.rng.try_pick(near.predicate.items());
        let set = bit.map_or(0, |bit| 1u64.checked_shl(bit.into()).unwrap_or(0));
        match self.rng.below(4) {
            0 => 0,
            1 => !set,
            2 => self.rng.number(),
            _ => set,
        }
    }

    fn interface(&mut self) -> Option<InterfaceId> {
        self.rng.pick(self.ids)
    }

    /// Makes a fragment of the packet, or cuts its headers short, taking away what is then not
    /// there.
    fn damage(&mut self, packet: &mut Packet, near: &Criteria) {
        let asked = self.rng.try_pick(near.fragment.items()).filter(|_| self.rng.percent(70));
        let random = self.rng.pick(&[Fragment::First, Fragment::Later]);
        let whole = if self.rng.percent(15) { random } else { Fragment::Whole };
        packet.fragment = asked.unwrap_or(whole);
        let fault = self.rng.try_pick(near.malformed.items()).filter(|_| self.rng.percent(70));
        let random = self.rng.pick(&Malformed::ALL);
        packet.malformed = fault.or_else(|| self.rng.percent(8).then_some(random));
        if packet.malformed == Some(Malformed::ShortTransport) {
            packet.cut_ports = packet.ports.map(|_| Ports {
                src: self.number(&near.cut_src_port, u16::MAX, |n| n.into(), |n| n as u16),
                dst: self.number(&near.cut_dst_port, u16::MAX, |n| n.into(), |n| n as u16),
            });
        }
        let lost = packet.malformed.is_some_and(|why| why != Malformed::BadTransport);
        if lost || packet.fragment == Fragment::Later {
            packet.ports = None;
            packet.transport = Transport::None;
        }
    }

    fn contradict(&mut self, packet: &mut Packet) {
        match self.rng.below(6) {
            0 => packet.ports = Some(Ports { src: self.rng.number() as u16, dst: 22 }),
            1 => packet.ports = None,
            2 => packet.transport = Transport::Tcp(TcpSegment::new(TcpFlags::SYN)),
            3 => packet.transport = Transport::Icmp(IcmpMessage::new(8, 0)),
            4 => packet.protocol = Protocol(self.rng.number() as u8),
            _ => {
                packet.dscp = self.rng.number() as u8;
                packet.vlan = Some(self.rng.number() as u16);
            }
        }
    }

    fn number<N: Copy + PartialOrd>(
        &mut self,
        near: &AnyOf<Span<N>>,
        max: N,
        widen: fn(N) -> u128,
        narrow: fn(u128) -> N,
    ) -> N {
        narrow(match self.rng.try_pick(near.items()) {
            Some(span) => self.corner(widen(span.first()), widen(span.last()), widen(max)),
            None => self.rng.wide() % (widen(max) + 1),
        })
    }

    /// The first or the last number, something between, or a number next to either, round the
    /// ends of the field.
    fn corner(&mut self, first: u128, last: u128, max: u128) -> u128 {
        let next = match self.rng.below(12) {
            0 => first.wrapping_sub(1),
            1 => last.wrapping_add(1),
            2 => first.saturating_add(1),
            3 => last.saturating_sub(1),
            4 => first + self.rng.wide().checked_rem(last - first).unwrap_or(0),
            5 => self.rng.wide(),
            6..=8 => first,
            _ => last,
        };
        next & max
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}
