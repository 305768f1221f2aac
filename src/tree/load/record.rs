//! Checking records and the checks in them.

use super::{Chain, Checker, ImageError};
use crate::tree::lookup::image::{MAX_RULES, target};
use crate::tree::lookup::residual::{NEGATED, ascends, field, stride};
use crate::tree::lookup::words::WORDS;

impl Checker<'_> {
    /// Whether a rule of a chain has a record.
    pub(super) fn has_record(&self, chain: Chain, rule: u32) -> bool {
        let table = chain.records / 4;
        let count = table.checked_sub(1).map_or(0, |at| self.image.word(at));
        table != 0 && rule < count && self.image.word(table.saturating_add(rule as usize)) != 0
    }

    /// Checks the record table that a chain has, and its records, which stand before it.
    pub(super) fn records(&mut self, chain: Chain) -> Result<(), ImageError> {
        let (at, table) = (chain.records, chain.records / 4);
        if at == 0 {
            return Ok(());
        }
        let count = table.checked_sub(1).map_or(0, |at| self.image.word(at));
        let end = at as u64 + 4 * u64::from(count);
        let fits = at >= self.from.saturating_add(4) && end <= self.table as u64;
        if !at.is_multiple_of(4) || !fits || count > MAX_RULES {
            return Err(ImageError::broken(at, "a record table out of place"));
        }
        let mut from = self.from.div_ceil(4);
        for word in table..table + count as usize {
            match self.image.word(word) as usize {
                0 => {}
                record if record < from => {
                    return Err(ImageError::broken(4 * word, "records out of order"));
                }
                record => from = self.record(record, table - 1, chain)?,
            }
        }
        self.nothing_up_to(end as usize)
    }

    /// Checks the record that begins at a word and ends before another; returns where it ends.
    fn record(&self, at: usize, end: usize, chain: Chain) -> Result<usize, ImageError> {
        let broken = |what| Err(ImageError::broken(at.saturating_mul(4), what));
        if at.saturating_add(4) > end {
            return broken("a record beyond the end of its part");
        }
        let [kind, argument, mask, checks] = [0, 1, 2, 3].map(|i| self.image.word(at + i));
        let is_target = match kind {
            target::ACTION => argument < self.actions,
            target::NOTE => match argument {
                0..=3 => mask == 0,
                4 => mask <= u16::MAX.into(),
                5 => mask < 64,
                6 => mask < self.actions,
                _ => false,
            },
            target::JUMP | target::GOTO => {
                self.level(argument).is_some_and(|level| level > chain.level)
            }
            target::RETURN | target::MARK => true,
            _ => false,
        };
        if !is_target {
            return broken("a target that is none, or a jump that leads up");
        }
        (0..checks).try_fold(at + 4, |at, _| self.check(at, end))
    }

    /// Checks a check; returns the word after it.
    fn check(&self, at: usize, end: usize) -> Result<usize, ImageError> {
        let broken = |what| Err(ImageError::broken(at.saturating_mul(4), what));
        let [field, count] = [0, 1].map(|i| self.image.word(at.saturating_add(i)));
        let after = at as u64 + 2 + u64::from(count) * stride(field) as u64;
        if after > end as u64 {
            return broken("a check beyond the end of its part");
        }
        let fits = match field & !NEGATED {
            field::PREDICATE => count == 1,
            field::TCP_FLAGS | field::MARK | field::STATUS | field::HEADERS => true,
            field::SET.. => return broken("a named set, which images have no room for"),
            _ if field & NEGATED != 0 => false,
            field if is_number(field) => ascends(self.image, at),
            _ => false,
        };
        if fits { Ok(after as usize) } else { broken("a check that no rule makes") }
    }
}

/// Whether a field is compared with spans of numbers.
fn is_number(field: u32) -> bool {
    match field {
        field::FRAGMENT | field::MALFORMED | field::DSCP | field::LENGTH | field::VLAN => true,
        field::SRC_V4..=field::DST_V6 | field::ZONE..=field::DIRECTION => true,
        field::ORIGINAL_PROTOCOL..=field::ORIGINAL_DST_V6 => true,
        _ => (field::WORD..field::WORD + WORDS as u32).contains(&field),
    }
}
