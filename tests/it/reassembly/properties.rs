use portcullis::Time;
use portcullis::reassembly::{Arrival, FragmentLimits, Reassembler, Reassembly};
use proptest::prelude::*;

use super::model::{Fate, Model, SECOND};
use super::sent::{Sent, cut, udp};

pub(super) fn push(
    reassembler: &mut Reassembler<usize>,
    number: usize,
    sent: &Sent,
    now: u64,
) -> Reassembly<usize> {
    let bytes = sent.bytes();
    let mut arrival = Arrival::from_ip(&bytes, number).unwrap();
    arrival.packet.zone = sent.zone;
    let arrival = arrival.interface(sent.interface);
    reassembler.push(arrival, Time::from_nanos(now))
}

pub(super) fn fate(reassembly: Reassembly<usize>) -> Fate {
    match reassembly {
        Reassembly::Alone(..) => Fate::Alone,
        Reassembly::Whole(datagram) => Fate::Whole(datagram.bytes, datagram.fragments),
        Reassembly::Held => Fate::Held,
        Reassembly::Rejected(rejection) => Fate::Rejected(rejection.fragments),
        other => panic!("{other:?}"),
    }
}

/// Few values, so that fragments meet.
fn sent() -> impl Strategy<Value = Sent> {
    let place = (0..8u16, 0..26usize, any::<bool>());
    let far = prop_oneof![9 => Just(None), 1 => (8180..8192u16).prop_map(Some)];
    let ecn = prop_oneof![8 => Just(0u8), 1 => 0..4u8];
    let protocol = prop_oneof![8 => Just(17u8), 1 => Just(6), 1 => Just(47)];
    let whom = (any::<bool>(), 0..2u8, 0..2u16, 0..2u16, 0..2u32);
    (whom, place, far, any::<bool>(), ecn, protocol).prop_map(
        |((v6, src, id, zone, interface), (offset, len, more), far, df, ecn, protocol)| {
            let rounded = if len % 5 == 0 { len } else { len / 8 * 8 };
            Sent {
                src,
                zone: zone * u16::from(id == 1),
                interface: interface * u32::from(id == 1),
                offset: far.unwrap_or(offset),
                more,
                dont_fragment: df && !v6,
                ecn,
                protocol,
                ..Sent::new(v6, id, 0, true, &udp(90)[..rounded])
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_fragments_meet_the_fate_of_the_model(
        steps in prop::collection::vec((sent(), 0..20_000_000_000u64), 1..60),
        hurry in any::<bool>(),
    ) {
        let mut reassembler = Reassembler::new(&FragmentLimits::default(), [3; 16]);
        let mut model = Model::default();
        let mut now = SECOND;
        for (number, (sent, wait)) in steps.iter().enumerate() {
            now += if hurry { wait / 1_000_000 } else { *wait };
            let expected = model.push(number, sent, now);
            prop_assert_eq!(fate(push(&mut reassembler, number, sent, now)), expected);
        }
    }

    #[test]
    fn datagrams_come_out_as_they_went_in(
        datagrams in prop::collection::vec(
            (any::<bool>(), 0..600usize, prop::collection::vec(0..600usize, 0..8)), 1..6),
        order in prop::collection::vec(any::<u64>(), 64),
        repeats in prop::collection::vec(any::<bool>(), 64),
    ) {
        let mut wholes = Vec::new();
        let mut sent = Vec::new();
        for (id, (v6, len, cuts)) in datagrams.iter().enumerate() {
            let payload = udp(*len);
            let mut cuts = cuts.clone();
            cuts.push(8);
            let mut pieces = cut(*v6, id as u16, &payload, &cuts);
            pieces.iter_mut().for_each(|piece| piece.src = id as u8);
            if pieces.len() > 1 {
                wholes.push(pieces[0].whole(&payload));
                sent.extend(pieces);
            }
        }
        let again: Vec<Sent> = sent.iter().zip(&repeats).filter(|(_, again)| **again)
            .map(|(sent, _)| sent.clone()).collect();
        let mut keyed: Vec<_> = sent.into_iter().chain(again).zip(order.iter().cycle())
            .map(|(sent, key)| (key.wrapping_mul(u64::from(sent.offset) + 3), sent)).collect();
        keyed.sort_by_key(|(key, _)| *key);
        let mut reassembler = Reassembler::new(&FragmentLimits::default(), [3; 16]);
        let mut got = Vec::new();
        for (number, (_, sent)) in keyed.iter().enumerate() {
            if let Fate::Whole(bytes, _) = fate(push(&mut reassembler, number, sent, SECOND)) {
                got.push(bytes);
            }
        }
        // A fragment that came again after its datagram was complete begins another.
        for whole in wholes {
            prop_assert!(got.contains(&whole));
            got.retain(|bytes| *bytes != whole);
        }
        prop_assert_eq!(got, Vec::<Vec<u8>>::new());
    }
}
