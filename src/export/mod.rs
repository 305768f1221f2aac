//! Rules written for other systems: as what `iptables-save` writes ([`iptables`]), and as what
//! `nft -j list ruleset` does ([`nft`]). (As text, every rule set prints itself: see
//! [`rule::text`](crate::rule::text).)
//!
//! What is written decides every packet as the rules do, there and when it is
//! [imported](crate::import) again. What a form cannot say is an [`ExportError`] that names the rule
//! and the criterion, and says what to do; nothing is left out. Where a form has no word for a list of
//! alternatives, a rule becomes several, with chains of their own where it takes that.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod asked;
mod error;
mod host;
pub mod iptables;
pub mod nft;
mod place;
mod plan;
mod way;

pub use error::ExportError;
pub use host::Host;
