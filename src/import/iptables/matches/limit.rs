use alloc::boxed::Box;

use super::Match;
use crate::import::iptables::clause::{Clause, Place, Spends};
use crate::import::iptables::fault::Fault;
use crate::import::iptables::values::{not_negated, number, once};
use crate::import::iptables::words::{Word, Words};
use crate::import::rate::{By, Rate};
use crate::packet::Family;

const NANOS: u64 = 1_000_000_000;

/// `limit`: one rate for all packets that come to the rule.
///
/// # Source
///
/// Linux `net/netfilter/xt_limit.c`; iptables `extensions/libxt_limit.c`, which counts in ten
/// thousandths of a second.
#[derive(Default)]
pub(super) struct Limit {
    interval: Option<u64>,
    burst: Option<u32>,
}

impl Match for Limit {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        match &*option.text {
            "--limit" => {
                not_negated(option, negated)?;
                let value = rate(&values.value(RATE)?, 10_000)?.interval;
                once(&mut self.interval, option, value)?;
            }
            "--limit-burst" => {
                not_negated(option, negated)?;
                once(&mut self.burst, option, burst(values)?)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn clause(&self, _: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        let interval = self.interval.unwrap_or(3600 * NANOS / 3);
        let rate = Rate { interval, burst: self.burst.unwrap_or(5), by: None };
        let spends = Some(Spends { rate, above: false });
        Ok(Clause { spends, ..Clause::any() })
    }
}

/// `hashlimit`: a rate for each of the addresses and ports that it is kept by.
///
/// # Source
///
/// Linux `net/netfilter/xt_hashlimit.c`; iptables `extensions/libxt_hashlimit.c`, which counts in
/// microseconds.
pub(super) struct HashLimit {
    width: u32,
    /// The rate, and whether the match holds of what goes beyond it.
    interval: Option<(Asked, bool)>,
    burst: Option<u32>,
    name: Option<Box<str>>,
    mode: Option<Mode>,
    masks: [Option<u32>; 2],
    most: Option<u32>,
    expire: Option<u32>,
    ignored: [Option<()>; 2],
}

/// What rates are kept by.
#[derive(Clone, Copy, Default)]
struct Mode {
    src: bool,
    dst: bool,
    src_port: bool,
    dst_port: bool,
}

/// How many are kept unless a rule says.
const MOST: u32 = 65_536;

impl HashLimit {
    pub(super) const fn new(family: Family) -> Self {
        Self {
            width: match family {
                Family::V4 => 32,
                Family::V6 => 128,
            },
            interval: None,
            burst: None,
            name: None,
            mode: None,
            masks: [None; 2],
            most: None,
            expire: None,
            ignored: [None; 2],
        }
    }

    /// The bits of an address that count.
    fn mask(&self, counts: bool, length: Option<u32>) -> u128 {
        let length = if counts { length.unwrap_or(self.width) } else { 0 };
        let all = if self.width == 128 { u128::MAX } else { (1 << self.width) - 1 };
        let host = self.width.saturating_sub(length);
        all & u128::MAX.checked_shl(host).unwrap_or(0)
    }
}

impl Match for HashLimit {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        let number =
            |values: &mut Words<'_>, max| number(&values.value("a number")?, "a number", max);
        match &*option.text {
            "--hashlimit" | "--hashlimit-upto" | "--hashlimit-above" => {
                let value = rate(&values.value(RATE)?, 1_000_000)?;
                let above = (option.text == "--hashlimit-above") != negated;
                return once(&mut self.interval, option, (value, above)).map(|()| true);
            }
            "--hashlimit-burst" => once(&mut self.burst, option, burst(values)?)?,
            "--hashlimit-mode" => once(&mut self.mode, option, mode(&values.value("a mode")?)?)?,
            "--hashlimit-name" => {
                once(&mut self.name, option, (&*values.value("a name")?.text).into())?;
            }
            "--hashlimit-srcmask" => {
                let length = number(values, self.width)?;
                once(&mut self.masks[0], option, length)?;
            }
            "--hashlimit-dstmask" => {
                let length = number(values, self.width)?;
                once(&mut self.masks[1], option, length)?;
            }
            "--hashlimit-htable-max" => {
                let most = number(values, u32::MAX)?;
                once(&mut self.most, option, most)?;
            }
            "--hashlimit-htable-expire" => {
                let expire = number(values, u32::MAX)?;
                once(&mut self.expire, option, expire)?;
            }
            // How the kernel lays out its table, and how often it looks for what has expired.
            "--hashlimit-htable-size" => {
                number(values, u32::MAX)?;
                once(&mut self.ignored[0], option, ())?;
            }
            "--hashlimit-htable-gcinterval" => {
                number(values, u32::MAX)?;
                once(&mut self.ignored[1], option, ())?;
            }
            name if name.starts_with("--hashlimit-") => return Err(option.unsupported("option")),
            _ => return Ok(false),
        }
        not_negated(option, negated)?;
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        let missing = |what| name.expected(what);
        let (Asked { interval, unit }, above) =
            self.interval.ok_or_else(|| missing("`--hashlimit-upto` or `--hashlimit-above`"))?;
        let mode = self.mode.unwrap_or_default();
        let by = By {
            name: self.name.clone().ok_or_else(|| missing("`--hashlimit-name`"))?,
            src_mask: self.mask(mode.src, self.masks[0]),
            dst_mask: self.mask(mode.dst, self.masks[1]),
            src_port: mode.src_port,
            dst_port: mode.dst_port,
            expire: self.expire.map_or(unit, |millis| u64::from(millis).saturating_mul(1_000_000)),
            most: self.most.filter(|most| *most > 0).unwrap_or(MOST) as usize,
            passes_when_full: false,
        };
        let rate = Rate { interval, burst: self.burst.unwrap_or(5), by: Some(by) };
        Ok(Clause { spends: Some(Spends { rate, above }), ..Clause::any() })
    }
}

const RATE: &str = "a rate such as `3/minute`";

/// A rate as it is written, in nanoseconds.
#[derive(Clone, Copy)]
struct Asked {
    /// Between two packets.
    interval: u64,
    /// Of the unit: for so long a count is kept unless a rule says.
    unit: u64,
}

/// Reads a rate that is counted with this many ticks a second.
fn rate(word: &Word<'_>, ticks: u64) -> Result<Asked, Fault> {
    let (count, unit) =
        word.split('/').unwrap_or_else(|| (word.part(&word.text, 0), word.part("s", 0)));
    if unit.text.to_ascii_lowercase().ends_with('b') || count.text.ends_with('b') {
        return Err(word.unsupported("a rate in bytes"));
    }
    let count = u64::from(number(&count, RATE, u32::MAX)?);
    let seconds = unit_seconds(&unit.text).filter(|_| count > 0);
    let seconds = seconds.ok_or_else(|| word.expected(RATE))?;
    let interval = ticks.saturating_mul(seconds).checked_div(count).filter(|ticks| *ticks > 0);
    let interval = interval.ok_or_else(|| word.expected("a slower rate"))?;
    let interval = interval.saturating_mul(NANOS / ticks);
    Ok(Asked { interval, unit: seconds.saturating_mul(NANOS) })
}

/// The seconds of a unit, which may be shortened.
fn unit_seconds(unit: &str) -> Option<u64> {
    let units = [("second", 1), ("minute", 60), ("hour", 3600), ("day", 86_400)];
    let unit = unit.to_ascii_lowercase();
    let known = units.into_iter().find(|(name, _)| !unit.is_empty() && name.starts_with(&*unit));
    known.map(|(_, seconds)| seconds)
}

fn burst(values: &mut Words<'_>) -> Result<u32, Fault> {
    const EXPECTED: &str = "a number from 1 to 1000000";
    let word = values.value(EXPECTED)?;
    let burst = number(&word, EXPECTED, 1_000_000)?;
    if burst == 0 { Err(word.expected(EXPECTED)) } else { Ok(burst) }
}

fn mode(word: &Word<'_>) -> Result<Mode, Fault> {
    let mut mode = Mode::default();
    for part in word.parts(',') {
        let field = match &*part.text {
            "srcip" => &mut mode.src,
            "dstip" => &mut mode.dst,
            "srcport" => &mut mode.src_port,
            "dstport" => &mut mode.dst_port,
            _ => return Err(part.expected("`srcip`, `srcport`, `dstip` or `dstport`")),
        };
        *field = true;
    }
    Ok(mode)
}
