//! Fragments recorded in front of a Linux 6.18 kernel: which it held, and which completed a
//! datagram that went on to connection tracking.

use portcullis::Time;
use portcullis::reassembly::{Arrival, Reassembler, Reassembly};

use super::cases::reassembler;

const RECORDED: &str = include_str!("../../data/fragments-linux.txt");

#[test]
fn fragments_meet_the_fate_that_linux_gives_them() {
    let (mut cases, mut packets) = (0, 0);
    let mut table: Reassembler = reassembler();
    for line in RECORDED.lines() {
        if line.starts_with('#') {
            (cases, table) = (cases + 1, reassembler());
            continue;
        }
        let (expected, hex) = line.split_once(' ').unwrap();
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let passed = match table.push(Arrival::from_ip(&bytes, ()).unwrap(), Time::from_secs(1)) {
            Reassembly::Whole(datagram) => {
                assert!(datagram.packet.ports.is_some(), "{line}");
                true
            }
            Reassembly::Alone(..) => true,
            _ => false,
        };
        assert_eq!(passed, expected == "passed", "packet {packets}: {line}");
        packets += 1;
    }
    assert_eq!((cases, packets), (5, 56));
}
