//! The compiled form: little-endian words behind a header, read without alignment or copying.
//!
//! | what | layout |
//! |---|---|
//! | header | one line: the words of [`header`] |
//! | chain | four words: its forest for IPv4 and for IPv6, its record table for each, or 0 |
//! | forest | a word: how many trees; for each [`ROOT_WORDS`](super::find::ROOT_WORDS): its root, how many nodes and how many blocks of a leaf most lookups go through, how many words its grid splits (0: no grid), for each of four words of a grid its thresholds (two words, a bit each) and how many cells a part of it takes, and its first rule's entry |
//! | grid | a root that splits several words at once: three lines of thresholds, three of the words that they are of, then a reference for each cell |
//! | node | 16 thresholds of 4 bytes, ascending, the last of them the highest number there is; then a reference for each child. The child is the number of thresholds below the packet's word |
//! | reference | low 6 bits: the word that the node cuts; from [`PLAIN`] up a leaf, of one block or as many more; [`WIDE`] a leaf that says what it has. With those bits 0: the byte offset |
//! | leaf | see [`leaf`](super::leaf) |
//! | entry | high 24 bits: the rule; low 8: its action, or [`RECORD`] or [`CHECKED`] |
//! | record table | for each rule the word where its record begins, or 0; the word before the table says for how many rules |
//! | record | a word each: target kind, argument, mask, how many checks follow; the checks |

use super::leaf::{GO_LINES, LINE};

/// Where nodes, leaves and tables may begin: at multiples of so many bytes.
pub(in crate::tree) const UNIT: usize = 64;

/// Marks a reference to a leaf that tests the usual words; one block, each number above is one more.
pub(in crate::tree) const PLAIN: u32 = 32;

/// Marks a reference to a leaf that says which words it tests.
pub(in crate::tree) const WIDE: u32 = 63;

/// Bytes of a node with as many children as there can be.
pub(in crate::tree) const NODE_BYTES: usize = 64 + 4 * 16;

/// In the low byte of an entry, from here up: the rule does more than decide, its record says what.
pub(in crate::tree) const RECORD: u32 = 0xfd;

/// In the low byte of an entry: the record has checks, and the rule matches only if they hold.
pub(in crate::tree) const CHECKED: u32 = 0xfe;

/// No entry: no rule matched.
pub(in crate::tree) const NOTHING: u32 = u32::MAX;

/// Bytes of a chain's line in the chain table.
pub(in crate::tree) const CHAIN_BYTES: usize = 16;

/// The header's first word.
pub(in crate::tree) const MAGIC: u32 = u32::from_le_bytes(*b"ptcl");

/// The format that this version writes and reads.
pub(in crate::tree) const VERSION: u32 = 2;

/// The header, word by word.
pub(in crate::tree) mod header {
    pub(in crate::tree) const MAGIC: usize = 0;
    pub(in crate::tree) const VERSION: usize = 1;
    /// Lines of the compiled form.
    pub(in crate::tree) const LINES: usize = 2;
    pub(in crate::tree) const CHAINS: usize = 3;
    /// The byte where the chain table begins.
    pub(in crate::tree) const CHAIN_TABLE: usize = 4;
    /// How many actions are numbered. This and what follows is 0 until the image is stored.
    pub(in crate::tree) const ACTIONS: usize = 5;
    /// [`OWN_ACTIONS`](super::OWN_ACTIONS), or 0 if the caller keeps the actions.
    pub(in crate::tree) const OWN_ACTIONS: usize = 6;
    /// Bytes of the stored image.
    pub(in crate::tree) const BYTES: usize = 7;
}

/// In the header: the image has actions of its own.
pub(in crate::tree) const OWN_ACTIONS: u32 = 1;

/// The most rules of one chain: entries have room for the place of one, and for none.
pub(in crate::tree) const MAX_RULES: u32 = (1 << 24) - 1;

/// The most trees of one chain and family.
pub(in crate::tree) const MAX_TREES: usize = 6;

/// The number of the default action.
pub(in crate::tree) const DEFAULT_ACTION: u32 = 0;

/// A target, as a record's first word says it. The second word is its argument.
pub(in crate::tree) mod target {
    pub(in crate::tree) const ACTION: u32 = 0;
    /// Notes something: the argument says what (0 count, 1 log, 2 audit, 3 not tracked, 4 zone, 5
    /// spend, 6 staged), the word after it the number of the zone, predicate or action.
    pub(in crate::tree) const NOTE: u32 = 1;
    pub(in crate::tree) const JUMP: u32 = 2;
    pub(in crate::tree) const GOTO: u32 = 3;
    pub(in crate::tree) const RETURN: u32 = 4;
    /// Sets bits of the mark: the argument is the value, the word after it the mask.
    pub(in crate::tree) const MARK: u32 = 5;
}

/// FNV-1a over words of eight bytes. It differs for any two that differ in one of those words only,
/// and is no secret: against accidents.
pub(in crate::tree) fn checksum(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for chunk in bytes.chunks(8) {
        let word = chunk.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        hash ^= hash >> 29;
    }
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The bytes of an image. Reading outside gives zeros.
#[derive(Clone, Copy, Debug)]
pub(in crate::tree) struct Image<'a> {
    bytes: &'a [u8],
}

impl<'a> Image<'a> {
    pub(in crate::tree) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The word with this index, 0 outside.
    #[inline]
    pub(in crate::tree) fn word(&self, index: usize) -> u32 {
        let bytes = self.bytes.as_chunks().0.get(index);
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// The `N` bytes at the place a reference names.
    #[inline(always)]
    pub(in crate::tree) fn window<const N: usize>(&self, reference: u32) -> Option<&'a [u8; N]> {
        let from = (reference & !63) as usize;
        self.bytes.get(from..from.checked_add(N)?)?.first_chunk()
    }

    /// Bytes of the image.
    pub(in crate::tree) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many chains there are.
    pub(in crate::tree) fn chains(&self) -> u32 {
        self.word(header::CHAINS)
    }

    /// The lines of a leaf and what stands behind it, as many as are tested in one go.
    #[inline(always)]
    pub(in crate::tree) fn lines(&self, reference: u32) -> Option<&'a [[u8; LINE]; GO_LINES]> {
        self.window::<{ LINE * GO_LINES }>(reference)?.as_chunks().0.first_chunk()
    }

    /// The lines from one on, as many as are tested in one go.
    #[inline(always)]
    pub(in crate::tree) fn some_lines(&self, line: usize) -> Option<&'a [[u8; LINE]; GO_LINES]> {
        self.bytes.as_chunks().0.get(line..)?.first_chunk()
    }

    /// Four words about a chain: see the table above.
    pub(in crate::tree) fn chain(&self, chain: u32) -> [u32; 4] {
        let at = self.word(header::CHAIN_TABLE) as usize / 4 + chain as usize * (CHAIN_BYTES / 4);
        [0, 1, 2, 3].map(|i| self.word(at + i))
    }
}
