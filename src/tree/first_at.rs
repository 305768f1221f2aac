use super::lookup::find::{Find, Roots};
use super::lookup::image::{CHECKED, NOTHING, RECORD};
use super::lookup::subject::{Judged, Placed};
use super::{Actions, Compiled, Members};
use crate::packet::{Packet, Tracked};
use crate::rule::{ChainId, RuleId};

/// A rule of a chain that matches.
#[derive(Debug)]
pub(crate) struct FirstAt<'c, A> {
    /// Its place in the chain.
    pub(crate) index: u32,
    /// Its action, if it decides and the compiled form has it at hand.
    pub(crate) action: Option<&'c A>,
}

impl<A> Clone for FirstAt<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for FirstAt<'_, A> {}

/// For whoever lays changes over compiled rules.
impl<T: Actions> Compiled<'_, T> {
    /// The rule that decides, unless it is the default, and the action.
    #[inline(always)]
    pub(crate) fn decided(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        members: &Members,
    ) -> (Option<RuleId>, &T::Action) {
        let judged = Placed::new(packet, tracked);
        self.judge(judged, members, &mut |_, _| {}, |verdict| {
            (verdict.rule, self.actions.numbered(verdict.action))
        })
    }

    /// The first rule of the base chain that matches, whatever it says of the packet.
    #[inline]
    pub(crate) fn first_step(&self, packet: &Packet, tracked: Option<Tracked>) -> Option<u32> {
        let entry = self.first(Placed::new(packet, tracked));
        if entry & 0xff != CHECKED || entry == NOTHING {
            return (entry != NOTHING).then_some(entry >> 8);
        }
        let found = self.first_at((packet, tracked, &self.members), ChainId::BASE, 0, packet.mark);
        found.map(|found| found.index)
    }

    /// The first rule of the base chain, from the place `least` on, that matches a packet.
    pub(crate) fn next_step(
        &self,
        packet: &Packet,
        tracked: Option<Tracked>,
        least: u32,
    ) -> Option<u32> {
        let judged = (packet, tracked, &self.members);
        let found = self.first_at(judged, ChainId::BASE, least, packet.mark);
        found.map(|found| found.index)
    }

    /// The first rule of a chain, from the place `least` on, that matches a packet whose mark is now
    /// `mark`. The chain is one that was compiled.
    pub(crate) fn first_at(
        &self,
        (packet, tracked, members): (&Packet, Option<Tracked>, &Members),
        chain: ChainId,
        least: u32,
        mark: u32,
    ) -> Option<FirstAt<'_, T::Action>> {
        let judged = Placed::new(packet, tracked);
        let (image, words, subject) = (self.image.view(), &judged.words(), &judged.subject());
        let roots = &match chain {
            ChainId::BASE => *self.roots(words.family),
            _ => Roots::read(image, chain.0, words.family),
        };
        let least = least.checked_mul(1 << 8)?;
        let entry = self.chosen.run(Find { image, roots, subject, words, members, mark, least });
        let action = Some(entry & 0xff).filter(|number| *number < RECORD);
        let action = action.map(|number| self.actions.numbered(number));
        (entry != NOTHING).then_some(FirstAt { index: entry >> 8, action })
    }
}
