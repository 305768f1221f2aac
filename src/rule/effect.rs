use core::fmt;

/// What a rule that does not decide is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Effect {
    /// To be counted.
    Count,
    /// To be logged.
    Log,
    /// To be handed to an audit trail.
    Audit,
    /// Sets the bits of the packet's mark that are in `mask` to those of `value`; the rules
    /// after it see the new mark.
    Mark(Masked),
    /// Leaves the packet untracked. For rules that are asked before a packet is tracked: whoever
    /// asks them sets [`Packet::notrack`](crate::Packet::notrack).
    NoTrack,
    /// Puts the packet's connection into this zone. For rules that are asked before a packet is
    /// tracked: whoever asks them sets [`Packet::zone`](crate::Packet::zone).
    Zone(u16),
    /// Takes one from what the caller's predicate of this number, 0 to 63, stands for, such as a
    /// limited rate.
    Spend(u8),
    /// A [staged](crate::Target::Staged) rule would have decided here.
    Staged,
}

impl Effect {
    /// The mark of a packet that had `mark` before a rule with this effect matched it.
    pub(crate) fn apply(self, mark: u32) -> u32 {
        match self {
            Self::Mark(bits) => mark & !bits.mask() | bits.value(),
            _ => mark,
        }
    }
}

/// A bit pattern: matches values that equal `value` in the bits of `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Masked {
    value: u32,
    mask: u32,
}

impl Masked {
    /// The pattern; bits of `value` outside `mask` are ignored.
    pub const fn new(value: u32, mask: u32) -> Self {
        Self { value: value & mask, mask }
    }

    /// The bits that count, as they must be.
    pub const fn value(&self) -> u32 {
        self.value
    }

    /// Which bits count.
    pub const fn mask(&self) -> u32 {
        self.mask
    }
}

/// Exactly this value.
impl From<u32> for Masked {
    fn from(value: u32) -> Self {
        Self::new(value, u32::MAX)
    }
}

/// Prints `0x1/0xff`, or `0x1` when every bit counts.
impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.value)?;
        match self.mask {
            u32::MAX => Ok(()),
            mask => write!(f, "/{mask:#x}"),
        }
    }
}
