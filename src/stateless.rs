use core::marker::PhantomData;

use crate::Config;
use crate::packet::{FlowKey, Packet};
use crate::rule::{Action, BuildError, Decision, Effect, RuleId, RuleSet};
use crate::tree::{Compiled, Stats};

/// Judges each packet alone.
///
/// Immutable, and shared freely between threads. Answers are those of
/// [`RuleSet::first_match`] with no connection.
#[derive(Clone, Debug)]
pub struct StatelessMatcher<'a, A = Action> {
    compiled: Compiled<A>,
    image: PhantomData<&'a [u8]>,
}

impl<A: Clone + PartialEq> StatelessMatcher<'static, A> {
    /// Compiles a rule set.
    ///
    /// # Errors
    ///
    /// When a rule jumps to nowhere or in a circle or asks for a connection state, or a limit is
    /// passed. The error names the rule.
    pub fn compile(rules: &RuleSet<A>, config: &Config) -> Result<Self, BuildError> {
        Ok(Self { compiled: Compiled::stateless(rules, config)?, image: PhantomData })
    }
}

impl<A> StatelessMatcher<'_, A> {
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
    /// ```
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
    pub fn stats(&self) -> Stats {
        self.compiled.stats()
    }

    /// The action for packets that no rule decides.
    pub fn default_action(&self) -> &A {
        self.compiled.default_action()
    }
}
