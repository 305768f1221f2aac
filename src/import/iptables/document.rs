//! Whole texts: tables, chains, rules.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::Table;
use super::fault::Fault;
use super::rule_line::{self, ParsedRule, Setting, counters};
use super::target::ChainName;
use super::told::Told;
use super::words::{Line, Word, Words, lines};
use crate::import::ImportError;
use crate::import::rate::Rate;
use crate::packet::Family;

/// A text as it was read.
#[derive(Clone, Debug)]
pub(super) struct Dump {
    pub(super) tables: Vec<ParsedTable>,
    /// What was left out, in the order of the text.
    pub(super) left_out: Vec<ImportError>,
    /// The rates that rules ask about, and the number of the first one.
    pub(super) rates: Vec<Rate>,
    pub(super) first_rate: usize,
}

#[derive(Clone, Debug)]
pub(super) struct ParsedTable {
    pub(super) table: Table,
    pub(super) chains: Vec<ParsedChain>,
    pub(super) by_name: BTreeMap<Box<str>, usize>,
}

#[derive(Clone, Debug)]
pub(super) struct ParsedChain {
    pub(super) name: Box<str>,
    /// Of a built-in chain, what becomes of packets that no rule decides.
    pub(super) policy: Option<Policy>,
    /// The line that declares it, counted from 1.
    pub(super) line: usize,
    pub(super) counters: Option<(u64, u64)>,
    pub(super) rules: Vec<ParsedRule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Accept,
    Drop,
}

impl Dump {
    /// Reads a text whose rates are numbered from `first_rate` on.
    pub(super) fn read(
        text: &str,
        family: Family,
        told: &Told,
        first_rate: usize,
    ) -> Result<Self, ImportError> {
        let mut reader = Reader::new(family, told, first_rate);
        for line in lines(text) {
            match reader.line(line) {
                Err(fault) if told.lenient && fault.is_unsupported() => {
                    reader.left_out.push(fault.error(line));
                }
                result => result.map_err(|fault| fault.error(line))?,
            }
        }
        reader.finish(text)
    }

    pub(super) fn table(&self, table: Table) -> Option<&ParsedTable> {
        self.tables.iter().find(|parsed| parsed.table == table)
    }
}

impl ParsedTable {
    pub(super) fn chain(&self, name: &str) -> Option<&ParsedChain> {
        self.chains.get(*self.by_name.get(name)?)
    }
}

struct Reader<'t> {
    family: Family,
    told: &'t Told,
    tables: Vec<ParsedTable>,
    left_out: Vec<ImportError>,
    rates: Vec<Rate>,
    first_rate: usize,
    open: Option<Open>,
    /// Jumps, each with its table and the line that it stands in.
    jumps: Vec<(usize, usize, ChainName)>,
    /// What the rules so far take.
    work: usize,
}

/// The most that all rules of a text may take: that many alternatives looked at or asked for, some
/// half a gigabyte.
const MAX_WORK: usize = 1 << 23;

/// The table that lines belong to.
#[derive(Clone, Copy)]
enum Open {
    /// One whose rules are read, by its place.
    Read(usize),
    /// One whose rules never decide here.
    Passed(Passed),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// The caller translates addresses.
    Translated,
    /// Rules in it are not supported.
    Refused(&'static str),
    /// That it has rules has been noted.
    Noted,
}

impl<'t> Reader<'t> {
    fn new(family: Family, told: &'t Told, first_rate: usize) -> Self {
        Self {
            family,
            told,
            tables: Vec::new(),
            left_out: Vec::new(),
            rates: Vec::new(),
            first_rate,
            open: None,
            jumps: Vec::new(),
            work: 0,
        }
    }

    fn line(&mut self, line: Line<'_>) -> Result<(), Fault> {
        let mut words = Words::new(line.text)?;
        let Some(first) = words.next() else { return Ok(()) };
        match (first.text.split_at_checked(1), self.open) {
            (Some(("*", _)), None) => self.open_table(&first, &words),
            (Some(("*", _)), Some(_)) => Err(first.expected("`COMMIT` before the next table")),
            (_, None) => Err(first.expected("`*` and the name of a table")),
            _ if first.text == "COMMIT" => self.commit(&words),
            (Some((":", _)), Some(open)) => self.chain(line, &first, &mut words, open),
            (_, Some(open)) => self.rule(line, first, &mut words, open),
        }
    }

    fn open_table(&mut self, word: &Word<'_>, words: &Words<'_>) -> Result<(), Fault> {
        let name = word.part(word.text.get(1..).unwrap_or(""), 1);
        words.finish("nothing after the name of the table")?;
        let table = match &*name.text {
            "raw" => Table::Raw,
            "mangle" => Table::Mangle,
            "filter" => Table::Filter,
            "security" => Table::Security,
            "nat" if self.told.translated => {
                self.open = Some(Open::Passed(Passed::Translated));
                return Ok(());
            }
            "nat" => {
                self.open = Some(Open::Passed(Passed::Refused(NAT)));
                return Ok(());
            }
            _ => return Err(name.expected("`raw`, `mangle`, `nat`, `filter` or `security`")),
        };
        if self.tables.iter().any(|known| known.table == table) {
            return Err(name.expected("a table that the text does not have yet"));
        }
        self.open = Some(Open::Read(self.tables.len()));
        self.tables.push(ParsedTable { table, chains: Vec::new(), by_name: BTreeMap::new() });
        Ok(())
    }

    /// Reads `:NAME POLICY [packets:bytes]`.
    fn chain(
        &mut self,
        line: Line<'_>,
        word: &Word<'_>,
        words: &mut Words<'_>,
        open: Open,
    ) -> Result<(), Fault> {
        let name = word.part(word.text.get(1..).unwrap_or(""), 1);
        let policy_word = words.value("a policy, or `-` for a chain of one's own")?;
        let policy = match &*policy_word.text {
            "ACCEPT" => Some(Policy::Accept),
            "DROP" => Some(Policy::Drop),
            "-" => None,
            _ => return Err(policy_word.expected("`ACCEPT`, `DROP` or `-`")),
        };
        let counters = words.next().map(|word| counters(&word)).transpose()?;
        words.finish("nothing after the counters")?;
        let at = match open {
            Open::Read(at) => at,
            Open::Passed(Passed::Refused(_)) if policy == Some(Policy::Drop) => {
                return Err(policy_word.unsupported("in this table the policy"));
            }
            Open::Passed(_) => return Ok(()),
        };
        let Some(table) = self.tables.get_mut(at) else { return Ok(()) };
        if table.table.has(&name.text) != policy.is_some() {
            return Err(match policy {
                Some(_) => name.expected("a built-in chain, as it has a policy"),
                None => name.expected("a name that no built-in chain has"),
            });
        }
        if table.by_name.insert((&*name.text).into(), table.chains.len()).is_some() {
            return Err(name.expected("a chain that the table does not have yet"));
        }
        let name = (&*name.text).into();
        let rules = Vec::new();
        table.chains.push(ParsedChain { name, policy, line: line.number, counters, rules });
        Ok(())
    }

    /// Reads `-A CHAIN ...`, with or without counters before it.
    fn rule(
        &mut self,
        line: Line<'_>,
        first: Word<'_>,
        words: &mut Words<'_>,
        open: Open,
    ) -> Result<(), Fault> {
        let (counted, command) = match first.text.starts_with('[') {
            true => (Some(counters(&first)?), words.value("`-A`")?),
            false => (None, first),
        };
        if !matches!(&*command.text, "-A" | "--append") {
            return Err(command.expected("`:`, `-A` or `COMMIT`, as iptables-save writes them"));
        }
        let at = match open {
            Open::Read(at) => at,
            Open::Passed(Passed::Refused(what)) => {
                self.open = Some(Open::Passed(Passed::Noted));
                return Err(Fault::unsupported(command.at, what.into()));
            }
            Open::Passed(_) => return Ok(()),
        };
        let name = words.value("the name of a chain")?;
        let Some(table) = self.tables.get_mut(at) else { return Ok(()) };
        let chain = table.by_name.get(&*name.text).copied();
        let Some(chain) = chain.and_then(|chain| table.chains.get_mut(chain)) else {
            return Err(name.expected("a chain that the table declares"));
        };
        let setting = Setting { family: self.family, table: table.table, told: self.told };
        let rule = rule_line::parse(words, setting).and_then(|mut rule| {
            self.work = self.work.saturating_add(rule.work);
            if self.work > MAX_WORK {
                let what = format!("with the rules before, asking for {MAX_WORK} alternatives");
                return Err(Fault::unsupported(command.at.clone(), what));
            }
            if let Some(rate) = rule.rate.take() {
                let number = self.first_rate.saturating_add(self.rates.len());
                rule.number_rate(number, &rate, &self.rates, &command)?;
                self.rates.push(rate);
            }
            Ok(rule)
        });
        match rule {
            Ok(rule) => {
                if let Some(to) = rule.target.chain() {
                    self.jumps.push((at, line.number, to.clone()));
                }
                let counters = rule.counters.or(counted);
                chain.rules.push(ParsedRule { line: line.number, counters, ..rule });
                Ok(())
            }
            Err(fault) => {
                // Rules are counted as the text has them, also those that are left out.
                chain.rules.push(ParsedRule::left_out(line.number));
                Err(fault)
            }
        }
    }

    fn commit(&mut self, words: &Words<'_>) -> Result<(), Fault> {
        words.finish("nothing after `COMMIT`")?;
        self.open = None;
        Ok(())
    }

    fn finish(self, text: &str) -> Result<Dump, ImportError> {
        if self.open.is_some() {
            let number = text.lines().count().max(1);
            let last = text.lines().last().unwrap_or("");
            let end = last.len();
            let fault = Fault::expected(end..end, "`COMMIT` at the end of the table");
            return Err(fault.error(Line { number, text: last }));
        }
        self.check_jumps(text)?;
        let Self { tables, left_out, rates, first_rate, .. } = self;
        Ok(Dump { tables, left_out, rates, first_rate })
    }

    /// Every jump must lead to a chain of its own table that is not built in.
    fn check_jumps(&self, text: &str) -> Result<(), ImportError> {
        for (table, number, to) in &self.jumps {
            let chain = self.tables.get(*table).and_then(|table| table.chain(&to.name));
            let expected = match chain {
                Some(chain) if chain.policy.is_none() => continue,
                Some(_) => "a chain that is not built in",
                None => "a target, or a chain that the table declares",
            };
            let line = lines(text).find(|line| line.number == *number);
            let line = line.unwrap_or(Line { number: *number, text: "" });
            return Err(Fault::expected(to.at.clone(), expected).error(line));
        }
        Ok(())
    }
}

const NAT: &str = "translating addresses (table nat; see `Iptables::translated`)";
