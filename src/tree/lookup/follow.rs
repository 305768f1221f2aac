//! From rule to rule: through chains, past rules that note something.

use super::find::{Find, Roots};
use super::image::{DEFAULT_ACTION, Image, NOTHING, RECORD, target};
use super::subject::Subject;
use super::words::Words;
use crate::rule::{ChainId, Effect, MAX_DEPTH, Masked, RuleId};
use crate::simd::Chosen;
use crate::tree::members::Members;

/// What a lookup ends with: the number of the action, and the rule unless it is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tree) struct Verdict {
    pub(in crate::tree) action: u32,
    pub(in crate::tree) rule: Option<RuleId>,
}

impl Verdict {
    /// That no rule decides.
    pub(in crate::tree) const DEFAULT: Self = Self { action: DEFAULT_ACTION, rule: None };

    /// What an entry of the base chain without a record says, or [`NOTHING`].
    #[inline(always)]
    pub(in crate::tree) fn of_entry(entry: u32) -> Self {
        let action = if entry == NOTHING { DEFAULT_ACTION } else { entry & 0xff };
        let rule = (entry != NOTHING).then_some(RuleId::new(ChainId::BASE, entry >> 8));
        Self { action, rule }
    }
}

/// Follows the rules from one that does more than decide.
pub(in crate::tree) struct Follow<'a> {
    pub(in crate::tree) image: Image<'a>,
    pub(in crate::tree) chosen: Chosen,
    pub(in crate::tree) subject: &'a Subject<'a>,
    pub(in crate::tree) words: &'a Words,
    pub(in crate::tree) members: &'a Members,
}

/// Where evaluation goes on: a chain, and the least entry there that counts.
type Place = (u32, u32);

/// What comes after a rule that matched.
enum Next {
    Decided(Verdict),
    /// On in the same chain.
    On,
    Jump(u32),
    Goto(u32),
    Return,
}

impl Follow<'_> {
    /// The verdict when `entry` is the first match in the base chain. Shows each rule that notes
    /// something to `seen`.
    #[inline(never)]
    pub(in crate::tree) fn from(
        &self,
        mut entry: u32,
        roots: &Roots,
        seen: &mut dyn FnMut(RuleId, Effect),
    ) -> Verdict {
        let Self { image, subject, words, members, .. } = *self;
        let mut roots = *roots;
        let mut mark = subject.mark();
        let mut callers = Callers::default();
        let mut chain = 0;
        loop {
            let after = (chain, (entry | 0xff).saturating_add(1));
            let place = match self.next(chain, entry, &roots, &mut mark, seen) {
                Next::Decided(verdict) => return verdict,
                Next::On => Some(after),
                Next::Jump(to) => {
                    callers.push(after);
                    Some((to, 0))
                }
                Next::Goto(to) => Some((to, 0)),
                Next::Return => callers.pop(),
            };
            let Some((to, least)) = place else {
                return Verdict::DEFAULT;
            };
            if to != chain {
                chain = to;
                roots = Roots::read(image, chain, words.family);
            }
            let find = Find { image, roots: &roots, subject, words, members, mark, least };
            entry = self.chosen.run(find);
        }
    }

    /// What comes after the rule with this entry, or after the chain's end.
    fn next(
        &self,
        chain: u32,
        entry: u32,
        roots: &Roots,
        mark: &mut u32,
        seen: &mut dyn FnMut(RuleId, Effect),
    ) -> Next {
        let rule = RuleId::new(ChainId(chain), entry >> 8);
        if entry == NOTHING {
            return Next::Return;
        }
        if entry & 0xff < RECORD {
            return Next::Decided(Verdict { action: entry & 0xff, rule: Some(rule) });
        }
        let at = roots.record(self.image, entry);
        let [kind, argument, mask] = [0, 1, 2].map(|i| self.image.word(at.saturating_add(i)));
        match kind {
            target::ACTION => Next::Decided(Verdict { action: argument, rule: Some(rule) }),
            target::JUMP => Next::Jump(argument),
            target::GOTO => Next::Goto(argument),
            target::NOTE | target::MARK => {
                let effect = match (kind, argument) {
                    (target::MARK, value) => Effect::Mark(Masked::new(value, mask)),
                    (_, 0) => Effect::Count,
                    (_, 1) => Effect::Log,
                    (_, 2) => Effect::Audit,
                    (_, 3) => Effect::NoTrack,
                    (_, 4) => Effect::Zone(mask as u16),
                    (_, 5) => Effect::Spend(mask as u8),
                    _ => Effect::Staged,
                };
                *mark = effect.apply(*mark);
                seen(rule, effect);
                Next::On
            }
            _ => Next::Return,
        }
    }
}

/// Where evaluation goes on after the chains that were jumped to, the last one first.
struct Callers {
    places: [Place; MAX_DEPTH],
    depth: usize,
}

impl Default for Callers {
    fn default() -> Self {
        Self { places: [(0, 0); MAX_DEPTH], depth: 0 }
    }
}

impl Callers {
    /// Checking a rule set has made sure that there is room.
    fn push(&mut self, place: Place) {
        if let Some(slot) = self.places.get_mut(self.depth) {
            *slot = place;
            self.depth += 1;
        }
    }

    fn pop(&mut self) -> Option<Place> {
        self.depth = self.depth.checked_sub(1)?;
        self.places.get(self.depth).copied()
    }
}
