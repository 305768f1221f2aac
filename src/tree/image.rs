//! The compiled form: little-endian words behind a header, read without alignment or copying.
//!
//! | what | layout |
//! |---|---|
//! | header | one line: magic, version, length in lines, chains, where the chain table is, default action |
//! | chain | four words: its IPv4 forest, its IPv6 forest, its record table or 0, its rules |
//! | forest | a word: how many trees; for each its root and its first rule's entry |
//! | node | 32 thresholds of 2 bytes, ascending, the last of them the highest number there is; then a reference for each child. The child is the number of thresholds below the packet's word |
//! | reference | low 5 bits: the word that the node cuts, or [`LEAF`]; the other 27: where, in units of 16 bytes |
//! | leaf | see [`leaf`](super::leaf) |
//! | entry | high 24 bits: the rule; low 8: its action, or [`RECORD`] |
//! | record | target kind and argument, a word each; how many checks follow; the checks |

/// How many bytes a unit of position is: what references count in.
pub(super) const UNIT: usize = 16;

/// Marks a reference to a leaf.
pub(super) const LEAF: u32 = 31;

/// Bytes that may be read beyond the start of anything in an image.
pub(super) const WINDOW: usize = 1088;

/// In an entry: the rule does more than decide, its record says what.
pub(super) const RECORD: u32 = 0xff;

/// Bytes of a chain's line in the chain table.
pub(super) const CHAIN_BYTES: usize = 16;

/// The header's first word.
pub(super) const MAGIC: u32 = u32::from_le_bytes(*b"ptcl");

/// The format that this version writes and reads.
pub(super) const VERSION: u32 = 1;

/// The most trees of one chain and family.
pub(super) const MAX_TREES: usize = 6;

/// A target, as a record's first word says it. The second word is its argument.
pub(super) mod target {
    pub(in crate::tree) const ACTION: u32 = 0;
    pub(in crate::tree) const NOTE: u32 = 1;
    pub(in crate::tree) const JUMP: u32 = 2;
    pub(in crate::tree) const GOTO: u32 = 3;
    pub(in crate::tree) const RETURN: u32 = 4;
    /// Sets bits of the mark: the argument is the value, the word after it the mask.
    pub(in crate::tree) const MARK: u32 = 5;
}

/// The bytes of an image. Reading outside gives zeros.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image<'a> {
    bytes: &'a [u8],
}

impl<'a> Image<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The word with this index, 0 outside.
    #[inline]
    pub(super) fn word(&self, index: usize) -> u32 {
        let from = index.saturating_mul(4);
        let bytes = self.bytes.get(from..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// The window that begins at the place a reference names.
    #[inline(always)]
    pub(super) fn window(&self, reference: u32) -> Option<&'a [u8; WINDOW]> {
        let from = (reference >> 5) as usize * UNIT;
        self.bytes.get(from..)?.first_chunk()
    }

    /// The number of the default action.
    pub(super) fn default_action(&self) -> u32 {
        self.word(5)
    }

    /// Four words about a chain: see the table above.
    pub(super) fn chain(&self, chain: u32) -> [u32; 4] {
        let at = self.word(4) as usize / 4 + chain as usize * (CHAIN_BYTES / 4);
        [0, 1, 2, 3].map(|i| self.word(at + i))
    }
}
