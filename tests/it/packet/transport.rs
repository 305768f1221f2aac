use portcullis::packet::{Malformed, Transport};
use portcullis::{Packet, Ports};

use super::bytes::{ipv4, ipv6, udp};

#[test]
fn ports_need_the_whole_header() {
    let header = [0x9c, 0x40, 0, 53, 0, 12, 0, 9, 0, 0, 0, 0];
    for (protocol, required) in [(17, 8), (136, 8), (132, 12), (33, 12)] {
        for len in 0..=12 {
            for bytes in [ipv4(protocol, &header[..len]), ipv6(protocol, &header[..len])] {
                let packet = Packet::from_ip(&bytes).unwrap();
                let expected = (len >= required).then_some(Ports { src: 40000, dst: 53 });
                assert_eq!(packet.ports, expected, "{protocol} {len}");
                let fault = match len {
                    0..4 => Some(Malformed::ShortPorts),
                    _ if len < required => Some(Malformed::ShortTransport),
                    // The length, or the lack of chunks.
                    _ if len < 12 || protocol == 132 => Some(Malformed::BadTransport),
                    _ => None,
                };
                assert_eq!(packet.malformed, fault, "{protocol} {len}");
                let cut = (4..required).contains(&len).then_some(Ports { src: 40000, dst: 53 });
                assert_eq!(packet.cut_ports, cut, "{protocol} {len}");
            }
        }
    }
}

#[test]
fn protocols_without_ports() {
    for protocol in [2, 4, 41, 50, 94, 112, 253] {
        for bytes in [ipv4(protocol, &udp(b"data")), ipv4(protocol, &[])] {
            let packet = Packet::from_ip(&bytes).unwrap();
            assert_eq!((packet.ports, packet.transport), (None, Transport::None));
            assert_eq!(packet.malformed, None);
        }
    }
}

#[test]
fn udp_length_field() {
    let fault = |length: u16| {
        let mut data = udp(b"query");
        data[4..6].copy_from_slice(&length.to_be_bytes());
        let packet = Packet::from_ip(&ipv4(17, &data)).unwrap();
        assert!(packet.ports.is_some());
        packet.malformed
    };
    for length in [0, 7, 14, 100, 0xffff] {
        assert_eq!(fault(length), Some(Malformed::BadTransport), "{length}");
    }
    for length in [8, 10, 13] {
        assert_eq!(fault(length), None, "{length}");
    }
}

/// Compared with what the IP header says, not with what a capture kept.
#[test]
fn udp_length_of_a_truncated_capture() {
    let bytes = ipv4(17, &udp(&[0; 500]));
    assert_eq!(Packet::from_ip(&bytes[..40]).unwrap().malformed, None);
}

#[test]
fn udp_lite_coverage() {
    for (coverage, sound) in [(0, true), (7, false), (8, true), (12, true), (13, false)] {
        let bytes = ipv4(136, &[0, 1, 0, 2, 0, coverage, 0, 1, 0, 0, 0, 0]);
        let packet = Packet::from_ip(&bytes).unwrap();
        assert_eq!(packet.malformed.is_none(), sound, "{coverage}");
        assert_eq!(packet.ports, Some(Ports { src: 1, dst: 2 }));
    }
}

#[test]
fn udp_lite_has_a_checksum() {
    let packet = Packet::from_ip(&ipv4(136, &[0, 1, 0, 2, 0, 8, 0, 0])).unwrap();
    assert_eq!(packet.malformed, Some(Malformed::BadTransport));
}
