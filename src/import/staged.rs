//! Imported rules at work: those before tracking, the connections, those after it, and rates.

use super::rate::Rates;
use crate::conntrack::{Conntrack, Lookup, Time};
use crate::packet::{Fragment, Malformed, Packet, Refused, Tracked};
use crate::rule::{Action, BuildError, Effect, Interfaces, RuleId, RuleSet};
use crate::{Config, StatefulMatcher, StatelessMatcher};

/// What imported rules say of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// What to do with the packet.
    pub action: Action,
    /// The rule that decided, of those before tracking or of those after it.
    pub rule: Option<RuleId>,
    /// Whether it was decided before it was tracked.
    pub before_tracking: bool,
    /// The packet's place in its connection, if it was tracked.
    pub tracked: Option<Tracked>,
    /// Why the connection that the packet opens was not admitted.
    pub refused: Option<Refused>,
    /// Whether the packet was whole or a fragment.
    pub fragment: Fragment,
    /// What was wrong with its headers, if anything.
    pub malformed: Option<Malformed>,
    /// The mark that the rules have left on it.
    pub mark: u32,
}

/// A tracker that tracks nothing: every packet is untracked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untracked;

impl Conntrack for Untracked {
    fn look_up(&mut self, _: &Packet, _: Time) -> Lookup {
        Lookup::untracked()
    }

    fn confirm(&mut self, _: &Packet, _: Time) -> Result<(), Refused> {
        Ok(())
    }
}

/// Rules before and after tracking, compiled.
#[derive(Clone, Debug)]
pub(in crate::import) struct Staged<C> {
    raw: Option<StatelessMatcher<'static>>,
    pub(in crate::import) matcher: StatefulMatcher<Action, C>,
    rates: Rates,
    pub(in crate::import) interfaces: Interfaces,
}

impl<C: Conntrack> Staged<C> {
    /// Compiles both rule sets, which number interfaces alike.
    pub(in crate::import) fn new(
        raw: Option<&RuleSet>,
        rules: &RuleSet,
        rates: Rates,
        conntrack: C,
        config: &Config,
    ) -> Result<Self, BuildError> {
        let raw = raw.map(|raw| StatelessMatcher::compile(raw, config)).transpose()?;
        let matcher = StatefulMatcher::compile(rules, conntrack, config)?;
        Ok(Self { raw, matcher, rates, interfaces: rules.interfaces().clone() })
    }

    /// The judgement on one packet, which rules before tracking see as it `came`. `seen` is told of
    /// each rule that notes something, and whether it is asked before tracking; rates are taken care
    /// of.
    pub(in crate::import) fn walk(
        &mut self,
        came: &Packet,
        translated: &Packet,
        now: Time,
        mut seen: impl FnMut(bool, RuleId, Effect),
    ) -> Judgement {
        let mut packet = *translated;
        packet.predicates = self.rates.predicates(&packet, now);
        if let Some(judgement) = self.before_tracking(came, &mut packet, now, &mut seen) {
            return judgement;
        }
        let Self { matcher, rates, .. } = self;
        let mut mark = packet.mark;
        let decision = matcher.walk(&packet, now, |rule, effect| {
            mark = effect.apply(mark);
            match effect {
                Effect::Spend(number) => rates.spend(number, &packet, now),
                _ => seen(false, rule, effect),
            }
        });
        Judgement {
            action: *decision.action,
            rule: decision.rule,
            before_tracking: false,
            tracked: decision.tracked,
            refused: decision.refused,
            fragment: decision.fragment,
            malformed: decision.malformed,
            mark,
        }
    }

    /// Tracks a packet that goes on no further; `None` if the rules before tracking stop it.
    pub(in crate::import) fn track(&mut self, packet: &Packet, now: Time) -> Option<Tracked> {
        let came = packet;
        let mut packet = *packet;
        packet.predicates = self.rates.predicates(&packet, now);
        match self.before_tracking(came, &mut packet, now, &mut |_, _, _| {}) {
            None => Some(self.matcher.conntrack_mut().look_up(&packet, now).tracked),
            Some(_) => None,
        }
    }

    /// Asks the rules before tracking about a packet as it came, and changes `packet` as they say; a
    /// judgement if they stop it.
    fn before_tracking(
        &mut self,
        came: &Packet,
        packet: &mut Packet,
        now: Time,
        seen: &mut impl FnMut(bool, RuleId, Effect),
    ) -> Option<Judgement> {
        let Self { raw, rates, .. } = self;
        let raw = raw.as_ref()?;
        let mut original = *came;
        original.predicates = rates.predicates(&original, now);
        // The first word on tracking counts, as in Linux's `xt_CT.c`.
        let mut tracking = None;
        let decision = raw.walk(&original, |rule, effect| {
            packet.mark = effect.apply(packet.mark);
            match effect {
                Effect::Spend(number) => return rates.spend(number, &original, now),
                Effect::NoTrack | Effect::Zone(_) => tracking = tracking.or(Some(effect)),
                _ => {}
            }
            seen(true, rule, effect);
        });
        match tracking {
            Some(Effect::NoTrack) => packet.notrack = true,
            Some(Effect::Zone(number)) => packet.zone = number,
            _ => {}
        }
        (*decision.action != Action::Accept).then_some(Judgement {
            action: *decision.action,
            rule: decision.rule,
            before_tracking: true,
            tracked: None,
            refused: None,
            fragment: decision.fragment,
            malformed: decision.malformed,
            mark: packet.mark,
        })
    }
}
