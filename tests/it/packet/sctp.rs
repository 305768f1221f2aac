use portcullis::packet::{Malformed, SctpChunk, SctpHeader};
use portcullis::{Packet, Ports};
use proptest::prelude::*;

use super::bytes::{ipv4, ipv4_fragment, ipv6};

const COMMON: [u8; 12] = [0, 9, 0, 10, 0, 0, 1, 2, 0, 0, 0, 0];

fn chunk(chunk_type: u8, body: &[u8]) -> Vec<u8> {
    let [l0, l1] = (4 + body.len() as u16).to_be_bytes();
    let padding = body.len().next_multiple_of(4) - body.len();
    [&[chunk_type, 0, l0, l1], body, &vec![0; padding]].concat()
}

fn bytes(chunks: &[Vec<u8>]) -> Vec<u8> {
    [&COMMON[..], &chunks.concat()].concat()
}

fn read(payload: &[u8]) -> (SctpHeader, Option<Malformed>) {
    let [v4, v6] =
        [ipv4(132, payload), ipv6(132, payload)].map(|bytes| Packet::from_ip(&bytes).unwrap());
    assert_eq!((v4.transport, v4.malformed), (v6.transport, v6.malformed));
    assert_eq!(v4.ports, Some(Ports { src: 9, dst: 10 }));
    (*v4.sctp_header().unwrap(), v4.malformed)
}

fn is_sound(chunks: &[Vec<u8>]) -> bool {
    read(&bytes(chunks)).1.is_none()
}

#[test]
fn tags_and_chunks() {
    let (header, malformed) =
        read(&bytes(&[chunk(1, &[[0, 0, 3, 4].as_slice(), &[0; 12]].concat())]));
    assert_eq!(malformed, None);
    assert_eq!((header.verification_tag, header.initiate_tag), (0x102, Some(0x304)));
    assert!(header.chunks.contains(SctpChunk::INIT) && !header.chunks.has_others());

    let chunks = [chunk(0, b"da"), chunk(9, &[1]), chunk(3, &[]), chunk(6, &[])];
    let (header, malformed) = read(&bytes(&chunks));
    assert_eq!((malformed, header.initiate_tag), (None, None));
    assert_eq!(header.chunks.control(), [9, 6].map(SctpChunk::new));
    assert!(header.chunks.has_data() && header.chunks.has_others());
}

#[test]
fn an_init_cut_short_has_no_tag() {
    for len in 0..16 {
        let (header, malformed) = read(&bytes(&[chunk(1, &vec![1; len])]));
        // The padding is there to be read.
        let expected = (len.next_multiple_of(4) == 16).then_some(0x0101_0101);
        assert_eq!((header.initiate_tag, malformed), (expected, None), "{len}");
    }
}

#[test]
fn chunks_that_must_not_stand_together() {
    let init = || chunk(1, &[0; 16]);
    assert!(is_sound(&[init()]));
    assert!(!is_sound(&[init(), chunk(0, b"data")]));
    assert!(!is_sound(&[chunk(0, b"data"), init()]));
    assert!(!is_sound(&[chunk(2, &[0; 16]), chunk(3, &[])]));
    assert!(!is_sound(&[chunk(14, &[]), chunk(14, &[])]));
    assert!(is_sound(&[chunk(10, &[]), chunk(0, b"data")]));
    assert!(!is_sound(&[chunk(0, b"data"), chunk(10, &[])]));
    assert!(!is_sound(&[chunk(3, &[]), chunk(11, &[])]));
    assert!(is_sound(&[chunk(11, &[]), chunk(3, &[]), chunk(4, &[]), chunk(7, &[])]));
    assert!(!is_sound(&[]));
}

#[test]
fn lengths_that_are_not_true() {
    assert_eq!(read(&[&COMMON[..], &[0, 0, 0, 0]].concat()).1, Some(Malformed::BadTransport));
    // Shorter than its own header, and beyond the end.
    for len in [1, 3] {
        let payload = [&COMMON[..], &[3, 0, 0, len, 6, 0, 0, 4]].concat();
        let (header, malformed) = read(&payload);
        assert!(malformed.is_none() && header.chunks.contains(SctpChunk::ABORT), "{len}");
    }
    let (header, malformed) = read(&[&COMMON[..], &[3, 0, 0xff, 0xff, 6, 0, 0, 4]].concat());
    assert!(malformed.is_none() && !header.chunks.contains(SctpChunk::ABORT));
    // What is left is no chunk.
    let (header, malformed) = read(&[&COMMON[..], &[3, 0, 0, 4, 6, 0, 0]].concat());
    assert!(malformed.is_none() && header.chunks.control().is_empty());
}

#[test]
fn what_is_not_there_is_not_missed_in_a_part() {
    let first = Packet::from_ip(&ipv4_fragment(132, 0x2000, &COMMON)).unwrap();
    assert_eq!(first.malformed, None);
    let whole = ipv4(132, &bytes(&[chunk(0, &[0; 100])]));
    assert_eq!(Packet::from_ip(&whole[..32]).unwrap().malformed, None);
}

proptest! {
    #[test]
    fn any_bytes_are_read(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let packet = Packet::from_ip(&ipv4(132, &[&COMMON[..], &tail].concat())).unwrap();
        let chunks = packet.sctp_header().unwrap().chunks;
        prop_assert!(chunks.control().iter().all(|chunk| chunk.is_control()));
        prop_assert!(chunks.has_others() || !chunks.has_data());
        prop_assert!(packet.malformed.is_some() || !chunks.is_empty());
    }
}
