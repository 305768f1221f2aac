use etherparse::tcp_option;

use super::ip::Datagram;
use super::transport::{Head, ports};
use crate::packet::{Malformed, SackBlock, TcpFlags, TcpSegment, Transport};

const FIXED_LEN: usize = 20;

#[inline]
pub(super) fn read(datagram: &Datagram<'_>) -> Head {
    let Some((header, rest)) = datagram.payload.split_first_chunk::<FIXED_LEN>() else {
        return Head::short(datagram);
    };
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, _, _, _, _] =
        *header;
    let header_len = usize::from(offset >> 4) * 4;
    let payload_len = datagram.payload_len.saturating_sub(header_len.max(FIXED_LEN));
    let mut segment = TcpSegment {
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        window: u16::from_be_bytes([w0, w1]),
        payload_len: u32::try_from(payload_len).unwrap_or(u32::MAX),
        ..TcpSegment::new(TcpFlags(flags))
    };
    let options = header_len.checked_sub(FIXED_LEN).and_then(|len| rest.get(..len));
    read_options(&mut segment, options.unwrap_or_default());
    Head {
        ports: Some(ports([s0, s1, d0, d1])),
        transport: Transport::Tcp(segment),
        malformed: options.is_none().then_some(Malformed::BadTransport),
        ..Head::NONE
    }
}

/// Reads the options that count.
///
/// Not by etherparse's iterator, which ends at the first option that it does not know (Fast Open,
/// MD5 signature), so that what follows would be lost.
fn read_options(segment: &mut TcpSegment, options: &[u8]) {
    read_listed(segment, options);
    segment.other_options = !options.is_empty() && !segment.has_options();
}

fn read_listed(segment: &mut TcpSegment, mut options: &[u8]) {
    while let Some((&kind, behind)) = options.split_first() {
        options = match kind {
            tcp_option::KIND_END => return,
            tcp_option::KIND_NOOP => behind,
            _ => {
                let Some((value, behind)) = split_option(behind) else { return };
                read_option(segment, kind, value);
                behind
            }
        }
    }
}

/// The value of an option whose length byte comes first, and what follows it. The length counts
/// itself and the kind.
fn split_option(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, behind) = bytes.split_first()?;
    behind.split_at_checked(usize::from(*len).checked_sub(2)?)
}

fn read_option(segment: &mut TcpSegment, kind: u8, value: &[u8]) {
    match (kind, value) {
        (tcp_option::KIND_WINDOW_SCALE, [shift]) => segment.window_scale = Some(*shift),
        (tcp_option::KIND_SELECTIVE_ACK_PERMITTED, []) => segment.sack_permitted = true,
        // Linux (`tcp_sack`) reads the first one only.
        (tcp_option::KIND_SELECTIVE_ACK, blocks) if segment.sack.as_slice().is_empty() => {
            read_sack(segment, blocks);
        }
        _ => {}
    }
}

fn read_sack(segment: &mut TcpSegment, value: &[u8]) {
    let (blocks, []) = value.as_chunks::<8>() else { return };
    for [l0, l1, l2, l3, r0, r1, r2, r3] in blocks.iter().copied() {
        segment.sack.push(SackBlock {
            left: u32::from_be_bytes([l0, l1, l2, l3]),
            right: u32::from_be_bytes([r0, r1, r2, r3]),
        });
    }
}
