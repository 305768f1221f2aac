use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Match;
use crate::import::iptables::clause::{Clause, Place};
use crate::import::iptables::fault::Fault;
use crate::import::iptables::values::{asked, network, not_negated, once, ports, protocol};
use crate::import::iptables::words::{Word, Words};
use crate::packet::{ConnFlag, ConnState, Direction, Family};
use crate::rule::{AnyOf, Criteria, IpRange, OriginalCriteria, PortRange};

/// `conntrack`: the connection's state, direction, flags and original flow key.
///
/// # Source
///
/// Linux `net/netfilter/xt_conntrack.c`, `conntrack_mt`. A packet of no connection that has one of
/// the states asked for matches whatever else the rule asks of its connection.
pub(super) struct Conntrack {
    family: Family,
    state: Option<(States, bool)>,
    direction: Option<Direction>,
    status: Option<AnyOf<ConnFlag>>,
    original: OriginalCriteria,
    /// The options given so far, of those that are fields of `original`.
    seen: Vec<Box<str>>,
}

/// States, and the flags of translated connections, of which each is as good as a state.
#[derive(Clone, Debug, Default)]
struct States {
    states: Vec<ConnState>,
    flags: Vec<ConnFlag>,
}

impl Conntrack {
    pub(super) fn new(family: Family) -> Self {
        let original = OriginalCriteria::default();
        Self { family, state: None, direction: None, status: None, original, seen: Vec::new() }
    }

    /// Reads an option about the original direction. The answers to it come the other way round, as
    /// nothing is translated.
    fn original(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        let asked_for = &mut self.original;
        match &*option.text {
            "--ctproto" => {
                let word = values.value("a protocol")?;
                let number = protocol(&word)?.ok_or_else(|| word.expected("one protocol"))?;
                asked_for.protocol = asked([number], negated);
            }
            "--ctorigsrc" => asked_for.src = addresses(self.family, negated, values)?,
            "--ctorigdst" => asked_for.dst = addresses(self.family, negated, values)?,
            "--ctorigsrcport" => asked_for.src_port = asked([port(values)?], negated),
            "--ctorigdstport" => asked_for.dst_port = asked([port(values)?], negated),
            "--ctreplsrc" | "--ctrepldst" | "--ctreplsrcport" | "--ctrepldstport"
            | "--ctexpire" => return Err(option.unsupported("option")),
            _ => return Ok(false),
        }
        let seen = self.seen.iter().any(|seen| **seen == *option.text);
        self.seen.push((&*option.text).into());
        once(&mut seen.then_some(()), option, ())?;
        Ok(true)
    }

    /// What is asked besides the state; it holds of packets of connections alone.
    fn rest(&self) -> Criteria {
        let mut rest = Criteria {
            direction: self.direction.map_or(AnyOf::any(), AnyOf::from),
            status: self.status.clone().unwrap_or_default(),
            ..Criteria::default()
        };
        if !self.original.is_any() {
            rest.original = Some(Box::new(self.original.clone()));
        }
        rest
    }
}

fn addresses(
    family: Family,
    negated: bool,
    values: &mut Words<'_>,
) -> Result<AnyOf<IpRange>, Fault> {
    Ok(asked(network(&values.value("an address")?, family)?, negated))
}

fn port(values: &mut Words<'_>) -> Result<PortRange, Fault> {
    ports(&values.value("a port or a range of ports")?)
}

impl Match for Conntrack {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        match &*option.text {
            "--ctstate" => {
                let list = states(&values.value("connection states")?, true)?;
                once(&mut self.state, option, (list, negated))?;
            }
            "--ctdir" => {
                not_negated(option, negated)?;
                let word = values.value("a direction")?;
                let way = match &*word.text.to_ascii_uppercase() {
                    "ORIGINAL" => Direction::Original,
                    "REPLY" => Direction::Reply,
                    _ => return Err(word.expected("`ORIGINAL` or `REPLY`")),
                };
                once(&mut self.direction, option, way)?;
            }
            "--ctstatus" => {
                let flags = flags(&values.value("flags of connections")?)?;
                once(&mut self.status, option, asked(flags, negated))?;
            }
            _ => return self.original(option, negated, values),
        }
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        let rest = self.rest();
        if self.state.is_none() && rest == Criteria::default() {
            return Err(name.expected("what to ask of the connection, such as `--ctstate`"));
        }
        let Some((states, negated)) = &self.state else {
            return Ok(Clause::of(rest));
        };
        let of_connections = if states.flags.is_empty() && rest == Criteria::default() {
            return Ok(Clause::of(state_is(asked(states.states.clone(), *negated))));
        } else {
            of_connections(states, *negated)
        };
        let with_rest = |criteria: Criteria| Criteria {
            direction: rest.direction.clone(),
            original: rest.original.clone(),
            status: if criteria.status.is_any() { rest.status.clone() } else { criteria.status },
            ..criteria
        };
        if !rest.status.is_any() && !states.flags.is_empty() {
            let message = "`--ctstatus` and a state of translation in one rule";
            return Err(Fault::unsupported(name.at.clone(), message.into()));
        }
        let others = [ConnState::Invalid, ConnState::Untracked];
        let others = others.into_iter().filter(|it| states.states.contains(it) != *negated);
        let mut holds: Vec<_> = of_connections.into_iter().map(with_rest).collect();
        holds.push(state_is(AnyOf::one_of(others)));
        Ok(Clause { holds, ..Clause::default() })
    }
}

fn state_is(state: AnyOf<ConnState>) -> Criteria {
    Criteria { state, ..Criteria::default() }
}

/// What the states asked for mean of packets of connections: alternatives that exclude each other.
fn of_connections(asked: &States, negated: bool) -> Vec<Criteria> {
    let known = [ConnState::New, ConnState::Established, ConnState::Related];
    let listed = known.into_iter().filter(|state| asked.states.contains(state));
    let others = known.into_iter().filter(|state| !asked.states.contains(state));
    let flagged = || AnyOf::one_of(asked.flags.clone());
    match (negated, asked.flags.is_empty()) {
        (false, true) => Vec::from([state_is(AnyOf::one_of(listed))]),
        (true, true) => Vec::from([state_is(AnyOf::one_of(others))]),
        (false, false) => Vec::from([
            state_is(AnyOf::one_of(listed)),
            Criteria { status: flagged(), ..state_is(AnyOf::one_of(others)) },
        ]),
        (true, false) => {
            let status = AnyOf::none_of(asked.flags.clone());
            Vec::from([Criteria { status, ..state_is(AnyOf::one_of(others)) }])
        }
    }
}

fn states(word: &Word<'_>, flags_too: bool) -> Result<States, Fault> {
    let mut list = States::default();
    for part in word.parts(',') {
        let state = ConnState::ALL.into_iter().find(|it| part.text.eq_ignore_ascii_case(it.name()));
        match &*part.text.to_ascii_uppercase() {
            "SNAT" if flags_too => list.flags.push(ConnFlag::SrcNat),
            "DNAT" if flags_too => list.flags.push(ConnFlag::DstNat),
            _ => list.states.push(state.ok_or_else(|| part.expected("a connection state"))?),
        }
    }
    Ok(list)
}

/// `NONE` is a flag that no connection has.
fn flags(word: &Word<'_>) -> Result<Vec<ConnFlag>, Fault> {
    let mut list = Vec::new();
    for part in word.parts(',') {
        list.push(match &*part.text.to_ascii_uppercase() {
            "NONE" => continue,
            "EXPECTED" => ConnFlag::Expected,
            "SEEN_REPLY" => ConnFlag::Replied,
            "ASSURED" => ConnFlag::Assured,
            "CONFIRMED" => ConnFlag::Confirmed,
            _ => return Err(part.expected("a flag of connections")),
        });
    }
    Ok(list)
}

/// `state`: the connection's state.
///
/// # Source
///
/// Linux `net/netfilter/xt_state.c`.
#[derive(Default)]
pub(super) struct State {
    asked: Option<AnyOf<ConnState>>,
}

impl Match for State {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        if option.text != "--state" {
            return Ok(false);
        }
        let list = states(&values.value("connection states")?, false)?;
        once(&mut self.asked, option, asked(list.states, negated))?;
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        let state = self.asked.clone().ok_or_else(|| name.expected("`--state` after `state`"))?;
        Ok(Clause::of(state_is(state)))
    }
}
