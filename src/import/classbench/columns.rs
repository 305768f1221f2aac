use core::ops::Range;
use core::str::FromStr;

use crate::import::ImportError;

/// The lines of a text that are not blank, counted from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Columns<'_>> {
    let numbered = text.lines().zip(1..).map(|(text, line)| Columns { line, text, at: 0 });
    numbered.filter(|columns| !columns.text.trim().is_empty())
}

/// A line, read from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns<'l> {
    line: usize,
    text: &'l str,
    /// The byte where what has not been read begins.
    at: usize,
}

/// A piece of a line.
#[derive(Clone, Debug)]
pub(super) struct Piece<'l> {
    pub(super) text: &'l str,
    at: Range<usize>,
}

impl<'l> Columns<'l> {
    /// Takes what comes next up to white space or one of `ends`; may be empty.
    pub(super) fn until(&mut self, ends: &[char]) -> Piece<'l> {
        self.skip_blanks();
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || ends.contains(&c));
        self.advance(end.unwrap_or(rest.len()))
    }

    /// Takes this character, with or without white space before it.
    pub(super) fn symbol(&mut self, symbol: char, expected: &str) -> Result<(), ImportError> {
        self.skip_blanks();
        if !self.rest().starts_with(symbol) {
            let word = self.until(&[]);
            return Err(self.expected(&word, expected));
        }
        self.advance(symbol.len_utf8());
        Ok(())
    }

    /// Takes a number that `read` knows how to read.
    pub(super) fn number<N>(
        &mut self,
        ends: &[char],
        read: impl Fn(&str) -> Option<N>,
        expected: &str,
    ) -> Result<N, ImportError> {
        let piece = self.until(ends);
        read(piece.text).ok_or_else(|| self.expected(&piece, expected))
    }

    /// Whether nothing but white space is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest().trim().is_empty()
    }

    /// The error that something else should have stood where `piece` is.
    pub(super) fn expected(&self, piece: &Piece<'_>, expected: &str) -> ImportError {
        ImportError::expected(self.line, self.text, piece.at.clone(), expected)
    }

    /// An error about everything from `piece` up to here.
    pub(super) fn error_from(&self, piece: &Piece<'_>, message: &str) -> ImportError {
        ImportError::new(self.line, self.text, piece.at.start..self.at, message)
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.advance(rest.len() - rest.trim_start().len());
    }

    fn advance(&mut self, bytes: usize) -> Piece<'l> {
        let at = self.at..self.at.saturating_add(bytes);
        self.at = at.end;
        Piece { text: self.text.get(at.clone()).unwrap_or(""), at }
    }

    fn rest(&self) -> &'l str {
        self.text.get(self.at..).unwrap_or("")
    }
}

/// Reads digits and nothing else; `FromStr` would take a sign too.
pub(super) fn decimal<N: FromStr>(text: &str) -> Option<N> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Reads a decimal number, or a hexadecimal one behind `0x`.
pub(super) fn decimal_or_hex(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match digits {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u16::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => decimal(text),
    }
}
