//! Comparisons as criteria.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::field::{Field, Left, Tuple};
use super::presence::{later, whole_header};
use super::set::Sets;
use super::value::{STATES, Values, element, highest, number};
use crate::import::json::{Fault, Fields, Json};
use crate::import::spans::{Spans, masked, merged};
use crate::packet::{
    ConnFlag, ConnState, Direction, Family, Fragment, Malformed, Protocol, TcpFlags,
};
use crate::rule::{AnyOf, Criteria, FlagsMatch, IcmpKind, IpRange, Masked, OriginalCriteria, Span};

/// What a rule asks of a packet at one place.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// One of the alternatives.
    Any(Vec<Alternative>),
    /// One of `has`, and none of the others.
    NoneOf { has: Vec<Alternative>, others: Vec<Alternative> },
}

/// All of these.
#[derive(Clone, Debug, Default)]
pub(super) struct Alternative(pub(super) Vec<Criteria>);

/// The most spans that a masked number may become.
const MOST_SPANS: usize = 4096;

impl Condition {
    fn of(alternatives: Vec<Criteria>) -> Self {
        Self::Any(alternatives.into_iter().map(|one| Alternative(vec![one])).collect())
    }

    /// Reads a `match` statement.
    pub(super) fn read(json: &Json, sets: &Sets<'_>, table: Option<Family>) -> Result<Self, Fault> {
        let fields = json.object()?;
        fields.only(&["op", "left", "right"])?;
        let op = fields.read("op", |op| op.text())?;
        if let Some(left) = fields.read("left", concat)? {
            return read_concat(&fields, op, left, sets, table);
        }
        let left = fields.read("left", |left| Left::read(left, table))?;
        fields.read("right", |right| match left.mask {
            None => compare(left.field, op, right, sets).map(Self::of),
            Some(mask) => compare_masked(left.field, mask, op, right).map(Self::of),
        })
    }
}

/// The fields put together on the left, if there are several.
pub(super) fn concat(json: &Json) -> Result<Option<&[Json]>, Fault> {
    match json.single() {
        Some(("concat", parts)) => parts.list().map(Some).map_err(|fault| fault.under("concat")),
        _ => Ok(None),
    }
}

fn read_concat(
    fields: &Fields<'_>,
    op: &str,
    left: &[Json],
    sets: &Sets<'_>,
    table: Option<Family>,
) -> Result<Condition, Fault> {
    let key = Key::of_parts(left, table).map_err(|fault| fault.under("concat").under("left"))?;
    let others = fields.read("right", |right| key.alternatives(right, sets))?;
    match op {
        "==" | "in" => Ok(Condition::Any(others)),
        "!=" => Ok(Condition::NoneOf { has: key.has()?, others }),
        _ => Err(Fault::unsupported(format_args!("`{op}` of several fields")).under("op")),
    }
}

/// What a map or a set of several fields is asked with.
pub(super) struct Key(Vec<Field>);

impl Key {
    pub(super) fn read(json: &Json, table: Option<Family>) -> Result<Self, Fault> {
        match concat(json)? {
            Some(parts) => Self::of_parts(parts, table).map_err(|fault| fault.under("concat")),
            None => Ok(Self(vec![Field::read(json, table)?])),
        }
    }

    pub(super) fn of(fields: Vec<Field>) -> Self {
        Self(fields)
    }

    fn of_parts(parts: &[Json], table: Option<Family>) -> Result<Self, Fault> {
        let fields = parts
            .iter()
            .enumerate()
            .map(|(index, part)| Field::read(part, table).map_err(|fault| fault.at(index)));
        fields.collect::<Result<_, _>>().map(Self)
    }

    /// Whether it can change while a packet goes through the rules.
    pub(super) fn is_mutable(&self) -> bool {
        self.0.contains(&Field::Mark)
    }

    /// What holds of packets that have all of it.
    pub(super) fn has(&self) -> Result<Vec<Alternative>, Fault> {
        let mut fields = self.0.iter().filter(|field| !field.is_name());
        fields.try_fold(vec![Alternative::default()], |all, field| {
            Ok(product(&all, &criteria(*field, &Values::none(*field), true)?))
        })
    }

    /// The elements of a set.
    fn alternatives(&self, json: &Json, sets: &Sets<'_>) -> Result<Vec<Alternative>, Fault> {
        match json {
            Json::Text(name) if name.starts_with('@') => self.all(sets.find(name)?.elements),
            Json::Object(_) => match json.single() {
                Some(("set", items)) => self.all(items.list()?).map_err(|fault| fault.under("set")),
                _ => self.element(json),
            },
            _ => self.element(json),
        }
    }

    fn all(&self, elements: &[Json]) -> Result<Vec<Alternative>, Fault> {
        let mut all = Vec::new();
        for (index, json) in elements.iter().enumerate() {
            all.extend(self.element(json).map_err(|fault| fault.at(index))?);
        }
        Ok(all)
    }

    /// What one element asks. (The element for all others is not one of these.)
    pub(super) fn element(&self, json: &Json) -> Result<Vec<Alternative>, Fault> {
        let json = element(json)?;
        let parts = match self.0.as_slice() {
            [_] => core::slice::from_ref(json),
            _ => match json.single() {
                Some(("concat", parts)) => parts.list()?,
                _ => return Err(Fault::expected("values of several fields", json)),
            },
        };
        if parts.len() != self.0.len() {
            return Err(Fault::wrong(alloc::format!(
                "expected values of {} fields, found {}",
                self.0.len(),
                parts.len()
            )));
        }
        let mut all = vec![Alternative::default()];
        for (field, part) in self.0.iter().zip(parts) {
            all = product(&all, &criteria(*field, &Values::one(*field, part)?, false)?);
        }
        Ok(all)
    }
}

fn product(all: &[Alternative], asked: &[Criteria]) -> Vec<Alternative> {
    let pairs = all.iter().flat_map(|before| asked.iter().map(move |one| (before, one)));
    pairs.map(|(before, one)| before.and(one)).collect()
}

impl Alternative {
    fn and(&self, one: &Criteria) -> Self {
        Self(self.0.iter().chain([one]).cloned().collect())
    }
}

/// Whether an element stands for all that no other one does.
pub(super) fn is_catch_all(json: &Json) -> bool {
    matches!(element(json), Ok(Json::Text(text)) if **text == *"*")
}

fn compare(field: Field, op: &str, right: &Json, sets: &Sets<'_>) -> Result<Vec<Criteria>, Fault> {
    let is_list = matches!(right, Json::Object(_))
        && right.single().is_some_and(|it| it.0 == "set")
        || matches!(right, Json::Text(name) if name.starts_with('@'));
    let bits = matches!(field, Field::State | Field::Status | Field::TcpFlags);
    match op {
        "in" | "!" if bits && !is_list => some_bit(field, number(field, right)?, op == "in"),
        "==" | "in" => criteria(field, &Values::read(field, right, sets)?, false),
        "!=" => criteria(field, &Values::read(field, right, sets)?, true),
        "<" | "<=" | ">" | ">=" => {
            let value = number(field, right)?;
            let most = highest(field.width());
            let span = match op {
                "<" => value.checked_sub(1).map(|last| (0, last)),
                "<=" => Some((0, value)),
                ">" => value.checked_add(1).filter(|first| *first <= most).map(|it| (it, most)),
                _ => Some((value, most)),
            };
            criteria(field, &Values::Spans(span.into_iter().collect()), false)
        }
        _ => Err(Fault::unsupported(format_args!("the comparison `{op}`"))),
    }
}

/// Some bits of a field.
fn compare_masked(
    field: Field,
    mask: &Json,
    op: &str,
    right: &Json,
) -> Result<Vec<Criteria>, Fault> {
    let mask = number(field, mask)?;
    let value = number(field, right)?;
    let negated = match op {
        "==" => false,
        "!=" => true,
        _ => return Err(Fault::unsupported(format_args!("the comparison `{op}` of bits"))),
    };
    if value & !mask != 0 {
        return criteria(field, &Values::Spans(Vec::new()), negated);
    }
    match field {
        Field::State | Field::Status if value == 0 => some_bit(field, mask, negated),
        Field::State | Field::Status if value == mask && value.is_power_of_two() => {
            some_bit(field, mask, !negated)
        }
        Field::State | Field::Status => Err(Fault::unsupported("a comparison of several bits")),
        Field::TcpFlags => {
            Ok(vec![flags([FlagsMatch::new(TcpFlags(value as u8), TcpFlags(mask as u8))], negated)])
        }
        Field::Mark => {
            let asked = any_or_none([Masked::new(value as u32, mask as u32)], negated);
            Ok(vec![Criteria { mark: asked, ..Criteria::default() }])
        }
        Field::Offset => fragment(mask, value, negated),
        _ => {
            let spans = masked(value, mask, field.width(), MOST_SPANS);
            let spans = spans.ok_or_else(|| Fault::unsupported("a mask of so many gaps"))?;
            criteria(field, &Values::Spans(spans), negated)
        }
    }
}

/// The offset alone, or with the flag for more fragments.
fn fragment(mask: u128, value: u128, negated: bool) -> Result<Vec<Criteria>, Fault> {
    if (mask, value, negated) == (0x1fff, 1, false) {
        // Of TCP: see `check_second`.
        let malformed = Malformed::TinyFragment.into();
        return Ok(vec![Criteria { family: Some(Family::V4), malformed, ..Criteria::default() }]);
    }
    let of_some = match (mask, value) {
        (0x1fff, 0) => vec![Fragment::Later],
        (0x3fff, 0) => vec![Fragment::First, Fragment::Later],
        _ => return Err(Fault::unsupported("this comparison of `ip frag-off`")),
    };
    let fragment = any_or_none(of_some, !negated);
    Ok(vec![Criteria { family: Some(Family::V4), fragment, ..Criteria::default() }])
}

/// Whether some of these bits is set, or none.
fn some_bit(field: Field, bits: u128, set: bool) -> Result<Vec<Criteria>, Fault> {
    let has = |bit: u32| bits & u128::from(bit) != 0;
    match field {
        Field::State => {
            let states = STATES.iter().filter(|(_, bit)| has(*bit)).map(|(state, _)| *state);
            let state = any_or_none(states, !set);
            Ok(vec![Criteria { state, ..Criteria::default() }])
        }
        Field::Status => {
            let known = ConnFlag::ALL.iter().fold(0, |known, flag| known | *flag as u128);
            if bits & !known != 0 {
                return Err(Fault::unsupported("this flag of connections"));
            }
            let flags = ConnFlag::ALL.into_iter().filter(|flag| has(*flag as u32));
            let status = any_or_none(flags, !set);
            Ok(vec![Criteria { status, ..Criteria::default() }])
        }
        _ => {
            let each = (0..8).map(|at| 1u8 << at).filter(|bit| has(u32::from(*bit)));
            let each = each.map(|bit| FlagsMatch::new(TcpFlags(bit), TcpFlags(bit)));
            Ok(vec![flags(each, !set)])
        }
    }
}

fn flags(asked: impl IntoIterator<Item = FlagsMatch>, negated: bool) -> Criteria {
    let tcp_flags = any_or_none(asked, negated);
    Criteria { protocol: Protocol::TCP.into(), tcp_flags, ..Criteria::default() }
}

fn any_or_none<T>(items: impl IntoIterator<Item = T>, negated: bool) -> AnyOf<T> {
    if negated { AnyOf::none_of(items) } else { AnyOf::one_of(items) }
}

/// What it is for a field to have one of the values, or none of them. Alternatives exclude each
/// other.
fn criteria(field: Field, values: &Values, negated: bool) -> Result<Vec<Criteria>, Fault> {
    let any = Criteria::default();
    let spans = match values {
        Values::Names(names) => {
            let asked = any_or_none(names.iter().cloned(), negated);
            return Ok(vec![match field {
                Field::InInterface => Criteria { in_interface: asked, ..any },
                _ => Criteria { out_interface: asked, ..any },
            }]);
        }
        Values::Spans(spans) => merged(spans.iter().copied()),
    };
    Ok(match field {
        Field::Src(family) => {
            vec![Criteria { family: Some(family), src: ranges(&spans, family, negated), ..any }]
        }
        Field::Dst(family) => {
            vec![Criteria { family: Some(family), dst: ranges(&spans, family, negated), ..any }]
        }
        Field::Protocol(family) => vec![protocols(&spans, family, negated)],
        Field::SrcPort(protocol) => {
            let (protocol, asked) = (of_protocol(protocol), narrow(&spans, negated));
            let whole =
                Criteria { protocol: protocol.clone(), src_port: asked.clone(), ..any.clone() };
            vec![whole, Criteria { protocol, cut_src_port: asked, ..any }]
        }
        Field::DstPort(protocol) => {
            let (protocol, asked) = (of_protocol(protocol), narrow(&spans, negated));
            let whole =
                Criteria { protocol: protocol.clone(), dst_port: asked.clone(), ..any.clone() };
            vec![whole, Criteria { protocol, cut_dst_port: asked, ..any }]
        }
        Field::TcpFlags => {
            let each = patterns(&spans, 8);
            let each =
                each.map(|(set, mask)| FlagsMatch::new(TcpFlags(set as u8), TcpFlags(mask as u8)));
            vec![flags(each, negated)]
        }
        Field::IcmpType(family) => {
            let types = numbers(&spans).map(IcmpKind::from);
            vec![icmp(family, any_or_none(types, negated))]
        }
        Field::IcmpCode(family) => {
            let kinds = spans.iter().flat_map(|(first, last)| {
                let codes = *first as u8..=*last as u8;
                (0..=u8::MAX).map(move |icmp_type| IcmpKind::new(icmp_type, codes.clone()))
            });
            vec![icmp(family, any_or_none(kinds, negated))]
        }
        Field::NfProto => families(&spans, 2, 10, negated),
        Field::EtherType => families(&spans, 0x0800, 0x86dd, negated),
        Field::Mark => {
            let masks = patterns(&spans, 32);
            let masks = masks.map(|(value, mask)| Masked::new(value as u32, mask as u32));
            vec![Criteria { mark: any_or_none(masks, negated), ..any }]
        }
        Field::Length(family) => {
            let header = if family == Some(Family::V6) { 40 } else { 0 };
            let moved = spans.iter().map(|(first, last)| (first + header, last + header));
            vec![Criteria { family, length: narrow(&moved.collect(), negated), ..any }]
        }
        Field::Ttl(family) => {
            vec![Criteria { family: Some(family), ttl: narrow(&spans, negated), ..any }]
        }
        Field::Dscp(family) => {
            vec![Criteria { family: Some(family), dscp: narrow(&spans, negated), ..any }]
        }
        Field::State => {
            let is_one = |bit: u32| spans.iter().any(|(a, b)| (*a..=*b).contains(&bit.into()));
            let states = STATES.iter().filter(|(_, bit)| is_one(*bit));
            let states = states.map(|(state, _)| *state);
            vec![Criteria { state: any_or_none::<ConnState>(states, negated), ..any }]
        }
        Field::Direction => {
            let each = numbers(&spans).filter_map(|number| match number {
                0 => Some(Direction::Original),
                1 => Some(Direction::Reply),
                _ => None,
            });
            vec![Criteria { direction: any_or_none(each, negated), ..any }]
        }
        Field::Zone => {
            let direction = AnyOf::from([Direction::Original, Direction::Reply]);
            vec![Criteria { zone: narrow(&spans, negated), direction, ..any }]
        }
        Field::Original(part) => vec![original(part, &spans, negated)],
        Field::LaterOffset => vec![later(&spans, negated)?],
        Field::Last(protocol) => vec![whole_header(protocol, field, &spans, negated)?],
        Field::Status | Field::Offset | Field::InInterface | Field::OutInterface => {
            return Err(Fault::unsupported("a comparison of this field as a whole"));
        }
    })
}

fn protocols(spans: &Spans, family: Option<Family>, negated: bool) -> Criteria {
    let protocol = any_or_none(numbers(spans).map(Protocol), negated);
    // The protocol of a packet whose extension headers are cut short is not known.
    let odd = |protocol: &Protocol| matches!(protocol.0, 0 | 43 | 44 | 51 | 60);
    let unknown = family.is_none() && (negated || protocol.items().iter().any(odd));
    let malformed = match unknown {
        true => AnyOf::none_of([Malformed::ExtensionHeaders]),
        false => AnyOf::any(),
    };
    Criteria { family, protocol, malformed, ..Criteria::default() }
}

fn of_protocol(protocol: Option<Protocol>) -> AnyOf<Protocol> {
    protocol.map_or_else(AnyOf::any, AnyOf::from)
}

fn icmp(family: Family, kinds: AnyOf<IcmpKind>) -> Criteria {
    let any = Criteria { family: Some(family), ..Criteria::default() };
    match family {
        Family::V4 => Criteria { protocol: Protocol::ICMP.into(), icmp: kinds, ..any },
        Family::V6 => Criteria { protocol: Protocol::ICMPV6.into(), icmpv6: kinds, ..any },
    }
}

/// The families whose numbers are among the spans, or are not.
fn families(spans: &Spans, v4: u128, v6: u128, negated: bool) -> Vec<Criteria> {
    let has = |number| spans.iter().any(|(a, b)| (*a..=*b).contains(&number)) != negated;
    let each = [(Family::V4, v4), (Family::V6, v6)].into_iter().filter(|(_, it)| has(*it));
    each.map(|(family, _)| Criteria { family: Some(family), ..Criteria::default() }).collect()
}

fn original(part: Tuple, spans: &Spans, negated: bool) -> Criteria {
    let any = OriginalCriteria::default();
    let mut family = None;
    let asked = match part {
        Tuple::Src(of) => {
            family = Some(of);
            OriginalCriteria { src: ranges(spans, of, negated), ..any }
        }
        Tuple::Dst(of) => {
            family = Some(of);
            OriginalCriteria { dst: ranges(spans, of, negated), ..any }
        }
        Tuple::Family => {
            // A connection has a family as its packets have.
            let of_connection = AnyOf::from([Direction::Original, Direction::Reply]);
            let families = families(spans, 2, 10, negated);
            let never = AnyOf::one_of([]);
            return match families.as_slice() {
                [one] => Criteria { direction: of_connection, ..one.clone() },
                [] => Criteria { direction: never, ..Criteria::default() },
                _ => Criteria { direction: of_connection, ..Criteria::default() },
            };
        }
        Tuple::Protocol => {
            OriginalCriteria { protocol: any_or_none(numbers(spans).map(Protocol), negated), ..any }
        }
        Tuple::SrcPort => OriginalCriteria { src_port: narrow(spans, negated), ..any },
        Tuple::DstPort => OriginalCriteria { dst_port: narrow(spans, negated), ..any },
    };
    Criteria { family, original: Some(Box::new(asked)), ..Criteria::default() }
}

fn ranges(spans: &Spans, family: Family, negated: bool) -> AnyOf<IpRange> {
    let address = |bits: u128| match family {
        Family::V4 => IpAddr::V4((bits as u32).into()),
        Family::V6 => IpAddr::V6(bits.into()),
    };
    let each = spans.iter().filter_map(|(a, b)| IpRange::new(address(*a), address(*b)));
    any_or_none(each, negated)
}

trait Narrow: Copy + Ord {
    fn narrow(number: u128) -> Self;
}

macro_rules! narrow {
    ($($number:ty),*) => {$(
        impl Narrow for $number {
            fn narrow(number: u128) -> Self {
                Self::try_from(number).unwrap_or(Self::MAX)
            }
        }
    )*};
}

narrow!(u8, u16, u32);

fn narrow<N: Narrow>(spans: &Spans, negated: bool) -> AnyOf<Span<N>> {
    let each = spans.iter().map(|(a, b)| Span::from(N::narrow(*a)..=N::narrow(*b)));
    any_or_none(each, negated)
}

fn numbers(spans: &Spans) -> impl Iterator<Item = u8> {
    spans.iter().flat_map(|(first, last)| *first as u8..=*last as u8)
}

/// Spans as values and the bits of them that count.
fn patterns(spans: &Spans, width: u32) -> impl Iterator<Item = (u128, u128)> {
    let all = highest(width);
    spans.iter().flat_map(move |(first, last)| {
        let (mut next, last) = (Some(*first), *last);
        core::iter::from_fn(move || {
            let first = next.filter(|first| *first <= last)?;
            // The widest block that begins here and does not go beyond.
            let mut bits = first.trailing_zeros().min(width);
            while first | highest(bits) > last {
                bits -= 1;
            }
            next = (first | highest(bits)).checked_add(1);
            Some((first, all & !highest(bits)))
        })
    })
}
