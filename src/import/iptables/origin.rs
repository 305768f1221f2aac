use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::Table;
use crate::packet::Family;
use crate::rule::RuleId;

/// What in an imported text a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin<'h> {
    /// Which of the two texts.
    pub family: Family,
    /// The table.
    pub table: Table,
    /// The chain.
    pub chain: &'h str,
    /// The rule's place in the chain, counted from 1; `None` for the chain's policy.
    pub rule: Option<usize>,
    /// The line of the text, counted from 1.
    pub line: usize,
    /// Whether it drops packets that the rule cannot read.
    pub unreadable: bool,
    /// The prefix of what the rule logs.
    pub log_prefix: Option<&'h str>,
    /// Packets and bytes that the text says to have been counted.
    pub counters: Option<(u64, u64)>,
}

/// Prints `ipv4 filter FORWARD rule 2, line 7`.
impl fmt::Display for Origin<'_> {
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

/// Where each rule of a rule set comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    /// By chain and rule.
    sources: Vec<Vec<Option<Source>>>,
    details: Vec<Detail>,
}

/// A place in `details`, and whether the rule drops what another cannot read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) detail: usize,
    pub(super) unreadable: bool,
}

/// What rules have in common that come from one rule of the text.
#[derive(Clone, Debug)]
pub(super) struct Detail {
    pub(super) family: Family,
    pub(super) table: Table,
    pub(super) chain: Box<str>,
    pub(super) rule: Option<usize>,
    pub(super) line: usize,
    pub(super) log_prefix: Option<Box<str>>,
    pub(super) counters: Option<(u64, u64)>,
}

impl Origins {
    /// Adds a detail, to be named by sources.
    pub(super) fn add(&mut self, detail: Detail) -> usize {
        self.details.push(detail);
        self.details.len().saturating_sub(1)
    }

    pub(super) fn set(&mut self, rule: RuleId, source: Source) {
        let chain = rule.chain.index();
        if self.sources.len() <= chain {
            self.sources.resize_with(chain.saturating_add(1), Vec::new);
        }
        let Some(rules) = self.sources.get_mut(chain) else { return };
        let index = rule.index as usize;
        if rules.len() <= index {
            rules.resize(index.saturating_add(1), None);
        }
        if let Some(slot) = rules.get_mut(index) {
            *slot = Some(source);
        }
    }

    pub(super) fn of(&self, rule: RuleId) -> Option<Origin<'_>> {
        let rules = self.sources.get(rule.chain.index())?;
        let Source { detail, unreadable } = (*rules.get(rule.index as usize)?)?;
        let detail = self.details.get(detail)?;
        Some(Origin {
            family: detail.family,
            table: detail.table,
            chain: &detail.chain,
            rule: detail.rule,
            line: detail.line,
            unreadable,
            log_prefix: detail.log_prefix.as_deref(),
            counters: detail.counters,
        })
    }
}
