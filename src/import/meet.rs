//! Two things asked of a packet at once.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::spans::{Spans, complement, intersection, merged};
use crate::packet::{Family, Protocol, TcpFlags};
use crate::rule::{
    AnyOf, Criteria, FlagsMatch, IcmpKind, IpRange, Item, Masked, OriginalCriteria, Span,
};

/// What two criteria ask together cannot be said by one; names the field.
#[derive(Clone, Copy, Debug)]
pub(in crate::import) struct Inexpressible(pub(in crate::import) &'static str);

/// The most alternatives of a field of bit patterns.
const MAX_PATTERNS: usize = 1024;

/// What `a` and `b` ask together, for packets of one family; `None` if no packet can satisfy both.
pub(in crate::import) fn meet(
    a: &Criteria,
    b: &Criteria,
    family: Family,
) -> Result<Option<Criteria>, Inexpressible> {
    // Names every field: one that is added to criteria has to be added here.
    let Criteria {
        family: asked_family,
        src,
        dst,
        protocol,
        src_port,
        dst_port,
        icmp,
        icmpv6,
        tcp_flags,
        fragment,
        malformed,
        cut_src_port,
        cut_dst_port,
        in_interface,
        out_interface,
        zone,
        state,
        direction,
        status,
        original,
        dscp,
        ttl,
        length,
        mark,
        vlan,
        predicate,
        sets,
    } = b;
    let both = Criteria {
        family: a.family.or(*asked_family),
        src: addresses(&a.src, src, family),
        dst: addresses(&a.dst, dst, family),
        protocol: equals(&a.protocol, protocol),
        src_port: ranges(&a.src_port, src_port),
        dst_port: ranges(&a.dst_port, dst_port),
        icmp: kinds(&a.icmp, icmp),
        icmpv6: kinds(&a.icmpv6, icmpv6),
        tcp_flags: flags(&a.tcp_flags, tcp_flags)?,
        fragment: equals(&a.fragment, fragment),
        malformed: equals(&a.malformed, malformed),
        cut_src_port: ranges(&a.cut_src_port, cut_src_port),
        cut_dst_port: ranges(&a.cut_dst_port, cut_dst_port),
        in_interface: alike(&a.in_interface, in_interface, "input interface")?,
        out_interface: alike(&a.out_interface, out_interface, "output interface")?,
        zone: ranges(&a.zone, zone),
        state: equals(&a.state, state),
        direction: equals(&a.direction, direction),
        status: alike(&a.status, status, "connection's status")?,
        original: meet_original(a.original.as_deref(), original.as_deref(), family),
        dscp: ranges(&a.dscp, dscp),
        ttl: ranges(&a.ttl, ttl),
        length: ranges(&a.length, length),
        mark: marks(&a.mark, mark)?,
        vlan: ranges(&a.vlan, vlan),
        predicate: alike(&a.predicate, predicate, "rate")?,
        // This importer makes none.
        sets: a.sets.clone().or_else(|| sets.clone()),
    };
    Ok((!is_never(&both)).then_some(both))
}

/// Whether some field has to be one of no alternatives.
fn is_never(asked: &Criteria) -> bool {
    fn none<T>(asked: &AnyOf<T>) -> bool {
        !asked.is_any() && !asked.is_negated() && asked.items().is_empty()
    }
    let original = asked.original.as_ref();
    none(&asked.src)
        || none(&asked.dst)
        || none(&asked.protocol)
        || none(&asked.src_port)
        || none(&asked.dst_port)
        || none(&asked.icmp)
        || none(&asked.icmpv6)
        || none(&asked.tcp_flags)
        || none(&asked.fragment)
        || none(&asked.malformed)
        || none(&asked.cut_src_port)
        || none(&asked.cut_dst_port)
        || none(&asked.in_interface)
        || none(&asked.out_interface)
        || none(&asked.state)
        || none(&asked.direction)
        || none(&asked.length)
        || none(&asked.ttl)
        || none(&asked.dscp)
        || none(&asked.mark)
        || original.is_some_and(|it| none(&it.src) || none(&it.dst) || none(&it.protocol))
        || original.is_some_and(|it| none(&it.src_port) || none(&it.dst_port))
}

fn meet_original(
    a: Option<&OriginalCriteria>,
    b: Option<&OriginalCriteria>,
    family: Family,
) -> Option<Box<OriginalCriteria>> {
    let (Some(a), Some(b)) = (a, b) else { return a.or(b).cloned().map(Box::new) };
    Some(Box::new(OriginalCriteria {
        src: addresses(&a.src, &b.src, family),
        dst: addresses(&a.dst, &b.dst, family),
        protocol: equals(&a.protocol, &b.protocol),
        src_port: ranges(&a.src_port, &b.src_port),
        dst_port: ranges(&a.dst_port, &b.dst_port),
    }))
}

/// The easy cases: one of them asks nothing, both ask the same, or neither wants any of a list.
fn easy<T: Clone + PartialEq>(a: &AnyOf<T>, b: &AnyOf<T>) -> Option<AnyOf<T>> {
    match (a, b) {
        _ if b.is_any() || a == b => Some(a.clone()),
        _ if a.is_any() => Some(b.clone()),
        _ if a.is_negated() && b.is_negated() => {
            let mut items = a.items().to_vec();
            items.extend(b.items().iter().filter(|item| !a.items().contains(item)).cloned());
            Some(AnyOf::none_of(items))
        }
        _ => None,
    }
}

fn alike<T: Clone + PartialEq>(
    a: &AnyOf<T>,
    b: &AnyOf<T>,
    field: &'static str,
) -> Result<AnyOf<T>, Inexpressible> {
    easy(a, b).ok_or(Inexpressible(field))
}

/// Fields whose alternatives are single values.
fn equals<T: Item>(a: &AnyOf<T>, b: &AnyOf<T>) -> AnyOf<T> {
    easy(a, b).unwrap_or_else(|| {
        let (list, other) = if a.is_negated() { (b, a) } else { (a, b) };
        let kept = |item: &&T| other.items().contains(item) != other.is_negated();
        AnyOf::one_of(list.items().iter().filter(kept).cloned())
    })
}

/// A number of one of the fields that have ranges.
pub(in crate::import) trait Number: Copy + PartialOrd + PartialEq {
    const MAX: u128;
    fn widen(self) -> u128;
    fn narrow(wide: u128) -> Self;
}

macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Number for $kind {
            const MAX: u128 = <$kind>::MAX as u128;

            fn widen(self) -> u128 {
                self.into()
            }

            fn narrow(wide: u128) -> Self {
                wide as Self
            }
        }
    )*};
}

number!(u8, u16, u32);

fn ranges<N: Number>(a: &AnyOf<Span<N>>, b: &AnyOf<Span<N>>) -> AnyOf<Span<N>> {
    easy(a, b).unwrap_or_else(|| {
        let spans = |asked: &AnyOf<Span<N>>| {
            let items = asked.items().iter().map(|it| (it.first().widen(), it.last().widen()));
            held(items, asked.is_negated(), N::MAX)
        };
        any_of(&intersection(&spans(a), &spans(b)))
    })
}

/// One of the numbers.
pub(in crate::import) fn any_of<N: Number>(spans: &Spans) -> AnyOf<Span<N>> {
    let narrow = |(first, last): &(u128, u128)| Span::new(N::narrow(*first), N::narrow(*last));
    AnyOf::one_of(spans.iter().filter_map(narrow))
}

fn kinds(a: &AnyOf<IcmpKind>, b: &AnyOf<IcmpKind>) -> AnyOf<IcmpKind> {
    easy(a, b).unwrap_or_else(|| {
        let spans = |asked: &AnyOf<IcmpKind>| {
            let number =
                |kind: &IcmpKind, code| u16::from_be_bytes([kind.icmp_type(), code]).into();
            let items = asked.items().iter().map(|kind| {
                (number(kind, kind.codes().first()), number(kind, kind.codes().last()))
            });
            held(items, asked.is_negated(), u16::MAX.into())
        };
        AnyOf::one_of(icmp_kinds(&intersection(&spans(a), &spans(b))))
    })
}

/// Types and codes from numbers that are `type * 256 + code`.
pub(in crate::import) fn icmp_kinds(numbers: &Spans) -> Vec<IcmpKind> {
    let mut kinds = Vec::new();
    for icmp_type in 0..=u8::MAX {
        let base = u128::from(icmp_type) << 8;
        for (first, last) in intersection(numbers, &Spans::from([(base, base | 0xff)])) {
            kinds.push(IcmpKind::new(icmp_type, first as u8..=last as u8));
        }
    }
    kinds
}

fn addresses(a: &AnyOf<IpRange>, b: &AnyOf<IpRange>, family: Family) -> AnyOf<IpRange> {
    easy(a, b).unwrap_or_else(|| {
        let both = intersection(&address_spans(a, family), &address_spans(b, family));
        AnyOf::one_of(address_ranges(&both, family))
    })
}

/// The highest address of a family as a number.
pub(in crate::import) const fn highest(family: Family) -> u128 {
    match family {
        Family::V4 => u32::MAX as u128,
        Family::V6 => u128::MAX,
    }
}

/// The addresses of one family that a criterion holds of.
pub(in crate::import) fn address_spans(asked: &AnyOf<IpRange>, family: Family) -> Spans {
    if asked.is_any() {
        return Vec::from([(0, highest(family))]);
    }
    let of_family = asked.items().iter().filter(|range| range.family() == family);
    let spans = of_family.map(|range| (bits(range.first()), bits(range.last())));
    held(spans, asked.is_negated(), highest(family))
}

/// The same addresses as ranges.
pub(in crate::import) fn address_ranges(
    spans: &Spans,
    family: Family,
) -> impl Iterator<Item = IpRange> {
    let address = move |bits: u128| match family {
        Family::V4 => IpAddr::V4((bits as u32).into()),
        Family::V6 => IpAddr::V6(bits.into()),
    };
    spans.iter().filter_map(move |(first, last)| IpRange::new(address(*first), address(*last)))
}

pub(in crate::import) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn held(spans: impl IntoIterator<Item = (u128, u128)>, negated: bool, max: u128) -> Spans {
    let spans = merged(spans);
    if negated { complement(&spans, max) } else { spans }
}

fn marks(a: &AnyOf<Masked>, b: &AnyOf<Masked>) -> Result<AnyOf<Masked>, Inexpressible> {
    if let Some(easy) = easy(a, b) {
        return Ok(easy);
    }
    let patterns = |asked: &AnyOf<Masked>| {
        let items = asked.items().iter().map(|it| (it.value(), it.mask())).collect();
        positive(items, asked.is_negated(), u32::MAX)
    };
    let both = patterns(a).zip(patterns(b)).and_then(|(a, b)| both_patterns(&a, &b));
    let both = both.ok_or(Inexpressible("mark"))?;
    Ok(AnyOf::one_of(both.into_iter().map(|(value, mask)| Masked::new(value, mask))))
}

fn flags(a: &AnyOf<FlagsMatch>, b: &AnyOf<FlagsMatch>) -> Result<AnyOf<FlagsMatch>, Inexpressible> {
    if let Some(easy) = easy(a, b) {
        return Ok(easy);
    }
    let patterns = |asked: &AnyOf<FlagsMatch>| {
        let items = asked.items().iter().map(|it| (it.set().0.into(), it.mask().0.into()));
        positive(items.collect(), asked.is_negated(), u8::MAX.into())
    };
    let both = patterns(a).zip(patterns(b)).and_then(|(a, b)| both_patterns(&a, &b));
    let both = both.ok_or(Inexpressible("TCP flags"))?;
    let flags = |bits: u32| TcpFlags(bits as u8);
    Ok(AnyOf::one_of(both.into_iter().map(|(set, mask)| FlagsMatch::new(flags(set), flags(mask)))))
}

/// A value and the bits of it that count.
type Pattern = (u32, u32);

/// The same without negation: patterns of which one must hold.
fn positive(items: Vec<Pattern>, negated: bool, all: u32) -> Option<Vec<Pattern>> {
    if !negated {
        return Some(items);
    }
    let mut held = Vec::from([(0, 0)]);
    for (value, mask) in items {
        held = both_patterns(&held, &others(value, mask & all))?;
    }
    Some(held)
}

/// Patterns of what does not equal `value` in `mask`: the lowest bit that differs is each in turn.
fn others(value: u32, mask: u32) -> Vec<Pattern> {
    let bits = (0..u32::BITS).map(|bit| 1u32 << bit).filter(|bit| mask & bit != 0);
    bits.map(|bit| {
        let lower = mask & bit.wrapping_sub(1);
        (value & lower | !value & bit, lower | bit)
    })
    .collect()
}

fn both_patterns(a: &[Pattern], b: &[Pattern]) -> Option<Vec<Pattern>> {
    let mut both = Vec::new();
    for (value, mask) in a {
        let agree = b.iter().filter(|(other, other_mask)| (value ^ other) & mask & other_mask == 0);
        both.extend(
            agree.map(|(other, other_mask)| (value & mask | other & other_mask, mask | other_mask)),
        );
        if both.len() > MAX_PATTERNS {
            return None;
        }
    }
    Some(both)
}

/// A rule asks for one protocol, and for nothing else.
pub(in crate::import) fn is_exactly(asked: &AnyOf<Protocol>, protocol: Protocol) -> bool {
    !asked.is_any() && !asked.is_negated() && asked.items() == [protocol]
}

/// How many addresses and ports are asked for, and one more.
pub(in crate::import) fn alternatives(criteria: &Criteria) -> usize {
    let Criteria { src, dst, src_port, dst_port, cut_src_port, cut_dst_port, .. } = criteria;
    let addresses = src.items().len().saturating_add(dst.items().len());
    let ports = [src_port, dst_port, cut_src_port, cut_dst_port];
    let ports: usize = ports.into_iter().map(|asked| asked.items().len()).sum();
    addresses.saturating_add(ports).saturating_add(1)
}
