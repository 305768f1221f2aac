//! Fragments that nobody sends who means well.

use portcullis::packet::{Checksum, Malformed, TcpFlags};
use portcullis::reassembly::{Arrival, Fault, Reassembler, Reassembly};
use portcullis::{Fragment, Time};

use super::cases::reassembler;
use super::model::Fate;
use super::sent::{Sent, cut, udp};

const NOW: Time = Time::from_secs(100);

/// Pushes fragments numbered from 0 and gives each one's fate.
fn push_all(reassembler: &mut Reassembler<usize>, sent: &[Sent]) -> Vec<Fate> {
    let pushed = sent.iter().enumerate();
    pushed
        .map(|(number, sent)| {
            super::properties::fate(super::properties::push(
                reassembler,
                number,
                sent,
                NOW.as_nanos(),
            ))
        })
        .collect()
}

fn fault_of_last(sent: &[Sent]) -> Option<Fault> {
    let mut reassembler = reassembler();
    let mut fault = None;
    for sent in sent {
        let bytes = sent.bytes();
        fault = match reassembler.push(Arrival::from_ip(&bytes, ()).unwrap(), NOW) {
            Reassembly::Rejected(rejection) => Some(rejection.fault),
            _ => None,
        };
    }
    fault
}

#[test]
fn a_duplicate_costs_nothing() {
    for v6 in [false, true] {
        let payload = udp(60);
        let [first, second, third] = cut(v6, 5, &payload, &[24, 48]).try_into().unwrap();
        // In order, the first two are one run: a part of it is as much a duplicate.
        let part = Sent::new(v6, 5, 16, true, &[0xff; 16]);
        let sent = [first.clone(), first, second, part, third];
        let fates = push_all(&mut reassembler(), &sent);
        assert_eq!(fates[..2], [Fate::Held, Fate::Rejected(vec![1])]);
        assert_eq!(fates[2..4], [Fate::Held, Fate::Rejected(vec![3])]);
        assert_eq!(fates[4], Fate::Whole(sent[0].whole(&payload), vec![0, 2, 4]));
    }
}

/// The bytes that came first count, as a filter has judged by them.
#[test]
fn a_duplicate_with_other_bytes_changes_nothing() {
    for v6 in [false, true] {
        let payload = udp(60);
        let [first, second] = cut(v6, 5, &payload, &[24]).try_into().unwrap();
        let forged = Sent { payload: vec![0xaa; 24], ..first.clone() };
        let fates = push_all(&mut reassembler(), &[first.clone(), forged, second]);
        assert_eq!(fates[2], Fate::Whole(first.whole(&payload), vec![0, 2]));
    }
}

#[test]
fn an_overlap_costs_the_datagram() {
    for v6 in [false, true] {
        let [first, second] = cut(v6, 5, &udp(60), &[24]).try_into().unwrap();
        let overlaps = [(16, 16), (8, 24), (0, 32), (16, 56)];
        for (start, len) in overlaps {
            let overlap = Sent::new(v6, 5, start, true, &[0xaa; 64][..len]);
            let sent = [first.clone(), overlap.clone(), second.clone()];
            assert_eq!(fault_of_last(&sent[..2]), Some(Fault::Overlap), "{start} {len}");
            let fates = push_all(&mut reassembler(), &sent);
            assert_eq!(fates[1..], [Fate::Rejected(vec![0, 1]), Fate::Held], "{start} {len}");
        }
        // Around one that came before.
        let middle = Sent::new(v6, 5, 8, true, &[1; 8]);
        let around = Sent::new(v6, 5, 0, true, &[1; 24]);
        assert_eq!(fault_of_last(&[middle, around]), Some(Fault::Overlap));
        // Across two runs that touch.
        let parts = [8, 0].map(|start| Sent::new(v6, 5, start, true, &[1; 8]));
        let both = Sent::new(v6, 5, 0, true, &[1; 16]);
        assert_eq!(
            fault_of_last(&[parts[0].clone(), parts[1].clone(), both]),
            Some(Fault::Overlap)
        );
    }
}

/// A first fragment that a filter lets through, and flags that a second one puts over its own.
#[test]
fn tcp_flags_cannot_be_overwritten() {
    let mut header = vec![0x9c, 0x40, 0, 22, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 4, 0];
    header.extend([0; 8]);
    let first = Sent { protocol: 6, ..Sent::new(false, 5, 0, true, &header) };
    let over = [0, 0, 0, 0, 0x50, 0x02, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (len, fault) in [(16, Fault::Duplicate), (12, Fault::End)] {
        let second = Sent { protocol: 6, ..Sent::new(false, 5, 8, false, &over[..len]) };
        assert_eq!(fault_of_last(&[first.clone(), second]), Some(fault));
    }
    let longer = [&over[..], &[0; 8]].concat();
    let second = Sent { protocol: 6, ..Sent::new(false, 5, 8, false, &longer) };
    assert_eq!(fault_of_last(&[first, second]), Some(Fault::Overlap));
}

/// The flags lie in the second fragment. Put together they are seen.
#[test]
fn tiny_fragments_hide_nothing() {
    let segment = [0x9c, 0x40, 0, 22, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 4, 0, 0, 0, 0, 0];
    let mut reassembler = reassembler();
    let mut last = None;
    for sent in cut(false, 5, &segment, &[8]) {
        let bytes = Sent { protocol: 6, ..sent }.bytes();
        let arrival = Arrival::from_ip(&bytes, ()).unwrap();
        assert!(arrival.packet.tcp_segment().is_none());
        last = Some(reassembler.push(arrival, NOW));
    }
    let Some(Reassembly::Whole(datagram)) = last else { panic!("{last:?}") };
    assert_eq!(datagram.packet.tcp_segment().unwrap().flags, TcpFlags::SYN);
}

/// IPv6 wants all headers in the first fragment. Linux lets one without them pass, to be found
/// invalid.
#[test]
fn a_first_fragment_of_ipv6_without_its_headers_is_judged_alone() {
    for (protocol, len) in [(17, 0), (6, 16), (58, 0), (47, 0)] {
        let sent = Sent { protocol, ..Sent::new(true, 5, 0, true, &[0; 16][..len]) };
        let bytes = sent.bytes();
        let mut reassembler = reassembler();
        let back = reassembler.push(Arrival::from_ip(&bytes, ()).unwrap(), NOW);
        let Reassembly::Alone(packet, ()) = back else { panic!("{back:?}") };
        assert_eq!((packet.fragment, reassembler.len()), (Fragment::First, 0));
        assert_eq!(packet.malformed.is_some(), protocol != 47, "{protocol}");
    }
}

#[test]
fn a_fragment_of_ipv6_that_is_not_aligned_costs_the_datagram() {
    let [first, second] = cut(true, 5, &udp(60), &[24]).try_into().unwrap();
    let odd = Sent::new(true, 5, 24, true, &[0; 17]);
    let fates = push_all(&mut reassembler(), &[first, odd, second]);
    assert_eq!(fates, [Fate::Held, Fate::Alone, Fate::Held]);
    // As a packet its checksum, or its length, is wrong.
    let mut payload = udp(13);
    let bytes = Sent::new(true, 5, 0, true, &payload[..20]).bytes();
    let back = reassembler().push(Arrival::from_ip(&bytes, ()).unwrap(), NOW);
    let Reassembly::Alone(packet, ()) = back else { panic!("{back:?}") };
    assert_eq!((packet.checksum, packet.malformed), (Checksum::Wrong, None::<Malformed>));
    (payload[5], payload[6]) = (20, 1);
    let bytes = Sent::new(true, 5, 0, true, &payload[..20]).bytes();
    let back = reassembler().push(Arrival::from_ip(&bytes, ()).unwrap(), NOW);
    let Reassembly::Alone(packet, ()) = back else { panic!("{back:?}") };
    assert_eq!(packet.checksum, Checksum::Wrong);
}

#[test]
fn what_is_not_aligned_in_ipv4_is_cut_off() {
    let payload = udp(60);
    let [mut first, second] = cut(false, 5, &payload, &[24]).try_into().unwrap();
    first.payload.extend([0xff; 7]);
    let fates = push_all(&mut reassembler(), &[first.clone(), second]);
    assert_eq!(fates[1], Fate::Whole(first.whole(&payload), vec![0, 1]));
}

#[test]
fn ping_of_death() {
    for v6 in [false, true] {
        let most: usize = if v6 { 65_535 } else { 65_515 };
        let tail = most / 8 * 8;
        let start = Sent::new(v6, 5, 0, true, &vec![1; 32_768]);
        let middle = Sent::new(v6, 5, 32_768, true, &vec![1; tail - 32_768]);
        let over = Sent::new(v6, 5, tail, false, &[1; 8]);
        let sent = [start.clone(), middle.clone(), over];
        assert_eq!(fault_of_last(&sent), Some(Fault::TooLong));
        // The longest one that there can be.
        let rest = vec![1; most - tail];
        let fits = Sent::new(v6, 5, tail, false, &rest);
        let whole = start.whole(&vec![1; most]);
        let fates = push_all(&mut reassembler(), &[start, middle, fits]);
        assert_eq!(fates[2], Fate::Whole(whole, vec![0, 1, 2]));
    }
}

/// Headers that the others do not have make the datagram too long.
#[test]
fn long_headers_of_the_first_fragment_count() {
    let mut first = Sent::new(true, 5, 0, true, &udp(0)).bytes();
    first.splice(40..40, [44, 0, 1, 4, 0, 0, 0, 0]);
    (first[6], first[5]) = (0, first[5] + 8);
    let rest = Sent::new(true, 5, 8, false, &vec![1; 65_527 - 8]);
    let mut reassembler = reassembler();
    reassembler.push(Arrival::from_ip(&rest.bytes(), ()).unwrap(), NOW);
    let whole = reassembler.push(Arrival::from_ip(&first, ()).unwrap(), NOW);
    assert!(matches!(whole, Reassembly::Whole(_)), "{whole:?}");
    let rest = Sent::new(true, 5, 8, false, &vec![1; 65_528 - 8]);
    reassembler.push(Arrival::from_ip(&rest.bytes(), ()).unwrap(), NOW);
    match reassembler.push(Arrival::from_ip(&first, ()).unwrap(), NOW) {
        Reassembly::Rejected(rejection) => {
            assert_eq!((rejection.fault, rejection.fragments.len()), (Fault::TooLong, 2));
        }
        other => panic!("{other:?}"),
    }
    assert!(reassembler.is_empty());
}

#[test]
fn ends_that_contradict_each_other() {
    for v6 in [false, true] {
        let last = Sent::new(v6, 5, 24, false, &[1; 8]);
        let shorter = Sent::new(v6, 5, 16, false, &[1; 8]);
        let longer = Sent::new(v6, 5, 32, false, &[1; 8]);
        let beyond = Sent::new(v6, 5, 32, true, &[1; 8]);
        for other in [shorter, longer, beyond] {
            let sent = [last.clone(), other];
            assert_eq!(fault_of_last(&sent), Some(Fault::End));
            let lost = if v6 { vec![1] } else { vec![0, 1] };
            assert_eq!(push_all(&mut reassembler(), &sent)[1], Fate::Rejected(lost));
        }
    }
}

#[test]
fn fragments_without_data() {
    for v6 in [false, true] {
        let start = Sent::new(v6, 5, 0, true, &udp(16));
        let empty = Sent::new(v6, 5, 24, true, &[]);
        assert_eq!(fault_of_last(&[start.clone(), empty]), Some(Fault::Empty));
        let last = Sent::new(v6, 5, 24, false, &[]);
        let fates = push_all(&mut reassembler(), &[start, last]);
        let lost = if v6 { vec![1] } else { vec![0, 1] };
        assert_eq!(fates[1], Fate::Rejected(lost));
    }
    // Nothing is left of this one.
    let short = Sent::new(false, 5, 8, true, &[1; 7]);
    assert_eq!(fault_of_last(&[short]), Some(Fault::Empty));
}
