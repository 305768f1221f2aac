//! Rules of other systems, read into a [`RuleSet`](crate::RuleSet).
//!
//! Nothing is left out silently: what cannot be said as a rule here is an [`ImportError`] with its
//! place.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod classbench;
mod error;

pub use error::ImportError;
