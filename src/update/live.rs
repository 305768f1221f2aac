use alloc::sync::Arc;
use alloc::vec::Vec;

#[cfg(feature = "std")]
use arc_swap::ArcSwap;

use super::block::Entry;
use super::delta::Delta;
use super::jumps::Jumps;
use super::ordinal::{Ordinal, between, even};
use super::place::{LiveChain, Order};
#[cfg(feature = "std")]
use super::reader::Reader;
use super::slots::{Held, Slots};
use super::snapshot::{Base, BaseChain, Snapshot};
use super::tier::{Tier, is_plain};
use super::{Position, RuleKey, UpdateError};
use crate::Config;
use crate::rule::set::Contents;
use crate::rule::{
    Action, BuildError, ChainId, InterfaceName, Kind, Limit, MAX_RULES, Rule, RuleId, RuleSet,
};
use crate::tree::Members;

/// A stateless matcher whose rules come and go: the writer's side.
///
/// Changes are seen by nobody until [`publish`](Self::publish), and then all at once. See the
/// [module](super) for how it works.
#[derive(Debug)]
pub struct LiveMatcher<A = Action> {
    /// What the next snapshot will be.
    pub(super) current: Snapshot<A>,
    last: Arc<Snapshot<A>>,
    pub(super) changed: bool,
    #[cfg(feature = "std")]
    published: Arc<ArcSwap<Snapshot<A>>>,
    pub(super) slots: Slots<A>,
    pub(super) chains: Vec<LiveChain>,
    jumps: Jumps,
    pub(super) config: Config,
    pub(super) removed: usize,
    /// How many inserted rules of the base chain may be looked at one by one before a tier is made.
    pub(super) overlay: usize,
    /// The same now: more, where rules cannot be in a tier.
    pub(super) room: usize,
}

/// How many changes a lookup can look at without taking much longer.
const FEW: usize = 64;

impl<A: Clone + PartialEq> LiveMatcher<A> {
    /// Compiles a rule set.
    ///
    /// # Errors
    ///
    /// Those of [`StatelessMatcher::compile`](crate::StatelessMatcher::compile).
    pub fn new(rules: &RuleSet<A>, config: &Config) -> Result<Self, BuildError> {
        let mut slots = Slots::new();
        let chains = rules.chains().iter().zip(0..).map(|(chain, id)| {
            let keyed = chain.rules().iter().zip(0..).map(|(rule, index)| {
                let (rule, ordinal) = (Arc::new(rule.clone()), Ordinal::of_base(index));
                let (held, chain) = (Arc::clone(&rule), ChainId(id));
                (slots.put(Held { rule: held, chain, ordinal, inserted: None }), rule)
            });
            BaseChain::new(keyed)
        });
        let chains = chains.collect();
        let current = Snapshot {
            base: Arc::new(Base::compile(rules, chains, config)?),
            own: Delta::new(ChainId::BASE),
            others: Vec::new(),
            interfaces: Arc::new(rules.interfaces().clone()),
            members: Members::of(rules),
            default: Arc::new(rules.default_action().clone()),
            special: 0,
            straight: true,
        };
        let last = Arc::new(current.clone());
        Ok(Self {
            current,
            #[cfg(feature = "std")]
            published: Arc::new(ArcSwap::new(Arc::clone(&last))),
            last,
            changed: false,
            slots,
            chains: rules.chains().iter().map(|chain| LiveChain::new(chain.name())).collect(),
            jumps: Jumps::of(rules),
            config: config.clone(),
            removed: 0,
            overlay: FEW,
            room: FEW,
        })
    }

    /// Inserts a rule.
    ///
    /// # Errors
    ///
    /// When there is no such place, or the rule jumps to nowhere or in a circle, asks for a
    /// connection state, or passes a limit.
    ///
    /// # Complexity
    ///
    /// Below a microsecond for a rule that decides. Every 64th of those that stay compiles all that were
    /// inserted since the last rebuild to a small tree, some microseconds for each of them. A rule that jumps costs a look at the chains around it. One that names an interface for which a
    /// wildcard of other rules stands costs a [`rebuild`](Self::rebuild).
    pub fn insert(&mut self, at: Position, rule: Rule<A>) -> Result<RuleKey, UpdateError> {
        let (chain, place) = self.resolve(at)?;
        let stale = self.intern(&rule);
        if let Some(kind) = self.fault(chain, &rule) {
            let index = self.order(chain).rank(place) as u32;
            let name = self.chains.get(chain.index()).map_or("", |chain| &chain.name);
            return Err(BuildError::at(RuleId::new(chain, index), name, kind).into());
        }
        let ordinal = self.ordinal(chain, place);
        self.jumps.add(chain, &rule);
        let key = self.hold(chain, ordinal, Arc::new(rule));
        if stale && let Err(error) = self.rebuild() {
            _ = self.remove(key);
            return Err(error.into());
        }
        if self.current.own.loose() > self.room {
            self.fold();
        }
        Ok(key)
    }

    /// Sets how many inserted rules of the base chain are looked at one by one, 64 unless it is set,
    /// before they are compiled to a small tree of their own: fewer make lookups faster and inserting
    /// slower.
    pub fn set_overlay(&mut self, rules: usize) {
        (self.overlay, self.room) = (rules, rules);
    }

    /// Compiles the inserted rules of the base chain to a new tier, as far as that can have them. If it
    /// cannot be compiled they stay what they are, and it is tried again when there are twice as many.
    fn fold(&mut self) {
        let keys: Vec<RuleKey> = self
            .chains
            .first()
            .map_or_else(Vec::new, |chain| chain.inserted.values().copied().collect());
        let plain = keys.into_iter().filter_map(|key| {
            let held = self.slots.held(key).filter(|held| is_plain(&held.rule))?;
            Some(Entry { ordinal: held.ordinal, key, rule: Arc::clone(&held.rule) })
        });
        let plain: Vec<Entry<A>> = plain.collect();
        let keys: Vec<RuleKey> = plain.iter().map(|entry| entry.key).collect();
        if keys.is_empty() {
            // None of them is plain.
        } else if let Ok(tier) = Tier::compile(plain, (*self.current.default).clone(), &self.config)
        {
            let own = &mut self.current.own;
            for (key, place) in keys.into_iter().zip(0..) {
                let Some(held) = self.slots.held_mut(key) else { continue };
                if let Some(slot) = held.inserted.filter(|slot| !Delta::<A>::is_in_tier(*slot)) {
                    own.remove(slot);
                }
                held.inserted = Some(Delta::<A>::slot_in_tier(place));
            }
            own.put_tier(tier);
        }
        self.room = self.overlay + self.current.own.loose();
        self.changed = true;
    }

    /// Changes a [named set](crate::rule::set); nothing is compiled.
    ///
    /// # Errors
    ///
    /// When there is no such set, or its elements are of another kind.
    ///
    /// # Complexity
    ///
    /// That of the change; but putting an interface into a set for which a wildcard stood until then
    /// costs a [`rebuild`](Self::rebuild).
    pub fn change_set<S: Contents, R>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut S) -> R,
    ) -> Result<R, UpdateError> {
        let mut sets = self.current.sets().clone();
        let result = sets.change(name, change)?;
        let stale = self.number(sets.interfaces().cloned().collect());
        let before = self.current.members.clone();
        self.current.members.put(sets, &self.current.interfaces);
        self.changed = true;
        if stale && let Err(error) = self.rebuild() {
            self.current.members = before;
            return Err(error.into());
        }
        Ok(result)
    }

    /// Compiles the rules as they are now, so that lookups are as fast as they can be.
    ///
    /// # Errors
    ///
    /// When a limit of the [`Config`] is passed; nothing has changed then.
    pub fn rebuild(&mut self) -> Result<(), BuildError> {
        let rebuilt = self.start_rebuild().run()?;
        self.finish_rebuild(rebuilt);
        Ok(())
    }

    /// A copy of the rules as they are now.
    pub fn rule_set(&self) -> RuleSet<A> {
        self.start_rebuild().rule_set()
    }
}

impl<A> LiveMatcher<A> {
    /// Removes a rule. Rules that it hid are matched again.
    ///
    /// # Errors
    ///
    /// When it has been removed already.
    pub fn remove(&mut self, key: RuleKey) -> Result<Arc<Rule<A>>, UpdateError> {
        let held = self.slots.take(key).ok_or(UpdateError::NoSuchRule(key))?;
        let Held { rule, chain, ordinal, inserted } = held;
        self.jumps.remove(chain, &rule);
        self.changed = true;
        let delta = self.delta(chain);
        if let Some(slot) = inserted {
            delta.remove(slot);
            self.current.special -= usize::from(rule.target.action().is_none());
            if let Some(chain) = self.chains.get_mut(chain.index()) {
                chain.inserted.remove(&ordinal);
            }
        } else {
            delta.remove_base(ordinal.gap);
            self.removed += 1;
        }
        Ok(rule)
    }

    /// Adds an empty user chain.
    pub fn add_chain(&mut self, name: &str) -> ChainId {
        self.chains.push(LiveChain::new(name));
        self.jumps.add_chain();
        ChainId(self.chains.len() as u32 - 1)
    }

    /// Replaces the action for packets that no rule decides.
    pub fn set_default(&mut self, action: A) {
        self.current.default = Arc::new(action);
        self.changed = true;
    }

    /// Shows readers all changes since the last call, at once; returns what they see now.
    ///
    /// # Complexity
    ///
    /// Copies some 30 KiB for every 64 inserted rules of which one has changed (for IPv6 rules some 45
    /// KiB more), and a bit for each rule that was compiled if one of them was removed.
    pub fn publish(&mut self) -> Arc<Snapshot<A>> {
        if self.changed {
            self.current.settle();
            self.last = Arc::new(self.current.clone());
            self.changed = false;
            #[cfg(feature = "std")]
            self.published.store(Arc::clone(&self.last));
        }
        Arc::clone(&self.last)
    }

    /// A handle that always has the snapshot published last.
    #[cfg(feature = "std")]
    pub fn reader(&self) -> Reader<A> {
        Reader::new(Arc::clone(&self.published))
    }

    /// Whether so much has changed since the rules were compiled that lookups take notably longer: more
    /// than a tenth of the rules and 64, or more than 128 that have to be looked at one by one.
    pub fn is_rebuild_due(&self) -> bool {
        let rules: usize = self.current.base.chains.iter().map(|chain| chain.keys.len()).sum();
        let loose =
            self.current.own.loose() + self.current.others.iter().map(Delta::loose).sum::<usize>();
        self.inserted() + self.removed > FEW + rules / 10 || loose > 2 * FEW
    }

    /// How many rules were inserted since the rules were compiled and are still there.
    pub fn inserted(&self) -> usize {
        self.chains.iter().map(|chain| chain.inserted.len()).sum()
    }

    /// How many of the compiled rules were removed.
    pub fn removed(&self) -> usize {
        self.removed
    }

    /// The rule with this key.
    pub fn rule(&self, key: RuleKey) -> Option<&Rule<A>> {
        self.slots.held(key).map(|held| &*held.rule)
    }

    /// Where the rule with this key is now.
    ///
    /// # Complexity
    ///
    /// Linear in the number of inserted rules, and a read for every 64 rules of its chain.
    pub fn place(&self, key: RuleKey) -> Option<RuleId> {
        let held = self.slots.held(key)?;
        Some(RuleId::new(held.chain, self.order(held.chain).rank(held.ordinal) as u32))
    }

    /// The rule that is now at this place, counted from 0.
    ///
    /// # Complexity
    ///
    /// That of [`place`](Self::place).
    pub fn key_at(&self, chain: ChainId, index: usize) -> Option<RuleKey> {
        self.order(chain).key_at(index)
    }

    /// The rules of a chain in order.
    pub fn keys(&self, chain: ChainId) -> Vec<RuleKey> {
        self.order(chain).keys()
    }

    pub(super) fn order(&self, chain: ChainId) -> Order<'_, A> {
        const NONE: &alloc::collections::BTreeMap<Ordinal, RuleKey> =
            &alloc::collections::BTreeMap::new();
        let base = self.current.base.chains.get(chain.index());
        let inserted = self.chains.get(chain.index()).map_or(NONE, |chain| &chain.inserted);
        Order {
            base: base.map_or(&[], |chain| &chain.keys),
            delta: self.current.delta(chain),
            inserted,
        }
    }

    /// The chain and the place there that a rule is to be put right before: the first place that is
    /// not before the new rule's.
    fn resolve(&self, at: Position) -> Result<(ChainId, Ordinal), UpdateError> {
        let of = |key| self.slots.held(key).ok_or(UpdateError::NoSuchRule(key));
        let end = |chain: ChainId| Ordinal::of_base(self.current.base.len(chain));
        let (chain, place) = match at {
            Position::First(chain) => (chain, Ordinal::gap_start(0)),
            Position::Last(chain) => (chain, end(chain)),
            Position::Before(key) => of(key).map(|held| (held.chain, held.ordinal))?,
            Position::After(key) => {
                let Held { chain, ordinal, .. } = of(key)?;
                let Ordinal { gap, label } = *ordinal;
                let next = match label.checked_add(1) {
                    Some(label) => Ordinal { gap, label },
                    None => Ordinal::gap_start(gap + 1),
                };
                (*chain, next)
            }
            Position::At(place) => {
                let order = self.order(place.chain);
                let rules = order.len();
                match order.key_at(place.index as usize) {
                    Some(key) => return self.resolve(Position::Before(key)),
                    None if place.index as usize == rules => (place.chain, end(place.chain)),
                    None => return Err(UpdateError::NoSuchPlace { place, rules }),
                }
            }
        };
        let known = chain.index() < self.chains.len();
        known.then_some((chain, place)).ok_or(UpdateError::NoSuchChain(chain))
    }

    /// Numbers the interfaces that a rule names; whether compiled rules would have to know of one.
    fn intern(&mut self, rule: &Rule<A>) -> bool {
        let criteria = &rule.criteria;
        let names = criteria.in_interface.items().iter().chain(criteria.out_interface.items());
        self.number(names.cloned().collect())
    }

    fn number(&mut self, names: Vec<InterfaceName>) -> bool {
        let mut stale = false;
        let current = &mut self.current;
        for name in names {
            if !current.interfaces.knows(&name) {
                stale |= current.interfaces.id(name.as_str()).is_some();
                Arc::make_mut(&mut current.interfaces).intern(&name);
                current.members.number(&current.interfaces);
                self.changed = true;
            }
        }
        stale
    }

    /// What is wrong with a rule that is to be in this chain, if anything.
    fn fault(&self, chain: ChainId, rule: &Rule<A>) -> Option<Kind> {
        let rules = self.current.base.len(chain) as usize;
        let inserted = self.chains.get(chain.index()).map_or(0, |chain| chain.inserted.len());
        if rules + inserted >= MAX_RULES {
            return Some(Kind::Limit(Limit::Rules { rules: MAX_RULES }));
        }
        if rule.criteria.asks_connection() {
            return Some(Kind::StateWithoutTracking);
        }
        let unsound = rule.criteria.unsound(self.current.named());
        unsound.or_else(|| self.jumps.fault(chain, rule))
    }

    /// An ordinal right before a place; makes room for it if need be.
    fn ordinal(&mut self, chain: ChainId, place: Ordinal) -> Ordinal {
        let gap = place.gap;
        let around = self.chains.get(chain.index()).map_or((None, None), |c| c.around(place));
        if let Some(label) = between(around.0, around.1) {
            return Ordinal { gap, label };
        }
        let keys = self.chains.get(chain.index()).map_or_else(Vec::new, |chain| chain.of_gap(gap));
        let before = keys.iter().filter_map(|key| self.slots.held(*key));
        let before = before.filter(|held| held.ordinal < place).count();
        let mut labels: Vec<u64> = even(keys.len() + 1).collect();
        let own = Ordinal { gap, label: labels.remove(before) };
        for (key, label) in keys.iter().zip(labels) {
            self.renumber(*key, Ordinal { gap, label });
        }
        self.reindex(chain, gap, &keys);
        own
    }

    /// Gives an inserted rule another ordinal, everywhere but in the chain's list.
    fn renumber(&mut self, key: RuleKey, ordinal: Ordinal) {
        let Some(held) = self.slots.held_mut(key) else { return };
        held.ordinal = ordinal;
        if let (chain, Some(slot)) = (held.chain, held.inserted) {
            self.delta(chain).renumber(slot, ordinal);
        }
    }

    /// Lists the inserted rules of a gap anew, by their ordinals.
    fn reindex(&mut self, chain: ChainId, gap: u32, keys: &[RuleKey]) {
        let ordinals = keys.iter().filter_map(|key| Some((self.slots.held(*key)?.ordinal, *key)));
        let ordinals: Vec<_> = ordinals.collect();
        if let Some(chain) = self.chains.get_mut(chain.index()) {
            chain.inserted.retain(|ordinal, _| ordinal.gap != gap);
            chain.inserted.extend(ordinals);
        }
    }

    /// Takes a rule in that has been checked.
    fn hold(&mut self, chain: ChainId, ordinal: Ordinal, rule: Arc<Rule<A>>) -> RuleKey {
        let key = self.slots.put(Held { rule, chain, ordinal, inserted: None });
        self.lay_over(key);
        self.changed = true;
        key
    }

    /// Puts a rule that is not of the base into the overlay.
    pub(super) fn lay_over(&mut self, key: RuleKey) {
        let Some(Held { rule, chain, ordinal, .. }) = self.slots.held(key) else { return };
        let (rule, chain, ordinal) = (Arc::clone(rule), *chain, *ordinal);
        self.current.special += usize::from(rule.target.action().is_none());
        if let Some(chain) = self.chains.get_mut(chain.index()) {
            chain.inserted.insert(ordinal, key);
        }
        let inserted = Some(self.delta(chain).insert(Entry { ordinal, key, rule }));
        if let Some(held) = self.slots.held_mut(key) {
            held.inserted = inserted;
        }
    }

    #[allow(clippy::indexing_slicing, reason = "it was found there, or put there")]
    pub(super) fn delta(&mut self, chain: ChainId) -> &mut Delta<A> {
        if chain == ChainId::BASE {
            return &mut self.current.own;
        }
        let deltas = &mut self.current.others;
        let at = deltas.binary_search_by_key(&chain, |delta| delta.chain).unwrap_or_else(|at| {
            deltas.insert(at, Delta::new(chain));
            at
        });
        &mut deltas[at]
    }
}
