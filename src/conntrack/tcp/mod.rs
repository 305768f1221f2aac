//! TCP connections: the state table by direction and kind of segment, and the windows of both
//! ends, as Linux's nf_conntrack has them.

mod state_table;
mod window;

pub use state_table::TcpState;

use self::state_table::{Kind, Next, next};
use self::window::{Fit, Marks, Offers, Side, Windows, before};
use super::{TcpTracking, Timeouts};
use crate::packet::{Direction, TcpFlags, TcpSegment};

/// What is known of one TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TcpTrack {
    windows: Windows,
    state: TcpState,
    /// The kind of the last segment that moved the connection or was let through; `None` at first.
    last: Option<Kind>,
    /// What the last SYN that was let through unseen offered.
    passed: Offers,
    /// That SYN came in LAST_ACK: the answer may be a challenge acknowledgement (RFC 5961).
    challenged: bool,
    simultaneous: bool,
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

    pub(super) const fn state(&self) -> TcpState {
        self.state
    }

    /// Closes the connection; whether it was not closed before.
    pub(super) fn close(&mut self) -> bool {
        let open = self.state != TcpState::Close;
        self.state = TcpState::Close;
        open
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
        let closed = |side: &Side| side.marks.has(Marks::CLOSED_FIRST);
        closed(&self.windows.opener)
            || closed(&self.windows.other)
            || self.last_was(Kind::Rst, direction)
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
        Course::Move { from, to, judge: !self.answers_passed(segment, known) }
    }

    /// Whether a reset answers a segment that was let through unseen.
    fn answers_passed(&self, segment: &TcpSegment, known: Known) -> bool {
        let passed = match self.last {
            Some(Kind::Syn) => known.replied,
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
            timeouts.tcp_max_retrans
        } else if kind == Kind::Rst {
            timeouts.tcp_close
        } else if windows.has_unacknowledged() && usual > timeouts.tcp_unacknowledged {
            timeouts.tcp_unacknowledged
        } else if windows.last_window == 0 {
            usual.min(timeouts.tcp_max_retrans)
        } else {
            usual
        }
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
