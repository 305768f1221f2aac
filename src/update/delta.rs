use alloc::sync::Arc;
use alloc::vec::Vec;

use super::block::{BLOCK, Block, Entry};
use super::ordinal::Ordinal;
use super::probe::{Words, rest};
use crate::packet::{Packet, Tracked};
use crate::rule::{ChainId, Criteria, Named};

/// How a chain differs from that of the base.
#[derive(Debug)]
pub(super) struct Delta<A> {
    pub(super) chain: ChainId,
    /// A bit for each rule of the base that was removed.
    removed: Arc<Vec<u64>>,
    blocks: Vec<Arc<Block<A>>>,
}

/// What is asked of the inserted rules.
#[derive(Clone, Copy)]
pub(super) struct Asked<'p> {
    pub(super) packet: &'p Packet,
    pub(super) tracked: Option<Tracked>,
    pub(super) named: Named<'p>,
}

impl<A> Delta<A> {
    pub(super) fn new(chain: ChainId) -> Self {
        Self { chain, removed: Arc::default(), blocks: Vec::new() }
    }

    pub(super) fn is_removed(&self, index: u32) -> bool {
        let word = self.removed.get(index as usize / 64).copied().unwrap_or(0);
        word >> (index % 64) & 1 == 1
    }

    /// How many base rules from the one at `from` up to the one before `to` were removed.
    pub(super) fn removed_within(&self, from: u32, to: u32) -> usize {
        let (first, last) = (from as usize / 64, to as usize / 64);
        let words = self.removed.iter().enumerate().take(last + 1).skip(first);
        let count = |(i, word): (usize, &u64)| {
            let low = if i == first { u64::MAX << (from % 64) } else { u64::MAX };
            let high = if i == last { (1 << (to % 64)) - 1 } else { u64::MAX };
            (word & low & high).count_ones() as usize
        };
        words.map(count).sum()
    }

    /// The base rule that `count` rules that are still there come before.
    pub(super) fn kept(&self, mut count: usize) -> u32 {
        for (i, word) in self.removed.iter().enumerate() {
            let here = word.count_zeros() as usize;
            if count >= here {
                count -= here;
                continue;
            }
            let mut kept = !word;
            for _ in 0..count {
                kept &= kept - 1;
            }
            return i as u32 * 64 + kept.trailing_zeros();
        }
        (self.removed.len() * 64 + count) as u32
    }

    /// Whether some rule that was inserted or removed may match: if not, none does.
    #[inline(always)]
    pub(super) fn may_match(&self, packet: &Packet) -> bool {
        let words = Words::new(packet);
        self.blocks.iter().any(|block| block.may_match(&words, packet))
    }

    /// The first inserted rule between two places that matches; none has an ordinal of the base.
    #[inline]
    pub(super) fn first(
        &self,
        asked: &Asked<'_>,
        mark: u32,
        after: Option<Ordinal>,
        mut before: Ordinal,
    ) -> Option<&Entry<A>> {
        let (words, rest) = (Words::new(asked.packet), rest(asked.packet));
        let mut found = None;
        for block in &self.blocks {
            let mut candidates = block.candidates(&words, rest);
            while candidates != 0 {
                let place = candidates.trailing_zeros() as usize;
                candidates &= candidates - 1;
                let outline = block.outline(place);
                if outline.ordinal < before
                    && after.is_none_or(|after| after < outline.ordinal)
                    && asked.hold(block, place, mark)
                {
                    before = outline.ordinal;
                    found = Some((block, place));
                }
            }
        }
        found.and_then(|(block, place)| block.entry(place))
    }

    pub(super) fn has_removed(&self) -> bool {
        !self.removed.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.removed.is_empty()
    }

    /// Removes a rule of the base, and remembers whom it matched: of those, and of nobody else, what
    /// the base says is no longer right.
    pub(super) fn remove_base(&mut self, index: u32, criteria: Option<&Criteria>) {
        if let Some(criteria) = criteria {
            let slot = self.free();
            if let Some(block) = self.blocks.get_mut(slot / BLOCK) {
                Arc::make_mut(block).leave(slot % BLOCK, criteria);
            }
        }
        let removed = Arc::make_mut(&mut self.removed);
        let word = index as usize / 64;
        if removed.len() <= word {
            removed.resize(word + 1, 0);
        }
        if let Some(word) = removed.get_mut(word) {
            *word |= 1 << (index % 64);
        }
    }

    /// Adds an inserted rule; returns its slot.
    pub(super) fn insert(&mut self, entry: Entry<A>) -> u32 {
        let slot = self.free();
        if let Some(block) = self.blocks.get_mut(slot / BLOCK) {
            Arc::make_mut(block).insert(slot % BLOCK, entry);
        }
        slot as u32
    }

    /// A slot that nothing has.
    fn free(&mut self) -> usize {
        let with_room = self.blocks.iter().enumerate();
        let free = with_room.filter_map(|(i, block)| Some(i * BLOCK + block.free()?)).next();
        free.unwrap_or_else(|| {
            self.blocks.push(Arc::new(Block::new()));
            (self.blocks.len() - 1) * BLOCK
        })
    }

    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(block) = self.blocks.get_mut(slot as usize / BLOCK) {
            Arc::make_mut(block).remove(slot as usize % BLOCK);
        }
        while self.blocks.last().is_some_and(|block| block.is_empty()) {
            self.blocks.pop();
        }
    }

    pub(super) fn renumber(&mut self, slot: u32, ordinal: Ordinal) {
        if let Some(block) = self.blocks.get_mut(slot as usize / BLOCK) {
            Arc::make_mut(block).renumber(slot as usize % BLOCK, ordinal);
        }
    }
}

impl Asked<'_> {
    /// Whether a rule matches that the tables let pass.
    #[inline]
    fn hold<A>(&self, block: &Block<A>, place: usize, mark: u32) -> bool {
        let Some(holds) = block.outline(place).holds(self.packet) else {
            let rule = block.entry(place).map(|entry| &entry.rule.criteria);
            return rule.is_some_and(|criteria| {
                criteria.hold(self.packet, self.tracked, mark, self.named)
            });
        };
        holds
    }
}

impl<A> Clone for Delta<A> {
    fn clone(&self) -> Self {
        let Self { chain, removed, blocks } = self;
        Self { chain: *chain, removed: Arc::clone(removed), blocks: blocks.clone() }
    }
}
