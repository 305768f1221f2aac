//! SCTP associations, followed by the chunks of their packets as Linux's nf_conntrack does.

use core::fmt;

use super::Timeouts;
use super::saved::{Reader, SavedError, Writer};
use crate::packet::{Direction, SctpChunk, SctpHeader};

/// How far an SCTP association has got, as its packets show it.
///
/// # Source
///
/// Linux `nf_conntrack_proto_sctp.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "SCREAMING_SNAKE_CASE"))]
pub enum SctpState {
    /// The opener's INIT, an abort, or the end of a shutdown.
    Closed,
    /// INIT and INIT ACK.
    CookieWait,
    /// COOKIE ECHO.
    CookieEchoed,
    /// COOKIE ACK, or an answered HEARTBEAT.
    Established,
    /// SHUTDOWN from the opener.
    ShutdownSent,
    /// SHUTDOWN from the other end.
    ShutdownRecd,
    /// SHUTDOWN ACK.
    ShutdownAckSent,
    /// A HEARTBEAT of an association whose start was not seen, such as on a second path.
    HeartbeatSent,
}

impl SctpState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Closed,
        Self::CookieWait,
        Self::CookieEchoed,
        Self::Established,
        Self::ShutdownSent,
        Self::ShutdownRecd,
        Self::ShutdownAckSent,
        Self::HeartbeatSent,
    ];

    /// Linux's name for it, such as `COOKIE_WAIT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::CookieWait => "COOKIE_WAIT",
            Self::CookieEchoed => "COOKIE_ECHOED",
            Self::Established => "ESTABLISHED",
            Self::ShutdownSent => "SHUTDOWN_SENT",
            Self::ShutdownRecd => "SHUTDOWN_RECD",
            Self::ShutdownAckSent => "SHUTDOWN_ACK_SENT",
            Self::HeartbeatSent => "HEARTBEAT_SENT",
        }
    }

    /// Whether an end has closed it.
    pub(super) const fn is_closing(self) -> bool {
        matches!(
            self,
            Self::Closed | Self::ShutdownSent | Self::ShutdownRecd | Self::ShutdownAckSent
        )
    }
}

/// Prints [`SctpState::name`].
impl fmt::Display for SctpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is known of one association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct SctpTrack {
    state: SctpState,
    opener: Side,
    other: Side,
    /// Where the last HEARTBEAT or its answer with a foreign tag came from, if none with the right
    /// tag came since.
    stray_heartbeat: Option<Direction>,
}

/// What is known of one end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
struct Side {
    /// The verification tag of the packets that it sends; 0 while unknown.
    tag: u32,
    /// It has sent an INIT that no COOKIE ACK has followed.
    init: bool,
}

/// What a packet means for its association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advance {
    pub(super) step: Step,
    /// The association came to be established, be it by a chunk before an invalid one.
    pub(super) assured: bool,
}

/// Whether a packet belongs to its association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It belongs; the association now lives this many seconds more.
    Renewed { seconds: u32 },
    /// It belongs, and the timeout stays as it is.
    Kept,
    /// It does not belong.
    Invalid,
}

/// Chunks that a packet of no known association is never answered for (RFC 9260 section 8.4).
const NEVER_FIRST: [u8; 3] =
    [SctpChunk::ABORT, SctpChunk::SHUTDOWN_COMPLETE, SctpChunk::COOKIE_ACK];

/// Chunks whose verification tag has rules of its own.
const OWN_TAG_RULES: [u8; 7] = [
    SctpChunk::INIT,
    SctpChunk::SHUTDOWN_COMPLETE,
    SctpChunk::COOKIE_ECHO,
    SctpChunk::ABORT,
    SctpChunk::SHUTDOWN_ACK,
    SctpChunk::HEARTBEAT,
    SctpChunk::HEARTBEAT_ACK,
];

/// Associations as bytes.
impl SctpTrack {
    pub(super) fn write(&self, out: &mut Writer) {
        out.u8(self.state as u8);
        for side in [&self.opener, &self.other] {
            out.u32(side.tag);
            out.u8(u8::from(side.init));
        }
        out.optional(self.stray_heartbeat, |direction, out| out.u8(direction as u8));
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, SavedError> {
        let side = |input: &mut Reader<'_>| {
            Ok::<_, SavedError>(Side { tag: input.u32()?, init: input.bool("open INIT")? })
        };
        Ok(Self {
            state: input.one_of(&SctpState::ALL, "state of SCTP")?,
            opener: side(input)?,
            other: side(input)?,
            stray_heartbeat: input.optional("stray heartbeat", |input| {
                input.one_of(&[Direction::Original, Direction::Reply], "direction")
            })?,
        })
    }
}

impl SctpTrack {
    /// The association that a packet opens, and its timeout in seconds, if it may open one.
    ///
    /// # Source
    ///
    /// Linux `nf_conntrack_proto_sctp.c`, `sctp_new`.
    pub(super) fn open(header: &SctpHeader, timeouts: &Timeouts) -> Option<(Self, u32)> {
        let chunks = &header.chunks;
        if chunks.has_others() || NEVER_FIRST.into_iter().any(|kind| chunks.contains(kind)) {
            return None;
        }
        let mut track = Self {
            state: SctpState::Closed,
            opener: Side::default(),
            other: Side::default(),
            stray_heartbeat: None,
        };
        for chunk in chunks.control() {
            track.note_first(header, *chunk)?;
        }
        match track.follow(header, Direction::Original, None, timeouts).step {
            Step::Renewed { seconds } => Some((track, seconds)),
            Step::Kept | Step::Invalid => None,
        }
    }

    pub(super) const fn state(&self) -> SctpState {
        self.state
    }

    /// Moves the association by one packet.
    ///
    /// # Source
    ///
    /// Linux `nf_conntrack_proto_sctp.c`, `nf_conntrack_sctp_packet`; RFC 9260 section 8.5.
    pub(super) fn advance(
        &mut self,
        header: &SctpHeader,
        direction: Direction,
        timeouts: &Timeouts,
    ) -> Advance {
        self.follow(header, direction, Some(self.state), timeouts)
    }

    /// Learns the tags from a chunk of the first packet.
    fn note_first(&mut self, header: &SctpHeader, chunk: SctpChunk) -> Option<()> {
        let tag = header.verification_tag;
        match chunk.chunk_type {
            SctpChunk::INIT if tag != 0 => return None,
            SctpChunk::INIT => self.other.tag = header.initiate_tag?,
            SctpChunk::HEARTBEAT => self.opener.tag = tag,
            SctpChunk::SHUTDOWN_ACK => self.other.tag = tag,
            _ => {}
        }
        Some(())
    }

    /// `state` is `None` for the packet that opens the association. What the chunks before an
    /// invalid one have changed stays changed.
    fn follow(
        &mut self,
        header: &SctpHeader,
        direction: Direction,
        mut state: Option<SctpState>,
        timeouts: &Timeouts,
    ) -> Advance {
        let chunks = &header.chunks;
        let own_rules = OWN_TAG_RULES.into_iter().any(|kind| chunks.contains(kind));
        if chunks.overflows() || !own_rules && header.verification_tag != self.side(direction).tag {
            return Advance { step: Step::Invalid, assured: false };
        }
        let known = state.is_some();
        let (mut renews, mut assured) = (true, false);
        for chunk in chunks.control() {
            match self.check_tag(header, *chunk, direction, renews) {
                Tag::Fits => {}
                Tag::Stray => {
                    renews = false;
                    continue;
                }
                Tag::Foreign => return Advance { step: Step::Invalid, assured },
            }
            let to = next(direction, chunk.chunk_type, state)
                .filter(|_| self.note_init(header, *chunk, direction, state.is_none()).is_some());
            let Some(to) = to else { return Advance { step: Step::Invalid, assured } };
            let again = known && state == Some(SctpState::Closed) && to == SctpState::Closed;
            if chunk.chunk_type == SctpChunk::INIT && again {
                renews = false;
            }
            assured |= to == SctpState::Established && state != Some(to);
            (self.state, state) = (to, Some(to));
        }
        let step = match renews {
            true => Step::Renewed { seconds: timeouts.sctp(self.state) },
            false => Step::Kept,
        };
        Advance { step, assured }
    }

    /// `first` says that no chunk before this one had a stray tag.
    fn check_tag(
        &mut self,
        header: &SctpHeader,
        chunk: SctpChunk,
        direction: Direction,
        first: bool,
    ) -> Tag {
        let tag = header.verification_tag;
        let own = self.side(direction).tag;
        match chunk.chunk_type {
            SctpChunk::INIT => Tag::fits_if(tag == 0),
            SctpChunk::ABORT | SctpChunk::SHUTDOWN_COMPLETE => {
                let reflected = chunk.flags & SctpChunk::REFLECTED != 0;
                let from = if reflected { direction.reversed() } else { direction };
                Tag::fits_if(tag == self.side(from).tag)
            }
            SctpChunk::COOKIE_ECHO => Tag::fits_if(tag == own),
            SctpChunk::COOKIE_ACK => {
                (self.opener.init, self.other.init) = (false, false);
                Tag::Fits
            }
            SctpChunk::HEARTBEAT | SctpChunk::HEARTBEAT_ACK if own == 0 => {
                self.side_mut(direction).tag = tag;
                Tag::Fits
            }
            SctpChunk::HEARTBEAT | SctpChunk::HEARTBEAT_ACK if own == tag => {
                self.stray_heartbeat = None;
                Tag::Fits
            }
            SctpChunk::HEARTBEAT | SctpChunk::HEARTBEAT_ACK
                if header.chunks.has_data() || !first =>
            {
                Tag::Foreign
            }
            SctpChunk::HEARTBEAT => {
                self.stray_heartbeat = Some(direction);
                Tag::Stray
            }
            SctpChunk::HEARTBEAT_ACK => self.restart(tag, direction),
            _ => Tag::Fits,
        }
    }

    /// A HEARTBEAT with a foreign tag and its answer: the ends have begun anew without being seen.
    fn restart(&mut self, tag: u32, direction: Direction) -> Tag {
        if self.stray_heartbeat != Some(direction.reversed()) {
            return Tag::Foreign;
        }
        self.stray_heartbeat = None;
        self.side_mut(direction).tag = tag;
        self.side_mut(direction.reversed()).tag = 0;
        Tag::Fits
    }

    /// Learns the tag that an INIT or INIT ACK asks the other end to use. `None` if it has none, or
    /// another than before. An INIT that was sent before asks for nothing new, and its end does not
    /// wait for an answer again, unless it `opens` the association.
    fn note_init(
        &mut self,
        header: &SctpHeader,
        chunk: SctpChunk,
        direction: Direction,
        opens: bool,
    ) -> Option<()> {
        let (this, other) = (*self.side(direction), *self.side(direction.reversed()));
        match chunk.chunk_type {
            SctpChunk::INIT => {
                let tag = header.initiate_tag?;
                if opens || other.tag != tag {
                    let both = this.init && other.init;
                    *self.side_mut(direction.reversed()) = Side { tag, init: other.init && !both };
                    self.side_mut(direction).init = true;
                }
            }
            SctpChunk::INIT_ACK => {
                let tag = header.initiate_tag?;
                let unasked = !other.init && other.tag != 0;
                let collided = this.init && other.init;
                if other.tag != tag && (unasked || collided) {
                    return None;
                }
                self.side_mut(direction.reversed()).tag = tag;
            }
            _ => {}
        }
        Some(())
    }

    const fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Original => &self.opener,
            Direction::Reply => &self.other,
        }
    }

    const fn side_mut(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Original => &mut self.opener,
            Direction::Reply => &mut self.other,
        }
    }
}

/// What a chunk's packet's verification tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Fits,
    /// Not that of this association, but it may turn out to be: let it through, change nothing.
    Stray,
    Foreign,
}

impl Tag {
    const fn fits_if(fits: bool) -> Self {
        if fits { Self::Fits } else { Self::Foreign }
    }
}

/// Where a control chunk leads from a state, or from none at all; `None` if it does not fit there.
///
/// # Source
///
/// Linux `nf_conntrack_proto_sctp.c`, `sctp_conntracks`.
fn next(direction: Direction, chunk_type: u8, from: Option<SctpState>) -> Option<SctpState> {
    use SctpState::{
        Closed, CookieEchoed, CookieWait, Established, HeartbeatSent, ShutdownAckSent,
        ShutdownRecd, ShutdownSent,
    };
    let Some(from) = from else {
        return Some(match chunk_type {
            SctpChunk::SHUTDOWN_ACK => ShutdownAckSent,
            SctpChunk::HEARTBEAT => HeartbeatSent,
            _ => Closed,
        });
    };
    let forth = direction == Direction::Original;
    Some(match (chunk_type, from) {
        (SctpChunk::HEARTBEAT, HeartbeatSent) => HeartbeatSent,
        (SctpChunk::HEARTBEAT_ACK, HeartbeatSent) if forth => HeartbeatSent,
        (SctpChunk::HEARTBEAT_ACK, HeartbeatSent) => Established,
        (_, HeartbeatSent) if !forth => return None,
        (SctpChunk::INIT, HeartbeatSent) => CookieWait,
        (SctpChunk::SHUTDOWN_ACK, HeartbeatSent) => ShutdownAckSent,
        (_, HeartbeatSent) => Closed,
        (SctpChunk::INIT, ShutdownSent | ShutdownRecd) if forth => Closed,
        (SctpChunk::INIT_ACK, Closed) if !forth => CookieWait,
        (SctpChunk::ABORT, _) => Closed,
        (SctpChunk::SHUTDOWN, Established) if forth => ShutdownSent,
        (SctpChunk::SHUTDOWN, Established) => ShutdownRecd,
        (SctpChunk::SHUTDOWN_ACK, ShutdownSent | ShutdownRecd) => ShutdownAckSent,
        (SctpChunk::ERROR, CookieEchoed) if !forth => Closed,
        (SctpChunk::COOKIE_ECHO, CookieWait) => CookieEchoed,
        (SctpChunk::COOKIE_ACK, CookieEchoed) => Established,
        (SctpChunk::SHUTDOWN_COMPLETE, ShutdownAckSent) => Closed,
        _ => from,
    })
}
