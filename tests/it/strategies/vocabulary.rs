use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use portcullis::packet::TcpFlags;
use portcullis::rule::{FlagsMatch, IcmpKind, InterfaceName, IpRange, Masked, PortRange, Span};
use portcullis::{ConnState, Fragment, Protocol};

use super::Rng;

/// The few values that one rule set uses, so that its rules overlap.
pub(crate) struct Vocabulary {
    pub(crate) addresses: Vec<IpRange>,
    pub(crate) ports: Vec<PortRange>,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) icmp: Vec<IcmpKind>,
    pub(crate) flags: Vec<FlagsMatch>,
    pub(crate) fragments: Vec<Fragment>,
    pub(crate) interfaces: Vec<InterfaceName>,
    pub(crate) states: Vec<ConnState>,
    pub(crate) dscps: Vec<Span<u8>>,
    pub(crate) zones: Vec<Span<u16>>,
    pub(crate) ttls: Vec<Span<u8>>,
    pub(crate) lengths: Vec<Span<u32>>,
    pub(crate) marks: Vec<Masked>,
    pub(crate) vlans: Vec<Span<u16>>,
    pub(crate) predicates: Vec<u8>,
}

/// Interfaces of rules, and with the last few of packets only.
pub(crate) const INTERFACES: [&str; 10] =
    ["eth0", "eth1", "eth*", "*", "wg0", "wg*", "e*", "eth", "lo", "eth77"];

/// Rule sets of more rules than this have more values to choose from.
pub(crate) const MANY: usize = 60;

impl Vocabulary {
    /// The values for a rule set of up to `rules` rules.
    pub(crate) fn new(rng: &mut Rng, rules: usize) -> Self {
        let many = 2 + rng.below(if rules > MANY { rules / 6 } else { 6 });
        let near = if rules > MANY { 95 } else { 0 };
        let v6 = rng.pick(&[0, 30, 100]);
        let mut list = |make: fn(&mut Rng) -> _| (0..many).map(|_| make(rng)).collect();
        let ports = list(ports);
        Self {
            ports,
            addresses: (0..many).map(|_| addresses(rng, v6, near)).collect(),
            protocols: vec![Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol::ICMPV6]
                .into_iter()
                .chain([Protocol(rng.pick(&[0, 2, 47, 132, 136, 254, 255]))])
                .collect(),
            icmp: (0..many).map(|_| icmp(rng)).collect(),
            flags: (0..many).map(|_| flags(rng)).collect(),
            fragments: vec![Fragment::Whole, Fragment::First, Fragment::Later],
            interfaces: INTERFACES[..7].iter().map(|name| InterfaceName::from(*name)).collect(),
            states: ConnState::ALL.to_vec(),
            dscps: (0..many).map(|_| dscp(rng)).collect(),
            zones: (0..many).map(|_| zone(rng)).collect(),
            ttls: (0..many).map(|_| ttl(rng)).collect(),
            lengths: (0..many).map(|_| length(rng)).collect(),
            marks: (0..many).map(|_| mark(rng)).collect(),
            vlans: (0..many).map(|_| vlan(rng)).collect(),
            predicates: (0..many).map(|_| rng.pick(&[0, 1, 2, 31, 32, 63])).collect(),
        }
    }
}

/// A few nested and neighbouring prefixes, ranges that are no prefixes, ends of the address space,
/// and something random; `near` percent are prefixes of one small network.
fn addresses(rng: &mut Rng, v6: usize, near: usize) -> IpRange {
    const V4: [(u32, u32); 16] = [
        (0, u32::MAX),
        (0, 0),
        (u32::MAX, u32::MAX),
        (0x0a00_0000, 0x0aff_ffff),
        (0x0a01_0000, 0x0a01_ffff),
        (0x0a01_0200, 0x0a01_02ff),
        (0x0a01_0203, 0x0a01_0203),
        (0x0a01_0202, 0x0a01_0204),
        (0x0a01_02fe, 0x0a01_0301),
        (0x0a01_fffe, 0x0a02_0001),
        (0x0aff_ffff, 0x0b00_0000),
        (0, 0x0a01_0203),
        (0x0a01_0203, u32::MAX),
        (1, u32::MAX - 1),
        (0x0a01_0180, 0x0a05_027f),
        (0x8000_0000, u32::MAX),
    ];
    if rng.percent(v6) {
        return addresses_v6(rng, near);
    }
    let (first, last) = match rng.below(10) {
        _ if rng.percent(near) => {
            let address = 0x0a01_0000 | rng.number() as u32 & 0xfff;
            random_prefix(address, 22 + rng.below(11) as u32)
        }
        0 => random_prefix(rng.number() as u32, rng.below(33) as u32),
        1 => ordered(rng.number() as u32, rng.number() as u32),
        _ => rng.pick(&V4),
    };
    let address = |bits| IpAddr::V4(Ipv4Addr::from_bits(bits));
    IpRange::new(address(first), address(last)).unwrap()
}

fn addresses_v6(rng: &mut Rng, near: usize) -> IpRange {
    const NET: u128 = 0x2001_0db8 << 96;
    const V6: [(u128, u128); 14] = [
        (0, u128::MAX),
        (0, 0),
        (u128::MAX, u128::MAX),
        (NET, NET | ((1 << 96) - 1)),
        (NET, NET | ((1 << 64) - 1)),
        (NET | 1 << 64, NET | 1 << 64 | ((1 << 64) - 1)),
        (NET | 1, NET | 1),
        (NET, NET | 2),
        (NET | 0xffff, NET | 0x1_0000),
        (NET | 0xffff_ffff, NET | 1 << 32),
        (NET | ((1 << 64) - 1), NET | 1 << 64),
        (NET | 5, NET | 7 << 80 | 3),
        (1, u128::MAX - 1),
        (0xffff_0a01_0203, 0xffff_0a01_0203),
    ];
    let (first, last) = match rng.below(10) {
        _ if rng.percent(near) => {
            let address = NET | u128::from(rng.number() & 0xfff) << (16 * rng.below(7));
            random_prefix_v6(address, rng.pick(&[48, 64, 96, 120, 128]))
        }
        0 => random_prefix_v6(rng.wide(), rng.below(129) as u32),
        1 => ordered(rng.wide(), rng.wide()),
        _ => rng.pick(&V6),
    };
    let address = |bits| IpAddr::V6(Ipv6Addr::from_bits(bits));
    IpRange::new(address(first), address(last)).unwrap()
}

fn random_prefix(address: u32, length: u32) -> (u32, u32) {
    let host = u32::MAX.checked_shr(length).unwrap_or(0);
    (address & !host, address | host)
}

fn random_prefix_v6(address: u128, length: u32) -> (u128, u128) {
    let host = u128::MAX.checked_shr(length).unwrap_or(0);
    (address & !host, address | host)
}

fn ordered<T: Ord>(a: T, b: T) -> (T, T) {
    if a <= b { (a, b) } else { (b, a) }
}

fn ports(rng: &mut Rng) -> PortRange {
    const ENDS: [u16; 12] = [0, 1, 22, 23, 80, 443, 1023, 1024, 8000, 8099, 65534, 65535];
    match rng.below(10) {
        0 => (rng.number() as u16..=rng.number() as u16).into(),
        1..=4 => rng.pick(&ENDS).into(),
        _ => (rng.pick(&ENDS)..=rng.pick(&ENDS)).into(),
    }
}

fn icmp(rng: &mut Rng) -> IcmpKind {
    let icmp_type = rng.pick(&[0, 3, 8, 11, 128, 129, 255]);
    match rng.below(3) {
        0 => IcmpKind::from(icmp_type),
        1 => IcmpKind::new(icmp_type, rng.pick(&[0, 1, 4, 255])),
        _ => IcmpKind::new(icmp_type, rng.pick(&[0, 1, 4])..=rng.pick(&[4, 5, 254, 255])),
    }
}

fn flags(rng: &mut Rng) -> FlagsMatch {
    let all = [0x00, 0x02, 0x12, 0x10, 0x04, 0x17, 0x3f, 0xff, rng.number() as u8];
    FlagsMatch::new(TcpFlags(rng.pick(&all)), TcpFlags(rng.pick(&all)))
}

fn dscp(rng: &mut Rng) -> Span<u8> {
    const ENDS: [u8; 6] = [0, 1, 10, 46, 62, 63];
    (rng.pick(&ENDS)..=rng.pick(&ENDS)).into()
}

fn zone(rng: &mut Rng) -> Span<u16> {
    const ENDS: [u16; 5] = [0, 1, 7, 65534, 65535];
    (rng.pick(&ENDS)..=rng.pick(&ENDS)).into()
}

fn ttl(rng: &mut Rng) -> Span<u8> {
    const ENDS: [u8; 6] = [0, 1, 63, 64, 254, 255];
    (rng.pick(&ENDS)..=rng.pick(&ENDS)).into()
}

fn length(rng: &mut Rng) -> Span<u32> {
    const ENDS: [u32; 8] = [0, 20, 40, 576, 1500, 65535, 65536, u32::MAX];
    (rng.pick(&ENDS)..=rng.pick(&ENDS)).into()
}

fn mark(rng: &mut Rng) -> Masked {
    const BITS: [u32; 7] = [0, 1, 2, 3, 0xff, 0x8000_0000, u32::MAX];
    Masked::new(rng.pick(&BITS), rng.pick(&BITS))
}

fn vlan(rng: &mut Rng) -> Span<u16> {
    const ENDS: [u16; 6] = [0, 1, 10, 20, 4094, 4095];
    (rng.pick(&ENDS)..=rng.pick(&ENDS)).into()
}
