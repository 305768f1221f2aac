//! Rules compiled to decision trees, and looking packets up in them: [`build`] writes an image,
//! [`lookup`] reads it, and [`Compiled`] is both together with the actions of the rules. `store`
//! writes an image for elsewhere, where [`load`] checks it.

mod actions;
mod batch;
#[cfg(feature = "alloc")]
mod build;
mod bytes;
#[cfg(feature = "alloc")]
mod first_at;
mod load;
mod lookup;
mod members;
#[cfg(feature = "alloc")]
mod stats;
#[cfg(feature = "alloc")]
mod store;

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::hint::select_unpredictable;

#[cfg(feature = "alloc")]
pub(crate) use self::first_at::FirstAt;
pub use self::load::{ImageError, ImageFault};
pub(crate) use self::members::Members;
#[cfg(feature = "alloc")]
pub use self::stats::Stats;

use self::actions::Actions;
pub(crate) use self::actions::Any;
#[cfg(feature = "alloc")]
pub(crate) use self::actions::Own;
use self::bytes::Bytes;
use self::load::Loaded;
use self::lookup::find::{Find, First, FirstTwo, Roots};
use self::lookup::follow::{Follow, Verdict};
use self::lookup::image::{CHECKED, DEFAULT_ACTION, RECORD};
use self::lookup::leaf::UNUSUAL;
use self::lookup::subject::{Judged, Placed};
#[cfg(feature = "alloc")]
use crate::Config;
use crate::packet::{Family, FlowKey, Fragment, Malformed, Packet, Tracked};
use crate::rule::{ACTIONS, Action, Decision, Effect, RuleId, Trial};
#[cfg(feature = "alloc")]
use crate::rule::{BuildError, RuleSet};
use crate::simd::{Backend, Chosen};

/// A compiled rule set, whose actions `T` has.
#[derive(Clone, Debug)]
pub(crate) struct Compiled<'a, T> {
    image: Bytes<'a>,
    actions: T,
    members: Members,
    base: [Roots; 2],
    chosen: Chosen,
}

#[cfg(feature = "alloc")]
impl<A: Clone + PartialEq> Compiled<'static, Own<A>> {
    /// Compiles for packets that have been tracked.
    pub(crate) fn new(rules: &RuleSet<A>, config: &Config) -> Result<Self, BuildError> {
        rules.check()?;
        let output = build::compile(rules, config)?;
        let actions = Own { default: rules.default_action().clone(), all: output.actions };
        let members = Members::of(rules);
        Ok(Self { members, ..Self::of(Bytes::own(&output.bytes), actions, config.backend) })
    }

    /// Compiles for packets that have not: a rule that names a state is an error.
    pub(crate) fn stateless(rules: &RuleSet<A>, config: &Config) -> Result<Self, BuildError> {
        rules.check_untracked()?;
        Self::new(rules, config)
    }
}

impl<'a> Compiled<'a, Any<'a, Action>> {
    /// Of an image that has actions of its own.
    pub(crate) fn from_bytes(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let loaded = Loaded::new(bytes)?;
        let actions = loaded.codes.and_then(|codes| Any::coded(codes, &ACTIONS));
        let actions = actions.ok_or(ImageError::own_actions(false))?;
        Ok(Self::of(Bytes::Borrowed(loaded.image), actions, None))
    }

    /// An image with the actions.
    #[cfg(feature = "alloc")]
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let code = |action| ACTIONS.iter().position(|known| known == action);
        let codes = self.actions.iter().map(|action| code(action).map_or(u8::MAX, |it| it as u8));
        let codes: Vec<u8> = codes.collect();
        store::store(self.image.as_slice(), codes.len(), Some(&codes))
    }
}

impl<'a, A> Compiled<'a, Any<'a, A>> {
    /// Of an image that numbers these actions.
    pub(crate) fn from_bytes_with(bytes: &'a [u8], actions: &'a [A]) -> Result<Self, ImageError> {
        let loaded = Loaded::new(bytes)?;
        if loaded.codes.is_some() {
            return Err(ImageError::own_actions(true));
        }
        let numbered = Any::kept(actions).filter(|_| actions.len() == loaded.actions);
        let numbered = numbered.ok_or(ImageError::action_count(loaded.actions, actions.len()))?;
        Ok(Self::of(Bytes::Borrowed(loaded.image), numbered, None))
    }

    /// An image without the actions.
    #[cfg(feature = "alloc")]
    pub(crate) fn to_bytes_and_actions(&self) -> (Vec<u8>, Vec<A>)
    where
        A: Clone,
    {
        let actions: Vec<A> = self.actions.iter().cloned().collect();
        (store::store(self.image.as_slice(), actions.len(), None), actions)
    }

    /// One whose actions are its own.
    #[cfg(feature = "alloc")]
    pub(crate) fn from_own(own: Compiled<'a, Own<A>>) -> Self {
        let Compiled { image, actions, members, base, chosen } = own;
        Self { image, actions: Any::Own(actions), members, base, chosen }
    }
}

impl<'a, T> Compiled<'a, T> {
    fn of(image: Bytes<'a>, actions: T, backend: Option<Backend>) -> Self {
        let base = [Family::V4, Family::V6].map(|family| Roots::of_base(image.view(), family));
        let members = Members::default();
        Self { image, actions, members, base, chosen: Chosen::new(backend) }
    }

    /// The same with other instructions.
    pub(crate) fn with_backend(self, backend: Backend) -> Self {
        Self { chosen: Chosen::new(Some(backend)), ..self }
    }
}

#[cfg(feature = "alloc")]
impl<A> Compiled<'_, Own<A>> {
    /// Whether any decision may have an action that is `so`.
    pub(crate) fn any_action(&self, so: impl Fn(&A) -> bool) -> bool {
        so(&self.actions.default) || self.actions.all.iter().any(so)
    }
}

impl<T: Actions> Compiled<'_, T> {
    #[inline]
    pub(crate) fn decide(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
    ) -> Decision<'_, T::Action> {
        self.walk(packet, tracked, &mut |_, _| {})
    }

    /// [`decide`](Self::decide) that also shows each rule that matched and did not decide.
    #[inline]
    pub(crate) fn walk(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        seen: &mut dyn FnMut(RuleId, Effect),
    ) -> Decision<'_, T::Action> {
        self.judge(Placed::new(packet, tracked), &self.members, seen, |verdict| {
            self.decision(verdict, tracked, packet.fragment, packet.malformed)
        })
    }

    #[inline]
    pub(crate) fn decide_key(&self, key: &FlowKey) -> Decision<'_, T::Action> {
        self.judge(key, &self.members, &mut |_, _| {}, |verdict| {
            self.decision(verdict, None, Fragment::Whole, None)
        })
    }

    /// [`decide`](Self::decide), and the decision if staged rules were enforced.
    pub(crate) fn try_staged(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
    ) -> Trial<'_, T::Action> {
        let mut first = None;
        let enforced = self.walk(packet, tracked, &mut |id, effect| {
            first = first.or((effect == Effect::Staged).then_some(id));
        });
        Trial::new(enforced, first.map(|id| (id, self.staged_action(id, packet.addrs.family()))))
    }

    /// The action that a staged rule would have, one that packets of this family match.
    fn staged_action(&self, rule: RuleId, family: Family) -> &T::Action {
        let image = self.image.view();
        let roots = Roots::read(image, rule.chain.0, family);
        let record = roots.record(image, rule.index.saturating_mul(1 << 8));
        self.actions.numbered(image.word(record.saturating_add(2)))
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn members_mut(&mut self) -> &mut Members {
        &mut self.members
    }

    pub(crate) fn default_action(&self) -> &T::Action {
        self.actions.numbered(DEFAULT_ACTION)
    }

    /// Bytes of the compiled form.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.image.taken()
    }

    /// What the compiled form consists of.
    #[cfg(feature = "alloc")]
    pub(crate) fn stats(&self) -> Stats {
        Stats::of(self.image.view(), self.memory_bytes())
    }

    /// Calls `then` with the verdict.
    #[inline(always)]
    fn judge<R>(
        &self,
        judged: impl Judged,
        members: &Members,
        seen: &mut dyn FnMut(RuleId, Effect),
        mut then: impl FnMut(Verdict) -> R,
    ) -> R {
        if self.roots(judged.family()).ask_sets() {
            return then(self.check(judged, members, seen));
        }
        self.verdict(self.first(judged), judged, members, seen, then)
    }

    /// The entry of the first rule of the base chain that matches, that there is
    /// none, or one that is [`CHECKED`].
    #[inline(always)]
    fn first(&self, judged: impl Judged) -> u32 {
        let (image, base) = (self.image.view(), &self.base);
        match self.roots(judged.family()).are_wide() {
            false => self.chosen.run(First::<_, false> { image, base, judged }),
            true => self.chosen.run(First::<_, true> { image, base, judged }),
        }
    }

    #[inline(always)]
    fn roots(&self, family: Family) -> &Roots {
        let [v4, v6] = &self.base;
        if family == Family::V4 { v4 } else { v6 }
    }

    /// Calls `then` with what follows from the first entry of the base chain. (A verdict that came
    /// from either way would go through memory.)
    #[inline(always)]
    fn verdict<R>(
        &self,
        entry: u32,
        judged: impl Judged,
        members: &Members,
        seen: &mut dyn FnMut(RuleId, Effect),
        mut then: impl FnMut(Verdict) -> R,
    ) -> R {
        if is_final(entry) {
            return then(Verdict::of_entry(entry));
        }
        if entry & 0xff == CHECKED {
            return then(self.check(judged, members, seen));
        }
        then(self.follow(entry, judged, members, seen))
    }

    /// The verdict where rules have residual checks, or leaves are unusual.
    ///
    /// What a set says is no branch if the next rule simply decides: a processor goes on with the next
    /// packet while memory answers for this one.
    #[inline(always)]
    fn check(
        &self,
        judged: impl Judged,
        members: &Members,
        seen: &mut dyn FnMut(RuleId, Effect),
    ) -> Verdict {
        let (image, roots) = (self.image.view(), self.roots(judged.family()));
        let [first, next] = match roots.are_wide() {
            false => self.chosen.run(FirstTwo::<_, false> { image, roots, judged }),
            true => self.chosen.run(FirstTwo::<_, true> { image, roots, judged }),
        };
        if is_final(first) {
            return Verdict::of_entry(first);
        }
        if let Some(question) = roots.question(first)
            && is_final(next)
        {
            let holds = question.holds((judged.bare(), judged.words().headers), members);
            return Verdict::of_entry(select_unpredictable(holds, question.plain, next));
        }
        self.check_closely([first, next], judged, members, seen)
    }

    /// The same, whatever the first rules ask.
    #[inline(never)]
    fn check_closely(
        &self,
        [first, next]: [u32; 2],
        judged: impl Judged,
        members: &Members,
        seen: &mut dyn FnMut(RuleId, Effect),
    ) -> Verdict {
        let (image, roots) = (self.image.view(), self.roots(judged.family()));
        let (subject, words) = (&judged.subject(), &judged.words());
        let mark = subject.mark();
        let find = Find { image, roots, subject, words, members, mark, least: next };
        let entry = match [first, next] {
            [UNUSUAL, UNUSUAL] => self.chosen.run(Find { least: 0, ..find }),
            [first, _] if first & 0xff != CHECKED || find.checks_hold(first) => first,
            [_, next] if next & 0xff == CHECKED => self.chosen.run(find),
            [_, next] => next,
        };
        self.go_on(entry, judged, members, seen)
    }

    /// The verdict that follows from an entry of the base chain whose checks hold.
    #[inline(always)]
    fn go_on(
        &self,
        entry: u32,
        judged: impl Judged,
        members: &Members,
        seen: &mut dyn FnMut(RuleId, Effect),
    ) -> Verdict {
        match is_final(entry) {
            true => Verdict::of_entry(entry),
            false => self.follow(entry, judged, members, seen),
        }
    }

    /// The same where the rule does more than decide.
    #[inline(never)]
    fn follow(
        &self,
        entry: u32,
        judged: impl Judged,
        members: &Members,
        seen: &mut dyn FnMut(RuleId, Effect),
    ) -> Verdict {
        let (subject, words) = (&judged.subject(), &judged.words());
        let (image, chosen, roots) = (self.image.view(), self.chosen, self.roots(words.family));
        Follow { image, chosen, subject, words, members }.from(entry, roots, seen)
    }

    #[inline(always)]
    fn decision(
        &self,
        verdict: Verdict,
        tracked: Option<Tracked>,
        fragment: Fragment,
        malformed: Option<Malformed>,
    ) -> Decision<'_, T::Action> {
        let action = self.actions.numbered(verdict.action);
        decision(action, verdict.rule, tracked, fragment, malformed)
    }
}

#[inline(always)]
fn decision<A>(
    action: &A,
    rule: Option<RuleId>,
    tracked: Option<Tracked>,
    fragment: Fragment,
    malformed: Option<Malformed>,
) -> Decision<'_, A> {
    Decision { action, rule, tracked, fragment, malformed, refused: None }
}

/// Whether an entry of the base chain, or that there is none, needs no record.
#[inline(always)]
fn is_final(entry: u32) -> bool {
    (entry as u8).wrapping_sub(RECORD as u8) > (CHECKED - RECORD) as u8
}
