use portcullis::packet::{Family, Malformed, Transport};
use portcullis::{Fragment, Packet, Ports, Protocol};

use super::bytes::{ethernet, ipv4, ipv4_fragment, ipv6, syn, udp};

const PORTS: Option<Ports> = Some(Ports { src: 40000, dst: 53 });

fn parse(bytes: &[u8]) -> Packet {
    Packet::from_ip(bytes).unwrap()
}

#[test]
fn every_field_of_the_ip_header() {
    let mut bytes = ipv4(17, &udp(b"data"));
    bytes[1] = 0xb9;
    bytes[8] = 3;
    let packet = parse(&bytes);
    assert_eq!(packet.to_string(), "udp 10.0.0.1:40000 > 192.0.2.1:53");
    assert_eq!((packet.dscp, packet.ttl, packet.length), (46, 3, 32));
    assert_eq!((packet.fragment, packet.malformed, packet.vlan), (Fragment::Whole, None, None));
    let mut bytes = ipv6(17, &udp(b"data"));
    (bytes[0], bytes[1], bytes[7]) = (0x6b, 0x9f, 255);
    let packet = parse(&bytes);
    assert_eq!(packet.to_string(), "udp [2001:db8::1]:40000 > [2001:db8::2]:53");
    assert_eq!((packet.dscp, packet.ttl, packet.length), (46, 255, 52));
}

#[test]
fn ipv4_options_are_passed_over() {
    let mut bytes = ipv4(17, &[&[7, 3, 4, 0][..], &udp(b"")].concat());
    bytes[0] = 0x46;
    assert_eq!(parse(&bytes).ports, PORTS);
}

#[test]
fn outermost_vlan_id_wins() {
    let ip = ipv4(17, &udp(b""));
    let vlan = |frame: &[u8]| Packet::from_ethernet(frame).unwrap().vlan;
    assert_eq!(vlan(&ethernet(0x0800, &ip)), None);
    let inner = [&[0xef, 0xff, 0x08, 0x00][..], &ip].concat();
    assert_eq!(vlan(&ethernet(0x8100, &inner)), Some(4095));
    for outer in [0x8100, 0x88a8, 0x9100] {
        let tags = [&[0x00, 0x00, 0x81, 0x00][..], &inner].concat();
        assert_eq!(vlan(&ethernet(outer, &tags)), Some(0));
    }
    let many = [[0, 7, 0x81, 0].repeat(300), inner].concat();
    assert_eq!(vlan(&ethernet(0x8100, &many)), Some(7));
}

#[test]
fn padding_is_cut_off() {
    let short = udp(b"")[..7].to_vec();
    for mut bytes in [ipv4(17, &short), ipv6(17, &short)] {
        bytes.extend([0; 60]);
        let packet = parse(&bytes);
        assert_eq!((packet.ports, packet.malformed), (None, Some(Malformed::ShortTransport)));
    }
}

#[test]
fn missing_bytes_do_not_change_lengths() {
    let segment = [syn(&[]), vec![0; 1000]].concat();
    for (bytes, header) in [(ipv4(6, &segment), 20), (ipv6(6, &segment), 40)] {
        let packet = parse(&bytes[..header + 20]);
        assert_eq!(packet, parse(&bytes));
        assert_eq!(packet.length, header as u32 + 1020);
        assert_eq!(packet.tcp_segment().unwrap().payload_len, 1000);
        assert_eq!(parse(&bytes[..header + 19]).malformed, Some(Malformed::ShortTransport));
    }
}

#[test]
fn ipv4_fragments() {
    let data = udp(&[1; 16]);
    let first = parse(&ipv4_fragment(17, 0x2000, &data));
    assert_eq!((first.fragment, first.ports), (Fragment::First, PORTS));
    for field in [0x2001, 0x0001, 0x1fff, 0x3fff] {
        let later = parse(&ipv4_fragment(17, field, &data));
        assert_eq!((later.fragment, later.ports), (Fragment::Later, None));
        assert_eq!((later.transport, later.malformed), (Transport::None, None));
    }
    for field in [0x0000, 0x4000, 0x8000] {
        assert_eq!(parse(&ipv4_fragment(17, field, &data)).fragment, Fragment::Whole);
    }
}

#[test]
fn fragment_that_splits_the_tcp_header() {
    let tiny = parse(&ipv4_fragment(6, 0x2000, &syn(&[])[..8]));
    assert_eq!((tiny.ports, tiny.malformed), (None, Some(Malformed::ShortTransport)));
    let flags = parse(&ipv4_fragment(6, 0x0001, &syn(&[])[8..]));
    assert_eq!((flags.ports, flags.malformed), (None, Some(Malformed::TinyFragment)));
    assert_eq!(parse(&ipv4_fragment(6, 0x0002, &[0; 8])).malformed, None);
    assert_eq!(parse(&ipv4_fragment(17, 0x0001, &[0; 8])).malformed, None);
}

#[test]
fn first_fragment_is_not_held_to_the_whole_datagrams_length() {
    let mut data = udp(&[1; 16]);
    data[4..6].copy_from_slice(&6008_u16.to_be_bytes());
    assert_eq!(parse(&ipv4_fragment(17, 0x2000, &data)).malformed, None);
    assert_eq!(parse(&ipv4(17, &data)).malformed, Some(Malformed::BadTransport));
    assert_eq!(parse(&ipv4(17, &data)).ports, PORTS);
}

/// An extension header of `len` bytes that says so, in the units of its kind.
fn extension(kind: u8, next: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    bytes[0] = next;
    bytes[1] = match kind {
        44 => 0,
        51 => (len / 4 - 2) as u8,
        _ => (len / 8 - 1) as u8,
    };
    bytes
}

#[test]
fn extension_headers_in_any_order() {
    let kinds = [0, 43, 44, 51, 60];
    for one in kinds {
        for two in kinds {
            let (len_one, len_two) = (if one == 44 { 8 } else { 24 }, 8);
            let headers = [extension(one, two, len_one), extension(two, 6, len_two)].concat();
            let packet = parse(&ipv6(one, &[headers, syn(&[]), vec![0; 5]].concat()));
            assert_eq!(packet.protocol, Protocol::TCP, "{one} {two}");
            assert_eq!(packet.ports, Some(Ports { src: 40000, dst: 443 }));
            assert_eq!((packet.fragment, packet.malformed), (Fragment::Whole, None));
            assert_eq!(packet.tcp_segment().unwrap().payload_len, 5);
        }
    }
}

#[test]
fn authentication_header_with_an_odd_number_of_words() {
    let packet = parse(&ipv6(51, &[extension(51, 17, 28), udp(b"")].concat()));
    assert_eq!((packet.protocol, packet.ports), (Protocol::UDP, PORTS));
    let v4 = parse(&ipv4(51, &[extension(51, 17, 24), udp(b"")].concat()));
    assert_eq!((v4.protocol, v4.ports), (Protocol::AH, None));
}

#[test]
fn walk_ends_at_esp_none_and_unknown() {
    for next in [50, 59, 135, 139, 140, 253] {
        let packet = parse(&ipv6(60, &[extension(60, next, 8), udp(b"")].concat()));
        assert_eq!((packet.protocol, packet.ports), (Protocol(next), None));
        assert_eq!(packet.malformed, None);
    }
    assert_eq!(parse(&ipv6(59, &[])).malformed, None);
}

#[test]
fn ipv6_fragments() {
    let fragment = |field: u16, next: u8, data: &[u8]| {
        let [f0, f1] = field.to_be_bytes();
        parse(&ipv6(44, &[&[next, 0, f0, f1, 0, 0, 0, 9][..], data].concat()))
    };
    let atomic = fragment(0, 17, &udp(b""));
    assert_eq!((atomic.fragment, atomic.ports), (Fragment::Whole, PORTS));
    let reserved_bits = fragment(6, 17, &udp(b""));
    assert_eq!((reserved_bits.fragment, reserved_bits.ports), (Fragment::Whole, PORTS));
    let first = fragment(1, 17, &udp(b""));
    assert_eq!((first.fragment, first.ports), (Fragment::First, PORTS));
    for field in [8, 9, 0xfff8, 0xffff] {
        let later = fragment(field, 17, &udp(b""));
        assert_eq!((later.fragment, later.ports), (Fragment::Later, None));
        assert_eq!((later.protocol, later.malformed), (Protocol::UDP, None));
    }
    // Offset 8 of a TCP segment: to Linux this is a tiny fragment in IPv4 only.
    assert_eq!(fragment(8, 6, &[0; 12]).malformed, None);
    let options_first = fragment(8, 60, &extension(60, 17, 8));
    assert_eq!(options_first.malformed, Some(Malformed::ExtensionHeaders));
    assert_eq!((options_first.fragment, options_first.ports), (Fragment::Later, None));
    assert_eq!(fragment(8, 59, &[]).malformed, None);
}

#[test]
fn two_fragment_headers() {
    let headers = |one: u8, two: u8| {
        parse(&ipv6(
            44,
            &[&[44, 0, 0, one, 0, 0, 0, 9, 17, 0, 0, two, 0, 0, 0, 9], &udp(b"")[..]].concat(),
        ))
    };
    assert_eq!(headers(0, 0).fragment, Fragment::Whole);
    assert_eq!(headers(1, 0).fragment, Fragment::First);
    assert_eq!(headers(0, 1).fragment, Fragment::First);
    assert_eq!((headers(1, 8).fragment, headers(1, 8).ports), (Fragment::Later, None));
}

#[test]
fn chain_cut_at_every_length() {
    let headers = [extension(0, 44, 16), extension(44, 60, 8), extension(60, 17, 8)].concat();
    let bytes = ipv6(0, &[headers, udp(b"")].concat());
    for captured in 40..bytes.len() {
        // By the captured bytes, then by the length field.
        let mut by_field = bytes.clone();
        by_field[5] = (captured - 40) as u8;
        for cut in [&bytes[..captured], &by_field[..]] {
            if cut[5] == 0 {
                continue;
            }
            let packet = parse(cut);
            let (protocol, malformed) = match captured - 40 {
                0..2 => (0, Malformed::ExtensionHeaders),
                2..20 => (44, Malformed::ExtensionHeaders),
                20..26 => (60, Malformed::ExtensionHeaders),
                26..36 => (17, Malformed::ShortPorts),
                _ => (17, Malformed::ShortTransport),
            };
            assert_eq!((packet.protocol, packet.malformed), (Protocol(protocol), Some(malformed)));
            assert_eq!((packet.ports, packet.transport), (None, Transport::None));
        }
    }
}

#[test]
fn extension_header_longer_than_the_packet() {
    let packet = parse(&ipv6(60, &[6, 5, 0, 0, 0, 0, 0, 0]));
    assert_eq!((packet.protocol, packet.malformed), (Protocol::TCP, Some(Malformed::ShortPorts)));
    let packet = parse(&ipv6(60, &[253, 5, 0, 0, 0, 0, 0, 0]));
    assert_eq!(
        (packet.protocol, packet.malformed),
        (Protocol(253), Some(Malformed::ShortTransport))
    );
    let packet = parse(&ipv6(60, &[60, 255, 0, 0, 0, 0, 0, 0]));
    assert_eq!(packet.malformed, Some(Malformed::ExtensionHeaders));
}

#[test]
fn jumbogram_takes_all_bytes() {
    let data = [extension(0, 6, 8), syn(&[]), vec![0; 70_000]].concat();
    let mut bytes = ipv6(0, &data);
    bytes[4..6].copy_from_slice(&[0, 0]);
    let packet = parse(&bytes);
    assert_eq!(packet.length, 70_068);
    assert_eq!(packet.tcp_segment().unwrap().payload_len, 70_000);
}

/// Without a hop-by-hop header a length of 0 is just that: the rest is padding.
#[test]
fn empty_ipv6_packet_with_padding() {
    let mut bytes = ipv6(17, &udp(b""));
    bytes[5] = 0;
    let packet = parse(&bytes);
    assert_eq!((packet.length, packet.ports), (40, None));
    assert_eq!(packet.malformed, Some(Malformed::ShortPorts));
    assert_eq!(packet.addrs.family(), Family::V6);
}

/// Of a routing header Linux reads four bytes to know what follows, of options two.
#[test]
fn how_much_of_an_extension_header_counts() {
    for (kind, required) in [(0, 2), (43, 4), (60, 2), (51, 2)] {
        for len in 0..6 {
            let header = &extension(kind, 253, 8)[..len];
            let packet = Packet::from_ip(&ipv6(kind, header)).unwrap();
            let (protocol, fault) = match len < required {
                true => (kind, Malformed::ExtensionHeaders),
                false => (253, Malformed::ShortTransport),
            };
            assert_eq!(
                (packet.protocol.0, packet.malformed),
                (protocol, Some(fault)),
                "{kind} {len}"
            );
        }
    }
}
