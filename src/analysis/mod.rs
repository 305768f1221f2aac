//! Answers about rules, exact over all fields and chains: why a packet is decided as it is
//! ([`Explanation`]), and what holds of all packets that there can be ([`Analysis`]).
//!
//! Nothing is sampled. A rule set is led through by all packets at once, as regions of a space whose
//! axes are the fields; every answer that says "there is one" shows a packet, and that packet has
//! been put to the definition.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod align;
mod assert;
mod claim;
mod correlated;
mod difference;
mod error;
mod explain;
mod field;
mod query;
mod question;
mod reach;
mod redundant;
mod refuted;
mod region;
mod space;
mod walk;
mod witness;
mod words;

pub use claim::Scope;
pub use correlated::Correlated;
pub use difference::Difference;
pub use error::{AnalysisError, GaveUp};
pub use explain::{Explanation, Mismatch, Outcome, Step};
pub use field::Field;
pub use query::Decided;
pub use question::Analysis;
pub use reach::{Agreement, Reach, Shadowed};
pub use refuted::Refuted;
pub use region::Region;
pub use space::Packets;
pub use witness::Witness;
