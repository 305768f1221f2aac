use core::fmt;

/// What a connection tracker says of a packet, as rules see it.
///
/// The numbers are stable: state sets are stored as `1 << state`.
///
/// # Source
///
/// Linux `include/uapi/linux/netfilter/nf_conntrack_common.h` and `xt_conntrack.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ConnState {
    /// The first packet of a connection, or one of a connection that has seen no reply yet.
    New = 0,
    /// Belongs to a connection that has seen packets in both directions.
    Established = 1,
    /// Starts a connection, or is an error message, that an existing connection led to expect.
    Related = 2,
    /// Fits no connection and may not start one.
    Invalid = 3,
    /// Deliberately not tracked.
    Untracked = 4,
}

impl ConnState {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::New, Self::Established, Self::Related, Self::Invalid, Self::Untracked];

    /// The lower-case name used by the text form of rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Established => "established",
            Self::Related => "related",
            Self::Invalid => "invalid",
            Self::Untracked => "untracked",
        }
    }
}

/// Prints [`ConnState::name`].
impl fmt::Display for ConnState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which way a packet travels within its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the end that opened the connection.
    Original,
    /// Towards the end that opened the connection.
    Reply,
}

impl Direction {
    /// The other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }
}

/// Prints `original` or `reply`.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Original => "original",
            Self::Reply => "reply",
        })
    }
}

/// A packet's place in its connection, for rules that ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tracked {
    /// The connection state.
    pub state: ConnState,
    /// The direction; `None` when the packet belongs to no connection (invalid or untracked).
    pub direction: Option<Direction>,
}

impl Tracked {
    /// A state and, for packets of a connection, a direction.
    pub const fn new(state: ConnState, direction: Option<Direction>) -> Self {
        Self { state, direction }
    }
}

/// Why a connection could not be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// The connection table is full of connections that a new one may not displace.
    TableFull,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TableFull => "the connection table is full; raise Limits::capacity",
        })
    }
}

impl core::error::Error for Refused {}
