//! IP packets as bytes, with right lengths and checksums.

use std::net::IpAddr;

/// What a packet is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) protocol: u8,
    /// Ports, or type and code of ICMP.
    pub(super) ports: (u16, u16),
    pub(super) flags: u8,
    pub(super) ttl: u8,
    pub(super) dscp: u8,
    pub(super) payload: u8,
}

impl Sent {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut transport = self.transport();
        let mut pseudo = self.pseudo(transport.len());
        if let Some(at) = self.checksum_at() {
            pseudo.extend(&transport);
            transport[at..at + 2].copy_from_slice(&checksum(&pseudo).to_be_bytes());
        }
        let mut bytes = self.header(transport.len());
        bytes.extend(transport);
        bytes
    }

    fn transport(&self) -> Vec<u8> {
        let (src, dst) = (self.ports.0.to_be_bytes(), self.ports.1.to_be_bytes());
        let mut bytes = match self.protocol {
            6 => {
                let mut bytes = [&src[..], &dst[..], &[0, 0, 0, 100, 0, 0, 0, 0]].concat();
                bytes.extend([0x50, self.flags, 0x20, 0, 0, 0, 0, 0]);
                bytes
            }
            17 => {
                let length = (8 + u16::from(self.payload)).to_be_bytes();
                [&src[..], &dst[..], &length[..], &[0, 0]].concat()
            }
            1 | 58 => vec![self.ports.0 as u8, self.ports.1 as u8, 0, 0, 0, 7, 0, 1],
            _ => Vec::new(),
        };
        bytes.extend((0..self.payload).map(|byte| byte.wrapping_mul(7)));
        bytes
    }

    const fn checksum_at(&self) -> Option<usize> {
        match self.protocol {
            6 => Some(16),
            17 => Some(6),
            1 | 58 => Some(2),
            _ => None,
        }
    }

    /// What the checksum is about besides.
    fn pseudo(&self, length: usize) -> Vec<u8> {
        match (self.src, self.dst, self.protocol) {
            (_, _, 1) => Vec::new(),
            (IpAddr::V4(src), IpAddr::V4(dst), protocol) => {
                let length = (length as u16).to_be_bytes();
                [&src.octets()[..], &dst.octets()[..], &[0, protocol], &length[..]].concat()
            }
            (IpAddr::V6(src), IpAddr::V6(dst), protocol) => {
                let length = (length as u32).to_be_bytes();
                [&src.octets()[..], &dst.octets()[..], &length[..], &[0, 0, 0, protocol]].concat()
            }
            _ => panic!("{self:?}"),
        }
    }

    fn header(&self, length: usize) -> Vec<u8> {
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let total = (length as u16 + 20).to_be_bytes();
                let mut header = vec![0x45, self.dscp << 2, total[0], total[1], 0, 1, 0x40, 0];
                header.extend([self.ttl, self.protocol, 0, 0]);
                header.extend(src.octets().iter().chain(&dst.octets()));
                let sum = checksum(&header).to_be_bytes();
                header[10..12].copy_from_slice(&sum);
                header
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let length = (length as u16).to_be_bytes();
                let class = self.dscp << 2;
                let mut header = vec![0x60 | class >> 4, class << 4, 0, 0, length[0], length[1]];
                header.extend([self.protocol, self.ttl]);
                header.extend(src.octets().iter().chain(&dst.octets()));
                header
            }
            _ => panic!("{self:?}"),
        }
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or_default()));
    let mut sum: u32 = words.sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
