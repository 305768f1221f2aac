//! Rules compiled to decision trees, and looking packets up in them: [`build`] writes an image,
//! [`lookup`] reads it, and [`Compiled`] is both together with the actions of the rules.

mod build;
mod lookup;
mod stats;

use alloc::vec::Vec;

pub use self::stats::Stats;

use self::lookup::batch::FirstOfEach;
use self::lookup::find::{Find, First, Roots};
use self::lookup::follow::{Follow, Verdict};
use self::lookup::image::{Image, NOTHING, RECORD, UNDECIDED};
use self::lookup::subject::{Judged, Subject};
use self::lookup::words::Words;
use crate::Config;
use crate::packet::{Family, FlowKey, Fragment, Malformed, Packet, Tracked};
use crate::rule::{BuildError, Decision, Effect, RuleId, RuleSet};
use crate::simd::Chosen;

/// A compiled rule set.
#[derive(Clone, Debug)]
pub(crate) struct Compiled<A> {
    image: OwnedImage,
    actions: Vec<A>,
    default: A,
    base: [Roots; 2],
    chosen: Chosen,
}

impl<A: Clone + PartialEq> Compiled<A> {
    /// Compiles for packets that have been tracked.
    pub(crate) fn new(rules: &RuleSet<A>, config: &Config) -> Result<Self, BuildError> {
        rules.check()?;
        let output = build::compile(rules, config)?;
        let image = OwnedImage::new(output.bytes);
        let base = [Family::V4, Family::V6].map(|family| Roots::read(image.view(), 0, family));
        let default = rules.default_action().clone();
        Ok(Self {
            image,
            actions: output.actions,
            default,
            base,
            chosen: Chosen::new(config.backend),
        })
    }

    /// Compiles for packets that have not: a rule that names a state is an error.
    pub(crate) fn stateless(rules: &RuleSet<A>, config: &Config) -> Result<Self, BuildError> {
        rules.check_untracked()?;
        Self::new(rules, config)
    }
}

impl<A> Compiled<A> {
    #[inline]
    pub(crate) fn decide(&self, packet: &Packet, tracked: Option<Tracked>) -> Decision<'_, A> {
        self.walk(packet, tracked, &mut |_, _| {})
    }

    /// [`decide`](Self::decide) that also shows each rule that matched and did not decide.
    #[inline]
    pub(crate) fn walk(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        seen: &mut dyn FnMut(RuleId, Effect),
    ) -> Decision<'_, A> {
        let judged = (packet, tracked);
        let entry = self.first(judged);
        let verdict = self.verdict(entry, judged, seen);
        self.decision(verdict, tracked, packet.fragment, packet.malformed)
    }

    #[inline]
    pub(crate) fn decide_key(&self, key: &FlowKey) -> Decision<'_, A> {
        let entry = self.first(key);
        let verdict = self.verdict(entry, key, &mut |_, _| {});
        self.decision(verdict, None, Fragment::Whole, None)
    }

    /// `decisions[i]` on `packets[i]`, none of them tracked, as far as both slices go.
    pub(crate) fn decide_batch<'m>(
        &'m self,
        packets: &[Packet],
        decisions: &mut [Decision<'m, A>],
    ) {
        let mut entries = [NOTHING; BATCH];
        for (packets, decisions) in packets.chunks(BATCH).zip(decisions.chunks_mut(BATCH)) {
            let (found, _) = entries.split_at_mut(decisions.len().min(packets.len()));
            self.first_of_each(found, |i: usize| packets.get(i).map(|packet| (packet, None)));
            for ((packet, decision), entry) in packets.iter().zip(decisions).zip(found) {
                let verdict = self.verdict(*entry, (packet, None), &mut |_, _| {});
                *decision = self.decision(verdict, None, packet.fragment, packet.malformed);
            }
        }
    }

    /// The same for packets of which only the flow keys are known.
    pub(crate) fn decide_keys<'m>(&'m self, keys: &[FlowKey], decisions: &mut [Decision<'m, A>]) {
        let mut entries = [NOTHING; BATCH];
        for (keys, decisions) in keys.chunks(BATCH).zip(decisions.chunks_mut(BATCH)) {
            let (found, _) = entries.split_at_mut(decisions.len().min(keys.len()));
            self.first_of_each(found, |i| keys.get(i));
            for ((key, decision), entry) in keys.iter().zip(decisions).zip(found) {
                let verdict = self.verdict(*entry, key, &mut |_, _| {});
                *decision = self.decision(verdict, None, Fragment::Whole, None);
            }
        }
    }

    pub(crate) fn default_action(&self) -> &A {
        &self.default
    }

    /// Bytes of the compiled form.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.image.bytes.len()
    }

    /// What the compiled form consists of.
    pub(crate) fn stats(&self) -> Stats {
        Stats::of(self.image.view(), self.memory_bytes())
    }

    /// The entry of the first rule of the base chain that matches, or [`UNDECIDED`].
    #[inline(always)]
    fn first(&self, judged: impl Judged) -> u32 {
        let (image, base) = (self.image.view(), &self.base);
        match self.roots(judged.family()).are_wide() {
            false => self.chosen.run(First::<_, false> { image, base, judged }),
            true => self.chosen.run(First::<_, true> { image, base, judged }),
        }
    }

    /// [`first`](Self::first) of as many things as `entries` has, which `judged` gives.
    #[inline(always)]
    fn first_of_each<J: Judged>(&self, entries: &mut [u32], judged: impl Fn(usize) -> Option<J>) {
        self.chosen.run(FirstOfEach {
            image: self.image.view(),
            base: &self.base,
            judged,
            entries,
        });
    }

    #[inline(always)]
    fn roots(&self, family: Family) -> &Roots {
        let [v4, v6] = &self.base;
        if family == Family::V4 { v4 } else { v6 }
    }

    /// What follows from the first entry of the base chain.
    #[inline(always)]
    fn verdict(
        &self,
        entry: u32,
        judged: impl Judged,
        seen: &mut dyn FnMut(RuleId, Effect),
    ) -> Verdict {
        match entry {
            entry if entry & 0xff < RECORD => Verdict::of_entry(entry),
            NOTHING => Verdict::DEFAULT,
            entry => self.look_closer(entry, &judged.subject(), &judged.words(), seen),
        }
    }

    /// The same, where rules do more than decide, or residual checks or unusual leaves have to be
    /// looked at.
    #[inline(never)]
    fn look_closer(
        &self,
        entry: u32,
        subject: &Subject<'_>,
        words: &Words,
        seen: &mut dyn FnMut(RuleId, Effect),
    ) -> Verdict {
        let (image, chosen, roots) = (self.image.view(), self.chosen, self.roots(words.family));
        let find = Find { image, roots, subject, words, mark: subject.mark(), least: 0 };
        match if entry == UNDECIDED { chosen.run(find) } else { entry } {
            entry if entry & 0xff < RECORD => Verdict::of_entry(entry),
            NOTHING => Verdict::DEFAULT,
            entry => Follow { image, chosen, subject, words }.from(entry, roots, seen),
        }
    }

    #[inline(always)]
    fn decision(
        &self,
        verdict: Verdict,
        tracked: Option<Tracked>,
        fragment: Fragment,
        malformed: Option<Malformed>,
    ) -> Decision<'_, A> {
        let action = self.actions.get(verdict.action as usize).unwrap_or(&self.default);
        Decision { action, rule: verdict.rule, tracked, fragment, malformed, refused: None }
    }
}

/// How many packets are looked up before their decisions are made up.
const BATCH: usize = 64;

/// The bytes of an image, its lines on cache lines.
#[derive(Debug)]
struct OwnedImage {
    bytes: Vec<u8>,
    /// Where the first whole cache line begins; the image is there.
    start: usize,
}

impl OwnedImage {
    fn new(image: Vec<u8>) -> Self {
        let mut bytes: Vec<u8> = Vec::with_capacity(image.len() + 63);
        let start = bytes.as_ptr().align_offset(64).min(63);
        bytes.resize(start, 0);
        bytes.extend(image);
        Self { bytes, start }
    }

    #[inline(always)]
    fn view(&self) -> Image<'_> {
        Image::new(self.bytes.get(self.start..).unwrap_or_default())
    }
}

impl Clone for OwnedImage {
    fn clone(&self) -> Self {
        Self::new(self.bytes[self.start..].to_vec())
    }
}
