use alloc::string::String;
use core::fmt;

/// A line of a text with carets under a place of it, as errors show it: two lines that begin with
/// the end of the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marked<'e> {
    pub(crate) source_line: &'e str,
    /// Where the place begins, in characters, counted from 1.
    pub(crate) column: usize,
    /// How many characters it has.
    pub(crate) width: usize,
}

impl Marked<'_> {
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
        (excerpt, self.column.saturating_sub(1 + from))
    }
}

impl fmt::Display for Marked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (excerpt, before) = self.excerpt();
        let marked = excerpt.text.chars().skip(before).take(self.width);
        let carets = marked.map(columns).sum::<usize>().max(1);
        write!(f, "\n  {excerpt}\n  {}{:^<carets$}", excerpt.blanks(before), "")
    }
}

/// How many characters of a line are shown before the place of an error, at least.
const SHOWN: usize = 100;

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

pub(super) fn visible(c: char) -> char {
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
