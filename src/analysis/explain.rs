use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::Field;
use crate::conntrack::{ConnTable, Reason, Time};
use crate::packet::{Packet, Tracked};
use crate::rule::{Action, ChainId, Criteria, Decision, Effect, RuleId, RuleSet, Target};

/// Why a rule set decides a packet as it does: every rule that was looked at, in order, and what
/// became of it.
///
/// The decision is that of [`RuleSet::first_match`] and so that of every matcher.
///
/// # Complexity
///
/// Time and memory linear in the number of rules looked at.
///
/// # Examples
///
/// ```
/// use portcullis::analysis::{Explanation, Field, Outcome};
/// use portcullis::packet::TcpFlags;
/// use portcullis::{Action, Packet, RuleSet};
///
/// let rules: RuleSet = "
///     accept tcp from 10.0.0.0/8 to any port 443
///     accept tcp from 10.0.0.0/8 to any port 22
/// ".parse()?;
/// let ssh = Packet::tcp("10.0.0.1:40000".parse()?, "192.0.2.1:22".parse()?, TcpFlags::SYN)?;
/// let explanation = Explanation::new(&rules, &ssh, None);
/// assert_eq!(*explanation.decision.action, Action::Accept);
/// let Outcome::Failed(mismatch) = &explanation.steps[0].outcome else { panic!() };
/// assert_eq!((mismatch.field, mismatch.found.as_str()), (Field::DstPort, "22"));
/// assert_eq!(explanation.to_string(), "\
/// tcp 10.0.0.1:40000 > 192.0.2.1:22
///   rule 1, accept tcp from 10.0.0.0/8 to any port 443
///     no: destination port is 22, not `to any port 443`
///   rule 2, accept tcp from 10.0.0.0/8 to any port 22
///     yes: decides
/// decision: accept, by rule 2
/// ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation<'r, A = Action> {
    rules: &'r RuleSet<A>,
    /// The packet.
    pub packet: Packet,
    /// What a table of connections says of it, and why, if one was asked.
    pub reason: Option<Reason>,
    /// The decision.
    pub decision: Decision<'r, A>,
    /// The rules that were looked at, in order; the last one decided unless the default did.
    pub steps: Vec<Step>,
    /// The jumps that led to the chain of the deciding rule, or to the chain that said `Return` or
    /// ended last; empty in the base chain.
    pub path: Vec<RuleId>,
}

/// A rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize))]
#[non_exhaustive]
pub struct Step {
    /// The rule.
    pub rule: RuleId,
    /// How many jumps led to its chain.
    pub depth: usize,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Outcome {
    /// It did not match.
    Failed(Mismatch),
    /// It matched and decided.
    Decided,
    /// It matched, noted something, and the next rule was looked at.
    Noted(Effect),
    /// It matched and led to another chain, to come back.
    Jumped(ChainId),
    /// It matched and led to another chain for good.
    WentTo(ChainId),
    /// It matched and ended its chain.
    Returned,
}

/// The first field of which a rule's criteria did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize))]
#[non_exhaustive]
pub struct Mismatch {
    /// The field.
    pub field: Field,
    /// What the rule asks of it, as in the rule's text: `to any port 443`.
    pub asked: String,
    /// What the packet has: `22`, or `none` if it does not have the field.
    pub found: String,
}

impl<'r, A> Explanation<'r, A> {
    /// Explains the decision on a packet whose place in its connection is `tracked`; `None` for a
    /// packet that is not tracked, as in a stateless matcher.
    pub fn new(rules: &'r RuleSet<A>, packet: &Packet, tracked: Option<Tracked>) -> Self {
        let subject = Subject { packet, tracked, mark: packet.mark };
        let mut story = Story { rules, subject, steps: Vec::new(), path: Vec::new() };
        story.tell();
        let decision = rules.first_match(packet, tracked);
        let (steps, path) = (story.steps, story.path);
        Self { rules, packet: *packet, reason: None, decision, steps, path }
    }

    /// Explains the decision on a packet that comes now to a firewall with these connections: what
    /// they are to it, and why. Nothing is changed.
    ///
    /// The decision is that of a [`StatefulMatcher`](crate::StatefulMatcher) that asks its rules
    /// first, unless the table refuses the connection that the rules accept.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::analysis::Explanation;
    /// use portcullis::packet::TcpFlags;
    /// use portcullis::{ConnTable, Limits, Packet, RuleSet, Time};
    ///
    /// let rules: RuleSet = "drop state invalid\naccept tcp to any port 22".parse()?;
    /// let table = ConnTable::new(&Limits::new(10), [7; 16]);
    /// let answer = TcpFlags::SYN | TcpFlags::ACK;
    /// let packet = Packet::tcp("192.0.2.1:40000".parse()?, "10.0.0.1:22".parse()?, answer)?;
    /// let explanation = Explanation::with_table(&rules, &packet, &table, Time::from_secs(1));
    /// assert_eq!(explanation.to_string(), "\
    /// tcp 192.0.2.1:40000 > 10.0.0.1:22, invalid
    ///   invalid because it belongs to no connection and may not open one
    ///   rule 1, drop state invalid
    ///     yes: decides
    /// decision: drop, by rule 1
    /// ");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_table(
        rules: &'r RuleSet<A>,
        packet: &Packet,
        table: &ConnTable,
        now: Time,
    ) -> Self {
        let reason = table.reason(packet, now);
        let explanation = Self::new(rules, packet, Some(reason.tracked));
        Self { reason: Some(reason), ..explanation }
    }
}

/// A packet on its way through the rules.
pub(super) struct Subject<'p> {
    pub(super) packet: &'p Packet,
    pub(super) tracked: Option<Tracked>,
    /// The mark, as the rules so far have left it.
    pub(super) mark: u32,
}

impl Subject<'_> {
    /// The packet's place in a connection, if it belongs to one.
    pub(super) fn connection(&self) -> Option<Tracked> {
        self.tracked.filter(|tracked| tracked.direction.is_some())
    }
}

struct Story<'s, A> {
    rules: &'s RuleSet<A>,
    subject: Subject<'s>,
    steps: Vec<Step>,
    path: Vec<RuleId>,
}

impl<A> Story<'_, A> {
    fn tell(&mut self) {
        // Where to go on, and how long the path to there is.
        let mut callers: Vec<(RuleId, usize)> = Vec::new();
        let mut next = RuleId::new(ChainId::BASE, 0);
        let mut entered = 0;
        while entered <= self.rules.chains().len() {
            let (depth, id) = (self.path.len(), next);
            let Some(rule) = self.rules.rule(id) else {
                let Some(caller) = callers.pop() else { return };
                next = caller.0;
                self.path.truncate(caller.1);
                entered = caller.1;
                continue;
            };
            next.index += 1;
            let outcome = match self.mismatch(&rule.criteria) {
                Some(mismatch) => Outcome::Failed(mismatch),
                None => Outcome::of(&rule.target),
            };
            match outcome {
                Outcome::Noted(effect) => self.subject.mark = effect.apply(self.subject.mark),
                Outcome::Jumped(chain) => {
                    callers.push((next, depth));
                    next = RuleId::new(chain, 0);
                }
                Outcome::WentTo(chain) => next = RuleId::new(chain, 0),
                Outcome::Returned => next.index = u32::MAX,
                Outcome::Failed(_) | Outcome::Decided => {}
            }
            if matches!(outcome, Outcome::Jumped(_) | Outcome::WentTo(_)) {
                self.path.push(id);
                entered += 1;
            }
            let decided = outcome == Outcome::Decided;
            self.steps.push(Step { rule: id, depth, outcome });
            if decided {
                return;
            }
        }
    }

    fn mismatch(&self, criteria: &Criteria) -> Option<Mismatch> {
        if self.holds(criteria) {
            return None;
        }
        let mut fields = Field::ALL.iter().map(|field| (*field, field.only(criteria)));
        let (field, only) = fields.find(|(_, only)| !self.holds(only))?;
        let (asked, found) = (only.to_string(), field.found(&self.subject, self.rules));
        Some(Mismatch { field, asked, found })
    }

    fn holds(&self, criteria: &Criteria) -> bool {
        let Subject { packet, tracked, mark } = self.subject;
        criteria.hold(packet, tracked, mark, self.rules.named())
    }
}

impl Outcome {
    fn of<A>(target: &Target<A>) -> Self {
        match target {
            Target::Action(_) => Self::Decided,
            Target::Continue(effect) => Self::Noted(*effect),
            Target::Staged(_) => Self::Noted(Effect::Staged),
            Target::Jump(chain) => Self::Jumped(*chain),
            Target::Goto(chain) => Self::WentTo(*chain),
            Target::Return => Self::Returned,
        }
    }
}

/// Prints the packet, two lines for each rule that was looked at, and the decision.
impl<A: fmt::Display> fmt::Display for Explanation<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}{}", self.packet, Place(self.decision.tracked))?;
        self.reason.map_or(Ok(()), |reason| writeln!(f, "  {reason}"))?;
        for step in &self.steps {
            let indent = 2 + 4 * step.depth;
            let Some(rule) = self.rules.display_rule(step.rule) else { continue };
            writeln!(f, "{:indent$}{}, {rule}", "", step.rule)?;
            write!(f, "{:indent$}  ", "")?;
            self.write_outcome(f, &step.outcome)?;
        }
        write!(f, "decision: {}, by ", self.decision.action)?;
        match self.decision.rule {
            Some(rule) => writeln!(f, "{rule}"),
            None => writeln!(f, "default"),
        }
    }
}

impl<A> Explanation<'_, A> {
    fn write_outcome(&self, f: &mut fmt::Formatter<'_>, outcome: &Outcome) -> fmt::Result {
        let name = |chain: &ChainId| self.rules.chain(*chain).map_or("", |chain| chain.name());
        match outcome {
            Outcome::Failed(Mismatch { field, asked, found }) => {
                writeln!(f, "no: {field} is {found}, not `{asked}`")
            }
            Outcome::Decided => writeln!(f, "yes: decides"),
            Outcome::Noted(Effect::Staged) => {
                writeln!(f, "yes: is staged; would decide, goes on")
            }
            Outcome::Noted(_) => writeln!(f, "yes: notes it and goes on"),
            Outcome::Jumped(chain) => writeln!(f, "yes: through chain `{}`", name(chain)),
            Outcome::WentTo(chain) => writeln!(f, "yes: on to chain `{}`", name(chain)),
            Outcome::Returned => writeln!(f, "yes: ends the chain"),
        }
    }
}

/// A packet's place in its connection, in words.
struct Place(Option<Tracked>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(Tracked { state, direction: None, .. }) => write!(f, ", {state}"),
            Some(Tracked { state, direction: Some(way), .. }) => write!(f, ", {state}, {way}"),
        }
    }
}

/// The packet and the deciding rule as text, the decision, `reason` if a table was asked, and the
/// steps and the path as they are.
#[cfg(feature = "serde")]
impl<A: fmt::Display + ::serde::Serialize> ::serde::Serialize for Explanation<'_, A> {
    fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use ::serde::ser::SerializeStruct;

        let mut fields = serializer.serialize_struct("Explanation", 6)?;
        let rule = self.decision.rule.and_then(|id| self.rules.display_rule(id));
        fields.serialize_field("packet", &self.packet.to_string())?;
        fields.serialize_field("decision", &self.decision)?;
        fields.serialize_field("rule", &rule.map(|rule| rule.to_string()))?;
        fields.serialize_field("reason", &self.reason)?;
        fields.serialize_field("steps", &self.steps)?;
        fields.serialize_field("path", &self.path)?;
        fields.end()
    }
}
