//! One alternative on its own, for those who write rules in other forms than lines.

use alloc::format;
use alloc::string::String;

use super::error::{Failure, TextError};
use super::item;
use super::lexer::{Line, Token};
use crate::packet::{ConnFlag, ConnState, Direction, Fragment, Malformed, Protocol};
use crate::rule::{FlagsMatch, IcmpKind, IpRange, Masked, Span};

/// What a string says in the words of the text form.
pub(in crate::rule) trait One: Sized {
    /// Reads all of a string; the error says what was expected and what was found.
    fn from_text(text: &str) -> Result<Self, String>;
}

macro_rules! one {
    ($($item:ty => $read:expr;)*) => {$(
        impl One for $item {
            fn from_text(text: &str) -> Result<Self, String> {
                all_of(text, $read)
            }
        }
    )*};
}

fn all_of<T>(
    text: &str,
    read: impl FnOnce(&mut Line<'_>) -> Result<T, Failure>,
) -> Result<T, String> {
    let mut line = Line::new(text);
    let item = read(&mut line).and_then(|item| match line.next()? {
        // What is behind `#` counts in lines alone.
        Token::End(_) if !text.contains('#') => Ok(item),
        other => Err(other.word().expected("nothing more")),
    });
    item.map_err(|failure| {
        let error = TextError::new(failure, 1, text);
        let meant = error.suggestion().map(|meant| format!("; did you mean `{meant}`?"));
        let meant = meant.unwrap_or_default();
        format!("expected {}, found {}{meant}", error.expected(), error.found())
    })
}

const NUMBERS: &str = "a number or a range of numbers";

one! {
    IpRange => item::addresses;
    Protocol => item::protocol;
    IcmpKind => item::icmp;
    FlagsMatch => item::tcp_flags;
    Fragment => item::fragment;
    Malformed => item::malformed;
    ConnState => item::state;
    ConnFlag => item::status;
    Direction => item::direction;
    Masked => item::mark;
    u8 => item::predicate;
    Span<u8> => |line: &mut Line<'_>| {
        let span = item::span(line, NUMBERS, u32::from(u8::MAX))?;
        Ok((span.first() as u8..=span.last() as u8).into())
    };
    Span<u16> => |line: &mut Line<'_>| {
        let span = item::span(line, NUMBERS, u32::from(u16::MAX))?;
        Ok((span.first() as u16..=span.last() as u16).into())
    };
    Span<u32> => |line: &mut Line<'_>| item::span(line, NUMBERS, u32::MAX);
}
