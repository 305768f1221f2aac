use portcullis::packet::Family;
use portcullis::rule::{PortRange, Span};

use super::random::{Random, mixed};
use super::{Pattern, any, ipv6, prefix};

/// How often a kind of filter asks for what. The weights follow the published seed files of
/// ClassBench (Taylor and Turner, ClassBench: A Packet Classification Benchmark, 2007) in outline.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    v4_lengths: &'static [(u32, Lengths)],
    v6_lengths: &'static [(u32, Lengths)],
    src_ports: &'static [(u32, Ports)],
    dst_ports: &'static [(u32, Ports)],
    protocols: &'static [(u32, Option<u8>)],
}

/// The lengths that a source and a destination prefix have together, shortest and longest.
#[derive(Clone, Copy)]
struct Lengths {
    src: (u32, u32),
    dst: (u32, u32),
}

const fn lengths(src: (u32, u32), dst: (u32, u32)) -> Lengths {
    Lengths { src, dst }
}

#[derive(Clone, Copy)]
enum Ports {
    Any,
    High,
    Low,
    Exact,
    Range,
}

impl Shape {
    /// Access lists of a provider's edge: exact destinations and destination ports.
    pub(crate) const ACL: Self = Self {
        name: "acl",
        v4_lengths: &[
            (45, lengths((28, 32), (30, 32))),
            (25, lengths((21, 27), (28, 32))),
            (20, lengths((28, 32), (21, 24))),
            (7, lengths((8, 16), (32, 32))),
            (3, lengths((0, 0), (24, 32))),
        ],
        v6_lengths: &[
            (40, lengths((128, 128), (128, 128))),
            (25, lengths((64, 64), (128, 128))),
            (20, lengths((29, 48), (56, 64))),
            (10, lengths((32, 48), (128, 128))),
            (5, lengths((0, 0), (64, 128))),
        ],
        src_ports: &[(97, Ports::Any), (2, Ports::Exact), (1, Ports::High)],
        dst_ports: &[
            (25, Ports::Any),
            (60, Ports::Exact),
            (10, Ports::Range),
            (4, Ports::High),
            (1, Ports::Low),
        ],
        protocols: &[(80, Some(6)), (10, Some(17)), (7, None), (3, Some(1))],
    };

    /// Firewalls: one side or the other often open, ports on both sides.
    pub(crate) const FW: Self = Self {
        name: "fw",
        v4_lengths: &[
            (35, lengths((0, 2), (29, 32))),
            (20, lengths((29, 32), (0, 2))),
            (20, lengths((22, 30), (24, 32))),
            (20, lengths((28, 32), (28, 32))),
            (5, lengths((0, 1), (0, 1))),
        ],
        v6_lengths: &[
            (35, lengths((0, 3), (64, 128))),
            (20, lengths((128, 128), (0, 3))),
            (25, lengths((28, 56), (48, 64))),
            (15, lengths((128, 128), (128, 128))),
            (5, lengths((0, 3), (0, 3))),
        ],
        src_ports: &[
            (70, Ports::Any),
            (8, Ports::High),
            (20, Ports::Exact),
            (1, Ports::Low),
            (1, Ports::Range),
        ],
        dst_ports: &[
            (32, Ports::Any),
            (7, Ports::High),
            (50, Ports::Exact),
            (8, Ports::Range),
            (3, Ports::Low),
        ],
        protocols: &[(52, Some(6)), (32, Some(17)), (8, Some(47)), (5, Some(1)), (3, None)],
    };

    /// Linux gateways: hosts and networks on either side, protocol and ports often open.
    pub(crate) const IPC: Self = Self {
        name: "ipc",
        v4_lengths: &[
            (35, lengths((31, 32), (31, 32))),
            (30, lengths((22, 27), (22, 27))),
            (25, lengths((22, 27), (30, 32))),
            (7, lengths((0, 0), (31, 32))),
            (3, lengths((16, 24), (0, 0))),
        ],
        v6_lengths: &[
            (35, lengths((128, 128), (128, 128))),
            (30, lengths((29, 64), (29, 64))),
            (25, lengths((56, 64), (128, 128))),
            (7, lengths((0, 0), (128, 128))),
            (3, lengths((32, 48), (0, 0))),
        ],
        src_ports: &[(80, Ports::Any), (17, Ports::Exact), (2, Ports::High), (1, Ports::Range)],
        dst_ports: &[(56, Ports::Any), (35, Ports::Exact), (5, Ports::High), (4, Ports::Range)],
        protocols: &[(37, Some(17)), (33, None), (27, Some(6)), (2, Some(1)), (1, Some(50))],
    };

    pub(super) fn draw(&self, random: &mut Random, family: Family) -> Pattern {
        let (all_lengths, draw): (_, Draw) = match family {
            Family::V4 => (self.v4_lengths, nested_prefix),
            Family::V6 => (self.v6_lengths, ipv6::drawn),
        };
        let Lengths { src, dst } = random.weighted(all_lengths);
        let mut pattern = any(family);
        pattern.src = draw(random, src);
        pattern.dst = draw(random, dst);
        if let Some(protocol) = random.weighted(self.protocols) {
            let icmp_of_v6 = protocol == 1 && family == Family::V6;
            pattern.protocol = Span::from(if icmp_of_v6 { 58 } else { protocol });
        }
        if matches!(pattern.protocol.first(), 6 | 17) {
            pattern.src_port = ports(random, self.src_ports);
            pattern.dst_port = ports(random, self.dst_ports);
        }
        pattern
    }
}

/// Draws a prefix whose length is between two.
type Draw = fn(&mut Random, (u32, u32)) -> Span<u128>;

/// A walk down a trie whose every node leans to one side, nine to one, always the same side: IPv4
/// prefixes crowd together and lie within each other as in the address plans of real networks.
fn nested_prefix(random: &mut Random, (shortest, longest): (u32, u32)) -> Span<u128> {
    let len = shortest + random.below(u64::from(longest - shortest + 1)) as u32;
    let mut node = 32;
    let mut address = 0_u128;
    for depth in 0..len {
        let leaning = mixed(node) & 1;
        let bit = leaning ^ u64::from(random.below(10) == 0);
        node = mixed(node << 1 ^ bit);
        address |= u128::from(bit) << (31 - depth);
    }
    prefix(Family::V4, address, len)
}

fn ports(random: &mut Random, classes: &[(u32, Ports)]) -> PortRange {
    const KNOWN: [u16; 12] = [80, 443, 22, 53, 25, 123, 161, 21, 110, 389, 1521, 1433];
    match random.weighted(classes) {
        Ports::Any => PortRange::from(0..=u16::MAX),
        Ports::High => PortRange::from(1024..=u16::MAX),
        Ports::Low => PortRange::from(0..=1023),
        Ports::Exact if random.below(3) != 0 => KNOWN[random.below(12) as usize].into(),
        Ports::Exact => (random.below(32768) as u16).into(),
        Ports::Range => {
            let first = random.below(60000) as u16;
            PortRange::from(first..=first + random.below(1000) as u16)
        }
    }
}
