//! Whether a segment is in its window (`tcp_in_window`).

use portcullis::packet::{TcpFlags, TcpSegment};

use super::state::{Index, State};
use super::{Connection, Fate, Seen, Settings, has};

impl Connection {
    pub(super) fn in_window(
        &mut self,
        segment: &TcpSegment,
        index: Index,
        dir: usize,
        settings: &Settings,
    ) -> Fate {
        let (mut sender, mut receiver) = (self.seen[dir], self.seen[1 - dir]);
        let fate = self.judge(segment, index, dir, &mut sender, &mut receiver);
        (self.seen[dir], self.seen[1 - dir]) = (sender, receiver);
        match fate {
            Fate::Accept => Fate::Accept,
            _ if sender.be_liberal || settings.be_liberal => Fate::Accept,
            fate => fate,
        }
    }

    pub(super) fn judge(
        &mut self,
        segment: &TcpSegment,
        index: Index,
        dir: usize,
        sender: &mut Seen,
        receiver: &mut Seen,
    ) -> Fate {
        let (syn, has_ack, rst) =
            (has(segment, TcpFlags::SYN), has(segment, TcpFlags::ACK), has(segment, TcpFlags::RST));
        let mut seq = segment.seq;
        let mut end = end_of(segment);
        let (mut ack, mut sack) = (segment.ack, segment.ack);
        if receiver.sack_perm {
            for block in segment.sack.as_slice() {
                if before(sack, block.right) {
                    sack = block.right;
                }
            }
        }
        if sender.maxwin == 0 {
            if syn {
                sender.start(segment, receiver, dir);
                if !has_ack {
                    return Fate::Accept;
                }
            } else {
                sender.end = end;
                sender.maxwin = (u32::from(segment.window) << sender.scale).max(1);
                sender.maxend = end.wrapping_add(sender.maxwin);
                if receiver.maxwin == 0 {
                    (receiver.end, receiver.maxend) = (sack, sack);
                } else if sack == receiver.end.wrapping_add(1) {
                    receiver.end = sack;
                }
            }
        } else if syn
            && before(sender.end, end)
            && (self.state == State::SynSent || self.state == State::SynRecv)
        {
            sender.start(segment, receiver, dir);
            if dir == 1 && !has_ack {
                return Fate::Accept;
            }
        }
        if !has_ack || rst && ack == 0 {
            (ack, sack) = (receiver.end, receiver.end);
        }
        if rst && seq == 0 && self.state == State::SynSent {
            (seq, end) = (sender.end, sender.end);
        }
        let oldest_ack = receiver.end.wrapping_sub(sender.maxwin.max(66_000)).wrapping_sub(1);
        let oldest_end = sender.end.wrapping_sub(receiver.maxwin).wrapping_sub(1);
        let acks_sent = before(sack, receiver.end.wrapping_add(1));
        if !before(seq, sender.maxend.wrapping_add(1)) {
            let overshot = end.wrapping_sub(sender.maxend).wrapping_add(1);
            let little = receiver.maxwin != 0
                && before(oldest_end, end)
                && before(oldest_ack, sack)
                && overshot <= receiver.maxwin
                && acks_sent;
            if !little {
                return Fate::Invalid;
            }
            sender.end = end;
            sender.unacknowledged = true;
            return Fate::Ignore;
        }
        if !acks_sent {
            return Fate::Invalid;
        }
        if receiver.maxwin != 0 && !before(oldest_end, end) || !before(oldest_ack, sack) {
            return Fate::Ignore;
        }
        let scale = if syn { 0 } else { sender.scale };
        let win = u32::from(segment.window) << scale;
        sender.maxwin = sender.maxwin.max(win.wrapping_add(sack.wrapping_sub(ack)));
        if before(sender.end, end) {
            sender.end = end;
            sender.unacknowledged = true;
        }
        if has_ack && (!sender.maxack_set || before(sender.maxack, ack)) {
            sender.maxack = ack;
            sender.maxack_set = true;
        }
        if receiver.maxwin != 0 && before(sender.maxend, end) {
            receiver.maxwin = receiver.maxwin.wrapping_add(end.wrapping_sub(sender.maxend));
        }
        let edge = sack.wrapping_add(win);
        if before(receiver.maxend.wrapping_sub(1), edge) {
            receiver.maxend = edge.wrapping_add(u32::from(win == 0));
        }
        if ack == receiver.end {
            receiver.unacknowledged = false;
        }
        if index == Index::Ack {
            let last = (self.last_dir, self.last_seq, self.last_ack, self.last_end, self.last_win);
            if last == (dir, seq, ack, end, segment.window) {
                self.retrans = self.retrans.saturating_add(1);
            } else {
                self.last_dir = dir;
                (self.last_seq, self.last_ack, self.last_end) = (seq, ack, end);
                self.last_win = segment.window;
                self.retrans = 0;
            }
        }
        Fate::Accept
    }
}

impl Seen {
    /// Takes the numbers from a SYN or SYN+ACK.
    pub(super) fn start(&mut self, segment: &TcpSegment, receiver: &mut Self, dir: usize) {
        let end = end_of(segment);
        (self.end, self.maxend) = (end, end);
        self.maxwin = u32::from(segment.window).max(1);
        self.options(segment);
        if dir == 1 && !(self.window_scale && receiver.window_scale) {
            (self.scale, receiver.scale) = (0, 0);
        }
    }

    /// A segment without any options leaves what is known as it is.
    pub(super) fn options(&mut self, segment: &TcpSegment) {
        if !segment.has_options() {
            return;
        }
        *self = Self {
            scale: segment.window_scale.unwrap_or(0).min(14),
            window_scale: segment.window_scale.is_some(),
            sack_perm: segment.sack_permitted,
            close_init: false,
            unacknowledged: false,
            maxack_set: false,
            ..*self
        };
    }
}

pub(super) fn end_of(segment: &TcpSegment) -> u32 {
    let (syn, fin) = (has(segment, TcpFlags::SYN), has(segment, TcpFlags::FIN));
    segment.seq.wrapping_add(segment.payload_len).wrapping_add(u32::from(syn) + u32::from(fin))
}

pub(super) fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}
