use alloc::boxed::Box;
use alloc::string::ToString;
use core::fmt::Display;

use super::refuted::Why;
use super::{Analysis, AnalysisError, Explanation, Refuted};
use crate::packet::{Packet, Tracked};
use crate::rule::{Criteria, RuleId, RuleSet};
use crate::stateful::Verdict;

/// The packets that a claim is about, as
/// [`assert_accepted!`](crate::assert_accepted) and its like take them: text, criteria, or one
/// packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// All packets that meet criteria, written as in a rule: `tcp from 10.0.0.0/8 to any port 22`.
    Text(Box<str>),
    /// All packets that meet criteria.
    Criteria(Box<Criteria>),
    /// One packet, and its place in its connection if it is tracked.
    Packet(Box<Packet>, Option<Tracked>),
}

impl From<&str> for Scope {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Criteria> for Scope {
    fn from(criteria: Criteria) -> Self {
        Self::Criteria(Box::new(criteria))
    }
}

impl From<&Criteria> for Scope {
    fn from(criteria: &Criteria) -> Self {
        criteria.clone().into()
    }
}

impl From<Packet> for Scope {
    fn from(packet: Packet) -> Self {
        Self::Packet(Box::new(packet), None)
    }
}

impl From<&Packet> for Scope {
    fn from(packet: &Packet) -> Self {
        (*packet).into()
    }
}

impl From<(Packet, Tracked)> for Scope {
    fn from((packet, tracked): (Packet, Tracked)) -> Self {
        Self::Packet(Box::new(packet), Some(tracked))
    }
}

/// Questions about a rule set as [`Analysis::new`] asks them.
impl<'r, A> From<&'r RuleSet<A>> for Analysis<'r, A> {
    fn from(rules: &'r RuleSet<A>) -> Self {
        Self::new(rules)
    }
}

/// Claims, for the tests of a firewall. Each holds of all packets of its scope or is refuted by one.
impl<'r, A: Display> Analysis<'r, A> {
    /// Whether every packet of the scope is accepted.
    ///
    /// # Errors
    ///
    /// Which packets are not, by which rules, and one of them explained. A claim about no packet at
    /// all is refuted, too, as it says nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::RuleSet;
    /// use portcullis::analysis::Analysis;
    ///
    /// let rules: RuleSet = "
    ///     drop   tcp to any port 23
    ///     accept tcp from 10.0.0.0/8 to any port 20-30
    /// ".parse()?;
    /// let rules = Analysis::new(&rules);
    /// rules.all_accepted("tcp from 10.0.0.0/8 to any port 22")?;
    /// let refuted = rules.all_accepted("tcp from 10.0.0.0/8 to any port 22-23").unwrap_err();
    /// let witness = refuted.decided()[0].witness.packet;
    /// assert_eq!(witness.ports.unwrap().dst, 23);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn all_accepted(&self, scope: impl Into<Scope>) -> Result<(), Refuted>
    where
        A: Verdict,
    {
        self.claim(scope.into(), "is accepted", &|action, _| action.accepts())
    }

    /// Whether no packet of the scope is accepted.
    ///
    /// # Errors
    ///
    /// As [`all_accepted`](Self::all_accepted).
    pub fn all_denied(&self, scope: impl Into<Scope>) -> Result<(), Refuted>
    where
        A: Verdict,
    {
        self.claim(scope.into(), "is denied", &|action, _| !action.accepts())
    }

    /// Whether every packet of the scope gets this action.
    ///
    /// # Errors
    ///
    /// As [`all_accepted`](Self::all_accepted).
    pub fn all_get(&self, scope: impl Into<Scope>, action: &A) -> Result<(), Refuted>
    where
        A: PartialEq,
    {
        let wanted = alloc::format!("gets `{action}`");
        self.claim(scope.into(), &wanted, &|given, _| given == action)
    }

    /// Whether a rule, or the default (`None`), decides every packet of the scope.
    ///
    /// # Errors
    ///
    /// As [`all_accepted`](Self::all_accepted).
    pub fn all_decided_by(
        &self,
        scope: impl Into<Scope>,
        rule: impl Into<Option<RuleId>>,
    ) -> Result<(), Refuted> {
        let rule = rule.into();
        let name = rule.map_or_else(|| "the default".into(), |rule| rule.to_string());
        let wanted = alloc::format!("is decided by {name}");
        self.claim(scope.into(), &wanted, &|_, by| by == rule)
    }

    /// Whether another rule set decides every packet alike.
    ///
    /// # Errors
    ///
    /// Which packets are decided differently, and by which rules.
    pub fn all_alike(&self, other: &RuleSet<A>) -> Result<(), Refuted>
    where
        A: PartialEq,
    {
        match self.difference(other) {
            Ok(differences) if differences.is_empty() => Ok(()),
            Ok(differences) => Err(Refuted::different([self.rules, other], differences)),
            Err(error) => Err(Refuted::unknown("every packet is decided alike".into(), error)),
        }
    }

    fn claim(&self, scope: Scope, wanted: &str, holds: &Holds<'_, A>) -> Result<(), Refuted> {
        match &scope {
            Scope::Packet(packet, tracked) => self.claim_one(packet, *tracked, wanted, holds),
            Scope::Criteria(criteria) => self.claim_all(criteria, wanted, holds),
            Scope::Text(text) => match text.parse() {
                Ok(criteria) => self.claim_all(&criteria, wanted, holds),
                Err(error) => Err(Refuted::unread(error)),
            },
        }
    }

    fn claim_one(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        wanted: &str,
        holds: &Holds<'_, A>,
    ) -> Result<(), Refuted> {
        let decision = self.rules.first_match(packet, tracked);
        if holds(decision.action, decision.rule) {
            return Ok(());
        }
        let explanation = Explanation::new(self.rules, packet, tracked);
        Err(Refuted::by_packet(&explanation, wanted))
    }

    fn claim_all(
        &self,
        criteria: &Criteria,
        wanted: &str,
        holds: &Holds<'_, A>,
    ) -> Result<(), Refuted> {
        let claim = || alloc::format!("every packet of `{criteria}` {wanted}");
        let unknown = |error: AnalysisError| Refuted::unknown(claim(), error);
        let otherwise = |action: &A, rule| !holds(action, rule);
        if self.find(criteria, otherwise).map_err(unknown)?.is_some() {
            let decided = self.regions(criteria, otherwise).map_err(unknown)?;
            return Err(Refuted::by_packets(self.rules, claim(), decided));
        }
        match self.find(criteria, |_, _| true).map_err(unknown)? {
            Some(_) => Ok(()),
            None => Err(Refuted::new(claim(), Why::NoPacket)),
        }
    }
}

/// Whether an action that a rule, or the default, gives is as claimed.
type Holds<'h, A> = dyn Fn(&A, Option<RuleId>) -> bool + 'h;
