use crate::packet::{Addrs, Family, FlowKey, InterfaceId, Packet, Ports, Protocol};

/// The source address: one word in IPv4; in IPv6 four, the most significant one first.
pub(in crate::tree) const SRC: usize = 0;
/// The destination address of an IPv4 packet.
pub(in crate::tree) const DST_V4: usize = 1;
/// The destination address of an IPv6 packet.
pub(in crate::tree) const DST_V6: usize = 4;
/// The source port.
pub(in crate::tree) const SRC_PORT: usize = 8;
/// The destination port.
pub(in crate::tree) const DST_PORT: usize = 9;
/// The protocol.
pub(in crate::tree) const PROTOCOL: usize = 10;
/// The connection state; [`NO_STATE`] when there is none.
pub(in crate::tree) const STATE: usize = 11;
/// The interface a packet came in by; [`NO_INTERFACE`] when it is not known.
pub(in crate::tree) const IN_INTERFACE: usize = 12;
/// The interface it leaves by.
pub(in crate::tree) const OUT_INTERFACE: usize = 13;
/// ICMP type and code, `type * 256 + code`.
pub(in crate::tree) const ICMP: usize = 14;

/// How many words a packet has.
pub(in crate::tree) const WORDS: usize = 16;

/// The most that a word can be: addresses have 32 bits, all else 16.
pub(in crate::tree) const fn most(word: usize) -> u32 {
    if word < SRC_PORT { u32::MAX } else { u16::MAX as u32 }
}

/// The state word of a packet that no tracker has seen: no rule's set of states has it.
pub(in crate::tree) const NO_STATE: u32 = 5;
/// The interface word of a packet whose interface no rule names.
pub(in crate::tree) const NO_INTERFACE: u16 = u16::MAX;
/// Both port words of a packet that has no ports.
pub(in crate::tree) const NO_PORT: u16 = 0;
/// The ICMP word of a packet that has no ICMP header.
pub(in crate::tree) const NO_ICMP: u16 = u16::MAX;

/// A set of headers that a packet has or a rule needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::tree) struct Headers(pub(in crate::tree) u8);

impl Headers {
    pub(in crate::tree) const NONE: Self = Self(0);
    pub(in crate::tree) const PORTS: Self = Self(1);
    pub(in crate::tree) const ICMP: Self = Self(2);

    pub(in crate::tree) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(in crate::tree) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A packet as the trees see it: a number a word. In place of a header that a packet does not have
/// stands a number that it could have too, [`NO_PORT`] or [`NO_ICMP`]; `headers` tells.
#[derive(Clone, Copy, Debug)]
pub(in crate::tree) struct Words {
    /// Two words each, the lower one first.
    pairs: [u64; WORDS / 2],
    pub(in crate::tree) headers: Headers,
    pub(in crate::tree) family: Family,
}

impl Words {
    /// Of no packet.
    pub(in crate::tree) const NONE: Self = {
        let kind = (NO_STATE as u64) << 32;
        let interfaces = NO_INTERFACE as u64 | (NO_INTERFACE as u64) << 32;
        let pairs = [0, 0, 0, 0, 0, kind, interfaces, NO_ICMP as u64];
        Self { pairs, headers: Headers::NONE, family: Family::V4 }
    };

    #[inline(always)]
    pub(in crate::tree) fn of_packet(packet: &Packet, state: u32) -> Self {
        let number = |interface: Option<InterfaceId>| interface.map_or(NO_INTERFACE, |id| id.0);
        let interfaces = [packet.in_interface, packet.out_interface].map(number);
        let message = packet.icmp_message();
        let icmp = message.map(|it| u16::from_be_bytes([it.icmp_type, it.code]));
        Self::new(packet.addrs, packet.ports, packet.protocol, state, interfaces, icmp)
    }

    #[inline(always)]
    pub(in crate::tree) fn of_key(key: &FlowKey) -> Self {
        let ports = Ports { src: key.src_port, dst: key.dst_port };
        Self::new(key.addrs, Some(ports), key.protocol, NO_STATE, [NO_INTERFACE; 2], None)
    }

    #[inline(always)]
    fn new(
        addrs: Addrs,
        ports: Option<Ports>,
        protocol: Protocol,
        state: u32,
        [incoming, outgoing]: [u16; 2],
        icmp: Option<u16>,
    ) -> Self {
        let [a, b, c, d] = match addrs {
            Addrs::V4 { src, dst } => [pair(src.to_bits(), dst.to_bits()), 0, 0, 0],
            Addrs::V6 { src, dst } => {
                let ([a, b], [c, d]) = (halves(src.octets()), halves(dst.octets()));
                [a, b, c, d]
            }
        };
        let mut headers = if ports.is_some() { Headers::PORTS } else { Headers::NONE };
        if icmp.is_some() {
            headers = headers.with(Headers::ICMP);
        }
        let Ports { src, dst } = ports.unwrap_or(Ports { src: NO_PORT, dst: NO_PORT });
        let ports = pair(src.into(), dst.into());
        let kind = pair(protocol.0.into(), state);
        let interfaces = pair(incoming.into(), outgoing.into());
        let icmp = pair(icmp.unwrap_or(NO_ICMP).into(), 0);
        let pairs = [a, b, c, d, ports, kind, interfaces, icmp];
        Self { pairs, headers, family: addrs.family() }
    }

    /// The word at `index`, modulo their number.
    #[inline(always)]
    pub(in crate::tree) fn word(&self, index: u8) -> u32 {
        let pair = self.pairs.get(usize::from(index / 2) % 8).map_or(0, |pair| *pair);
        (pair >> (32 * (index % 2))) as u32
    }

    /// All words in order.
    pub(in crate::tree) fn numbers(&self) -> [u32; WORDS] {
        core::array::from_fn(|i| self.word(i as u8))
    }

    /// What plain leaves test, a half of a word each: source and destination address, low half
    /// first, source and destination port, protocol.
    #[inline(always)]
    pub(in crate::tree) fn row(&self) -> [u64; 2] {
        let [addresses, .., ports, kind, _, _] = self.pairs;
        [addresses, (ports | ports >> 16) & 0xffff_ffff | kind << 32]
    }

    /// State, incoming and outgoing interface, and ICMP.
    #[inline(always)]
    pub(in crate::tree) fn others(&self) -> [u64; 2] {
        let [.., kind, interfaces, icmp] = self.pairs;
        [kind >> 32 | interfaces << 32, interfaces >> 32 | icmp << 32]
    }

    /// All words, two each, the lower one first.
    #[inline(always)]
    pub(in crate::tree) fn pairs(&self) -> [u64; WORDS / 2] {
        self.pairs
    }
}

#[inline(always)]
fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// An IPv6 address as four words.
#[inline(always)]
fn halves(octets: [u8; 16]) -> [u64; 2] {
    let octets = u128::from_be_bytes(octets);
    [(octets >> 64) as u64, octets as u64].map(|half| half.rotate_left(32))
}
