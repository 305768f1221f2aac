//! Two things asked of a packet at once, with what `meet` cannot say.

use alloc::vec::Vec;

use crate::import::json::Fault;
use crate::import::meet::{Inexpressible, meet};
use crate::import::spans::{Spans, complement, intersection, merged};
use crate::packet::Family;
use crate::rule::{AnyOf, Criteria, IcmpKind};

/// What two criteria ask together of packets of a family; `None` if no packet can satisfy both.
pub(super) fn join(a: &Criteria, b: &Criteria, family: Family) -> Result<Option<Criteria>, Fault> {
    let other = |criteria: &Criteria| criteria.family.is_some_and(|asked| asked != family);
    if other(a) || other(b) {
        return Ok(None);
    }
    let icmp = kinds(&a.icmp, &b.icmp);
    let icmpv6 = kinds(&a.icmpv6, &b.icmpv6);
    let a = Criteria { icmp: AnyOf::any(), icmpv6: AnyOf::any(), ..a.clone() };
    let b = Criteria { icmp, icmpv6, ..b.clone() };
    let both = meet(&a, &b, family);
    let both = both.map_err(|Inexpressible(field)| {
        Fault::unsupported(format_args!("asking for the {field} in two ways that differ"))
    })?;
    Ok(both.filter(|criteria| !is_never(criteria)))
}

/// A packet has its ports in one way or the other, and one of type without types is none.
fn is_never(criteria: &Criteria) -> bool {
    let none = |kinds: &AnyOf<IcmpKind>| {
        !kinds.is_any() && !kinds.is_negated() && kinds.items().is_empty()
    };
    let whole = !criteria.src_port.is_any() || !criteria.dst_port.is_any();
    let cut = !criteria.cut_src_port.is_any() || !criteria.cut_dst_port.is_any();
    let read = whole || !criteria.tcp_flags.is_any();
    read && cut || none(&criteria.icmp) || none(&criteria.icmpv6)
}

/// Types and codes as one number.
fn kinds(a: &AnyOf<IcmpKind>, b: &AnyOf<IcmpKind>) -> AnyOf<IcmpKind> {
    if a.is_any() || a == b {
        return b.clone();
    }
    if b.is_any() {
        return a.clone();
    }
    let both = intersection(&spans(a), &spans(b));
    let kinds = both.iter().flat_map(|(first, last)| {
        let (first, last) = (*first as u16, *last as u16);
        (first >> 8..=last >> 8).map(move |icmp_type| {
            let from = if icmp_type == first >> 8 { first as u8 } else { 0 };
            let to = if icmp_type == last >> 8 { last as u8 } else { u8::MAX };
            IcmpKind::new(icmp_type as u8, from..=to)
        })
    });
    AnyOf::one_of(kinds.collect::<Vec<_>>())
}

fn spans(asked: &AnyOf<IcmpKind>) -> Spans {
    let spans = merged(asked.items().iter().map(|kind| {
        let base = u128::from(kind.icmp_type()) << 8;
        (base | u128::from(kind.codes().first()), base | u128::from(kind.codes().last()))
    }));
    if asked.is_negated() { complement(&spans, 0xffff) } else { spans }
}
