//! Bytes to TCP segments that have a chance to fit: numbers near those that the ends have come to.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use portcullis::Packet;
use portcullis::packet::{SackBlock, TcpFlags, TcpSegment, Transport};

/// One segment of a run.
pub(super) struct Step {
    pub(super) wait: Duration,
    pub(super) packet: Packet,
    /// Whether the rules accept it.
    pub(super) accepted: bool,
}

/// The segments that bytes stand for, eight bytes each.
pub(super) struct Segments<'b> {
    bytes: &'b [u8],
    /// What the ends of each connection send next.
    next: [[u32; 2]; 4],
}

impl<'b> Segments<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        let next = [[1000, 5000], [u32::MAX - 1, 0], [0x7fff_ffff, 0xffff_ff00], [7, 7]];
        Self { bytes, next }
    }
}

impl Iterator for Segments<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let ([who, flags, seq, ack, len, window, options, time], rest) =
            self.bytes.split_first_chunk()?;
        self.bytes = rest;
        let from_client = who & 1 == 0;
        let connection = usize::from(who >> 1 & 3);
        let next = &mut self.next[connection];
        let (own, other) = if from_client { (next[0], next[1]) } else { (next[1], next[0]) };
        let mut segment = TcpSegment::new(flags_of(*flags));
        segment.seq = near(*seq, own);
        segment.ack = near(*ack, other);
        segment.payload_len = [0, 0, 1, 10, 100, 1460, 9000, 65000][usize::from(len & 7)];
        segment.window = [8192, 65535, 0, 1, 100, 29200, 1000, 500][usize::from(window & 7)];
        read_options(&mut segment, *options, other);
        if len & 8 == 0 {
            let syn = u32::from(segment.flags.contains(TcpFlags::SYN));
            let fin = u32::from(segment.flags.contains(TcpFlags::FIN));
            let end = segment.seq.wrapping_add(segment.payload_len).wrapping_add(syn + fin);
            next[usize::from(!from_client)] = end;
        }
        Some(Step {
            wait: wait(*time),
            packet: packet(connection, from_client, segment),
            accepted: who & 0xe0 != 0xe0,
        })
    }
}

/// The flags of sound segments more often than others.
fn flags_of(byte: u8) -> TcpFlags {
    const SOUND: [TcpFlags; 8] = [
        TcpFlags::SYN,
        TcpFlags(0x12),
        TcpFlags::ACK,
        TcpFlags(0x18),
        TcpFlags(0x11),
        TcpFlags::RST,
        TcpFlags(0x14),
        TcpFlags::ACK,
    ];
    match byte {
        0..=0x7f => SOUND[usize::from(byte & 7)],
        _ => TcpFlags(byte << 1 | byte & 1),
    }
}

/// A number at some distance, mostly none, from `number`.
fn near(byte: u8, number: u32) -> u32 {
    let distance: i64 = match byte {
        0..=0x7f => 0,
        0x80..=0x8f => i64::from(byte & 15) - 8,
        0x90..=0x9f => (i64::from(byte & 15) - 8) * 100,
        0xa0..=0xaf => (i64::from(byte & 15) - 8) * 8192,
        0xb0..=0xbf => 65_990 + i64::from(byte & 15),
        0xc0..=0xcf => -65_990 - i64::from(byte & 15),
        0xd0..=0xdf => 1 << (16 + (byte & 15)),
        0xe0..=0xef => -(1 << (16 + (byte & 15))),
        0xf0 => return 0,
        _ => i64::from(byte) * 8191,
    };
    number.wrapping_add(distance as u32)
}

fn read_options(segment: &mut TcpSegment, byte: u8, other: u32) {
    segment.window_scale = match byte & 3 {
        0 | 1 => None,
        2 => Some(7),
        _ => Some(byte >> 2),
    };
    segment.sack_permitted = byte & 4 == 4;
    if byte & 0x18 == 0x18 {
        let right = near(byte.rotate_left(3), other);
        segment.sack.push(SackBlock { left: right.wrapping_sub(10), right });
        segment.sack.push(SackBlock { left: 0, right: right.wrapping_sub(u32::from(byte)) });
    }
    segment.other_options = byte & 0x20 == 0x20 && !segment.has_options();
}

fn wait(byte: u8) -> Duration {
    match byte {
        0..=0xbf => Duration::from_millis(u64::from(byte & 15)),
        0xc0..=0xdf => Duration::from_secs(u64::from(byte & 31)),
        0xe0..=0xef => Duration::from_secs(u64::from(byte & 15) * 10 + 1),
        0xf0..=0xfd => Duration::from_secs(u64::from(byte & 15) * 43),
        _ => Duration::from_secs(432_001),
    }
}

/// Four connections: two between the same hosts, one the other way round, one of IPv6.
fn packet(connection: usize, from_client: bool, segment: TcpSegment) -> Packet {
    let ends: [(&str, u16); 2] = match connection {
        0 => [("10.0.0.1", 4000), ("192.0.2.1", 80)],
        1 => [("10.0.0.1", 4001), ("192.0.2.1", 80)],
        2 => [("192.0.2.1", 4000), ("10.0.0.1", 80)],
        _ => [("2001:db8::1", 4000), ("2001:db8::2", 80)],
    };
    let [client, server] =
        ends.map(|(address, port)| SocketAddr::new(address.parse::<IpAddr>().unwrap(), port));
    let (src, dst) = if from_client { (client, server) } else { (server, client) };
    let mut packet = Packet::tcp(src, dst, segment.flags).unwrap();
    packet.transport = Transport::Tcp(segment);
    packet
}
