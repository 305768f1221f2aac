use core::fmt;

use super::ConnTable;
use crate::conntrack::advance::{Moved, advance, may_open};
use crate::conntrack::entry::{Entry, Track};
use crate::conntrack::key::{Flow, Part, Subject};
use crate::conntrack::tcp::Known;
use crate::conntrack::{Limits, Lookup, TcpState, Time};
use crate::packet::{Direction, FlowKey, Packet, Tracked};

/// What a table says of a packet, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Reason {
    /// What rules see of it.
    pub tracked: Tracked,
    /// Why.
    pub why: Why,
    /// The connection that this is about, by the flow key of its original direction.
    pub connection: Option<FlowKey>,
    /// How far that connection has got, if it is one of TCP.
    pub tcp_state: Option<TcpState>,
}

/// Why a packet is where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Why {
    /// Untracked: somebody asked for that, or packets of this kind never are tracked.
    LeftAlone,
    /// New: it belongs to no connection and may open one.
    Opens,
    /// Related: it opens a connection that another one has announced.
    Announced,
    /// It belongs to a connection.
    Belongs,
    /// Related: an error about a packet of a connection.
    ErrorAbout,
    /// Invalid: its headers are cut short or contradict themselves, its checksum is wrong, or it is
    /// an ICMP message of no sense to a tracker.
    Unsound,
    /// Invalid: it belongs to no connection and may not open one.
    MayNotOpen,
    /// Invalid: an error about a packet of no connection.
    ErrorAboutNothing,
    /// Invalid: an error about a packet of a connection, to somebody who did not send that.
    ErrorToAnother,
    /// Invalid: no TCP segment has these flags together.
    Flags,
    /// Invalid: no segment of this kind comes in the connection's state.
    OutOfState,
    /// Invalid: a reset whose number has been acknowledged already.
    OldReset,
    /// Invalid: the segment's numbers are outside of the connection's windows.
    OutOfWindow,
    /// Invalid: it does not have the transport header of its connection.
    NoHeader,
    /// Invalid: SCTP chunks or a verification tag that do not belong to the association.
    Chunk,
}

impl Why {
    /// What it says in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LeftAlone => "is not tracked",
            Self::Opens => "may open a connection",
            Self::Announced => "opens a connection that another one announced",
            Self::Belongs => "belongs to a connection",
            Self::ErrorAbout => "is an error about a connection",
            Self::Unsound => "its headers or its checksum are not sound",
            Self::MayNotOpen => "belongs to no connection and may not open one",
            Self::ErrorAboutNothing => "is an error about no connection",
            Self::ErrorToAnother => "is an error to somebody who did not send what it quotes",
            Self::Flags => "no segment has these flags together",
            Self::OutOfState => "no such segment comes in this state",
            Self::OldReset => "is a reset whose number has been acknowledged already",
            Self::OutOfWindow => "its numbers are outside of the window",
            Self::NoHeader => "does not have the header of its connection",
            Self::Chunk => "its chunks or its tag do not belong to the association",
        }
    }
}

/// Prints the state, then why: `invalid because its numbers are outside of the window, tcp
/// 10.0.0.1:40000 > 192.0.2.1:443 in ESTABLISHED`.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} because it ", self.tracked.state)?;
        let words = self.why.words();
        match words.strip_prefix("its ") {
            Some(rest) => write!(f, "does not fit: its {rest}")?,
            None if words.starts_with("no ") => write!(f, "does not fit: {words}")?,
            None => f.write_str(words)?,
        }
        self.connection.map_or(Ok(()), |key| write!(f, ", {key}"))?;
        self.tcp_state.map_or(Ok(()), |state| write!(f, " in {state}"))
    }
}

impl ConnTable {
    /// What [`look_up`](crate::Conntrack::look_up) would say of a packet now, and why. Nothing is
    /// changed.
    ///
    /// # Complexity
    ///
    /// That of a lookup.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::conntrack::{Conntrack, Why};
    /// use portcullis::packet::TcpFlags;
    /// use portcullis::{ConnTable, Limits, Packet, Time};
    ///
    /// let (client, server) = ("10.0.0.1:40000".parse()?, "192.0.2.1:443".parse()?);
    /// let mut table = ConnTable::new(&Limits::new(10), [7; 16]);
    /// let now = Time::from_secs(1);
    /// let syn = Packet::tcp(client, server, TcpFlags::SYN)?;
    /// assert_eq!(table.reason(&syn, now).why, Why::Opens);
    /// table.look_up(&syn, now);
    /// table.confirm(&syn, now)?;
    ///
    /// let fin = Packet::tcp(server, client, TcpFlags::FIN | TcpFlags::ACK)?;
    /// assert_eq!(
    ///     table.reason(&fin, now).to_string(),
    ///     "invalid because it does not fit: no such segment comes in this state, \
    ///      tcp 10.0.0.1:40000 > 192.0.2.1:443 in SYN_SENT"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reason(&self, packet: &Packet, now: Time) -> Reason {
        let subject = Subject::of(packet);
        let flow = &subject.flow;
        let entry = || {
            let number = self.store.find(&flow.key, self.store.hash(&flow.key))?;
            self.store.entry(number).filter(|entry| !entry.is_expired(now))
        };
        match subject.part {
            Part::Untracked => reason(Lookup::untracked(), Why::LeftAlone, None),
            Part::Invalid => reason(Lookup::invalid(), Why::Unsound, None),
            Part::Error => about(flow, packet, entry()),
            Part::Member => match entry() {
                Some(entry) => self.member(flow, packet, entry, now),
                None => self.opening(flow, packet, now),
            },
        }
    }

    fn member(&self, flow: &Flow, packet: &Packet, entry: &Entry, now: Time) -> Reason {
        let direction = entry.direction_of(flow);
        let (state, mut moved) = (entry.conn_state(direction), *entry);
        match advance(&mut moved, packet, direction, &self.limits, now) {
            Moved::On | Moved::Ended => {
                let found = Lookup::known(state, direction).with_status(moved.status(direction));
                reason(found, Why::Belongs, Some(entry))
            }
            Moved::Reopens => self.opening(flow, packet, now),
            Moved::Invalid => {
                let why = refusal(entry, packet, direction, &self.limits);
                reason(Lookup::invalid(), why, Some(entry))
            }
        }
    }

    fn opening(&self, flow: &Flow, packet: &Packet, now: Time) -> Reason {
        if !may_open(flow, packet, &self.limits) {
            return reason(Lookup::invalid(), Why::MayNotOpen, None);
        }
        match &self.pool {
            Some(pool) if pool.find(flow, &self.store, now).is_some() => {
                reason(Lookup::expected(), Why::Announced, None)
            }
            _ => reason(Lookup::tentative(), Why::Opens, None),
        }
    }
}

fn about(flow: &Flow, packet: &Packet, entry: Option<&Entry>) -> Reason {
    let Some(entry) = entry else {
        return reason(Lookup::invalid(), Why::ErrorAboutNothing, None);
    };
    if flow.key.address(flow.sender) != packet.addrs.dst() {
        return reason(Lookup::invalid(), Why::ErrorToAnother, Some(entry));
    }
    let state = crate::packet::ConnState::Related;
    let found = Lookup::known(state, entry.direction_of(flow).reversed());
    let found = found.with_status(entry.status(Direction::Original));
    reason(found, Why::ErrorAbout, Some(entry))
}

/// Why a packet of a connection does not fit it.
fn refusal(entry: &Entry, packet: &Packet, direction: Direction, limits: &Limits) -> Why {
    let known = Known { replied: entry.replied(), assured: entry.assured() };
    match (&entry.track, packet.tcp_segment()) {
        (Track::Tcp(track), Some(segment)) => track.refusal(segment, direction, known, &limits.tcp),
        (Track::Sctp(_), _) if packet.sctp_header().is_some() => Why::Chunk,
        _ => Why::NoHeader,
    }
}

fn reason(lookup: Lookup, why: Why, entry: Option<&Entry>) -> Reason {
    let tcp_state = entry.and_then(|entry| match &entry.track {
        Track::Tcp(track) => Some(track.state()),
        _ => None,
    });
    let connection = entry.map(|entry| entry.key.flow_key(entry.opener));
    Reason { tracked: lookup.tracked, why, connection, tcp_state }
}
