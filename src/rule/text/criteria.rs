//! The criteria of one rule, in any order, and its comment.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::error::Failure;
use super::item;
use super::lexer::{Line, Token, Word};
use super::line::{Name, set_name};
use super::suggest::nearest;
use crate::packet::{Family, Malformed, Protocol};
use crate::rule::set::{Part, SetCriteria, SetName};
use crate::rule::{AnyOf, Criteria, IcmpKind, OriginalCriteria, PortRange};

/// What a line says behind the target.
#[derive(Default)]
pub(super) struct Parsed<'l> {
    pub(super) criteria: Criteria,
    pub(super) comment: Option<Box<str>>,
    /// The sets that it names.
    pub(super) sets: Vec<SetUse<'l>>,
}

/// A set that a rule names, and what for.
pub(super) struct SetUse<'l> {
    pub(super) name: Name<'l>,
    pub(super) part: Part,
}

/// Reads criteria to the end of the line.
pub(super) fn parse<'l>(line: &mut Line<'l>) -> Result<Parsed<'l>, Failure> {
    let mut parser = Parser::default();
    loop {
        match line.next()? {
            Token::End(end) => return parser.finish(&end),
            Token::Word(word) => parser.criterion(word, line)?,
            other => return Err(unknown(&other.word())),
        }
    }
}

/// [`parse`] of criteria that belong to no rule, and so have no comment.
pub(super) fn alone(line: &mut Line<'_>) -> Result<Criteria, Failure> {
    let mut words = *line;
    let Parsed { criteria, comment, .. } = parse(line)?;
    if comment.is_none() {
        return Ok(criteria);
    }
    loop {
        match words.next()? {
            Token::Word(word) if word.text == "comment" => {
                return Err(word.expected("criteria alone, as a comment belongs to a rule"));
            }
            Token::End(_) => return Ok(criteria),
            _ => {}
        }
    }
}

/// The words that begin a criterion, besides the names of protocols.
const KEYWORDS: [&str; 38] = [
    "any",
    "in",
    "out",
    "vlan",
    "ipv4",
    "ipv6",
    "protocol",
    "icmp",
    "icmpv6",
    "flags",
    "from",
    "to",
    "fragment",
    "malformed",
    "cut-source-port",
    "cut-destination-port",
    "not",
    "zone",
    "state",
    "direction",
    "status",
    "original-from",
    "original-to",
    "original-protocol",
    "dscp",
    "ttl",
    "length",
    "mark",
    "predicate",
    "comment",
    "from-set",
    "to-set",
    "from-port-set",
    "to-port-set",
    "from-endpoint-set",
    "to-endpoint-set",
    "in-set",
    "out-set",
];

#[derive(Default)]
struct Parser<'l> {
    said: Parsed<'l>,
    original: OriginalCriteria,
    in_sets: SetCriteria,
    /// Which fields have been asked about, one bit each.
    seen: u64,
    /// Whether the rule says that it has no criteria.
    any: bool,
}

/// What may be said once in a rule.
#[derive(Clone, Copy)]
enum Field {
    Any,
    In,
    Out,
    Vlan,
    Family,
    Protocol,
    Icmp,
    Icmpv6,
    Flags,
    From,
    To,
    Fragment,
    Malformed,
    CutSourcePort,
    CutDestinationPort,
    Zone,
    State,
    Direction,
    Status,
    OriginalFrom,
    OriginalTo,
    OriginalProtocol,
    Dscp,
    Ttl,
    Length,
    Mark,
    Predicate,
    Comment,
    /// The number of the part comes on top.
    Set(Part),
}

impl<'l> Parser<'l> {
    fn criterion(&mut self, word: Word<'l>, line: &mut Line<'l>) -> Result<(), Failure> {
        let field = field(&word, line).ok_or_else(|| unknown(&word))?;
        self.once(field, &word)?;
        let asked = &mut self.said.criteria;
        match field {
            Field::Any => self.any = true,
            Field::In => asked.in_interface = list(line, ",", item::interface)?,
            Field::Out => asked.out_interface = list(line, ",", item::interface)?,
            Field::Vlan => asked.vlan = list(line, ",", item::vlan)?,
            Field::Family if word.text == "ipv4" => asked.family = Some(Family::V4),
            Field::Family => asked.family = Some(Family::V6),
            Field::Protocol => asked.protocol = protocols(word, line)?,
            Field::Icmp => asked.icmp = icmp(line)?,
            Field::Icmpv6 => asked.icmpv6 = icmp(line)?,
            Field::Flags => asked.tcp_flags = list(line, "or", item::tcp_flags)?,
            Field::From => {
                asked.src = list(line, ",", item::addresses)?;
                asked.src_port = ports(line)?;
            }
            Field::To => {
                asked.dst = list(line, ",", item::addresses)?;
                asked.dst_port = ports(line)?;
            }
            Field::Fragment => asked.fragment = list(line, ",", item::fragment)?,
            Field::Malformed => asked.malformed = malformed(word, line)?,
            Field::CutSourcePort => asked.cut_src_port = list(line, ",", item::ports)?,
            Field::CutDestinationPort => asked.cut_dst_port = list(line, ",", item::ports)?,
            Field::Zone => asked.zone = list(line, ",", item::zone)?,
            Field::State => asked.state = list(line, ",", item::state)?,
            Field::Direction => asked.direction = list(line, ",", item::direction)?,
            Field::Status => asked.status = list(line, ",", item::status)?,
            Field::OriginalFrom => {
                self.original.src = list(line, ",", item::addresses)?;
                self.original.src_port = ports(line)?;
            }
            Field::OriginalTo => {
                self.original.dst = list(line, ",", item::addresses)?;
                self.original.dst_port = ports(line)?;
            }
            Field::OriginalProtocol => self.original.protocol = list(line, ",", item::protocol)?,
            Field::Dscp => asked.dscp = list(line, ",", item::dscp)?,
            Field::Ttl => asked.ttl = list(line, ",", item::ttl)?,
            Field::Length => asked.length = list(line, ",", item::length)?,
            Field::Mark => asked.mark = list(line, ",", item::mark)?,
            Field::Predicate => asked.predicate = list(line, ",", item::predicate)?,
            Field::Comment => self.said.comment = Some(comment(line)?),
            Field::Set(part) => *self.in_sets.part_mut(part) = self.sets(part, line)?,
        }
        Ok(())
    }

    fn once(&mut self, field: Field, word: &Word<'_>) -> Result<(), Failure> {
        let bit = field.bit();
        if self.seen & bit != 0 {
            let again = format!("another `{}`", name(field));
            return Err(word
                .expected("each criterion at most once, with `,` between its alternatives")
                .found(&again));
        }
        let others = self.seen & !Field::Comment.bit();
        let asks = !matches!(field, Field::Comment);
        if asks && (self.any || matches!(field, Field::Any) && others != 0) {
            return Err(word.expected("`any` alone or criteria, not both"));
        }
        self.seen |= bit;
        Ok(())
    }

    fn sets(&mut self, part: Part, line: &mut Line<'l>) -> Result<AnyOf<SetName>, Failure> {
        if line.take("any") {
            return Ok(AnyOf::any());
        }
        let negated = line.take("not");
        let mut names = Vec::new();
        if !line.take("none") {
            loop {
                let name = set_name(line)?;
                names.push(SetName::from(&*name.name));
                self.said.sets.push(SetUse { name, part });
                if !line.take_comma() {
                    break;
                }
            }
        }
        Ok(any_of(names, negated))
    }

    fn finish(mut self, end: &Word<'_>) -> Result<Parsed<'l>, Failure> {
        if self.seen & !Field::Comment.bit() == 0 {
            return Err(end.expected("criteria, or `any` for a rule that matches every packet"));
        }
        if !self.original.is_any() {
            self.said.criteria.original = Some(Box::new(self.original));
        }
        if !self.in_sets.is_any() {
            self.said.criteria.sets = Some(Box::new(self.in_sets));
        }
        Ok(self.said)
    }
}

/// The field that `word` begins a criterion on, given what follows.
fn field(word: &Word<'_>, line: &Line<'_>) -> Option<Field> {
    let before = |next: &str| line.clone().take(next);
    Some(match word.text {
        "any" => Field::Any,
        "in" => Field::In,
        "out" => Field::Out,
        "vlan" => Field::Vlan,
        "ipv4" | "ipv6" => Field::Family,
        "icmp" if before("type") => Field::Icmp,
        "icmpv6" if before("type") => Field::Icmpv6,
        "flags" => Field::Flags,
        "from" => Field::From,
        "to" => Field::To,
        "fragment" => Field::Fragment,
        "not" if before("malformed") => Field::Malformed,
        "malformed" => Field::Malformed,
        "cut-source-port" => Field::CutSourcePort,
        "cut-destination-port" => Field::CutDestinationPort,
        "zone" => Field::Zone,
        "state" => Field::State,
        "direction" => Field::Direction,
        "status" => Field::Status,
        "original-from" => Field::OriginalFrom,
        "original-to" => Field::OriginalTo,
        "original-protocol" => Field::OriginalProtocol,
        "dscp" => Field::Dscp,
        "ttl" => Field::Ttl,
        "length" => Field::Length,
        "mark" => Field::Mark,
        "predicate" => Field::Predicate,
        "comment" => Field::Comment,
        "protocol" | "not" => Field::Protocol,
        name if let Some(part) = Part::ALL.into_iter().find(|part| part.keyword() == name) => {
            Field::Set(part)
        }
        name if Protocol::from_name(name).is_some() => Field::Protocol,
        _ => return None,
    })
}

impl Field {
    /// A bit of its own.
    fn bit(self) -> u64 {
        match self {
            Self::Set(part) => 1 << (32 + part as u32),
            Self::Any => 1,
            Self::In => 1 << 1,
            Self::Out => 1 << 2,
            Self::Vlan => 1 << 3,
            Self::Family => 1 << 4,
            Self::Protocol => 1 << 5,
            Self::Icmp => 1 << 6,
            Self::Icmpv6 => 1 << 7,
            Self::Flags => 1 << 8,
            Self::From => 1 << 9,
            Self::To => 1 << 10,
            Self::Fragment => 1 << 11,
            Self::Malformed => 1 << 12,
            Self::CutSourcePort => 1 << 13,
            Self::CutDestinationPort => 1 << 14,
            Self::Zone => 1 << 15,
            Self::State => 1 << 16,
            Self::Direction => 1 << 17,
            Self::Status => 1 << 18,
            Self::OriginalFrom => 1 << 19,
            Self::OriginalTo => 1 << 20,
            Self::OriginalProtocol => 1 << 21,
            Self::Dscp => 1 << 22,
            Self::Ttl => 1 << 23,
            Self::Length => 1 << 24,
            Self::Mark => 1 << 25,
            Self::Predicate => 1 << 26,
            Self::Comment => 1 << 27,
        }
    }
}

/// What an error calls a criterion.
fn name(field: Field) -> &'static str {
    match field {
        Field::Any => "any",
        Field::In => "in",
        Field::Out => "out",
        Field::Vlan => "vlan",
        Field::Family => "ipv4` or `ipv6",
        Field::Protocol => "protocol",
        Field::Icmp => "icmp type",
        Field::Icmpv6 => "icmpv6 type",
        Field::Flags => "flags",
        Field::From => "from",
        Field::To => "to",
        Field::Fragment => "fragment",
        Field::Malformed => "malformed",
        Field::CutSourcePort => "cut-source-port",
        Field::CutDestinationPort => "cut-destination-port",
        Field::Zone => "zone",
        Field::State => "state",
        Field::Direction => "direction",
        Field::Status => "status",
        Field::OriginalFrom => "original-from",
        Field::OriginalTo => "original-to",
        Field::OriginalProtocol => "original-protocol",
        Field::Dscp => "dscp",
        Field::Ttl => "ttl",
        Field::Length => "length",
        Field::Mark => "mark",
        Field::Predicate => "predicate",
        Field::Comment => "comment",
        Field::Set(part) => part.keyword(),
    }
}

/// Alternatives, `not` before them for their opposite; `none` for an empty list, `any` for no
/// criterion.
fn list<T>(
    line: &mut Line<'_>,
    separator: &str,
    item: fn(&mut Line<'_>) -> Result<T, Failure>,
) -> Result<AnyOf<T>, Failure> {
    if line.take("any") {
        return Ok(AnyOf::any());
    }
    let negated = line.take("not");
    alternatives(line, negated, separator, item)
}

fn alternatives<T>(
    line: &mut Line<'_>,
    negated: bool,
    separator: &str,
    item: fn(&mut Line<'_>) -> Result<T, Failure>,
) -> Result<AnyOf<T>, Failure> {
    if line.take("none") {
        return Ok(any_of(Vec::new(), negated));
    }
    let first = item(line)?;
    more(line, Vec::from([first]), negated, separator, item)
}

/// The alternatives that go with those already read.
fn more<T>(
    line: &mut Line<'_>,
    mut items: Vec<T>,
    negated: bool,
    separator: &str,
    item: fn(&mut Line<'_>) -> Result<T, Failure>,
) -> Result<AnyOf<T>, Failure> {
    while if separator == "," { line.take_comma() } else { line.take(separator) } {
        items.push(item(line)?);
    }
    Ok(any_of(items, negated))
}

fn any_of<T>(items: Vec<T>, negated: bool) -> AnyOf<T> {
    if negated { AnyOf::none_of(items) } else { AnyOf::one_of(items) }
}

/// Protocols after `protocol`, or after `not` or the first one's name, which need no such word.
fn protocols(word: Word<'_>, line: &mut Line<'_>) -> Result<AnyOf<Protocol>, Failure> {
    if let Some(first) = Protocol::from_name(word.text) {
        return more(line, Vec::from([first]), false, ",", item::protocol);
    }
    if word.text == "protocol" {
        return list(line, ",", item::protocol);
    }
    let next = line.peek()?.word();
    match Protocol::from_name(next.text) {
        Some(_) => alternatives(line, true, ",", item::protocol),
        None => Err(next.expected(
            "a protocol or `malformed` after `not`, which otherwise follows what it negates as in `from not 10.0.0.0/8`",
        )),
    }
}

/// Faults after `malformed`; none after it stand for all, and `not malformed` for a sound packet.
/// `not` after it belongs to it only if faults follow, or else to a protocol.
fn malformed(word: Word<'_>, line: &mut Line<'_>) -> Result<AnyOf<Malformed>, Failure> {
    if word.text == "not" {
        line.take("malformed");
        return Ok(false.into());
    }
    let mut ahead = *line;
    ahead.take("not");
    let next = ahead.peek()?.word().text;
    let names = || Malformed::ALL.into_iter().map(Malformed::name);
    match names().chain(["none"]).any(|name| name == next) {
        true => list(line, ",", item::malformed),
        false => Ok(true.into()),
    }
}

fn icmp(line: &mut Line<'_>) -> Result<AnyOf<IcmpKind>, Failure> {
    line.word("`type`")?;
    list(line, ",", item::icmp)
}

/// The ports that may follow addresses.
fn ports(line: &mut Line<'_>) -> Result<AnyOf<PortRange>, Failure> {
    match line.take("port") {
        true => list(line, ",", item::ports),
        false => Ok(AnyOf::any()),
    }
}

fn comment(line: &mut Line<'_>) -> Result<Box<str>, Failure> {
    match line.next()? {
        Token::Quoted(word) => Ok(word.unquoted()?.into()),
        other => Err(other.word().expected("a comment in quotation marks")),
    }
}

/// The failure that nothing a rule can say begins with `word`.
fn unknown(word: &Word<'_>) -> Failure {
    match word.text {
        "port" => word.expected("`from` or `to` before `port`, as in `to any port 22`"),
        "type" => word.expected("`icmp` or `icmpv6` before `type`, as in `icmp type not 8`"),
        number if number.starts_with(|c: char| c.is_ascii_digit()) => {
            word.expected("a criterion, or `,` before another alternative")
        }
        _ => {
            let known = KEYWORDS.into_iter().chain(item::protocol_names());
            word.expected("a criterion such as `tcp`, `from`, `to` or `state`")
                .suggest(nearest(word.text, known))
        }
    }
}
