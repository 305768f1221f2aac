use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;

use super::columns::{Columns, Piece, decimal, decimal_or_hex, lines};
use crate::import::ImportError;
use crate::packet::{Family, Protocol, TcpFlags};
use crate::rule::{Action, FlagsMatch, IcmpKind, PortRange, Rule, RuleSet};

/// What to make of a rule's sixth column: bits of the transport header and which of them count.
///
/// For TCP (6) the high byte is the flags, as they stand in the header; for ICMP (1) the high byte
/// is the type and the low byte the code. Published figures for classifiers are about the other
/// five columns alone, and so are the usual traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HeaderBits {
    /// Rules ask for them. Bits of other protocols, and bits that are neither flags nor a whole type
    /// and code, are errors.
    Match,
    /// Rules do not ask for them; they are read, so that what is no number is still an error.
    FiveTuple,
}

/// Reads a filter file. Every rule accepts; what no rule matches is dropped.
///
/// # Errors
///
/// Names the first line that is not a filter, and the place in it.
///
/// # Complexity
///
/// Linear in the length of the text.
pub fn parse(text: &str, bits: HeaderBits) -> Result<RuleSet, ImportError> {
    parse_with(text, bits, Action::Drop, |_| Action::Accept)
}

/// Reads a filter file with actions of the caller's own: the rule set's default, and that of each
/// rule, by its place from 0.
///
/// # Errors
///
/// Names the first line that is not a filter, and the place in it.
///
/// # Complexity
///
/// Linear in the length of the text.
pub fn parse_with<A>(
    text: &str,
    bits: HeaderBits,
    default: A,
    mut action: impl FnMut(usize) -> A,
) -> Result<RuleSet<A>, ImportError> {
    let mut rules = RuleSet::new(default);
    for (index, columns) in lines(text).enumerate() {
        rules.push(filter(columns, bits, Rule::action(action(index)))?);
    }
    Ok(rules)
}

/// Gives `rule` the criteria that a line asks for.
fn filter<A>(
    mut columns: Columns<'_>,
    bits: HeaderBits,
    rule: Rule<A>,
) -> Result<Rule<A>, ImportError> {
    columns.symbol('@', "`@` and the source prefix")?;
    let src = prefix(&mut columns, None)?;
    let family = family_of(src.addr());
    let dst = prefix(&mut columns, Some(family))?;
    let mut rule = addresses(rule, family, src, dst);
    if let Some(asked) = ports(&mut columns)? {
        rule = rule.from_ports(asked);
    }
    if let Some(asked) = ports(&mut columns)? {
        rule = rule.to_ports(asked);
    }
    let protocols = protocols(&mut columns)?;
    if protocols.len() <= usize::from(u8::MAX) {
        rule = rule.protocol(protocols.clone());
    }
    if columns.is_at_end() {
        return Ok(rule);
    }
    let before = columns;
    let asked = pair(&mut columns, "bits of the header and their mask, like `0x0000/0x0200`")?;
    let rest = columns.until(&[]);
    if !rest.text.is_empty() {
        return Err(columns.expected(&rest, "the end of the line after six columns"));
    }
    match bits {
        HeaderBits::FiveTuple => Ok(rule),
        HeaderBits::Match => header_bits(rule, &protocols, asked, before),
    }
}

fn addresses<A>(rule: Rule<A>, family: Family, src: IpNet, dst: IpNet) -> Rule<A> {
    let mut rule = rule.family(family);
    if src.prefix_len() > 0 {
        rule = rule.from(src);
    }
    if dst.prefix_len() > 0 {
        rule = rule.to(dst);
    }
    rule
}

/// Reads a prefix, of this family if one is given.
fn prefix(columns: &mut Columns<'_>, family: Option<Family>) -> Result<IpNet, ImportError> {
    let written = columns.until(&['/']);
    let address: Option<IpAddr> = written.text.parse().ok();
    let right = address.filter(|address| family.is_none_or(|family| family == family_of(*address)));
    let Some(address) = right else {
        let expected = match family {
            Some(Family::V4) => "an IPv4 prefix, as the source is one",
            Some(Family::V6) => "an IPv6 prefix, as the source is one",
            None => "an IPv4 or IPv6 prefix",
        };
        return Err(columns.expected(&written, expected));
    };
    columns.symbol('/', "`/` and the length of the prefix")?;
    let len = columns.until(&[]);
    let prefix = decimal(len.text).and_then(|bits| IpNet::new(address, bits).ok());
    let expected = match family_of(address) {
        Family::V4 => "the length of an IPv4 prefix, 0 to 32",
        Family::V6 => "the length of an IPv6 prefix, 0 to 128",
    };
    prefix.ok_or_else(|| columns.expected(&len, expected))
}

/// Reads a range of ports; `None` if it is all of them.
fn ports(columns: &mut Columns<'_>) -> Result<Option<PortRange>, ImportError> {
    let start = peek(columns);
    let first = columns.number(&[':'], decimal, "a port, 0 to 65535")?;
    columns.symbol(':', "`:` and the last port")?;
    let last = columns.number(&[], decimal, "a port, 0 to 65535")?;
    let range = PortRange::new(first, last);
    let range = range.ok_or_else(|| columns.error_from(&start, "the last port is below the first"));
    range.map(|range| Some(range).filter(|range| (range.first(), range.last()) != (0, u16::MAX)))
}

/// Reads the protocols that a number and a mask stand for.
fn protocols(columns: &mut Columns<'_>) -> Result<Vec<Protocol>, ImportError> {
    let start = peek(columns);
    let (number, mask) = pair(columns, "a protocol and its mask, like `0x06/0xFF`")?;
    if number > 0xff || mask > 0xff {
        return Err(columns.error_from(&start, "protocols and their masks are at most 255"));
    }
    let all = 0..=u8::MAX;
    let is = |protocol: &u8| u16::from(*protocol) & mask == number & mask;
    Ok(all.filter(is).map(Protocol).collect())
}

/// Reads a value and a mask.
fn pair(columns: &mut Columns<'_>, expected: &str) -> Result<(u16, u16), ImportError> {
    let value = columns.number(&['/'], decimal_or_hex, expected)?;
    columns.symbol('/', "`/` and a mask")?;
    let mask = columns.number(&[], decimal_or_hex, "a mask, like `0xFF`")?;
    Ok((value, mask))
}

/// Makes `rule` ask for bits of the header.
fn header_bits<A>(
    rule: Rule<A>,
    protocols: &[Protocol],
    (value, mask): (u16, u16),
    mut columns: Columns<'_>,
) -> Result<Rule<A>, ImportError> {
    let [high, low] = value.to_be_bytes();
    let piece = columns.until(&[]);
    let error = |message| Err(columns.error_from(&piece, message));
    match (protocols, mask.to_be_bytes()) {
        (_, [0, 0]) => Ok(rule),
        ([Protocol::TCP], [mask, 0]) => {
            Ok(rule.tcp_flags(FlagsMatch::new(TcpFlags(high), TcpFlags(mask))))
        }
        ([Protocol::ICMP], [0xff, 0]) => Ok(rule.icmp(IcmpKind::from(high))),
        ([Protocol::ICMP], [0xff, 0xff]) => Ok(rule.icmp(IcmpKind::new(high, low))),
        ([Protocol::TCP], _) => error("the low byte is no TCP flags"),
        ([Protocol::ICMP], _) => error("ICMP types and codes are asked for whole: 0xff00, 0xffff"),
        _ => error("only the headers of TCP (6) and ICMP (1) have bits that rules can ask for"),
    }
}

/// What comes next.
fn peek<'l>(columns: &Columns<'l>) -> Piece<'l> {
    let mut ahead = *columns;
    ahead.until(&[])
}

fn family_of(address: IpAddr) -> Family {
    if address.is_ipv4() { Family::V4 } else { Family::V6 }
}
