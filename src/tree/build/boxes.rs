//! Rules as boxes: a span of numbers in each word.

use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use smallvec::SmallVec;

use super::spans::{Spans, held_by};
use crate::packet::{Family, Protocol};
use crate::rule::{AnyOf, Criteria, InterfaceName, Interfaces, IpRange};
use crate::tree::lookup::residual::field;
use crate::tree::lookup::words::{
    COUNT_V4, COUNT_V6, DST_PORT, DST_V4, DST_V6, Headers, ICMP, IN_INTERFACE, NO_INTERFACE,
    OUT_INTERFACE, PROTOCOL, SRC, SRC_PORT, STATE,
};

/// The most boxes one rule becomes; what would take more is left to a residual check.
const MAX_BOXES: usize = 64;

/// A span of one word, first and last.
pub(super) type Span = (u16, u16);

/// The whole range of a word.
pub(super) const ANY: Span = (0, u16::MAX);

/// The boxes of a list of rules in one family, as columns.
#[derive(Clone, Debug)]
pub(super) struct Boxes {
    /// For each word a span for each box.
    pub(super) columns: Vec<Vec<Span>>,
    /// For each box the rule's entry, ascending.
    pub(super) entries: Vec<u32>,
    /// For each box the headers that a packet must have.
    pub(super) needs: Vec<Headers>,
    /// For each box whether its rule ends the chain whenever the box matches.
    pub(super) ends: Vec<bool>,
    /// A bit for each word in which some box does not take every number.
    used: u32,
}

impl Boxes {
    pub(super) fn new(family: Family) -> Self {
        let words = match family {
            Family::V4 => COUNT_V4,
            Family::V6 => COUNT_V6,
        };
        let columns = vec![Vec::new(); words];
        Self { columns, entries: Vec::new(), needs: Vec::new(), ends: Vec::new(), used: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The words in which some box does not take every number.
    pub(super) fn used(&self) -> impl Iterator<Item = usize> {
        (0..self.columns.len()).filter(|word| self.used >> word & 1 == 1)
    }

    /// Adds the boxes of one rule.
    pub(super) fn push(&mut self, shape: &Shape, entry: u32, ends: bool) {
        for part in &shape.parts {
            self.used |= ((1 << part.width) - 1) << part.word;
        }
        let mut digits = [0; 9];
        loop {
            for (word, column) in self.columns.iter_mut().enumerate() {
                column.push(shape.span(word, &digits));
            }
            self.entries.push(entry);
            self.needs.push(shape.needs);
            self.ends.push(ends);
            if !shape.advance(&mut digits) {
                return;
            }
        }
    }
}

/// Some neighbouring words together: what one field asks of them, as alternatives.
#[derive(Clone, Debug)]
struct Part {
    /// The first word.
    word: usize,
    /// How many words each alternative has.
    width: usize,
    /// One span a word and alternative.
    spans: SmallVec<[Span; 2]>,
    /// The field number of a residual check that asks the same.
    field: u32,
    /// The numbers that the alternatives stand for.
    numbers: Spans,
}

/// What one rule asks, in one family: a product of parts, and what is left over.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) family: Family,
    parts: SmallVec<[Part; 9]>,
    needs: Headers,
    /// Fields whose check stays residual, with their spans.
    pub(super) left_over: Vec<(u32, Spans)>,
}

impl Shape {
    /// The shape of `criteria` for packets of `family`, or `None` if no such packet can match.
    /// Fields that are never part of a box are not looked at.
    pub(super) fn new(
        criteria: &Criteria,
        family: Family,
        interfaces: &Interfaces,
    ) -> Option<Self> {
        if criteria.family.is_some_and(|asked| asked != family) {
            return None;
        }
        let mut shape =
            Self { family, parts: SmallVec::new(), needs: Headers::NONE, left_over: Vec::new() };
        shape.addresses(criteria, family);
        shape.ports(criteria);
        shape.protocols(criteria);
        shape.icmp(criteria);
        let states = criteria.state.items().iter().map(|state| single(*state as u128));
        shape.small(STATE, &criteria.state, 4, states);
        shape.interface(IN_INTERFACE, &criteria.in_interface, interfaces);
        shape.interface(OUT_INTERFACE, &criteria.out_interface, interfaces);
        if shape.parts.iter().any(|part| part.numbers.is_empty()) {
            return None;
        }
        shape.bound();
        Some(shape)
    }

    fn addresses(&mut self, criteria: &Criteria, family: Family) {
        let (words, max, dst, src_field) = match family {
            Family::V4 => (2, u128::from(u32::MAX), DST_V4, field::SRC_V4),
            Family::V6 => (8, u128::MAX, DST_V6, field::SRC_V6),
        };
        for (word, asked, field) in
            [(SRC, &criteria.src, src_field), (dst, &criteria.dst, src_field + 1)]
        {
            if asked.is_any() {
                continue;
            }
            let of_family = asked.items().iter().filter(|range| range.family() == family);
            let numbers = held_by(asked, max, of_family.map(address_span));
            let mut part = Part { word, width: words, spans: SmallVec::new(), field, numbers };
            for (first, last) in &part.numbers {
                split(*first, *last, words, &mut part.spans);
            }
            self.parts.push(part);
        }
    }

    fn ports(&mut self, criteria: &Criteria) {
        for (word, asked) in [(SRC_PORT, &criteria.src_port), (DST_PORT, &criteria.dst_port)] {
            let spans = asked.items().iter();
            let spans = spans.map(|span| (u128::from(span.first()), u128::from(span.last())));
            self.small(word, asked, u128::from(u16::MAX), spans);
            if !asked.is_any() {
                self.needs = self.needs.with(Headers::PORTS);
            }
        }
    }

    /// ICMP criteria ask for their protocol too.
    fn protocols(&mut self, criteria: &Criteria) {
        let spans = criteria.protocol.items().iter().map(|protocol| single(protocol.0.into()));
        let mut numbers = held_by(&criteria.protocol, 255, spans);
        let kinds = [(&criteria.icmp, Protocol::ICMP), (&criteria.icmpv6, Protocol::ICMPV6)];
        let mut asked = !criteria.protocol.is_any();
        for (_, protocol) in kinds.iter().filter(|(kinds, _)| !kinds.is_any()) {
            let number = u128::from(protocol.0);
            let held = numbers.iter().any(|span| (span.0..=span.1).contains(&number));
            numbers = held.then(|| single(number)).into_iter().collect();
            asked = true;
        }
        if asked {
            self.small_part(PROTOCOL, numbers);
        }
    }

    fn icmp(&mut self, criteria: &Criteria) {
        for asked in [&criteria.icmp, &criteria.icmpv6] {
            let spans = asked.items().iter().map(|kind| {
                let number = |code| u128::from(u16::from_be_bytes([kind.icmp_type(), code]));
                (number(kind.codes().first()), number(kind.codes().last()))
            });
            self.small(ICMP, asked, u128::from(u16::MAX), spans);
            if !asked.is_any() {
                self.needs = self.needs.with(Headers::ICMP);
            }
        }
    }

    /// A packet whose interface no rule names is on none of those that a rule names.
    fn interface(&mut self, word: usize, asked: &AnyOf<InterfaceName>, interfaces: &Interfaces) {
        let numbers = asked.items().iter().flat_map(|name| interfaces.numbers(name));
        let spans = numbers.map(|number| single(number as u128));
        self.small(word, asked, u128::from(NO_INTERFACE), spans);
    }

    /// Adds what one field asks of one word.
    fn small<T>(
        &mut self,
        word: usize,
        asked: &AnyOf<T>,
        max: u128,
        spans: impl IntoIterator<Item = (u128, u128)>,
    ) {
        if !asked.is_any() {
            self.small_part(word, held_by(asked, max, spans));
        }
    }

    fn small_part(&mut self, word: usize, numbers: Spans) {
        let spans = numbers.iter().map(|(first, last)| (*first as u16, *last as u16)).collect();
        self.parts.push(Part { word, width: 1, spans, field: field::WORD + word as u32, numbers });
    }

    /// Leaves the parts with the most alternatives to residual checks until the boxes are few.
    fn bound(&mut self) {
        while self.count() > MAX_BOXES {
            let Some(part) = self.parts.iter_mut().max_by_key(|part| part.count()) else { return };
            self.left_over.push((part.field, part.numbers.clone()));
            let hull = part.numbers.first().zip(part.numbers.last());
            part.spans = hull
                .map_or_else(SmallVec::new, |(first, last)| enclose(first.0, last.1, part.width));
        }
    }

    fn count(&self) -> usize {
        self.parts.iter().fold(1, |count, part| count.saturating_mul(part.count()))
    }

    /// The span of a word in the box that `digits` pick: one alternative of each part.
    fn span(&self, word: usize, digits: &[usize; 9]) -> Span {
        let mut parts = self.parts.iter().zip(digits);
        let found = parts.find(|(part, _)| (part.word..part.word + part.width).contains(&word));
        found.map_or(ANY, |(part, digit)| part.spans[digit * part.width + word - part.word])
    }

    /// Picks the next box, until there is none.
    fn advance(&self, digits: &mut [usize; 9]) -> bool {
        for (part, digit) in self.parts.iter().zip(digits) {
            *digit += 1;
            if *digit < part.count() {
                return true;
            }
            *digit = 0;
        }
        false
    }
}

impl Part {
    fn count(&self) -> usize {
        self.spans.len() / self.width
    }
}

fn single(number: u128) -> (u128, u128) {
    (number, number)
}

/// The numbers of the first and the last address of a range.
pub(super) fn address_span(range: &IpRange) -> (u128, u128) {
    (address_number(range.first()), address_number(range.last()))
}

fn address_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The word `i` of `words` that `number` consists of, the most significant one first.
fn word_of(number: u128, i: usize, words: usize) -> u16 {
    (number >> (16 * (words - 1 - i))) as u16
}

/// Appends boxes of `words` spans that together are the numbers from `first` to `last`: one for
/// a prefix, at most `2 * words - 1`.
fn split(first: u128, last: u128, words: usize, spans: &mut SmallVec<[Span; 2]>) {
    let common = (0..words).take_while(|i| word_of(first, *i, words) == word_of(last, *i, words));
    let fork = common.count();
    let tail_is = |number: u128, from: usize, value: u16| {
        (from..words).all(|i| word_of(number, i, words) == value)
    };
    if fork == words || (tail_is(first, fork + 1, 0) && tail_is(last, fork + 1, u16::MAX)) {
        spans.extend(enclose(first, last, words));
        return;
    }
    let (low, high) = (word_of(first, fork, words), word_of(last, fork, words));
    let rest = (1u128 << (16 * (words - 1 - fork))) - 1;
    let (first_end, last_start) = (first | rest, last & !rest);
    let (mut from, mut to) = (low, high);
    if !tail_is(first, fork + 1, 0) {
        split(first, first_end, words, spans);
        from += 1;
    }
    if !tail_is(last, fork + 1, u16::MAX) {
        to -= 1;
    }
    if from <= to {
        let with_fork = |word: u16| {
            let shift = 16 * (words - 1 - fork);
            first & !rest & !(0xffff << shift) | u128::from(word) << shift
        };
        spans.extend(enclose(with_fork(from), with_fork(to) | rest, words));
    }
    if !tail_is(last, fork + 1, u16::MAX) {
        split(last_start, last, words, spans);
    }
}

/// The smallest box of `words` spans that holds the numbers from `first` to `last`.
fn enclose(first: u128, last: u128, words: usize) -> SmallVec<[Span; 2]> {
    let mut common = true;
    let span = |i| {
        let (low, high) = (word_of(first, i, words), word_of(last, i, words));
        let span = if common { (low, high) } else { ANY };
        common &= low == high;
        span
    };
    (0..words).map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::super::spans::merge;
    use super::*;

    /// The numbers of all boxes of two spans, by listing them.
    fn listed(spans: &[Span]) -> Vec<u32> {
        let mut numbers = Vec::new();
        for pair in spans.chunks(2) {
            for high in pair[0].0..=pair[0].1 {
                for low in pair[1].0..=pair[1].1 {
                    numbers.push(u32::from(high) << 16 | u32::from(low));
                }
            }
        }
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn a_range_is_split_into_boxes_that_hold_it_and_nothing_else() {
        let cases = [
            (0x0001_0000, 0x0001_ffff, 1),
            (0x0001_0000, 0x0002_ffff, 1),
            (0x0001_fff0, 0x0001_fff7, 1),
            (0x0001_fffe, 0x0002_0001, 2),
            (0x0001_fffe, 0x0003_0001, 3),
            (0x0001_fffe, 0x0002_ffff, 2),
            (0x0001_0000, 0x0003_0001, 2),
            (5, 5, 1),
        ];
        for (first, last, boxes) in cases {
            let mut spans = SmallVec::new();
            split(first, last, 2, &mut spans);
            assert_eq!(spans.len() / 2, boxes, "{first:x} to {last:x}");
            let expected: Vec<u32> = (first as u32..=last as u32).collect();
            assert_eq!(listed(&spans), expected, "{first:x} to {last:x}");
        }
    }

    #[test]
    fn a_range_of_ipv6_addresses_has_at_most_fifteen_boxes() {
        let mut spans = SmallVec::new();
        split(1, u128::MAX - 1, 8, &mut spans);
        assert_eq!(spans.len() / 8, 15);
    }

    #[test]
    fn a_box_encloses_its_range() {
        assert_eq!(enclose(0x0001_0005, 0x0001_0009, 2).as_slice(), [(1, 1), (5, 9)]);
        assert_eq!(enclose(0x0001_0005, 0x0002_0001, 2).as_slice(), [(1, 2), ANY]);
        let mut spans = Spans::from_slice(&[(1, 2), (3, 4)]);
        merge(&mut spans);
        assert_eq!(spans.len(), 1);
    }
}
