//! Records: what a rule does beyond deciding, and the checks that its boxes leave over.

use alloc::vec::Vec;

use super::boxes::Shape;
use super::spans::{Spans, held_by};
use crate::rule::{Criteria, Effect, Rule, Target};
use crate::tree::lookup::image::target;
use crate::tree::lookup::residual::{NEGATED, field, stride};

/// A record's words; `action` is the number of the action of a rule that decides.
pub(super) fn record<A>(rule: &Rule<A>, shape: &Shape, action: u32) -> Vec<u32> {
    let (kind, argument, mask) = match &rule.target {
        Target::Action(_) => (target::ACTION, action, 0),
        Target::Continue(Effect::Mark(bits)) => (target::MARK, bits.value(), bits.mask()),
        Target::Continue(Effect::Count) => (target::NOTE, 0, 0),
        Target::Continue(Effect::Log) => (target::NOTE, 1, 0),
        Target::Continue(Effect::Audit) => (target::NOTE, 2, 0),
        Target::Jump(chain) => (target::JUMP, chain.0, 0),
        Target::Goto(chain) => (target::GOTO, chain.0, 0),
        Target::Return => (target::RETURN, 0, 0),
    };
    let checks = Checks::of(&rule.criteria, shape);
    let mut words = Vec::from([kind, argument, mask, checks.count]);
    words.extend(checks.words);
    words
}

/// Whether a rule that decides needs a record: its criteria are more than its boxes.
pub(super) fn has_checks(criteria: &Criteria, shape: &Shape) -> bool {
    Checks::of(criteria, shape).count > 0
}

#[derive(Default)]
struct Checks {
    count: u32,
    words: Vec<u32>,
}

impl Checks {
    fn of(criteria: &Criteria, shape: &Shape) -> Self {
        let mut checks = Self::default();
        checks.numbers(criteria);
        checks.patterns(criteria);
        for (field, spans) in &shape.left_over {
            checks.spans(*field, spans);
        }
        checks
    }

    fn numbers(&mut self, criteria: &Criteria) {
        let asked = &criteria.fragment;
        if !asked.is_any() {
            let spans = asked.items().iter().map(|part| (*part as u128, *part as u128));
            self.spans(field::FRAGMENT, &held_by(asked, 2, spans));
        }
        if let Some(asked) = criteria.malformed {
            self.spans(field::MALFORMED, &Spans::from_slice(&[(asked.into(), asked.into())]));
        }
        let (dscp, length, vlan) = (&criteria.dscp, &criteria.length, &criteria.vlan);
        if !dscp.is_any() {
            let spans = dscp.items().iter().map(|span| (span.first().into(), span.last().into()));
            self.spans(field::DSCP, &held_by(dscp, u8::MAX.into(), spans));
        }
        if !length.is_any() {
            let spans = length.items().iter().map(|span| (span.first().into(), span.last().into()));
            self.spans(field::LENGTH, &held_by(length, u32::MAX.into(), spans));
        }
        if !vlan.is_any() {
            let spans = vlan.items().iter().map(|span| (span.first().into(), span.last().into()));
            self.spans(field::VLAN, &held_by(vlan, u16::MAX.into(), spans));
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
