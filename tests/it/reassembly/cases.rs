use portcullis::packet::{Checksum, ParseError};
use portcullis::reassembly::{Arrival, Fault, FragmentLimits, Reassembler, Reassembly, Rejection};
use portcullis::{Fragment, Packet, Ports, Time};

use super::sent::{Sent, cut, set_checksum, udp};

const NOW: Time = Time::from_secs(100);

pub(super) fn reassembler<T>() -> Reassembler<T> {
    Reassembler::new(&FragmentLimits::default(), [3; 16])
}

fn push(reassembler: &mut Reassembler<usize>, sent: &Sent) -> Reassembly<usize> {
    push_bytes(reassembler, &sent.bytes())
}

fn push_bytes(reassembler: &mut Reassembler<usize>, bytes: &[u8]) -> Reassembly<usize> {
    reassembler.push(Arrival::from_ip(bytes, bytes.len()).unwrap(), NOW)
}

fn rejected(reassembly: &Reassembly<usize>) -> Option<Fault> {
    match reassembly {
        Reassembly::Rejected(Rejection { fault, .. }) => Some(*fault),
        _ => None,
    }
}

#[track_caller]
fn whole(reassembly: Reassembly<usize>) -> (Packet, Vec<u8>) {
    match reassembly {
        Reassembly::Whole(datagram) => (datagram.packet, datagram.bytes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_fragment_comes_back_at_once() {
    for v6 in [false, true] {
        let bytes = Sent::new(v6, 0, 0, false, &[]).whole(&udp(4));
        let mut reassembler = reassembler();
        let back = push_bytes(&mut reassembler, &bytes);
        assert_eq!(back, Reassembly::Alone(Packet::from_ip(&bytes).unwrap(), bytes.len()));
        assert_eq!((reassembler.len(), reassembler.counts().fragments), (0, 0));
    }
}

#[test]
fn a_datagram_is_what_it_was_before_it_was_cut() {
    for v6 in [false, true] {
        let payload = udp(100);
        let mut sent = cut(v6, 5, &payload, &[8, 64]);
        sent.rotate_left(2);
        let mut reassembler = reassembler();
        assert_eq!(push(&mut reassembler, &sent[0]), Reassembly::Held);
        assert_eq!(push(&mut reassembler, &sent[1]), Reassembly::Held);
        assert!(reassembler.memory() > 50);
        let (packet, bytes) = whole(push(&mut reassembler, &sent[2]));
        assert_eq!(bytes, sent[0].whole(&payload));
        assert_eq!(packet.fragment, Fragment::Whole);
        assert_eq!(packet.ports, Some(Ports { src: 40000, dst: 53 }));
        assert_eq!((reassembler.len(), reassembler.memory()), (0, 0));
    }
}

#[test]
fn what_the_caller_knows_is_that_of_the_last_to_come() {
    let sent = cut(false, 5, &udp(100), &[64]);
    let mut reassembler = reassembler();
    for (number, sent) in sent.iter().enumerate() {
        let bytes = sent.bytes();
        let mut arrival = Arrival::from_ip(&bytes, number).unwrap();
        (arrival.packet.mark, arrival.packet.vlan) = (number as u32, Some(number as u16 + 5));
        arrival.packet.predicates = 1 << number;
        if let Reassembly::Whole(datagram) = reassembler.push(arrival, NOW) {
            let packet = datagram.packet;
            assert_eq!((packet.mark, packet.vlan, packet.predicates), (1, Some(6), 2));
            return;
        }
    }
    panic!("not complete");
}

#[test]
fn transport_checksums_are_checked_when_whole() {
    let mut payload = udp(20);
    payload[6] = 1;
    for (checksum, expected) in [(true, Checksum::Wrong), (false, Checksum::Unchecked)] {
        let mut limits = FragmentLimits::default();
        limits.checksum = checksum;
        let mut reassembler = Reassembler::new(&limits, [3; 16]);
        let [first, second] = cut(false, 5, &payload, &[16]).try_into().unwrap();
        push(&mut reassembler, &first);
        assert_eq!(whole(push(&mut reassembler, &second)).0.checksum, expected);
    }
}

#[test]
fn fragments_come_in_frames() {
    let sent = cut(false, 5, &udp(20), &[16]);
    let mut reassembler = reassembler();
    let mut last = None;
    for sent in &sent {
        let head = [&[2; 12][..], &[0x81, 0, 0, 9, 8, 0]].concat();
        let frame = [&head[..], &sent.bytes(), &[0; 20]].concat();
        last = Some(reassembler.push(Arrival::from_ethernet(&frame, 0).unwrap(), NOW));
    }
    let (packet, bytes) = whole(last.unwrap());
    assert_eq!((packet.vlan, bytes), (Some(9), sent[0].whole(&udp(20))));
    let arp = Arrival::from_ethernet(&[0; 20], 0).unwrap_err();
    assert!(matches!(arp, ParseError::NotIp { .. }));
}

#[test]
fn options_of_the_first_fragment_are_kept() {
    let [first, second] = cut(false, 5, &udp(20), &[16]).try_into().unwrap();
    let mut first = first.bytes();
    first.splice(20..20, [7, 3, 4, 0]);
    (first[0], first[3]) = (0x46, first[3] + 4);
    set_checksum(&mut first[..24]);
    let mut reassembler = reassembler();
    push_bytes(&mut reassembler, &first);
    let (packet, bytes) = whole(push(&mut reassembler, &second));
    assert_eq!((packet.length, bytes[20..24].to_vec()), (52, vec![7, 3, 4, 0]));
    assert_eq!(packet.ports, Some(Ports { src: 40000, dst: 53 }));
}

#[test]
fn extension_headers_of_the_first_fragment_are_kept() {
    let sent = cut(true, 5, &udp(20), &[16]);
    let mut reassembler = reassembler();
    let mut last = None;
    for sent in sent {
        let mut bytes = sent.bytes();
        bytes.splice(40..40, [44, 0, 1, 4, 0, 0, 0, 0]);
        (bytes[6], bytes[5]) = (0, bytes[5] + 8);
        last = Some(push_bytes(&mut reassembler, &bytes));
    }
    let (packet, bytes) = whole(last.unwrap());
    assert_eq!(bytes[40..48], [17, 0, 1, 4, 0, 0, 0, 0]);
    assert_eq!((bytes[6], packet.length, bytes.len()), (0, 76, 76));
    assert_eq!(packet.ports, Some(Ports { src: 40000, dst: 53 }));
}

#[test]
fn what_tells_datagrams_apart() {
    let base = Sent::new(false, 5, 0, true, &udp(8));
    let tail = |v6| Sent { v6, ..Sent::new(v6, 5, 16, false, &[1; 4]) };
    let base6 = Sent { v6: true, ..base.clone() };
    let others = [
        (Sent { id: 6, ..base.clone() }, false),
        (Sent { src: 2, ..base.clone() }, false),
        (Sent { zone: 1, ..base.clone() }, false),
        (Sent { protocol: 47, ..base.clone() }, false),
        (Sent { interface: 1, ..base.clone() }, true),
        (Sent { id: 6, ..base6.clone() }, false),
        (Sent { zone: 1, ..base6.clone() }, false),
        (Sent { interface: 1, ..base6.clone() }, false),
        // What follows the fragment header stands in the first fragment alone.
        (Sent { protocol: 47, ..base6.clone() }, true),
        (base, true),
        (base6, true),
    ];
    for (sent, meets) in others {
        let mut reassembler = reassembler();
        super::properties::push(&mut reassembler, 0, &sent, NOW.as_nanos());
        let last = push(&mut reassembler, &tail(sent.v6));
        assert_eq!(matches!(last, Reassembly::Whole(_)), meets, "{sent:?}");
    }
}

#[test]
fn bytes_that_are_missing_make_a_fragment_useless() {
    for v6 in [false, true] {
        let bytes = Sent::new(v6, 5, 8, false, &[1; 16]).bytes();
        let mut reassembler = reassembler();
        let cut = push_bytes(&mut reassembler, &bytes[..bytes.len() - 1]);
        assert_eq!((rejected(&cut), reassembler.len()), (Some(Fault::Cut), 0));
    }
    let bytes = Sent::new(true, 5, 8, false, &[]).bytes();
    let mut short = bytes[..44].to_vec();
    short[5] = 4;
    assert_eq!(rejected(&push_bytes(&mut reassembler(), &short)), Some(Fault::Cut));
}

#[test]
fn a_wrong_header_checksum_makes_a_fragment_useless() {
    let mut bytes = Sent::new(false, 5, 8, false, &[1; 16]).bytes();
    bytes[10] ^= 1;
    let back = push_bytes(&mut reassembler(), &bytes);
    assert_eq!(rejected(&back), Some(Fault::HeaderChecksum));
}

#[test]
fn congestion_marks_are_joined() {
    // The marks of two fragments, and the datagram's, or none where they contradict each other.
    let cases = [
        (0, 0, Some(0)),
        (1, 1, Some(1)),
        (1, 2, Some(1)),
        (2, 1, Some(2)),
        (2, 3, Some(3)),
        (3, 1, Some(3)),
        (3, 3, Some(3)),
        (0, 1, None),
        (2, 0, None),
        (3, 0, None),
    ];
    for (first, second, expected) in cases {
        for v6 in [false, true] {
            let mut sent = cut(v6, 5, &udp(20), &[16]);
            (sent[0].ecn, sent[1].ecn) = (first, second);
            let mut reassembler = reassembler();
            push(&mut reassembler, &sent[0]);
            let back = push(&mut reassembler, &sent[1]);
            assert_eq!(rejected(&back), expected.map_or(Some(Fault::Congestion), |_| None));
            let Some(expected) = expected else { continue };
            let (_, bytes) = whole(back);
            let class = if v6 { bytes[1] >> 4 } else { bytes[1] };
            assert_eq!(class, expected, "{first} {second}");
        }
    }
}

/// As Linux sends it on: not to be cut smaller than its largest fragment, if that said so.
#[test]
fn dont_fragment_is_kept_if_the_largest_fragment_has_it() {
    for (first, second, expected) in
        [(false, false, 0), (true, true, 0x40), (true, false, 0x40), (false, true, 0)]
    {
        let mut sent = cut(false, 5, &udp(20), &[16]);
        (sent[0].dont_fragment, sent[1].dont_fragment) = (first, second);
        let mut reassembler = reassembler();
        push(&mut reassembler, &sent[0]);
        let (_, bytes) = whole(push(&mut reassembler, &sent[1]));
        assert_eq!(bytes[6], expected, "{first} {second}");
    }
}

#[test]
fn an_atomic_fragment_is_a_datagram() {
    let sent = Sent::new(true, 5, 0, false, &udp(20));
    let mut reassembler = reassembler();
    let (packet, bytes) = whole(push(&mut reassembler, &sent));
    assert_eq!(bytes, sent.whole(&udp(20)));
    assert_eq!((packet.fragment, packet.length), (Fragment::Whole, 68));
}

#[test]
fn faults_say_what_they_are() {
    assert_eq!(Fault::Overlap.to_string(), "overlapping fragment");
    assert_eq!(Fault::TooMany.to_string(), "too many fragments; raise FragmentLimits::fragments");
}
