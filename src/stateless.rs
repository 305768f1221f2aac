#[cfg(feature = "alloc")]
use alloc::vec::Vec;

#[cfg(feature = "alloc")]
use crate::Config;
use crate::packet::{FlowKey, Packet};
#[cfg(feature = "alloc")]
use crate::rule::set::{Contents, SetError, Sets};
use crate::rule::{Action, Decision, Effect, RuleId, Trial};
#[cfg(feature = "alloc")]
use crate::rule::{BuildError, RuleSet};
use crate::simd::Backend;
#[cfg(feature = "alloc")]
use crate::tree::Stats;
use crate::tree::{Any, Compiled, ImageError};

/// Judges each packet alone.
///
/// Immutable, and shared freely between threads. Answers are those of
/// [`RuleSet::first_match`](crate::RuleSet::first_match) with no connection.
///
/// A compiled rule set can be stored as bytes and used from there, without an allocator and without
/// copying: see [`from_bytes`](Self::from_bytes).
#[derive(Clone, Debug)]
pub struct StatelessMatcher<'a, A = Action> {
    compiled: Compiled<'a, Any<'a, A>>,
}

#[cfg(feature = "alloc")]
impl<A: Clone + PartialEq> StatelessMatcher<'_, A> {
    /// Compiles a rule set.
    ///
    /// # Errors
    ///
    /// When a rule jumps to nowhere or in a circle or asks for a connection state, or a limit is
    /// passed. The error names the rule.
    pub fn compile(rules: &RuleSet<A>, config: &Config) -> Result<Self, BuildError> {
        Ok(Self { compiled: Compiled::from_own(Compiled::stateless(rules, config)?) })
    }
}

impl<'a> StatelessMatcher<'a> {
    /// A matcher of an image that [`to_bytes`](Self::to_bytes) has written, on any machine.
    ///
    /// The bytes are used where they are, at any address; lookups are fastest where they begin at a
    /// multiple of 64. Nothing is believed of them: whatever they hold, this gives an error or a
    /// matcher whose lookups end and do not panic. The checksum is against accidents; who can
    /// change the image on purpose decides what it says.
    ///
    /// # Errors
    ///
    /// Says at which byte what is wrong. Images of other format versions are refused.
    ///
    /// # Complexity
    ///
    /// Linear in the number of bytes.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "alloc", doc = "```")]
    #[cfg_attr(not(feature = "alloc"), doc = "```ignore")]
    /// use portcullis::{Action, Config, FlowKey, Protocol, RuleSet, StatelessMatcher};
    ///
    /// let rules: RuleSet = "accept tcp to any port 22".parse()?;
    /// let bytes = StatelessMatcher::compile(&rules, &Config::new())?.to_bytes();
    ///
    /// let matcher = StatelessMatcher::from_bytes(&bytes)?;
    /// let ssh = FlowKey::new(Protocol::TCP, "10.0.0.1:40000".parse()?, "10.0.0.2:22".parse()?)?;
    /// assert_eq!(*matcher.classify_key(&ssh).action, Action::Accept);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, ImageError> {
        Ok(Self { compiled: Compiled::from_bytes(bytes)? })
    }

    /// An image of the compiled rules and their actions: the same bytes on every machine.
    #[cfg(feature = "alloc")]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.compiled.to_bytes()
    }
}

impl<'a, A> StatelessMatcher<'a, A> {
    /// The [named sets](crate::rule::set) as they are now.
    #[cfg(feature = "alloc")]
    pub fn sets(&self) -> &Sets {
        self.compiled.members().sets()
    }

    /// Changes a named set; nothing is compiled. The next packet is judged by the changed set.
    ///
    /// # Errors
    ///
    /// When there is no such set, its elements are of another kind, or the rules have no number for an
    /// interface in it. Nothing has changed then.
    #[cfg(feature = "alloc")]
    pub fn change_set<S: Contents, R>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut S) -> R,
    ) -> Result<R, SetError> {
        self.compiled.members_mut().change(name, change)
    }

    /// Replaces the contents of all named sets at once, such as by a changed copy of [`sets`](Self::sets)
    /// that another thread has sent.
    ///
    /// # Errors
    ///
    /// When these are not the sets that the rules were compiled with, as their names and kinds show, or
    /// the rules have no number for an interface in them. Nothing has changed then.
    #[cfg(feature = "alloc")]
    pub fn replace_sets(&mut self, sets: &Sets) -> Result<(), SetError> {
        self.compiled.members_mut().replace(sets)
    }

    /// [`from_bytes`](StatelessMatcher::from_bytes) for actions of the caller's own type: the image
    /// only numbers them, and `actions` are those that
    /// [`to_bytes_and_actions`](Self::to_bytes_and_actions) gave with it, in that order.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](StatelessMatcher::from_bytes), and when there are more or fewer actions
    /// than the image numbers.
    pub fn from_bytes_with(bytes: &'a [u8], actions: &'a [A]) -> Result<Self, ImageError> {
        Ok(Self { compiled: Compiled::from_bytes_with(bytes, actions)? })
    }

    /// An image of the compiled rules, and the actions that it numbers, the default action first:
    /// where the image goes, they have to be brought in the caller's own way.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{Config, Packet, Rule, RuleSet, StatelessMatcher};
    ///
    /// let mut rules = RuleSet::new("queue 0");
    /// rules.push(Rule::action("queue 7").tcp());
    /// let matcher = StatelessMatcher::compile(&rules, &Config::new())?;
    /// let (bytes, actions) = matcher.to_bytes_and_actions();
    /// assert_eq!(actions, ["queue 0", "queue 7"]);
    ///
    /// let matcher = StatelessMatcher::from_bytes_with(&bytes, &actions)?;
    /// assert_eq!(*matcher.default_action(), "queue 0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "alloc")]
    pub fn to_bytes_and_actions(&self) -> (Vec<u8>, Vec<A>)
    where
        A: Clone,
    {
        self.compiled.to_bytes_and_actions()
    }

    /// The same matcher with other instructions than the best ones: for tests and comparisons. One
    /// that the processor does not have falls back to the best that it has.
    #[must_use]
    pub fn with_backend(self, backend: Backend) -> Self {
        Self { compiled: self.compiled.with_backend(backend) }
    }

    /// The decision on one packet.
    ///
    /// Never panics and never allocates.
    #[inline]
    pub fn classify(&self, packet: &Packet) -> Decision<'_, A> {
        self.compiled.decide(packet, None)
    }

    /// [`classify`](Self::classify) that also shows each matching
    /// [`Target::Continue`](crate::Target::Continue) rule, in order.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "alloc", doc = "```")]
    #[cfg_attr(not(feature = "alloc"), doc = "```ignore")]
    /// use portcullis::{Config, FlowKey, Packet, Protocol, RuleSet, StatelessMatcher};
    ///
    /// let rules: RuleSet = "log tcp\naccept tcp to any port 22".parse()?;
    /// let matcher = StatelessMatcher::compile(&rules, &Config::new())?;
    /// let ssh = FlowKey::new(Protocol::TCP, "10.0.0.1:40000".parse()?, "10.0.0.2:22".parse()?)?;
    /// let mut seen = Vec::new();
    /// matcher.walk(&Packet::from(ssh), |rule, effect| seen.push((rule.to_string(), effect)));
    /// assert_eq!(seen, [("rule 1".to_string(), portcullis::rule::Effect::Log)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn walk(&self, packet: &Packet, mut seen: impl FnMut(RuleId, Effect)) -> Decision<'_, A> {
        self.compiled.walk(packet, None, &mut seen)
    }

    /// The decision on one packet, and the one there would be if [staged](crate::Target::Staged) rules
    /// were enforced, in one pass.
    pub fn classify_staged(&self, packet: &Packet) -> Trial<'_, A> {
        self.compiled.try_staged(packet, None)
    }

    /// The decision on a packet of which only the flow key is known; its ports are taken as
    /// present, whatever the protocol.
    #[inline]
    pub fn classify_key(&self, key: &FlowKey) -> Decision<'_, A> {
        self.compiled.decide_key(key)
    }

    /// The decisions on several packets: `decisions[i]` on `packets[i]`, as far as both slices go.
    pub fn classify_batch<'m>(&'m self, packets: &[Packet], decisions: &mut [Decision<'m, A>]) {
        self.compiled.decide_batch(packets, decisions);
    }

    /// [`classify_key`](Self::classify_key) of several: `decisions[i]` on `keys[i]`, as far as both
    /// slices go.
    pub fn classify_keys<'m>(&'m self, keys: &[FlowKey], decisions: &mut [Decision<'m, A>]) {
        self.compiled.decide_keys(keys, decisions);
    }

    /// Bytes that the compiled form takes.
    pub fn memory_bytes(&self) -> usize {
        self.compiled.memory_bytes()
    }

    /// What the compiled form consists of: trees, nodes, leaves and how many of them a lookup
    /// visits at most.
    ///
    /// # Complexity
    ///
    /// Linear in the size of the compiled form; allocates.
    #[cfg(feature = "alloc")]
    pub fn stats(&self) -> Stats {
        self.compiled.stats()
    }

    /// The action for packets that no rule decides.
    pub fn default_action(&self) -> &A {
        self.compiled.default_action()
    }
}
