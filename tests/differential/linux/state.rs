//! States, kinds of segments, and what each kind makes of each state.

use portcullis::packet::TcpFlags;

use super::Settings;

/// In the order of the kernel's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    SynSent2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
    None,
}

/// Per direction and kind of segment, for each state in order: the next one, `IV` invalid, `IG`
/// ignored.
pub(super) const STATES: [[&str; 5]; 2] = [
    [
        "SS SS IG IG IG IG IG SS SS S2",
        "IV IV SR IV IV IV IV IV IV SR",
        "IV IV FW FW LA LA LA TW CL IV",
        "ES IV ES ES CW CW TW TW CL IV",
        "IV CL CL CL CL CL CL CL CL CL",
    ],
    [
        "IV S2 IV IV IV IV IV SS IV S2",
        "IV SR IG IG IG IG IG IG IG SR",
        "IV IV FW FW LA LA LA TW CL IV",
        "IV IG SR ES CW CW TW TW CL IG",
        "IV CL CL CL CL CL CL CL CL CL",
    ],
];

impl State {
    pub(super) fn from_letters(letters: &str) -> Option<Self> {
        Some(match letters {
            "SS" => Self::SynSent,
            "SR" => Self::SynRecv,
            "ES" => Self::Established,
            "FW" => Self::FinWait,
            "CW" => Self::CloseWait,
            "LA" => Self::LastAck,
            "TW" => Self::TimeWait,
            "CL" => Self::Close,
            "S2" => Self::SynSent2,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::SynSent => "SYN_SENT",
            Self::SynRecv => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait => "FIN_WAIT",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
            Self::SynSent2 => "SYN_SENT2",
        }
    }

    pub(super) fn seconds(self, settings: &Settings) -> u32 {
        match self {
            Self::None | Self::Established => settings.seconds.established,
            Self::SynSent | Self::SynSent2 | Self::FinWait | Self::TimeWait => 120,
            Self::SynRecv | Self::CloseWait => 60,
            Self::LastAck => 30,
            Self::Close => 10,
        }
    }
}

pub(super) fn index_of(flags: TcpFlags) -> Index {
    let has = |flag: TcpFlags| flags.0 & flag.0 != 0;
    if has(TcpFlags::RST) {
        Index::Rst
    } else if has(TcpFlags::SYN) {
        if has(TcpFlags::ACK) { Index::SynAck } else { Index::Syn }
    } else if has(TcpFlags::FIN) {
        Index::Fin
    } else if has(TcpFlags::ACK) {
        Index::Ack
    } else {
        Index::None
    }
}

/// Of FIN, SYN, RST, ACK and URG, in bits; the others do not count.
pub(super) fn valid_flags(flags: TcpFlags) -> bool {
    matches!(flags.0 & 0x37, 0x02 | 0x22 | 0x12 | 0x04 | 0x14 | 0x11 | 0x31 | 0x10 | 0x30)
}
