use core::fmt;

/// The flag octet of a TCP header.
///
/// # Source
///
/// RFC 9293 section 3.1; ECE and CWR: RFC 3168.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement field is significant.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is significant.
    pub const URG: Self = Self(0x20);
    /// Explicit congestion notification echo.
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced.
    pub const CWR: Self = Self(0x80);

    /// Each flag with the lower-case name used by the text form of rules, lowest bit first.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("fin", Self::FIN),
        ("syn", Self::SYN),
        ("rst", Self::RST),
        ("psh", Self::PSH),
        ("ack", Self::ACK),
        ("urg", Self::URG),
        ("ece", Self::ECE),
        ("cwr", Self::CWR),
    ];

    /// Whether all of `flags` are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether any of `flags` is set.
    pub const fn intersects(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }
}

impl core::ops::BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Prints the names with commas between, or `none`.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        let mut separator = "";
        for (name, flag) in Self::NAMES {
            if self.contains(flag) {
                write!(f, "{separator}{name}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

/// One block of a SACK option: bytes `left..right` have been received out of order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SackBlock {
    /// First sequence number of the block.
    pub left: u32,
    /// Sequence number just after the block.
    pub right: u32,
}

/// The SACK blocks of a segment: at most four fit in its options.
///
/// # Source
///
/// RFC 2018 section 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SackBlocks {
    blocks: [SackBlock; 4],
    len: u8,
}

impl SackBlocks {
    /// Adds a block; a fifth one, which no header has room for, is ignored.
    pub fn push(&mut self, block: SackBlock) {
        if let Some(slot) = self.blocks.get_mut(usize::from(self.len)) {
            *slot = block;
            self.len += 1;
        }
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The blocks in the order in which the option lists them.
    #[inline]
    pub fn as_slice(&self) -> &[SackBlock] {
        self.blocks.get(..usize::from(self.len)).unwrap_or(&self.blocks)
    }
}

/// What rules and a connection tracker need of a TCP segment. Numbers are in host byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpSegment {
    /// The flag octet.
    pub flags: TcpFlags,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number; means something only with [`TcpFlags::ACK`].
    pub ack: u32,
    /// The window field, not yet scaled.
    pub window: u16,
    /// Bytes of payload, by the IP header's length.
    pub payload_len: u32,
    /// Whether there are options, or padding for some, though none of those below.
    pub other_options: bool,
    /// Shift count of the window scale option.
    pub window_scale: Option<u8>,
    /// Whether the SACK-permitted option is there.
    pub sack_permitted: bool,
    /// Blocks of the SACK option.
    pub sack: SackBlocks,
}

impl TcpSegment {
    /// Whether there are any options.
    pub fn has_options(&self) -> bool {
        let listed = self.window_scale.is_some() || self.sack_permitted;
        self.other_options || listed || !self.sack.as_slice().is_empty()
    }

    /// A segment with these flags and everything else zero or absent.
    pub fn new(flags: TcpFlags) -> Self {
        Self { flags, ..Self::default() }
    }
}
