use super::Time;
use super::rings::Rings;

/// Which items are due to be looked at, in constant time: a ring of slots, each the items to look
/// at when the clock reaches it.
///
/// A slot is passed once a round, so an item may come up rounds before its time and is then put
/// back. Moving an item's time later needs no call: it is put back when it comes up.
#[derive(Clone, Debug)]
pub(super) struct Wheel {
    rings: Rings,
    /// The slots of all ticks before this one have been emptied.
    next: u64,
}

/// Slots in a round; a power of two.
const SLOTS: u32 = 1024;

/// The list of items whose slot has been passed.
const DUE: u32 = SLOTS;

/// The longest run of slots emptied in one call.
const STRIDE: u64 = 64;

/// Ticks are 2^32 ns, a little over four seconds: every moment's tick fits 32 bits.
const TICK_SHIFT: u32 = 32;

impl Wheel {
    pub(super) fn new(items: u32) -> Self {
        Self { rings: Rings::new(items, SLOTS + 1), next: 0 }
    }

    /// Puts `item`, which must not be in the wheel, where it comes up once `deadline` has passed,
    /// and says at which tick that will be.
    pub(super) fn arm(&mut self, item: u32, deadline: Time) -> u32 {
        let tick = tick(deadline).max(self.next);
        self.rings.push(slot(tick), item);
        tick as u32
    }

    /// As [`arm`](Self::arm) for an item that is already in the wheel and comes up at `armed`: it
    /// is moved only if that would be too late.
    pub(super) fn rearm(&mut self, item: u32, deadline: Time, armed: u32) -> u32 {
        if tick(deadline) >= u64::from(armed) {
            return armed;
        }
        self.remove(item);
        self.arm(item, deadline)
    }

    pub(super) fn remove(&mut self, item: u32) {
        self.rings.remove(item);
    }

    /// Takes the next item out of the slots that `now` is past, if there is one within a bounded
    /// number of slots.
    pub(super) fn pop(&mut self, now: Time) -> Option<u32> {
        self.advance(tick(now));
        self.pop_due()
    }

    /// As [`pop`](Self::pop), the slot that `now` is in included.
    pub(super) fn pop_current(&mut self, now: Time) -> Option<u32> {
        self.advance(tick(now).saturating_add(1));
        self.pop_due()
    }

    fn pop_due(&mut self) -> Option<u32> {
        let item = self.rings.first(DUE)?;
        self.rings.remove(item);
        Some(item)
    }

    fn advance(&mut self, until: u64) {
        if until == self.next {
            return;
        }
        // After a long rest one round covers every slot; after a step back slots come up early.
        let round = u64::from(SLOTS);
        self.next = self.next.clamp(until.saturating_sub(round), until);
        let stop = until.min(self.next.saturating_add(STRIDE));
        while self.next < stop {
            self.rings.append(DUE, slot(self.next));
            self.next += 1;
        }
    }
}

const fn tick(time: Time) -> u64 {
    time.as_nanos() >> TICK_SHIFT
}

const fn slot(tick: u64) -> u32 {
    (tick % SLOTS as u64) as u32
}
