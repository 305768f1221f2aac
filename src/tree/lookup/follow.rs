//! From rule to rule: through chains, past rules that note something.

use super::find::{Find, Roots};
use super::image::{DEFAULT_ACTION, Image, NOTHING, RECORD, target};
use super::subject::Subject;
use super::words::Words;
use crate::rule::{ChainId, MAX_DEPTH, RuleId};
use crate::simd::Chosen;

/// What a lookup ends with: the number of the action, and the rule unless it is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tree) struct Verdict {
    pub(in crate::tree) action: u32,
    pub(in crate::tree) rule: Option<RuleId>,
}

impl Verdict {
    /// What an entry of the base chain without a record says.
    #[inline(always)]
    pub(in crate::tree) fn of_entry(entry: u32) -> Self {
        Self { action: entry & 0xff, rule: Some(RuleId::new(ChainId::BASE, entry >> 8)) }
    }
}

/// Follows the rules from one that does more than decide.
pub(in crate::tree) struct Follow<'a> {
    pub(in crate::tree) image: Image<'a>,
    pub(in crate::tree) chosen: Chosen,
    pub(in crate::tree) subject: &'a Subject<'a>,
    pub(in crate::tree) words: &'a Words,
}

/// Where evaluation goes on after a chain: the chain, and the least entry there.
type Place = (u32, u32);

impl Follow<'_> {
    /// The verdict when `entry` is the first match in the base chain. Shows each rule that notes
    /// something to `seen`.
    #[inline(never)]
    pub(in crate::tree) fn from(
        &self,
        mut entry: u32,
        roots: &Roots,
        seen: &mut dyn FnMut(RuleId),
    ) -> Verdict {
        let mut roots = *roots;
        let mut chain = 0;
        let mut mark = self.subject.mark();
        let mut callers: [Place; MAX_DEPTH] = [(0, 0); MAX_DEPTH];
        let mut depth = 0;
        loop {
            let rule = RuleId::new(ChainId(chain), entry >> 8);
            // Where to go on: a place, or back to the caller.
            let mut next = None;
            if entry != NOTHING {
                if entry & 0xff != RECORD {
                    return Verdict { action: entry & 0xff, rule: Some(rule) };
                }
                let after = (entry | 0xff).saturating_add(1);
                let at = roots.record(self.image, entry);
                let [kind, argument, mask] =
                    [0, 1, 2].map(|i| self.image.word(at.saturating_add(i)));
                match kind {
                    target::ACTION => return Verdict { action: argument, rule: Some(rule) },
                    target::NOTE | target::MARK => {
                        mark = mark & !mask | argument;
                        seen(rule);
                        next = Some((chain, after));
                    }
                    target::JUMP => {
                        if let Some(caller) = callers.get_mut(depth) {
                            *caller = (chain, after);
                            depth += 1;
                        }
                        next = Some((argument, 0));
                    }
                    target::GOTO => next = Some((argument, 0)),
                    _ => {}
                }
            }
            let (to, least) = match next {
                Some(place) => place,
                None => {
                    let Some(caller) = depth.checked_sub(1).and_then(|top| callers.get(top)) else {
                        return Verdict { action: DEFAULT_ACTION, rule: None };
                    };
                    depth -= 1;
                    *caller
                }
            };
            if to != chain {
                chain = to;
                roots = Roots::read(self.image, chain, self.words.family);
            }
            let Self { image, subject, words, .. } = *self;
            entry = self.chosen.run(Find { image, roots: &roots, subject, words, mark, least });
        }
    }
}
