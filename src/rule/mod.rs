//! Rules and what they mean: [`Rule`] (criteria and a target), chains of them in a [`RuleSet`],
//! the text form, and [`RuleSet::first_match`], the linear evaluation that *defines* what every
//! matcher must answer.
//!
//! Without the `alloc` feature only what a decision consists of is here.

mod action;
#[cfg(feature = "alloc")]
mod any_of;
#[cfg(feature = "alloc")]
mod build_error;
#[cfg(feature = "alloc")]
mod check;
#[cfg(feature = "alloc")]
mod criteria;
mod decision;
mod effect;
#[cfg(feature = "alloc")]
mod first_match;
#[cfg(feature = "alloc")]
mod interface;
#[cfg(feature = "alloc")]
mod item;
#[cfg(feature = "alloc")]
pub mod order;
#[cfg(feature = "alloc")]
#[allow(clippy::module_inception, reason = "the module is named for the type that it holds")]
mod rule;
#[cfg(feature = "alloc")]
mod rule_set;
#[cfg(feature = "serde")]
pub mod serde;
#[cfg(feature = "alloc")]
pub mod set;
#[cfg(feature = "alloc")]
pub mod text;

pub(crate) use action::ACTIONS;
pub use action::{Action, Reject};
#[cfg(feature = "alloc")]
pub use any_of::{AnyOf, not};
#[cfg(feature = "alloc")]
pub(crate) use build_error::Kind;
#[cfg(feature = "alloc")]
pub use build_error::{BuildError, Limit};
#[cfg(feature = "alloc")]
pub(crate) use check::MAX_RULES;
#[cfg(feature = "alloc")]
pub(crate) use criteria::Named;
#[cfg(feature = "alloc")]
pub use criteria::{Criteria, OriginalCriteria};
pub(crate) use decision::MAX_DEPTH;
pub use decision::{ChainId, Decision, RuleId, Trial};
pub use effect::{Effect, Masked};
#[cfg(feature = "alloc")]
pub use interface::InterfaceName;
#[cfg(feature = "alloc")]
pub(crate) use interface::Interfaces;
#[cfg(feature = "alloc")]
pub use item::{FlagsMatch, IcmpKind, IpRange, Item, PortRange, Span};
#[cfg(feature = "alloc")]
pub use rule::{Rule, Target};
#[cfg(feature = "alloc")]
pub use rule_set::{Chain, RuleSet};
#[cfg(feature = "alloc")]
pub use set::{SetCriteria, SetName};
#[cfg(feature = "alloc")]
pub use text::TextError;
#[cfg(feature = "alloc")]
pub(crate) use text::{Marked, describe_at};
