use super::hook::HookRules;
use super::origin::{Origin, Origins};
use super::rate::Rates;
use crate::conntrack::{ConnTable, Conntrack, Lookup, Time};
use crate::packet::{Fragment, InterfaceId, Malformed, Packet, Refused, Tracked};
use crate::rule::{Action, BuildError, Effect, Interfaces, RuleId};
use crate::{Config, StatefulMatcher, StatelessMatcher};

/// Judges packets by the imported rules of one way through a host: before tracking, with the
/// connections, by the rates.
#[derive(Clone, Debug)]
pub struct Firewall<C = ConnTable> {
    raw: Option<StatelessMatcher<'static>>,
    matcher: StatefulMatcher<Action, C>,
    rates: Rates,
    interfaces: Interfaces,
    raw_origins: Origins,
    origins: Origins,
}

/// What a [`Firewall`] says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// What to do with the packet.
    pub action: Action,
    /// The rule that decided, of [`HookRules::raw`] or [`HookRules::rules`].
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

impl<C: Conntrack> Firewall<C> {
    pub(super) fn new(hook: HookRules, conntrack: C, config: &Config) -> Result<Self, BuildError> {
        let HookRules { raw, rules, rates, raw_origins, origins } = hook;
        let raw = raw.map(|raw| StatelessMatcher::compile(&raw, config)).transpose()?;
        let matcher = StatefulMatcher::compile(&rules, conntrack, config)?;
        let interfaces = rules.interfaces().clone();
        Ok(Self { raw, matcher, rates, interfaces, raw_origins, origins })
    }

    /// The judgement on one packet that came at `now`. Its predicates are those of the rates, whatever
    /// it had.
    ///
    /// Never panics.
    pub fn classify(&mut self, packet: &Packet, now: Time) -> Judgement {
        self.walk(packet, now, |_, _| {})
    }

    /// [`classify`](Self::classify) that also shows where each matching rule that does not decide
    /// comes from, in order, and what it notes: what is to be logged, for one.
    pub fn walk(
        &mut self,
        packet: &Packet,
        now: Time,
        seen: impl FnMut(Option<Origin<'_>>, Effect),
    ) -> Judgement {
        self.walk_translated(packet, packet, now, seen)
    }

    /// [`classify`](Self::classify) of a packet whose destination is translated, such as one to a
    /// port that a container publishes: the rules before tracking see it as it `came`, those after it
    /// as `translated`.
    ///
    /// The connection is that of the translated packet.
    ///
    /// # Examples
    ///
    /// ```
    /// # use portcullis::import::iptables::{Hook, Iptables};
    /// # use portcullis::packet::TcpFlags;
    /// # use portcullis::{Action, Config, Packet, Time};
    /// let tables = Iptables::new().translated().v4("
    /// *raw
    /// :PREROUTING ACCEPT [0:0]
    /// -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
    /// COMMIT
    /// *filter
    /// :FORWARD DROP [0:0]
    /// -A FORWARD -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j ACCEPT
    /// COMMIT
    /// ")?;
    /// let mut firewall = tables.hook(Hook::Forward).untracked_firewall(&Config::new())?;
    ///
    /// let (client, host, container) =
    ///     ("198.51.100.1:4000".parse()?, "192.0.2.10:8080".parse()?, "172.17.0.2:80".parse()?);
    /// let came = Packet::tcp(client, host, TcpFlags::SYN)?;
    /// let translated = Packet::tcp(client, container, TcpFlags::SYN)?;
    /// let now = Time::from_secs(1);
    /// assert_eq!(firewall.classify_translated(&came, &translated, now).action, Action::Accept);
    /// // Sent to the container straight away.
    /// assert_eq!(firewall.classify(&translated, now).action, Action::Drop);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn classify_translated(
        &mut self,
        came: &Packet,
        translated: &Packet,
        now: Time,
    ) -> Judgement {
        self.walk_translated(came, translated, now, |_, _| {})
    }

    /// [`classify_translated`](Self::classify_translated) and [`walk`](Self::walk) at once.
    pub fn walk_translated(
        &mut self,
        came: &Packet,
        translated: &Packet,
        now: Time,
        mut seen: impl FnMut(Option<Origin<'_>>, Effect),
    ) -> Judgement {
        let mut packet = *translated;
        packet.predicates = self.rates.predicates(&packet, now);
        if let Some(judgement) = self.before_tracking(came, &mut packet, now, &mut seen) {
            return judgement;
        }
        let Self { matcher, rates, origins, .. } = self;
        let mut mark = packet.mark;
        let decision = matcher.walk(&packet, now, |rule, effect| {
            mark = effect.apply(mark);
            match effect {
                Effect::Spend(number) => rates.spend(number, &packet, now),
                _ => seen(origins.of(rule), effect),
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

    /// Tracks a packet that came at `now` and goes on no further: it is stopped before the rules after
    /// tracking are asked, such as for want of a route. Nothing is confirmed. `None` if the rules
    /// before tracking stop it.
    pub fn track(&mut self, packet: &Packet, now: Time) -> Option<Tracked> {
        let mut packet = *packet;
        packet.predicates = self.rates.predicates(&packet, now);
        match self.before_tracking(&packet.clone(), &mut packet, now, &mut |_, _| {}) {
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
        seen: &mut impl FnMut(Option<Origin<'_>>, Effect),
    ) -> Option<Judgement> {
        let Self { raw, rates, raw_origins, .. } = self;
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
            seen(raw_origins.of(rule), effect);
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

impl<C> Firewall<C> {
    /// Where the rule comes from that decided; `None` for a family whose text was not given or has
    /// no rules.
    pub fn origin(&self, judgement: &Judgement) -> Option<Origin<'_>> {
        let origins = if judgement.before_tracking { &self.raw_origins } else { &self.origins };
        origins.of(judgement.rule?)
    }

    /// The number for the interface called `name`, to be put into a
    /// [`Packet`](crate::Packet::in_interface): `None` if no rule names it. It is the same for all
    /// hooks of one import.
    pub fn interface(&self, name: &str) -> Option<InterfaceId> {
        self.interfaces.id(name)
    }

    /// The rules after tracking, compiled, with the connection tracker.
    pub const fn matcher(&self) -> &StatefulMatcher<Action, C> {
        &self.matcher
    }

    /// The same, to be changed.
    pub const fn matcher_mut(&mut self) -> &mut StatefulMatcher<Action, C> {
        &mut self.matcher
    }
}
