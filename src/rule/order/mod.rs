//! Rules in other orders than that of the first match: [`OrderedRules`], what such an order means,
//! and the [`RuleSet`](super::RuleSet) that decides alike.
//!
//! Matchers and everything else know one order, in which the first rule that matches decides. Rules
//! of which the last one decides (pf), or the one with the lowest number (network ACLs), are put into
//! that order once; their own ids are found again by [`InOrder::origin`].

mod convert;
mod definition;
mod error;
mod ordered;

pub use convert::InOrder;
pub use error::OrderError;
pub use ordered::{MatchOrder, OrderedRules};
