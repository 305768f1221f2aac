use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::ops::Range;

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
        let at = source_line.get(failure.at.clone()).unwrap_or("");
        Self {
            line,
            column: before.chars().count() + 1,
            width: at.chars().count(),
            source_line: source_line.into(),
            expected: failure.expected,
            found: failure.found.unwrap_or_else(|| match at {
                "" => describe_next(source_line.get(start..).unwrap_or("")),
                at => describe(at),
            }),
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

    /// The part of the line to show and the characters before the caret in it. Long lines are cut
    /// to what surrounds the place.
    fn excerpt(&self) -> (Excerpt<'_>, usize) {
        let from = match self.column {
            column if column > SHOWN => column - SHOWN / 2,
            _ => 0,
        };
        let mut parts = self.source_line.char_indices().map(|(at, _)| at).skip(from);
        let start = parts.next().unwrap_or(self.source_line.len());
        let end = parts.nth(SHOWN + SHOWN / 2).unwrap_or(self.source_line.len());
        let text = self.source_line.get(start..end).unwrap_or("");
        let excerpt = Excerpt { text, cut: start > 0, cut_after: end < self.source_line.len() };
        (excerpt, self.column - 1 - from)
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean `{suggestion}`?")?;
        }
        let (excerpt, before) = self.excerpt();
        let marked = excerpt.text.chars().skip(before).take(self.width);
        let carets = marked.map(columns).sum::<usize>().max(1);
        writeln!(f, "\n  {excerpt}")?;
        write!(f, "  {}{:^<carets$}", excerpt.blanks(before), "")
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

/// How many characters of a line are shown before the place of an error, at least.
const SHOWN: usize = 100;

/// How many characters of what was found are quoted.
const QUOTED: usize = 40;

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

/// Part of a line, with nothing in it that would move a terminal's cursor.
struct Excerpt<'e> {
    text: &'e str,
    cut: bool,
    cut_after: bool,
}

impl Excerpt<'_> {
    /// White space as wide as the first `chars` characters.
    fn blanks(&self, chars: usize) -> String {
        let cut = if self.cut { CUT } else { "" };
        let blank = |c| core::iter::repeat_n(if c == '\t' { '\t' } else { ' ' }, columns(c));
        cut.chars().chain(self.text.chars().take(chars)).flat_map(blank).collect()
    }
}

const CUT: &str = "...";

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;

        f.write_str(if self.cut { CUT } else { "" })?;
        self.text.chars().try_for_each(|c| f.write_char(visible(c)))?;
        f.write_str(if self.cut_after { CUT } else { "" })
    }
}

fn visible(c: char) -> char {
    if is_shown(c) || c == '\t' { c } else { char::REPLACEMENT_CHARACTER }
}

/// Whether a terminal shows `c` as a character of the line: not a control character, not one that
/// changes the direction of writing or breaks the line.
pub(super) fn is_shown(c: char) -> bool {
    let steers = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}');
    !c.is_control() && !steers
}

/// How many columns of a terminal `c` takes, near enough: none for marks put on other characters,
/// two for East Asian wide characters and pictographs.
///
/// # Source
///
/// Unicode Standard Annex 11, in ranges.
fn columns(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x200b..=0x200d | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}
