//! Connections: the [`Conntrack`] trait that callers may supply, and [`ConnTable`], the built-in
//! table.
//!
//! A packet is tracked in two phases. [`look_up`](Conntrack::look_up) says which connection it
//! belongs to and moves that connection's state; when it belongs to none and may open one, and the
//! rules have accepted it, [`confirm`](Conntrack::confirm) enters the connection. A packet that
//! the rules drop therefore leaves nothing behind. [`StatefulMatcher`](crate::StatefulMatcher)
//! does both in the right order.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod advance;
mod ahead;
mod connection;
mod entry;
pub mod helper;
mod icmp;
mod index;
mod key;
mod limits;
mod quota;
pub(crate) mod rings;
pub mod saved;
mod sctp;
#[cfg(feature = "std")]
mod sharded;
pub(crate) mod sip;
mod store;
mod table;
mod tcp;
mod time;
mod tracker;
mod wheel;

pub use connection::{Connection, IcmpQuery};
pub use limits::{Limits, SourceLimit, TcpTracking, Timeouts};
pub use sctp::SctpState;
#[cfg(feature = "std")]
pub use sharded::ShardedTable;
pub use table::{ConnTable, Counts, Reason, Why};
pub use tcp::TcpState;
pub use time::Time;
pub use tracker::{Connections, Conntrack, Lookup};
