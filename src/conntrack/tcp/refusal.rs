use super::state_table::{Kind, Next, next};
use super::{Course, Known, TcpTrack};
use crate::conntrack::{TcpTracking, Why};
use crate::packet::{Direction, TcpSegment};

impl TcpTrack {
    /// Why a segment that [`advance`](Self::advance) refuses does not fit.
    pub(in crate::conntrack) fn refusal(
        mut self,
        segment: &TcpSegment,
        direction: Direction,
        known: Known,
        tracking: &TcpTracking,
    ) -> Why {
        let Some(kind) = Kind::of(segment.flags) else { return Why::Flags };
        if matches!(next(direction, kind, self.state), Next::Invalid) {
            return Why::OutOfState;
        }
        match self.course(segment, kind, direction, known, tracking) {
            Course::Refuse => Why::OldReset,
            _ => Why::OutOfWindow,
        }
    }
}
