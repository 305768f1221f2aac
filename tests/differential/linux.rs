//! What Linux 6.18 makes of TCP, said a second time and as plainly as possible: a list of
//! connections, a table of states in letters, numbers compared as they are. It shares no code with
//! the crate and knows its types only to read a packet.
//!
//! Written from `nf_conntrack_proto_tcp.c` (`tcp_new`, `nf_conntrack_tcp_packet`, `tcp_in_window`,
//! `nf_tcp_handle_invalid`) and `nf_conntrack_core.c` (`resolve_normal_ct`, `nf_conntrack_in`).

mod state;
mod window;

use portcullis::packet::{TcpFlags, TcpSegment};
use portcullis::{FlowKey, Packet};

use state::{Index, STATES, State, index_of, valid_flags};
use window::{before, end_of};

/// The settings that matter.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) loose: bool,
    pub(super) be_liberal: bool,
    pub(super) ignore_invalid_rst: bool,
    pub(super) max_retrans: u8,
    pub(super) seconds: Seconds,
}

#[derive(Clone, Debug)]
pub(super) struct Seconds {
    pub(super) established: u32,
    pub(super) unacknowledged: u32,
    pub(super) max_retrans: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let seconds = Seconds { established: 432_000, unacknowledged: 300, max_retrans: 300 };
        Self { loose: true, be_liberal: false, ignore_invalid_rst: false, max_retrans: 3, seconds }
    }
}

/// What a packet is.
pub(super) struct Verdict {
    pub(super) shown: (&'static str, Option<String>),
    /// Whether it opens a connection, if the rules let it.
    pub(super) opens: bool,
}

/// What is to be seen of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) state: &'static str,
    pub(super) replied: bool,
    pub(super) assured: bool,
    pub(super) until: u64,
}

pub(super) struct Linux {
    settings: Settings,
    connections: Vec<Connection>,
    /// The one that the last packet opens if the rules let it.
    unconfirmed: Option<Connection>,
}

#[derive(Clone, Debug)]
struct Connection {
    original: FlowKey,
    replied: bool,
    assured: bool,
    until: u64,
    state: State,
    /// Of the originator and of the other end.
    seen: [Seen; 2],
    last_dir: usize,
    last_index: Index,
    last_seq: u32,
    last_ack: u32,
    last_end: u32,
    last_win: u16,
    last_wscale: u8,
    last_scales: bool,
    last_sacks: bool,
    expect_challenge: bool,
    simultaneous: bool,
    retrans: u8,
}

/// What is known of the numbers of one end.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    end: u32,
    maxend: u32,
    maxwin: u32,
    maxack: u32,
    scale: u8,
    window_scale: bool,
    sack_perm: bool,
    close_init: bool,
    be_liberal: bool,
    unacknowledged: bool,
    maxack_set: bool,
}

enum Fate {
    Accept,
    Ignore,
    Invalid,
    Kill,
    Repeat,
}

impl Linux {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, connections: Vec::new(), unconfirmed: None }
    }

    pub(super) fn packet(&mut self, packet: &Packet, now: u64) -> Verdict {
        self.unconfirmed = None;
        self.connections.retain(|connection| connection.until > now);
        let key = packet.flow_key();
        let segment = *packet.tcp_segment().unwrap();
        let known =
            self.connections.iter().position(|c| c.original == key || c.original == back(&key));
        let Some(place) = known else { return self.new_packet(key, &segment, now) };
        let connection = &mut self.connections[place];
        let dir = usize::from(connection.original != key);
        let state = if dir == 1 || connection.replied { "established" } else { "new" };
        match connection.segment(&segment, dir, now, &self.settings) {
            Fate::Accept | Fate::Ignore => connection.replied |= dir == 1,
            Fate::Invalid => return INVALID,
            Fate::Kill => {
                self.connections.remove(place);
            }
            Fate::Repeat => {
                self.connections.remove(place);
                return self.new_packet(key, &segment, now);
            }
        }
        let direction = ["original", "reply"][dir];
        Verdict { shown: (state, Some(direction.into())), opens: false }
    }

    fn new_packet(&mut self, key: FlowKey, segment: &TcpSegment, now: u64) -> Verdict {
        let Some(mut connection) = Connection::new(key, segment, &self.settings) else {
            return INVALID;
        };
        if !valid_flags(segment.flags) {
            return INVALID;
        }
        match connection.segment(segment, 0, now, &self.settings) {
            Fate::Accept => {}
            _ => return INVALID,
        }
        self.unconfirmed = Some(connection);
        Verdict { shown: ("new", Some("original".into())), opens: true }
    }

    pub(super) fn confirm(&mut self) {
        self.connections.extend(self.unconfirmed.take());
    }

    pub(super) fn shown(&self, packet: &Packet, now: u64) -> Option<Shown> {
        let key = packet.flow_key();
        let mut found = self.connections.iter().filter(|c| c.until > now);
        let connection = found.find(|c| c.original == key || c.original == back(&key))?;
        Some(Shown {
            state: connection.state.name(),
            replied: connection.replied,
            assured: connection.assured,
            until: connection.until,
        })
    }

    pub(super) fn len(&self, now: u64) -> usize {
        self.connections.iter().filter(|connection| connection.until > now).count()
    }
}

const INVALID: Verdict = Verdict { shown: ("invalid", None), opens: false };

impl Connection {
    /// The state before its first segment, unless that may open none.
    fn new(original: FlowKey, segment: &TcpSegment, settings: &Settings) -> Option<Self> {
        let first = STATES[0].get(index_of(segment.flags) as usize)?;
        let mut seen = [Seen::default(); 2];
        let end = end_of(segment);
        let window = u32::from(segment.window).max(1);
        match first.split(' ').next()? {
            "SS" => {
                (seen[0].end, seen[0].maxend, seen[0].maxwin) = (end, end, window);
                seen[0].options(segment);
            }
            "ES" if settings.loose => {
                (seen[0].end, seen[0].maxwin) = (end, window);
                seen[0].maxend = end.wrapping_add(window);
                for side in &mut seen {
                    (side.sack_perm, side.be_liberal) = (true, true);
                }
            }
            _ => return None,
        }
        Some(Self {
            original,
            replied: false,
            assured: false,
            until: 0,
            state: State::None,
            seen,
            last_dir: 0,
            last_index: Index::None,
            last_seq: 0,
            last_ack: 0,
            last_end: 0,
            last_win: 0,
            last_wscale: 0,
            last_scales: false,
            last_sacks: false,
            expect_challenge: false,
            simultaneous: false,
            retrans: 0,
        })
    }

    fn segment(&mut self, segment: &TcpSegment, dir: usize, now: u64, settings: &Settings) -> Fate {
        if !valid_flags(segment.flags) {
            return Fate::Invalid;
        }
        let index = index_of(segment.flags);
        let mut old = self.state;
        let row = STATES[dir][index as usize];
        let entry = row.split(' ').nth(old as usize).unwrap();
        let mut new = State::from_letters(entry);
        let mut check_window = true;
        let mut ignored = entry == "IG";
        match new {
            _ if entry == "IV" => return Fate::Invalid,
            Some(State::SynSent) if old >= State::TimeWait => {
                let closed = self.seen[0].close_init || self.seen[1].close_init;
                if closed || self.last_dir == dir && self.last_index == Index::Rst {
                    return Fate::Repeat;
                }
                ignored = true;
            }
            Some(State::TimeWait)
                if old == State::LastAck
                    && index == Index::Ack
                    && self.last_dir != dir
                    && self.last_index == Index::Syn
                    && self.expect_challenge =>
            {
                self.expect_challenge = false;
                return Fate::Ignore;
            }
            Some(State::SynSent2) => self.simultaneous = true,
            Some(State::SynRecv) if dir == 1 && index == Index::Ack && self.simultaneous => {
                new = Some(State::Established);
            }
            Some(State::Close) if index == Index::Rst => match self.reset(segment, dir, settings) {
                Reset::Invalid => return Fate::Invalid,
                Reset::Close { check } => check_window = check,
                Reset::Keep { check } => {
                    new = Some(old);
                    check_window = check;
                }
            },
            _ => {}
        }
        if ignored {
            let answers = index == Index::SynAck
                && self.last_index == Index::Syn
                && self.last_dir != dir
                && segment.ack == self.last_end;
            if !answers {
                self.annotate(segment, index, dir, old);
                return Fate::Ignore;
            }
            old = State::SynSent;
            new = Some(State::SynRecv);
            self.take_up(dir);
        }
        let new = new.unwrap();
        if check_window {
            match self.in_window(segment, index, dir, settings) {
                Fate::Accept => {}
                Fate::Invalid => {
                    self.handle_invalid(index, dir, now, settings);
                    return Fate::Invalid;
                }
                fate => return fate,
            }
        }
        self.last_index = index;
        self.last_dir = dir;
        self.state = new;
        if old != new && new == State::FinWait {
            self.seen[dir].close_init = true;
        }
        self.refresh(index, old, now, settings)
    }

    /// Remembers a segment that is let through without being understood.
    fn annotate(&mut self, segment: &TcpSegment, index: Index, dir: usize, old: State) {
        self.last_index = index;
        self.last_dir = dir;
        self.last_seq = segment.seq;
        self.last_end = end_of(segment);
        self.last_win = segment.window;
        if index == Index::Syn && dir == 0 {
            let mut options = Seen::default();
            options.options(segment);
            self.last_scales = options.window_scale;
            self.last_wscale = if options.window_scale { options.scale } else { 0 };
            self.last_sacks = options.sack_perm;
            self.simultaneous = false;
            self.expect_challenge = old == State::LastAck;
        }
        if old == State::SynSent && index == Index::Ack && dir == 1 {
            self.last_ack = segment.ack;
        }
    }

    /// A SYN let through before is answered: the ends know better.
    fn take_up(&mut self, dir: usize) {
        self.expect_challenge = false;
        self.seen[self.last_dir] = Seen {
            end: self.last_end,
            maxend: self.last_end,
            maxwin: u32::from(self.last_win).max(1),
            maxack: self.seen[self.last_dir].maxack,
            scale: self.last_wscale,
            window_scale: self.last_scales,
            sack_perm: self.last_sacks,
            ..Seen::default()
        };
        let be_liberal = self.seen[dir].be_liberal;
        self.seen[dir] = Seen { be_liberal, ..Seen::default() };
    }

    fn reset(&self, segment: &TcpSegment, dir: usize, settings: &Settings) -> Reset {
        let closing =
            [State::FinWait, State::LastAck, State::TimeWait, State::Close, State::CloseWait];
        if closing.contains(&self.state) {
            return Reset::Close { check: false };
        }
        let open = self.state == State::Established && self.assured;
        let receiver = &self.seen[1 - dir];
        let mut keeps = false;
        if receiver.maxack_set && self.last_index != Index::Syn {
            if segment.seq == 0 && !open {
                return Reset::Close { check: true };
            }
            if before(segment.seq, receiver.maxack) && !settings.ignore_invalid_rst {
                return Reset::Invalid;
            }
            if !open || segment.seq == receiver.maxack {
                return Reset::Close { check: true };
            }
            if self.last_index == Index::Ack && self.last_dir == dir && segment.seq == self.last_end
            {
                return Reset::Close { check: true };
            }
            keeps = true;
        }
        let answers_syn = self.replied && self.last_index == Index::Syn && self.last_dir != dir;
        let answers_ack = !self.assured && self.last_index == Index::Ack;
        let answers = (answers_syn || answers_ack) && segment.ack == self.last_end;
        let challenged = self.state == State::SynSent
            && self.last_index == Index::Ack
            && self.last_dir == 1
            && segment.seq == self.last_ack;
        let check = !(answers || challenged);
        if keeps { Reset::Keep { check } } else { Reset::Close { check } }
    }

    fn handle_invalid(&mut self, index: Index, dir: usize, now: u64, settings: &Settings) {
        if !self.assured || index != Index::Rst && index != Index::Fin {
            return;
        }
        let last = self.last_index;
        if self.last_dir != dir && (last == Index::Fin || last == Index::Rst) {
            let left = self.until - now;
            let unacknowledged = u64::from(settings.seconds.unacknowledged) * 1_000_000_000;
            if left >= 120 * 1_000_000_000 && left > unacknowledged {
                self.until = now + unacknowledged;
            }
        } else {
            self.last_index = index;
            self.last_dir = dir;
        }
    }

    fn refresh(&mut self, index: Index, old: State, now: u64, settings: &Settings) -> Fate {
        let usual = self.state.seconds(settings);
        let Seconds { unacknowledged, max_retrans, .. } = settings.seconds;
        let outstanding = self.seen[0].unacknowledged || self.seen[1].unacknowledged;
        let mut seconds = if self.retrans >= settings.max_retrans && usual > max_retrans {
            max_retrans
        } else if index == Index::Rst {
            State::Close.seconds(settings)
        } else if outstanding && usual > unacknowledged {
            unacknowledged
        } else if self.last_win == 0 && usual > max_retrans {
            max_retrans
        } else {
            usual
        };
        if !self.replied {
            if index == Index::Rst {
                return Fate::Kill;
            }
            if index == Index::Syn && old == State::SynSent {
                return Fate::Accept;
            }
            if self.state == State::Established {
                seconds = seconds.min(unacknowledged);
            }
        } else if (old == State::SynRecv || old == State::Established)
            && self.state == State::Established
        {
            self.assured = true;
        }
        self.until = now + u64::from(seconds) * 1_000_000_000;
        Fate::Accept
    }
}

enum Reset {
    Invalid,
    Close { check: bool },
    Keep { check: bool },
}

fn has(segment: &TcpSegment, flag: TcpFlags) -> bool {
    segment.flags.0 & flag.0 != 0
}

fn back(key: &FlowKey) -> FlowKey {
    FlowKey {
        addrs: key.addrs.reversed(),
        src_port: key.dst_port,
        dst_port: key.src_port,
        protocol: key.protocol,
    }
}
