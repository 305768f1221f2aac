//! Packets from any bytes: reading never panics, and no port is made up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::packet::{Checksum, IcmpMessage, Malformed, ParseError, TcpSegment, Transport};
use portcullis::{Fragment, Packet, Ports, Protocol};

fuzz_target!(|bytes: &[u8]| {
    let read = [Packet::from_ethernet(bytes), Packet::from_ip(bytes)];
    let verdicts = [Checksum::of_ethernet(bytes), Checksum::of_ip(bytes)];
    for (read, verdict) in read.into_iter().zip(verdicts) {
        match read {
            Ok(packet) => check(bytes, &packet, verdict.unwrap()),
            Err(error) => {
                assert_eq!(verdict, Err(error));
                check_error(bytes, error);
            }
        }
    }
});

fn check(bytes: &[u8], packet: &Packet, checksum: Checksum) {
    let later = packet.fragment == Fragment::Later;
    let cut = matches!(
        packet.malformed,
        Some(Malformed::ShortTransport | Malformed::ShortPorts | Malformed::ExtensionHeaders)
    );
    let headless = later || cut;
    assert_eq!(packet.ports.is_some(), packet.protocol.has_ports() && !headless);
    assert!(!headless || packet.transport == Transport::None);
    assert!(packet.fragment == Fragment::Whole || checksum == Checksum::Unchecked);
    assert!(packet.dscp < 64 && packet.vlan.is_none_or(|id| id < 4096) && packet.length >= 20);
    check_ports(bytes, packet.ports);
    match &packet.transport {
        Transport::Tcp(segment) => check_tcp(packet, segment),
        Transport::Icmp(message) => check_icmp(bytes, message),
        _ => assert!(packet.protocol != Protocol::TCP || headless),
    }
    assert!(!packet.to_string().is_empty());
}

/// The ports stand somewhere in the input.
fn check_ports(bytes: &[u8], ports: Option<Ports>) {
    let Some(Ports { src, dst }) = ports else { return };
    let [s0, s1] = src.to_be_bytes();
    let [d0, d1] = dst.to_be_bytes();
    assert!(bytes.windows(4).any(|window| window == [s0, s1, d0, d1]));
}

fn check_tcp(packet: &Packet, segment: &TcpSegment) {
    assert_eq!(packet.protocol, Protocol::TCP);
    assert!(segment.payload_len <= packet.length - 40);
    assert!(segment.sack.as_slice().len() <= 4);
}

fn check_icmp(bytes: &[u8], message: &IcmpMessage) {
    let Some(quote) = message.quote else { return };
    assert!(message.identifier.is_none());
    assert!(!quote.later_fragment || (quote.ports, quote.icmp) == (None, None));
    assert!(quote.ports.is_none() || quote.protocol.has_ports());
    check_ports(bytes, quote.ports);
}

/// An error points into the input and says more than is there.
fn check_error(bytes: &[u8], error: ParseError) {
    match error {
        ParseError::Short { offset, required, available, .. } => {
            assert!(available < required);
            assert_eq!(offset + available, bytes.len());
        }
        ParseError::NotIp { offset, .. }
        | ParseError::Version { offset, .. }
        | ParseError::HeaderLength { offset, .. }
        | ParseError::TotalLength { offset, .. } => assert!(offset <= bytes.len()),
        _ => {}
    }
    assert!(!error.to_string().is_empty());
}
