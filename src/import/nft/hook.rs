use super::firewall::Firewall;
use super::origin::{Origin, Origins};
use crate::Config;
use crate::conntrack::Conntrack;
use crate::import::rate::Rates;
use crate::import::staged::Untracked;
use crate::rule::{BuildError, RuleId, RuleSet};

/// The rules that packets go through on one way through a host.
///
/// A rule of the listing is one rule here or several: see [`origin`](Self::origin).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HookRules {
    /// The rules asked before packets are tracked, if there are any: to accept is to go on. What they
    /// note of tracking ([`Effect::NoTrack`]) and marks ([`Effect::Mark`]) is to be set in the packet.
    ///
    /// [`Effect::NoTrack`]: crate::rule::Effect::NoTrack
    /// [`Effect::Mark`]: crate::rule::Effect::Mark
    pub raw: Option<RuleSet>,
    /// The rules asked after it.
    pub rules: RuleSet,
    /// The rates that rules of both ask about.
    pub rates: Rates,
    pub(super) raw_origins: Origins,
    pub(super) origins: Origins,
}

impl HookRules {
    /// Where a rule of [`rules`](Self::rules) comes from; `None` for one that leads to the first
    /// chain.
    pub fn origin(&self, rule: RuleId) -> Option<&Origin> {
        self.origins.of(rule)
    }

    /// Where a rule of [`raw`](Self::raw) comes from.
    pub fn raw_origin(&self, rule: RuleId) -> Option<&Origin> {
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
    ) -> Result<Firewall<C>, BuildError> {
        Firewall::new(self, conntrack, config)
    }

    /// Compiles the rules for packets that nobody tracks.
    ///
    /// # Errors
    ///
    /// As [`firewall`](Self::firewall), and when a rule asks for the packet's connection.
    pub fn untracked_firewall(self, config: &Config) -> Result<Firewall<Untracked>, BuildError> {
        self.rules.check_untracked()?;
        Firewall::new(self, Untracked, config)
    }
}
