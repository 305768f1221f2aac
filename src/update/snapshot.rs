use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::RuleKey;
use super::delta::{Asked, Delta};
use super::ordinal::Ordinal;
use crate::packet::{FlowKey, InterfaceId, Packet, Tracked};
use crate::rule::set::Sets;
use crate::rule::{
    Action, ChainId, Decision, Effect, Interfaces, MAX_DEPTH, Named, Rule, RuleId, Target,
};
use crate::tree::{Compiled, FirstAt, Members, Own};

/// A rule set as it was when it was [published](super::LiveMatcher::publish): judges each packet
/// alone, and never changes.
///
/// Answers are those of [`RuleSet::first_match`](crate::RuleSet::first_match) on the rules that were
/// there then. Shared freely between threads.
#[derive(Debug)]
pub struct Snapshot<A = Action> {
    pub(super) base: Arc<Base<A>>,
    /// How the base chain differs from that of the base.
    pub(super) own: Delta<A>,
    /// The user chains that differ, in order.
    pub(super) others: Vec<Delta<A>>,
    pub(super) interfaces: Arc<Interfaces>,
    pub(super) members: Members,
    pub(super) default: Arc<A>,
    /// How many inserted rules do more than decide.
    pub(super) special: usize,
    /// Whether nothing has changed, or no rule of the base chain leads anywhere else: then what
    /// decides is the first rule that matches there.
    pub(super) straight: bool,
}

/// How many packets are looked up in the base together.
const BATCH: usize = 64;

/// What has been compiled.
#[derive(Debug)]
pub(super) struct Base<A> {
    pub(super) compiled: Compiled<'static, Own<A>>,
    /// The same rules, without leaving out those that others hide: for packets that a removed rule
    /// matches, which what it hid may match as well.
    pub(super) whole: Compiled<'static, Own<A>>,
    /// Those of the base chain once more, at hand for every decision.
    pub(super) keys: Box<[RuleKey]>,
    pub(super) chains: Vec<BaseChain<A>>,
    /// Whether no rule of the base chain does more than decide.
    pub(super) decides: bool,
}

/// The rules of a chain that was compiled.
#[derive(Debug)]
pub(super) struct BaseChain<A> {
    /// Apart from the rules, because every decision reads one.
    pub(super) keys: Box<[RuleKey]>,
    pub(super) rules: Box<[Arc<Rule<A>>]>,
}

impl<A> Snapshot<A> {
    /// The decision on one packet.
    ///
    /// # Complexity
    ///
    /// A lookup in the compiled rules, one in the rules that were inserted since and have been compiled
    /// by themselves, and for every 64 that have not some 8 reads (IPv4) or 16 (IPv6); for packets that
    /// removed rules decided one more lookup for each of them.
    /// Never panics, never allocates.
    #[inline]
    pub fn classify(&self, packet: &Packet) -> Decision<'_, A, RuleKey> {
        self.decide(packet, None)
    }

    /// The decision on a packet of which only the flow key is known; its ports are taken as
    /// present, whatever the protocol.
    #[inline]
    pub fn classify_key(&self, key: &FlowKey) -> Decision<'_, A, RuleKey> {
        self.decide(&Packet::from(*key), None)
    }

    /// The decisions on several packets: `decisions[i]` on `packets[i]`, as far as both slices go.
    pub fn classify_batch<'s>(
        &'s self,
        packets: &[Packet],
        decisions: &mut [Decision<'s, A, RuleKey>],
    ) {
        for (packets, decisions) in packets.chunks(BATCH).zip(decisions.chunks_mut(BATCH)) {
            match packets.first() {
                Some(first) if self.straight => self.finish_batch(first, packets, decisions),
                _ => {
                    for (packet, decision) in packets.iter().zip(decisions) {
                        *decision = self.classify(packet);
                    }
                }
            }
        }
    }

    /// [`classify`](Self::classify) that also shows each matching
    /// [`Target::Continue`](crate::Target::Continue) rule, in order.
    pub fn walk(
        &self,
        packet: &Packet,
        mut seen: impl FnMut(RuleKey, Effect),
    ) -> Decision<'_, A, RuleKey> {
        self.follow(packet, None, &mut seen)
    }

    /// The number for the interface called `name`, to be put into a
    /// [`Packet`](crate::Packet::in_interface): `None` if no rule names it. Numbers stay what they
    /// are, but a rule that is inserted may name an interface that a wildcard stood for before: ask
    /// again when rules with interfaces were inserted.
    pub fn interface(&self, name: &str) -> Option<InterfaceId> {
        self.interfaces.id(name)
    }

    /// The action for packets that no rule decides.
    pub fn default_action(&self) -> &A {
        &self.default
    }

    /// The named sets as they were.
    pub fn sets(&self) -> &Sets {
        self.members.sets()
    }

    pub(super) fn named(&self) -> Named<'_> {
        Named { interfaces: &self.interfaces, sets: self.members.sets() }
    }

    #[inline]
    fn decide(&self, packet: &Packet, tracked: Option<Tracked>) -> Decision<'_, A, RuleKey> {
        if !self.straight {
            return self.follow(packet, tracked, &mut |_, _| {});
        }
        let (rule, action) = self.base.compiled.decided(packet, tracked, &self.members);
        self.finish(packet, tracked, rule, action)
    }

    /// At most [`BATCH`] packets, looked up in the base together.
    fn finish_batch<'s>(
        &'s self,
        first: &Packet,
        packets: &[Packet],
        decisions: &mut [Decision<'s, A, RuleKey>],
    ) {
        let mut found = [self.base.compiled.decide(first, None); BATCH];
        self.base.compiled.decide_batch_with(&self.members, packets, &mut found);
        for ((packet, found), decision) in packets.iter().zip(found).zip(decisions) {
            *decision = self.finish(packet, None, found.rule, found.action);
        }
    }

    /// The decision, given what the base says, where it is straight.
    #[inline(always)]
    fn finish<'s>(
        &'s self,
        packet: &Packet,
        tracked: Option<Tracked>,
        rule: Option<RuleId>,
        action: &'s A,
    ) -> Decision<'s, A, RuleKey> {
        let tier = self.own.tier_first(packet, tracked, &self.members);
        let is_removed = rule.is_some_and(|rule| self.own.is_removed(rule.index));
        let found = match is_removed || tier.is_some() || self.own.may_match(packet) {
            true => self.first(packet, tracked, tier, rule.map(|rule| (rule.index, action))),
            false => rule.and_then(|rule| Some((self.base.key(rule.chain, rule.index)?, action))),
        };
        self.decision(found, packet, tracked)
    }

    /// The first rule of the base chain that matches, given those that the tier and the base find.
    #[inline(never)]
    fn first<'s>(
        &'s self,
        packet: &Packet,
        tracked: Option<Tracked>,
        tier: Option<u32>,
        mut found: Option<(u32, &'s A)>,
    ) -> Option<(RuleKey, &'s A)> {
        let (base, own, mark) = (&self.base, &self.own, packet.mark);
        if let Some((index, _)) = found.filter(|(index, _)| own.is_removed(*index)) {
            let after = Some(Ordinal::of_base(index));
            let place = Place { after, ..Place::START };
            let kept = self.next_of_base(packet, tracked, mark, place);
            found = kept.and_then(|kept| Some((kept.index, base.action(kept)?)));
        }
        let before = found.map_or(Ordinal::LAST, |(index, _)| Ordinal::of_base(index));
        let asked = Asked { packet, tracked, named: self.named() };
        let of = (packet, tracked, &self.members);
        let tier = tier.and_then(|place| own.tier_from(of, place, before));
        if let Some(entry) = own.first(&asked, mark, None, before, tier) {
            return Some((entry.key, entry.rule.target.action()?));
        }
        let (index, action) = found?;
        Some((base.key(ChainId::BASE, index)?, action))
    }

    /// The decision by this rule, or by the default.
    #[inline(always)]
    fn decision<'s>(
        &'s self,
        found: Option<(RuleKey, &'s A)>,
        packet: &Packet,
        tracked: Option<Tracked>,
    ) -> Decision<'s, A, RuleKey> {
        let (rule, action) = match found {
            Some((key, action)) => (Some(key), action),
            None => (None, &*self.default),
        };
        let (fragment, malformed) = (packet.fragment, packet.malformed);
        Decision { action, rule, tracked, fragment, malformed, refused: None }
    }

    /// From rule to rule, through the chains.
    fn follow(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        seen: &mut dyn FnMut(RuleKey, Effect),
    ) -> Decision<'_, A, RuleKey> {
        let mut mark = packet.mark;
        let mut callers = Callers { places: [Place::START; MAX_DEPTH], depth: 0 };
        let mut place = Place::START;
        let mut decided = None;
        loop {
            let found = self.next(packet, tracked, mark, place);
            let target = found.map_or(&Target::Return, |(ordinal, _, rule)| {
                place.after = Some(ordinal);
                &rule.target
            });
            let next = match (target, found) {
                (Target::Action(action), Some((_, key, _))) => {
                    decided = Some((key, action));
                    None
                }
                (Target::Continue(effect), Some((_, key, _))) => {
                    mark = effect.apply(mark);
                    seen(key, *effect);
                    Some(place)
                }
                (Target::Staged(_), Some((_, key, _))) => {
                    seen(key, Effect::Staged);
                    Some(place)
                }
                (Target::Jump(chain), _) => {
                    callers.push(place);
                    Some(Place::start_of(*chain))
                }
                (Target::Goto(chain), _) => Some(Place::start_of(*chain)),
                _ => callers.pop(),
            };
            let Some(next) = next else { break };
            place = next;
        }
        self.decision(decided, packet, tracked)
    }

    /// The first rule behind a place, in its chain, that matches.
    fn next(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        mark: u32,
        Place { chain, after }: Place,
    ) -> Option<(Ordinal, RuleKey, &Rule<A>)> {
        let delta = self.delta(chain);
        let index = self.next_of_base(packet, tracked, mark, Place { chain, after });
        let index = index.map(|found| found.index);
        let before = index.map_or(Ordinal::LAST, Ordinal::of_base);
        let asked = Asked { packet, tracked, named: self.named() };
        let of = (packet, tracked, &self.members);
        let inserted = delta.and_then(|own| {
            own.first(&asked, mark, after, before, own.tier_between(of, after, before))
        });
        if let Some(entry) = inserted {
            return Some((entry.ordinal, entry.key, entry.rule));
        }
        Some((before, self.base.key(chain, index?)?, self.base.rule(chain, index?)?))
    }

    /// The first rule of the base behind a place that matches and is still there.
    fn next_of_base(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        mark: u32,
        Place { chain, after }: Place,
    ) -> Option<FirstAt<'_, A>> {
        if self.base.len(chain) == 0 {
            return None;
        }
        let delta = self.delta(chain).filter(|delta| delta.has_removed());
        let compiled = if delta.is_some() { &self.base.whole } else { &self.base.compiled };
        let mut least = after.map_or(0, Ordinal::next_base);
        loop {
            let of = (packet, tracked, &self.members);
            let found = compiled.first_at(of, chain, least, mark)?;
            if delta.is_none_or(|delta| !delta.is_removed(found.index)) {
                return Some(found);
            }
            least = found.index + 1;
        }
    }

    pub(super) fn delta(&self, chain: ChainId) -> Option<&Delta<A>> {
        if chain == ChainId::BASE {
            return Some(&self.own);
        }
        let at = self.others.binary_search_by_key(&chain, |delta| delta.chain).ok()?;
        self.others.get(at)
    }

    /// Finds out whether it is straight; after changes.
    pub(super) fn settle(&mut self) {
        self.others.retain(|delta| !delta.is_empty());
        let unchanged = self.own.is_empty() && self.others.is_empty();
        self.straight = unchanged || (self.base.decides && self.special == 0);
    }
}

impl<A> Base<A> {
    #[inline]
    pub(super) fn key(&self, chain: ChainId, index: u32) -> Option<RuleKey> {
        if chain == ChainId::BASE {
            return self.keys.get(index as usize).copied();
        }
        self.chains.get(chain.index())?.keys.get(index as usize).copied()
    }

    pub(super) fn rule(&self, chain: ChainId, index: u32) -> Option<&Rule<A>> {
        self.chains.get(chain.index())?.rules.get(index as usize).map(|rule| &**rule)
    }

    pub(super) fn len(&self, chain: ChainId) -> u32 {
        self.chains.get(chain.index()).map_or(0, |chain| chain.keys.len() as u32)
    }

    /// The action of a rule of the base chain that decides.
    fn action<'b>(&'b self, found: FirstAt<'b, A>) -> Option<&'b A> {
        found.action.or_else(|| self.rule(ChainId::BASE, found.index)?.target.action())
    }
}

/// Where evaluation goes on: a chain, and the rule there that has been dealt with.
#[derive(Clone, Copy)]
struct Place {
    chain: ChainId,
    after: Option<Ordinal>,
}

impl Place {
    const START: Self = Self::start_of(ChainId::BASE);

    const fn start_of(chain: ChainId) -> Self {
        Self { chain, after: None }
    }
}

/// Where evaluation goes on after the chains that were jumped to.
struct Callers {
    places: [Place; MAX_DEPTH],
    depth: usize,
}

impl Callers {
    /// Checking each rule that jumps has made sure that there is room.
    fn push(&mut self, place: Place) {
        if let Some(slot) = self.places.get_mut(self.depth) {
            *slot = place;
            self.depth += 1;
        }
    }

    fn pop(&mut self) -> Option<Place> {
        self.depth = self.depth.checked_sub(1)?;
        self.places.get(self.depth).copied()
    }
}

impl<A> Clone for Snapshot<A> {
    fn clone(&self) -> Self {
        Self {
            base: Arc::clone(&self.base),
            own: self.own.clone(),
            others: self.others.clone(),
            interfaces: Arc::clone(&self.interfaces),
            members: self.members.clone(),
            default: Arc::clone(&self.default),
            special: self.special,
            straight: self.straight,
        }
    }
}
