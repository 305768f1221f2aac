use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{IpNumber, PacketBuilder, TcpOptionElement};
use portcullis::packet::{Checksum, Malformed, TcpFlags, Transport};
use portcullis::{Fragment, Packet, Protocol};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::bytes::{CAPTURES, frames};

/// What must hold of every packet read from `bytes`, whatever they are.
fn check(bytes: &[u8], packet: &Packet) {
    let later = packet.fragment == Fragment::Later;
    let cut = matches!(
        packet.malformed,
        Some(Malformed::ShortTransport | Malformed::ShortPorts | Malformed::ExtensionHeaders)
    );
    if later || cut {
        assert_eq!((packet.ports, packet.transport), (None, Transport::None));
    }
    if let Some(ports) = packet.ports {
        let wire = [ports.src.to_be_bytes(), ports.dst.to_be_bytes()].concat();
        assert!(bytes.windows(4).any(|window| window == wire), "ports not in the bytes");
    }
    let must_have_ports = packet.protocol.has_ports() && !later && !cut;
    assert_eq!(packet.ports.is_some(), must_have_ports);
    if let Some(segment) = packet.tcp_segment() {
        assert!(segment.payload_len + 20 <= packet.length);
        assert_eq!(packet.protocol, Protocol::TCP);
    }
    assert!(packet.dscp < 64 && packet.vlan.is_none_or(|id| id < 4096));
    assert!(packet.length >= 20);
}

fn check_all(bytes: &[u8]) {
    let read = [Packet::from_ethernet(bytes), Packet::from_ip(bytes)];
    read.iter().flatten().for_each(|packet| check(bytes, packet));
    let verdicts = [Checksum::of_ethernet(bytes), Checksum::of_ip(bytes)];
    for (packet, verdict) in read.iter().zip(verdicts) {
        assert_eq!(packet.is_ok(), verdict.is_ok());
    }
}

/// One frame of each kind and length class, to keep the exhaustive tests short.
fn samples() -> Vec<Vec<u8>> {
    let mut samples: Vec<Vec<u8>> = Vec::new();
    for capture in CAPTURES {
        samples.extend(frames(capture).into_iter().filter(|f| f.len() < 300).step_by(7));
    }
    samples
}

/// What is cut off takes ports away and never changes them.
#[test]
fn every_truncation_of_real_frames() {
    for frame in samples() {
        let whole = Packet::from_ethernet(&frame);
        for len in 0..frame.len() {
            check_all(&frame[..len]);
            let Ok(cut) = Packet::from_ethernet(&frame[..len]) else { continue };
            let whole = whole.unwrap();
            assert!(cut.ports.is_none() || cut.ports == whole.ports);
            assert_eq!((cut.addrs, cut.length, cut.ttl), (whole.addrs, whole.length, whole.ttl));
        }
    }
}

#[test]
fn every_byte_of_real_frames_changed() {
    for mut frame in samples().into_iter().step_by(4) {
        for at in 0..frame.len().min(120) {
            let original = frame[at];
            for byte in [0, 1, original ^ 1, original ^ 0x80, original.wrapping_add(1), 0xff] {
                frame[at] = byte;
                check_all(&frame);
                check_all(&frame[14..]);
            }
            frame[at] = original;
        }
    }
}

/// Bytes that begin like an IP packet, and are likely to have extension headers.
fn ip_like() -> impl Strategy<Value = Vec<u8>> {
    let headers = select(vec![0, 1, 6, 17, 43, 44, 51, 58, 59, 60, 132, 136, 253_u8]);
    let link = (vec(headers, 1..12), vec(any::<u8>(), 0..120), any::<bool>());
    link.prop_map(|(kinds, noise, v4)| {
        let mut bytes = match v4 {
            true => vec![0x45, 0, 0, 200, 0, 0, 0, 0, 64, kinds[0]],
            false => vec![0x60, 0, 0, 0, 0, 200, kinds[0], 64],
        };
        bytes.resize(if v4 { 20 } else { 40 }, 7);
        let rows = noise.chunks(6).zip(kinds.iter().skip(1).chain([&6, &17, &58]).cycle());
        rows.for_each(|(row, kind)| bytes.extend([&[*kind, row[0] & 3], row].concat()));
        bytes
    })
}

proptest! {
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        check_all(&bytes);
    }

    #[test]
    fn any_ip_like_bytes(bytes in ip_like()) {
        check_all(&bytes);
    }

    #[test]
    fn built_tcp_comes_back(
        (src, dst, ttl) in any::<([u8; 4], [u8; 4], u8)>(),
        (src_port, dst_port, seq, ack, window) in any::<(u16, u16, u32, u32, u16)>(),
        (shift, left, right) in any::<(u8, u32, u32)>(),
        data in vec(any::<u8>(), 0..50),
    ) {
        let options = [
            TcpOptionElement::WindowScale(shift),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            TcpOptionElement::SelectiveAcknowledgement((left, right), [None; 3]),
        ];
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4(src, dst, ttl)
            .tcp(src_port, dst_port, seq, window)
            .syn()
            .ack(ack)
            .options(&options)
            .unwrap();
        let mut frame = vec![0; builder.size(data.len())];
        builder.write_to_slice(&mut frame, &data).unwrap();
        let packet = Packet::from_ethernet(&frame).unwrap();
        let segment = packet.tcp_segment().unwrap();
        prop_assert_eq!(packet.addrs, (Ipv4Addr::from(src), Ipv4Addr::from(dst)).into());
        prop_assert_eq!((packet.ttl, packet.length as usize), (ttl, frame.len() - 14));
        let ports = packet.ports.unwrap();
        prop_assert_eq!((ports.src, ports.dst), (src_port, dst_port));
        prop_assert_eq!((segment.seq, segment.ack, segment.window), (seq, ack, window));
        prop_assert_eq!(segment.flags, TcpFlags::SYN | TcpFlags::ACK);
        prop_assert_eq!((segment.window_scale, segment.sack_permitted), (Some(shift), true));
        let blocks = segment.sack.as_slice();
        prop_assert_eq!((blocks.len(), blocks[0].left, blocks[0].right), (1, left, right));
        prop_assert_eq!(segment.payload_len as usize, data.len());
        prop_assert_eq!(packet.malformed, None);
        prop_assert_eq!(Checksum::of_ethernet(&frame), Ok(Checksum::Right));
    }

    #[test]
    fn built_udp_comes_back(
        (src, dst, hops) in any::<([u8; 16], [u8; 16], u8)>(),
        (src_port, dst_port, vlan) in (any::<u16>(), any::<u16>(), 0..4096_u16),
        data in vec(any::<u8>(), 0..50),
    ) {
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6])
            .double_vlan(vlan.try_into().unwrap(), 1.try_into().unwrap())
            .ipv6(src, dst, hops)
            .udp(src_port, dst_port);
        let mut frame = vec![0; builder.size(data.len())];
        builder.write_to_slice(&mut frame, &data).unwrap();
        let packet = Packet::from_ethernet(&frame).unwrap();
        prop_assert_eq!(packet.addrs, (Ipv6Addr::from(src), Ipv6Addr::from(dst)).into());
        prop_assert_eq!((packet.ttl, packet.vlan), (hops, Some(vlan)));
        let ports = packet.ports.unwrap();
        prop_assert_eq!((ports.src, ports.dst), (src_port, dst_port));
        prop_assert_eq!((packet.protocol.0, packet.malformed), (IpNumber::UDP.0, None));
        prop_assert_eq!(Checksum::of_ethernet(&frame), Ok(Checksum::Right));
    }

    #[test]
    fn built_echo_comes_back(
        (src, dst, id, seq) in any::<([u8; 4], [u8; 4], u16, u16)>(),
        data in vec(any::<u8>(), 0..50),
    ) {
        let builder = PacketBuilder::ipv4(src, dst, 9).icmpv4_echo_request(id, seq);
        let mut bytes = vec![0; builder.size(data.len())];
        builder.write_to_slice(&mut bytes, &data).unwrap();
        let packet = Packet::from_ip(&bytes).unwrap();
        let message = packet.icmp_message().unwrap();
        prop_assert_eq!((message.icmp_type, message.code), (8, 0));
        prop_assert_eq!((message.identifier, message.quote), (Some(id), None));
        prop_assert_eq!(Checksum::of_ip(&bytes), Ok(Checksum::Right));
    }
}
