//! What a matcher looks at: [`Packet`], the parsed summary of one packet, and the types of its
//! fields. A packet is built by hand (firmware, tests) or from bytes by [`parse`](Packet::from_ethernet)
//! (feature `parse`). Nothing here allocates.

mod addr;
mod checksum;
mod gre;
mod icmp;
#[cfg(feature = "parse")]
mod parse;
mod protocol;
mod sctp;
mod state;
mod summary;
mod tcp;

pub use addr::{Addrs, Family, FamilyMismatch, FlowKey, Ports};
pub use checksum::Checksum;
pub use gre::GreHeader;
pub use icmp::{IcmpMessage, Quote};
#[cfg(feature = "parse")]
pub use parse::{Layer, ParseError};
#[cfg(all(feature = "alloc", feature = "parse"))]
pub(crate) use parse::{Piece, Share};
pub use protocol::Protocol;
pub use sctp::{SctpChunk, SctpChunks, SctpHeader};
pub use state::{ConnFlag, ConnState, ConnStatus, Direction, Refused, Tracked};
pub use summary::{Fragment, InterfaceId, Malformed, Packet, Transport};
pub use tcp::{SackBlock, SackBlocks, TcpFlags, TcpSegment};
