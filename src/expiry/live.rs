use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Deadlines;
use crate::Config;
use crate::conntrack::Time;
use crate::packet::Packet;
use crate::rule::{Action, BuildError, Decision, Rule, RuleSet};
use crate::update::{LiveMatcher, Position, RuleKey, Snapshot, UpdateError};

/// A [`LiveMatcher`] some of whose rules are in force for a time.
///
/// # Examples
///
/// ```
/// use portcullis::expiry::ExpiringMatcher;
/// use portcullis::update::Position;
/// use portcullis::{Action, ChainId, Config, Packet, Rule, RuleSet, Time};
///
/// let rules: RuleSet = "accept udp".parse()?;
/// let mut matcher = ExpiringMatcher::new(&rules, &Config::new())?;
/// let noisy: ipnet::IpNet = "192.0.2.0/24".parse()?;
/// let block = Rule::drop().from(noisy);
/// matcher.insert_until(Position::First(ChainId::BASE), block, Time::from_secs(600))?;
///
/// let packet = Packet::udp("192.0.2.1:4000".parse()?, "10.0.0.1:53".parse()?)?;
/// assert_eq!(*matcher.classify(&packet, Time::from_secs(599)).action, Action::Drop);
/// assert_eq!(matcher.deadlines().next(), Some(Time::from_secs(600)));
/// assert_eq!(*matcher.classify(&packet, Time::from_secs(600)).action, Action::Accept);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ExpiringMatcher<A = Action> {
    live: LiveMatcher<A>,
    deadlines: Deadlines<RuleKey>,
    /// What [`classify`](Self::classify) judges by.
    shown: Arc<Snapshot<A>>,
}

impl<A: Clone + PartialEq> ExpiringMatcher<A> {
    /// Compiles a rule set.
    ///
    /// # Errors
    ///
    /// Those of [`LiveMatcher::new`].
    pub fn new(rules: &RuleSet<A>, config: &Config) -> Result<Self, BuildError> {
        let mut live = LiveMatcher::new(rules, config)?;
        let shown = live.publish();
        Ok(Self { live, deadlines: Deadlines::new(), shown })
    }

    /// Inserts a rule that is in force until a moment.
    ///
    /// # Errors
    ///
    /// Those of [`LiveMatcher::insert`].
    pub fn insert_until(
        &mut self,
        at: Position,
        rule: Rule<A>,
        until: Time,
    ) -> Result<RuleKey, UpdateError> {
        let key = self.live.insert(at, rule)?;
        self.set_deadline(key, until);
        self.shown = self.live.publish();
        Ok(key)
    }
}

impl<A> ExpiringMatcher<A> {
    /// Sets until when a rule is in force; a rule that is not there has no deadline.
    pub fn set_deadline(&mut self, key: RuleKey, until: Time) {
        if let Some(rule) = self.live.rule(key) {
            self.deadlines.set(key, rule, until);
        }
    }

    /// Lets a rule be in force for ever; returns the deadline that it had.
    pub fn remove_deadline(&mut self, key: RuleKey) -> Option<Time> {
        self.deadlines.remove(key)
    }

    /// Until when which rules are in force. Readers of snapshots take a copy with each, to
    /// [`check`](Deadlines::check) decisions.
    pub const fn deadlines(&self) -> &Deadlines<RuleKey> {
        &self.deadlines
    }

    /// Removes the rules that are not in force any more, and shows that to readers; returns them.
    pub fn expire(&mut self, now: Time) -> Vec<(RuleKey, Arc<Rule<A>>)> {
        if self.deadlines.next().is_none_or(|next| next > now) {
            return Vec::new();
        }
        let expired = self.deadlines.take_expired(now).into_iter();
        // One may have been removed before it expired.
        let removed = expired.filter_map(|key| Some((key, self.live.remove(key).ok()?))).collect();
        self.shown = self.live.publish();
        removed
    }

    /// The decision by the rules that are in force. Nothing else need be called when rules expire.
    ///
    /// # Complexity
    ///
    /// That of [`Snapshot::classify`] until the next deadline, when the rules that expire are removed.
    pub fn classify(&mut self, packet: &Packet, now: Time) -> Decision<'_, A, RuleKey> {
        let _ = self.expire(now);
        self.shown.classify(packet)
    }

    /// The matcher, to look at.
    pub const fn live(&self) -> &LiveMatcher<A> {
        &self.live
    }

    /// Changes the matcher, and shows the changes to readers. A rule that is removed in that way
    /// keeps its deadline until then, to no effect.
    pub fn change<T>(&mut self, change: impl FnOnce(&mut LiveMatcher<A>) -> T) -> T {
        let result = change(&mut self.live);
        self.shown = self.live.publish();
        result
    }
}
