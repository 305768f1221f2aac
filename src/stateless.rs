use core::marker::PhantomData;

use crate::Config;
use crate::packet::{FlowKey, Packet};
use crate::rule::{Action, BuildError, Decision, RuleSet};
use crate::tree::Compiled;

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

    /// Bytes that the compiled form takes.
    pub fn memory_bytes(&self) -> usize {
        self.compiled.memory_bytes()
    }

    /// The action for packets that no rule decides.
    pub fn default_action(&self) -> &A {
        self.compiled.default_action()
    }
}
