use alloc::vec;
use alloc::vec::Vec;

use super::Hits;
use super::count::Count;
use super::identity::Identities;
use crate::conntrack::Time;
use crate::packet::Packet;
use crate::rule::{ChainId, Decision, RuleId, RuleSet};

/// Counters of one thread for the rules of one rule set.
///
/// Takes 24 bytes a rule. Counting neither locks, allocates nor panics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitCounters {
    chains: Vec<Span>,
    /// The rules of all chains, one chain after the other.
    counts: Vec<Count>,
    /// Packets that no rule decided.
    undecided: Count,
}

/// Where the counts of a chain's rules are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    len: u32,
}

impl HitCounters {
    /// Nothing counted yet of the rules of a rule set.
    pub fn new<A>(rules: &RuleSet<A>) -> Self {
        let mut start = 0;
        let chains = rules.chains().iter().map(|chain| {
            let len = u32::try_from(chain.rules().len()).unwrap_or(u32::MAX);
            let span = Span { start, len };
            start = start.saturating_add(len);
            span
        });
        let chains = chains.collect();
        Self { chains, counts: vec![Count::default(); start as usize], undecided: Count::default() }
    }

    /// Counts a packet for the rule that decided it, if one did.
    ///
    /// Decisions of other rule sets are counted for whatever rules have their places, if there are
    /// any.
    #[inline]
    pub fn count<A>(&mut self, decision: &Decision<'_, A>, packet: &Packet, now: Time) {
        match decision.rule {
            Some(rule) => self.count_rule(rule, packet, now),
            None => self.undecided.hit(packet.length, now),
        }
    }

    /// Counts a packet for a rule: also for one that only notes it, as `walk` of a matcher shows
    /// them.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::hits::HitCounters;
    /// use portcullis::{Config, Packet, RuleSet, StatelessMatcher, Time};
    ///
    /// let rules: RuleSet = "count udp\naccept any".parse()?;
    /// let matcher = StatelessMatcher::compile(&rules, &Config::new())?;
    /// let mut counters = HitCounters::new(&rules);
    /// let packet = Packet::udp("10.0.0.1:4000".parse()?, "192.0.2.1:53".parse()?)?;
    /// let now = Time::from_secs(1);
    /// let decision = matcher.walk(&packet, |rule, _| counters.count_rule(rule, &packet, now));
    /// counters.count(&decision, &packet, now);
    /// assert_eq!(counters.unused().count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn count_rule(&mut self, rule: RuleId, packet: &Packet, now: Time) {
        if let Some(at) = self.place(rule)
            && let Some(count) = self.counts.get_mut(at)
        {
            count.hit(packet.length, now);
        }
    }

    /// What hit a rule; `None` if there is no such rule.
    pub fn hits(&self, rule: RuleId) -> Option<Hits> {
        self.counts.get(self.place(rule)?).map(Count::hits)
    }

    /// The packets that no rule decided: by the default, or passed unasked as packets of known
    /// connections ([`Order::KnownFirst`](crate::Order::KnownFirst)).
    pub fn undecided(&self) -> Hits {
        self.undecided.hits()
    }

    /// Every rule and what hit it, in the order of chains and rules.
    pub fn iter(&self) -> impl Iterator<Item = (RuleId, Hits)> {
        self.rules().zip(self.counts.iter().map(Count::hits))
    }

    /// The rules that nothing hit.
    pub fn unused(&self) -> impl Iterator<Item = RuleId> {
        self.iter().filter(|(_, hits)| hits.packets == 0).map(|(rule, _)| rule)
    }

    /// The rules that nothing hit at or after a moment.
    pub fn unused_since(&self, moment: Time) -> impl Iterator<Item = RuleId> {
        let is_unused = move |hits: &Hits| hits.last.is_none_or(|last| last < moment);
        self.iter().filter(move |(_, hits)| is_unused(hits)).map(|(rule, _)| rule)
    }

    /// Adds what another thread counted of the same rules. Rules that these counters are not about
    /// are left out.
    pub fn add(&mut self, other: &Self) {
        for (rule, count) in other.rules().zip(&other.counts) {
            if let Some(own) = self.place(rule).and_then(|at| self.counts.get_mut(at)) {
                own.add(count);
            }
        }
        self.undecided.add(&other.undecided);
    }

    /// Gives what was counted so far and begins anew.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let empty = vec![Count::default(); self.counts.len()];
        Self {
            chains: self.chains.clone(),
            counts: core::mem::replace(&mut self.counts, empty),
            undecided: core::mem::take(&mut self.undecided),
        }
    }

    /// Counters for the rules that come after these: `from` are the rules counted so far, `to` those
    /// that replace them.
    ///
    /// A rule is the same if it has the same criteria and the same target and stands in the chain of
    /// the same name, wherever there; its comment does not count. Equal rules of a chain are told
    /// apart by their order. What hit rules that are gone is in the counters so far alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::hits::HitCounters;
    /// use portcullis::{Config, Packet, RuleSet, StatelessMatcher, Time};
    ///
    /// let before: RuleSet = "drop tcp\naccept udp".parse()?;
    /// let after: RuleSet = "accept udp\naccept tcp to any port 22".parse()?;
    /// let mut counters = HitCounters::new(&before);
    /// let packet = Packet::udp("10.0.0.1:4000".parse()?, "192.0.2.1:53".parse()?)?;
    /// counters.count(&before.first_match(&packet, None), &packet, Time::from_secs(1));
    ///
    /// let counters = counters.carried_over(&before, &after);
    /// let now_first = after.first_match(&packet, None).rule.unwrap();
    /// assert_eq!(counters.hits(now_first).unwrap().packets, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn carried_over<A: PartialEq>(&self, from: &RuleSet<A>, to: &RuleSet<A>) -> Self {
        let mut counters = Self { undecided: self.undecided, ..Self::new(to) };
        for (old, new) in Identities::pairs(from, to) {
            let count = self.place(old).and_then(|at| self.counts.get(at));
            let place = counters.place(new);
            if let Some((count, own)) = count.zip(place.and_then(|at| counters.counts.get_mut(at)))
            {
                *own = *count;
            }
        }
        counters
    }

    #[inline]
    fn place(&self, rule: RuleId) -> Option<usize> {
        let span = self.chains.get(rule.chain.index())?;
        (rule.index < span.len).then(|| span.start as usize + rule.index as usize)
    }

    fn rules(&self) -> impl Iterator<Item = RuleId> {
        let chains = (0..).map(ChainId).zip(&self.chains);
        chains.flat_map(|(chain, span)| (0..span.len).map(move |index| RuleId::new(chain, index)))
    }
}
