use alloc::boxed::Box;
use alloc::vec::Vec;

use super::set::{Contents, Set, SetError, Sets};
use super::{Action, ChainId, InterfaceName, Interfaces, Named, Rule, RuleId};
use crate::packet::InterfaceId;

/// Chains of rules: the base chain, where evaluation begins, the user chains, and the default
/// action for packets that no rule decides.
///
/// # Examples
///
/// ```
/// use portcullis::{Action, Rule, RuleSet};
///
/// let mut rules = RuleSet::new(Action::Drop);
/// let ssh = rules.add_chain("ssh");
/// rules.push(Rule::jump(ssh).tcp().to_ports(22));
/// rules.push_to(ssh, Rule::accept().from("192.0.2.0/24".parse::<ipnet::IpNet>()?));
/// # Ok::<(), ipnet::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RuleSet<A = Action> {
    chains: Vec<Chain<A>>,
    default: A,
    interfaces: Interfaces,
    sets: Sets,
}

/// Equal rule sets have equal chains, defaults and named sets; how interface names are numbered is not
/// compared.
impl<A: PartialEq> PartialEq for RuleSet<A> {
    fn eq(&self, other: &Self) -> bool {
        self.chains == other.chains && self.default == other.default && self.sets == other.sets
    }
}

impl<A: Eq> Eq for RuleSet<A> {}

/// A list of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain<A = Action> {
    name: Box<str>,
    rules: Vec<Rule<A>>,
}

impl<A> RuleSet<A> {
    /// No rules: every packet gets the default action.
    pub fn new(default: A) -> Self {
        let base = Chain { name: "base".into(), rules: Vec::new() };
        Self {
            chains: Vec::from([base]),
            default,
            interfaces: Interfaces::default(),
            sets: Sets::default(),
        }
    }

    /// Adds a rule at the end of the base chain.
    pub fn push(&mut self, rule: Rule<A>) -> RuleId {
        self.push_to(ChainId::BASE, rule)
    }

    /// Adds a rule at the end of a chain. A chain id of another rule set that this one has no
    /// chain for means the base chain.
    pub fn push_to(&mut self, chain: ChainId, rule: Rule<A>) -> RuleId {
        let chain = if chain.index() < self.chains.len() { chain } else { ChainId::BASE };
        let criteria = &rule.criteria;
        for name in criteria.in_interface.items().iter().chain(criteria.out_interface.items()) {
            self.interfaces.intern(name);
        }
        let rules = &mut self.chains[chain.index()].rules;
        // Chains of one rule are many, and a rule is large.
        if rules.is_empty() {
            rules.reserve_exact(1);
        }
        rules.push(rule);
        RuleId::new(chain, rules.len() as u32 - 1)
    }

    /// Numbers an interface's name although no rule may ask for it: rule sets that number the same
    /// names in the same order number interfaces alike.
    pub(crate) fn intern_interface(&mut self, name: &InterfaceName) {
        self.interfaces.intern(name);
    }

    /// Gives an interface a number, although no rule may name it, so that it can become a member of a
    /// [named set](super::set) after the rules have been compiled.
    pub fn number_interface(&mut self, name: impl Into<InterfaceName>) {
        self.interfaces.intern(&name.into());
    }

    /// Adds a named set, or puts it in the place of the one that has the name.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::rule::set::PrefixSet;
    /// use portcullis::{Action, Rule, RuleSet};
    ///
    /// let mut rules = RuleSet::new(Action::Accept);
    /// rules.add_set("blocked", PrefixSet::from_iter(["198.51.100.0/24".parse()?]));
    /// rules.push(Rule::drop().from_set("blocked"));
    /// # Ok::<(), ipnet::AddrParseError>(())
    /// ```
    pub fn add_set(&mut self, name: &str, set: impl Into<Set>) {
        self.sets.put(name, set.into());
        self.number_sets();
    }

    /// Changes a named set.
    ///
    /// # Errors
    ///
    /// When there is no such set, or its elements are of another kind.
    pub fn change_set<S: Contents, R>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut S) -> R,
    ) -> Result<R, SetError> {
        let result = self.sets.change(name, change);
        self.number_sets();
        result
    }

    /// The named sets.
    pub fn sets(&self) -> &Sets {
        &self.sets
    }

    /// Replaces all named sets.
    pub fn set_sets(&mut self, sets: Sets) {
        self.sets = sets;
        self.number_sets();
    }

    /// Numbers the interfaces that sets name.
    fn number_sets(&mut self) {
        let Self { sets, interfaces, .. } = self;
        sets.interfaces().for_each(|name| interfaces.intern(name));
    }

    /// Adds an empty user chain. Names need not differ, except to be told apart in text.
    pub fn add_chain(&mut self, name: &str) -> ChainId {
        self.chains.push(Chain { name: name.into(), rules: Vec::new() });
        ChainId(self.chains.len() as u32 - 1)
    }

    /// The chain of this name, the base chain (called `base`) included.
    pub fn chain_named(&self, name: &str) -> Option<ChainId> {
        let index = self.chains.iter().position(|chain| *chain.name == *name)?;
        Some(ChainId(index as u32))
    }

    /// The base chain and then the user chains.
    pub fn chains(&self) -> &[Chain<A>] {
        &self.chains
    }

    /// The chain with this id.
    pub fn chain(&self, id: ChainId) -> Option<&Chain<A>> {
        self.chains.get(id.index())
    }

    /// The rule with this id.
    pub fn rule(&self, id: RuleId) -> Option<&Rule<A>> {
        self.chain(id.chain)?.rules.get(id.index as usize)
    }

    /// How many rules all chains have together.
    pub fn len(&self) -> usize {
        self.chains.iter().map(|chain| chain.rules.len()).sum()
    }

    /// Whether no chain has a rule.
    pub fn is_empty(&self) -> bool {
        self.chains.iter().all(|chain| chain.rules.is_empty())
    }

    /// The action for packets that no rule decides.
    pub fn default_action(&self) -> &A {
        &self.default
    }

    /// Replaces the action for packets that no rule decides.
    pub fn set_default(&mut self, action: A) {
        self.default = action;
    }

    /// The number for the interface called `name`, to be put into a
    /// [`Packet`](crate::Packet::in_interface): `None` if no rule names it. Ask again after
    /// adding rules.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{Action, Rule, RuleSet};
    ///
    /// let mut rules = RuleSet::new(Action::Drop);
    /// rules.push(Rule::accept().in_interface("wg*"));
    /// assert!(rules.interface("wg0").is_some());
    /// assert!(rules.interface("eth0").is_none());
    /// ```
    pub fn interface(&self, name: &str) -> Option<InterfaceId> {
        self.interfaces.id(name)
    }

    /// The name or wildcard that an interface number stands for.
    pub fn interface_name(&self, id: InterfaceId) -> Option<&InterfaceName> {
        self.interfaces.name(id)
    }

    /// Numbers interfaces as another rule set does.
    pub(crate) fn set_interfaces(&mut self, interfaces: Interfaces) {
        self.interfaces = interfaces;
    }

    pub(crate) fn named(&self) -> Named<'_> {
        Named { interfaces: &self.interfaces, sets: &self.sets }
    }

    pub(crate) fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }
}

impl<A> Chain<A> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rules in order.
    pub fn rules(&self) -> &[Rule<A>] {
        &self.rules
    }
}
