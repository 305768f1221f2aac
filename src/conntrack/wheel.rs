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
        if !comes_too_late(armed, deadline) {
            return armed;
        }
        self.remove(item);
        self.arm(item, deadline)
    }

    pub(super) fn remove(&mut self, item: u32) {
        self.rings.remove(item);
    }

    /// Whether [`pop`](Self::pop) has nothing to do.
    #[inline(always)]
    pub(super) fn is_idle(&self, now: Time) -> bool {
        tick(now) == self.next && self.rings.first(DUE).is_none()
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

/// Whether an item that comes up at tick `armed` should have come up earlier.
#[inline(always)]
pub(super) const fn comes_too_late(armed: u32, deadline: Time) -> bool {
    tick(deadline) < armed as u64
}

const fn tick(time: Time) -> u64 {
    time.as_nanos() >> TICK_SHIFT
}

const fn slot(tick: u64) -> u32 {
    (tick % SLOTS as u64) as u32
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const TICK: u64 = 1 << TICK_SHIFT;
    const ROUND: u64 = TICK * SLOTS as u64;

    fn popped(wheel: &mut Wheel, now: u64) -> Vec<u32> {
        let mut items: Vec<u32> =
            core::iter::from_fn(|| wheel.pop(Time::from_nanos(now))).collect();
        items.sort_unstable();
        items
    }

    #[test]
    fn an_item_comes_up_after_its_tick_and_once() {
        let mut wheel = Wheel::new(4);
        wheel.arm(0, Time::from_nanos(5 * TICK));
        wheel.arm(1, Time::from_nanos(6 * TICK - 1));
        wheel.arm(2, Time::from_nanos(6 * TICK));
        assert!(popped(&mut wheel, 6 * TICK - 1).is_empty());
        assert_eq!(popped(&mut wheel, 6 * TICK), [0, 1]);
        assert_eq!(popped(&mut wheel, 7 * TICK), [2]);
        assert!(popped(&mut wheel, 3 * ROUND).is_empty());
    }

    #[test]
    fn the_tick_that_is_not_over_can_be_asked_for() {
        let mut wheel = Wheel::new(4);
        let now = Time::from_nanos(5 * TICK + 7);
        wheel.arm(0, Time::from_nanos(5 * TICK));
        assert_eq!(wheel.pop(now), None);
        assert_eq!(wheel.pop_current(now), Some(0));
        // Put back, it does not come up again before the next tick.
        wheel.arm(0, now);
        assert_eq!(wheel.pop_current(now), None);
        assert_eq!(popped(&mut wheel, 7 * TICK), [0]);
    }

    #[test]
    fn an_item_of_a_later_round_comes_up_early_and_is_put_back() {
        let mut wheel = Wheel::new(1);
        let deadline = Time::from_nanos(5 * ROUND / 2);
        wheel.arm(0, deadline);
        let mut visits = 0;
        let mut now = 0;
        while now <= 3 * ROUND {
            now += TICK;
            if let Some(item) = wheel.pop(Time::from_nanos(now)) {
                visits += 1;
                if Time::from_nanos(now) < deadline {
                    wheel.arm(item, deadline);
                }
            }
        }
        assert_eq!(visits, 3);
    }

    #[test]
    fn a_jump_brings_every_item_up_in_bounded_steps() {
        let mut wheel = Wheel::new(SLOTS);
        for item in 0..SLOTS {
            wheel.arm(item, Time::from_nanos(u64::from(item) * TICK));
        }
        let mut items = 0;
        let mut calls = 0;
        while items < SLOTS {
            items += popped(&mut wheel, u64::MAX).len() as u32;
            calls += 1;
        }
        assert!(calls <= u64::from(SLOTS) / STRIDE + 1, "{calls}");
    }

    #[test]
    fn an_item_is_moved_only_to_come_up_earlier() {
        let mut wheel = Wheel::new(1);
        let armed = wheel.arm(0, Time::from_nanos(50 * TICK));
        let armed = wheel.rearm(0, Time::from_nanos(90 * TICK), armed);
        assert_eq!(armed, 50);
        let armed = wheel.rearm(0, Time::from_nanos(10 * TICK), armed);
        assert_eq!(armed, 10);
        assert_eq!(popped(&mut wheel, 11 * TICK), [0]);
    }

    #[test]
    fn a_clock_that_goes_back_loses_nothing() {
        let mut wheel = Wheel::new(2);
        assert_eq!(wheel.pop(Time::MAX), None);
        wheel.arm(0, Time::from_nanos(3 * TICK));
        assert_eq!(wheel.pop(Time::ZERO), None);
        wheel.arm(1, Time::from_nanos(3 * TICK));
        let mut found = Vec::new();
        for tick in 0..=u64::from(SLOTS) {
            found.extend(popped(&mut wheel, tick * TICK));
        }
        found.sort_unstable();
        assert_eq!(found, [0, 1]);
    }
}
