use alloc::boxed::Box;
use core::fmt;

use super::Table;
use crate::packet::Family;

/// What in an imported text a rule comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// Which of the two texts.
    pub family: Family,
    /// The table.
    pub table: Table,
    /// The chain.
    pub chain: Box<str>,
    /// The rule's place in the chain, counted from 1; `None` for the chain's policy.
    pub rule: Option<usize>,
    /// The line of the text, counted from 1.
    pub line: usize,
    /// Whether it drops packets that the rule cannot read.
    pub unreadable: bool,
    /// The prefix of what the rule logs.
    pub log_prefix: Option<Box<str>>,
    /// Packets and bytes that the text says to have been counted.
    pub counters: Option<(u64, u64)>,
}

/// Prints `ipv4 filter FORWARD rule 2, line 7`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, table, chain, line, .. } = self;
        write!(f, "{family} {table} {chain} ")?;
        match self.rule {
            Some(number) => write!(f, "rule {number}, line {line}")?,
            None => write!(f, "policy, line {line}")?,
        }
        if self.unreadable { f.write_str(", header cut short") } else { Ok(()) }
    }
}
