use std::time::Duration;

use portcullis::Time;
use portcullis::reassembly::{
    Arrival, Expired, Fault, FragmentLimits, Reassembler, Reassembly, WhenFull,
};

use super::model::{Fate, SECOND};
use super::properties::{fate, push};
use super::sent::{Sent, cut, udp};
use crate::strategies::Rng;

fn limited(change: impl FnOnce(&mut FragmentLimits)) -> Reassembler<usize> {
    let mut limits = FragmentLimits::default();
    change(&mut limits);
    Reassembler::new(&limits, [3; 16])
}

fn first(id: u16) -> Sent {
    Sent::new(false, id, 0, true, &udp(16))
}

fn last(id: u16) -> Sent {
    Sent::new(false, id, 24, false, &[1; 8])
}

fn is_whole(reassembly: Reassembly<usize>) -> bool {
    matches!(reassembly, Reassembly::Whole(_))
}

#[test]
fn what_is_never_finished_is_forgotten() {
    for (v6, seconds) in [(false, 30), (true, 60)] {
        let [first, second] = cut(v6, 5, &udp(60), &[24]).try_into().unwrap();
        for (after, complete) in [(seconds * SECOND - 1, true), (seconds * SECOND, false)] {
            let mut reassembler = limited(|_| {});
            push(&mut reassembler, 0, &first, SECOND);
            let back = push(&mut reassembler, 1, &second, SECOND + after);
            assert_eq!(is_whole(back), complete, "{v6} {after}");
            assert_eq!(reassembler.counts().expired, u64::from(!complete));
        }
    }
}

/// The time counts from the first fragment, so that nobody can keep a datagram by sending more.
#[test]
fn fragments_do_not_prolong_the_time() {
    let mut reassembler = limited(|limits| limits.timeout_v4 = Duration::from_secs(10));
    for number in 0..9 {
        let sent = Sent::new(false, 5, 8 * number, true, &[1; 8]);
        assert_eq!(fate(push(&mut reassembler, number, &sent, number as u64 * SECOND)), Fate::Held);
    }
    let tail = Sent::new(false, 5, 72, false, &[1; 8]);
    assert_eq!(fate(push(&mut reassembler, 9, &tail, 10 * SECOND)), Fate::Held);
    assert_eq!(reassembler.counts().expired, 1);
}

#[test]
fn the_expired_are_handed_out() {
    let mut reassembler = limited(|_| {});
    push(&mut reassembler, 0, &first(1), SECOND);
    push(&mut reassembler, 1, &last(2), 2 * SECOND);
    push(&mut reassembler, 2, &Sent { v6: true, ..first(3) }, SECOND);
    assert_eq!(reassembler.expire(Time::from_secs(30)), None);
    let Expired { first_seen, fragments, .. } = reassembler.expire(Time::from_secs(31)).unwrap();
    assert_eq!((first_seen, fragments), (true, vec![0]));
    assert_eq!(reassembler.expire(Time::from_secs(31)), None);
    let expired = reassembler.expire(Time::from_secs(61)).unwrap();
    assert_eq!((expired.first_seen, expired.fragments), (false, vec![1]));
    assert_eq!(expired.addrs.src().to_string(), "10.0.0.1");
    assert_eq!(reassembler.expire(Time::from_secs(61)).unwrap().fragments, [2]);
    assert_eq!((reassembler.len(), reassembler.memory()), (0, 0));
}

#[test]
fn a_clock_that_goes_back_keeps_nothing_for_ever() {
    let mut reassembler = limited(|_| {});
    push(&mut reassembler, 0, &first(1), u64::MAX - SECOND);
    assert_eq!(reassembler.expire(Time::from_secs(5)), None);
    assert!(reassembler.expire(Time::from_secs(35)).is_some());
    assert!(reassembler.is_empty());
}

#[test]
fn a_source_has_its_share() {
    let mut reassembler = limited(|limits| limits.per_source = 3);
    for id in 0..5 {
        push(&mut reassembler, id.into(), &first(id), SECOND);
    }
    let other = Sent { src: 9, ..first(0) };
    push(&mut reassembler, 5, &other, SECOND);
    assert_eq!((reassembler.len(), reassembler.counts().displaced), (4, 2));
    // Its own oldest gave way.
    for (id, held) in [(4, true), (3, true), (2, true), (1, false)] {
        let rest = Sent::new(false, id, 24, false, &[1; 8]);
        assert_eq!(is_whole(push(&mut reassembler, 6, &rest, SECOND)), held, "{id}");
    }
    assert!(is_whole(push(&mut reassembler, 7, &Sent { src: 9, ..last(0) }, SECOND)));
}

/// Whoever has an IPv6 prefix of 64 bits has all of its addresses.
#[test]
fn an_ipv6_source_is_a_prefix() {
    let mut reassembler = limited(|limits| limits.per_source = 3);
    for host in 0..20 {
        let mut bytes = Sent { v6: true, ..first(1) }.bytes();
        bytes[23] = host;
        reassembler.push(Arrival::from_ip(&bytes, 0).unwrap(), Time::from_secs(1));
    }
    assert_eq!(reassembler.len(), 3);
}

#[test]
fn the_oldest_make_room() {
    let mut reassembler = limited(|limits| limits.datagrams = 8);
    for src in 0..20 {
        push(&mut reassembler, src.into(), &Sent { src, ..first(1) }, SECOND);
    }
    assert_eq!((reassembler.len(), reassembler.counts().displaced), (8, 12));
    assert!(is_whole(push(&mut reassembler, 20, &Sent { src: 19, ..last(1) }, SECOND)));
    assert!(is_whole(push(&mut reassembler, 21, &Sent { src: 12, ..last(1) }, SECOND)));
    assert!(!is_whole(push(&mut reassembler, 22, &Sent { src: 11, ..last(1) }, SECOND)));
}

#[test]
fn or_the_new_are_refused() {
    let mut reassembler = limited(|limits| {
        limits.datagrams = 8;
        limits.when_full = WhenFull::Refuse;
    });
    for src in 0..8 {
        assert_eq!(fate(push(&mut reassembler, 0, &Sent { src, ..first(1) }, SECOND)), Fate::Held);
    }
    let back = push(&mut reassembler, 8, &Sent { src: 8, ..first(1) }, SECOND);
    let Reassembly::Rejected(rejection) = back else { panic!("{back:?}") };
    assert_eq!((rejection.fault, rejection.fragments), (Fault::NoRoom, vec![8]));
    assert!(is_whole(push(&mut reassembler, 9, &Sent { src: 0, ..last(1) }, SECOND)));
    // Time makes room.
    let late = 31 * SECOND;
    assert_eq!(fate(push(&mut reassembler, 10, &Sent { src: 8, ..first(1) }, late)), Fate::Held);
}

#[test]
fn no_room_at_all() {
    for change in [
        |limits: &mut FragmentLimits| limits.datagrams = 0,
        |limits: &mut FragmentLimits| limits.per_source = 0,
        |limits: &mut FragmentLimits| limits.memory = 100,
    ] {
        let mut reassembler = limited(change);
        let back = push(&mut reassembler, 0, &first(1), SECOND);
        assert!(
            matches!(back, Reassembly::Rejected(ref r) if r.fault == Fault::NoRoom),
            "{back:?}"
        );
        assert_eq!((reassembler.len(), reassembler.memory()), (0, 0));
    }
}

/// A datagram that alone takes all the room goes.
#[test]
fn one_that_outgrows_the_room_is_lost() {
    let mut reassembler = limited(|limits| limits.memory = 20_000);
    let mut number = 0;
    let fault = loop {
        let sent = Sent::new(false, 1, 8 * 125 * number, true, &[1; 1000]);
        if let Reassembly::Rejected(rejection) = push(&mut reassembler, number, &sent, SECOND) {
            assert_eq!(rejection.fragments, (0..=number).collect::<Vec<_>>());
            break rejection.fault;
        }
        assert!(reassembler.memory() <= 20_000);
        number += 1;
    };
    assert_eq!((fault, reassembler.memory()), (Fault::NoRoom, 0));
    assert!(number > 10);
}

#[test]
fn too_many_fragments_of_one() {
    let mut reassembler = limited(|limits| limits.fragments = 10);
    for number in 0..10 {
        let sent = Sent::new(false, 1, 16 * number, true, &[1; 8]);
        assert_eq!(fate(push(&mut reassembler, number, &sent, SECOND)), Fate::Held);
    }
    let again = Sent::new(false, 1, 0, true, &[1; 8]);
    assert_eq!(fate(push(&mut reassembler, 10, &again, SECOND)), Fate::Rejected(vec![10]));
    let more = Sent::new(false, 1, 8, true, &[1; 8]);
    let Reassembly::Rejected(rejection) = push(&mut reassembler, 11, &more, SECOND) else {
        panic!()
    };
    assert_eq!((rejection.fault, rejection.fragments.len()), (Fault::TooMany, 11));
    assert!(reassembler.is_empty());
}

/// Identifiers of IPv4 come round: a fragment that comes after many others of its source is not of
/// the datagram that was begun before.
#[test]
fn a_datagram_is_outrun_by_its_source() {
    for (between, distance, complete) in [(63, 64, true), (64, 64, false), (300, 0, true)] {
        let mut reassembler = limited(|limits| {
            limits.max_distance = distance;
            limits.per_source = 1000;
        });
        push(&mut reassembler, 0, &first(1), SECOND);
        for id in 0..between {
            push(&mut reassembler, 1, &first(1000 + id), SECOND);
        }
        let back = push(&mut reassembler, 2, &last(1), SECOND);
        assert_eq!(is_whole(back), complete, "{between} {distance}");
        assert_eq!(reassembler.counts().outrun, u64::from(!complete));
        // What came last counts as the beginning.
        if !complete {
            assert!(is_whole(push(&mut reassembler, 3, &first(1), SECOND)));
        }
    }
}

/// Fragments that never become whole, from as many sources, with one sound datagram now and then.
#[test]
fn a_flood_from_many_sources_costs_bounded_memory() {
    let mut limits = FragmentLimits::default();
    limits.memory = 1 << 20;
    let mut reassembler: Reassembler = Reassembler::new(&limits, [3; 16]);
    let mut rng = Rng::new(1);
    let payload = udp(1400);
    let (mut whole, mut most) = (0, 0);
    for step in 0..50_000u64 {
        let now = Time::from_nanos(step * 1000);
        let sent =
            Sent::new(rng.percent(50), rng.number() as u16, 8 * rng.below(8000), true, &[1; 24]);
        let mut bytes = sent.bytes();
        let at = if sent.v6 { 12 } else { 13 };
        bytes[at..at + 3].copy_from_slice(&rng.number().to_ne_bytes()[..3]);
        if !sent.v6 {
            super::sent::set_checksum(&mut bytes[..20]);
        }
        reassembler.push(Arrival::from_ip(&bytes, ()).unwrap(), now);
        most = most.max(reassembler.memory());
        if step % 1000 == 0 {
            for sound in cut(false, step as u16, &payload, &[700]) {
                let arrival = sound.bytes();
                let back = reassembler.push(Arrival::from_ip(&arrival, ()).unwrap(), now);
                whole += usize::from(matches!(back, Reassembly::Whole(_)));
            }
        }
    }
    assert_eq!(whole, 50, "a sound datagram is not old enough to be displaced");
    assert!((1 << 19..=1 << 20).contains(&most), "{most}");
    assert!(reassembler.counts().displaced > 25_000);
    assert!(reassembler.len() <= limits.datagrams as usize);
}
