use alloc::boxed::Box;

use super::Match;
use crate::import::iptables::clause::{Clause, Place};
use crate::import::iptables::fault::Fault;
use crate::import::iptables::values::{asked, not_negated, number, once, range, value_and_mask};
use crate::import::iptables::words::{Word, Words};
use crate::rule::{AnyOf, Criteria, Masked, Span};

/// `mark`: bits of the packet's mark.
///
/// # Source
///
/// Linux `net/netfilter/xt_mark.c`.
#[derive(Default)]
pub(super) struct Mark {
    /// `None` for a value with bits that do not count, which no mark has.
    asked: Option<(Option<Masked>, bool)>,
}

impl Match for Mark {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        if option.text != "--mark" {
            return Ok(false);
        }
        let (value, mask) = value_and_mask(&values.value("a mark")?, "a mark")?;
        let mark = (value & !mask == 0).then_some(Masked::new(value, mask));
        once(&mut self.asked, option, (mark, negated))?;
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        let (mark, negated) = self.asked.ok_or_else(|| name.expected("`--mark` after `mark`"))?;
        Ok(Clause::of(Criteria { mark: asked(mark, negated), ..Criteria::default() }))
    }
}

/// `comment`: a remark, which whoever reads the rule keeps.
pub(super) struct Comment;

impl Match for Comment {
    /// The rule itself reads its comment.
    fn option(&mut self, _: &Word<'_>, _: bool, _: &mut Words<'_>) -> Result<bool, Fault> {
        Ok(false)
    }

    fn clause(&self, _: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        Ok(Clause::any())
    }
}

/// `nfacct`: counts, and holds of every packet as long as what it counts has no quota.
///
/// # Source
///
/// Linux `net/netfilter/xt_nfacct.c`.
#[derive(Default)]
pub(super) struct Accounting {
    name: Option<Box<str>>,
}

impl Match for Accounting {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        if option.text != "--nfacct-name" {
            return Ok(false);
        }
        not_negated(option, negated)?;
        once(&mut self.name, option, (&*values.value("a name")?.text).into())?;
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        match self.name {
            Some(_) => Ok(Clause::any()),
            None => Err(name.expected("`--nfacct-name` after `nfacct`")),
        }
    }
}

/// Reads the value of the option `option` of a match that has one that may be negated.
fn one_span<N: Copy>(
    slot: &mut Option<AnyOf<Span<N>>>,
    option: &Word<'_>,
    negated: bool,
    span: Span<N>,
) -> Result<bool, Fault> {
    once(slot, option, asked([span], negated))?;
    Ok(true)
}

/// `length`: bytes of the IP packet.
///
/// # Source
///
/// Linux `net/netfilter/xt_length.c`.
#[derive(Default)]
pub(super) struct Length {
    asked: Option<AnyOf<Span<u32>>>,
}

impl Match for Length {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        const EXPECTED: &str = "a length in bytes or a range of lengths";
        if option.text != "--length" {
            return Ok(false);
        }
        let (first, last) = range(&values.value(EXPECTED)?, EXPECTED, u32::from(u16::MAX))?;
        one_span(&mut self.asked, option, negated, Span::from(first..=last))
    }

    fn clause(&self, name: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        let length =
            self.asked.clone().ok_or_else(|| name.expected("`--length` after `length`"))?;
        Ok(Clause::of(Criteria { length, ..Criteria::default() }))
    }
}

/// `ttl` and `hl`: time to live, hop limit.
///
/// # Source
///
/// Linux `net/netfilter/xt_hl.c`.
pub(super) struct TimeToLive {
    /// The names of the options that ask for equal, lower and higher numbers.
    names: [Box<str>; 3],
    asked: Option<AnyOf<Span<u8>>>,
}

impl TimeToLive {
    pub(super) fn new(name: &str) -> Self {
        let names = ["eq", "lt", "gt"].map(|kind| alloc::format!("--{name}-{kind}").into());
        Self { names, asked: None }
    }
}

impl Match for TimeToLive {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        let Some(kind) = self.names.iter().position(|name| **name == *option.text) else {
            return Ok(false);
        };
        let value = number(&values.value("a number")?, "a number", 255)? as u8;
        let below = value.checked_sub(1).and_then(|last| Span::new(0, last));
        let above = value.checked_add(1).and_then(|first| Span::new(first, u8::MAX));
        let span = match kind {
            0 => Some(Span::from(value)),
            1 => below,
            _ => above,
        };
        if kind > 0 {
            not_negated(option, negated)?;
        }
        once(&mut self.asked, option, asked(span, negated))?;
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        let ttl = self.asked.clone().ok_or_else(|| name.expected("a number to compare with"))?;
        Ok(Clause::of(Criteria { ttl, ..Criteria::default() }))
    }
}

/// `dscp`: the differentiated services code point.
///
/// # Source
///
/// Linux `net/netfilter/xt_dscp.c`; the classes are those of iptables, `dscp_helper.c`.
#[derive(Default)]
pub(super) struct Dscp {
    asked: Option<AnyOf<Span<u8>>>,
}

impl Match for Dscp {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        let value = match &*option.text {
            "--dscp" => number(&values.value("a code point")?, "a code point", 63)? as u8,
            "--dscp-class" => {
                let word = values.value("a class")?;
                class(&word.text).ok_or_else(|| word.expected("a class such as `EF` or `AF41`"))?
            }
            _ => return Ok(false),
        };
        one_span(&mut self.asked, option, negated, Span::from(value))
    }

    fn clause(&self, name: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        let dscp = self.asked.clone().ok_or_else(|| name.expected("`--dscp` after `dscp`"))?;
        Ok(Clause::of(Criteria { dscp, ..Criteria::default() }))
    }
}

/// The code point of a class: RFC 2474 (CS), 2597 (AF), 3246 (EF).
fn class(name: &str) -> Option<u8> {
    let upper = name.to_ascii_uppercase();
    let digit = |c: u8, most: u8| c.checked_sub(b'0').filter(|digit| (1..=most).contains(digit));
    match upper.as_bytes() {
        b"EF" => Some(46),
        b"BE" | b"CS0" => Some(0),
        [b'C', b'S', class] => Some(digit(*class, 7)? << 3),
        [b'A', b'F', class, drop] => Some(digit(*class, 4)? << 3 | digit(*drop, 3)? << 1),
        _ => None,
    }
}
