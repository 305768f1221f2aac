//! Fragments as they are sent, and their bytes.

/// One fragment of IPv4, or of IPv6 with a fragment header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) v6: bool,
    /// The last byte of the sender's address.
    pub(crate) src: u8,
    pub(crate) id: u16,
    /// In units of eight bytes.
    pub(crate) offset: u16,
    pub(crate) more: bool,
    pub(crate) dont_fragment: bool,
    /// Congestion mark, 0 to 3.
    pub(crate) ecn: u8,
    pub(crate) zone: u16,
    pub(crate) interface: u32,
    pub(crate) protocol: u8,
    pub(crate) payload: Vec<u8>,
}

impl Sent {
    /// A share of a UDP datagram, at `offset` bytes.
    pub(crate) fn new(v6: bool, id: u16, offset: usize, more: bool, payload: &[u8]) -> Self {
        assert_eq!(offset % 8, 0);
        Self {
            v6,
            src: 1,
            id,
            offset: (offset / 8) as u16,
            more,
            dont_fragment: false,
            ecn: 0,
            zone: 0,
            interface: 0,
            protocol: 17,
            payload: payload.to_vec(),
        }
    }

    pub(crate) fn start(&self) -> usize {
        usize::from(self.offset) * 8
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        if self.v6 { self.ipv6() } else { self.ipv4() }
    }

    fn ipv4(&self) -> Vec<u8> {
        let flags = u16::from(self.dont_fragment) << 14 | u16::from(self.more) << 13;
        ipv4(self.src, self.id, flags | self.offset, self.ecn, self.protocol, &self.payload)
    }

    fn ipv6(&self) -> Vec<u8> {
        let [o0, o1] = (self.offset << 3 | u16::from(self.more)).to_be_bytes();
        let [i0, i1] = self.id.to_be_bytes();
        let fragment = [self.protocol, 0, o0, o1, 0, 0, i0, i1];
        ipv6(self.src, self.ecn, 44, &[&fragment[..], &self.payload].concat())
    }

    /// The packet that would not have been fragmented.
    pub(crate) fn whole(&self, payload: &[u8]) -> Vec<u8> {
        if self.v6 {
            ipv6(self.src, self.ecn, self.protocol, payload)
        } else {
            let flags = u16::from(self.dont_fragment) << 14;
            ipv4(self.src, self.id, flags, self.ecn, self.protocol, payload)
        }
    }
}

fn ipv4(src: u8, id: u16, fragment: u16, ecn: u8, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = (20 + payload.len() as u16).to_be_bytes();
    let ([i0, i1], [f0, f1]) = (id.to_be_bytes(), fragment.to_be_bytes());
    let mut bytes = vec![0x45, ecn, l0, l1, i0, i1, f0, f1, 64, protocol, 0, 0];
    bytes.extend([10, 0, 0, src, 192, 0, 2, 1]);
    set_checksum(&mut bytes);
    bytes.extend(payload);
    bytes
}

/// Sets the checksum of an IPv4 header.
pub(crate) fn set_checksum(header: &mut [u8]) {
    (header[10], header[11]) = (0, 0);
    let words = header.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let [c0, c1] = (!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes();
    (header[10], header[11]) = (c0, c1);
}

fn ipv6(src: u8, ecn: u8, next: u8, payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = (payload.len() as u16).to_be_bytes();
    let mut bytes = vec![0x60, ecn << 4, 0, 0, l0, l1, next, 64];
    bytes.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, src, 0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend(payload);
    bytes
}

/// UDP from port 40000 to port 53 with `len` bytes of data that tell where they belong, and no
/// checksum.
pub(crate) fn udp(len: usize) -> Vec<u8> {
    let [l0, l1] = (8 + len as u16).to_be_bytes();
    let mut bytes = vec![0x9c, 0x40, 0, 53, l0, l1, 0, 0];
    bytes.extend((0..len).map(|at| (at * 7 + at / 256) as u8));
    bytes
}

/// A datagram cut at multiples of eight bytes.
pub(crate) fn cut(v6: bool, id: u16, payload: &[u8], cuts: &[usize]) -> Vec<Sent> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut / 8 * 8).collect();
    at.extend([0, payload.len()]);
    at.sort_unstable();
    at.dedup();
    at.retain(|at| *at <= payload.len());
    let pairs = at.windows(2);
    pairs
        .map(|pair| {
            let (start, end) = (pair[0], pair[1]);
            Sent::new(v6, id, start, end < payload.len(), &payload[start..end])
        })
        .collect()
}
