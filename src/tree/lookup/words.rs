use crate::packet::{Addrs, Family, FlowKey, Packet, Ports, Protocol, Tracked};

/// The source port.
pub(in crate::tree) const SRC_PORT: usize = 0;
/// The destination port.
pub(in crate::tree) const DST_PORT: usize = 1;
/// The protocol.
pub(in crate::tree) const PROTOCOL: usize = 2;
/// The connection state; [`UNTRACKED`] when there is none.
pub(in crate::tree) const STATE: usize = 3;
/// The interface a packet came in by; [`NO_INTERFACE`] when it is not known.
pub(in crate::tree) const IN_INTERFACE: usize = 4;
/// The interface it leaves by.
pub(in crate::tree) const OUT_INTERFACE: usize = 5;
/// ICMP type and code, `type * 256 + code`.
pub(in crate::tree) const ICMP: usize = 6;
/// The first word of the source address, the most significant one.
pub(in crate::tree) const SRC: usize = 7;
/// The first word of an IPv4 destination address.
pub(in crate::tree) const DST_V4: usize = SRC + 2;
/// The first word of an IPv6 destination address.
pub(in crate::tree) const DST_V6: usize = SRC + 8;

/// How many words an IPv4 packet has.
pub(in crate::tree) const COUNT_V4: usize = DST_V4 + 2;
/// How many words an IPv6 packet has.
pub(in crate::tree) const COUNT_V6: usize = DST_V6 + 8;

/// The state word of a packet that no tracker has seen: no rule's set of states has it.
pub(in crate::tree) const NO_STATE: u16 = 5;
/// The interface word of a packet whose interface no rule names.
pub(in crate::tree) const NO_INTERFACE: u16 = u16::MAX;

/// A set of headers that a packet has or a rule needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::tree) struct Headers(pub(in crate::tree) usize);

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

/// A packet as the trees see it: one 16-bit number a word, words it does not have 0.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(in crate::tree) struct Words {
    values: [u16; 32],
    pub(in crate::tree) headers: Headers,
    pub(in crate::tree) family: Family,
}

impl Words {
    #[inline(always)]
    pub(in crate::tree) fn of_packet(packet: &Packet, tracked: Option<Tracked>) -> Self {
        let mut words = Self::new(packet.addrs, packet.protocol, packet.ports);
        words.values[STATE] = tracked.map_or(NO_STATE, |tracked| tracked.state as u16);
        words.values[IN_INTERFACE] = packet.in_interface.map_or(NO_INTERFACE, |id| id.0);
        words.values[OUT_INTERFACE] = packet.out_interface.map_or(NO_INTERFACE, |id| id.0);
        if let Some(message) = packet.icmp_message() {
            words.values[ICMP] = u16::from_be_bytes([message.icmp_type, message.code]);
            words.headers = words.headers.with(Headers::ICMP);
        }
        words
    }

    #[inline(always)]
    pub(in crate::tree) fn of_key(key: &FlowKey) -> Self {
        let ports = Ports { src: key.src_port, dst: key.dst_port };
        Self::new(key.addrs, key.protocol, Some(ports))
    }

    #[inline(always)]
    fn new(addrs: Addrs, protocol: Protocol, ports: Option<Ports>) -> Self {
        let mut values = [0; 32];
        values[PROTOCOL] = u16::from(protocol.0);
        values[STATE] = NO_STATE;
        values[IN_INTERFACE] = NO_INTERFACE;
        values[OUT_INTERFACE] = NO_INTERFACE;
        let mut headers = Headers::NONE;
        if let Some(Ports { src, dst }) = ports {
            (values[SRC_PORT], values[DST_PORT], headers) = (src, dst, Headers::PORTS);
        }
        match addrs {
            Addrs::V4 { src, dst } => {
                let ([a, b, c, d], [e, f, g, h]) = (src.octets(), dst.octets());
                values[SRC] = u16::from_be_bytes([a, b]);
                values[SRC + 1] = u16::from_be_bytes([c, d]);
                values[DST_V4] = u16::from_be_bytes([e, f]);
                values[DST_V4 + 1] = u16::from_be_bytes([g, h]);
            }
            Addrs::V6 { src, dst } => {
                let addresses = values.get_mut(SRC..COUNT_V6).unwrap_or_default();
                let (sources, destinations) = addresses.split_at_mut(DST_V6 - SRC);
                sources.copy_from_slice(&src.segments());
                destinations.copy_from_slice(&dst.segments());
            }
        }
        Self { values, headers, family: addrs.family() }
    }

    /// The word at `index`, modulo 32.
    #[inline(always)]
    pub(in crate::tree) fn word(&self, index: u8) -> u16 {
        self.values.get(usize::from(index & 31)).map_or(0, |word| *word)
    }
}
