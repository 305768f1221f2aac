use portcullis::Packet;
use portcullis::packet::{Malformed, SackBlock, TcpFlags, TcpSegment};

use super::bytes::{ipv4, syn};

fn segment(tcp: &[u8]) -> TcpSegment {
    *Packet::from_ip(&ipv4(6, tcp)).unwrap().tcp_segment().unwrap()
}

#[test]
fn every_field() {
    let mut bytes = syn(&[]);
    bytes[13] = 0xd2;
    let segment = segment(&[&bytes[..], b"hello"].concat());
    assert_eq!(segment.flags, TcpFlags::SYN | TcpFlags::ACK | TcpFlags::ECE | TcpFlags::CWR);
    assert_eq!((segment.seq, segment.ack, segment.window), (7, 9, 0xfaf0));
    assert_eq!(segment.payload_len, 5);
    assert_eq!((segment.window_scale, segment.sack_permitted), (None, false));
}

#[test]
fn options_of_a_usual_syn() {
    let segment = segment(&syn(&[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]));
    assert_eq!((segment.window_scale, segment.sack_permitted), (Some(7), true));
    assert_eq!(segment.payload_len, 0);
}

#[test]
fn options_behind_unknown_ones_are_read() {
    let segment = segment(&syn(&[34, 4, 1, 2, 19, 2, 254, 3, 0, 3, 3, 14]));
    assert_eq!(segment.window_scale, Some(14));
}

#[test]
fn options_behind_the_end_are_not() {
    assert_eq!(segment(&syn(&[1, 0, 3, 3, 7, 4, 2])), segment(&syn(&[0; 8])));
}

#[test]
fn up_to_four_sack_blocks() {
    for count in 0..=4_u32 {
        let mut options = vec![1, 5, 2 + 8 * count as u8];
        for index in 0..count {
            options.extend((100 * index).to_be_bytes());
            options.extend((100 * index + 50).to_be_bytes());
        }
        let sack = segment(&syn(&options)).sack;
        let expected: Vec<_> =
            (0..count).map(|i| SackBlock { left: 100 * i, right: 100 * i + 50 }).collect();
        assert_eq!(sack.as_slice(), expected);
    }
}

#[test]
fn options_of_a_wrong_length_are_skipped() {
    let segment = segment(&syn(&[3, 2, 3, 4, 9, 9, 4, 3, 9, 5, 9, 0, 0, 0, 0, 0, 0, 0, 3, 3, 5]));
    assert_eq!((segment.window_scale, segment.sack_permitted), (Some(5), false));
    assert_eq!(segment.sack.as_slice(), []);
}

#[test]
fn hostile_lists_end_the_reading() {
    let before = [3, 3, 2];
    for broken in [&[8, 0][..], &[8, 1], &[8, 255], &[8], &[3, 4, 9], &[5, 10, 0, 0], &[4, 0, 4, 2]]
    {
        let mut tcp = syn(&[&before[..], broken].concat());
        // No padding: the list ends where the header does, and padding would be an end-of-list.
        let free = tcp.len() - 20 - before.len() - broken.len();
        let list = [vec![1; free], before.to_vec(), broken.to_vec()].concat();
        tcp[20..].copy_from_slice(&list);
        let packet = Packet::from_ip(&ipv4(6, &tcp)).unwrap();
        let segment = packet.tcp_segment().unwrap();
        assert_eq!((segment.window_scale, segment.sack_permitted), (Some(2), false), "{list:?}");
        assert_eq!(segment.sack.as_slice(), []);
        assert_eq!(packet.malformed, None);
    }
}

#[test]
fn data_offset_below_5_or_beyond_the_packet() {
    let mut bytes = [syn(&[]), vec![0; 8]].concat();
    for words in 0..16 {
        bytes[12] = words << 4;
        let packet = Packet::from_ip(&ipv4(6, &bytes)).unwrap();
        let expected = (!(5..=7).contains(&words)).then_some(Malformed::BadTransport);
        assert_eq!(packet.malformed, expected, "{words}");
        assert_eq!(packet.ports.unwrap().dst, 443);
        assert_eq!(packet.tcp_segment().unwrap().flags, TcpFlags::SYN);
        let header = usize::from(words.clamp(5, 7)) * 4;
        assert_eq!(packet.tcp_segment().unwrap().payload_len as usize, 28 - header);
    }
}

#[test]
fn cut_at_every_length() {
    let bytes = syn(&[3, 3, 7]);
    for len in 0..bytes.len() {
        let packet = Packet::from_ip(&ipv4(6, &bytes[..len])).unwrap();
        let expected = match len {
            0..4 => Malformed::ShortPorts,
            4..20 => Malformed::ShortTransport,
            _ => Malformed::BadTransport,
        };
        assert_eq!(packet.malformed, Some(expected));
        assert_eq!(packet.ports.is_some(), len >= 20);
        assert_eq!(packet.tcp_segment().is_some(), len >= 20);
    }
}

#[test]
fn whether_there_are_options_at_all() {
    assert!(!segment(&syn(&[])).has_options());
    for options in [&[1, 1, 1, 1][..], &[2, 4, 5, 0xb4], &[0; 4], &[3, 3, 7, 1], &[4, 2, 1, 1]] {
        assert!(segment(&syn(options)).has_options(), "{options:?}");
    }
    assert!(!TcpSegment::new(TcpFlags::SYN).has_options());
}

#[test]
fn the_first_selective_acknowledgement_counts() {
    let block = |edge: u8| [5, 10, 0, 0, 0, 1, 0, 0, 0, edge];
    let read = segment(&syn(&[&[1, 1][..], &block(7), &[1, 1], &block(9)].concat()));
    assert_eq!(read.sack.as_slice(), [SackBlock { left: 1, right: 7 }]);
}
