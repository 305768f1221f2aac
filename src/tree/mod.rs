//! Rules compiled to decision trees, and looking packets up in them.
//!
//! From rules to an answer, a file for each step: a rule becomes [`boxes`]; a [`forest`] of trees
//! is grown from them ([`grow`], [`cut`]), the cheapest by [`estimate`]; [`write`] makes it an
//! [`image`] of [`leaf`] and node bytes; [`lookup`] finds a packet's [`words`] there and checks
//! what is [`residual`].

mod boxes;
mod compile;
mod cut;
mod estimate;
mod forest;
mod grow;
mod image;
mod leaf;
mod lookup;
mod record;
mod residual;
mod spans;
mod words;
mod write;

use alloc::vec::Vec;

use self::image::{Image, RECORD};
use self::lookup::{Find, Follow, NOTHING, Roots, Verdict};
use self::residual::Subject;
use crate::Config;
use crate::packet::{Family, FlowKey, Packet, Tracked};
use crate::rule::{BuildError, Decision, RuleId, RuleSet};
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
        let output = compile::compile(rules, config)?;
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
        compile::refuse_states(rules)?;
        Self::new(rules, config)
    }
}

impl<A> Compiled<A> {
    #[inline]
    pub(crate) fn decide(&self, packet: &Packet, tracked: Option<Tracked>) -> Decision<'_, A> {
        self.walk(packet, tracked, &mut |_| {})
    }

    /// [`decide`](Self::decide) that also shows each rule that matched and did not decide.
    #[inline]
    pub(crate) fn walk(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        seen: &mut dyn FnMut(RuleId),
    ) -> Decision<'_, A> {
        let verdict = self.verdict(&Subject::Packet(packet, tracked), seen);
        Decision {
            action: self.action(verdict),
            rule: verdict.rule,
            tracked,
            fragment: packet.fragment,
            malformed: packet.malformed,
            refused: None,
        }
    }

    #[inline]
    pub(crate) fn decide_key(&self, key: &FlowKey) -> Decision<'_, A> {
        let verdict = self.verdict(&Subject::Key(key), &mut |_| {});
        Decision {
            action: self.action(verdict),
            rule: verdict.rule,
            tracked: None,
            fragment: crate::packet::Fragment::Whole,
            malformed: None,
            refused: None,
        }
    }

    pub(crate) fn default_action(&self) -> &A {
        &self.default
    }

    /// Bytes of the compiled form.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.image.bytes.len()
    }

    #[inline(always)]
    fn verdict(&self, subject: &Subject<'_>, seen: &mut dyn FnMut(RuleId)) -> Verdict {
        let words = subject.words();
        let image = self.image.view();
        let roots = match words.family {
            Family::V4 => &self.base[0],
            Family::V6 => &self.base[1],
        };
        let mark = subject.mark();
        let entry = self.chosen.run(Find { image, roots, subject, words: &words, mark, least: 0 });
        let follow = Follow { image, chosen: self.chosen, subject, words: &words };
        match entry {
            NOTHING => follow.default(),
            entry if entry & 0xff != RECORD => Verdict::of_entry(entry),
            entry => follow.from(entry, roots, seen),
        }
    }

    #[inline(always)]
    fn action(&self, verdict: Verdict) -> &A {
        self.actions.get(verdict.action as usize).unwrap_or(&self.default)
    }
}

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
