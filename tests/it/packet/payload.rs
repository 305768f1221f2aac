use portcullis::Packet;

use super::bytes::{ethernet, ipv4, ipv4_fragment, ipv6, udp};

fn payload(bytes: &[u8]) -> &[u8] {
    Packet::payload_of_ip(bytes).unwrap()
}

/// A TCP header with this data offset, in words, and no options.
fn tcp(words: u8, behind: &[u8]) -> Vec<u8> {
    [&[0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, words << 4, 0, 0, 0, 0, 0, 0, 0], behind].concat()
}

#[test]
fn it_begins_behind_the_transport_header() {
    for wrap in [ipv4, ipv6] {
        assert_eq!(payload(&wrap(17, &udp(b"data"))), b"data");
        assert_eq!(payload(&wrap(136, &udp(b"data"))), b"data");
        assert_eq!(payload(&wrap(6, &tcp(5, b"data"))), b"data");
        assert_eq!(payload(&wrap(6, &tcp(6, b"\x01\x01\x01\x01data"))), b"data");
        assert_eq!(payload(&wrap(6, &tcp(5, b""))), b"");
    }
    let frame = ethernet(0x0800, &ipv4(17, &udp(b"data")));
    assert_eq!(Packet::payload_of_ethernet(&frame).unwrap(), b"data");
}

#[test]
fn what_has_no_transport_header_has_none() {
    for bytes in [
        ipv4(6, &tcp(4, b"data")),
        ipv4(6, &tcp(15, b"data")),
        ipv4(6, &tcp(5, b"")[..19]),
        ipv4(6, &tcp(5, b"")[..12]),
        ipv4(17, &udp(b"")[..7]),
        ipv4(1, &[8, 0, 0, 0, 0, 0, 0, 0, 1]),
        ipv4(132, &[1; 40]),
        ipv4_fragment(17, 5, &udp(b"data")),
    ] {
        assert_eq!(payload(&bytes), b"", "{bytes:?}");
    }
    assert!(Packet::payload_of_ip(&[0x45; 10]).is_err());
}

#[test]
fn it_ends_with_the_packet_or_with_the_bytes() {
    let mut bytes = ipv4(17, &udp(b"data"));
    bytes.extend(b"padding");
    assert_eq!(payload(&bytes), b"data");
    assert_eq!(payload(&bytes[..30]), b"da");
}
