use core::fmt;

use crate::packet::{Direction, TcpFlags};

/// How far a TCP connection has got, as its packets show it.
///
/// # Source
///
/// Linux `nf_conntrack_proto_tcp.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "SCREAMING_SNAKE_CASE"))]
#[repr(u8)]
pub enum TcpState {
    /// The opener's SYN.
    SynSent,
    /// SYNs from both ends: a simultaneous open.
    SynSent2,
    /// SYN and SYN+ACK.
    SynRecv,
    /// Open.
    Established,
    /// A FIN from one end.
    FinWait,
    /// That FIN acknowledged.
    CloseWait,
    /// FINs from both ends.
    LastAck,
    /// The last FIN acknowledged.
    TimeWait,
    /// Reset.
    Close,
}

impl TcpState {
    /// Every state, in the order in which a connection usually passes them.
    pub const ALL: [Self; 9] = [
        Self::SynSent,
        Self::SynSent2,
        Self::SynRecv,
        Self::Established,
        Self::FinWait,
        Self::CloseWait,
        Self::LastAck,
        Self::TimeWait,
        Self::Close,
    ];

    /// Linux's name for it, such as `SYN_SENT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SynSent => "SYN_SENT",
            Self::SynSent2 => "SYN_SENT2",
            Self::SynRecv => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait => "FIN_WAIT",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
        }
    }

    /// Whether a FIN or RST has been seen.
    pub(in crate::conntrack) const fn is_closing(self) -> bool {
        matches!(
            self,
            Self::FinWait | Self::CloseWait | Self::LastAck | Self::TimeWait | Self::Close
        )
    }
}

/// Prints [`TcpState::name`].
impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a segment's flags make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub(super) enum Kind {
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub(super) const ALL: [Self; 5] = [Self::Syn, Self::SynAck, Self::Fin, Self::Ack, Self::Rst];

    /// Whether the kind of a segment with these flags is [`Kind::Ack`].
    #[inline(always)]
    pub(super) const fn is_ack(flags: TcpFlags) -> bool {
        const OTHERS: u8 = TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0;
        flags.0 & (OTHERS | TcpFlags::ACK.0) == TcpFlags::ACK.0
    }

    /// The kind of a segment with these flags; `None` for a combination that no connection has.
    pub(super) const fn of(flags: TcpFlags) -> Option<Self> {
        const SYN: u8 = TcpFlags::SYN.0;
        const SYN_URG: u8 = TcpFlags::SYN.0 | TcpFlags::URG.0;
        const SYN_ACK: u8 = TcpFlags::SYN.0 | TcpFlags::ACK.0;
        const RST: u8 = TcpFlags::RST.0;
        const RST_ACK: u8 = TcpFlags::RST.0 | TcpFlags::ACK.0;
        const FIN_ACK: u8 = TcpFlags::FIN.0 | TcpFlags::ACK.0;
        const FIN_ACK_URG: u8 = FIN_ACK | TcpFlags::URG.0;
        const ACK: u8 = TcpFlags::ACK.0;
        const ACK_URG: u8 = ACK | TcpFlags::URG.0;
        match flags.0 & !(TcpFlags::PSH.0 | TcpFlags::ECE.0 | TcpFlags::CWR.0) {
            SYN | SYN_URG => Some(Self::Syn),
            SYN_ACK => Some(Self::SynAck),
            RST | RST_ACK => Some(Self::Rst),
            FIN_ACK | FIN_ACK_URG => Some(Self::Fin),
            ACK | ACK_URG => Some(Self::Ack),
            _ => None,
        }
    }
}

/// What the state table says of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The state to go to, if the sequence numbers fit.
    To(TcpState),
    /// Passes, and changes nothing: the ends may be in step with each other and not with us.
    Ignore,
    Invalid,
}

/// What a segment does to a connection in `state`.
pub(super) const fn next(direction: Direction, kind: Kind, state: TcpState) -> Next {
    use TcpState as S;
    const fn to(state: TcpState) -> Next {
        Next::To(state)
    }
    match (kind, direction) {
        (Kind::Syn, Direction::Original) => match state {
            S::SynSent | S::TimeWait | S::Close => to(S::SynSent),
            S::SynSent2 => to(S::SynSent2),
            _ => Next::Ignore,
        },
        (Kind::Syn, Direction::Reply) => match state {
            S::SynSent | S::SynSent2 => to(S::SynSent2),
            S::TimeWait => to(S::SynSent),
            _ => Next::Invalid,
        },
        (Kind::SynAck, Direction::Original) => match state {
            S::SynRecv | S::SynSent2 => to(S::SynRecv),
            _ => Next::Invalid,
        },
        (Kind::SynAck, Direction::Reply) => match state {
            S::SynSent | S::SynSent2 => to(S::SynRecv),
            _ => Next::Ignore,
        },
        (Kind::Fin, _) => match state {
            S::SynSent | S::SynSent2 => Next::Invalid,
            S::SynRecv | S::Established => to(S::FinWait),
            S::FinWait | S::CloseWait | S::LastAck => to(S::LastAck),
            S::TimeWait | S::Close => to(state),
        },
        (Kind::Ack, _) => match (state, direction) {
            (S::SynSent | S::SynSent2, Direction::Original) => Next::Invalid,
            (S::SynSent | S::SynSent2, Direction::Reply) => Next::Ignore,
            (S::SynRecv, Direction::Reply) => to(S::SynRecv),
            (S::SynRecv | S::Established, _) => to(S::Established),
            (S::FinWait | S::CloseWait, _) => to(S::CloseWait),
            (S::LastAck | S::TimeWait, _) => to(S::TimeWait),
            (S::Close, _) => to(S::Close),
        },
        (Kind::Rst, _) => to(S::Close),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row a kind and direction; columns SS S2 SR ES FW CW LA TW CL.
    const TABLE: &str = "
        syn    original  SS S2 IG IG IG IG IG SS SS
        syn    reply     S2 S2 IV IV IV IV IV SS IV
        synack original  IV SR SR IV IV IV IV IV IV
        synack reply     SR SR IG IG IG IG IG IG IG
        fin    original  IV IV FW FW LA LA LA TW CL
        fin    reply     IV IV FW FW LA LA LA TW CL
        ack    original  IV IV ES ES CW CW TW TW CL
        ack    reply     IG IG SR ES CW CW TW TW CL
        rst    original  CL CL CL CL CL CL CL CL CL
        rst    reply     CL CL CL CL CL CL CL CL CL
    ";

    fn short(next: Next) -> &'static str {
        match next {
            Next::Ignore => "IG",
            Next::Invalid => "IV",
            Next::To(TcpState::SynSent) => "SS",
            Next::To(TcpState::SynSent2) => "S2",
            Next::To(TcpState::SynRecv) => "SR",
            Next::To(TcpState::Established) => "ES",
            Next::To(TcpState::FinWait) => "FW",
            Next::To(TcpState::CloseWait) => "CW",
            Next::To(TcpState::LastAck) => "LA",
            Next::To(TcpState::TimeWait) => "TW",
            Next::To(TcpState::Close) => "CL",
        }
    }

    fn kind(name: &str) -> Kind {
        match name {
            "syn" => Kind::Syn,
            "synack" => Kind::SynAck,
            "fin" => Kind::Fin,
            "ack" => Kind::Ack,
            _ => Kind::Rst,
        }
    }

    #[test]
    fn every_cell_of_the_table() {
        let mut cells = 0;
        for row in TABLE.lines().map(str::trim).filter(|row| !row.is_empty()) {
            let mut words = row.split_whitespace();
            let kind = kind(words.next().unwrap());
            let reply = words.next().unwrap() == "reply";
            let direction = if reply { Direction::Reply } else { Direction::Original };
            for (state, expected) in TcpState::ALL.into_iter().zip(words) {
                assert_eq!(short(next(direction, kind, state)), expected, "{row}: {state}");
                cells += 1;
            }
        }
        assert_eq!(cells, 90);
    }

    #[test]
    fn only_nine_flag_combinations_are_valid() {
        let octets = 0..=u8::MAX;
        let valid = octets.filter(|flags| Kind::of(TcpFlags(*flags)).is_some()).count();
        assert_eq!(valid, 9 * 8, "each with any of PSH, ECE and CWR");
        for flags in (0..=u8::MAX).map(TcpFlags) {
            assert_eq!(Kind::is_ack(flags), Kind::of(flags) == Some(Kind::Ack), "{flags}");
        }
        for invalid in [0, 0x01, 0x03, 0x05, 0x06, 0x20, 0x24, 0x29, 0x32, 0x3f] {
            assert_eq!(Kind::of(TcpFlags(invalid)), None, "{invalid:#x}");
        }
    }
}
