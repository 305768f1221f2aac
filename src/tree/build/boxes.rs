//! Rules as boxes: a span of numbers in each word.

use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use smallvec::{SmallVec, smallvec};

use super::spans::{Spans, held_by};
use crate::packet::{Family, Protocol};
use crate::rule::{AnyOf, Criteria, InterfaceName, Interfaces, IpRange};
use crate::tree::lookup::residual::field;
use crate::tree::lookup::words::{
    DST_PORT, DST_V4, DST_V6, Headers, ICMP, IN_INTERFACE, NO_ICMP, NO_INTERFACE, NO_PORT,
    OUT_INTERFACE, PROTOCOL, SRC, SRC_PORT, STATE, WORDS, most,
};

/// The most boxes one rule becomes; what would take more is left to a residual check.
const MAX_BOXES: usize = 64;

/// A span of one word, first and last.
pub(super) type Span = (u32, u32);

/// The whole range of each word.
pub(super) fn anything() -> [Span; WORDS] {
    core::array::from_fn(|word| (0, most(word)))
}

/// The boxes of a list of rules in one family, as columns.
#[derive(Clone, Debug)]
pub(super) struct Boxes {
    /// For each word a span for each box; none for a word in which every box takes every number.
    pub(super) columns: Vec<Vec<Span>>,
    /// For each box the rule's entry, ascending.
    pub(super) entries: Vec<u32>,
    /// For each box whether its rule ends the chain whenever the box matches.
    pub(super) ends: Vec<bool>,
    /// A bit for each word that has a column.
    used: u32,
    /// The first word of the destination address.
    pub(super) dst: usize,
}

impl Boxes {
    pub(super) fn new(family: Family) -> Self {
        let dst = if family == Family::V4 { DST_V4 } else { DST_V6 };
        let columns = vec![Vec::new(); WORDS];
        Self { columns, entries: Vec::new(), ends: Vec::new(), used: 0, dst }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The words in which some box does not take every number.
    pub(super) fn used(&self) -> impl Iterator<Item = usize> {
        let mut left = self.used;
        core::iter::from_fn(move || {
            let word = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (word < WORDS).then_some(word)
        })
    }

    /// The span of one word in a box.
    pub(super) fn span(&self, word: usize, id: u32) -> Span {
        self.columns[word].get(id as usize).copied().unwrap_or((0, most(word)))
    }

    /// Adds the boxes of one rule. Returns whether some of them are met by packets without a header
    /// that the rule asks for; those have `checked` for an entry.
    pub(super) fn push(&mut self, shape: &Shape, entry: u32, checked: u32, ends: bool) -> bool {
        for word in shape.parts.iter().flat_map(|part| part.word..part.word + part.width) {
            self.use_word(word);
        }
        let mut digits = [0; 9];
        let mut doubtful = false;
        loop {
            doubtful |= self.push_box(&shape.row(&digits), shape.needs, [entry, checked], ends);
            if !shape.advance(&mut digits) {
                return doubtful;
            }
        }
    }

    fn use_word(&mut self, word: usize) {
        self.used |= 1 << word;
        if self.columns[word].is_empty() {
            self.columns[word] = vec![(0, most(word)); self.len()];
        }
    }

    /// Adds a box. What a packet that lacks a header would meet becomes a box of its own, for each
    /// header that the rule needs.
    fn push_box(
        &mut self,
        row: &[Span; WORDS],
        needs: Headers,
        [entry, checked]: [u32; 2],
        ends: bool,
    ) -> bool {
        let mut row = *row;
        let without = if entry == checked { [None, None] } else { lacking(&row, needs) };
        let apart = without.map(|lacking| {
            let (word, alone, rest) = lacking?;
            self.use_word(word);
            let apart = with(&row, word, (alone, alone));
            row = with(&row, word, rest);
            has_numbers(&apart).then_some(apart)
        });
        if has_numbers(&row) {
            self.add(&row, entry, ends);
        }
        apart.iter().flatten().for_each(|apart| self.add(apart, checked, false));
        apart.iter().any(Option::is_some)
    }

    fn add(&mut self, row: &[Span; WORDS], entry: u32, ends: bool) {
        for (word, column) in self.columns.iter_mut().enumerate() {
            if self.used >> word & 1 == 1 {
                column.push(row[word]);
            }
        }
        self.entries.push(entry);
        self.ends.push(ends);
    }
}

/// For ports and for ICMP, if they are needed and a packet without them would be in the box: the word
/// that shows it, the number there, and the span of the rest.
fn lacking(row: &[Span; WORDS], needs: Headers) -> [Option<(usize, u32, Span)>; 2] {
    let [no_port, no_icmp] = [NO_PORT, NO_ICMP].map(u32::from);
    let holds = |word: usize, number: u32| row[word].0 <= number && number <= row[word].1;
    let no_ports = holds(SRC_PORT, no_port) && holds(DST_PORT, no_port);
    let ports = needs.contains(Headers::PORTS) && no_ports;
    let icmp = needs.contains(Headers::ICMP) && holds(ICMP, no_icmp);
    [
        ports.then_some((DST_PORT, no_port, (no_port + 1, row[DST_PORT].1))),
        icmp.then_some((ICMP, no_icmp, (row[ICMP].0, no_icmp - 1))),
    ]
}

/// Whether some packet can be in the box.
fn has_numbers(row: &[Span; WORDS]) -> bool {
    row.iter().all(|(first, last)| first <= last)
}

/// The same row but for one word.
fn with(row: &[Span; WORDS], word: usize, span: Span) -> [Span; WORDS] {
    let mut row = *row;
    row[word] = span;
    row
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
    /// The headers that a packet must have.
    pub(super) needs: Headers,
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
            Family::V4 => (1, u128::from(u32::MAX), DST_V4, field::SRC_V4),
            Family::V6 => (4, u128::MAX, DST_V6, field::SRC_V6),
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
                split(*first, *last, 2 * words, &mut part.spans);
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
        let spans = numbers.iter().map(|(first, last)| (*first as u32, *last as u32)).collect();
        self.parts.push(Part { word, width: 1, spans, field: field::WORD + word as u32, numbers });
    }

    /// Leaves the parts with the most alternatives to residual checks until the boxes are few.
    fn bound(&mut self) {
        while self.count() > MAX_BOXES {
            let Some(part) = self.parts.iter_mut().max_by_key(|part| part.count()) else { return };
            self.left_over.push((part.field, part.numbers.clone()));
            let hull = part.numbers.first().zip(part.numbers.last());
            part.spans = hull.map_or_else(SmallVec::new, |(first, last)| match part.word {
                ..SRC_PORT => enclose(first.0, last.1, 2 * part.width),
                _ => smallvec![(first.0 as u32, last.1 as u32)],
            });
        }
    }

    fn count(&self) -> usize {
        self.parts.iter().fold(1, |count, part| count.saturating_mul(part.count()))
    }

    /// The box that `digits` pick: one alternative of each part.
    fn row(&self, digits: &[usize; 9]) -> [Span; WORDS] {
        let mut row = anything();
        for (part, digit) in self.parts.iter().zip(digits) {
            let spans = part.spans.iter().skip(digit * part.width).take(part.width);
            for (word, span) in row.iter_mut().skip(part.word).zip(spans) {
                *word = *span;
            }
        }
        row
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

/// The half `i` of `halves` that `number` consists of, the most significant one first.
fn half_of(number: u128, i: usize, halves: usize) -> u32 {
    u32::from((number >> (16 * (halves - 1 - i))) as u16)
}

/// Appends boxes that together are the numbers from `first` to `last`, of words of two halves each:
/// one for a prefix, at most `2 * halves - 1`. In every box each half for itself has a span.
fn split(first: u128, last: u128, halves: usize, spans: &mut SmallVec<[Span; 2]>) {
    let common =
        (0..halves).take_while(|i| half_of(first, *i, halves) == half_of(last, *i, halves));
    let fork = common.count();
    let tail_is = |number: u128, from: usize, value: u16| {
        (from..halves).all(|i| half_of(number, i, halves) == u32::from(value))
    };
    if fork == halves || (tail_is(first, fork + 1, 0) && tail_is(last, fork + 1, u16::MAX)) {
        spans.extend(enclose(first, last, halves));
        return;
    }
    let (low, high) = (half_of(first, fork, halves), half_of(last, fork, halves));
    let rest = (1u128 << (16 * (halves - 1 - fork))) - 1;
    let (first_end, last_start) = (first | rest, last & !rest);
    let (mut from, mut to) = (low, high);
    if !tail_is(first, fork + 1, 0) {
        split(first, first_end, halves, spans);
        from += 1;
    }
    if !tail_is(last, fork + 1, u16::MAX) {
        to -= 1;
    }
    if from <= to {
        let with_fork = |half: u32| {
            let shift = 16 * (halves - 1 - fork);
            first & !rest & !(0xffff << shift) | u128::from(half) << shift
        };
        spans.extend(enclose(with_fork(from), with_fork(to) | rest, halves));
    }
    if !tail_is(last, fork + 1, u16::MAX) {
        split(last_start, last, halves, spans);
    }
}

/// The smallest box that holds the numbers from `first` to `last`, each half for itself.
fn enclose(first: u128, last: u128, halves: usize) -> SmallVec<[Span; 2]> {
    let mut common = true;
    let mut span = |i| {
        let (low, high) = (half_of(first, i, halves), half_of(last, i, halves));
        let span = if common { (low, high) } else { (0, 0xffff) };
        common &= low == high;
        span
    };
    let mut word = |i| {
        let (high, low) = (span(2 * i), span(2 * i + 1));
        (high.0 << 16 | low.0, high.1 << 16 | low.1)
    };
    (0..halves / 2).map(&mut word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_box_is_empty() {
        let needs = Headers::PORTS.with(Headers::ICMP);
        for ports in [(0, 0), (0, 1), (0, 65535), (1, 1)] {
            for icmp in [(65535, 65535), (65534, 65535), (0, 65535), (8, 8)] {
                let mut boxes = Boxes::new(Family::V4);
                let row = with(&with(&anything(), DST_PORT, ports), ICMP, icmp);
                boxes.use_word(DST_PORT);
                boxes.use_word(ICMP);
                boxes.push_box(&row, needs, [1, 2], true);
                for id in 0..boxes.len() as u32 {
                    let [ports, icmp] = [DST_PORT, ICMP].map(|word| boxes.span(word, id));
                    assert!(ports.0 <= ports.1 && icmp.0 <= icmp.1, "{ports:?} {icmp:?}");
                }
            }
        }
    }

    /// The numbers of all boxes, by listing them.
    fn listed(spans: &[Span]) -> Vec<u32> {
        let mut numbers: Vec<u32> = spans.iter().flat_map(|span| span.0..=span.1).collect();
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
            assert_eq!(spans.len(), boxes, "{first:x} to {last:x}");
            let expected: Vec<u32> = (first as u32..=last as u32).collect();
            assert_eq!(listed(&spans), expected, "{first:x} to {last:x}");
            for (first, last) in spans {
                let whole = first & 0xffff == 0 && last & 0xffff == 0xffff;
                assert!(whole || first >> 16 == last >> 16, "{first:x} to {last:x}");
            }
        }
    }

    #[test]
    fn a_range_of_ipv6_addresses_has_at_most_fifteen_boxes() {
        let mut spans = SmallVec::new();
        split(1, u128::MAX - 1, 8, &mut spans);
        assert_eq!(spans.len() / 4, 15);
    }

    #[test]
    fn a_box_encloses_its_range() {
        assert_eq!(enclose(0x0001_0005, 0x0001_0009, 2).as_slice(), [(0x10005, 0x10009)]);
        assert_eq!(enclose(0x0001_0005, 0x0002_0001, 2).as_slice(), [(0x10000, 0x2ffff)]);
    }
}
