//! Every format, byte order, clock and link type says the same of the same packets.

use super::files::{Endian, Frame, block, office, pcap, pcapng, pcapng_simple, section};
use super::{frames, run_on};

/// The shipped capture in its own format, with the shipped rules.
fn expected() -> String {
    let (output, result) = run_on(&pcap(Endian::Little, false, 1, &office()));
    result.unwrap();
    output
}

/// Without the line that names the file.
fn without_name(output: &str) -> String {
    let lines = output.lines().filter(|line| !line.starts_with("Capture "));
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_same(capture: &[u8]) {
    let (output, result) = run_on(capture);
    result.unwrap();
    assert_eq!(without_name(&output), without_name(&expected()));
}

#[test]
fn pcap_in_each_byte_order_and_resolution() {
    for endian in [Endian::Little, Endian::Big] {
        for nanoseconds in [false, true] {
            assert_same(&pcap(endian, nanoseconds, 1, &office()));
        }
    }
}

#[test]
fn pcap_with_a_frame_check_sequence_length_in_the_link_field() {
    assert_same(&pcap(Endian::Little, false, 1 | 0x5400_0000, &office()));
}

#[test]
fn pcapng_in_each_byte_order_and_resolution() {
    for endian in [Endian::Little, Endian::Big] {
        for clock in [(6, 0), (9, 0), (6, 1_000_000_000), (9, 1_000_000_000)] {
            assert_same(&pcapng(endian, clock, 1, &office()));
        }
    }
}

#[test]
fn pcapng_sections_of_different_byte_order() {
    let (first, second) = office().split_at(20).clone_both();
    let mut capture = pcapng(Endian::Little, (6, 0), 1, &first);
    capture.extend(pcapng(Endian::Big, (9, 0), 1, &second));
    assert_same(&capture);
}

trait CloneBoth {
    fn clone_both(self) -> (Vec<Frame>, Vec<Frame>);
}

impl CloneBoth for (&[Frame], &[Frame]) {
    fn clone_both(self) -> (Vec<Frame>, Vec<Frame>) {
        (self.0.to_vec(), self.1.to_vec())
    }
}

#[test]
fn pcapng_blocks_that_are_not_frames_are_passed_over() {
    let endian = Endian::Little;
    let mut capture = section(endian);
    for kind in [4, 0x0000_0bad, 0x7fff_0001] {
        capture.extend(block(endian, kind, &[0; 16]));
    }
    capture.extend(pcapng(endian, (6, 0), 1, &office()));
    assert_same(&capture);
}

#[test]
fn pcapng_simple_packets_have_no_times() {
    let (output, result) = run_on(&pcapng_simple(Endian::Big, 1, &office()));
    result.unwrap();
    let lines = frames(&output);
    assert_eq!(lines.len(), office().len());
    assert!(lines.iter().all(|line| line.split_whitespace().nth(1) == Some("0.000000")));
}

/// The IP packets of the shipped capture, each behind `header`.
fn behind(header: &[u8]) -> Vec<Frame> {
    let mut packets = office();
    packets.retain(|frame| frame.bytes[12..14] == [8, 0]);
    for frame in &mut packets {
        frame.bytes = [header, &frame.bytes[14..]].concat();
    }
    packets
}

/// What is decided, without the numbers and times of frames.
fn decisions(output: &str) -> Vec<&str> {
    let judged = frames(output).into_iter().filter(|line| !line.contains("not IP"));
    judged.map(|line| &line[16..]).collect()
}

#[test]
fn every_link_type() {
    let cooked = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0];
    let cooked_2 = [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let cases: [(u32, &[u8]); 9] = [
        (12, &[]),
        (101, &[]),
        (228, &[]),
        (113, &cooked),
        (276, &cooked_2),
        (0, &[2, 0, 0, 0]),
        (0, &[0, 0, 0, 2]),
        (108, &[0, 0, 0, 2]),
        (1, &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 5, 8, 0]),
    ];
    let expected = expected();
    for (link, header) in cases {
        let (output, result) = run_on(&pcap(Endian::Little, false, link, &behind(header)));
        result.unwrap();
        assert_eq!(decisions(&output), decisions(&expected), "link type {link}");
    }
}

#[test]
fn a_link_type_that_is_not_read_is_named() {
    let (output, result) = run_on(&pcap(Endian::Little, false, 105, &office()));
    let error = result.unwrap_err().to_string();
    assert!(error.contains("frame 1: link type 105") && error.contains("Ethernet (1)"), "{error}");
    assert!(output.contains("0 packets judged"));
}

#[test]
fn frames_that_are_not_ip_or_cannot_be_read() {
    let frame = |bytes: &[u8]| Frame { nanos: 0, bytes: bytes.to_vec() };
    let ethernet =
        |ether_type: [u8; 2], rest: &[u8]| frame(&[&[2; 12][..], &ether_type, rest].concat());
    let capture = [
        frame(&[]),
        ethernet([8, 6], &[0; 28]),
        ethernet([0x88, 0xcc], &[0; 28]),
        ethernet([8, 0], &[0x45, 0, 0]),
        ethernet([8, 0], &[0x65; 20]),
    ];
    let (output, result) = run_on(&pcap(Endian::Little, false, 1, &capture));
    result.unwrap();
    let lines = frames(&output);
    assert!(lines[0].contains("unreadable: ethernet header at byte 0 needs 14 bytes"));
    assert!(lines[1].ends_with("not IP: ARP") && lines[2].ends_with("not IP: LLDP"));
    assert!(lines[3].contains("unreadable: ipv4 header at byte 14 needs 20 bytes"));
    assert!(lines[4].contains("unreadable: unexpected IP version 6"), "{}", lines[4]);
    assert!(output.contains("0 packets judged, 2 frames without IP, 3 unreadable"));
}

#[test]
fn time_may_go_backwards_and_far() {
    let mut packets = office();
    packets.truncate(4);
    packets[1].nanos = 0;
    packets[2].nanos = u64::from(u32::MAX) * 1_000_000_000;
    let (output, result) = run_on(&pcap(Endian::Little, true, 1, &packets));
    result.unwrap();
    assert!(frames(&output)[1].contains(" -1795434003.622560 "), "{output}");
}
