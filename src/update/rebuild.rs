use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::delta::Delta;
use super::ordinal::{Ordinal, even};
use super::snapshot::{Base, BaseChain};
use super::{LiveMatcher, RuleKey};
use crate::Config;
use crate::rule::set::Sets;
use crate::rule::{Action, BuildError, ChainId, Interfaces, Rule, RuleSet, Target};
use crate::tree::Compiled;

/// The rules as they were when [`start_rebuild`](super::LiveMatcher::start_rebuild) was called, to be
/// compiled: on any thread, while more changes are made.
#[derive(Debug)]
pub struct Rebuild<A = Action> {
    pub(super) of: Arc<Base<A>>,
    pub(super) chains: Vec<(Box<str>, BaseChain<A>)>,
    pub(super) interfaces: Arc<Interfaces>,
    pub(super) sets: Sets,
    pub(super) default: Arc<A>,
    pub(super) config: Config,
}

/// Rules that have been compiled, for [`finish_rebuild`](super::LiveMatcher::finish_rebuild).
#[derive(Debug)]
pub struct Rebuilt<A = Action> {
    /// What it is to replace.
    pub(super) of: Arc<Base<A>>,
    pub(super) base: Arc<Base<A>>,
}

impl<A: Clone + PartialEq> Rebuild<A> {
    /// Compiles the rules.
    ///
    /// # Errors
    ///
    /// When a limit of the [`Config`] is passed.
    pub fn run(self) -> Result<Rebuilt<A>, BuildError> {
        let rules = self.rule_set();
        let chains = self.chains.into_iter().map(|(_, chain)| chain).collect();
        let base = Base::compile(&rules, chains, &self.config)?;
        Ok(Rebuilt { of: self.of, base: Arc::new(base) })
    }

    pub(super) fn rule_set(&self) -> RuleSet<A> {
        let mut rules = RuleSet::new((*self.default).clone());
        rules.set_interfaces((*self.interfaces).clone());
        rules.set_sets(self.sets.clone());
        for (i, (name, chain)) in self.chains.iter().enumerate() {
            let id = if i == 0 { ChainId::BASE } else { rules.add_chain(name) };
            chain.rules.iter().for_each(|rule| _ = rules.push_to(id, Rule::clone(rule)));
        }
        rules
    }
}

impl<A: Clone + PartialEq> Base<A> {
    pub(super) fn compile(
        rules: &RuleSet<A>,
        chains: Vec<BaseChain<A>>,
        config: &Config,
    ) -> Result<Self, BuildError> {
        let compiled = Compiled::stateless(rules, config)?;
        // Seldom looked at: it should be small and soon there.
        let whole = Config { keep_hidden: true, memory_budget: 0, ..config.clone() };
        let whole = Compiled::stateless(rules, &whole)?;
        let decides = |rule: &Arc<Rule<A>>| matches!(rule.target, Target::Action(_));
        let decides = chains.first().is_none_or(|chain| chain.rules.iter().all(decides));
        let keys = chains.first().map_or_else(Box::default, |chain| chain.keys.clone());
        Ok(Self { compiled, whole, keys, chains, decides })
    }
}

impl<A> BaseChain<A> {
    pub(super) fn new(rules: impl Iterator<Item = (RuleKey, Arc<Rule<A>>)>) -> Self {
        let (keys, rules): (Vec<_>, Vec<_>) = rules.unzip();
        Self { keys: keys.into(), rules: rules.into() }
    }
}

impl<A> LiveMatcher<A> {
    /// What has to be compiled to fold all changes in. Changes may go on meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use portcullis::update::{LiveMatcher, Position};
    /// use portcullis::{Action, ChainId, Config, Rule, RuleSet};
    ///
    /// let mut live = LiveMatcher::new(&RuleSet::new(Action::Drop), &Config::new())?;
    /// let last = Position::Last(ChainId::BASE);
    /// for port in 0..100 {
    ///     live.insert(last, Rule::accept().tcp().to_ports(port))?;
    /// }
    /// assert!(live.is_rebuild_due());
    /// let job = live.start_rebuild();
    /// let compiling = thread::spawn(|| job.run());
    /// let late = live.insert(last, Rule::accept().udp())?;
    /// assert!(live.finish_rebuild(compiling.join().unwrap()?));
    /// assert_eq!(live.inserted(), 1);
    /// assert_eq!(live.place(late).unwrap().index, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start_rebuild(&self) -> Rebuild<A> {
        let chains = self.chains.iter().zip(0..).map(|(chain, id)| {
            let keys = self.order(ChainId(id)).keys().into_iter();
            let rules = keys.filter_map(|key| Some((key, Arc::clone(&self.slots.held(key)?.rule))));
            (chain.name.clone(), BaseChain::new(rules))
        });
        Rebuild {
            of: Arc::clone(&self.current.base),
            chains: chains.collect(),
            interfaces: Arc::clone(&self.current.interfaces),
            sets: self.current.sets().clone(),
            default: Arc::clone(&self.current.default),
            config: self.config.clone(),
        }
    }

    /// Puts compiled rules in the place of those they were started from; changes since then are kept
    /// beside them. `false`, and nothing has changed, if those have been replaced meanwhile, or were
    /// another matcher's.
    ///
    /// # Complexity
    ///
    /// Linear in the number of rules; readers notice nothing before the next [`publish`](Self::publish).
    pub fn finish_rebuild(&mut self, rebuilt: Rebuilt<A>) -> bool {
        if !Arc::ptr_eq(&rebuilt.of, &self.current.base) {
            return false;
        }
        let orders = (0..self.chains.len() as u32).map(|id| self.order(ChainId(id)).keys());
        let orders: Vec<Vec<RuleKey>> = orders.collect();
        self.current.own = Delta::new(ChainId::BASE);
        self.current.others.clear();
        self.current.special = 0;
        self.room = self.overlay;
        self.removed = 0;
        self.changed = true;
        self.current.base = rebuilt.base;
        for (order, id) in orders.into_iter().zip(0..) {
            self.resettle(ChainId(id), order);
        }
        true
    }

    /// Finds the places of a chain's rules, which are in `order`, in a new base.
    fn resettle(&mut self, chain: ChainId, order: Vec<RuleKey>) {
        if let Some(chain) = self.chains.get_mut(chain.index()) {
            chain.inserted.clear();
        }
        let base = Arc::clone(&self.current.base);
        let compiled = base.chains.get(chain.index()).map_or(&[][..], |chain| &chain.keys);
        for (key, index) in compiled.iter().zip(0..) {
            if self.slots.held(*key).is_none() {
                self.delta(chain).remove_base(index);
                self.removed += 1;
            }
        }
        let mut compiled = compiled.iter().zip(0..);
        let mut compiled =
            compiled.by_ref().filter(|(key, _)| self.slots.held(**key).is_some()).peekable();
        let mut gap = 0;
        let mut places = Vec::with_capacity(order.len());
        for key in order {
            match compiled.next_if(|(next, _)| **next == key) {
                Some((_, index)) => {
                    gap = index + 1;
                    places.push((key, Ordinal::of_base(index)));
                }
                None => places.push((key, Ordinal::gap_start(gap))),
            }
        }
        self.settle(places);
    }

    /// Gives rules their places: those of the base theirs, and labels to the others.
    fn settle(&mut self, places: Vec<(RuleKey, Ordinal)>) {
        let is_base = |ordinal: &Ordinal| ordinal.label == u64::MAX;
        for run in places.chunk_by(|(_, a), (_, b)| !is_base(a) && !is_base(b)) {
            for ((key, ordinal), label) in run.iter().zip(even(run.len())) {
                let inserted = !is_base(ordinal);
                let label = if inserted { label } else { ordinal.label };
                if let Some(held) = self.slots.held_mut(*key) {
                    held.ordinal = Ordinal { gap: ordinal.gap, label };
                    held.inserted = None;
                }
                if inserted {
                    self.lay_over(*key);
                }
            }
        }
    }
}
