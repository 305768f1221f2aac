use core::net::IpAddr;

use ipnet::IpNet;

use super::{Asked, CountedBy, PrefixLengths};
use crate::packet::Protocol;

/// What a packet is counted by: the parts that count, zero where one does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    is_v6: bool,
    src: u128,
    dst: u128,
    src_port: u16,
    dst_port: u16,
    protocol: u8,
    callers: u64,
}

impl Key {
    /// The key of a packet; `None` if it lacks a part.
    pub(super) fn of(asked: &Asked<'_>, by: &CountedBy) -> Option<Self> {
        let packet = asked.packet;
        let (src, dst) = (packet.addrs.src(), packet.addrs.dst());
        let networks = by.source.is_some() || by.destination.is_some();
        let ports = by.source_port || by.destination_port;
        let ports = if ports { Some(packet.ports?) } else { None };
        Some(Self {
            is_v6: networks && src.is_ipv6(),
            src: network(src, by.source),
            dst: network(dst, by.destination),
            src_port: ports.filter(|_| by.source_port).map_or(0, |ports| ports.src),
            dst_port: ports.filter(|_| by.destination_port).map_or(0, |ports| ports.dst),
            protocol: if by.protocol { packet.protocol.0 } else { 0 },
            callers: if by.callers_key { asked.key? } else { 0 },
        })
    }

    /// The key as words, to be hashed.
    pub(super) fn words(&self) -> [u64; 6] {
        let ports = u64::from(self.src_port) << 16 | u64::from(self.dst_port);
        let rest = u64::from(self.is_v6) << 40 | u64::from(self.protocol) << 32 | ports;
        let [src, dst] = [self.src, self.dst];
        [src as u64, (src >> 64) as u64, dst as u64, (dst >> 64) as u64, rest, self.callers]
    }

    /// The network of the source.
    pub(super) fn source(&self, by: &CountedBy) -> Option<IpNet> {
        self.net(self.src, by.source?)
    }

    /// The network of the destination.
    pub(super) fn destination(&self, by: &CountedBy) -> Option<IpNet> {
        self.net(self.dst, by.destination?)
    }

    /// Source and destination port.
    pub(super) fn ports(&self, by: &CountedBy) -> [Option<u16>; 2] {
        let [src, dst] = [(by.source_port, self.src_port), (by.destination_port, self.dst_port)]
            .map(|(counts, port)| counts.then_some(port));
        [src, dst]
    }

    /// The protocol.
    pub(super) fn protocol(&self, by: &CountedBy) -> Option<Protocol> {
        by.protocol.then_some(Protocol(self.protocol))
    }

    /// The caller's key.
    pub(super) fn callers(&self, by: &CountedBy) -> Option<u64> {
        by.callers_key.then_some(self.callers)
    }

    fn net(&self, bits: u128, lengths: PrefixLengths) -> Option<IpNet> {
        match self.is_v6 {
            false => IpNet::new(IpAddr::V4((bits as u32).into()), lengths.v4).ok(),
            true => IpNet::new(IpAddr::V6(bits.into()), lengths.v6).ok(),
        }
    }
}

/// The bits of an address that count.
fn network(address: IpAddr, lengths: Option<PrefixLengths>) -> u128 {
    let Some(PrefixLengths { v4, v6 }) = lengths else { return 0 };
    match address {
        IpAddr::V4(address) => {
            let host = 32u32.saturating_sub(v4.into());
            u128::from(address.to_bits() & u32::MAX.checked_shl(host).unwrap_or(0))
        }
        IpAddr::V6(address) => {
            let host = 128u32.saturating_sub(v6.into());
            address.to_bits() & u128::MAX.checked_shl(host).unwrap_or(0)
        }
    }
}
