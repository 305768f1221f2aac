use super::ip::Datagram;
use super::transport::{Head, ports};
use crate::packet::{Fragment, Malformed, SctpChunk, SctpHeader, Transport};

const HEADER_LEN: usize = 12;
/// A chunk's type, flags and length.
const CHUNK_LEN: usize = 4;
/// The fixed part of an INIT or INIT ACK behind those; the initiate tag comes first.
const INIT_LEN: usize = 16;

pub(super) fn read(datagram: &Datagram<'_>) -> Head {
    let Some((header, chunks)) = datagram.payload.split_first_chunk::<HEADER_LEN>() else {
        return Head::short(datagram);
    };
    let [s0, s1, d0, d1, t0, t1, t2, t3, _, _, _, _] = *header;
    let verification_tag = u32::from_be_bytes([t0, t1, t2, t3]);
    let mut header = SctpHeader { verification_tag, ..SctpHeader::default() };
    let sound = read_chunks(&mut header, chunks);
    let cut = datagram.fragment != Fragment::Whole || datagram.payload.len() < datagram.payload_len;
    let empty = header.chunks.is_empty() && !cut;
    Head {
        ports: Some(ports([s0, s1, d0, d1])),
        transport: Transport::Sctp(header),
        malformed: (empty || !sound).then_some(Malformed::BadTransport),
        ..Head::NONE
    }
}

/// Reads the chunks to the end of the packet, and says whether they may stand together.
///
/// As in Linux, a length below that of a chunk's own header counts as that, one beyond the packet
/// ends the walk, and so do fewer than four bytes left.
fn read_chunks(header: &mut SctpHeader, mut bytes: &[u8]) -> bool {
    let (mut first, mut alone) = (true, false);
    while let Some(([chunk_type, flags, l0, l1], body)) = bytes.split_first_chunk::<CHUNK_LEN>() {
        let chunk = SctpChunk { chunk_type: *chunk_type, flags: *flags };
        let len = usize::from(u16::from_be_bytes([*l0, *l1]));
        alone |= stands_alone(chunk);
        if len == 0 || !first && (alone || stands_first(chunk)) {
            return false;
        }
        if matches!(chunk.chunk_type, SctpChunk::INIT | SctpChunk::INIT_ACK) {
            header.initiate_tag = initiate_tag(body);
        }
        header.chunks.push(chunk);
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        first = false;
    }
    true
}

const fn stands_alone(chunk: SctpChunk) -> bool {
    matches!(chunk.chunk_type, SctpChunk::INIT | SctpChunk::INIT_ACK | SctpChunk::SHUTDOWN_COMPLETE)
}

const fn stands_first(chunk: SctpChunk) -> bool {
    matches!(chunk.chunk_type, SctpChunk::COOKIE_ECHO | SctpChunk::COOKIE_ACK)
}

fn initiate_tag(body: &[u8]) -> Option<u32> {
    let fixed: &[u8; INIT_LEN] = body.first_chunk()?;
    fixed.first_chunk().copied().map(u32::from_be_bytes)
}
