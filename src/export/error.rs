use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::import::iptables::Hook;
use crate::rule::{BuildError, RuleId};

/// Why rules cannot be written in a form, and which rule it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportError {
    hook: Option<Hook>,
    rule: Option<RuleId>,
    chain: Box<str>,
    what: Box<str>,
    why: Box<str>,
}

/// What is wrong with a rule, before it is known which one it is.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    what: Box<str>,
    why: Box<str>,
}

impl Fault {
    /// `what` of the rule cannot be said; `why`, and what to do.
    pub(super) fn new(what: &str, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into().into() }
    }

    pub(super) fn at(self, hook: Hook, rule: Option<RuleId>, chain: &str) -> ExportError {
        let Self { what, why } = self;
        ExportError { hook: Some(hook), rule, chain: chain.into(), what, why }
    }
}

impl ExportError {
    /// The way through the host whose rules it is about; `None` if it is about several.
    pub const fn hook(&self) -> Option<Hook> {
        self.hook
    }

    /// The rule; `None` if it is about no single one.
    pub const fn rule(&self) -> Option<RuleId> {
        self.rule
    }

    /// The name of the rule's chain.
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// What cannot be said: a criterion or a target, by its word in the text form.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Why, and what to do.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The fault of rules that cannot be compiled either.
    pub(super) fn unsound(hook: Hook, error: &BuildError) -> Self {
        Fault::new("the rules", format!("{error}")).at(hook, None, "")
    }

    /// One that is about several ways.
    pub(super) fn of_host(what: &str, why: &str) -> Self {
        Self { hook: None, rule: None, chain: "".into(), what: what.into(), why: why.into() }
    }
}

/// Prints ``rule 3 in chain `web`: `vlan`: why``.
impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, chain, what, why, .. } = self;
        if let Some(rule) = rule {
            write!(f, "rule {} in chain `{chain}`: ", u64::from(rule.index).saturating_add(1))?;
        }
        write!(f, "{what}: {why}")
    }
}

impl core::error::Error for ExportError {}
