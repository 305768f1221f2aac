use alloc::string::String;
use core::ops::Range;

use winnow::Parser;
use winnow::ascii::{hex_digit1, space0};
use winnow::combinator::{Repeat, alt, delimited, eof, opt, peek, preceded, repeat};
use winnow::error::EmptyError;
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{any, one_of, rest, take_till};

use super::error::Failure;
use super::excerpt::is_shown;

/// One line of text, read word by word. Cheap to copy, to look ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'l> {
    rest: LocatingSlice<&'l str>,
}

/// A piece of a line: its text and where in the line it begins, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'l> {
    pub(super) text: &'l str,
    start: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Token<'l> {
    /// Anything without white space, commas, quotation marks and `#`.
    Word(Word<'l>),
    /// A string in quotation marks, which its text includes.
    Quoted(Word<'l>),
    Comma(Word<'l>),
    /// The end of the line or of what counts of it; its text is empty.
    End(Word<'l>),
}

impl<'l> Line<'l> {
    pub(super) fn new(text: &'l str) -> Self {
        Self { rest: LocatingSlice::new(text) }
    }

    /// Takes the next token; at the end of the line, the end again and again.
    pub(super) fn next(&mut self) -> Result<Token<'l>, Failure> {
        let mut blank = space0::<_, EmptyError>;
        let _ = blank.parse_next(&mut self.rest);
        let start = self.rest.current_token_start();
        let text = *self.rest;
        token.parse_next(&mut self.rest).map_err(|_| {
            let first = text.chars().next().map_or(0, char::len_utf8);
            match text.starts_with('"') {
                true => Failure::new(start + text.len()..start + text.len(), "a closing `\"`"),
                false => Failure::new(start..start + first, "a word or a space"),
            }
        })
    }

    pub(super) fn peek(&self) -> Result<Token<'l>, Failure> {
        self.clone().next()
    }

    /// Takes the next token if it is this word.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let end = alt((eof.void(), one_of(ends_word).void()));
        let mut it = opt((space0::<_, EmptyError>, word, peek(end)));
        it.parse_next(&mut self.rest).is_ok_and(|found| found.is_some())
    }

    /// Takes the next token if it is a comma.
    pub(super) fn take_comma(&mut self) -> bool {
        let mut it = opt((space0::<_, EmptyError>, ','));
        it.parse_next(&mut self.rest).is_ok_and(|found| found.is_some())
    }

    /// Takes a word; `expected` says which, should something else be there.
    pub(super) fn word(&mut self, expected: &'static str) -> Result<Word<'l>, Failure> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(other.word().expected(expected)),
        }
    }

    /// Makes sure that nothing is left.
    pub(super) fn end(&mut self, expected: &'static str) -> Result<(), Failure> {
        match self.next()? {
            Token::End(_) => Ok(()),
            other => Err(other.word().expected(expected)),
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        matches!(self.peek(), Ok(Token::End(_)))
    }
}

impl<'l> Token<'l> {
    pub(super) fn word(self) -> Word<'l> {
        match self {
            Self::Word(word) | Self::Quoted(word) | Self::Comma(word) | Self::End(word) => word,
        }
    }
}

impl<'l> Word<'l> {
    pub(super) fn span(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// The failure that something else was expected here.
    pub(super) fn expected(&self, what: &'static str) -> Failure {
        Failure::new(self.span(), what)
    }

    /// The parts before and after the first `separator`, if there is one.
    pub(super) fn split(&self, separator: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(separator)?;
        let start = self.start + before.len() + separator.len_utf8();
        Some((Self { text: before, start: self.start }, Self { text: after, start }))
    }

    /// What a string in quotation marks stands for.
    pub(super) fn unquoted(&self) -> Result<String, Failure> {
        let text = self.text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let mut input = LocatingSlice::new(text.unwrap_or(""));
        let mut unquoted = String::new();
        while !input.is_empty() {
            if let Ok(plain) = plain_characters.parse_next(&mut input) {
                unquoted.push_str(plain);
                continue;
            }
            let start = self.start + 1 + input.current_token_start();
            let escape = input.char_indices().nth(2).map_or(input.len(), |(end, _)| end);
            let expected = "one of the escapes `\\\"`, `\\\\`, `\\n`, `\\r`, `\\t` and `\\u{...}`";
            let failure = |_| Failure::new(start..start + escape, expected);
            unquoted.push(escaped_character.parse_next(&mut input).map_err(failure)?);
        }
        Ok(unquoted)
    }
}

fn token<'l>(input: &mut LocatingSlice<&'l str>) -> Result<Token<'l>, EmptyError> {
    let start = input.current_token_start();
    let word = |text| Word { text, start };
    let comment = ('#', rest).value("");
    alt((
        take_till(1.., ends_word).map(|text| Token::Word(word(text))),
        ",".map(|text| Token::Comma(word(text))),
        alt((eof, comment)).map(|text| Token::End(word(text))),
        quoted.map(|text| Token::Quoted(word(text))),
    ))
    .parse_next(input)
}

fn ends_word(c: char) -> bool {
    matches!(c, ',' | '#' | '"') || c.is_whitespace() || !is_shown(c)
}

fn quoted<'l>(input: &mut LocatingSlice<&'l str>) -> Result<&'l str, EmptyError> {
    let escape = ('\\', any).void();
    let characters: Repeat<_, _, _, (), _> = repeat(0.., alt((plain_characters.void(), escape)));
    ('"', characters, '"').take().parse_next(input)
}

fn plain_characters<'l>(input: &mut LocatingSlice<&'l str>) -> Result<&'l str, EmptyError> {
    take_till(1.., ('\\', '"')).parse_next(input)
}

fn escaped_character(input: &mut LocatingSlice<&str>) -> Result<char, EmptyError> {
    let number = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    let numbered = delimited("u{", hex_digit1.verify_map(number), '}');
    let named =
        alt((one_of(('"', '\\')), 'n'.value('\n'), 'r'.value('\r'), 't'.value('\t'), numbered));
    preceded('\\', named).parse_next(input)
}
