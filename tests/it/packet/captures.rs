//! Every frame of the recorded captures, counted against their description
//! (tests/data/captures/README.md).

use std::collections::BTreeSet;

use portcullis::packet::{Family, Malformed, ParseError, SackBlocks, TcpFlags};
use portcullis::{Fragment, Packet, Ports, Protocol};

use super::bytes::{CAPTURES, frames, packet};

/// The columns of the table.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    frames: usize,
    ipv4: usize,
    ipv6: usize,
    tcp: usize,
    udp: usize,
    icmp: usize,
    icmpv6: usize,
    arp: usize,
    neighbour: usize,
    flows: usize,
}

impl Counts {
    fn of(capture: &str) -> Self {
        let mut counts = Self::default();
        let mut flows = BTreeSet::new();
        for frame in frames(capture) {
            counts.frames += 1;
            match Packet::from_ethernet(&frame) {
                Ok(packet) => {
                    counts.add(&packet);
                    let counted = [Protocol::TCP, Protocol::UDP].contains(&packet.protocol);
                    if counted && packet.ports.is_some() {
                        let key = packet.flow_key();
                        flows.insert(key.min(key.reversed()));
                    }
                }
                Err(ParseError::NotIp { ether_type: 0x0806, .. }) => counts.arp += 1,
                Err(error) => panic!("{capture} {}: {error}", counts.frames),
            }
        }
        counts.flows = flows.len();
        counts
    }

    fn add(&mut self, packet: &Packet) {
        let icmp_type = packet.icmp_message().map(|message| message.icmp_type);
        match packet.addrs.family() {
            Family::V4 => self.ipv4 += 1,
            Family::V6 => self.ipv6 += 1,
        }
        match packet.protocol {
            Protocol::TCP => self.tcp += 1,
            Protocol::UDP => self.udp += 1,
            Protocol::ICMP => self.icmp += 1,
            Protocol::ICMPV6 if matches!(icmp_type, Some(133..=137)) => self.neighbour += 1,
            Protocol::ICMPV6 => self.icmpv6 += 1,
            _ => {}
        }
    }
}

#[test]
fn counts_of_the_table() {
    let table = [
        [247, 192, 53, 241, 0, 0, 0, 2, 4, 11],
        [106, 66, 38, 58, 39, 3, 2, 2, 2, 25],
        [333, 252, 79, 329, 0, 0, 0, 2, 2, 10],
        [603, 477, 124, 599, 0, 0, 0, 2, 2, 23],
        [412, 302, 106, 144, 68, 124, 62, 4, 8, 132],
        [238, 124, 110, 112, 59, 27, 28, 4, 8, 19],
        [229, 106, 119, 173, 8, 20, 20, 4, 4, 12],
        [614, 360, 248, 598, 0, 1, 1, 6, 8, 30],
    ];
    for (capture, row) in CAPTURES.into_iter().zip(table) {
        let [frames, ipv4, ipv6, tcp, udp, icmp, icmpv6, arp, neighbour, flows] = row;
        let expected = Counts { frames, ipv4, ipv6, tcp, udp, icmp, icmpv6, arp, neighbour, flows };
        assert_eq!(Counts::of(capture), expected, "{capture}");
    }
}

fn packets(capture: &str) -> impl Iterator<Item = (usize, Packet)> {
    let parsed = frames(capture).into_iter().map(|frame| Packet::from_ethernet(&frame).ok());
    parsed.enumerate().filter_map(|(index, packet)| Some((index + 1, packet?)))
}

#[test]
fn only_tiny_fragments_are_malformed() {
    for capture in CAPTURES {
        for (number, packet) in packets(capture) {
            let tiny_first = [63, 68, 73, 77, 80, 83];
            let tiny_second = [64, 69, 74, 84];
            let expected = match (capture, number) {
                ("frag", number) if tiny_first.contains(&number) => Some(Malformed::ShortTransport),
                ("frag", number) if tiny_second.contains(&number) => Some(Malformed::TinyFragment),
                _ => None,
            };
            assert_eq!(packet.malformed, expected, "{capture} {number}: {packet}");
        }
    }
}

#[test]
fn fragments() {
    let count = |family, fragment| {
        packets("frag")
            .filter(|(_, packet)| packet.addrs.family() == family && packet.fragment == fragment)
            .count()
    };
    assert_eq!((count(Family::V4, Fragment::First), count(Family::V4, Fragment::Later)), (15, 40));
    assert_eq!((count(Family::V6, Fragment::First), count(Family::V6, Fragment::Later)), (11, 27));
    for capture in CAPTURES {
        for (number, packet) in packets(capture) {
            let later = packet.fragment == Fragment::Later;
            assert!(!later || packet.ports.is_none(), "{capture} {number}");
        }
    }
}

#[test]
fn vlan_ids_match_the_addresses() {
    let mut seen = BTreeSet::new();
    for (number, packet) in packets("vlan") {
        let id = packet.vlan.unwrap();
        seen.insert(id);
        let printed = packet.to_string();
        let (v4, v6) = match id {
            10 => ("10.10.0.", "2001:db8:10:"),
            _ => ("10.20.0.", "2001:db8:20:"),
        };
        let local = printed.contains("fe80::") || printed.contains("ff02::");
        assert!(local || printed.contains(v4) || printed.contains(v6), "{number}: {printed}");
    }
    assert_eq!(seen, BTreeSet::from([10, 20]));
    assert!(packets("web").all(|(_, packet)| packet.vlan.is_none()));
}

#[test]
fn lengths_and_ttl_of_ipv4_frames() {
    for (number, packet) in packets("web") {
        let frame = &frames("web")[number - 1];
        assert_eq!(packet.length as usize, frame.len() - 14, "{number}");
        let from_client = packet.addrs.src().to_string().starts_with("10.");
        if packet.addrs.family() == Family::V4 {
            assert_eq!(packet.ttl, if from_client { 64 } else { 63 }, "{number}");
        }
    }
}

fn flags(capture: &str, number: usize) -> TcpFlags {
    packet(capture, number).tcp_segment().unwrap().flags
}

#[test]
fn every_syn_offers_window_scale_and_sack() {
    for capture in ["web", "ssh", "ftp"] {
        for (number, packet) in packets(capture) {
            let Some(segment) = packet.tcp_segment() else { continue };
            if segment.flags.contains(TcpFlags::SYN) {
                assert!(
                    segment.window_scale.is_some_and(|shift| shift <= 14),
                    "{capture} {number}"
                );
                assert!(segment.sack_permitted, "{capture} {number}");
            } else {
                assert_eq!((segment.window_scale, segment.sack_permitted), (None, false));
            }
        }
    }
}

#[test]
fn named_syns() {
    let server_opens = [181, 242, 301, 397, 523];
    let client_opens = [19, 54, 115, 333, 457, 590];
    for number in server_opens.into_iter().chain(client_opens) {
        assert_eq!(flags("ftp", number), TcpFlags::SYN, "{number}");
        let from_20 = packet("ftp", number).ports.unwrap().src == 20;
        assert_eq!(from_20, server_opens.contains(&number), "{number}");
    }
    for number in [3, 60, 108, 137, 164, 193, 220, 249, 278, 332] {
        assert_eq!(flags("ssh", number), TcpFlags::SYN);
    }
    let refused = packet("web", 245);
    assert_eq!(refused.ports.unwrap().src, 81);
    assert_eq!(flags("web", 245), TcpFlags::RST | TcpFlags::ACK);
}

#[test]
fn tcp_edges() {
    for number in [148, 156, 164, 172] {
        let fast_open = packet("tcp_edge", number);
        assert_eq!(flags("tcp_edge", number), TcpFlags::SYN);
        let segment = fast_open.tcp_segment().unwrap();
        assert_eq!(segment.payload_len, 16);
        assert!(segment.window_scale.is_some() && segment.sack_permitted);
    }
    let ecn = TcpFlags::SYN | TcpFlags::ECE | TcpFlags::CWR;
    assert_eq!([588, 601].map(|number| flags("tcp_edge", number)), [ecn; 2]);
    assert_eq!([83, 84].map(|number| flags("tcp_edge", number)), [TcpFlags::SYN; 2]);
    assert!([68, 69, 79, 80].iter().all(|n| flags("tcp_edge", *n).contains(TcpFlags::FIN)));
    assert!(flags("tcp_edge", 140).contains(TcpFlags::URG));
    for number in [245, 246] {
        assert_eq!(packet("tcp_edge", number).tcp_segment().unwrap().window, 0);
    }
}

#[test]
fn scans() {
    let xmas = TcpFlags::FIN | TcpFlags::PSH | TcpFlags::URG;
    assert!((64..=69).any(|number| flags("scan", number) == xmas));
    assert_eq!(flags("scan", 78), TcpFlags::default());
    assert_eq!(packet("scan", 178).protocol, Protocol::SCTP);
    assert_eq!(packet("scan", 184).protocol, Protocol::GRE);
}

#[test]
fn sack_blocks_lie_above_the_acknowledgement() {
    let mut segments = 0;
    for (number, packet) in CAPTURES.into_iter().flat_map(packets) {
        let Some(segment) = packet.tcp_segment() else { continue };
        segments += usize::from(segment.sack != SackBlocks::default());
        for block in segment.sack.as_slice() {
            let len = block.right.wrapping_sub(block.left);
            assert!((1..1 << 20).contains(&len), "{number}");
        }
    }
    assert!(segments > 0);
}

/// Type and frame numbers of the errors, and the frame that each is about.
#[test]
fn errors_quote_the_right_packet() {
    let about = |capture, error, cause| {
        let (error, cause) = (packet(capture, error), packet(capture, cause));
        let quote = error.icmp_message().unwrap().quote.unwrap();
        assert_eq!(quote.addrs, cause.addrs);
        assert_eq!(quote.protocol, cause.protocol);
        assert_eq!(quote.ports, cause.ports);
        assert_eq!(error.addrs.dst(), cause.addrs.src());
        assert!(!quote.later_fragment);
        quote
    };
    for (error, cause) in [(98, 97), (100, 99), (102, 101), (104, 103), (106, 105)] {
        assert!(about("dns", error, cause).ports.is_some());
    }
    for (error, cause) in [(18, 17), (20, 19), (22, 21), (24, 23)] {
        let sent = *packet("scan", cause).icmp_message().unwrap();
        let query = (sent.icmp_type, sent.code, sent.identifier.unwrap());
        assert_eq!(about("scan", error, cause).icmp, Some(query));
    }
    for (error, cause) in [(179, 178), (185, 184)] {
        about("scan", error, cause);
    }
    for (error, cause) in [(210, 209), (214, 213)] {
        about("frag", error, cause);
    }
}

/// Every error of the captures is about a packet that was sent before it.
#[test]
fn every_quote_names_a_flow_seen() {
    let mut quotes = 0;
    for capture in CAPTURES {
        let mut seen = BTreeSet::new();
        for (number, packet) in packets(capture) {
            seen.insert((packet.addrs, packet.protocol, packet.ports));
            let Some(quote) = packet.icmp_message().and_then(|message| message.quote) else {
                continue;
            };
            quotes += 1;
            let cause: (_, _, Option<Ports>) = (quote.addrs, quote.protocol, quote.ports);
            assert!(seen.contains(&cause), "{capture} {number}: {quote:?}");
        }
    }
    assert!(quotes > 100);
}
