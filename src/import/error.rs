use alloc::boxed::Box;
use alloc::format;
use core::fmt;
use core::ops::Range;

use crate::rule::{Marked, describe_at};

/// Why the rules of another system cannot be read, and where they stand.
///
/// Its `Display` shows the line with a caret under the place:
///
/// ```text
/// line 1, column 12: expected the length of an IPv4 prefix, 0 to 32, found `33`
///   @192.0.2.1/33 0.0.0.0/0 0 : 65535 0 : 65535 0x00/0x00
///              ^^
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    line: usize,
    column: usize,
    width: usize,
    source_line: Box<str>,
    message: Box<str>,
}

impl ImportError {
    /// An error at a byte range of a line; lines are counted from 1.
    pub(super) fn new(line: usize, source_line: &str, at: Range<usize>, message: &str) -> Self {
        let before = source_line.get(..at.start).unwrap_or(source_line);
        Self {
            line,
            column: before.chars().count() + 1,
            width: source_line.get(at).unwrap_or("").chars().count(),
            source_line: source_line.into(),
            message: message.into(),
        }
    }

    /// The error that something else stands there than should.
    pub(super) fn expected(
        line: usize,
        source_line: &str,
        at: Range<usize>,
        expected: &str,
    ) -> Self {
        let found = describe_at(source_line, at.clone());
        Self::new(line, source_line, at, &format!("expected {expected}, found {found}"))
    }

    /// The line of the text, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The place in the line, in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The whole line.
    pub fn source_line(&self) -> &str {
        &self.source_line
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, width, source_line, message } = self;
        write!(f, "line {line}, column {column}: {message}")?;
        Marked { source_line, column: *column, width: *width }.fmt(f)
    }
}

impl core::error::Error for ImportError {}
