use super::ip::Datagram;
use super::{gre, icmp, sctp, tcp};
use crate::packet::{Family, Fragment, Malformed, Ports, Protocol, Transport};

/// What the transport header says.
pub(super) struct Head {
    pub(super) ports: Option<Ports>,
    pub(super) cut_ports: Option<Ports>,
    pub(super) transport: Transport,
    pub(super) malformed: Option<Malformed>,
}

impl Head {
    pub(super) const NONE: Self =
        Self { ports: None, cut_ports: None, transport: Transport::None, malformed: None };

    /// A header that has too few bytes.
    pub(super) fn short(datagram: &Datagram<'_>) -> Self {
        if !datagram.protocol.has_ports() {
            return Self { malformed: Some(Malformed::ShortTransport), ..Self::NONE };
        }
        let cut_ports = datagram.payload.first_chunk().copied().map(ports);
        let malformed = match cut_ports {
            None => Malformed::ShortPorts,
            Some(_) => Malformed::ShortTransport,
        };
        Self { malformed: Some(malformed), cut_ports, ..Self::NONE }
    }

    const fn with_ports(ports: Ports) -> Self {
        Self { ports: Some(ports), ..Self::NONE }
    }
}

/// Reads the transport header of a packet that has one.
#[inline]
pub(super) fn read(datagram: &Datagram<'_>) -> Head {
    if datagram.fragment == Fragment::Later
        || datagram.malformed == Some(Malformed::ExtensionHeaders)
    {
        return Head::NONE;
    }
    match (datagram.protocol, datagram.addrs.family()) {
        (Protocol::TCP, _) => tcp::read(datagram),
        (Protocol::UDP, _) => udp(datagram),
        (Protocol::UDP_LITE, _) => udp_lite(datagram),
        (Protocol::SCTP, _) => sctp::read(datagram),
        (Protocol::DCCP, _) => dccp(datagram),
        (Protocol::GRE, _) if datagram.malformed.is_none() => gre::read(datagram.payload),
        (Protocol::ICMP, Family::V4) | (Protocol::ICMPV6, Family::V6) => icmp::read(datagram),
        _ => Head::NONE,
    }
}

pub(super) const fn ports([s0, s1, d0, d1]: [u8; 4]) -> Ports {
    Ports { src: u16::from_be_bytes([s0, s1]), dst: u16::from_be_bytes([d0, d1]) }
}

fn udp(datagram: &Datagram<'_>) -> Head {
    let Some(&[s0, s1, d0, d1, l0, l1, _, _]) = datagram.payload.first_chunk() else {
        return Head::short(datagram);
    };
    let malformed = len_fault(datagram, u16::from_be_bytes([l0, l1]));
    Head { malformed, ..Head::with_ports(ports([s0, s1, d0, d1])) }
}

/// A coverage of 0 is the whole datagram; a checksum is a must (RFC 3828 section 3.1).
fn udp_lite(datagram: &Datagram<'_>) -> Head {
    let Some(&[s0, s1, d0, d1, v0, v1, c0, c1]) = datagram.payload.first_chunk() else {
        return Head::short(datagram);
    };
    let coverage_fault = match u16::from_be_bytes([v0, v1]) {
        0 => None,
        coverage => len_fault(datagram, coverage),
    };
    let no_checksum = ([c0, c1] == [0, 0]).then_some(Malformed::BadTransport);
    let malformed = coverage_fault.or(no_checksum);
    Head { malformed, ..Head::with_ports(ports([s0, s1, d0, d1])) }
}

/// Checks a length that a datagram of 8 bytes of header gives itself. Of a fragmented one the
/// whole length is not known.
fn len_fault(datagram: &Datagram<'_>, len: u16) -> Option<Malformed> {
    let beyond = datagram.fragment == Fragment::Whole && usize::from(len) > datagram.payload_len;
    (len < 8 || beyond).then_some(Malformed::BadTransport)
}

fn dccp(datagram: &Datagram<'_>) -> Head {
    match datagram.payload.first_chunk::<12>() {
        Some([s0, s1, d0, d1, ..]) => Head::with_ports(ports([*s0, *s1, *d0, *d1])),
        None => Head::short(datagram),
    }
}
