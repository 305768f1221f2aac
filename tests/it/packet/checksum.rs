use portcullis::Packet;
use portcullis::packet::{Checksum, Malformed};

use super::bytes::{CAPTURES, frames, ipv4, ipv4_fragment, ipv6, syn, udp};

fn verdict(bytes: &[u8]) -> Checksum {
    Checksum::of_ip(bytes).unwrap()
}

/// Two frames of the captures have a wrong checksum, on purpose.
#[test]
fn captures() {
    for capture in CAPTURES {
        for (index, frame) in frames(capture).iter().enumerate() {
            let Ok(packet) = Packet::from_ethernet(frame) else { continue };
            let verdict = Checksum::of_ethernet(frame).unwrap();
            let whole = packet.fragment == portcullis::Fragment::Whole;
            let known = [1, 6, 17, 58, 132].contains(&packet.protocol.0);
            let expected = match (capture, index + 1) {
                ("scan", 131 | 132) => Checksum::Wrong,
                _ if whole && known && packet.malformed.is_none() => Checksum::Right,
                _ => Checksum::Unchecked,
            };
            assert_eq!(verdict, expected, "{capture} {}: {packet}", index + 1);
        }
    }
}

/// Each bit of what a checksum covers counts.
#[test]
fn never_right_with_a_flipped_bit() {
    for capture in ["dns", "scan"] {
        for frame in frames(capture).iter().filter(|frame| frame.len() < 200) {
            if Checksum::of_ethernet(frame) != Ok(Checksum::Right) {
                continue;
            }
            for at in frame.len() - 8..frame.len() {
                let mut flipped = frame.clone();
                flipped[at] ^= 0x10;
                assert_ne!(Checksum::of_ethernet(&flipped), Ok(Checksum::Right));
            }
        }
    }
}

#[test]
fn nothing_to_check() {
    let unchecked = [
        ipv4(17, &udp(b"no checksum")),
        ipv4(47, &[0; 20]),
        ipv4(58, &[1; 8]),
        ipv4(6, &syn(&[])[..19]),
        ipv4(1, &[8; 7]),
        ipv6(58, &[128; 7]),
        ipv4(132, &[1; 11]),
        ipv4_fragment(6, 0x2000, &syn(&[])),
        ipv4_fragment(6, 0x0003, &syn(&[])),
        ipv6(60, &[6, 9, 0, 0]),
        ipv4(6, &syn(&[3, 3, 7]))[..40].to_vec(),
    ];
    for bytes in unchecked {
        assert_eq!(verdict(&bytes), Checksum::Unchecked, "{bytes:?}");
    }
    assert_eq!(Packet::from_ip(&ipv4(6, &syn(&[]))).unwrap().checksum, Checksum::Unchecked);
    assert_eq!(verdict(&ipv4(6, &syn(&[]))), Checksum::Wrong);
    assert_eq!(verdict(&ipv4(132, &[1; 12])), Checksum::Wrong);
}

/// The pseudo header has the datagram's own length, and what follows the datagram is not summed.
/// Linux sums up everything.
#[test]
fn udp_shorter_than_the_packet() {
    let mut bytes = ipv4(17, &[0x9c, 0x40, 0, 53, 0, 9, 0, 0, 0xaa]);
    let sum = (0x0a00 + 1 + 0xc000 + 0x0201 + 17 + 9 + 0x9c40 + 53 + 9 + 0xaa00_u32) as u64;
    let folded = (sum & 0xffff) + (sum >> 16);
    bytes[26..28].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    assert_eq!(verdict(&bytes), Checksum::Right);
    bytes.extend([1, 2, 3, 4]);
    bytes[3] += 4;
    assert_eq!(verdict(&bytes), Checksum::RightInPart);
    // 0xaa and what follows it fill other words than before.
    let sum = sum - 0xaa00 + 4 + 0xaa01 + 0x0203 + 0x0400;
    let folded = (sum & 0xffff) + (sum >> 16);
    bytes[26..28].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    assert_eq!(verdict(&bytes), Checksum::Right);
    bytes[28] ^= 1;
    assert_eq!(verdict(&bytes), Checksum::Wrong);
    bytes[25] = 200;
    assert_eq!(verdict(&bytes), Checksum::Unchecked);
    assert_eq!(Packet::from_ip(&bytes).unwrap().malformed, Some(Malformed::BadTransport));
}

/// From 10.0.0.5 to 198.51.100.10; the sums are those that a Linux host sent and refused.
#[test]
fn udp_lite_pseudo_header() {
    let with = |coverage: u8, sum: [u8; 2]| {
        let header = [0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 136, 0, 0, 10, 0, 0, 5, 198, 51, 100, 10];
        let udp = [0x03, 0xe8, 0, 53, 0, coverage, sum[0], sum[1], b'd', b'a', b't', b'a'];
        verdict(&[&header[..], &udp].concat())
    };
    assert_eq!(with(12, [0xee, 0x3c]), Checksum::Right);
    assert_eq!(with(12, [0xee, 0xb3]), Checksum::RightAsUdp);
    assert_eq!(with(12, [0xee, 0xb4]), Checksum::Wrong);
    assert_eq!(with(0, [0, 0]), Checksum::Wrong);
    assert_eq!(with(3, [0xee, 0x45]), Checksum::Unchecked);
    // Coverage 0 is the same as all 12 bytes, but is itself part of the sum.
    assert_eq!(with(0, [0xee, 0x48]), Checksum::Right);
}
