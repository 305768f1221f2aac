//! One rule: its conditions in the order in which Linux looks at them, and its target.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::Table;
use super::clause::{Clause, Place};
use super::expand::{Step, Steps, steps};
use super::fault::Fault;
use super::matches::{self, Match};
use super::target::{self, ParsedTarget};
use super::told::Told;
use super::values::{asked, network, not_negated, once, protocol};
use super::words::{Word, Words};
use crate::import::meet::is_exactly;
use crate::import::rate::Rate;
use crate::packet::{Family, Fragment, Malformed, Protocol};
use crate::rule::{AnyOf, Criteria, InterfaceName, IpRange};

/// A rule as it was read.
#[derive(Clone, Debug)]
pub(super) struct ParsedRule {
    /// The line that it stands in, counted from 1.
    pub(super) line: usize,
    /// What becomes of packets, in order.
    pub(super) steps: Box<[Step]>,
    /// What it takes: see [`Steps`].
    pub(super) work: usize,
    pub(super) target: ParsedTarget,
    pub(super) comment: Option<Box<str>>,
    /// Packets and bytes that it had matched.
    pub(super) counters: Option<(u64, u64)>,
    /// The rate that it asks about, until that has a number.
    pub(super) rate: Option<Rate>,
}

/// Where a rule stands.
#[derive(Clone, Copy)]
pub(super) struct Setting<'t> {
    pub(super) family: Family,
    pub(super) table: Table,
    pub(super) told: &'t Told,
}

/// The most rates of all rules: packets have as many predicates.
const MAX_RATES: usize = 64;

impl ParsedRule {
    /// What stands for a rule that is left out: it holds of no packet.
    pub(super) fn left_out(line: usize) -> Self {
        let target = ParsedTarget::COUNT;
        let steps = Box::default();
        Self { line, steps, work: 0, target, comment: None, counters: None, rate: None }
    }

    /// Gives the rate that it asks about its number; `others` are those that have one.
    pub(super) fn number_rate(
        &mut self,
        number: usize,
        rate: &Rate,
        others: &[Rate],
        at: &Word<'_>,
    ) -> Result<(), Fault> {
        let unsupported = |what: &str| Err(Fault::unsupported(at.at.clone(), what.into()));
        let same_name = |other: &&Rate| {
            rate.by.as_ref().map(|by| &by.name) == other.by.as_ref().map(|by| &by.name)
        };
        if rate.by.is_some() && others.iter().any(|other| same_name(&other)) {
            return unsupported("a second rule with one `--hashlimit-name`");
        }
        if number >= MAX_RATES {
            return unsupported("a rule with a 65th rate");
        }
        self.steps.iter_mut().for_each(|step| step.number_rate(number as u8));
        Ok(())
    }
}

/// Reads what follows the name of the chain.
pub(super) fn parse(words: &mut Words<'_>, setting: Setting<'_>) -> Result<ParsedRule, Fault> {
    let mut reader = Reader::new(setting);
    while let Some(word) = words.next() {
        let negated = word.text == "!";
        let option = if negated { words.value("an option after `!`")? } else { word };
        reader.option(&option, negated, words)?;
    }
    reader.finish(words)
}

/// A rule being read.
struct Reader<'t> {
    family: Family,
    table: Table,
    told: &'t Told,
    base: Base,
    /// The matches named so far, each with the word that names it.
    matches: Vec<(Word<'static>, Box<dyn Match + 't>)>,
    comment: Option<Box<str>>,
    counters: Option<(u64, u64)>,
    target: Option<ParsedTarget>,
}

/// What rules ask without a match.
#[derive(Default)]
struct Base {
    src: Option<AnyOf<IpRange>>,
    dst: Option<AnyOf<IpRange>>,
    /// `None` inside for any protocol.
    protocol: Option<Option<AnyOf<Protocol>>>,
    in_interface: Option<AnyOf<InterfaceName>>,
    out_interface: Option<AnyOf<InterfaceName>>,
    fragment: Option<AnyOf<Fragment>>,
}

impl<'t> Reader<'t> {
    fn new(setting: Setting<'t>) -> Self {
        let Setting { family, table, told } = setting;
        Self {
            family,
            table,
            told,
            base: Base::default(),
            matches: Vec::new(),
            comment: None,
            counters: None,
            target: None,
        }
    }

    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        words: &mut Words<'_>,
    ) -> Result<(), Fault> {
        if self.base.option(option, negated, words, self.family)? {
            return Ok(());
        }
        match &*option.text {
            "-m" | "--match" => {
                not_negated(option, negated)?;
                let name = words.value("the name of a match")?;
                self.open(name.part(&name.text, 0))
            }
            "-j" | "--jump" => {
                not_negated(option, negated)?;
                let name = words.value("the name of a target or a chain")?;
                let place = target::Place { family: self.family, table: self.table };
                once(&mut self.target, option, target::jump(&name, words, place)?)
            }
            "-g" | "--goto" => {
                not_negated(option, negated)?;
                let name = words.value("the name of a chain")?;
                once(&mut self.target, option, ParsedTarget::goto(&name))
            }
            "-c" | "--set-counters" => {
                not_negated(option, negated)?;
                let mut count = || counter(&words.value("a number of packets or bytes")?);
                let counters = (count()?, count()?);
                once(&mut self.counters, option, counters)
            }
            "--comment" if self.matches.iter().any(|(name, _)| name.text == "comment") => {
                not_negated(option, negated)?;
                let text = words.value("a comment")?;
                once(&mut self.comment, option, (&*text.text).into())
            }
            _ => self.match_option(option, negated, words),
        }
    }

    fn open(&mut self, name: Word<'static>) -> Result<(), Fault> {
        let opened = matches::named(&name, self.family, self.told)?;
        self.matches.push((name, opened));
        Ok(())
    }

    /// An option of the match named last that has it, or of the one that the protocol brings along.
    fn match_option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        words: &mut Words<'_>,
    ) -> Result<(), Fault> {
        for (_, open) in self.matches.iter_mut().rev() {
            if open.option(option, negated, words)? {
                return Ok(());
            }
        }
        let implied = matches::implied(self.base.one_protocol(), self.family);
        if let Some(name) = implied.filter(|name| self.matches.iter().all(|it| it.0.text != *name))
        {
            let word = Word { text: name.into(), at: option.at.clone() };
            let mut opened = matches::named(&word, self.family, self.told)?;
            if opened.option(option, negated, words)? {
                self.matches.push((word, opened));
                return Ok(());
            }
        }
        match option.text.starts_with('-') {
            true => Err(option.unsupported("option")),
            false => Err(option.expected("an option")),
        }
    }

    fn finish(self, words: &Words<'_>) -> Result<ParsedRule, Fault> {
        let place = Place { family: self.family, protocol: self.base.one_protocol() };
        let mut clauses = self.base.clauses(self.family);
        for (name, opened) in &self.matches {
            if self.table == Table::Raw && matches!(&*name.text, "conntrack" | "state") {
                return Err(name.unsupported("before packets are tracked the match"));
            }
            clauses.push(opened.clause(name, place)?);
        }
        let mut rates = clauses.iter().filter_map(|clause| clause.spends.as_ref());
        let rate = rates.next().map(|spends| spends.rate.clone());
        if rates.next().is_some() {
            return Err(Fault::unsupported(words.end(), "a second rate in one rule".into()));
        }
        let target = self.target.unwrap_or(ParsedTarget::COUNT);
        target::check(&target, place, words)?;
        let Steps { steps, work } = steps(&clauses, self.family).map_err(|what| {
            Fault::unsupported(words.end(), format!("asking this much of the {what} in one rule"))
        })?;
        let Self { comment, counters, .. } = self;
        Ok(ParsedRule { line: 0, steps: steps.into(), work, target, comment, counters, rate })
    }
}

impl Base {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        words: &mut Words<'_>,
        family: Family,
    ) -> Result<bool, Fault> {
        match &*option.text {
            "-s" | "--source" | "--src" => {
                let ranges = network(&words.value("an address")?, family)?;
                once(&mut self.src, option, asked(ranges, negated))?;
            }
            "-d" | "--destination" | "--dst" => {
                let ranges = network(&words.value("an address")?, family)?;
                once(&mut self.dst, option, asked(ranges, negated))?;
            }
            "-p" | "--protocol" | "--proto" => {
                let word = words.value("a protocol")?;
                let number = protocol(&word)?;
                if number.is_none() && negated {
                    return Err(word.expected("a protocol after `!`"));
                }
                once(&mut self.protocol, option, number.map(|it| asked([it], negated)))?;
            }
            "-i" | "--in-interface" => {
                let name = interface(&words.value("an interface")?, negated)?;
                once(&mut self.in_interface, option, name)?;
            }
            "-o" | "--out-interface" => {
                let name = interface(&words.value("an interface")?, negated)?;
                once(&mut self.out_interface, option, name)?;
            }
            "-f" | "--fragment" | "--fragments" if family == Family::V4 => {
                once(&mut self.fragment, option, asked([Fragment::Later], negated))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The one protocol asked for.
    fn one_protocol(&self) -> Option<Protocol> {
        let asked = self.protocol.as_ref()?.as_ref()?;
        asked.items().first().copied().filter(|protocol| is_exactly(asked, *protocol))
    }

    /// Addresses and interfaces, then the protocol. In IPv6 asking for one takes a walk along the
    /// extension headers, and a packet in which they are cut short is dropped.
    ///
    /// # Source
    ///
    /// Linux `net/ipv4/netfilter/ip_tables.c`, `ip_packet_match`;
    /// `net/ipv6/netfilter/ip6_tables.c`, `ip6_packet_match`.
    fn clauses(&self, family: Family) -> Vec<Clause> {
        let first = Criteria {
            family: Some(family),
            src: self.src.clone().unwrap_or_default(),
            dst: self.dst.clone().unwrap_or_default(),
            in_interface: self.in_interface.clone().unwrap_or_default(),
            out_interface: self.out_interface.clone().unwrap_or_default(),
            ..Criteria::default()
        };
        let mut clauses = Vec::from([Clause::of(first)]);
        if let Some(protocol) = &self.protocol {
            let protocol = protocol.clone().unwrap_or_default();
            let clause = Clause::of(Criteria { protocol, ..Criteria::default() });
            clauses.push(match family {
                Family::V4 => clause,
                Family::V6 => clause.dropping(&[Malformed::ExtensionHeaders]),
            });
        }
        if let Some(fragment) = self.fragment.clone() {
            clauses.push(Clause::of(Criteria { fragment, ..Criteria::default() }));
        }
        clauses
    }
}

/// A name, or the beginning of one before `+`; `+` alone is any interface and none.
fn interface(word: &Word<'_>, negated: bool) -> Result<AnyOf<InterfaceName>, Fault> {
    if word.text == "+" {
        return Ok(if negated { AnyOf::one_of([]) } else { AnyOf::any() });
    }
    if word.text.is_empty() || word.text.len() > 15 {
        return Err(word.expected("the name of an interface, at most 15 bytes"));
    }
    if word.text.ends_with('*') {
        return Err(word.unsupported("an interface whose name ends with `*`,"));
    }
    let name: InterfaceName = match word.text.strip_suffix('+') {
        Some(start) => (&*format!("{start}*")).into(),
        None => (&*word.text).into(),
    };
    Ok(asked([name], negated))
}

pub(super) fn counter(word: &Word<'_>) -> Result<u64, Fault> {
    word.text.parse().map_err(|_| word.expected("a number of packets or bytes"))
}

/// Reads `[packets:bytes]`.
pub(super) fn counters(word: &Word<'_>) -> Result<(u64, u64), Fault> {
    let expected = || word.expected("counters as in `[0:0]`");
    let inner = word.text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let (packets, bytes) = inner.and_then(|text| text.split_once(':')).ok_or_else(expected)?;
    let number = |text: &str| text.parse().map_err(|_| expected());
    Ok((number(packets)?, number(bytes)?))
}
