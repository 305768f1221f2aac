use alloc::sync::Arc;
use alloc::vec::Vec;

use super::block::{BLOCK, Block, Entry};
use super::ordinal::Ordinal;
use super::probe::{Words, rest};
use super::tier::{Inserted, Tier};
use crate::packet::{Packet, Tracked};
use crate::rule::{ChainId, Named};
use crate::tree::Members;

/// How a chain differs from that of the base.
#[derive(Debug)]
pub(super) struct Delta<A> {
    pub(super) chain: ChainId,
    /// A bit for each rule of the base that was removed.
    removed: Arc<Vec<u64>>,
    blocks: Vec<Arc<Block<A>>>,
    /// How many rules the blocks have.
    loose: usize,
    tier: Option<Tier<A>>,
}

/// Added to the slot of a rule in the tier.
const IN_TIER: u32 = 1 << 31;

/// What is asked of the inserted rules.
#[derive(Clone, Copy)]
pub(super) struct Asked<'p> {
    pub(super) packet: &'p Packet,
    pub(super) tracked: Option<Tracked>,
    pub(super) named: Named<'p>,
}

impl<A> Delta<A> {
    pub(super) fn new(chain: ChainId) -> Self {
        Self { chain, removed: Arc::default(), blocks: Vec::new(), loose: 0, tier: None }
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

    /// How many inserted rules are looked at one by one.
    pub(super) fn loose(&self) -> usize {
        self.loose
    }

    /// What the first rule of the tier is that matches, there or removed.
    #[inline(always)]
    pub(super) fn tier_first(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        members: &Members,
    ) -> Option<u32> {
        self.tier.as_ref()?.first(packet, tracked, members)
    }

    /// Whether some rule in a block may match: if not, none does.
    #[inline(always)]
    pub(super) fn may_match(&self, packet: &Packet) -> bool {
        let words = Words::new(packet);
        self.blocks.iter().any(|block| block.may_match(&words, packet))
    }

    /// The first inserted rule between two places that matches, given that of the tier; none has an
    /// ordinal of the base.
    #[inline]
    pub(super) fn first<'d>(
        &'d self,
        asked: &Asked<'_>,
        mark: u32,
        after: Option<Ordinal>,
        before: Ordinal,
        tier: Option<Inserted<'d, A>>,
    ) -> Option<Inserted<'d, A>> {
        let before = tier.as_ref().map_or(before, |rule| rule.ordinal);
        match self.first_loose(asked, mark, after, before) {
            Some(Entry { ordinal, key, rule }) => {
                Some(Inserted { ordinal: *ordinal, key: *key, rule })
            }
            None => tier,
        }
    }

    /// The rule of the tier at a place that matches or, if that was removed, the next one, if it stands
    /// before another rule.
    pub(super) fn tier_from(
        &self,
        of: (&Packet, Option<Tracked>, &Members),
        place: u32,
        before: Ordinal,
    ) -> Option<Inserted<'_, A>> {
        self.tier.as_ref()?.from(of, place, before)
    }

    /// The first rule of the tier between two places that matches.
    pub(super) fn tier_between(
        &self,
        of: (&Packet, Option<Tracked>, &Members),
        after: Option<Ordinal>,
        before: Ordinal,
    ) -> Option<Inserted<'_, A>> {
        self.tier.as_ref()?.between(of, after, before)
    }

    #[inline]
    fn first_loose(
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
        self.blocks.is_empty() && self.removed.is_empty() && self.tier.is_none()
    }

    /// Removes a rule of the base.
    pub(super) fn remove_base(&mut self, index: u32) {
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
            self.loose += 1;
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
        if let (place, Some(tier)) = (slot ^ IN_TIER, &mut self.tier)
            && place < IN_TIER
        {
            tier.remove(place);
            self.tier.take_if(|tier| tier.is_empty());
            return;
        }
        self.loose -= 1;
        if let Some(block) = self.blocks.get_mut(slot as usize / BLOCK) {
            Arc::make_mut(block).remove(slot as usize % BLOCK);
        }
        while self.blocks.last().is_some_and(|block| block.is_empty()) {
            self.blocks.pop();
        }
    }

    /// Puts a tier in the place of the one there is, whose rules it must have.
    pub(super) fn put_tier(&mut self, tier: Tier<A>) {
        self.tier = Some(tier);
    }

    /// The slot of a rule of the tier.
    pub(super) const fn slot_in_tier(place: u32) -> u32 {
        place | IN_TIER
    }

    /// Whether a slot is one of the tier.
    pub(super) const fn is_in_tier(slot: u32) -> bool {
        slot & IN_TIER != 0
    }

    pub(super) fn renumber(&mut self, slot: u32, ordinal: Ordinal) {
        if let (place, Some(tier)) = (slot ^ IN_TIER, &mut self.tier)
            && place < IN_TIER
        {
            return tier.renumber(place, ordinal);
        }
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
        let Self { chain, removed, blocks, loose, tier } = self;
        let (removed, blocks, tier) = (Arc::clone(removed), blocks.clone(), tier.clone());
        Self { chain: *chain, removed, blocks, loose: *loose, tier }
    }
}
