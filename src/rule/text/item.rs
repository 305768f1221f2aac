//! One alternative of each field, from the words of a line.

use alloc::borrow::Cow;
use alloc::format;
use core::fmt;
use core::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::error::Failure;
use super::lexer::{Line, Token, Word};
use super::suggest::nearest;
use crate::packet::{ConnFlag, ConnState, Direction, Fragment, Malformed, Protocol, TcpFlags};
use crate::rule::{FlagsMatch, IcmpKind, InterfaceName, IpRange, Masked, PortRange, Span};

const ADDRESSES: &str = "an address, a prefix or a range of addresses";
const PORTS: &str = "a port or a range of ports";
const FLAGS: &str = "the names of TCP flags or `none`";
const FLAGS_FORM: &str =
    "the TCP flags that are set, `/` and those that count, as in `syn/syn,ack`";

pub(super) fn addresses(line: &mut Line<'_>) -> Result<IpRange, Failure> {
    let word = line.word(ADDRESSES)?;
    if let Some((address, length)) = word.split('/') {
        return prefix(&word, &address, &length);
    }
    let Some((first, last)) = word.split('-') else {
        return Ok(address(&word)?.into());
    };
    let (first, last) = (address(&first)?, address(&last)?);
    IpRange::new(first, last).ok_or_else(|| match first.is_ipv4() == last.is_ipv4() {
        true => wrong_way_round(&word, &first, &last),
        false => word.expected("a range of addresses of one IP version"),
    })
}

/// A prefix, or an address for the prefix that holds it alone.
pub(super) fn prefix_element(line: &mut Line<'_>) -> Result<IpNet, Failure> {
    let expected = "an address or a prefix";
    let word = line.word(expected)?;
    let range = match word.split('/') {
        Some((address, length)) => prefix(&word, &address, &length)?,
        None => word.text.parse::<IpAddr>().map_err(|_| word.expected(expected))?.into(),
    };
    range.prefix().ok_or_else(|| word.expected(expected))
}

/// An address and a port.
pub(super) fn endpoint(line: &mut Line<'_>) -> Result<(IpAddr, u16), Failure> {
    let expected = "an address and a port, as in `192.0.2.1:443` or `[2001:db8::1]:443`";
    let word = line.word(expected)?;
    let pair: SocketAddr = word.text.parse().map_err(|_| word.expected(expected))?;
    match word.text.contains('%') {
        true => Err(word.expected("an address without a scope")),
        false => Ok((pair.ip(), pair.port())),
    }
}

fn prefix(word: &Word<'_>, network: &Word<'_>, length: &Word<'_>) -> Result<IpRange, Failure> {
    let network = address(network)?;
    let width = if network.is_ipv4() { 32 } else { 128 };
    let bits = number(length, "a prefix length", width)?;
    let Ok(net) = IpNet::new(network, bits as u8) else {
        return Err(length.expected("a prefix length"));
    };
    let canonical = net.trunc();
    match net == canonical {
        true => Ok(net.into()),
        false => Err(word
            .expected("a prefix without bits beyond its length")
            .suggest(Some(format!("{canonical}")))),
    }
}

fn address(word: &Word<'_>) -> Result<IpAddr, Failure> {
    word.text.parse().map_err(|_| word.expected(ADDRESSES))
}

pub(super) fn ports(line: &mut Line<'_>) -> Result<PortRange, Failure> {
    let span = span(line, PORTS, u32::from(u16::MAX))?;
    Ok((span.first() as u16..=span.last() as u16).into())
}

pub(super) fn protocol(line: &mut Line<'_>) -> Result<Protocol, Failure> {
    let expected = "the name of a protocol or its number";
    let word = line.word(expected)?;
    if let Some(protocol) = Protocol::from_name(word.text) {
        return Ok(protocol);
    }
    if word.text.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(Protocol(number(&word, "a protocol number", 255)? as u8));
    }
    let meant = nearest(word.text, protocol_names());
    Err(word.expected(expected).suggest(meant))
}

/// The names that stand for protocols.
pub(super) fn protocol_names() -> impl Iterator<Item = &'static str> {
    (0..=u8::MAX).filter_map(|number| Protocol(number).name())
}

pub(super) fn icmp(line: &mut Line<'_>) -> Result<IcmpKind, Failure> {
    let word = line.word("an ICMP type, or a type and codes as in `3/0-5`")?;
    match word.split('/') {
        None => Ok(IcmpKind::from(number(&word, "an ICMP type", 255)? as u8)),
        Some((icmp_type, codes)) => {
            let icmp_type = number(&icmp_type, "an ICMP type", 255)? as u8;
            let codes = span_of(&codes, "an ICMP code or a range of codes", 255)?;
            Ok(IcmpKind::new(icmp_type, codes.first() as u8..=codes.last() as u8))
        }
    }
}

pub(super) fn tcp_flags(line: &mut Line<'_>) -> Result<FlagsMatch, Failure> {
    let mut set = TcpFlags::default();
    let (last_set, mut mask) = loop {
        let word = line.word(FLAGS)?;
        if let Some((last_set, first_mask)) = word.split('/') {
            set = set | flag(&last_set)?;
            break (last_set, flag(&first_mask)?);
        }
        set = set | flag(&word)?;
        if !line.take_comma() {
            return Err(line.peek()?.word().expected(FLAGS_FORM));
        }
    };
    while line.take_comma() {
        let word = line.word(FLAGS)?;
        if word.split('/').is_some() {
            return Err(word.expected("one TCP flag; `or` goes between alternatives"));
        }
        mask = mask | flag(&word)?;
    }
    match mask.contains(set) {
        true => Ok(FlagsMatch::new(set, mask)),
        false => Err(last_set.expected("only flags that count, those after the `/`, to be set")),
    }
}

fn flag(word: &Word<'_>) -> Result<TcpFlags, Failure> {
    let none = ("none", TcpFlags::default());
    let known = || TcpFlags::NAMES.into_iter().chain([none]);
    named(word, known(), FLAGS)
}

pub(super) fn fragment(line: &mut Line<'_>) -> Result<Fragment, Failure> {
    let expected = "`whole`, `first` or `later`";
    let known =
        [("whole", Fragment::Whole), ("first", Fragment::First), ("later", Fragment::Later)];
    named(&line.word(expected)?, known, expected)
}

pub(super) fn interface(line: &mut Line<'_>) -> Result<InterfaceName, Failure> {
    match line.next()? {
        Token::Word(word) => Ok(word.text.into()),
        Token::Quoted(word) => Ok(word.unquoted()?.as_str().into()),
        other => Err(other.word().expected("the name of an interface")),
    }
}

pub(super) fn state(line: &mut Line<'_>) -> Result<ConnState, Failure> {
    let expected = "`new`, `established`, `related`, `invalid` or `untracked`";
    let known = ConnState::ALL.map(|state| (state.name(), state));
    named(&line.word(expected)?, known, expected)
}

pub(super) fn zone(line: &mut Line<'_>) -> Result<Span<u16>, Failure> {
    let span = span(line, "a zone or a range of them", u32::from(u16::MAX))?;
    Ok((span.first() as u16..=span.last() as u16).into())
}

pub(super) fn zone_number(line: &mut Line<'_>) -> Result<u16, Failure> {
    let expected = "the number of a zone";
    Ok(number(&line.word(expected)?, expected, u32::from(u16::MAX))? as u16)
}

pub(super) fn malformed(line: &mut Line<'_>) -> Result<Malformed, Failure> {
    let expected = "the name of a fault in a packet's headers";
    let known = Malformed::ALL.map(|fault| (fault.name(), fault));
    named(&line.word(expected)?, known, expected)
}

pub(super) fn direction(line: &mut Line<'_>) -> Result<Direction, Failure> {
    let expected = "`original` or `reply`";
    let known = [("original", Direction::Original), ("reply", Direction::Reply)];
    named(&line.word(expected)?, known, expected)
}

pub(super) fn status(line: &mut Line<'_>) -> Result<ConnFlag, Failure> {
    let expected = "`expected`, `replied`, `assured`, `confirmed`, `src-nat` or `dst-nat`";
    let known = ConnFlag::ALL.map(|flag| (flag.name(), flag));
    named(&line.word(expected)?, known, expected)
}

pub(super) fn ttl(line: &mut Line<'_>) -> Result<Span<u8>, Failure> {
    let span = span(line, "a time to live or a range of them", 255)?;
    Ok((span.first() as u8..=span.last() as u8).into())
}

pub(super) fn dscp(line: &mut Line<'_>) -> Result<Span<u8>, Failure> {
    let span = span(line, "a DSCP or a range of them", 63)?;
    Ok((span.first() as u8..=span.last() as u8).into())
}

pub(super) fn length(line: &mut Line<'_>) -> Result<Span<u32>, Failure> {
    span(line, "a length in bytes or a range of lengths", u32::MAX)
}

pub(super) fn vlan(line: &mut Line<'_>) -> Result<Span<u16>, Failure> {
    let span = span(line, "a VLAN id or a range of them", 4095)?;
    Ok((span.first() as u16..=span.last() as u16).into())
}

pub(super) fn predicate(line: &mut Line<'_>) -> Result<u8, Failure> {
    let expected = "the number of a predicate";
    Ok(number(&line.word(expected)?, expected, 63)? as u8)
}

/// The number that stands before a rule, if one does.
pub(super) fn rule_number(line: &mut Line<'_>) -> Result<Option<u32>, Failure> {
    let expected = "the number of the rule";
    match line.peek()?.word() {
        word if word.text.starts_with(|c: char| c.is_ascii_digit()) => {
            line.next()?;
            number(&word, expected, u32::MAX).map(Some)
        }
        _ => Ok(None),
    }
}

pub(super) fn mark(line: &mut Line<'_>) -> Result<Masked, Failure> {
    let expected = "a mark, or a mark and a mask as in `0x1/0xff`";
    let word = line.word(expected)?;
    let Some((value, mask)) = word.split('/') else {
        return Ok(Masked::from(bits(&word, expected)?));
    };
    let (value, mask) = (bits(&value, expected)?, bits(&mask, "a mask")?);
    match value & !mask {
        0 => Ok(Masked::new(value, mask)),
        _ => Err(word
            .expected("a mark without bits outside its mask")
            .suggest(Some(format!("{}", Masked::new(value, mask))))),
    }
}

/// A number, or two with `-` between.
pub(super) fn span(
    line: &mut Line<'_>,
    expected: &'static str,
    max: u32,
) -> Result<Span<u32>, Failure> {
    span_of(&line.word(expected)?, expected, max)
}

fn span_of(word: &Word<'_>, expected: &'static str, max: u32) -> Result<Span<u32>, Failure> {
    let Some((first, last)) = word.split('-') else {
        return Ok(number(word, expected, max)?.into());
    };
    let (first, last) = (number(&first, expected, max)?, number(&last, expected, max)?);
    Span::new(first, last).ok_or_else(|| wrong_way_round(word, &first, &last))
}

/// A decimal number without leading zeros, which other systems read as octal.
fn number(word: &Word<'_>, expected: &'static str, max: u32) -> Result<u32, Failure> {
    let text = word.text;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(word.expected(expected));
    }
    if text.len() > 1 && text.starts_with('0') {
        let plain = text.trim_start_matches('0');
        let plain = if plain.is_empty() { "0" } else { plain };
        return Err(word.expected("a number without leading zeros").suggest(Some(plain)));
    }
    let number = text.parse().ok().filter(|number| *number <= max);
    number.ok_or_else(|| Failure::new(word.span(), format!("{expected}, from 0 to {max}")))
}

/// A number in decimal or, after `0x`, in hexadecimal.
fn bits(word: &Word<'_>, expected: &'static str) -> Result<u32, Failure> {
    let Some(digits) = word.text.strip_prefix("0x") else {
        return number(word, expected, u32::MAX);
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(word.expected(expected));
    }
    u32::from_str_radix(digits, 16).map_err(|_| word.expected("a number of at most 32 bits"))
}

fn named<T: Copy>(
    word: &Word<'_>,
    known: impl IntoIterator<Item = (&'static str, T)> + Clone,
    expected: impl Into<Cow<'static, str>>,
) -> Result<T, Failure> {
    let found = known.clone().into_iter().find(|(name, _)| *name == word.text);
    found.map(|(_, value)| value).ok_or_else(|| {
        let meant = nearest(word.text, known.into_iter().map(|(name, _)| name));
        Failure::new(word.span(), expected).suggest(meant)
    })
}

fn wrong_way_round<T: fmt::Display>(word: &Word<'_>, first: &T, last: &T) -> Failure {
    word.expected("a range from low to high").suggest(Some(format!("{last}-{first}")))
}
