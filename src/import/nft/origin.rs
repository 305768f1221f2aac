use alloc::boxed::Box;
use core::fmt;

use super::document::{Chain, ParsedRule, Table};

/// What in a listing a rule comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Origin {
    /// `ip`, `ip6` or `inet`.
    pub family: &'static str,
    /// The table.
    pub table: Box<str>,
    /// The chain.
    pub chain: Box<str>,
    /// The rule's place in the listing, `$.nftables[place]`; `None` for the chain's policy.
    pub place: Option<usize>,
    /// The rule's handle.
    pub handle: Option<u64>,
}

/// Prints `inet filter forward handle 7`, or `inet filter forward policy`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.family, self.table, self.chain)?;
        match (self.place, self.handle) {
            (None, _) => f.write_str("policy"),
            (Some(_), Some(handle)) => write!(f, "handle {handle}"),
            (Some(place), None) => write!(f, "nftables[{place}]"),
        }
    }
}

impl Origin {
    /// A rule's place, or that of a chain's policy.
    pub(super) fn new(table: &Table, chain: &Chain, rule: Option<&ParsedRule>) -> Self {
        Self {
            family: table.family.name(),
            table: table.name.clone(),
            chain: chain.name.clone(),
            place: rule.map(|rule| rule.index),
            handle: rule.and_then(|rule| rule.handle),
        }
    }
}
