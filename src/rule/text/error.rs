use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::ops::Range;

use super::excerpt::{Marked, is_shown, visible};

/// Why a text is not a rule set, and where.
///
/// Its `Display` shows the line with a caret under the place:
///
/// ```text
/// line 3, column 29: expected a port or a range of ports, found `htp`
///   accept tcp from any to any port htp
///                                   ^^^
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    line: usize,
    column: usize,
    width: usize,
    source_line: Box<str>,
    expected: Cow<'static, str>,
    found: Box<str>,
    suggestion: Option<Box<str>>,
}

impl TextError {
    pub(super) fn new(failure: Failure, line: usize, source_line: &str) -> Self {
        let start = failure.at.start.min(source_line.len());
        let before = source_line.get(..start).unwrap_or("");
        let width = source_line.get(failure.at.clone()).unwrap_or("").chars().count();
        let found = failure.found.unwrap_or_else(|| describe_at(source_line, failure.at));
        Self {
            line,
            column: before.chars().count() + 1,
            width,
            source_line: source_line.into(),
            expected: failure.expected,
            found,
            suggestion: failure.suggestion,
        }
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

    /// What could have stood there.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What stands there, as the message words it.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// A word or value that was probably meant, if one is near.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean `{suggestion}`?")?;
        }
        let Self { source_line, column, width, .. } = self;
        Marked { source_line, column: *column, width: *width }.fmt(f)
    }
}

impl core::error::Error for TextError {}

/// What goes wrong within a line: a byte range of it and what should be there.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    at: Range<usize>,
    expected: Cow<'static, str>,
    found: Option<Box<str>>,
    suggestion: Option<Box<str>>,
}

impl Failure {
    pub(super) fn new(at: Range<usize>, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { at, expected: expected.into(), found: None, suggestion: None }
    }

    /// Says what was found in other words than the text itself.
    pub(super) fn found(mut self, found: &str) -> Self {
        self.found = Some(found.into());
        self
    }

    pub(super) fn suggest(mut self, suggestion: Option<impl Into<Box<str>>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }
}

/// How many characters of what was found are quoted.
const QUOTED: usize = 40;

/// What stands at a byte range of a line, as messages word it.
pub(crate) fn describe_at(line: &str, at: Range<usize>) -> Box<str> {
    match line.get(at.clone()).unwrap_or("") {
        "" => describe_next(line.get(at.start..).unwrap_or("")),
        at => describe(at),
    }
}

/// What follows where something is missing.
fn describe_next(rest: &str) -> Box<str> {
    match rest.chars().next() {
        _ if matches!(rest.trim_start().chars().next(), None | Some('#')) => {
            "the end of the line".into()
        }
        Some(' ') => "a space".into(),
        Some('\t') => "a tab".into(),
        next => describe(next.unwrap_or(' ').encode_utf8(&mut [0; 4])),
    }
}

fn describe(found: &str) -> Box<str> {
    let mut chars = found.chars();
    if let (Some(c), None) = (chars.next(), chars.next())
        && (!is_shown(c) || c.is_whitespace())
    {
        return format!("the character U+{:04X}", u32::from(c)).into();
    }
    let mut shown: String = found.chars().take(QUOTED).map(visible).collect();
    if found.chars().nth(QUOTED).is_some() {
        shown.push_str("...");
    }
    format!("`{shown}`").into()
}
