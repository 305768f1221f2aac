use portcullis::rule::AnyOf;
use portcullis::{ChainId, Criteria, Rule, RuleSet};

/// Takes rules, then single criteria, away from a rule set that fails, as long as it still does.
/// Chains stay, so that jumps lead where they led.
pub(crate) fn reduce(rules: &RuleSet, fails: impl Fn(&RuleSet) -> bool) -> RuleSet {
    let mut smallest = rules.clone();
    let mut size = rules.len().max(1);
    while size > 0 {
        let mut from = 0;
        while from < smallest.len() {
            let kept = without(&smallest, from, size);
            match fails(&kept) {
                true => smallest = kept,
                false => from += size,
            }
        }
        size /= 2;
    }
    for index in 0..smallest.len() {
        for field in 0..FIELDS {
            let simpler = map(&smallest, |at, rule| {
                if at == index {
                    clear(&mut rule.criteria, field);
                }
                true
            });
            smallest = if fails(&simpler) { simpler } else { smallest };
        }
    }
    smallest
}

fn without(rules: &RuleSet, from: usize, size: usize) -> RuleSet {
    map(rules, |at, _| !(from..from + size).contains(&at))
}

/// A copy of the rule set, rules changed or left out.
fn map(rules: &RuleSet, mut keep: impl FnMut(usize, &mut Rule) -> bool) -> RuleSet {
    let mut copy = RuleSet::new(*rules.default_action());
    copy.set_sets(rules.sets().clone());
    let mut at = 0;
    for (index, chain) in rules.chains().iter().enumerate() {
        let id = if index == 0 { ChainId::BASE } else { copy.add_chain(chain.name()) };
        for rule in chain.rules() {
            let mut rule: Rule<_> = rule.clone();
            if keep(at, &mut rule) {
                copy.push_to(id, rule);
            }
            at += 1;
        }
    }
    copy
}

const FIELDS: usize = 27;

fn clear(criteria: &mut Criteria, field: usize) {
    match field {
        0 => criteria.family = None,
        1 => criteria.src = AnyOf::any(),
        2 => criteria.dst = AnyOf::any(),
        3 => criteria.protocol = AnyOf::any(),
        4 => criteria.src_port = AnyOf::any(),
        5 => criteria.dst_port = AnyOf::any(),
        6 => criteria.icmp = AnyOf::any(),
        7 => criteria.icmpv6 = AnyOf::any(),
        8 => criteria.tcp_flags = AnyOf::any(),
        9 => criteria.fragment = AnyOf::any(),
        10 => criteria.malformed = AnyOf::any(),
        11 => criteria.in_interface = AnyOf::any(),
        12 => criteria.out_interface = AnyOf::any(),
        13 => criteria.state = AnyOf::any(),
        14 => criteria.dscp = AnyOf::any(),
        15 => criteria.length = AnyOf::any(),
        16 => criteria.mark = AnyOf::any(),
        17 => criteria.vlan = AnyOf::any(),
        18 => criteria.predicate = AnyOf::any(),
        19 => criteria.cut_src_port = AnyOf::any(),
        20 => criteria.cut_dst_port = AnyOf::any(),
        21 => criteria.ttl = AnyOf::any(),
        22 => criteria.direction = AnyOf::any(),
        23 => criteria.status = AnyOf::any(),
        24 => criteria.zone = AnyOf::any(),
        25 => criteria.sets = None,
        _ => criteria.original = None,
    }
}
