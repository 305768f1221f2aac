//! Deciding on several packets at once.

use super::actions::Actions;
use super::lookup::batch::FirstOfEach;
use super::lookup::follow::Verdict;
use super::lookup::subject::{Judged, Placed};
use super::{Compiled, Members, decision};
#[cfg(feature = "alloc")]
use crate::packet::Tracked;
use crate::packet::{FlowKey, Fragment, Packet};
use crate::rule::{Decision, RuleId};

impl<T: Actions> Compiled<'_, T> {
    /// `decisions[i]` on `packets[i]`, none of them tracked, as far as both slices go.
    pub(crate) fn decide_batch<'m>(
        &'m self,
        packets: &[Packet],
        decisions: &mut [Decision<'m, T::Action>],
    ) {
        self.decide_batch_with(&self.members, packets, decisions);
    }

    /// The same with the sets as they are in `members`.
    pub(crate) fn decide_batch_with<'m>(
        &'m self,
        members: &Members,
        packets: &[Packet],
        decisions: &mut [Decision<'m, T::Action>],
    ) {
        let judged = |packet| Placed::new(packet, None);
        self.each_into(packets, decisions, members, judged, |action, rule, packet: &Packet| {
            decision(action, rule, None, packet.fragment, packet.malformed)
        });
    }

    /// The same for packets of which only the flow keys are known.
    pub(crate) fn decide_keys<'m>(
        &'m self,
        keys: &[FlowKey],
        decisions: &mut [Decision<'m, T::Action>],
    ) {
        self.each_into(
            keys,
            decisions,
            &self.members,
            |key| key,
            |action, rule, _| decision(action, rule, None, Fragment::Whole, None),
        );
    }

    /// The decisions on packets that are tracked as `tracked` says, each with its number, in order.
    #[cfg(feature = "alloc")]
    pub(crate) fn decide_tracked<'m>(
        &'m self,
        packets: &[Packet],
        tracked: impl Fn(usize) -> Tracked,
        mut decided: impl FnMut(usize, Decision<'m, T::Action>),
    ) {
        let judged = |i, packet| Placed::new(packet, Some(tracked(i)));
        self.first_of_each(packets, judged, |start, packets: &[Packet], entries| {
            for (i, (packet, entry)) in (start..).zip(packets.iter().zip(entries)) {
                let tracked = Some(tracked(i));
                self.verdict(
                    *entry,
                    Placed::new(packet, tracked),
                    &self.members,
                    &mut |_, _| {},
                    |verdict| {
                        let (fragment, malformed) = (packet.fragment, packet.malformed);
                        decided(i, self.decision(verdict, tracked, fragment, malformed));
                    },
                );
            }
        });
    }

    /// `decisions[i] = decision(.., items[i])` for each item, as far as both slices go.
    #[inline(always)]
    fn each_into<'m, 'i, I, J: Judged>(
        &'m self,
        items: &'i [I],
        decisions: &mut [Decision<'m, T::Action>],
        members: &Members,
        judged: impl Fn(&'i I) -> J,
        decision: impl Fn(&'m T::Action, Option<RuleId>, &'i I) -> Decision<'m, T::Action>,
    ) {
        let items = items.get(..decisions.len()).unwrap_or(items);
        self.first_of_each(
            items,
            |_, item| judged(item),
            |start, items: &'i [I], entries| {
                let places = decisions.get_mut(start..).unwrap_or_default();
                let found = items.iter().zip(entries.iter().copied()).zip(places);
                match self.actions.side_by_side() {
                    Some((all, default)) => {
                        self.decide_found(found, members, &judged, |verdict, item| {
                            let action = all.get(verdict.action as usize).unwrap_or(default);
                            decision(action, verdict.rule, item)
                        })
                    }
                    None => self.decide_found(found, members, &judged, |verdict, item| {
                        decision(self.actions.numbered(verdict.action), verdict.rule, item)
                    }),
                }
            },
        );
    }

    /// Makes the decision of each item from its entry.
    #[inline(always)]
    fn decide_found<'p, 'm: 'p, 'i, I: 'i, J: Judged>(
        &'m self,
        found: impl Iterator<Item = ((&'i I, u32), &'p mut Decision<'m, T::Action>)>,
        members: &Members,
        judged: impl Fn(&'i I) -> J,
        decision: impl Fn(Verdict, &'i I) -> Decision<'m, T::Action>,
    ) where
        T::Action: 'p,
    {
        for ((item, entry), place) in found {
            self.verdict(entry, judged(item), members, &mut |_, _| {}, |verdict| {
                *place = decision(verdict, item);
            });
        }
    }

    /// See [`FirstOfEach`].
    #[inline(always)]
    fn first_of_each<'i, I, J: Judged>(
        &self,
        items: &'i [I],
        judged: impl Fn(usize, &'i I) -> J,
        found: impl FnMut(usize, &'i [I], &[u32]),
    ) {
        let (image, base) = (self.image.view(), &self.base);
        self.chosen.run(FirstOfEach { image, base, items, judged, found });
    }
}
