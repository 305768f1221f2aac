//! The short way for segments in the middle of open connections, which nearly all are.

use core::hint::select_unpredictable;

use super::window::{Marks, Side, Windows, after, before};
use crate::conntrack::{TcpTracking, Timeouts};
use crate::packet::{Direction, TcpSegment};

/// A quarter of the circle of sequence numbers: at least the largest window of 16 bits and any shift
/// count.
const FAR: u32 = 1 << 30;

/// How long an open connection is kept after a segment that is not the same as the one before: as
/// long as everything is acknowledged, and otherwise.
pub(in crate::conntrack) fn usual_seconds(tracking: &TcpTracking, timeouts: &Timeouts) -> [u32; 2] {
    let usual = timeouts.tcp_established;
    if tracking.max_retrans == 0 && usual > timeouts.tcp_max_retrans {
        return [timeouts.tcp_max_retrans; 2];
    }
    [usual, usual.min(timeouts.tcp_unacknowledged)]
}

impl Windows {
    /// Whether both ends have what [`learn_if_usual`](Self::learn_if_usual) builds on.
    pub(super) fn are_steady(&self) -> bool {
        self.sides.iter().all(Side::is_steady)
    }

    /// [`judge`](Self::judge) of a segment that only acknowledges and carries data, by windows that
    /// [are steady](Self::are_steady). If it is usual in every way it is learned from, and what is
    /// returned is whether there is data that nobody has acknowledged; if not, nothing has happened.
    #[inline(always)]
    pub(super) fn learn_if_usual(
        &mut self,
        segment: &TcpSegment,
        direction: Direction,
    ) -> Option<bool> {
        let end = segment.seq.wrapping_add(segment.payload_len);
        if self.is_last(segment, end, direction) {
            return None;
        }
        // No branch on the direction: it is as good as random.
        let from = direction as usize;
        let [sender, receiver] = self.sides.get_disjoint_mut([from, from ^ 1]).ok()?;
        if !is_usual(segment, end, sender, receiver) {
            return None;
        }
        let unacknowledged = learn_of_usual(segment, end, sender, receiver);
        self.retransmissions = 0;
        self.take_as_last(segment, end, direction);
        Some(unacknowledged)
    }
}

impl Side {
    /// Whether it has sent and acknowledged, and its window is not so large that it can be told
    /// apart from a small one only in the circle.
    fn is_steady(&self) -> bool {
        self.marks.has(Marks::ACKED) && (1..=FAR).contains(&self.max_window)
    }
}

/// Whether the segment, which acknowledges and perhaps carries data, fits, and
/// whether it is in every way such as nearly all segments are.
#[inline(always)]
fn is_usual(segment: &TcpSegment, end: u32, sender: &Side, receiver: &Side) -> bool {
    // No numbers here lie so far apart that the order in the circle is not that of the line.
    let left = sender.max_end.wrapping_sub(end);
    let unacknowledged = receiver.end.wrapping_sub(segment.ack);
    let data_recent = !before(end, sender.end.wrapping_sub(receiver.max_window));
    segment.sack.is_empty()
        && segment.window != 0
        && segment.payload_len < FAR
        && left < FAR
        && unacknowledged <= sender.ack_room()
        && data_recent
}

/// What is learned of a [usual](is_usual) segment; whether there is data then that nobody has
/// acknowledged.
#[inline(always)]
fn learn_of_usual(segment: &TcpSegment, end: u32, sender: &mut Side, receiver: &mut Side) -> bool {
    let mut marks = [sender.marks, receiver.marks];
    let [of_sender, of_receiver] = &mut marks;
    of_sender.set_if(after(end, sender.end), Marks::UNACKNOWLEDGED);
    of_receiver.clear_if(segment.ack == receiver.end, Marks::UNACKNOWLEDGED);
    [sender.marks, receiver.marks] = marks;
    let window = u32::from(segment.window) << (sender.scale & 15);
    sender.max_window = sender.max_window.max(window);
    sender.end = later(sender.end, end);
    sender.max_ack = later(sender.max_ack, segment.ack);
    receiver.max_end = later(receiver.max_end, segment.ack.wrapping_add(window));
    let [of_sender, of_receiver] = marks;
    Marks(of_sender.0 | of_receiver.0).has(Marks::UNACKNOWLEDGED)
}

impl Marks {
    #[inline(always)]
    const fn set_if(&mut self, holds: bool, mark: Self) {
        self.0 |= mark.0 & (holds as u8).wrapping_neg();
    }
}

#[inline(always)]
fn later(a: u32, b: u32) -> u32 {
    select_unpredictable(before(a, b), b, a)
}
