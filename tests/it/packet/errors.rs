use portcullis::Packet;
use portcullis::packet::{Layer, ParseError};

use super::bytes::{ethernet, ipv4, ipv6, syn, udp};

fn short(layer: Layer, offset: usize, required: usize, available: usize) -> ParseError {
    ParseError::Short { layer, offset, required, available }
}

#[test]
fn frame_cut_at_every_length() {
    let tags = [&[0x60, 0x01, 0x81, 0x00, 0x00, 0x14, 0x08, 0x00][..], &ipv4(17, &udp(b""))];
    let frame = ethernet(0x88a8, &tags.concat());
    assert_eq!(frame.len(), 50);
    for len in 0..frame.len() {
        let expected = match len {
            0..14 => Some(short(Layer::Ethernet, 0, 14, len)),
            14..18 => Some(short(Layer::VlanTag, 14, 4, len - 14)),
            18..22 => Some(short(Layer::VlanTag, 18, 4, len - 18)),
            22..42 => Some(short(Layer::Ipv4, 22, 20, len - 22)),
            _ => None,
        };
        assert_eq!(Packet::from_ethernet(&frame[..len]).err(), expected, "{len}");
    }
}

#[test]
fn ip_cut_at_every_length() {
    let mut v4 = ipv4(6, &syn(&[]));
    v4[0] = 0x47;
    let v6 = ipv6(6, &syn(&[]));
    assert_eq!(Packet::from_ip(&[]), Err(short(Layer::Ip, 0, 1, 0)));
    for len in 1..28 {
        let required = if len < 20 { 20 } else { 28 };
        assert_eq!(Packet::from_ip(&v4[..len]), Err(short(Layer::Ipv4, 0, required, len)));
    }
    for len in 1..40 {
        assert_eq!(Packet::from_ip(&v6[..len]), Err(short(Layer::Ipv6, 0, 40, len)));
    }
    assert!(Packet::from_ip(&v4[..28]).is_ok() && Packet::from_ip(&v6[..40]).is_ok());
}

#[test]
fn not_ip_says_what() {
    for ether_type in [0x0806, 0x88cc, 0x8864, 0x0026] {
        let error = Packet::from_ethernet(&ethernet(ether_type, &[0; 46])).unwrap_err();
        assert_eq!(error, ParseError::NotIp { ether_type, offset: 14 });
    }
    let tagged_arp = ethernet(0x8100, &[0, 10, 0x08, 0x06, 0, 1]);
    let error = Packet::from_ethernet(&tagged_arp).unwrap_err();
    assert_eq!(error, ParseError::NotIp { ether_type: 0x0806, offset: 18 });
}

#[test]
fn version_neither_4_nor_6_nor_the_ether_types() {
    for version in (0..16).filter(|version| ![4, 6].contains(version)) {
        let error = Packet::from_ip(&[version << 4 | 5; 60]).unwrap_err();
        assert_eq!(error, ParseError::Version { offset: 0, version });
    }
    let error = Packet::from_ethernet(&ethernet(0x86dd, &[0x45; 60])).unwrap_err();
    assert_eq!(error, ParseError::Version { offset: 14, version: 4 });
    let error = Packet::from_ethernet(&ethernet(0x0800, &[0x65; 60])).unwrap_err();
    assert_eq!(error, ParseError::Version { offset: 14, version: 6 });
}

#[test]
fn header_and_total_length() {
    let mut bytes = ipv4(17, &udp(b""));
    for words in 0..5 {
        bytes[0] = 0x40 | words;
        assert_eq!(Packet::from_ip(&bytes), Err(ParseError::HeaderLength { offset: 0, words }));
    }
    bytes[0] = 0x46;
    for total in 0..24 {
        bytes[3] = total;
        let error = ParseError::TotalLength { offset: 0, total: u16::from(total), header: 24 };
        assert_eq!(Packet::from_ip(&bytes), Err(error));
    }
    bytes[3] = 24;
    assert!(Packet::from_ip(&bytes).is_ok());
}

#[test]
fn messages_say_what_and_where() {
    let printed = |frame: &[u8]| Packet::from_ethernet(frame).unwrap_err().to_string();
    let cut = ethernet(0x0800, &[0x45; 6]);
    assert_eq!(printed(&cut), "ipv4 header at byte 14 needs 20 bytes, only 6 are there");
    let arp = ethernet(0x0806, &[]);
    assert_eq!(printed(&arp), "not an IP packet: ether type 0x0806 at byte 14");
}
