//! The chains that packets go through, as rule sets.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::condition::{Alternative, Condition};
use super::document::{At, Base, Chain, Listing, ParsedRule, TRACKING, Table};
use super::join::join;
use super::numbers::{RateName, RateNumbers};
use super::origin::Origin;
use super::statement::{Limit, Part, Verdict};
use crate::import::hook::{Hook, HookRules};
use crate::import::json::Fault;
use crate::import::origins::Origins;
use crate::import::rate::Rates;
use crate::import::seen::Seen;
use crate::packet::Family;
use crate::rule::{Action, AnyOf, ChainId, Criteria, Effect, InterfaceName, Rule, RuleSet, Target};

/// The most rules that one rule may become.
const MOST_RULES: usize = 1 << 16;

/// What is wrong with rules at their places, by the rules' places in the listing.
pub(super) fn faults(listing: &Listing) -> BTreeMap<usize, Fault> {
    let hooks = [Hook::Input, Hook::Forward, Hook::Output];
    hooks.into_iter().flat_map(|hook| lower(listing, hook).1).collect()
}

/// The rules of one way through a host, if [`faults`] finds none.
pub(super) fn hook(listing: &Listing, hook: Hook) -> HookRules<Origin> {
    lower(listing, hook).0
}

fn lower(listing: &Listing, hook: Hook) -> (HookRules<Origin>, BTreeMap<usize, Fault>) {
    let mut rates = RateNumbers::default();
    let before = stages(listing, hook, true);
    let after = stages(listing, hook, false);
    let names = interface_names(listing);
    let raw = Builder::build(&before, &names, &mut rates, true);
    let main = Builder::build(&after, &names, &mut rates, false);
    let rules = HookRules {
        raw: (!before.is_empty()).then_some(raw.rules),
        rules: main.rules,
        raw_origins: raw.origins,
        origins: main.origins,
        rates: Rates::new(&rates.rates),
    };
    (rules, raw.faults.into_iter().chain(main.faults).collect())
}

/// The names of interfaces in all rules, so that every rule set of a listing numbers them alike.
fn interface_names(listing: &Listing) -> Vec<&InterfaceName> {
    let chains = listing.tables.iter().flat_map(|table| &table.chains);
    let parts = chains.flat_map(|chain| &chain.rules).flat_map(|rule| &rule.parts);
    let asked = parts.flat_map(Part::criteria);
    let names = asked.flat_map(|Criteria { in_interface, out_interface, .. }| {
        in_interface.items().iter().chain(out_interface.items())
    });
    names.collect()
}

/// A chain that packets come to by themselves.
#[derive(Clone, Copy)]
struct Stage<'l> {
    table: &'l Table,
    chain: &'l Chain,
    base: Base,
    seen: Seen,
}

/// The chains of a way through a host, in the order in which packets come to them.
fn stages(listing: &Listing, hook: Hook, before_tracking: bool) -> Vec<Stage<'_>> {
    let places: &[At] = match hook {
        Hook::Input => &[At::Prerouting, At::Input],
        Hook::Forward => &[At::Prerouting, At::Forward, At::Postrouting],
        Hook::Output => &[At::Output, At::Postrouting],
    };
    let tables = listing.tables.iter().filter(|table| !table.dormant);
    let chains = tables.flat_map(|table| table.chains.iter().map(move |chain| (table, chain)));
    let stages = chains.filter_map(|(table, chain)| {
        let base = chain.base.filter(|base| places.contains(&base.hook))?;
        let first = matches!(base.hook, At::Prerouting | At::Output) && base.priority < TRACKING;
        let seen = Seen::at(base.hook != At::Prerouting, hook);
        (first == before_tracking).then_some(Stage { table, chain, base, seen })
    });
    let mut stages: Vec<_> = stages.collect();
    stages.sort_by_key(|stage| (stage.base.hook, stage.base.priority));
    stages
}

/// A rule set being made.
struct Builder<'b, 'l> {
    rules: RuleSet,
    origins: Origins<Origin>,
    rates: &'b mut RateNumbers<'l>,
    before_tracking: bool,
    faults: BTreeMap<usize, Fault>,
}

/// What comes of it.
struct Built {
    rules: RuleSet,
    origins: Origins<Origin>,
    faults: BTreeMap<usize, Fault>,
}

impl<'b, 'l> Builder<'b, 'l> {
    fn build(
        stages: &[Stage<'l>],
        names: &[&InterfaceName],
        rates: &'b mut RateNumbers<'l>,
        before_tracking: bool,
    ) -> Built {
        let (mut rules, origins) = (RuleSet::new(Action::Accept), Origins::default());
        names.iter().for_each(|name| rules.intern_interface(name));
        let faults = BTreeMap::new();
        let mut builder = Self { rules, origins, rates, before_tracking, faults };
        for family in [Family::V4, Family::V6] {
            let own = stages.iter().filter(|stage| stage.table.family.has(family));
            builder.family(family, &own.copied().collect::<Vec<_>>());
        }
        let Self { rules, origins, faults, .. } = builder;
        Built { rules, origins, faults }
    }

    /// Adds the chains that packets of a family go through, and leads these to the first.
    fn family(&mut self, family: Family, stages: &[Stage<'l>]) {
        let names = stages.iter().map(|stage| chain_name(family, stage.table, &stage.chain.name));
        let ids: Vec<_> = names.map(|name| self.rules.add_chain(&name)).collect();
        if let Some(first) = ids.first() {
            self.rules.push(Rule::goto(*first).family(family));
        }
        let nexts = ids.iter().skip(1).copied().map(Some).chain([None]);
        for ((stage, id), next) in stages.iter().zip(&ids).zip(nexts) {
            let builder = StageBuilder {
                builder: self,
                family,
                stage: *stage,
                next,
                chains: BTreeMap::new(),
                waiting: VecDeque::new(),
                then_policy: BTreeMap::new(),
            };
            builder.build(*id);
        }
    }
}

/// The name of a chain as a rule set has it.
fn chain_name(family: Family, table: &Table, chain: &str) -> String {
    let family = match (family, table.family.only()) {
        (Family::V6, None) => "ipv6.",
        _ => "",
    };
    format!("{family}{}.{}.{chain}", table.family.name(), table.name)
}

/// A chain that packets come to by themselves, and the chains that it leads to.
struct StageBuilder<'s, 'b, 'l> {
    builder: &'s mut Builder<'b, 'l>,
    family: Family,
    stage: Stage<'l>,
    /// The chain that packets go on to when they are accepted.
    next: Option<ChainId>,
    /// The chains that rules lead to.
    chains: BTreeMap<&'l str, ChainId>,
    /// Those of them whose rules are still to be added.
    waiting: VecDeque<&'l Chain>,
    /// For each chain that a rule of the base chain goes to for good, one that jumps there and then
    /// does what the policy says.
    then_policy: BTreeMap<ChainId, ChainId>,
}

/// Where rules are being added.
struct Place<'l> {
    chain: &'l Chain,
    /// The chain of the rule set, or the part of it that is not full yet.
    id: ChainId,
    /// How many parts there were before.
    parts: u32,
}

impl<'l> StageBuilder<'_, '_, 'l> {
    fn build(mut self, id: ChainId) {
        let last = self.chain(self.stage.chain, id);
        let policy = Rule::new(self.policy()).family(self.family);
        self.push(last, policy, None);
        while let Some(chain) = self.waiting.pop_front() {
            if let Some(id) = self.chains.get(&*chain.name).copied() {
                self.chain(chain, id);
            }
        }
    }

    /// Adds the rules of a chain; the part where the last of them is.
    fn chain(&mut self, chain: &'l Chain, id: ChainId) -> ChainId {
        let mut place = Place { chain, id, parts: 0 };
        for rule in &chain.rules {
            if let Err(fault) = self.rule(&mut place, rule) {
                self.builder.faults.insert(rule.index, fault);
            }
        }
        place.id
    }

    fn rule(&mut self, place: &mut Place<'l>, rule: &'l ParsedRule) -> Result<(), Fault> {
        let any = Criteria { family: Some(self.family), ..Criteria::default() };
        let mut here = Here { at: place.id, come: vec![any], rest: None };
        for (index, part) in rule.parts.iter().enumerate() {
            let more = index.saturating_add(1) < rule.parts.len();
            self.part(place, rule, index, part, more, &mut here)?;
            if here.come.is_empty() {
                break;
            }
            if here.come.len() > MOST_RULES {
                return Err(Fault::unsupported("a rule of so many cases"));
            }
        }
        if let Some(rest) = here.rest {
            // What has not been decided goes on with the rules after this one.
            self.push(place.id, Rule::goto(rest), Some((place.chain, rule)));
            if here.at != place.id {
                self.push(here.at, Rule::goto(rest), Some((place.chain, rule)));
            }
            place.id = rest;
        }
        Ok(())
    }

    fn part(
        &mut self,
        place: &mut Place<'l>,
        rule: &'l ParsedRule,
        index: usize,
        part: &'l Part,
        more: bool,
        here: &mut Here,
    ) -> Result<(), Fault> {
        match part {
            Part::Ask(Condition::Any(alternatives)) => {
                here.come = self.those(&here.come, alternatives)?;
            }
            Part::Ask(Condition::NoneOf { has, others }) => {
                let skipped = self.those(&here.come, others)?;
                let rest = self.rest(place, here);
                self.say_each(place, rule, here.at, &skipped, &Target::Goto(rest));
                here.come = self.those(&here.come, has)?;
            }
            Part::Note(effect) => self.note(place, rule, here, *effect, more)?,
            Part::MarkBy(entries) => {
                for (alternative, mark) in entries {
                    let marked = self.those(&here.come, core::slice::from_ref(alternative))?;
                    let target = Target::Continue(Effect::Mark(*mark));
                    self.say_each(place, rule, here.at, &marked, &target);
                }
                if more {
                    return Err(Fault::unsupported("a statement after a map of marks"));
                }
            }
            Part::Limit(limit) => {
                let number = self.number(rule, index, limit)?;
                let left = with_predicate(AnyOf::one_of([number]));
                let spent = self.those(&here.come, core::slice::from_ref(&left))?;
                let target = Target::Continue(Effect::Spend(number));
                self.say_each(place, rule, here.at, &spent, &target);
                let passed = match limit.over {
                    true => with_predicate(AnyOf::none_of([number])),
                    false => left,
                };
                here.come = self.those(&here.come, &[passed])?;
            }
            Part::Leave | Part::Say(Verdict::Continue) => {}
            Part::Say(verdict) => {
                let target = self.target(place, verdict)?;
                let come = core::mem::take(&mut here.come);
                self.say_each(place, rule, here.at, &come, &target);
            }
            Part::SayBy { entries, others, exclusive } => {
                for (alternative, verdict) in entries {
                    let come = self.those(&here.come, core::slice::from_ref(alternative))?;
                    self.say_of_map(place, rule, here, &come, verdict, *exclusive)?;
                }
                if let Some((has, verdict)) = others {
                    let come = self.those(&here.come, has)?;
                    self.say_of_map(place, rule, here, &come, verdict, false)?;
                }
                if more {
                    return Err(Fault::unsupported("a statement after a map of verdicts"));
                }
            }
        }
        Ok(())
    }

    /// A verdict for packets of which no other entry of the map may say anything any more.
    fn say_of_map(
        &mut self,
        place: &mut Place<'l>,
        rule: &'l ParsedRule,
        here: &mut Here,
        come: &[Criteria],
        verdict: &'l Verdict,
        exclusive: bool,
    ) -> Result<(), Fault> {
        if *verdict != Verdict::Continue {
            let target = self.target(place, verdict)?;
            self.say_each(place, rule, here.at, come, &target);
        }
        if exclusive && matches!(verdict, Verdict::Continue | Verdict::Jump(_)) {
            let rest = self.rest(place, here);
            self.say_each(place, rule, here.at, come, &Target::Goto(rest));
        }
        Ok(())
    }

    fn note(
        &mut self,
        place: &mut Place<'l>,
        rule: &'l ParsedRule,
        here: &mut Here,
        effect: Effect,
        more: bool,
    ) -> Result<(), Fault> {
        if effect == Effect::NoTrack && !self.builder.before_tracking {
            return Err(Fault::unsupported("`notrack` where connections are tracked already"));
        }
        let marks = matches!(effect, Effect::Mark(_));
        if marks && more && here.come.iter().any(|criteria| !criteria.mark.is_any()) {
            // The mark that was asked for is gone afterwards: on in a chain of its own.
            self.rest(place, here);
            let own = self.part_of(place, "marked");
            let come = core::mem::take(&mut here.come);
            self.say_each(place, rule, here.at, &come, &Target::Goto(own));
            here.at = own;
            here.come = vec![Criteria { family: Some(self.family), ..Criteria::default() }];
        }
        let come = here.come.clone();
        self.say_each(place, rule, here.at, &come, &Target::Continue(effect));
        Ok(())
    }

    /// The chain for what comes after the rule that is being added.
    fn rest(&mut self, place: &mut Place<'l>, here: &mut Here) -> ChainId {
        *here.rest.get_or_insert_with(|| {
            place.parts = place.parts.saturating_add(1);
            let name = chain_name(self.family, self.stage.table, &place.chain.name);
            self.builder.rules.add_chain(&format!("{name}.{}", place.parts))
        })
    }

    fn part_of(&mut self, place: &Place<'l>, what: &str) -> ChainId {
        let name = chain_name(self.family, self.stage.table, &place.chain.name);
        self.builder.rules.add_chain(&format!("{name}.{what}"))
    }

    /// Those of the packets that come of which one of the alternatives holds.
    fn those(
        &self,
        come: &[Criteria],
        alternatives: &[Alternative],
    ) -> Result<Vec<Criteria>, Fault> {
        let mut those = Vec::new();
        for criteria in come {
            for Alternative(all) in alternatives {
                let mut both = Some(criteria.clone());
                for asked in all {
                    both = match both {
                        Some(both) => join(&both, asked, self.family)?,
                        None => None,
                    };
                }
                if self.builder.before_tracking
                    && both.as_ref().is_some_and(Criteria::asks_connection)
                {
                    return Err(Fault::unsupported(
                        "asking for a connection before packets are tracked",
                    ));
                }
                those.extend(both);
                if those.len() > MOST_RULES {
                    return Err(Fault::unsupported("a rule of so many cases"));
                }
            }
        }
        Ok(those)
    }

    fn number(
        &mut self,
        rule: &'l ParsedRule,
        index: usize,
        limit: &'l Limit,
    ) -> Result<u8, Fault> {
        let Stage { table, .. } = self.stage;
        let name = match &limit.name {
            Some(name) => RateName::Named(table.family.name(), &table.name, name),
            None => RateName::Own(rule.index, index),
        };
        self.builder.rates.number(name, limit)
    }

    fn target(&mut self, place: &Place<'l>, verdict: &'l Verdict) -> Result<Target, Fault> {
        let is_base = place.chain.base.is_some();
        Ok(match verdict {
            Verdict::Accept => self.accept(),
            Verdict::Drop => Target::Action(Action::Drop),
            Verdict::Reject(how) => Target::Action(Action::Reject(*how)),
            Verdict::Return if is_base => self.policy(),
            Verdict::Return | Verdict::Continue => Target::Return,
            Verdict::Jump(to) => Target::Jump(self.chain_id(to)?),
            Verdict::Goto(to) => {
                let to = self.chain_id(to)?;
                Target::Goto(if is_base { self.then_policy(to) } else { to })
            }
        })
    }

    fn accept(&self) -> Target {
        self.next.map_or(Target::Action(Action::Accept), Target::Goto)
    }

    fn policy(&self) -> Target {
        if self.stage.base.accepts { self.accept() } else { Target::Action(Action::Drop) }
    }

    fn chain_id(&mut self, name: &'l str) -> Result<ChainId, Fault> {
        if let Some(id) = self.chains.get(name) {
            return Ok(*id);
        }
        let table = self.stage.table;
        let chain = table.chain(name).filter(|chain| chain.base.is_none());
        let Some(chain) = chain else {
            return Err(Fault::wrong(format!("there is no chain `{name}` to jump to")));
        };
        let id = self.builder.rules.add_chain(&chain_name(self.family, table, name));
        self.chains.insert(name, id);
        self.waiting.push_back(chain);
        Ok(id)
    }

    /// A chain that goes through `to` and then does what the policy says.
    fn then_policy(&mut self, to: ChainId) -> ChainId {
        if let Some(id) = self.then_policy.get(&to) {
            return *id;
        }
        let name = self.builder.rules.chain(to).map_or("", |chain| chain.name());
        let name = format!("{name}.then-policy");
        let id = self.builder.rules.add_chain(&name);
        self.then_policy.insert(to, id);
        self.builder.rules.push_to(id, Rule::jump(to));
        self.push(id, Rule::new(self.policy()), None);
        id
    }

    fn say_each(
        &mut self,
        place: &Place<'l>,
        rule: &'l ParsedRule,
        at: ChainId,
        come: &[Criteria],
        target: &Target,
    ) {
        let seen = self.stage.seen;
        for criteria in come.iter().filter_map(|criteria| seen.came(criteria)) {
            let mut said = Rule::new(target.clone());
            said.criteria = criteria;
            said.comment.clone_from(&rule.comment);
            self.push(at, said, Some((place.chain, rule)));
        }
    }

    /// Adds a rule that comes from one of the listing, or from the policy.
    fn push(&mut self, at: ChainId, rule: Rule, from: Option<(&'l Chain, &'l ParsedRule)>) {
        let id = self.builder.rules.push_to(at, rule);
        let (chain, rule) = from.unzip();
        let chain = chain.unwrap_or(self.stage.chain);
        self.builder.origins.set(id, Origin::new(self.stage.table, chain, rule));
    }
}

/// The packets that have come so far in a rule.
struct Here {
    /// Where the rule's next part is added.
    at: ChainId,
    come: Vec<Criteria>,
    /// The chain for what comes after this rule, if it has to be one of its own.
    rest: Option<ChainId>,
}

fn with_predicate(predicate: AnyOf<u8>) -> Alternative {
    Alternative(vec![Criteria { predicate, ..Criteria::default() }])
}
