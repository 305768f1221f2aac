use super::Time;
use super::key::{End, Flow, Key};
use super::sctp::SctpTrack;
use super::tcp::TcpTrack;
use super::wheel::comes_too_late;
use crate::packet::{ConnFlag, ConnState, ConnStatus, Direction};

/// A connection in the table: two cache lines. The usual packet reads both and writes to the second
/// only.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) created: Time,
    /// The tick at which the wheel brings it up; of a vacant entry the number of another one.
    pub(super) armed: u32,
    pub(super) opener: End,
    /// What rules see of it; not that it is confirmed.
    pub(super) flags: ConnStatus,
    /// The list of displaceable connections that it is in.
    pub(super) rank: Option<Rank>,
    /// Whether usual packets may move it by [a short way](super::advance::advance_if_usual).
    pub(super) steady: bool,
    /// Of TCP, the windows are on the second line.
    pub(super) track: Track,
    /// From this moment on the connection is not found any more.
    pub(super) deadline: Time,
}

/// What is known of a connection by the states of its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "entries are of one size; most of them are TCP's")]
pub(super) enum Track {
    /// A protocol without states.
    Stateless,
    Tcp(TcpTrack),
    Sctp(SctpTrack),
}

impl Track {
    const fn is_closing(&self) -> bool {
        match self {
            Self::Stateless => false,
            Self::Tcp(tcp) => tcp.state().is_closing(),
            Self::Sctp(sctp) => sctp.state().is_closing(),
        }
    }
}

/// How little a connection is established: lower ones are displaced first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Unreplied,
    Replied,
    Closing,
}

impl Rank {
    pub(super) const ALL: [Self; 3] = [Self::Unreplied, Self::Replied, Self::Closing];
}

impl Entry {
    /// No connection; `next` is the number of another such entry.
    pub(super) const fn vacant(next: u32) -> Self {
        Self {
            key: Key::NONE,
            deadline: Time::ZERO,
            created: Time::ZERO,
            armed: next,
            opener: End::Low,
            flags: ConnStatus::new(),
            rank: None,
            steady: false,
            track: Track::Stateless,
        }
    }

    pub(super) const fn next_vacant(&self) -> u32 {
        self.armed
    }

    pub(super) fn new(flow: &Flow, track: Track, now: Time, seconds: u32) -> Self {
        Self {
            key: flow.key,
            created: now,
            deadline: now.after_secs(seconds),
            track,
            armed: 0,
            opener: flow.sender,
            flags: ConnStatus::new(),
            rank: None,
            steady: false,
        }
    }

    #[inline(always)]
    pub(super) fn is_expired(&self, now: Time) -> bool {
        self.deadline <= now
    }

    /// Brings the deadline of a connection in doubt nearer, unless it is near anyway.
    pub(super) fn shorten(&mut self, now: Time, seconds: u32) {
        if now.after_secs(120) <= self.deadline {
            self.deadline = self.deadline.min(now.after_secs(seconds));
        }
    }

    /// The direction of a packet that shows `flow`. One that could be of either direction is
    /// taken for an answer, as in Linux.
    pub(super) fn direction_of(&self, flow: &Flow) -> Direction {
        if flow.looped { Direction::Reply } else { self.direction_from(flow.sender) }
    }

    /// The direction of a packet that `sender` sends to the other end.
    #[inline(always)]
    pub(super) fn direction_from(&self, sender: End) -> Direction {
        // No branch: it is as good as random.
        match sender as u8 ^ self.opener as u8 {
            0 => Direction::Original,
            _ => Direction::Reply,
        }
    }

    /// The state of a packet in `direction`, before the packet has moved anything.
    #[inline(always)]
    pub(super) const fn conn_state(&self, direction: Direction) -> ConnState {
        match direction {
            _ if self.replied() => ConnState::Established,
            Direction::Original => self.first_state(),
            Direction::Reply => ConnState::Established,
        }
    }

    /// What rules see of it besides its state, after a packet in `direction` has moved it.
    ///
    /// # Source
    ///
    /// Linux `nf_conntrack_core.c`, `nf_conntrack_in`: the first reply sets its flag before any rule
    /// sees it.
    #[inline(always)]
    pub(super) fn status(&self, direction: Direction) -> ConnStatus {
        let replied = self.replied() || direction == Direction::Reply;
        self.flags.with(ConnFlag::Confirmed, true).with(ConnFlag::Replied, replied)
    }

    /// [`status`](Self::status) of a steady connection, which is answered.
    #[inline(always)]
    pub(super) const fn steady_status(&self) -> ConnStatus {
        self.flags.with(ConnFlag::Confirmed, true)
    }

    /// The state of the packets that open the connection.
    const fn first_state(&self) -> ConnState {
        if self.flags.has(ConnFlag::Expected) { ConnState::Related } else { ConnState::New }
    }

    /// Sets a flag if something holds.
    #[inline(always)]
    pub(super) const fn flag_if(&mut self, holds: bool, flag: ConnFlag) {
        self.flags = self.flags.with(flag, self.flags.has(flag) || holds);
    }

    /// Whether a packet came in the reply direction.
    #[inline(always)]
    pub(super) const fn replied(&self) -> bool {
        self.flags.has(ConnFlag::Replied)
    }

    /// Whether it is established to the point where no new connection may displace it.
    #[inline(always)]
    pub(super) const fn assured(&self) -> bool {
        self.flags.has(ConnFlag::Assured)
    }

    /// Whether the wheel has it in the wrong place.
    #[inline(always)]
    pub(super) const fn comes_too_late(&self) -> bool {
        comes_too_late(self.armed, self.deadline)
    }

    /// Whether it is such that usual packets change nothing of it but the second line.
    pub(super) fn is_steady(&self) -> bool {
        let open = matches!(&self.track, Track::Tcp(tcp) if tcp.is_steady());
        open && self.proper_rank().is_none() && !self.key.is_looped()
    }

    /// Which connections it is displaced with; `None` for one that is never displaced.
    pub(super) fn proper_rank(&self) -> Option<Rank> {
        if !self.replied() {
            return Some(Rank::Unreplied);
        }
        if !self.assured() {
            return Some(Rank::Replied);
        }
        self.track.is_closing().then_some(Rank::Closing)
    }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use super::*;

    #[test]
    fn an_entry_takes_two_cache_lines() {
        assert_eq!((size_of::<Entry>(), align_of::<Entry>()), (128, 64));
        assert_eq!(offset_of!(Entry, track) + TcpTrack::WINDOWS_OFFSET, 64);
        assert_eq!(offset_of!(Entry, deadline), 120);
    }
}
