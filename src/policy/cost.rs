//! What rules cost, in units of our own: see the table in [`super`].

use super::{PolicyRule, Rate};
use crate::rule::{AnyOf, Criteria};

/// What a rule costs.
pub(super) fn units<A>(rule: &PolicyRule<A>) -> u64 {
    let asked = rule.labelled.len() + rule.not_labelled.len();
    let labels = asked + rule.labels.len().div_ceil(5);
    1 + of_criteria(&rule.rule.criteria) + labels as u64 + rule.rate.as_ref().map_or(0, of_rate)
}

fn of_rate(rate: &Rate) -> u64 {
    let room = u64::from(rate.capacity).div_ceil(65_536).saturating_sub(1);
    2 + u64::from(rate.by.parts()) + room
}

fn of_criteria(criteria: &Criteria) -> u64 {
    // Without `..`, so that a new field has to be thought of here.
    let Criteria {
        family: _,
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
    } = criteria;
    let split = [
        more(src),
        more(dst),
        more(protocol),
        more(src_port),
        more(dst_port),
        more(icmp),
        more(icmpv6),
        more(in_interface),
        more(out_interface),
        more(state),
    ];
    let checked = [
        one(tcp_flags),
        one(fragment),
        one(malformed),
        one(cut_src_port),
        one(cut_dst_port),
        one(zone),
        one(direction),
        one(status),
        one(dscp),
        one(ttl),
        one(length),
        one(mark),
        one(vlan),
        one(predicate),
    ];
    let original = original.as_ref().map_or(0, |asked| {
        one(&asked.src)
            + one(&asked.dst)
            + one(&asked.protocol)
            + one(&asked.src_port)
            + one(&asked.dst_port)
    });
    let sets = sets.iter().flat_map(|sets| sets.parts()).filter(|(_, asked)| !asked.is_any());
    split.iter().chain(&checked).sum::<u64>() + original + sets.count() as u64
}

/// For the alternatives beyond the first.
fn more<T>(asked: &AnyOf<T>) -> u64 {
    (asked.items().len() as u64).saturating_sub(1).div_ceil(16)
}

/// For a field that is checked besides, and its alternatives.
fn one<T>(asked: &AnyOf<T>) -> u64 {
    if asked.is_any() { 0 } else { 1 + more(asked) }
}
