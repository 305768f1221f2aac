use crate::conntrack::Time;

/// What hit a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Hits {
    /// How many packets.
    pub packets: u64,
    /// The lengths of these packets together ([`Packet::length`](crate::Packet::length)).
    pub bytes: u64,
    /// When the last of them came; `None` if there were none.
    pub last: Option<Time>,
}

/// The same in a form that is quickly counted in: 24 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    packets: u64,
    bytes: u64,
    last: Time,
}

impl Count {
    pub(super) const fn new() -> Self {
        Self { packets: 0, bytes: 0, last: Time::ZERO }
    }

    #[inline]
    pub(super) const fn hit(&mut self, bytes: u32, now: Time) {
        // 64 bits take centuries to fill.
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(bytes as u64);
        self.last = now;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.last = self.last.max(other.last);
    }

    pub(super) const fn is_zero(&self) -> bool {
        self.packets == 0
    }

    pub(super) fn hits(&self) -> Hits {
        let last = (!self.is_zero()).then_some(self.last);
        Hits { packets: self.packets, bytes: self.bytes, last }
    }
}
