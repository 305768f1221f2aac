//! Records: what a rule does beyond deciding, and the checks that its boxes leave over.

use alloc::vec::Vec;

use super::boxes::{Shape, address_span};
use super::spans::{Spans, held_by};
use crate::packet::Family;
use crate::rule::set::Sets;
use crate::rule::{AnyOf, Criteria, Effect, OriginalCriteria, Rule, SetCriteria, Span, Target};
use crate::tree::lookup::image::{DEFAULT_ACTION, target};
use crate::tree::lookup::residual::{NEGATED, field, stride};
use crate::tree::lookup::words::Headers;

/// A record's words, with a check for the headers that the rule asks for: its boxes do not tell where
/// they are missing; `action` is the number of the action of a rule that decides.
pub(super) fn record<A>(rule: &Rule<A>, shape: &Shape, action: u32, sets: &Sets) -> Vec<u32> {
    let (kind, argument, mask) = match &rule.target {
        Target::Action(_) => (target::ACTION, action, 0),
        Target::Continue(Effect::Mark(bits)) => (target::MARK, bits.value(), bits.mask()),
        Target::Continue(Effect::Count) => (target::NOTE, 0, 0),
        Target::Continue(Effect::Log) => (target::NOTE, 1, 0),
        Target::Continue(Effect::Audit) => (target::NOTE, 2, 0),
        Target::Continue(Effect::NoTrack) => (target::NOTE, 3, 0),
        Target::Continue(Effect::Zone(number)) => (target::NOTE, 4, (*number).into()),
        Target::Continue(Effect::Spend(number)) => (target::NOTE, 5, (*number).into()),
        Target::Continue(Effect::Staged) => (target::NOTE, 6, DEFAULT_ACTION),
        Target::Staged(_) => (target::NOTE, 6, action),
        Target::Jump(chain) => (target::JUMP, chain.0, 0),
        Target::Goto(chain) => (target::GOTO, chain.0, 0),
        Target::Return => (target::RETURN, 0, 0),
    };
    let mut checks = Checks::of(&rule.criteria, shape, sets);
    if shape.needs != Headers::NONE {
        checks.pairs(field::HEADERS, false, [(shape.needs.0.into(), shape.needs.0.into())]);
    }
    let mut words = Vec::from([kind, argument, mask, checks.count]);
    words.extend(checks.words);
    words
}

/// Whether a rule that decides needs a record: its criteria are more than its boxes.
pub(super) fn has_checks(criteria: &Criteria, shape: &Shape, sets: &Sets) -> bool {
    Checks::of(criteria, shape, sets).count > 0
}

#[derive(Default)]
struct Checks {
    count: u32,
    words: Vec<u32>,
}

impl Checks {
    fn of(criteria: &Criteria, shape: &Shape, sets: &Sets) -> Self {
        let mut checks = Self::default();
        checks.numbers(criteria);
        checks.connection(criteria, shape.family);
        checks.patterns(criteria);
        for (field, spans) in &shape.left_over {
            checks.spans(*field, spans);
        }
        if let Some(asked) = &criteria.sets {
            checks.sets(asked, sets);
        }
        checks
    }

    fn numbers(&mut self, criteria: &Criteria) {
        let asked = &criteria.fragment;
        if !asked.is_any() {
            let spans = asked.items().iter().map(|part| (*part as u128, *part as u128));
            self.spans(field::FRAGMENT, &held_by(asked, 2, spans));
        }
        let asked = &criteria.malformed;
        if !asked.is_any() {
            let spans = asked.items().iter().map(|fault| (*fault as u128, *fault as u128));
            self.spans(field::MALFORMED, &held_by(asked, u8::MAX.into(), spans));
        }
        self.ranges(field::CUT_SRC_PORT, &criteria.cut_src_port, u16::MAX);
        self.ranges(field::CUT_DST_PORT, &criteria.cut_dst_port, u16::MAX);
        self.ranges(field::DSCP, &criteria.dscp, u8::MAX);
        self.ranges(field::TTL, &criteria.ttl, u8::MAX);
        self.ranges(field::LENGTH, &criteria.length, u32::MAX);
        self.ranges(field::ZONE, &criteria.zone, u16::MAX);
        self.ranges(field::VLAN, &criteria.vlan, u16::MAX);
    }

    fn connection(&mut self, criteria: &Criteria, family: Family) {
        let asked = &criteria.direction;
        if !asked.is_any() {
            let spans = asked.items().iter().map(|way| (*way as u128, *way as u128));
            self.spans(field::DIRECTION, &held_by(asked, u8::MAX.into(), spans));
        }
        let asked = &criteria.status;
        if !asked.is_any() {
            let bits = asked.items().iter().map(|flag| (*flag as u32, *flag as u32));
            self.pairs(field::STATUS, asked.is_negated(), bits);
        }
        if let Some(original) = &criteria.original {
            self.original(original, family);
        }
    }

    fn original(&mut self, criteria: &OriginalCriteria, family: Family) {
        let (max, src_field) = match family {
            Family::V4 => (u128::from(u32::MAX), field::ORIGINAL_SRC_V4),
            Family::V6 => (u128::MAX, field::ORIGINAL_SRC_V6),
        };
        for (asked, field) in [(&criteria.src, src_field), (&criteria.dst, src_field + 1)] {
            if !asked.is_any() {
                let ranges = asked.items().iter().filter(|range| range.family() == family);
                self.spans(field, &held_by(asked, max, ranges.map(address_span)));
            }
        }
        let asked = &criteria.protocol;
        if !asked.is_any() {
            let spans = asked.items().iter().map(|it| (it.0.into(), it.0.into()));
            self.spans(field::ORIGINAL_PROTOCOL, &held_by(asked, u8::MAX.into(), spans));
        }
        self.ranges(field::ORIGINAL_SRC_PORT, &criteria.src_port, u16::MAX);
        self.ranges(field::ORIGINAL_DST_PORT, &criteria.dst_port, u16::MAX);
    }

    fn ranges<N: Copy + PartialOrd + Into<u128>>(
        &mut self,
        field: u32,
        asked: &AnyOf<Span<N>>,
        max: N,
    ) {
        if !asked.is_any() {
            let spans = asked.items().iter().map(|span| (span.first().into(), span.last().into()));
            self.spans(field, &held_by(asked, max.into(), spans));
        }
    }

    fn patterns(&mut self, criteria: &Criteria) {
        let (flags, mark, predicate) = (&criteria.tcp_flags, &criteria.mark, &criteria.predicate);
        if !flags.is_any() {
            let bits = flags.items().iter();
            let bits = bits.map(|flags| (flags.set().0.into(), flags.mask().0.into()));
            self.pairs(field::TCP_FLAGS, flags.is_negated(), bits);
        }
        if !mark.is_any() {
            let bits = mark.items().iter().map(|mark| (mark.value(), mark.mask()));
            self.pairs(field::MARK, mark.is_negated(), bits);
        }
        if !predicate.is_any() {
            let numbers = predicate.items().iter();
            let asked = numbers.fold(0, |asked, number| asked | 1u64 << (number & 63));
            let pair = (asked as u32, (asked >> 32) as u32);
            self.pairs(field::PREDICATE, predicate.is_negated(), [pair]);
        }
    }

    /// Sets that are not there have been refused.
    fn sets(&mut self, criteria: &SetCriteria, sets: &Sets) {
        for (part, asked) in criteria.parts().filter(|(_, asked)| !asked.is_any()) {
            let numbers = asked.items().iter().filter_map(|name| sets.number(name.as_str()));
            let numbers = numbers.map(|number| (number, 0));
            self.pairs(field::SET + part as u32, asked.is_negated(), numbers);
        }
    }

    fn spans(&mut self, field: u32, spans: &Spans) {
        self.count += 1;
        self.words.extend([field, spans.len() as u32]);
        let width = stride(field) as u32 / 2;
        for number in spans.iter().flat_map(|(first, last)| [first, last]) {
            self.words.extend((0..width).rev().map(|i| (number >> (32 * i)) as u32));
        }
    }

    fn pairs(&mut self, field: u32, negated: bool, pairs: impl IntoIterator<Item = (u32, u32)>) {
        self.count += 1;
        self.words.extend([field | if negated { NEGATED } else { 0 }, 0]);
        let count = self.words.len() - 1;
        self.words.extend(pairs.into_iter().flat_map(|(a, b)| [a, b]));
        self.words[count] = (self.words.len() - count - 1) as u32 / 2;
    }
}
