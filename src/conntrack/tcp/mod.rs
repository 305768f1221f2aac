//! TCP connections: the state table by direction and kind of segment, and the windows of both
//! ends, as Linux's nf_conntrack has them.

mod refusal;
mod saved;
mod state_table;
mod usual;
mod window;

pub use state_table::TcpState;
pub(super) use usual::usual_seconds;

use self::state_table::{Kind, Next, next};
use self::window::{Fit, Marks, Offers, Side, Windows, before};
use super::{TcpTracking, Timeouts};
use crate::packet::{Direction, TcpFlags, TcpSegment};

/// What is known of one TCP connection. What the usual segment changes is all in the windows, so
/// that it can have a cache line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[repr(C)]
pub(super) struct TcpTrack {
    state: TcpState,
    /// The kind of the last segment that moved the connection or was let through; `None` at first.
    last: Option<Kind>,
    /// What the last SYN that was let through unseen offered.
    passed: Offers,
    /// That SYN came in LAST_ACK: the answer may be a challenge acknowledgement (RFC 5961).
    challenged: bool,
    simultaneous: bool,
    windows: Windows,
}

/// What the table knows of the connection besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Whether packets came in the reply direction before this one.
    pub(super) replied: bool,
    /// Whether the connection has been open in both directions.
    pub(super) assured: bool,
}

/// What a segment means for its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It belongs; the connection now lives this many seconds more.
    Renewed { seconds: u32, assured: bool },
    /// It belongs, and the timeout stays as it is.
    Kept,
    /// It belongs, and the connection is gone.
    Ended,
    /// It opens a new connection in the place of this one.
    Reopens,
    /// It does not belong.
    Invalid,
    /// It does not belong, and the ends seem to disagree with what is known here: live no longer
    /// than [`Timeouts::tcp_unacknowledged`].
    Doubtful,
}

/// Whether a segment of no known connection may open one.
pub(super) fn may_open(segment: &TcpSegment, tracking: &TcpTracking) -> bool {
    match Kind::of(segment.flags) {
        Some(Kind::Syn) => true,
        Some(Kind::Ack) => tracking.loose,
        _ => false,
    }
}

impl TcpTrack {
    #[cfg(test)]
    pub(super) const WINDOWS_OFFSET: usize = core::mem::offset_of!(Self, windows);

    /// The connection that `segment`, which [`may_open`], opens, and its timeout in seconds.
    pub(super) fn open(
        segment: &TcpSegment,
        tracking: &TcpTracking,
        timeouts: &Timeouts,
    ) -> (Self, u32) {
        let syn = segment.flags.contains(TcpFlags::SYN);
        let (state, kind) =
            if syn { (TcpState::SynSent, Kind::Syn) } else { (TcpState::Established, Kind::Ack) };
        let windows = if syn {
            Windows::new(Side::opening(segment), Side::default())
        } else {
            let (opener, other) = Side::picked_up(segment);
            Windows::new(opener, other)
        };
        let passed = Offers::default();
        let mut track =
            Self { windows, state, last: None, passed, challenged: false, simultaneous: false };
        track.windows.judge(segment, kind, Direction::Original, state, tracking);
        track.last = Some(kind);
        track.windows.last_direction = Direction::Original;
        let seconds = track.seconds(kind, tracking, timeouts);
        let unanswered = seconds.min(timeouts.tcp_unacknowledged);
        (track, if syn { seconds } else { unanswered })
    }

    /// Whether its start was not seen.
    pub(super) fn was_picked_up(&self) -> bool {
        self.windows.side(Direction::Original).marks.has(Marks::LIBERAL)
    }

    pub(super) const fn state(&self) -> TcpState {
        self.state
    }

    /// Closes the connection; whether it was not closed before.
    pub(super) fn close(&mut self) -> bool {
        let open = self.state != TcpState::Close;
        self.state = TcpState::Close;
        open
    }

    /// Whether the connection is open, and what [`advance_if_usual`](Self::advance_if_usual) does
    /// would leave it so.
    pub(super) fn is_steady(&self) -> bool {
        let open = self.state == TcpState::Established && self.last == Some(Kind::Ack);
        open && self.windows.are_steady()
    }

    /// [`advance`](Self::advance) for the usual segment, an acknowledgement with or without data, of
    /// a connection that [is steady](Self::is_steady) and [assured](Known::assured). The step is
    /// then [`Step::Renewed`] with one of the [usual seconds](usual_seconds), and it says whether
    /// it is the second. `None` of a segment that is unusual in any way; nothing has happened then.
    #[inline(always)]
    pub(super) fn advance_if_usual(
        &mut self,
        segment: &TcpSegment,
        direction: Direction,
    ) -> Option<bool> {
        if !Kind::is_ack(segment.flags) {
            return None;
        }
        self.windows.learn_if_usual(segment, direction)
    }

    /// Moves the connection by one segment.
    pub(super) fn advance(
        &mut self,
        segment: &TcpSegment,
        direction: Direction,
        known: Known,
        tracking: &TcpTracking,
        timeouts: &Timeouts,
    ) -> Step {
        let Some(kind) = Kind::of(segment.flags) else { return Step::Invalid };
        let course = self.course(segment, kind, direction, known, tracking);
        let (from, to) = match course {
            Course::Move { from, to, judge: false } => (from, to),
            Course::Move { from, to, judge: true } => {
                match self.windows.judge(segment, kind, direction, self.state, tracking) {
                    Fit::Inside => (from, to),
                    Fit::Ignored => return Step::Kept,
                    Fit::Invalid => return self.doubt(kind, direction, known),
                }
            }
            Course::Pass => return Step::Kept,
            Course::Reopen => return Step::Reopens,
            Course::Refuse => return Step::Invalid,
        };
        self.settle(kind, direction, to);
        self.step(kind, from, known, tracking, timeouts)
    }

    /// Where the segment would lead, before its numbers are judged.
    fn course(
        &mut self,
        segment: &TcpSegment,
        kind: Kind,
        direction: Direction,
        known: Known,
        tracking: &TcpTracking,
    ) -> Course {
        let from = self.state;
        let to = match next(direction, kind, from) {
            Next::Invalid => return Course::Refuse,
            Next::Ignore => return self.pass(segment, kind, direction),
            Next::To(to) => to,
        };
        let go = |to| Course::Move { from, to, judge: true };
        match to {
            TcpState::SynSent if matches!(from, TcpState::TimeWait | TcpState::Close) => {
                if self.may_reopen(direction) {
                    Course::Reopen
                } else {
                    self.pass(segment, kind, direction)
                }
            }
            TcpState::TimeWait if self.is_challenge(kind, direction) => {
                self.challenged = false;
                Course::Pass
            }
            TcpState::SynSent2 => {
                self.simultaneous = true;
                go(to)
            }
            TcpState::SynRecv if kind == Kind::Ack && self.simultaneous => {
                go(TcpState::Established)
            }
            TcpState::Close if kind == Kind::Rst => self.reset(segment, direction, known, tracking),
            _ => go(to),
        }
    }

    /// A SYN may open the connection anew if an end has closed it, or its sender just reset it.
    fn may_reopen(&self, direction: Direction) -> bool {
        self.windows.either_has(Marks::CLOSED_FIRST) || self.last_was(Kind::Rst, direction)
    }

    /// The acknowledgement that answers a SYN out of place does not acknowledge the last FIN.
    fn is_challenge(&self, kind: Kind, direction: Direction) -> bool {
        self.state == TcpState::LastAck
            && kind == Kind::Ack
            && self.challenged
            && self.last_was(Kind::Syn, direction.reversed())
    }

    fn last_was(&self, kind: Kind, direction: Direction) -> bool {
        self.last == Some(kind) && self.windows.last_direction == direction
    }

    /// A segment that the ends may understand better than what is known here: it is let through
    /// and remembered. If it is the answer to a SYN let through in the same way, the connection is
    /// taken up from there.
    fn pass(&mut self, segment: &TcpSegment, kind: Kind, direction: Direction) -> Course {
        if kind == Kind::SynAck
            && self.last_was(Kind::Syn, direction.reversed())
            && segment.ack == self.windows.last_end
        {
            return self.resume(direction);
        }
        self.last = Some(kind);
        self.windows.note(segment, direction);
        if kind == Kind::Syn && direction == Direction::Original {
            self.passed = Offers::of(segment);
            self.challenged = self.state == TcpState::LastAck;
            self.simultaneous = false;
        }
        if self.state == TcpState::SynSent && kind == Kind::Ack && direction == Direction::Reply {
            self.windows.last_ack = segment.ack;
        }
        Course::Pass
    }

    fn resume(&mut self, direction: Direction) -> Course {
        let (end, window) = (self.windows.last_end, self.windows.last_window);
        self.challenged = false;
        *self.windows.side_mut(direction.reversed()) = Side::resumed(end, window, self.passed);
        self.windows.side_mut(direction).forget();
        Course::Move { from: TcpState::SynSent, to: TcpState::SynRecv, judge: true }
    }

    /// A reset counts if it carries the number that its receiver waits for (RFC 5961 section 3).
    fn reset(
        &self,
        segment: &TcpSegment,
        direction: Direction,
        known: Known,
        tracking: &TcpTracking,
    ) -> Course {
        let from = self.state;
        let close = |judge| Course::Move { from, to: TcpState::Close, judge };
        if from.is_closing() {
            return close(false);
        }
        let mut to = TcpState::Close;
        let receiver = self.windows.side(direction.reversed());
        // After a SYN let through unseen the last acknowledgement may be out of date.
        if receiver.marks.has(Marks::ACKED) && self.last != Some(Kind::Syn) {
            let open = from == TcpState::Established && known.assured;
            if segment.seq == 0 && !open {
                return close(true);
            }
            if before(segment.seq, receiver.max_ack) && !tracking.ignore_invalid_rst {
                return Course::Refuse;
            }
            let follows_data =
                self.last_was(Kind::Ack, direction) && segment.seq == self.windows.last_end;
            if !open || segment.seq == receiver.max_ack || follows_data {
                return close(true);
            }
            // Inside the window but not exact: the receiver will ask whether it was meant.
            to = from;
        }
        Course::Move { from, to, judge: !self.answers_passed(segment, direction, known) }
    }

    /// Whether a reset answers a segment of the other end that was let through unseen.
    fn answers_passed(&self, segment: &TcpSegment, direction: Direction, known: Known) -> bool {
        let passed = match self.last {
            Some(Kind::Syn) => known.replied && self.windows.last_direction != direction,
            Some(Kind::Ack) => !known.assured,
            _ => false,
        };
        let challenge = self.state == TcpState::SynSent
            && self.last_was(Kind::Ack, Direction::Reply)
            && segment.seq == self.windows.last_ack;
        passed && segment.ack == self.windows.last_end || challenge
    }

    fn doubt(&mut self, kind: Kind, direction: Direction, known: Known) -> Step {
        if !known.assured || !matches!(kind, Kind::Rst | Kind::Fin) {
            return Step::Invalid;
        }
        let other = direction.reversed();
        if self.last_was(Kind::Fin, other) || self.last_was(Kind::Rst, other) {
            return Step::Doubtful;
        }
        self.last = Some(kind);
        self.windows.last_direction = direction;
        Step::Invalid
    }

    fn settle(&mut self, kind: Kind, direction: Direction, to: TcpState) {
        self.last = Some(kind);
        self.windows.last_direction = direction;
        if to == TcpState::FinWait && self.state != to {
            self.windows.side_mut(direction).marks.set(Marks::CLOSED_FIRST);
        }
        self.state = to;
    }

    fn step(
        &self,
        kind: Kind,
        from: TcpState,
        known: Known,
        tracking: &TcpTracking,
        timeouts: &Timeouts,
    ) -> Step {
        let open = self.state == TcpState::Established;
        let seconds = self.seconds(kind, tracking, timeouts);
        if known.replied {
            let answered = matches!(from, TcpState::SynRecv | TcpState::Established);
            return Step::Renewed { seconds, assured: open && answered };
        }
        match kind {
            // Nothing but a reset came back, or the opener gave up: there is no connection.
            Kind::Rst => Step::Ended,
            // A SYN sent again does not keep the connection alive.
            Kind::Syn if from == TcpState::SynSent => Step::Kept,
            _ if open => {
                let seconds = seconds.min(timeouts.tcp_unacknowledged);
                Step::Renewed { seconds, assured: false }
            }
            _ => Step::Renewed { seconds, assured: false },
        }
    }

    fn seconds(&self, kind: Kind, tracking: &TcpTracking, timeouts: &Timeouts) -> u32 {
        let usual = timeouts.tcp(self.state);
        let windows = &self.windows;
        if windows.retransmissions >= tracking.max_retrans && usual > timeouts.tcp_max_retrans {
            return timeouts.tcp_max_retrans;
        }
        if kind == Kind::Rst {
            return timeouts.tcp_close;
        }
        let unacknowledged = windows.either_has(Marks::UNACKNOWLEDGED);
        let limited = usual.min(timeouts.tcp_unacknowledged);
        if windows.last_window == 0 && !(unacknowledged && limited < usual) {
            return usual.min(timeouts.tcp_max_retrans);
        }
        if unacknowledged { limited } else { usual }
    }
}

/// What to do with a segment before or instead of judging its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Move {
        from: TcpState,
        to: TcpState,
        /// Whether its numbers must fit.
        judge: bool,
    },
    /// Let it through, change nothing.
    Pass,
    Reopen,
    Refuse,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::SackBlock;

    fn number() -> impl Strategy<Value = u32> {
        let near = prop_oneof![0..6u32, 1000..1006u32, 8000..9300u32, 60_000..70_000u32];
        prop_oneof![6 => near, 1 => u32::MAX - 5..=u32::MAX, 1 => any::<u32>()]
    }

    fn segment() -> impl Strategy<Value = TcpSegment> {
        let flags = prop_oneof![
            8 => Just(0x10u8), 2 => Just(0x18), 1 => Just(0x30), 1 => Just(0x12), 1 => Just(0x02),
            1 => Just(0x11), 1 => Just(0x14), 1 => any::<u8>()
        ];
        let window = prop_oneof![4 => Just(8192u16), 1 => Just(0), 1 => any::<u16>()];
        let len = prop_oneof![2 => Just(0u32), 1 => 0..3000u32];
        let sack = prop::option::weighted(0.2, (number(), number()));
        (flags, number(), number(), window, len, sack).prop_map(
            |(flags, seq, ack, window, len, sack)| {
                let mut segment = TcpSegment::new(TcpFlags(flags));
                (segment.seq, segment.ack, segment.window) = (seq, ack, window);
                (segment.payload_len, segment.sack_permitted) = (len, seq % 2 == 0);
                segment.window_scale = (ack % 3 == 0).then_some(seq as u8 % 20);
                if let Some((left, right)) = sack {
                    segment.sack.push(SackBlock { left, right });
                }
                segment
            },
        )
    }

    /// An open connection, whose handshake offered what the numbers say.
    fn open(syn: &mut TcpSegment, answer: &mut TcpSegment) -> TcpTrack {
        let (tracking, timeouts) = (TcpTracking::default(), Timeouts::default());
        (syn.flags, syn.seq) = (TcpFlags::SYN, 0);
        (answer.flags, answer.seq, answer.ack) = (TcpFlags::SYN | TcpFlags::ACK, 0, 1);
        (syn.payload_len, answer.payload_len) = (0, 0);
        let mut last = TcpSegment::new(TcpFlags::ACK);
        (last.seq, last.ack, last.window) = (1, 1, 8192);
        let (mut track, _) = TcpTrack::open(syn, &tracking, &timeouts);
        for (segment, direction) in [(&*answer, Direction::Reply), (&last, Direction::Original)] {
            let known = Known { replied: true, assured: false };
            track.advance(segment, direction, known, &tracking, &timeouts);
        }
        track
    }

    proptest! {
        #[test]
        fn the_short_way_leads_where_the_long_one_does(
            mut syn in segment(),
            mut answer in segment(),
            segments in prop::collection::vec((segment(), any::<bool>(), 1..3u8), 1..60),
            max_retrans in 0..4u8,
            unacknowledged in prop_oneof![Just(20u32), Just(300), Just(1_000_000)],
        ) {
            let tracking = TcpTracking { max_retrans, ..TcpTracking::default() };
            let timeouts =
                Timeouts { tcp_unacknowledged: unacknowledged, ..Timeouts::default() };
            let usual = usual_seconds(&tracking, &timeouts);
            let mut track = open(&mut syn, &mut answer);
            for (segment, back, times) in segments {
                let direction = if back { Direction::Reply } else { Direction::Original };
                for _ in 0..times {
                    let (before, mut short) = (track, track);
                    let known = Known { replied: true, assured: true };
                    let step = track.advance(&segment, direction, known, &tracking, &timeouts);
                    if !before.is_steady() {
                        continue;
                    }
                    match short.advance_if_usual(&segment, direction) {
                        Some(unacknowledged) => {
                            let seconds = usual[usize::from(unacknowledged)];
                            prop_assert_eq!(step, Step::Renewed { seconds, assured: true });
                            prop_assert_eq!(short, track);
                            prop_assert!(short.is_steady());
                        }
                        None => prop_assert_eq!(short, before),
                    }
                }
            }
        }
    }

    #[test]
    fn usual_segments_go_the_short_way() {
        let (mut syn, mut answer) = (TcpSegment::default(), TcpSegment::default());
        (syn.window, answer.window) = (8192, 8192);
        let mut track = open(&mut syn, &mut answer);
        let mut data = TcpSegment::new(TcpFlags::ACK | TcpFlags::PSH);
        (data.seq, data.ack, data.window, data.payload_len) = (1, 1, 8192, 100);
        let known = Known { replied: true, assured: true };
        let (tracking, timeouts) = (TcpTracking::default(), Timeouts::default());
        track.advance(&data, Direction::Reply, known, &tracking, &timeouts);
        assert!(track.is_steady());
        data.seq = 101;
        assert_eq!(track.advance_if_usual(&data, Direction::Reply), Some(true));
        data.ack = 201;
        data.seq = 1;
        assert_eq!(track.advance_if_usual(&data, Direction::Original), Some(true));
        (data.seq, data.ack, data.payload_len) = (201, 101, 0);
        assert_eq!(track.advance_if_usual(&data, Direction::Reply), Some(false));
    }
}
