//! What options have for values: numbers, ports, addresses, protocols.

use alloc::format;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::fault::Fault;
use super::names;
use super::words::Word;
use crate::import::meet::{address_ranges, bits};
use crate::import::spans::masked;
use crate::packet::{Family, Protocol};
use crate::rule::{AnyOf, IpRange, PortRange, Span};

/// The most ranges that one address with a mask full of holes may stand for.
const MAX_RANGES: usize = 4096;

/// Alternatives, or none of them after `!`.
pub(super) fn asked<T>(items: impl IntoIterator<Item = T>, negated: bool) -> AnyOf<T> {
    if negated { AnyOf::none_of(items) } else { AnyOf::one_of(items) }
}

/// A number in decimal, or in hexadecimal after `0x`.
pub(super) fn number(word: &Word<'_>, what: &'static str, max: u32) -> Result<u32, Fault> {
    let (digits, radix) = match word.text.strip_prefix("0x").or(word.text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (&*word.text, 10),
    };
    let odd = digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix));
    let octal = radix == 10 && digits.len() > 1 && digits.starts_with('0');
    if odd || octal {
        return Err(word.expected(what));
    }
    let number = u32::from_str_radix(digits, radix).ok().filter(|number| *number <= max);
    number.ok_or_else(|| word.expected(format!("{what}, from 0 to {max}")))
}

/// Two numbers with `:` between, either of which may be left out, or one.
pub(super) fn range(word: &Word<'_>, what: &'static str, max: u32) -> Result<(u32, u32), Fault> {
    let Some((first, last)) = word.split(':') else {
        let number = number(word, what, max)?;
        return Ok((number, number));
    };
    let end = |end: &Word<'_>, default| match &*end.text {
        "" => Ok(default),
        _ => number(end, what, max),
    };
    let (first, last) = (end(&first, 0)?, end(&last, max)?);
    match first <= last {
        true => Ok((first, last)),
        false => Err(word.expected("a range from low to high")),
    }
}

pub(super) fn ports(word: &Word<'_>) -> Result<PortRange, Fault> {
    let (first, last) =
        range(word, "the number of a port or a range of them", u32::from(u16::MAX))?;
    Ok(Span::from(first as u16..=last as u16))
}

/// A protocol's name or number; 0 and `all` are any.
pub(super) fn protocol(word: &Word<'_>) -> Result<Option<Protocol>, Fault> {
    let expected = "a protocol";
    let known = match word.text.starts_with(|c: char| c.is_ascii_digit()) {
        true => number(word, expected, 255)? as u8,
        false => names::protocol(&word.text).ok_or_else(|| word.expected(expected))?,
    };
    Ok((known != 0).then_some(Protocol(known)))
}

/// An address of the family.
pub(super) fn address(word: &Word<'_>, family: Family) -> Result<IpAddr, Fault> {
    let expected = match family {
        Family::V4 => "an IPv4 address",
        Family::V6 => "an IPv6 address",
    };
    let address = word.text.parse().ok();
    let address = address.filter(|address: &IpAddr| address.is_ipv4() == (family == Family::V4));
    address.ok_or_else(|| word.expected(expected))
}

/// An address, or one with a prefix length or a mask. Bits that the mask leaves out do not count.
pub(super) fn network(word: &Word<'_>, family: Family) -> Result<Vec<IpRange>, Fault> {
    let Some((address_word, mask_word)) = word.split('/') else {
        return Ok(Vec::from([address(word, family)?.into()]));
    };
    let width = if family == Family::V4 { 32 } else { 128 };
    let value = bits(address(&address_word, family)?);
    let mask = match mask_word.text.parse::<IpAddr>() {
        Ok(_) => bits(address(&mask_word, family)?),
        Err(_) => {
            let length = number(&mask_word, "a prefix length or a mask", width)?;
            !u128::MAX.checked_shr(128 - width + length).unwrap_or(0) & all(width)
        }
    };
    let spans = masked(value, mask, width, MAX_RANGES);
    let spans = spans.ok_or_else(|| word.unsupported("a mask with that many holes"))?;
    Ok(address_ranges(&spans, family).collect())
}

const fn all(width: u32) -> u128 {
    if width == 128 { u128::MAX } else { (1 << width) - 1 }
}

/// A value, and a mask after `/` if there is one.
pub(super) fn value_and_mask(word: &Word<'_>, what: &'static str) -> Result<(u32, u32), Fault> {
    match word.split('/') {
        None => Ok((number(word, what, u32::MAX)?, u32::MAX)),
        Some((value, mask)) => {
            Ok((number(&value, what, u32::MAX)?, number(&mask, "a mask", u32::MAX)?))
        }
    }
}

/// Keeps the value of an option that may be given once.
pub(super) fn once<T>(slot: &mut Option<T>, option: &Word<'_>, value: T) -> Result<(), Fault> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::wrong(option.at.clone(), format!("a second `{}`", option.text))),
    }
}

/// The fault that `!` stands before something that has no opposite.
pub(super) fn not_negated(option: &Word<'_>, negated: bool) -> Result<(), Fault> {
    match negated {
        false => Ok(()),
        true => Err(Fault::wrong(option.at.clone(), format!("`!` before `{}`", option.text))),
    }
}
