//! The three matchers, side by side on each packet.

use portcullis::{
    Action, BuildError, Config, ConnState, ConnTable, Decision, Order, Packet, Rule, RuleSet,
    StatefulMatcher, StatelessMatcher, Time, Tracked,
};

use super::policy::{Changes, Decider, Derived};

/// The matchers, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// The rules without connection states, each packet judged alone.
    Stateless,
    /// The same with a rule that lets replies in.
    Ephemeral,
    /// The rules as they are, each packet judged with its connection.
    Stateful,
}

impl Column {
    pub(crate) const ALL: [Self; 3] = [Self::Stateless, Self::Ephemeral, Self::Stateful];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Stateless => "stateless",
            Self::Ephemeral => "+ephemeral",
            Self::Stateful => "stateful",
        }
    }
}

/// One matcher's word on one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) action: Action,
    pub(crate) by: Decider,
}

impl Verdict {
    pub(crate) fn accepts(&self) -> bool {
        self.action == Action::Accept
    }
}

/// What all three say of one packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    /// The packet's place in its connection, as the stateful matcher sees it.
    pub(crate) tracked: Option<Tracked>,
    /// Whether the table had no room for the connection.
    pub(crate) refused: bool,
    verdicts: [Verdict; 3],
}

impl Judged {
    pub(crate) fn by(&self, column: Column) -> &Verdict {
        &self.verdicts[column as usize]
    }

    /// Whether one of the stateless matchers does something else than the stateful one.
    pub(crate) fn differs(&self) -> bool {
        let actions = self.verdicts.map(|verdict| verdict.action);
        actions.iter().any(|action| *action != actions[0])
    }
}

/// The three matchers.
pub(crate) struct Judge {
    /// What was done to the rules for the stateless matchers.
    pub(crate) changes: Changes,
    stateless: (Derived, StatelessMatcher<'static>),
    ephemeral: (Derived, StatelessMatcher<'static>),
    stateful: StatefulMatcher<Action, ConnTable>,
    order: Order,
}

impl Judge {
    /// Compiles the rules of the file three times.
    pub(crate) fn new(
        rules: &RuleSet,
        ephemeral: &Rule,
        table: ConnTable,
        order: Order,
    ) -> Result<Self, BuildError> {
        let config = Config::new();
        let (stateless, changes) = Derived::stateless(rules);
        let ephemeral = stateless.with(ephemeral);
        let compile = |derived: Derived| {
            let matcher = StatelessMatcher::compile(&derived.rules, &config)?;
            Ok((derived, matcher))
        };
        Ok(Self {
            changes,
            stateless: compile(stateless)?,
            ephemeral: compile(ephemeral)?,
            stateful: StatefulMatcher::compile(rules, table, &config)?.order(order),
            order,
        })
    }

    /// Whether a matcher could decide so.
    pub(crate) fn has(&self, column: Column, by: Decider) -> bool {
        match (column, by) {
            (_, Decider::Default) => true,
            (Column::Stateless, by) => self.stateless.0.has(by),
            (Column::Ephemeral, by) => self.ephemeral.0.has(by),
            (Column::Stateful, Decider::Connection) => self.order == Order::KnownFirst,
            (Column::Stateful, by) => by != Decider::Added,
        }
    }

    /// Judges a packet that arrives `nanos` after 1970.
    pub(crate) fn judge(&mut self, packet: &Packet, nanos: u64) -> Judged {
        let stateless = alone(&self.stateless, packet);
        let ephemeral = alone(&self.ephemeral, packet);
        let decision = self.stateful.classify(packet, Time::from_nanos(nanos));
        let unasked = self.order == Order::KnownFirst && decision.tracked.is_some_and(is_known);
        let by = match decision.rule {
            Some(id) => Decider::Rule(id),
            None if unasked => Decider::Connection,
            None => Decider::Default,
        };
        let stateful = Verdict { action: *decision.action, by };
        Judged {
            tracked: decision.tracked,
            refused: decision.refused.is_some(),
            verdicts: [stateless, ephemeral, stateful],
        }
    }
}

fn alone((derived, matcher): &(Derived, StatelessMatcher<'_>), packet: &Packet) -> Verdict {
    let Decision { action, rule, .. } = matcher.classify(packet);
    Verdict { action: *action, by: rule.map_or(Decider::Default, |id| derived.origin(id)) }
}

fn is_known(tracked: Tracked) -> bool {
    matches!(tracked.state, ConnState::Established | ConnState::Related)
}
