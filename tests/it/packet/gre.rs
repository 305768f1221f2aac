use portcullis::Packet;
use portcullis::packet::{GreHeader, Malformed, Transport};

use super::bytes::{ipv4, ipv6};

fn read(bytes: &[u8]) -> Packet {
    let [v4, v6] = [ipv4(47, bytes), ipv6(47, bytes)].map(|bytes| Packet::from_ip(&bytes).unwrap());
    assert_eq!((v4.transport, v4.malformed), (v6.transport, v6.malformed));
    v4
}

fn call_id(bytes: &[u8]) -> Option<u16> {
    let packet = read(bytes);
    assert_eq!(packet.malformed, None);
    packet.gre_header().unwrap().call_id
}

#[test]
fn a_call_id_stands_in_version_1_only() {
    assert_eq!(call_id(&[0x30, 1, 0x88, 0x0b, 0, 4, 1, 2, 0, 0]), Some(0x0102));
    assert_eq!(call_id(&[0x20, 0, 0x08, 0x00, 0, 4, 1, 2, 0, 0]), None);
    assert_eq!(call_id(&[0x30, 0x81, 0x88, 0x0b, 0, 4, 0, 0]), Some(0));
    for version in 2..8 {
        assert_eq!(call_id(&[0x30, version, 0x88, 0x0b, 0, 4, 1, 2]), None, "{version}");
    }
}

#[test]
fn a_header_may_be_cut_anywhere() {
    let header = [0x30, 1, 0x88, 0x0b, 0, 4, 1, 2];
    for len in 0..8 {
        assert_eq!(call_id(&header[..len]), None, "{len}");
    }
}

#[test]
fn version_1_carries_ppp() {
    let packet = read(&[0x30, 1, 0x08, 0x00, 0, 4, 1, 2]);
    assert_eq!(packet.malformed, Some(Malformed::BadTransport));
    assert_eq!(packet.transport, Transport::None);
    assert_eq!(read(&[]).transport, Transport::Gre(GreHeader::default()));
}

/// Destination options that reach beyond the packet leave no byte of the header.
#[test]
fn behind_extension_headers_that_are_cut() {
    let packet = Packet::from_ip(&ipv6(60, &[47, 1, 1, 4, 0, 0, 0, 0])).unwrap();
    assert_eq!(packet.malformed, Some(Malformed::ShortTransport));
    assert_eq!(packet.transport, Transport::None);
}
