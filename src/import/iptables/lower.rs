//! The tables that packets go through, as rule sets.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::vec::Vec;

use super::Table;
use super::document::{Dump, ParsedChain, ParsedTable, Policy};
use super::expand::{Step, StepKind};
use super::origin::Origin;
use super::rule_line::ParsedRule;
use super::target::ParsedTarget;
use crate::import::hook::{Hook, HookRules};
use crate::import::origins::Origins;
use crate::import::rate::{Rate, Rates};
use crate::import::seen::Seen;
use crate::packet::Family;
use crate::rule::{Action, AnyOf, ChainId, Criteria, Effect, Rule, RuleSet, Target};

/// The rules of one way through a host: of IPv4, then of IPv6.
pub(super) fn hook(hook: Hook, dumps: [Option<&Dump>; 2]) -> HookRules<Origin> {
    let mut raw = Builder::new(&dumps);
    let mut main = Builder::new(&dumps);
    let mut says_something = false;
    for (family, dump) in [Family::V4, Family::V6].into_iter().zip(dumps) {
        let Some(dump) = dump else {
            raw.whole_family(family, Action::Accept);
            main.whole_family(family, Action::Drop);
            continue;
        };
        let before = stages(dump, hook, before_tracking(hook));
        says_something |= !before.is_empty();
        raw.family(family, &before);
        main.family(family, &stages(dump, hook, after_tracking(hook)));
    }
    let rates = Rates::new(&all_rates(&dumps));
    HookRules {
        raw: says_something.then_some(raw.rules),
        rules: main.rules,
        rates,
        raw_origins: raw.origins,
        origins: main.origins,
    }
}

/// The chains asked before packets are tracked.
const fn before_tracking(hook: Hook) -> &'static [(Table, &'static str)] {
    match hook {
        Hook::Input | Hook::Forward => &[(Table::Raw, "PREROUTING")],
        Hook::Output => &[(Table::Raw, "OUTPUT")],
    }
}

/// Those asked after it.
const fn after_tracking(hook: Hook) -> &'static [(Table, &'static str)] {
    match hook {
        Hook::Input => &[
            (Table::Mangle, "PREROUTING"),
            (Table::Mangle, "INPUT"),
            (Table::Filter, "INPUT"),
            (Table::Security, "INPUT"),
        ],
        Hook::Forward => &[
            (Table::Mangle, "PREROUTING"),
            (Table::Mangle, "FORWARD"),
            (Table::Filter, "FORWARD"),
            (Table::Security, "FORWARD"),
            (Table::Mangle, "POSTROUTING"),
        ],
        Hook::Output => &[
            (Table::Mangle, "OUTPUT"),
            (Table::Filter, "OUTPUT"),
            (Table::Security, "OUTPUT"),
            (Table::Mangle, "POSTROUTING"),
        ],
    }
}

/// The rates of both texts, each at the place of its number.
fn all_rates(dumps: &[Option<&Dump>; 2]) -> Vec<Rate> {
    let mut dumps: Vec<&Dump> = dumps.iter().copied().flatten().collect();
    dumps.sort_by_key(|dump| dump.first_rate);
    dumps.into_iter().flat_map(|dump| dump.rates.iter().cloned()).collect()
}

/// A built-in chain that packets go through.
struct Stage<'d> {
    table: &'d ParsedTable,
    chain: &'d ParsedChain,
    policy: Policy,
    seen: Seen,
}

/// The built-in chains that are there and do not just accept.
fn stages<'d>(dump: &'d Dump, hook: Hook, chains: &[(Table, &str)]) -> Vec<Stage<'d>> {
    let stage = |(table, name): &(Table, &str)| {
        let table = dump.table(*table)?;
        let chain = table.chain(name)?;
        let policy = chain.policy?;
        let says_something = policy == Policy::Drop || !chain.rules.is_empty();
        let seen = Seen::at(*name != "PREROUTING", hook);
        says_something.then_some(Stage { table, chain, policy, seen })
    };
    chains.iter().filter_map(stage).collect()
}

/// A rule set being made.
struct Builder {
    rules: RuleSet,
    origins: Origins<Origin>,
}

impl Builder {
    /// No rules. Interfaces are numbered alike for all rule sets of the same texts.
    fn new(dumps: &[Option<&Dump>; 2]) -> Self {
        let mut rules = RuleSet::new(Action::Drop);
        let tables = dumps.iter().flatten().flat_map(|dump| &dump.tables);
        let parsed = tables.flat_map(|table| &table.chains).flat_map(|chain| &chain.rules);
        for step in parsed.flat_map(|rule| &rule.steps) {
            let Criteria { in_interface, out_interface, .. } = &step.criteria;
            in_interface.items().iter().chain(out_interface.items()).for_each(|name| {
                rules.intern_interface(name);
            });
        }
        Self { rules, origins: Origins::default() }
    }

    fn whole_family(&mut self, family: Family, action: Action) {
        self.rules.push(Rule::action(action).family(family));
    }

    /// Adds the chains that packets of a family go through, the first of them to the base chain.
    fn family(&mut self, family: Family, stages: &[Stage<'_>]) {
        if stages.is_empty() {
            return self.whole_family(family, Action::Accept);
        }
        let mut ids = Vec::from([ChainId::BASE]);
        for stage in stages.iter().skip(1) {
            let name = chain_name(family, stage.table.table, &stage.chain.name);
            ids.push(self.rules.add_chain(&name));
        }
        let nexts = ids.iter().skip(1).copied().map(Some).chain([None]);
        for ((stage, id), next) in stages.iter().zip(&ids).zip(nexts) {
            StageBuilder {
                builder: self,
                family,
                stage,
                next,
                chains: BTreeMap::new(),
                waiting: VecDeque::new(),
                gotos: BTreeMap::new(),
            }
            .build(*id);
        }
    }
}

/// The name of a chain of the text as a rule set has it.
fn chain_name(family: Family, table: Table, chain: &str) -> alloc::string::String {
    let family = if family == Family::V4 { "" } else { "ipv6." };
    match table {
        Table::Filter => format!("{family}{chain}"),
        _ => format!("{family}{table}.{chain}"),
    }
}

/// A built-in chain and the chains that it leads to.
struct StageBuilder<'b, 'd> {
    builder: &'b mut Builder,
    family: Family,
    stage: &'b Stage<'d>,
    /// The chain that packets go on to when they are accepted.
    next: Option<ChainId>,
    /// The chains of one's own that rules lead to.
    chains: BTreeMap<&'d str, ChainId>,
    /// Those of them whose rules are still to be added.
    waiting: VecDeque<&'d ParsedChain>,
    /// For each chain that a rule of the built-in chain goes to for good, one that jumps there and
    /// then does what the policy says.
    gotos: BTreeMap<ChainId, ChainId>,
}

impl<'d> StageBuilder<'_, 'd> {
    fn build(mut self, id: ChainId) {
        self.chain(id, self.stage.chain);
        let origin = self.origin(self.stage.chain, None);
        let policy = Rule::new(self.policy()).family(self.family);
        self.push(id, policy, origin);
        while let Some(chain) = self.waiting.pop_front() {
            if let Some(id) = self.chains.get(&*chain.name) {
                self.chain(*id, chain);
            }
        }
    }

    fn chain(&mut self, id: ChainId, chain: &'d ParsedChain) {
        let mut unreadable = Unreadable::default();
        for (rule, number) in chain.rules.iter().zip(1..) {
            let origin = self.origin(chain, Some((rule, number)));
            for step in &rule.steps {
                self.step(id, chain, rule, step, &origin, &mut unreadable);
            }
        }
    }

    fn step(
        &mut self,
        id: ChainId,
        chain: &'d ParsedChain,
        parsed: &'d ParsedRule,
        step: &Step,
        origin: &Origin,
        unreadable: &mut Unreadable,
    ) {
        let Some(criteria) = self.stage.seen.came(&step.criteria) else { return };
        let target = match step.kind {
            StepKind::Unreadable if unreadable.covers(&criteria) => return,
            StepKind::Unreadable => {
                unreadable.add(&criteria);
                Target::Action(Action::Drop)
            }
            StepKind::Spend(number) => Target::Continue(Effect::Spend(number)),
            StepKind::Target => self.target(chain, &parsed.target),
        };
        let mut rule = Rule::new(target);
        rule.criteria = criteria;
        rule.comment.clone_from(&parsed.comment);
        let unreadable = step.kind == StepKind::Unreadable;
        self.push(id, rule, Origin { unreadable, ..origin.clone() });
    }

    fn target(&mut self, chain: &'d ParsedChain, target: &'d ParsedTarget) -> Target {
        let built_in = chain.policy.is_some();
        match target {
            ParsedTarget::Accept => self.accept(),
            ParsedTarget::Drop => Target::Action(Action::Drop),
            ParsedTarget::Reject(kind) => Target::Action(Action::Reject(*kind)),
            ParsedTarget::Return if built_in => self.policy(),
            ParsedTarget::Return => Target::Return,
            ParsedTarget::Continue(effect, _) => Target::Continue(*effect),
            ParsedTarget::Jump(to) => Target::Jump(self.chain_id(&to.name)),
            ParsedTarget::Goto(to) => {
                let to = self.chain_id(&to.name);
                Target::Goto(if built_in { self.goto(to) } else { to })
            }
        }
    }

    fn accept(&self) -> Target {
        self.next.map_or(Target::Action(Action::Accept), Target::Goto)
    }

    fn policy(&self) -> Target {
        match self.stage.policy {
            Policy::Accept => self.accept(),
            Policy::Drop => Target::Action(Action::Drop),
        }
    }

    fn chain_id(&mut self, name: &'d str) -> ChainId {
        if let Some(id) = self.chains.get(name) {
            return *id;
        }
        let shown = chain_name(self.family, self.stage.table.table, name);
        let id = self.builder.rules.add_chain(&shown);
        self.chains.insert(name, id);
        self.waiting.extend(self.stage.table.chain(name));
        id
    }

    /// A chain that goes through `to` and then does what the policy says.
    fn goto(&mut self, to: ChainId) -> ChainId {
        if let Some(id) = self.gotos.get(&to) {
            return *id;
        }
        let name = self.builder.rules.chain(to).map_or("", |chain| chain.name());
        let name = format!("{name}.then-policy");
        let id = self.builder.rules.add_chain(&name);
        self.gotos.insert(to, id);
        self.builder.rules.push_to(id, Rule::jump(to));
        let origin = self.origin(self.stage.chain, None);
        self.push(id, Rule::new(self.policy()), origin);
        id
    }

    fn push(&mut self, chain: ChainId, rule: Rule, origin: Origin) {
        let id = self.builder.rules.push_to(chain, rule);
        self.builder.origins.set(id, origin);
    }

    fn origin(&self, chain: &ParsedChain, rule: Option<(&ParsedRule, usize)>) -> Origin {
        let log_prefix = rule.and_then(|(rule, _)| match &rule.target {
            ParsedTarget::Continue(_, prefix) => prefix.clone(),
            _ => None,
        });
        Origin {
            family: self.family,
            table: self.stage.table.table,
            chain: chain.name.clone(),
            rule: rule.map(|(_, number)| number),
            line: rule.map_or(chain.line, |(rule, _)| rule.line),
            unreadable: false,
            log_prefix,
            counters: rule.map_or(chain.counters, |(rule, _)| rule.counters),
        }
    }
}

/// What a chain has dropped as unreadable so far: rules after it need not drop it again.
#[derive(Default)]
struct Unreadable {
    dropped: Vec<Criteria>,
}

/// The most that is remembered of a chain.
const MAX_DROPPED: usize = 32;

impl Unreadable {
    /// Remembers what is wide enough to cover others and holds of a packet whatever its mark.
    fn add(&mut self, criteria: &Criteria) {
        let wide = criteria.src.is_any() && criteria.dst.is_any();
        let fixed = criteria.mark.is_any() && criteria.predicate.is_any();
        if wide && fixed && self.dropped.len() < MAX_DROPPED {
            self.dropped.push(criteria.clone());
        }
    }

    fn covers(&self, criteria: &Criteria) -> bool {
        self.dropped.iter().any(|dropped| is_within(criteria, dropped))
    }
}

/// Whether all that `inner` holds of, `outer` holds of: field by field.
fn is_within(inner: &Criteria, outer: &Criteria) -> bool {
    let faults = outer.malformed.items();
    let fewer_faults = !inner.malformed.is_any()
        && !inner.malformed.is_negated()
        && !outer.malformed.is_negated()
        && inner.malformed.items().iter().all(|fault| faults.contains(fault));
    // Both alike but for the fields of which `outer` asks nothing.
    let mut widened = inner.clone();
    if outer.in_interface.is_any() {
        widened.in_interface = AnyOf::any();
    }
    if outer.out_interface.is_any() {
        widened.out_interface = AnyOf::any();
    }
    if outer.state.is_any() {
        widened.state = AnyOf::any();
    }
    if outer.fragment.is_any() {
        widened.fragment = AnyOf::any();
    }
    widened.src = AnyOf::any();
    widened.dst = AnyOf::any();
    widened.mark = AnyOf::any();
    widened.predicate = AnyOf::any();
    widened.malformed.clone_from(&outer.malformed);
    fewer_faults && widened == *outer
}
