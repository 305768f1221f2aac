//! Reading an image that somebody else may have written: every field is checked once, so that
//! lookups need not be afraid of any.
//!
//! A stored image is the compiled form (see [`image`](super::lookup::image)), and behind it what
//! makes checking it take linear time and no memory:
//!
//! | part | layout |
//! |---|---|
//! | compiled form | as many lines as the header says |
//! | marks | a byte a line: what begins there. 0 nothing; 1 to 31 a node, and so many nodes at most are on the way from it to a leaf, itself included; from 32 on a leaf, as references mark it |
//! | levels | a byte a chain: jumps lead to higher levels only, of which [`MAX_DEPTH`] is the highest |
//! | actions | a byte for each action, the default first: its place in [`ACTIONS`](crate::rule::ACTIONS). Nothing if the caller keeps them |
//! | padding | zeros up to a multiple of 8 bytes |
//! | checksum | 8 bytes, of all bytes before them |
//!
//! Structures stand in the order in which the chain table names them, the trees of a forest before
//! it, and none belongs to two forests.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod error;
mod forest;
mod record;

pub use self::error::{ImageError, ImageFault};

use super::lookup::image::{CHAIN_BYTES, Image, MAGIC, OWN_ACTIONS, VERSION, checksum, header};
use super::lookup::leaf::{GO_LINES, LINE};
use crate::rule::{ACTIONS, MAX_DEPTH};

/// Bytes of the checksum.
pub(in crate::tree) const CHECKSUM_BYTES: usize = 8;

/// The parts of an image that has been checked.
#[derive(Clone, Copy, Debug)]
pub(in crate::tree) struct Loaded<'a> {
    /// The compiled form.
    pub(in crate::tree) image: &'a [u8],
    /// The image's own actions, their places in [`ACTIONS`].
    pub(in crate::tree) codes: Option<&'a [u8]>,
    /// How many actions it numbers.
    pub(in crate::tree) actions: usize,
}

impl<'a> Loaded<'a> {
    /// Checks an image.
    pub(in crate::tree) fn new(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let parts = Parts::split(bytes)?;
        let own = parts.codes.is_some();
        let word = |place| Image::new(parts.image).word(place);
        let (chains, actions) = (word(header::CHAINS), word(header::ACTIONS));
        let checker = Checker {
            image: Image::new(parts.image),
            marks: parts.marks,
            levels: parts.levels,
            actions,
            table: word(header::CHAIN_TABLE) as usize,
            from: LINE,
        };
        checker.all(chains)?;
        if own {
            parts.check_codes()?;
        }
        Ok(Self { image: parts.image, codes: parts.codes, actions: actions as usize })
    }
}

/// The parts of an image whose lengths and checksum are right.
struct Parts<'a> {
    image: &'a [u8],
    marks: &'a [u8],
    levels: &'a [u8],
    codes: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn split(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let header = Image::new(bytes);
        if header.word(header::MAGIC) != MAGIC {
            return Err(ImageError::new(0, ImageFault::NotAnImage));
        }
        if bytes.len() < LINE {
            let fault = ImageFault::Length { expected: LINE as u64, found: bytes.len() as u64 };
            return Err(ImageError::new(bytes.len(), fault));
        }
        let version = header.word(header::VERSION);
        if version != VERSION {
            return Err(ImageError::new(4 * header::VERSION, ImageFault::Version { version }));
        }
        let (expected, found) = (u64::from(header.word(header::BYTES)), bytes.len() as u64);
        if expected != found {
            let fault = ImageFault::Length { expected, found };
            return Err(ImageError::new(4 * header::BYTES, fault));
        }
        let (content, sum) = bytes.split_at(bytes.len().saturating_sub(CHECKSUM_BYTES));
        if sum != checksum(content).to_le_bytes() {
            return Err(ImageError::new(content.len(), ImageFault::Checksum));
        }
        let off = ImageError::broken(4 * header::LINES, "its parts do not add up to the image");
        Self::of(content, header).ok_or(off)
    }

    /// The parts, if they take all of `content`.
    fn of(content: &'a [u8], header: Image<'_>) -> Option<Self> {
        let [lines, chains] = [header::LINES, header::CHAINS].map(|at| header.word(at) as usize);
        let count = header.word(header::ACTIONS) as usize;
        let own = header.word(header::OWN_ACTIONS) == OWN_ACTIONS;
        let (image, rest) = content.split_at_checked(lines.checked_mul(LINE)?)?;
        let (marks, rest) = rest.split_at_checked(lines)?;
        let (levels, rest) = rest.split_at_checked(chains)?;
        let (codes, padding) = rest.split_at_checked(if own { count } else { 0 })?;
        let whole = content.len().is_multiple_of(8) && padding.len() < 8;
        let zero = padding.iter().all(|byte| *byte == 0);
        (whole && zero).then_some(Self { image, marks, levels, codes: own.then_some(codes) })
    }

    /// Whether every code names an action.
    fn check_codes(&self) -> Result<(), ImageError> {
        let known = |code: &u8| usize::from(*code) < ACTIONS.len();
        let before = self.image.len() + self.marks.len() + self.levels.len();
        match self.codes.unwrap_or_default().iter().position(|code| !known(code)) {
            Some(place) => Err(ImageError::broken(before + place, "an action that is none")),
            None => Ok(()),
        }
    }
}

/// Goes through the compiled form from its beginning to its end.
struct Checker<'a> {
    image: Image<'a>,
    marks: &'a [u8],
    levels: &'a [u8],
    actions: u32,
    /// The byte where the chain table begins.
    table: usize,
    /// Everything before this byte has been checked.
    from: usize,
}

/// A chain as its jumps and entries see it.
#[derive(Clone, Copy)]
struct Chain {
    level: u8,
    /// The byte where its record table for one family begins, or 0.
    records: usize,
}

impl Checker<'_> {
    fn all(mut self, chains: u32) -> Result<(), ImageError> {
        self.header(chains)?;
        for chain in 0..chains {
            self.chain(chain)?;
        }
        self.nothing_up_to(self.table)?;
        self.from = self.table.saturating_add(chains as usize * CHAIN_BYTES);
        self.nothing_up_to(self.image.len())
    }

    fn header(&self, chains: u32) -> Result<(), ImageError> {
        let beyond = u64::from(chains) * CHAIN_BYTES as u64 + (LINE * GO_LINES) as u64;
        let end = self.table as u64 + beyond;
        let faults = [
            (chains == 0, header::CHAINS, "no chain"),
            (self.actions == 0, header::ACTIONS, "no default action"),
            (!self.table.is_multiple_of(4), header::CHAIN_TABLE, "a chain table between words"),
            (end > self.image.len() as u64, header::CHAIN_TABLE, "a chain table beyond the end"),
            (
                self.image.word(header::OWN_ACTIONS) > OWN_ACTIONS,
                header::OWN_ACTIONS,
                "actions of an unknown form",
            ),
            (self.marks.first() != Some(&0), header::MAGIC, "a node in the header"),
        ];
        let fault = faults.into_iter().find(|(is_so, ..)| *is_so);
        fault.map_or(Ok(()), |(_, word, what)| Err(ImageError::broken(4 * word, what)))
    }

    fn chain(&mut self, chain: u32) -> Result<(), ImageError> {
        let line = self.table + chain as usize * CHAIN_BYTES;
        let Some(level) = self.level(chain).filter(|level| usize::from(*level) <= MAX_DEPTH) else {
            return Err(ImageError::broken(line, "a chain of no level"));
        };
        let [v4, v6, records_v4, records_v6] = self.image.chain(chain).map(|at| at as usize);
        self.forest(v4, Chain { level, records: records_v4 })?;
        self.forest(v6, Chain { level, records: records_v6 })?;
        self.records(Chain { level, records: records_v4 })?;
        match records_v6 == records_v4 {
            true => Ok(()),
            false => self.records(Chain { level, records: records_v6 }),
        }
    }

    fn level(&self, chain: u32) -> Option<u8> {
        self.levels.get(chain as usize).copied()
    }

    /// Goes on to the byte `to`, if nothing is marked from here up to there.
    fn nothing_up_to(&mut self, to: usize) -> Result<(), ImageError> {
        if to < self.from {
            return Err(ImageError::broken(to, "a part before the one before"));
        }
        let first = self.from.div_ceil(LINE);
        let marks = self.marks.get(first..to.div_ceil(LINE)).unwrap_or_default();
        if let Some(line) = marks.iter().position(|mark| *mark != 0) {
            let at = LINE * (first + line);
            return Err(ImageError::broken(at, "a node or leaf outside of a forest"));
        }
        self.from = to;
        Ok(())
    }
}
