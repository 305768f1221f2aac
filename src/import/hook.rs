use super::firewall::Firewall;
use super::origins::Origins;
use super::rate::Rates;
use super::staged::Untracked;
use crate::Config;
use crate::conntrack::Conntrack;
use crate::rule::{BuildError, RuleId, RuleSet};

/// A way of packets through a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// To the host itself.
    Input,
    /// Through it.
    Forward,
    /// From the host itself.
    Output,
}

/// The rules that packets go through on one way through a host.
///
/// A rule of the other system is one rule here or several: see [`origin`](Self::origin). `O` is what is
/// known of where it comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HookRules<O> {
    /// The rules asked before packets are tracked, if there are any that say something: to accept is
    /// to go on. What they note of tracking ([`Effect::NoTrack`], [`Effect::Zone`]) and marks
    /// ([`Effect::Mark`]) is to be set in the packet.
    ///
    /// [`Effect::NoTrack`]: crate::rule::Effect::NoTrack
    /// [`Effect::Zone`]: crate::rule::Effect::Zone
    /// [`Effect::Mark`]: crate::rule::Effect::Mark
    pub raw: Option<RuleSet>,
    /// The rules asked after it.
    pub rules: RuleSet,
    /// The rates that rules of both ask about.
    pub rates: Rates,
    pub(super) raw_origins: Origins<O>,
    pub(super) origins: Origins<O>,
}

impl<O> HookRules<O> {
    /// Where a rule of [`rules`](Self::rules) comes from; `None` for one that stands for no rule of
    /// the other system: for a family without rules, or the way to the first chain.
    pub fn origin(&self, rule: RuleId) -> Option<&O> {
        self.origins.of(rule)
    }

    /// Where a rule of [`raw`](Self::raw) comes from.
    pub fn raw_origin(&self, rule: RuleId) -> Option<&O> {
        self.raw_origins.of(rule)
    }

    /// Compiles the rules for packets whose connections `conntrack` tracks.
    ///
    /// Several ways through one host share its connections: give each a reference to a table that can
    /// be shared.
    ///
    /// # Errors
    ///
    /// When jumps lead in a circle, or a limit is passed.
    pub fn firewall<C: Conntrack>(
        self,
        conntrack: C,
        config: &Config,
    ) -> Result<Firewall<O, C>, BuildError> {
        Firewall::new(self, conntrack, config)
    }

    /// Compiles the rules for packets that nobody tracks.
    ///
    /// # Errors
    ///
    /// As [`firewall`](Self::firewall), and when a rule asks for the packet's connection.
    pub fn untracked_firewall(self, config: &Config) -> Result<Firewall<O, Untracked>, BuildError> {
        self.rules.check_untracked()?;
        Firewall::new(self, Untracked, config)
    }
}
