//! What a rule asks that its boxes do not: checks on a candidate, stored as words of the image.
//!
//! A check is a word with the number of its [`Field`], one with the number of its alternatives,
//! and the alternatives. An alternative is a first and a last number, of one word each or, for
//! IPv6 addresses, of four; they ascend and do not overlap. For bit patterns it is the value and
//! the mask, and [`NEGATED`] is added to the field when none of them may hold. For named sets it is
//! the number of the set, and 0.

use super::image::Image;
use super::subject::Subject;
use super::words::Words;
use crate::packet::{ConnStatus, Packet};
use crate::tree::members::Members;

/// Added to a field's number when none of the bit patterns may hold.
pub(in crate::tree) const NEGATED: u32 = 0x8000_0000;

/// The fields that residual checks look at, by number.
pub(in crate::tree) mod field {
    pub(in crate::tree) const TCP_FLAGS: u32 = 0;
    pub(in crate::tree) const FRAGMENT: u32 = 1;
    pub(in crate::tree) const MALFORMED: u32 = 2;
    pub(in crate::tree) const DSCP: u32 = 3;
    pub(in crate::tree) const LENGTH: u32 = 4;
    pub(in crate::tree) const MARK: u32 = 5;
    pub(in crate::tree) const VLAN: u32 = 6;
    pub(in crate::tree) const PREDICATE: u32 = 7;
    pub(in crate::tree) const SRC_V4: u32 = 8;
    pub(in crate::tree) const DST_V4: u32 = 9;
    pub(in crate::tree) const SRC_V6: u32 = 10;
    pub(in crate::tree) const DST_V6: u32 = 11;
    pub(in crate::tree) const ZONE: u32 = 15;
    pub(in crate::tree) const CUT_SRC_PORT: u32 = 16;
    pub(in crate::tree) const CUT_DST_PORT: u32 = 17;
    pub(in crate::tree) const TTL: u32 = 18;
    pub(in crate::tree) const DIRECTION: u32 = 19;
    pub(in crate::tree) const STATUS: u32 = 20;
    pub(in crate::tree) const ORIGINAL_PROTOCOL: u32 = 21;
    pub(in crate::tree) const ORIGINAL_SRC_PORT: u32 = 22;
    pub(in crate::tree) const ORIGINAL_DST_PORT: u32 = 23;
    pub(in crate::tree) const ORIGINAL_SRC_V4: u32 = 24;
    pub(in crate::tree) const ORIGINAL_DST_V4: u32 = 25;
    pub(in crate::tree) const ORIGINAL_SRC_V6: u32 = 26;
    pub(in crate::tree) const ORIGINAL_DST_V6: u32 = 27;
    pub(in crate::tree) const HEADERS: u32 = 28;
    /// The word with index `i` is field `WORD + i`.
    pub(in crate::tree) const WORD: u32 = 32;
    /// Whether the part of the packet with the number `i` is in named sets is field `SET + i`.
    pub(in crate::tree) const SET: u32 = 64;
}

/// How many image words an alternative of this field takes.
pub(in crate::tree) const fn stride(field: u32) -> usize {
    match field & !NEGATED {
        field::SRC_V6 | field::DST_V6 | field::ORIGINAL_SRC_V6 | field::ORIGINAL_DST_V6 => 8,
        _ => 2,
    }
}

/// Whether the `count` checks that begin at word `at` of the image all hold.
pub(in crate::tree) fn hold(
    image: Image<'_>,
    mut at: usize,
    count: u32,
    (subject, words, members): (&Subject<'_>, &Words, &Members),
    mark: u32,
) -> bool {
    for _ in 0..count {
        let check = Check::read(image, at);
        if !check.holds(subject, words, members, mark) {
            return false;
        }
        at = check.end();
    }
    true
}

/// Whether the spans of the check at word `at` ascend and do not overlap.
pub(in crate::tree) fn ascends(image: Image<'_>, at: usize) -> bool {
    let check = Check::read(image, at);
    (0..check.count).all(|i| {
        let (first, last) = check.span(i);
        let before = i.checked_sub(1).map(|before| check.span(before).1);
        first <= last && before.is_none_or(|before| before < first)
    })
}

/// One check: its field, how many alternatives it has and at which word they begin.
struct Check<'a> {
    image: Image<'a>,
    field: u32,
    count: usize,
    at: usize,
}

impl<'a> Check<'a> {
    fn read(image: Image<'a>, at: usize) -> Self {
        let (field, count) = (image.word(at), image.word(at.saturating_add(1)));
        Self { image, field, count: count as usize, at: at.saturating_add(2) }
    }

    fn end(&self) -> usize {
        self.at.saturating_add(self.count.saturating_mul(stride(self.field)))
    }

    fn holds(&self, subject: &Subject<'_>, words: &Words, members: &Members, mark: u32) -> bool {
        let field = self.field & !NEGATED;
        match field {
            field::TCP_FLAGS => {
                let segment = subject.packet().and_then(Packet::tcp_segment);
                segment.is_some_and(|segment| self.has_pattern(u32::from(segment.flags.0)))
            }
            field::MARK => self.has_pattern(mark),
            field::STATUS => subject.status().is_some_and(|status| self.has_flag(status)),
            field::HEADERS => self.has_pattern(words.headers.0.into()),
            field::PREDICATE => {
                self.has_predicate(subject.packet().map_or(0, |packet| packet.predicates))
            }
            field::SET.. => {
                let numbers = (0..self.count).map(|i| self.pair(i).0);
                let part = (field - field::SET) as usize;
                let within = members.hold(part, subject.bare(), numbers);
                within.is_some_and(|within| within != (self.field & NEGATED != 0))
            }
            field::WORD.. => self.has_number(u128::from(words.word((field - field::WORD) as u8))),
            _ => subject.number(field).is_some_and(|number| self.has_number(number)),
        }
    }

    /// Each alternative is a flag twice.
    fn has_flag(&self, status: ConnStatus) -> bool {
        self.has_pattern(u32::from(status.bits()))
    }

    fn has_pattern(&self, value: u32) -> bool {
        let negated = self.field & NEGATED != 0;
        let is = |(bits, mask): (u32, u32)| value & mask == bits;
        (0..self.count).any(|i| is(self.pair(i))) != negated
    }

    /// The one alternative is a set of predicates, its low and its high word.
    fn has_predicate(&self, predicates: u64) -> bool {
        let (low, high) = self.pair(0);
        let asked = u64::from(low) | u64::from(high) << 32;
        (predicates & asked != 0) != (self.field & NEGATED != 0)
    }

    fn pair(&self, i: usize) -> (u32, u32) {
        let at = self.at.saturating_add(2 * i);
        (self.image.word(at), self.image.word(at.saturating_add(1)))
    }

    /// Whether a span holds the number: the last one that does not begin above it must not end
    /// below it.
    fn has_number(&self, number: u128) -> bool {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            match self.span(middle).0 <= number {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low.checked_sub(1).is_some_and(|i| number <= self.span(i).1)
    }

    fn span(&self, i: usize) -> (u128, u128) {
        let stride = stride(self.field);
        let at = self.at.saturating_add(i.saturating_mul(stride));
        (self.wide(at, stride / 2), self.wide(at.saturating_add(stride / 2), stride / 2))
    }

    /// A number of `words` words, the most significant one first.
    fn wide(&self, at: usize, words: usize) -> u128 {
        (at..at.saturating_add(words))
            .fold(0, |number, at| number << 32 | u128::from(self.image.word(at)))
    }
}
