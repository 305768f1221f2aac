//! Connections by number, and their packets.

use portcullis::conntrack::{Conntrack, Limits, Time};
use portcullis::packet::{TcpFlags, TcpSegment, Transport};
use portcullis::{Addrs, ConnTable, FlowKey, Packet, Ports, Protocol};

/// The client's end of the connections has many addresses, the server's one.
pub(crate) fn key(flow: u32) -> FlowKey {
    let client = (0x0a00_0000 + (flow >> 4)).to_be_bytes();
    let [src, dst] = [(client, 40_000 + (flow & 15) as u16), ([192, 0, 2, 1], 443)];
    FlowKey::new(Protocol::TCP, src.into(), dst.into()).expect("both are IPv4")
}

/// The packet that opens a connection.
pub(crate) fn syn(flow: u32) -> Packet {
    segment(key(flow), TcpFlags::SYN, 0, 0)
}

/// A segment from the client that acknowledges and carries nothing.
pub(crate) fn data(flow: u32) -> Packet {
    segment(key(flow), TcpFlags::ACK, 1, 1)
}

pub(crate) fn datagram(flow: u32) -> Packet {
    Packet::from(FlowKey { protocol: Protocol::UDP, ..key(flow) })
}

/// A table full of `flows` established TCP connections.
pub(crate) fn open_table(flows: u32, now: Time) -> ConnTable {
    open_table_for(flows, flows, now)
}

/// A table for `capacity` connections with `flows` of them.
pub(crate) fn open_table_for(capacity: u32, flows: u32, now: Time) -> ConnTable {
    let mut table = ConnTable::new(&Limits::new(capacity), [7; 16]);
    for flow in 0..flows {
        let answer = segment(key(flow).reversed(), TcpFlags::SYN | TcpFlags::ACK, 0, 1);
        for packet in [syn(flow), answer, data(flow)] {
            if table.look_up(&packet, now).tentative {
                table.confirm(&packet, now).expect("there is room");
            }
        }
    }
    table
}

/// Makes `packet`, which has to be one of a connection of this module, into one of another, in
/// either direction: what a parser would have written.
pub(crate) fn redirect(packet: &mut Packet, flow: u32, back: bool, seq: u32) {
    let (client, server) = ((0x0a00_0000 + (flow >> 4)).into(), [192, 0, 2, 1].into());
    let port = 40_000 + (flow & 15) as u16;
    if back {
        packet.addrs = Addrs::V4 { src: server, dst: client };
        packet.ports = Some(Ports { src: 443, dst: port });
    } else {
        packet.addrs = Addrs::V4 { src: client, dst: server };
        packet.ports = Some(Ports { src: port, dst: 443 });
    }
    renumber(packet, seq);
}

/// Gives a segment another sequence number, as what follows in a connection has: the same one again
/// would be a retransmission, which takes the table longer.
pub(crate) fn renumber(packet: &mut Packet, seq: u32) {
    if let Transport::Tcp(header) = &mut packet.transport {
        header.seq = seq;
    }
}

/// The number of a segment in a round of so many, which all windows have room for.
pub(crate) fn round_number(round: u32) -> u32 {
    round % 32_000 + 1
}

/// Numbers in no order, always the same for a seed.
pub(crate) fn draws(seed: u64) -> impl Iterator<Item = u32> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    core::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) as u32
    })
}

fn segment(key: FlowKey, flags: TcpFlags, seq: u32, ack: u32) -> Packet {
    let mut header = TcpSegment::new(flags);
    (header.seq, header.ack, header.window) = (seq, ack, 65_535);
    let mut packet = Packet::from(key);
    packet.transport = Transport::Tcp(header);
    packet
}
