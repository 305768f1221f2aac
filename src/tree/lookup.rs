//! Looking a packet up: the first rule at or after a place, and following chains.

use super::image::{Image, LEAF, MAX_TREES, RECORD, target};
use super::leaf::Leaf;
use super::residual::{self, Subject};
use super::words::Words;
use crate::packet::Family;
use crate::rule::{ChainId, MAX_DEPTH, RuleId};
use crate::simd::{Chosen, Kernel, Lanes};

/// No entry: no rule matched.
pub(super) const NOTHING: u32 = u32::MAX;

/// More steps than any tree has, and more leaves than go on with each other.
const MAX_STEPS: usize = 1 << 20;

/// The trees of one chain for one family: each with its root and its first rule's entry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Roots {
    count: usize,
    trees: [(u32, u32); MAX_TREES],
    /// The word index of the record table, 0 if no rule has a record.
    records: usize,
}

impl Roots {
    pub(super) fn read(image: Image<'_>, chain: u32, family: Family) -> Self {
        let [v4, v6, records_v4, records_v6] = image.chain(chain);
        let (forest, records) = match family {
            Family::V4 => (v4, records_v4),
            Family::V6 => (v6, records_v6),
        };
        let at = forest as usize / 4;
        let mut roots = Self { records: records as usize / 4, ..Self::default() };
        roots.count = (image.word(at) as usize).min(MAX_TREES);
        for (i, tree) in roots.trees.iter_mut().take(roots.count).enumerate() {
            *tree = (image.word(at + 1 + 2 * i), image.word(at + 2 + 2 * i));
        }
        roots
    }

    /// The word where the record of the rule with this entry begins.
    fn record(&self, image: Image<'_>, entry: u32) -> usize {
        image.word(self.records.saturating_add((entry >> 8) as usize)) as usize
    }
}

/// Finds the first rule of a chain, at or after a place, that matches a packet.
#[derive(Clone, Copy)]
pub(super) struct Find<'a> {
    pub(super) image: Image<'a>,
    pub(super) roots: &'a Roots,
    pub(super) subject: &'a Subject<'a>,
    pub(super) words: &'a Words,
    pub(super) mark: u32,
    /// The least entry that counts.
    pub(super) least: u32,
}

impl Kernel for Find<'_> {
    /// The rule's entry, or [`NOTHING`].
    type Output = u32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> u32 {
        let mut found = NOTHING;
        for (root, first) in self.roots.trees.iter().take(self.roots.count) {
            if *first > found {
                break;
            }
            found = found.min(self.tree(lanes, *root, found));
        }
        found
    }
}

impl Find<'_> {
    /// The first entry in one tree, if it is below `found`.
    #[inline(always)]
    fn tree<L: Lanes>(&self, lanes: L, mut reference: u32, found: u32) -> u32 {
        for _ in 0..MAX_STEPS {
            let Some(window) = self.image.window(reference) else { return NOTHING };
            if reference & 31 == LEAF {
                let leaf = Leaf::new(window);
                let entry = self.leaf(lanes, leaf, found);
                match leaf.more() {
                    Some(units) if entry == NOTHING => {
                        reference = reference.saturating_add(units << 5);
                        continue;
                    }
                    _ => return entry,
                }
            }
            let value = self.words.word(reference as u8);
            let (thresholds, children) =
                window.split_first_chunk::<64>().unwrap_or((&[0; 64], &[]));
            let child = lanes.count_below(thresholds, value) & 31;
            let bytes = children.get(4 * child..).and_then(|rest| rest.first_chunk());
            reference = bytes.map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes));
        }
        NOTHING
    }

    #[inline(always)]
    fn leaf<L: Lanes>(&self, lanes: L, leaf: Leaf<'_>, found: u32) -> u32 {
        let mut mask = leaf.matching(lanes, self.words);
        if self.least > 0 {
            mask = leaf.at_least(lanes, mask, self.least);
        }
        while mask != 0 {
            let entry = leaf.entry(mask.trailing_zeros());
            if entry & 0xff != RECORD || entry > found || self.checks_hold(entry) {
                return entry;
            }
            mask &= mask - 1;
        }
        NOTHING
    }

    #[inline(never)]
    fn checks_hold(&self, entry: u32) -> bool {
        let at = self.roots.record(self.image, entry);
        let count = self.image.word(at.saturating_add(3));
        residual::hold(self.image, at.saturating_add(4), count, self.subject, self.words, self.mark)
    }
}

/// What a lookup ends with: the number of the action, and the rule unless it is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) action: u32,
    pub(super) rule: Option<RuleId>,
}

impl Verdict {
    /// What an entry of the base chain without a record says.
    #[inline(always)]
    pub(super) fn of_entry(entry: u32) -> Self {
        Self { action: entry & 0xff, rule: Some(RuleId::new(ChainId::BASE, entry >> 8)) }
    }
}

/// Follows the rules from one that does more than decide.
pub(super) struct Follow<'a> {
    pub(super) image: Image<'a>,
    pub(super) chosen: Chosen,
    pub(super) subject: &'a Subject<'a>,
    pub(super) words: &'a Words,
}

/// Where evaluation goes on after a chain: the chain, and the least entry there.
type Place = (u32, u32);

impl Follow<'_> {
    /// The verdict when `entry` is the first match in the base chain. Shows each rule that notes
    /// something to `seen`.
    #[inline(never)]
    pub(super) fn from(
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
                        return self.default();
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

    pub(super) fn default(&self) -> Verdict {
        Verdict { action: self.image.default_action(), rule: None }
    }
}
