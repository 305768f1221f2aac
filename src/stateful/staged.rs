use super::{StatefulMatcher, Verdict, admit, passed};
use crate::conntrack::{Conntrack, Time};
use crate::packet::Packet;
use crate::rule::{Decision, Trial};

impl<A: Verdict, C: Conntrack> StatefulMatcher<A, C> {
    /// [`classify`](Self::classify), and the decision there would be if
    /// [staged](crate::Target::Staged) rules were enforced, in one pass. Connections are entered by the
    /// enforced decision alone.
    pub fn classify_staged(&mut self, packet: &Packet, now: Time) -> Trial<'_, A> {
        let lookup = self.conntrack.look_up(packet, now);
        let trial = match self.order.passes_unasked(lookup.tracked) {
            true => Trial::new(passed(&self.pass, packet, lookup.tracked), None),
            false => self.compiled.try_staged(packet, Some(lookup.tracked)),
        };
        let enforced = trial.enforced;
        match admit(&mut self.conntrack, packet, &[], &lookup, &enforced, now) {
            Ok(()) => trial,
            Err(refused) => {
                let drop = Decision { action: &self.drop, refused: Some(refused), ..enforced };
                let staged = trial.staged;
                let other = staged.rule.filter(|_| staged.rule != enforced.rule);
                Trial::new(drop, other.map(|rule| (rule, staged.action)))
            }
        }
    }
}
