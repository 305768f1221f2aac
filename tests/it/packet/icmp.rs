use portcullis::packet::{IcmpMessage, Malformed, Quote, Transport};
use portcullis::{Packet, Ports, Protocol};

use super::bytes::{ipv4, ipv4_fragment, ipv6, syn, udp};

fn v4(message: &[u8]) -> IcmpMessage {
    *Packet::from_ip(&ipv4(1, message)).unwrap().icmp_message().unwrap()
}

fn v6(message: &[u8]) -> IcmpMessage {
    *Packet::from_ip(&ipv6(58, message)).unwrap().icmp_message().unwrap()
}

/// An error message of type 3, which both families have, about `quoted`.
fn about(quoted: &[u8]) -> Vec<u8> {
    [&[3, 1, 0, 0, 0, 0, 0, 0], quoted].concat()
}

fn quote(quoted: &[u8]) -> Option<Quote> {
    match quoted[0] >> 4 {
        4 => v4(&about(quoted)).quote,
        _ => v6(&about(quoted)).quote,
    }
}

#[test]
fn identifiers_of_queries_and_replies_only() {
    for icmp_type in 0..=255 {
        let message = [icmp_type, 9, 0, 0, 0x12, 0x34, 0, 1];
        let identifier = [0, 8, 13, 14, 15, 16, 17, 18].contains(&icmp_type).then_some(0x1234);
        let read = v4(&message);
        assert_eq!((read.icmp_type, read.code, read.identifier), (icmp_type, 9, identifier));
        let identifier = [128, 129, 139, 140].contains(&icmp_type).then_some(0x1234);
        let read = v6(&message);
        assert_eq!((read.icmp_type, read.code, read.identifier), (icmp_type, 9, identifier));
    }
}

#[test]
fn needs_eight_bytes() {
    for len in 0..8 {
        for bytes in [ipv4(1, &[8; 8][..len]), ipv6(58, &[128; 8][..len])] {
            let packet = Packet::from_ip(&bytes).unwrap();
            assert_eq!(packet.transport, Transport::None);
            assert_eq!(packet.malformed, Some(Malformed::ShortTransport));
        }
    }
}

#[test]
fn only_in_its_own_family() {
    for bytes in [ipv4(58, &[128; 8]), ipv6(1, &[8; 8])] {
        let packet = Packet::from_ip(&bytes).unwrap();
        assert_eq!((packet.transport, packet.malformed), (Transport::None, None));
    }
}

#[test]
fn errors_quote_and_other_messages_do_not() {
    let (quoted_v4, quoted_v6) = (ipv4(17, &udp(b"")), ipv6(17, &udp(b"")));
    for icmp_type in 0..=255 {
        let head = [icmp_type, 0, 0, 0, 0, 0, 0, 0];
        let read = v4(&[&head, &quoted_v4[..]].concat());
        assert_eq!(read.quote.is_some(), [3, 4, 5, 11, 12].contains(&icmp_type), "{icmp_type}");
        let read = v6(&[&head, &quoted_v6[..]].concat());
        assert_eq!(read.quote.is_some(), icmp_type < 128, "{icmp_type}");
    }
}

#[test]
fn quote_cut_at_every_length() {
    for (quoted, header) in [(ipv4(17, &udp(b"")), 20), (ipv6(17, &udp(b"")), 40)] {
        for len in 1..=quoted.len() {
            let read = quote(&quoted[..len]);
            assert_eq!(read.is_some(), len >= header, "{len}");
            let ports = read.and_then(|quote| quote.ports);
            let expected = (len >= header + 4).then_some(Ports { src: 40000, dst: 53 });
            assert_eq!(ports, expected, "{len}");
        }
    }
}

#[test]
fn quoted_ports_of_each_protocol() {
    for protocol in 0..=255 {
        let read = quote(&ipv4(protocol, &syn(&[])[..8])).unwrap();
        assert_eq!(read.protocol, Protocol(protocol));
        assert_eq!(read.ports.is_some(), [6, 17, 33, 132, 136].contains(&protocol));
        assert!(!read.later_fragment);
    }
}

#[test]
fn quoted_query() {
    let query = [8, 0, 0xff, 0xff, 0x12, 0x34, 0, 1];
    assert_eq!(quote(&ipv4(1, &query)).unwrap().icmp, Some((8, 0, 0x1234)));
    assert_eq!(quote(&ipv4(1, &query[..7])).unwrap().icmp, None);
    let query = [128, 5, 0xff, 0xff, 0x12, 0x34, 0, 1];
    assert_eq!(quote(&ipv6(58, &query)).unwrap().icmp, Some((128, 5, 0x1234)));
    // Errors about errors, or about a message of the other family, name no query.
    assert_eq!(quote(&ipv4(1, &about(&[]))).unwrap().icmp, None);
    assert_eq!(quote(&ipv6(58, &about(&[]))).unwrap().icmp, None);
    assert_eq!(quote(&ipv4(58, &query)).unwrap().icmp, None);
}

#[test]
fn quoted_fragments() {
    let first = quote(&ipv4_fragment(17, 0x2000, &udp(b""))).unwrap();
    assert_eq!((first.ports.is_some(), first.later_fragment), (true, false));
    let later = quote(&ipv4_fragment(17, 0x20b9, &udp(b""))).unwrap();
    assert_eq!((later.ports, later.later_fragment), (None, true));
    let fragment = |low| [&[17, 0, 5, low, 0, 0, 0, 1], &udp(b"")[..]].concat();
    let later = quote(&ipv6(44, &fragment(0xa9))).unwrap();
    assert_eq!((later.ports, later.later_fragment), (None, true));
    assert_eq!(later.protocol, Protocol::UDP);
}

#[test]
fn quoted_extension_headers_are_walked() {
    let headers = [&[60, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0], &udp(b"")[..]].concat();
    let read = quote(&ipv6(0, &headers)).unwrap();
    assert_eq!(read.protocol, Protocol::UDP);
    assert_eq!(read.ports, Some(Ports { src: 40000, dst: 53 }));
    assert_eq!(quote(&ipv6(0, &headers[..9])), None);
}

/// As in Linux: neither the version nor a length that the sender may have changed.
#[test]
fn quoted_version_and_length_do_not_count() {
    let mut quoted = ipv4(17, &udp(b""));
    let sound = v4(&about(&quoted)).quote;
    (quoted[0], quoted[2], quoted[3]) = (0xf5, 0, 8);
    assert_eq!(v4(&about(&quoted)).quote, sound);
    // Too short a header is taken at its word, and the last address for ports.
    quoted[0] = 0x44;
    let ports = Ports { src: 0xc000, dst: 0x0201 };
    assert_eq!(v4(&about(&quoted)).quote.and_then(|quote| quote.ports), Some(ports));
    quoted[0] = 0x4f;
    assert_eq!(v4(&about(&quoted)).quote, None);
}

#[test]
fn redirect_quotes_in_its_first_option() {
    let quoted = ipv6(17, &udp(b""));
    let redirect = |code: u8, option: [u8; 2]| {
        let fixed = [&[137, code][..], &[0; 38]].concat();
        v6(&[&fixed, &option[..], &[0; 6], &quoted].concat()).quote
    };
    let read = redirect(0, [4, 7]).unwrap();
    assert_eq!(read.ports, Some(Ports { src: 40000, dst: 53 }));
    assert_eq!(redirect(1, [4, 7]), None);
    assert_eq!(redirect(0, [4, 0]), None);
    assert_eq!(redirect(0, [2, 7]), None);
    assert_eq!(v6(&[&[137, 0][..], &[0; 38]].concat()).quote, None);
}
