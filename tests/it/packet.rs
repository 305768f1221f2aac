//! Packets from bytes.

use portcullis::packet::ParseError;
use portcullis::{Packet, Protocol};

/// A SYN with options, behind an 802.1Q tag.
#[test]
fn tagged_syn() {
    let frame = [
        &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..],
        &[0x81, 0x00, 0xa0, 0x14, 0x08, 0x00],
        &[0x45, 0xb8, 0, 52, 0, 0, 0x40, 0, 63, 6, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1],
        &[0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 7, 0, 0, 0, 0, 0x80, 0x02, 0xfa, 0xf0, 0, 0, 0, 0],
        &[2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7, 1, 1],
    ]
    .concat();
    let packet = Packet::from_ethernet(&frame).unwrap();
    assert_eq!(packet.to_string(), "tcp 10.0.0.1:40000 > 192.0.2.1:443");
    assert_eq!((packet.vlan, packet.dscp, packet.ttl, packet.length), (Some(20), 46, 63, 52));
    let segment = packet.tcp_segment().unwrap();
    assert_eq!((segment.window_scale, segment.sack_permitted), (Some(7), true));
    assert_eq!(packet.malformed, None);
}

#[test]
fn not_ip() {
    let error = Packet::from_ethernet(&[0; 14]).unwrap_err();
    assert_eq!(error, ParseError::NotIp { ether_type: 0, offset: 14 });
    assert_eq!(Packet::from_ip(&[0x60; 40]).unwrap().protocol, Protocol(0x60));
}
