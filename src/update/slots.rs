use alloc::sync::Arc;
use alloc::vec::Vec;

use super::RuleKey;
use super::ordinal::Ordinal;
use crate::rule::{ChainId, Rule};

/// The rules that are there, by their keys.
#[derive(Debug)]
pub(super) struct Slots<A> {
    slots: Vec<Slot<A>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<A> {
    generation: u32,
    held: Option<Held<A>>,
}

/// A rule that is there.
#[derive(Debug)]
pub(super) struct Held<A> {
    pub(super) rule: Arc<Rule<A>>,
    pub(super) chain: ChainId,
    pub(super) ordinal: Ordinal,
    /// Its slot in the overlay; `None` if it is one of the base.
    pub(super) inserted: Option<u32>,
}

impl<A> Slots<A> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(super) fn held(&self, key: RuleKey) -> Option<&Held<A>> {
        let slot = self.slots.get(key.slot as usize)?;
        slot.held.as_ref().filter(|_| slot.generation == key.generation)
    }

    pub(super) fn held_mut(&mut self, key: RuleKey) -> Option<&mut Held<A>> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        slot.held.as_mut().filter(|_| slot.generation == key.generation)
    }

    pub(super) fn put(&mut self, held: Held<A>) -> RuleKey {
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        match self.slots.get_mut(slot as usize) {
            Some(slot) => slot.held = Some(held),
            None => self.slots.push(Slot { generation: 0, held: Some(held) }),
        }
        let generation = self.slots.get(slot as usize).map_or(0, |slot| slot.generation);
        RuleKey { slot, generation }
    }

    pub(super) fn take(&mut self, key: RuleKey) -> Option<Held<A>> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        let held = slot.held.take_if(|_| slot.generation == key.generation)?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.slot);
        Some(held)
    }
}
