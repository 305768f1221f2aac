//! Packets as bytes, put together by hand, and frames of the recorded captures.

use std::path::Path;

use pcap_parser::{PcapCapture, PcapError};
use portcullis::Packet;

pub(crate) const CAPTURES: [&str; 8] =
    ["web", "dns", "ssh", "ftp", "scan", "frag", "vlan", "tcp_edge"];

/// The frames of one capture, in order.
pub(crate) fn frames(capture: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/captures")
        .join(capture)
        .with_extension("pcap");
    let file = std::fs::read(&path).unwrap();
    let parsed: Result<PcapCapture<'_>, PcapError<&[u8]>> = PcapCapture::from_file(&file);
    parsed.unwrap().blocks.iter().map(|block| block.data.to_vec()).collect()
}

/// One frame, counted from 1 as in the captures' description.
pub(crate) fn frame(capture: &str, number: usize) -> Vec<u8> {
    frames(capture).swap_remove(number - 1)
}

pub(crate) fn packet(capture: &str, number: usize) -> Packet {
    Packet::from_ethernet(&frame(capture, number)).unwrap()
}

pub(crate) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let addresses = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    [&addresses[..], &ether_type.to_be_bytes(), payload].concat()
}

/// An unfragmented packet from 10.0.0.1 to 192.0.2.1, without options.
pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_fragment(protocol, 0, payload)
}

/// `field` is the 16 bits of flags and fragment offset.
pub(crate) fn ipv4_fragment(protocol: u8, field: u16, payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = (20 + payload.len() as u16).to_be_bytes();
    let [f0, f1] = field.to_be_bytes();
    let header = [0x45, 0, l0, l1, 0, 1, f0, f1, 64, protocol, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1];
    [&header[..], payload].concat()
}

/// A packet from 2001:db8::1 to 2001:db8::2. The payload may begin with extension headers.
pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = (payload.len() as u16).to_be_bytes();
    let mut bytes = vec![0x60, 0, 0, 0, l0, l1, next, 64];
    for last in [1, 2] {
        bytes.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    bytes.extend(payload);
    bytes
}

/// From port 40000 to 443: a SYN, sequence number 7, with these options, padded.
pub(crate) fn syn(options: &[u8]) -> Vec<u8> {
    let words = 5 + options.len().div_ceil(4);
    let mut bytes = vec![0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 7, 0, 0, 0, 9];
    bytes.extend([(words as u8) << 4, 0x02, 0xfa, 0xf0, 0, 0, 0, 0]);
    bytes.extend(options);
    bytes.resize(words * 4, 0);
    bytes
}

/// From port 40000 to 53, with a right length and no checksum.
pub(crate) fn udp(data: &[u8]) -> Vec<u8> {
    let [l0, l1] = (8 + data.len() as u16).to_be_bytes();
    [&[0x9c, 0x40, 0, 53, l0, l1, 0, 0][..], data].concat()
}
