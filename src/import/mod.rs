//! Rules of other systems, read into a [`RuleSet`](crate::RuleSet).
//!
//! Nothing is left out silently: what cannot be said as a rule here is an [`ImportError`] with its
//! place.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

#[cfg(feature = "import")]
pub mod aws;
pub mod classbench;
mod error;
mod firewall;
mod hook;
mod host;
pub mod iptables;
#[cfg(feature = "import")]
mod json;
mod meet;
#[cfg(feature = "import")]
pub mod nft;
mod origins;
mod rate;
mod seen;
pub(crate) mod spans;
mod staged;

pub use error::ImportError;
pub use firewall::Firewall;
pub use hook::HookRules;
#[cfg(feature = "import")]
pub use json::JsonError;
