//! Lines taken apart as iptables-restore does it, each word with its place.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::fault::Fault;

/// A line of a text and its number, counted from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'t> {
    pub(super) number: usize,
    pub(super) text: &'t str,
}

/// The lines of a text that say something: neither blank nor a remark.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().zip(1..).map(|(text, number)| Line { number, text });
    lines.filter(|line| !matches!(line.text.trim_start().as_bytes().first(), None | Some(b'#')))
}

/// A word of a line, without its quotation marks.
#[derive(Clone, Debug)]
pub(super) struct Word<'t> {
    pub(super) text: Cow<'t, str>,
    /// The bytes of the line that it stands in.
    pub(super) at: Range<usize>,
}

impl Word<'_> {
    /// The fault that something else should stand here.
    pub(super) fn expected(&self, what: impl Into<Cow<'static, str>>) -> Fault {
        Fault::expected(self.at.clone(), what)
    }

    /// The fault that this is right and cannot be said here.
    pub(super) fn unsupported(&self, what: &str) -> Fault {
        Fault::unsupported(self.at.clone(), alloc::format!("{what} `{}`", self.text))
    }

    /// The place of a part of the word, given by bytes of its text; the whole word if it was
    /// written with quotation marks.
    pub(super) fn part(&self, part: &str, offset: usize) -> Word<'static> {
        let at = match self.at.len() == self.text.len() {
            true => {
                let start = self.at.start.saturating_add(offset);
                start..start.saturating_add(part.len())
            }
            false => self.at.clone(),
        };
        Word { text: Cow::Owned(part.into()), at }
    }

    /// The parts between separators, each with its place.
    pub(super) fn parts(&self, separator: char) -> Vec<Word<'static>> {
        let mut offset = 0;
        let mut parts = Vec::new();
        for part in self.text.split(separator) {
            parts.push(self.part(part, offset));
            offset = offset.saturating_add(part.len()).saturating_add(separator.len_utf8());
        }
        parts
    }

    /// The parts before and after the first separator, if there is one.
    pub(super) fn split(&self, separator: char) -> Option<(Word<'static>, Word<'static>)> {
        let (before, after) = self.text.split_once(separator)?;
        let offset = before.len().saturating_add(separator.len_utf8());
        Some((self.part(before, 0), self.part(after, offset)))
    }
}

/// The words of one line, read one after the other.
#[derive(Clone, Debug)]
pub(super) struct Words<'t> {
    words: Vec<Word<'t>>,
    next: usize,
    /// Where the line ends, in bytes.
    end: usize,
}

impl<'t> Words<'t> {
    /// Splits a line at white space. Quotation marks keep words together; in them a backslash takes
    /// the next character as it is.
    ///
    /// # Source
    ///
    /// iptables `iptables/xshared.c`, `add_param_to_argv`.
    pub(super) fn new(line: &'t str) -> Result<Self, Fault> {
        let mut words = Vec::new();
        let mut rest = line;
        loop {
            let trimmed = rest.trim_start_matches([' ', '\t']);
            if trimmed.is_empty() {
                break;
            }
            let start = line.len() - trimmed.len();
            let (word, after) = word(trimmed, start)?;
            words.push(word);
            rest = after;
        }
        Ok(Self { words, next: 0, end: line.trim_end().len() })
    }

    pub(super) fn next(&mut self) -> Option<Word<'t>> {
        let word = self.words.get(self.next).cloned()?;
        self.next += 1;
        Some(word)
    }

    pub(super) fn peek(&self) -> Option<&Word<'t>> {
        self.words.get(self.next)
    }

    /// Takes the next word; `what` says what it should be, if there is none.
    pub(super) fn value(&mut self, what: &'static str) -> Result<Word<'t>, Fault> {
        self.next().ok_or_else(|| Fault::expected(self.end..self.end, what))
    }

    /// The place behind the last word.
    pub(super) fn end(&self) -> Range<usize> {
        self.end..self.end
    }

    /// Makes sure that nothing is left.
    pub(super) fn finish(&self, what: &'static str) -> Result<(), Fault> {
        self.peek().map_or(Ok(()), |word| Err(word.expected(what)))
    }
}

fn word(text: &str, start: usize) -> Result<(Word<'_>, &str), Fault> {
    let is_plain = |c: char| !matches!(c, ' ' | '\t' | '"');
    let plain_end = text.find(|c| !is_plain(c)).unwrap_or(text.len());
    let (plain, after) = text.split_at_checked(plain_end).unwrap_or((text, ""));
    if !after.starts_with('"') {
        let at = start..start.saturating_add(plain.len());
        return Ok((Word { text: Cow::Borrowed(plain), at }, after));
    }
    quoted(text, start)
}

/// A word with quotation marks somewhere in it.
fn quoted(text: &str, start: usize) -> Result<(Word<'_>, &str), Fault> {
    let (mut open, mut escaped) = (false, false);
    let mut value = String::new();
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' if open => escaped = true,
            '"' => open = !open,
            ' ' | '\t' if !open => return Ok(ended(text, start, at, value)),
            _ => value.push(c),
        }
    }
    match open {
        false => Ok(ended(text, start, text.len(), value)),
        true => {
            let end = start.saturating_add(text.len());
            Err(Fault::expected(end..end, "a closing `\"`"))
        }
    }
}

fn ended(text: &str, start: usize, end: usize, value: String) -> (Word<'_>, &str) {
    let at = start..start.saturating_add(end);
    (Word { text: Cow::Owned(value), at }, text.get(end..).unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn texts(line: &str) -> Vec<String> {
        let mut words = Words::new(line).unwrap();
        core::iter::from_fn(|| words.next()).map(|word| word.text.into_owned()).collect()
    }

    #[test]
    fn words_are_split_as_iptables_restore_splits_them() {
        assert_eq!(texts("-A INPUT\t-j  DROP "), ["-A", "INPUT", "-j", "DROP"]);
        assert_eq!(texts(r#"--comment "a \"b\" \\ c'd""#), ["--comment", r#"a "b" \ c'd"#]);
        assert_eq!(texts(r#"a"b c"d "" \x"#), ["ab cd", "", r"\x"]);
        assert_eq!(texts("a#b"), ["a#b"]);
        assert_eq!(texts(""), Vec::<String>::new());
        assert!(Words::new("--comment \"a").is_err());
    }

    #[test]
    fn places_are_those_of_the_line() {
        let line = r#"  -s "10.0.0.1" --x a,bc"#;
        let mut words = Words::new(line).unwrap();
        let places: Vec<&str> =
            core::iter::from_fn(|| words.next()).map(|word| line.get(word.at).unwrap()).collect();
        assert_eq!(places, ["-s", "\"10.0.0.1\"", "--x", "a,bc"]);
        let list = Word { text: "a,bc,,d".into(), at: 10..17 };
        let parts: Vec<_> = list.parts(',').into_iter().map(|part| (part.text, part.at)).collect();
        let expected: Vec<(Cow<'_, str>, _)> = vec![
            ("a".into(), 10..11),
            ("bc".into(), 12..14),
            ("".into(), 15..15),
            ("d".into(), 16..17),
        ];
        assert_eq!(parts, expected);
    }
}
