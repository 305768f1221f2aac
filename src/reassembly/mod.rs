//! Datagrams from their fragments, as Linux puts them together before it tracks connections:
//! [`Reassembler`], in bounded memory and by the caller's clock.
//!
//! Without it a later fragment has no ports, so that rules which name ports pass it by, and a
//! connection table calls it invalid. With it, rules and connections see whole datagrams only, and
//! every fragment shares the decision on its datagram. [`StatefulMatcher::classify_arrival`] does
//! both in one call.
//!
//! [`StatefulMatcher::classify_arrival`]: crate::StatefulMatcher::classify_arrival
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod arrival;
mod limits;
mod outcome;
mod pending;
mod reassembler;
mod sources;

pub use arrival::Arrival;
pub use limits::{FragmentLimits, WhenFull};
pub use outcome::{Datagram, Expired, Fault, Reassembly, Rejection};
pub use reassembler::{FragmentCounts, Reassembler};
