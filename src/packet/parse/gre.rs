use super::transport::Head;
use crate::packet::{GreHeader, Malformed, Transport};

/// PPP, the one payload of an enhanced header (RFC 2637 section 4.1).
const PPP: u16 = 0x880b;

/// Why a header tells no flow.
#[derive(Debug)]
pub(super) struct ForeignPayload;

/// A header of any length is one: what is missing is not known.
pub(super) fn read(bytes: &[u8]) -> Head {
    match header(bytes) {
        Ok(header) => Head { transport: Transport::Gre(header), ..Head::NONE },
        Err(ForeignPayload) => Head { malformed: Some(Malformed::BadTransport), ..Head::NONE },
    }
}

/// As Linux's `gre_pkt_to_tuple` reads it: eight bytes of a header of version 1, which carries PPP.
pub(super) fn header(bytes: &[u8]) -> Result<GreHeader, ForeignPayload> {
    match *bytes {
        [_, version, p0, p1, _, _, c0, c1, ..] if version & 7 == 1 => {
            match u16::from_be_bytes([p0, p1]) {
                PPP => Ok(GreHeader::with_call_id(u16::from_be_bytes([c0, c1]))),
                _ => Err(ForeignPayload),
            }
        }
        _ => Ok(GreHeader::default()),
    }
}
