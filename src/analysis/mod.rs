//! Answers about rules, exact over all fields and chains: why a packet is decided as it is
//! ([`Explanation`]).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod explain;
mod field;

pub use explain::{Explanation, Mismatch, Outcome, Step};
pub use field::Field;
