use super::TcpState;
use super::state_table::Kind;
use crate::conntrack::TcpTracking;
use crate::packet::{Direction, SackBlock, TcpFlags, TcpSegment};

/// What is known of the sequence numbers that one end sends.
///
/// # Source
///
/// Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2001), as Linux
/// `nf_conntrack_proto_tcp.c` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct Side {
    /// Just after the highest sequence number sent.
    pub(super) end: u32,
    /// Just after the highest one that the other end lets it send.
    pub(super) max_end: u32,
    /// The largest window that it announced, scaled; 0 until it has sent a segment.
    pub(super) max_window: u32,
    /// The highest acknowledgement that it sent, if `Marks::ACKED`.
    pub(super) max_ack: u32,
    /// The shift count of its windows.
    pub(super) scale: u8,
    pub(super) marks: Marks,
}

/// Facts about one end, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
pub(super) struct Marks(pub(super) u8);

impl Marks {
    /// It offered window scaling.
    const SCALES: Self = Self(1);
    /// It offered selective acknowledgement.
    const SACKS: Self = Self(2);
    /// What it sends is let through whatever its numbers: its start was not seen.
    pub(super) const LIBERAL: Self = Self(4);
    /// It sent an acknowledgement.
    pub(super) const ACKED: Self = Self(8);
    /// It sent data that is not acknowledged yet.
    pub(super) const UNACKNOWLEDGED: Self = Self(16);
    /// It was the first to send a FIN.
    pub(super) const CLOSED_FIRST: Self = Self(32);

    pub(super) const fn has(self, mark: Self) -> bool {
        self.0 & mark.0 != 0
    }

    /// Whether there are bits that mean nothing.
    pub(super) const fn has_unknown(self) -> bool {
        self.0 > 0b11_1111
    }

    pub(super) const fn set(&mut self, mark: Self) {
        self.0 |= mark.0;
    }

    #[inline(always)]
    pub(super) const fn clear_if(&mut self, holds: bool, mark: Self) {
        self.0 &= !(mark.0 & (holds as u8).wrapping_neg());
    }
}

impl Side {
    /// What the SYN that opens a connection says of its sender.
    pub(super) fn opening(syn: &TcpSegment) -> Self {
        let mut side = Self::default();
        side.start(syn);
        side
    }

    /// What a segment from the middle of a connection says of its sender, and what to take the
    /// other end for.
    pub(super) fn picked_up(segment: &TcpSegment) -> (Self, Self) {
        let marks = Marks(Marks::SACKS.0 | Marks::LIBERAL.0);
        let end = segment_end(segment);
        let max_window = u32::from(segment.window).max(1);
        let max_end = end.wrapping_add(max_window);
        (
            Self { end, max_end, max_window, marks, ..Self::default() },
            Self { marks, ..Self::default() },
        )
    }

    /// A side that sent a SYN with these particulars, which was let through unseen.
    pub(super) fn resumed(end: u32, window: u16, offers: Offers) -> Self {
        let mut side =
            Self { end, max_end: end, max_window: u32::from(window).max(1), ..Self::default() };
        side.take(offers);
        side
    }

    /// Forgets everything but whether to be liberal.
    pub(super) fn forget(&mut self) {
        *self = Self { marks: Marks(self.marks.0 & Marks::LIBERAL.0), ..Self::default() };
    }

    fn start(&mut self, syn: &TcpSegment) {
        self.end = segment_end(syn);
        self.max_end = self.end;
        self.max_window = u32::from(syn.window).max(1);
        // As in Linux (`tcp_options`), a SYN sent anew without options takes none back.
        if syn.has_options() {
            self.take(Offers::of(syn));
        }
    }

    fn take(&mut self, offers: Offers) {
        self.marks = Marks(self.marks.0 & Marks::LIBERAL.0);
        self.scale = offers.scale.unwrap_or(0);
        if offers.scale.is_some() {
            self.marks.set(Marks::SCALES);
        }
        if offers.sacks {
            self.marks.set(Marks::SACKS);
        }
    }

    /// The room below the highest acknowledgement for one that was delayed.
    #[inline(always)]
    pub(super) fn ack_room(&self) -> u32 {
        self.max_window.max(66_000)
    }
}

/// What a SYN's options offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct Offers {
    pub(super) scale: Option<u8>,
    pub(super) sacks: bool,
}

impl Offers {
    /// A shift count above 14 is taken as 14 (RFC 7323 section 2.3).
    pub(super) fn of(syn: &TcpSegment) -> Self {
        Self { scale: syn.window_scale.map(|scale| scale.min(14)), sacks: syn.sack_permitted }
    }
}

/// What the window says of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It may move the state.
    Inside,
    /// It passes and moves nothing.
    Ignored,
    Invalid,
}

/// The two ends' windows, and the last segment that only acknowledges: sent again and again, it
/// tells of a connection in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct Windows {
    /// The opener's and the other end's.
    pub(super) sides: [Side; 2],
    pub(super) last_seq: u32,
    pub(super) last_ack: u32,
    pub(super) last_end: u32,
    pub(super) last_window: u16,
    pub(super) retransmissions: u8,
    pub(super) last_direction: Direction,
}

impl Windows {
    pub(super) fn new(opener: Side, other: Side) -> Self {
        Self {
            sides: [opener, other],
            last_seq: 0,
            last_ack: 0,
            last_end: 0,
            last_window: 0,
            retransmissions: 0,
            last_direction: Direction::Original,
        }
    }

    /// Of the end that sends in `direction`.
    pub(super) fn side(&self, direction: Direction) -> &Side {
        let [opener, other] = &self.sides;
        if direction == Direction::Original { opener } else { other }
    }

    pub(super) fn side_mut(&mut self, direction: Direction) -> &mut Side {
        let [opener, other] = &mut self.sides;
        if direction == Direction::Original { opener } else { other }
    }

    /// Whether either end has a mark.
    #[inline(always)]
    pub(super) fn either_has(&self, mark: Marks) -> bool {
        let [opener, other] = &self.sides;
        (opener.marks.0 | other.marks.0) & mark.0 != 0
    }

    /// Notes a segment that was let through without a look at its numbers.
    pub(super) fn note(&mut self, segment: &TcpSegment, direction: Direction) {
        self.last_direction = direction;
        self.last_seq = segment.seq;
        self.last_end = segment_end(segment);
        self.last_window = segment.window;
    }

    /// Judges a segment, and learns from it if it fits.
    pub(super) fn judge(
        &mut self,
        segment: &TcpSegment,
        kind: Kind,
        direction: Direction,
        state: TcpState,
        tracking: &TcpTracking,
    ) -> Fit {
        let [opener, other] = &mut self.sides;
        let (sender, receiver) =
            if direction == Direction::Original { (opener, other) } else { (other, opener) };
        let numbers = Numbers::of(segment, receiver);
        if segment.flags.contains(TcpFlags::SYN) || sender.max_window == 0 {
            let started = start_of_side(sender, receiver, segment, direction, state, &numbers);
            if started == Started::Done {
                return Fit::Inside;
            }
        }
        let numbers = numbers.completed(segment, sender, receiver, state);
        let liberal = tracking.be_liberal || sender.marks.has(Marks::LIBERAL);
        match numbers.fit(sender, receiver) {
            Fit::Inside => {
                numbers.learn(segment, sender, receiver);
                if kind == Kind::Ack {
                    self.count_retransmission(segment, &numbers, direction);
                }
                Fit::Inside
            }
            _ if liberal => Fit::Inside,
            fit => fit,
        }
    }

    fn count_retransmission(
        &mut self,
        segment: &TcpSegment,
        numbers: &Numbers,
        direction: Direction,
    ) {
        if self.is_last(segment, numbers.end, direction) {
            self.retransmissions = self.retransmissions.saturating_add(1);
            return;
        }
        self.retransmissions = 0;
        self.take_as_last(segment, numbers.end, direction);
    }

    /// Whether the last segment was the same, as far as it is remembered.
    #[inline(always)]
    pub(super) fn is_last(&self, segment: &TcpSegment, end: u32, direction: Direction) -> bool {
        // The first comparison nearly always says that it is another one; the direction, which
        // is as good as random, must not be asked before.
        self.last_seq == segment.seq && self.is_last_with(segment, end, direction)
    }

    #[inline(never)]
    fn is_last_with(&self, segment: &TcpSegment, end: u32, direction: Direction) -> bool {
        self.last_end == end
            && self.last_ack == segment.ack
            && self.last_window == segment.window
            && self.last_direction == direction
    }

    #[inline(always)]
    pub(super) fn take_as_last(&mut self, segment: &TcpSegment, end: u32, direction: Direction) {
        self.last_direction = direction;
        self.last_window = segment.window;
        (self.last_seq, self.last_ack, self.last_end) = (segment.seq, segment.ack, end);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Started {
    /// Nothing is left to judge: the other end's half of a simultaneous open.
    Done,
    GoOn,
}

/// Begins to track the sender, if this is its first segment or a new SYN of a connection that is
/// not open yet.
#[cold]
#[inline(never)]
fn start_of_side(
    sender: &mut Side,
    receiver: &mut Side,
    segment: &TcpSegment,
    direction: Direction,
    state: TcpState,
    numbers: &Numbers,
) -> Started {
    let syn = segment.flags.contains(TcpFlags::SYN);
    let first = sender.max_window == 0;
    let opening = matches!(state, TcpState::SynSent | TcpState::SynRecv);
    if syn && (first || opening && after(numbers.end, sender.end)) {
        sender.start(segment);
        let scales = sender.marks.has(Marks::SCALES) && receiver.marks.has(Marks::SCALES);
        if direction == Direction::Reply && !scales {
            sender.scale = 0;
            receiver.scale = 0;
        }
        let done = !segment.flags.contains(TcpFlags::ACK);
        return if done && (first || direction == Direction::Reply) {
            Started::Done
        } else {
            Started::GoOn
        };
    }
    if first {
        start_midway(sender, receiver, segment, numbers);
    }
    Started::GoOn
}

/// Takes the sender's numbers from a segment that is not a SYN: what came before was not seen.
fn start_midway(sender: &mut Side, receiver: &mut Side, segment: &TcpSegment, numbers: &Numbers) {
    sender.end = numbers.end;
    sender.max_window = (u32::from(segment.window) << sender.scale).max(1);
    sender.max_end = numbers.end.wrapping_add(sender.max_window);
    if receiver.max_window == 0 {
        receiver.end = numbers.sack;
        receiver.max_end = numbers.sack;
    } else if numbers.sack == receiver.end.wrapping_add(1) {
        // Probably the answer to a keepalive.
        receiver.end = numbers.sack;
    }
}

/// A segment's numbers, as they are to be judged.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    seq: u32,
    /// Just after its last byte, SYN and FIN counted.
    end: u32,
    ack: u32,
    /// The highest byte acknowledged, selectively or not.
    sack: u32,
}

impl Numbers {
    fn of(segment: &TcpSegment, receiver: &Side) -> Self {
        let sack = if segment.sack.is_empty() || !receiver.marks.has(Marks::SACKS) {
            segment.ack
        } else {
            highest_sack(segment.ack, segment.sack.as_slice())
        };
        Self { seq: segment.seq, end: segment_end(segment), ack: segment.ack, sack }
    }

    /// With what the segment leaves out: an acknowledgement, or a reset's sequence number.
    fn completed(
        mut self,
        segment: &TcpSegment,
        sender: &Side,
        receiver: &Side,
        state: TcpState,
    ) -> Self {
        let rst = segment.flags.contains(TcpFlags::RST);
        if !segment.flags.contains(TcpFlags::ACK) || rst && self.ack == 0 {
            self.ack = receiver.end;
            self.sack = receiver.end;
        }
        if rst && self.seq == 0 && state == TcpState::SynSent {
            self.seq = sender.end;
            self.end = sender.end;
        }
        self
    }

    /// The four bounds: the data within what the receiver lets the sender send, the
    /// acknowledgement within what the receiver sent.
    fn fit(&self, sender: &mut Side, receiver: &Side) -> Fit {
        let acks_sent_data = !after(self.sack, receiver.end);
        let ack_recent = !before(self.sack, receiver.end.wrapping_sub(sender.ack_room()));
        let data_recent = !before(self.end, sender.end.wrapping_sub(receiver.max_window));
        if after(self.seq, sender.max_end) {
            let excess = self.end.wrapping_sub(sender.max_end).wrapping_add(1);
            let slight = receiver.max_window != 0 && excess <= receiver.max_window;
            if !(slight && data_recent && ack_recent && acks_sent_data) {
                return Fit::Invalid;
            }
            // The receiver may take it all the same, and will then acknowledge it.
            sender.end = self.end;
            sender.marks.set(Marks::UNACKNOWLEDGED);
            return Fit::Ignored;
        }
        match acks_sent_data {
            false => Fit::Invalid,
            true if receiver.max_window != 0 && !data_recent => Fit::Ignored,
            true if !ack_recent => Fit::Ignored,
            true => Fit::Inside,
        }
    }

    fn learn(&self, segment: &TcpSegment, sender: &mut Side, receiver: &mut Side) {
        let scale = if segment.flags.contains(TcpFlags::SYN) { 0 } else { sender.scale };
        let window = u32::from(segment.window) << scale;
        let reach = window.wrapping_add(self.sack.wrapping_sub(self.ack));
        sender.max_window = sender.max_window.max(reach);
        if after(self.end, sender.end) {
            sender.end = self.end;
            sender.marks.set(Marks::UNACKNOWLEDGED);
        }
        if segment.flags.contains(TcpFlags::ACK) {
            let further = !sender.marks.has(Marks::ACKED) || after(self.ack, sender.max_ack);
            sender.max_ack = if further { self.ack } else { sender.max_ack };
            sender.marks.set(Marks::ACKED);
        }
        self.learn_of_receiver(window, sender, receiver);
    }

    fn learn_of_receiver(&self, window: u32, sender: &Side, receiver: &mut Side) {
        if after(self.end, sender.max_end) && receiver.max_window != 0 {
            let excess = self.end.wrapping_sub(sender.max_end);
            receiver.max_window = receiver.max_window.saturating_add(excess);
        }
        let allowed = self.sack.wrapping_add(window);
        // A closed window may still be probed with one byte.
        let probed = allowed.wrapping_add(u32::from(window == 0));
        if !before(allowed, receiver.max_end) {
            receiver.max_end = probed;
        }
        receiver.marks.clear_if(self.ack == receiver.end, Marks::UNACKNOWLEDGED);
    }
}

#[cold]
#[inline(never)]
fn highest_sack(ack: u32, blocks: &[SackBlock]) -> u32 {
    let higher = |highest, block: &SackBlock| {
        if after(block.right, highest) { block.right } else { highest }
    };
    blocks.iter().fold(ack, higher)
}

/// Just after the segment's last byte; SYN and FIN count as one each.
#[inline(always)]
fn segment_end(segment: &TcpSegment) -> u32 {
    let syn = u32::from(segment.flags.contains(TcpFlags::SYN));
    let fin = u32::from(segment.flags.contains(TcpFlags::FIN));
    segment.seq.wrapping_add(segment.payload_len).wrapping_add(syn).wrapping_add(fin)
}

/// Whether `a` comes before `b` in the circle of sequence numbers.
pub(super) const fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

pub(super) const fn after(a: u32, b: u32) -> bool {
    before(b, a)
}
