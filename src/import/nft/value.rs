//! What fields are compared with.

use alloc::format;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::field::{Field, Tuple};
use super::names;
use super::set::Sets;
use crate::import::json::{Fault, Json};
use crate::packet::{ConnState, Family};
use crate::rule::InterfaceName;

/// Some values of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// Inclusive spans, in any order.
    Spans(Vec<(u128, u128)>),
    Names(Vec<InterfaceName>),
}

impl Values {
    /// All values that there are, if the field is a number.
    fn all(field: Field) -> Option<Self> {
        (!field.is_name()).then(|| Self::Spans(Vec::from([(0, highest(field.width()))])))
    }

    pub(super) fn none(field: Field) -> Self {
        if field.is_name() { Self::Names(Vec::new()) } else { Self::Spans(Vec::new()) }
    }

    fn extend(&mut self, other: Self) {
        match (self, other) {
            (Self::Spans(spans), Self::Spans(more)) => spans.extend(more),
            (Self::Names(names), Self::Names(more)) => names.extend(more),
            _ => {}
        }
    }

    /// One value, a range or a prefix.
    pub(super) fn one(field: Field, json: &Json) -> Result<Self, Fault> {
        if field.is_name() {
            return Ok(Self::Names(Vec::from([json.text()?.into()])));
        }
        Ok(Self::Spans(Vec::from([span(field, json)?])))
    }

    /// What stands on the right of a comparison: one value, a list in place, or a named set.
    pub(super) fn read(field: Field, json: &Json, sets: &Sets<'_>) -> Result<Self, Fault> {
        match json {
            Json::Text(name) if name.starts_with('@') => {
                let set = sets.find(name)?;
                Self::list(field, set.elements)
            }
            Json::Object(_) => match json.single() {
                Some(("set", items)) => {
                    Self::list(field, items.list()?).map_err(|fault| fault.under("set"))
                }
                _ => Self::one(field, json),
            },
            _ => Self::one(field, json),
        }
    }

    fn list(field: Field, items: &[Json]) -> Result<Self, Fault> {
        let mut values = Self::none(field);
        for (index, item) in items.iter().enumerate() {
            let value = match element(item)? {
                Json::Text(text) if **text == *"*" && !field.is_name() => Self::all(field),
                item => Some(Self::one(field, item).map_err(|fault| fault.at(index))?),
            };
            value.into_iter().for_each(|value| values.extend(value));
        }
        Ok(values)
    }
}

/// The element itself, without what a set knows of it besides.
pub(super) fn element(json: &Json) -> Result<&Json, Fault> {
    let Json::Object(_) = json else { return Ok(json) };
    match json.single() {
        Some(("elem", inner)) => {
            let fields = inner.object().map_err(|fault| fault.under("elem"))?;
            let known = ["val", "timeout", "expires", "comment", "counter"];
            let value = fields.only(&known).and_then(|()| fields.read("val", Ok));
            value.map_err(|fault| fault.under("elem"))
        }
        _ => Ok(json),
    }
}

/// The highest number of so many bits.
pub(super) const fn highest(width: u32) -> u128 {
    if width >= 128 { u128::MAX } else { (1 << width) - 1 }
}

fn span(field: Field, json: &Json) -> Result<(u128, u128), Fault> {
    let Json::Object(_) = json else {
        let value = number(field, json)?;
        return Ok((value, value));
    };
    match json.single() {
        Some(("range", ends)) => match ends.list()? {
            [first, last] => {
                let under = |fault: Fault, at| fault.at(at).under("range");
                let first = number(field, first).map_err(|fault| under(fault, 0))?;
                let last = number(field, last).map_err(|fault| under(fault, 1))?;
                match first <= last {
                    true => Ok((first, last)),
                    false => Err(Fault::wrong("a range from high to low").under("range")),
                }
            }
            _ => Err(Fault::expected("two ends", ends).under("range")),
        },
        Some(("prefix", prefix)) => read_prefix(field, prefix).map_err(|it| it.under("prefix")),
        _ => {
            let value = number(field, json)?;
            Ok((value, value))
        }
    }
}

fn read_prefix(field: Field, json: &Json) -> Result<(u128, u128), Fault> {
    let fields = json.object()?;
    fields.only(&["addr", "len"])?;
    let first = fields.read("addr", |json| number(field, json))?;
    let width = field.width();
    let len = fields.read("len", |json| {
        let len: u32 = json.integer("a prefix length")?;
        (len <= width).then_some(len).ok_or_else(|| Fault::expected("a prefix length", json))
    })?;
    let free = highest(width.saturating_sub(len));
    Ok((first & !free, first | free))
}

/// One value as a number: written so, as a word, or put together from bits.
pub(super) fn number(field: Field, json: &Json) -> Result<u128, Fault> {
    let value = match json {
        Json::Integer(number) => u128::try_from(*number).ok(),
        Json::Bool(value) => Some(u128::from(*value)),
        Json::Text(word) => symbol(field, word).or_else(|| word.parse().ok()),
        Json::List(bits) => return combine(field, bits),
        Json::Object(_) => match json.single() {
            Some(("|", operands)) => {
                return combine(field, operands.list()?).map_err(|fault| fault.under("|"));
            }
            _ => None,
        },
        _ => None,
    };
    let value = value.filter(|value| *value <= highest(field.width()));
    value.ok_or_else(|| Fault::expected(&expected(field), json))
}

fn combine(field: Field, operands: &[Json]) -> Result<u128, Fault> {
    let numbers = operands.iter().enumerate();
    let numbers = numbers.map(|(index, json)| number(field, json).map_err(|fault| fault.at(index)));
    numbers.sum_bits()
}

trait SumBits {
    fn sum_bits(self) -> Result<u128, Fault>;
}

impl<I: Iterator<Item = Result<u128, Fault>>> SumBits for I {
    fn sum_bits(mut self) -> Result<u128, Fault> {
        self.try_fold(0, |bits, number| Ok(bits | number?))
    }
}

/// The bit of a connection's state as nft has it.
///
/// Linux `include/uapi/linux/netfilter/nf_conntrack_common.h`.
pub(super) const STATES: [(ConnState, u32); 5] = [
    (ConnState::Invalid, 1),
    (ConnState::Established, 2),
    (ConnState::Related, 4),
    (ConnState::New, 8),
    (ConnState::Untracked, 64),
];

fn symbol(field: Field, word: &str) -> Option<u128> {
    let address = |family| match (word.parse().ok()?, family) {
        (IpAddr::V4(address), Family::V4) => Some(address.to_bits().into()),
        (IpAddr::V6(address), Family::V6) => Some(address.to_bits()),
        _ => None,
    };
    let byte = match field {
        Field::Src(family) | Field::Dst(family) => return address(family),
        Field::Original(Tuple::Src(family) | Tuple::Dst(family)) => return address(family),
        Field::Protocol(_) | Field::Original(Tuple::Protocol) => names::protocol(word),
        Field::TcpFlags => names::named(&names::TCP_FLAGS, word),
        Field::IcmpType(Family::V4) => names::named(&names::ICMP_TYPES, word),
        Field::IcmpType(Family::V6) => names::named(&names::ICMPV6_TYPES, word),
        Field::IcmpCode(Family::V4) => names::named(&names::ICMP_CODES, word),
        Field::IcmpCode(Family::V6) => names::named(&names::ICMPV6_CODES, word),
        Field::NfProto | Field::Original(Tuple::Family) => {
            names::named(&[("ipv4", 2), ("ipv6", 10)], word)
        }
        Field::EtherType => {
            return match word {
                "ip" => Some(0x0800),
                "ip6" => Some(0x86dd),
                "arp" => Some(0x0806),
                "vlan" | "8021q" => Some(0x8100),
                _ => None,
            };
        }
        Field::Dscp(_) => names::dscp(word),
        Field::State => {
            let found = STATES.iter().find(|(state, _)| state.name() == word);
            return found.map(|(_, bit)| u128::from(*bit));
        }
        Field::Direction => names::named(&[("original", 0), ("reply", 1)], word),
        Field::Status => names::named(
            &[
                ("expected", 1),
                ("seen-reply", 2),
                ("assured", 4),
                ("confirmed", 8),
                ("snat", 16),
                ("dnat", 32),
            ],
            word,
        ),
        _ => None,
    };
    byte.map(u128::from)
}

fn expected(field: Field) -> alloc::string::String {
    let what = match field {
        Field::Src(Family::V4) | Field::Dst(Family::V4) => "an IPv4 address",
        Field::Src(Family::V6) | Field::Dst(Family::V6) => "an IPv6 address",
        Field::Original(Tuple::Src(Family::V4) | Tuple::Dst(Family::V4)) => "an IPv4 address",
        Field::Original(Tuple::Src(Family::V6) | Tuple::Dst(Family::V6)) => "an IPv6 address",
        Field::Protocol(_) | Field::Original(Tuple::Protocol) => "a protocol",
        Field::SrcPort(_) | Field::DstPort(_) => "a port",
        Field::Original(Tuple::SrcPort | Tuple::DstPort) => "a port",
        Field::TcpFlags => "TCP flags",
        Field::IcmpType(_) => "an ICMP type",
        Field::IcmpCode(_) => "an ICMP code",
        Field::NfProto | Field::Original(Tuple::Family) => "`ipv4` or `ipv6`",
        Field::EtherType => "an ether type",
        Field::Dscp(_) => "a DSCP",
        Field::State => "a connection state",
        Field::Direction => "`original` or `reply`",
        Field::Status => "a flag of connections",
        _ => return format!("a number up to {}", highest(field.width())),
    };
    what.into()
}
