use core::time::Duration;

use crate::conntrack::Time;

/// A limit on how many packets of one key there may be in a window of time.
///
/// What is counted, and when a key is released, is said [here](super#rates).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Rate {
    /// The most packets in a window that the rule does not match; 0 makes it match each packet.
    pub limit: u32,
    /// How long a window is; not zero.
    pub window: Duration,
    /// What is counted together.
    pub by: CountedBy,
    /// The most keys that are counted at a time; not zero.
    pub capacity: u32,
    /// What happens when there are as many.
    pub when_full: WhenFull,
}

/// Whether a rule with a rate matches packets that it has no room to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum WhenFull {
    /// It does, as if their key were above the limit: a rule that blocks fails closed.
    #[default]
    Match,
    /// It does not, as if their key were within it: a rule that blocks fails open.
    Pass,
}

/// What of a packet makes the key that it is counted by: packets that agree in all of it are counted
/// together. The default is nothing, so that all packets are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct CountedBy {
    /// The network of the source address.
    pub source: Option<PrefixLengths>,
    /// The network of the destination address.
    pub destination: Option<PrefixLengths>,
    /// The source port.
    pub source_port: bool,
    /// The destination port.
    pub destination_port: bool,
    /// The protocol.
    pub protocol: bool,
    /// The caller's own key ([`Asked::key`](super::Asked::key)).
    pub callers_key: bool,
}

/// How many bits of an address count, by family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct PrefixLengths {
    /// Of an IPv4 address, at most 32.
    pub v4: u8,
    /// Of an IPv6 address, at most 128. Whoever has a network of 64 bits has all its addresses.
    pub v6: u8,
}

/// How many slots before the present one count.
pub(super) const SLOTS_BEFORE: u64 = 30;

impl Rate {
    /// A limit for each source address: 65,536 of them at most, and when there are as many, others match.
    pub const fn new(limit: u32, window: Duration) -> Self {
        let by = CountedBy::source();
        Self { limit, window, by, capacity: 65_536, when_full: WhenFull::Match }
    }

    /// Sets what is counted together (by default the packets of a source address).
    #[must_use]
    pub const fn by(self, by: CountedBy) -> Self {
        Self { by, ..self }
    }

    /// Sets the most keys that are counted at a time.
    #[must_use]
    pub const fn capacity(self, capacity: u32) -> Self {
        Self { capacity, ..self }
    }

    /// Sets what happens when there are as many keys as are counted at a time.
    #[must_use]
    pub const fn when_full(self, when_full: WhenFull) -> Self {
        Self { when_full, ..self }
    }

    /// The number of the slot that a moment is in.
    pub(super) fn slot(&self, now: Time) -> u64 {
        let length = self.window.as_nanos().div_ceil(u128::from(SLOTS_BEFORE)).max(1);
        let slot = u128::from(now.as_nanos()) / length;
        u64::try_from(slot).unwrap_or(u64::MAX)
    }
}

impl CountedBy {
    const NOTHING: Self = Self {
        source: None,
        destination: None,
        source_port: false,
        destination_port: false,
        protocol: false,
        callers_key: false,
    };

    /// All packets together.
    pub const fn nothing() -> Self {
        Self::NOTHING
    }

    /// By source address.
    pub const fn source() -> Self {
        Self::source_prefix(32, 128)
    }

    /// By the network of the source address: so many bits of IPv4 and IPv6 addresses.
    pub const fn source_prefix(v4: u8, v6: u8) -> Self {
        Self { source: Some(PrefixLengths { v4, v6 }), ..Self::NOTHING }
    }

    /// By destination address.
    pub const fn destination() -> Self {
        Self::NOTHING.and_destination_prefix(32, 128)
    }

    /// By the caller's own key.
    pub const fn callers_key() -> Self {
        Self::NOTHING.and_callers_key()
    }

    /// By the network of the destination address, too.
    #[must_use]
    pub const fn and_destination_prefix(self, v4: u8, v6: u8) -> Self {
        Self { destination: Some(PrefixLengths { v4, v6 }), ..self }
    }

    /// By source port, too.
    #[must_use]
    pub const fn and_source_port(self) -> Self {
        Self { source_port: true, ..self }
    }

    /// By destination port, too.
    #[must_use]
    pub const fn and_destination_port(self) -> Self {
        Self { destination_port: true, ..self }
    }

    /// By protocol, too.
    #[must_use]
    pub const fn and_protocol(self) -> Self {
        Self { protocol: true, ..self }
    }

    /// By the caller's own key, too.
    #[must_use]
    pub const fn and_callers_key(self) -> Self {
        Self { callers_key: true, ..self }
    }

    /// How many parts a key has.
    pub(super) fn parts(&self) -> u32 {
        let Self { source, destination, source_port, destination_port, protocol, callers_key } =
            self;
        let flags = [*source_port, *destination_port, *protocol, *callers_key];
        let networks = u32::from(source.is_some()) + u32::from(destination.is_some());
        networks + flags.map(u32::from).iter().sum::<u32>()
    }

    /// Whether no prefix is longer than an address.
    pub(super) fn is_sound(&self) -> bool {
        let fits = |lengths: Option<PrefixLengths>| {
            lengths.is_none_or(|PrefixLengths { v4, v6 }| v4 <= 32 && v6 <= 128)
        };
        fits(self.source) && fits(self.destination)
    }
}
