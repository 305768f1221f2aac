//! Policies: rules by priority with labels, groups, overrides and rates.

mod cases;
mod errors;
mod random;
mod rates;
#[cfg(feature = "serde")]
mod serde;
