use super::image::{Image, RECORD, target};
use super::residual::{NEGATED, field};
use super::subject::Bare;
use super::words::Headers;
use crate::tree::members::Members;

/// A rule that decides if its boxes hold a packet and a part of the packet is in a set, or is not.
///
/// Kept beside the roots, not read from the image where the rule was found: so the set is looked into
/// while the tree is still being searched.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::tree) struct Question {
    /// The rule's entry; 0 is none's.
    pub(super) entry: u32,
    /// The entry that it would have without checks.
    pub(in crate::tree) plain: u32,
    part: usize,
    set: u32,
    negated: bool,
    headers: Headers,
}

impl Question {
    /// Of the rule with this entry and record.
    pub(super) fn read(image: Image<'_>, record: usize, entry: u32) -> Option<Self> {
        let word = |i: usize| image.word(record.saturating_add(i));
        if word(0) != target::ACTION || word(1) >= RECORD {
            return None;
        }
        let mut question = Self { entry, plain: entry & !0xff | word(1), ..Self::default() };
        let part = (word(4) & !NEGATED).checked_sub(field::SET)?;
        question.part = part as usize;
        question.negated = word(4) & NEGATED != 0;
        question.set = word(6);
        // Behind what it asks of a set there may be a check for headers, and nothing else.
        if word(3) == 2 && word(8) == field::HEADERS && word(9) == 1 {
            question.headers = Headers(word(10) as u8);
        } else if word(3) != 1 {
            return None;
        }
        (word(5) == 1).then_some(question)
    }

    /// Whether the checks hold. No branch depends on what is in the set: every second packet may be.
    #[inline(always)]
    pub(in crate::tree) fn holds(
        &self,
        (bare, headers): (Bare<'_>, Headers),
        members: &Members,
    ) -> bool {
        let is_in = members.hold_one(self.part, self.set, bare);
        is_in.is_some_and(|is_in| is_in ^ self.negated) & headers.contains(self.headers)
    }
}
