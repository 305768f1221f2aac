//! Packets whose headers cannot be read: what iptables makes of them, and whether that is what the rules
//! say.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use crate::analysis::Analysis;
use crate::export::ExportError;
use crate::export::asked::Asked;
use crate::export::error::Fault;
use crate::import::iptables::Hook;
use crate::packet::{Malformed, Protocol};
use crate::rule::{Action, AnyOf, ChainId, Criteria, Rule, RuleId, RuleSet, Target};

/// What iptables does at a rule besides what the rule says.
#[derive(Clone, Debug)]
pub(super) struct Extra {
    criteria: Criteria,
    /// Whether packets are dropped; otherwise the rule holds of them, too.
    drops: bool,
}

/// Packets of a protocol with these faults are dropped.
pub(super) fn cut_header(asked: &Asked<'_>, protocol: Protocol, faults: &[Malformed]) -> Extra {
    let criteria = Criteria {
        protocol: protocol.into(),
        malformed: AnyOf::from(faults),
        ..of_other_fields(asked)
    };
    Extra { criteria, drops: true }
}

/// Packets whose extension headers are cut short are dropped, if what `-s`, `-d`, `-i` and `-o` ask
/// holds.
pub(super) fn extension_headers(base: Criteria, criteria: &Criteria) -> Extra {
    let mut base = Criteria { malformed: Malformed::ExtensionHeaders.into(), ..base };
    if let Some(sets) = &criteria.sets {
        let mut own = crate::rule::SetCriteria::default();
        own.in_interface.clone_from(&sets.in_interface);
        own.out_interface.clone_from(&sets.out_interface);
        base.sets = (!own.is_any()).then(|| own.into());
    }
    Extra { criteria: base, drops: true }
}

impl Extra {
    /// The rule holds of ports of a header cut short behind them.
    pub(super) fn cut_twin(asked: &Asked<'_>, protocol: Protocol) -> Self {
        let Criteria { src_port, dst_port, .. } = asked.criteria;
        let criteria = Criteria {
            protocol: protocol.into(),
            cut_src_port: src_port.clone(),
            cut_dst_port: dst_port.clone(),
            ..of_other_fields(asked)
        };
        Self { criteria, drops: false }
    }
}

/// All that is asked but of the header and what may be wrong with it.
fn of_other_fields(asked: &Asked<'_>) -> Criteria {
    let mut criteria = asked.criteria.clone();
    criteria.family = Some(asked.family);
    criteria.src_port = AnyOf::any();
    criteria.dst_port = AnyOf::any();
    criteria.cut_src_port = AnyOf::any();
    criteria.cut_dst_port = AnyOf::any();
    criteria.tcp_flags = AnyOf::any();
    criteria.icmp = AnyOf::any();
    criteria.icmpv6 = AnyOf::any();
    criteria.fragment = AnyOf::any();
    criteria.malformed = AnyOf::any();
    if let Some(mut sets) = criteria.sets.take() {
        sets.src_port = AnyOf::any();
        sets.dst_port = AnyOf::any();
        criteria.sets = (!sets.is_any()).then_some(sets);
    }
    criteria
}

/// What happens besides, by rule.
pub(super) type Extras = BTreeMap<RuleId, Vec<Extra>>;

/// How many comparisons the proof may take: some seconds.
const MOST_STEPS: u64 = 400_000_000;

/// Sees to it that the rules decide the packets concerned as iptables will.
pub(super) fn check(hook: Hook, rules: &RuleSet, extras: &Extras) -> Result<(), ExportError> {
    let mut open = BTreeMap::new();
    for (id, extras) in extras {
        let uncovered = extras.iter().filter(|extra| !is_covered(rules, *id, extra));
        let uncovered: Vec<&Extra> = uncovered.collect();
        if !uncovered.is_empty() {
            open.insert(*id, uncovered);
        }
    }
    if open.is_empty() || drops_anyway(rules, &open) {
        return Ok(());
    }
    let (written, places) = written(rules, &open);
    let name = |id: RuleId| rules.chain(id.chain).map_or("", |chain| chain.name());
    match Analysis::new(rules).max_steps(MOST_STEPS).difference(&written) {
        Ok(differences) => match differences.first() {
            None => Ok(()),
            Some(found) => {
                let id = found.second.and_then(|id| places.get(&id)).copied();
                let why = format!(
                    "iptables drops packets that it cannot read where a rule looks at their headers, but \
                     these rules decide otherwise of {}; drop such packets before, or allow it with \
                     `Host::drop_unreadable`",
                    found.witness
                );
                Err(Fault::new("unreadable packets", why).at(hook, id, id.map_or("", name)))
            }
        },
        Err(error) => {
            let id = open.keys().next().copied();
            let why = format!(
                "iptables drops packets that it cannot read where a rule looks at their headers; that \
                 these rules drop them, too, cannot be shown ({error}); drop such packets before, or \
                 allow it with `Host::drop_unreadable`"
            );
            Err(Fault::new("unreadable packets", why).at(hook, id, id.map_or("", name)))
        }
    }
}

/// Whether an earlier rule of the chain drops all of these packets.
fn is_covered(rules: &RuleSet, id: RuleId, extra: &Extra) -> bool {
    let chain = rules.chain(id.chain).map_or(&[] as &[_], |chain| chain.rules());
    let before = chain.get(..id.index.saturating_add(1) as usize).unwrap_or(chain);
    let recent = before.iter().rev().take(NEAR);
    let first = before.iter().take(NEAR);
    let drops = |rule: &&Rule| rule.target == Target::Action(Action::Drop);
    extra.drops && recent.chain(first).filter(drops).any(|rule| covers(&rule.criteria, extra))
}

/// How many rules from both ends are looked at.
const NEAR: usize = 64;

/// Whether all of these packets are among those that `outer` holds of: field by field.
fn covers(outer: &Criteria, extra: &Extra) -> bool {
    let inner = &extra.criteria;
    fn wide<T: PartialEq>(outer: &AnyOf<T>, inner: &AnyOf<T>) -> bool {
        let among = |item: &T| outer.items().contains(item);
        let plain = |asked: &AnyOf<T>| !asked.is_any() && !asked.is_negated();
        outer.is_any()
            || outer == inner
            || plain(outer) && plain(inner) && inner.items().iter().all(among)
    }
    let fixed = outer.mark.is_any() && outer.sets.is_none();
    let rest = Criteria {
        family: None,
        src: AnyOf::any(),
        dst: AnyOf::any(),
        protocol: AnyOf::any(),
        malformed: AnyOf::any(),
        in_interface: AnyOf::any(),
        out_interface: AnyOf::any(),
        state: AnyOf::any(),
        ..outer.clone()
    };
    fixed
        && rest == Criteria::default()
        && outer.family.is_none_or(|family| Some(family) == inner.family)
        && wide(&outer.src, &inner.src)
        && wide(&outer.dst, &inner.dst)
        && wide(&outer.protocol, &inner.protocol)
        && wide(&outer.malformed, &inner.malformed)
        && wide(&outer.in_interface, &inner.in_interface)
        && wide(&outer.out_interface, &inner.out_interface)
        && wide(&outer.state, &inner.state)
}

/// Whether no rule passes a packet whose header is not read, so that all of them end as these do.
fn drops_anyway(rules: &RuleSet, open: &BTreeMap<RuleId, Vec<&Extra>>) -> bool {
    let reads = |criteria: &Criteria| {
        let ports = !criteria.src_port.is_any() || !criteria.dst_port.is_any();
        ports
            || !criteria.tcp_flags.is_any()
            || !criteria.icmp.is_any()
            || !criteria.icmpv6.is_any()
    };
    let mut all = rules.chains().iter().flat_map(|chain| chain.rules());
    *rules.default_action() == Action::Drop
        && open.values().flatten().all(|extra| extra.drops)
        && all.all(|rule| match &rule.target {
            Target::Action(Action::Drop) => true,
            Target::Action(_) => reads(&rule.criteria),
            _ => true,
        })
}

/// The rules as iptables has them, and to which rule each of those belongs that are there besides.
fn written(
    rules: &RuleSet,
    open: &BTreeMap<RuleId, Vec<&Extra>>,
) -> (RuleSet, BTreeMap<RuleId, RuleId>) {
    let mut written = RuleSet::new(*rules.default_action());
    let mut places = BTreeMap::new();
    written.set_sets(rules.sets().clone());
    rules.chains().iter().skip(1).for_each(|chain| _ = written.add_chain(chain.name()));
    for (number, chain) in (0..).zip(rules.chains()) {
        for (index, rule) in (0..).zip(chain.rules()) {
            let id = RuleId::new(ChainId(number), index);
            for extra in open.get(&id).into_iter().flatten() {
                let target = match extra.drops {
                    true => Target::Action(Action::Drop),
                    false => rule.target.clone(),
                };
                let mut besides = Rule::new(target);
                besides.criteria = extra.criteria.clone();
                places.insert(written.push_to(id.chain, besides), id);
            }
            written.push_to(id.chain, rule.clone());
        }
    }
    (written, places)
}
