use super::hook::HookRules;
use super::origins::Origins;
use super::staged::{Judgement, Staged};
use crate::conntrack::{ConnTable, Conntrack, Time};
use crate::packet::{InterfaceId, Packet, Tracked};
use crate::rule::{Action, BuildError, Effect};
use crate::{Config, StatefulMatcher};

/// Judges packets by the imported rules of one way through a host: before tracking, with the
/// connections, by the rates.
///
/// `O` says where rules come from: [`iptables::Origin`](super::iptables::Origin), or that of
/// nftables.
#[derive(Clone, Debug)]
pub struct Firewall<O, C = ConnTable> {
    staged: Staged<C>,
    raw_origins: Origins<O>,
    origins: Origins<O>,
}

impl<O, C: Conntrack> Firewall<O, C> {
    pub(super) fn new(
        hook: HookRules<O>,
        conntrack: C,
        config: &Config,
    ) -> Result<Self, BuildError> {
        let HookRules { raw, rules, rates, raw_origins, origins } = hook;
        let staged = Staged::new(raw.as_ref(), &rules, rates, conntrack, config)?;
        Ok(Self { staged, raw_origins, origins })
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
        seen: impl FnMut(Option<&O>, Effect),
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
        mut seen: impl FnMut(Option<&O>, Effect),
    ) -> Judgement {
        let Self { staged, raw_origins, origins } = self;
        staged.walk(came, translated, now, |before_tracking, rule, effect| {
            let origins = if before_tracking { &*raw_origins } else { &*origins };
            seen(origins.of(rule), effect);
        })
    }

    /// Tracks a packet that came at `now` and goes on no further: it is stopped before the rules after
    /// tracking are asked, such as for want of a route. Nothing is confirmed. `None` if the rules
    /// before tracking stop it.
    pub fn track(&mut self, packet: &Packet, now: Time) -> Option<Tracked> {
        self.staged.track(packet, now)
    }
}

impl<O, C> Firewall<O, C> {
    /// Where the rule comes from that decided; `None` for a family without rules.
    pub fn origin(&self, judgement: &Judgement) -> Option<&O> {
        let origins = if judgement.before_tracking { &self.raw_origins } else { &self.origins };
        origins.of(judgement.rule?)
    }

    /// The number for the interface called `name`, to be put into a
    /// [`Packet`](crate::Packet::in_interface): `None` if no rule names it. It is the same for all
    /// hooks of one import.
    pub fn interface(&self, name: &str) -> Option<InterfaceId> {
        self.staged.interfaces.id(name)
    }

    /// The rules after tracking, compiled, with the connection tracker.
    pub const fn matcher(&self) -> &StatefulMatcher<Action, C> {
        &self.staged.matcher
    }

    /// The same, to be changed.
    pub const fn matcher_mut(&mut self) -> &mut StatefulMatcher<Action, C> {
        &mut self.staged.matcher
    }
}
