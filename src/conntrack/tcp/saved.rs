//! Connections as bytes.

use super::super::saved::{Reader, SavedError, Unsound, Writer};
use super::state_table::Kind;
use super::window::{Marks, Offers, Side, Windows};
use super::{TcpState, TcpTrack};
use crate::packet::Direction;

/// The largest shift count of windows (RFC 7323 section 2.3).
const MAX_SCALE: u8 = 14;

const DIRECTIONS: [Direction; 2] = [Direction::Original, Direction::Reply];

impl TcpTrack {
    /// Whether the numbers are such as segments can have led to.
    pub(in crate::conntrack) fn check(&self) -> Result<(), Unsound> {
        let sides = DIRECTIONS.map(|direction| *self.windows.side(direction));
        let scales = sides.map(|side| side.scale);
        if self.passed.scale.into_iter().chain(scales).any(|scale| scale > MAX_SCALE) {
            return Err(Unsound::Scale);
        }
        if sides.iter().any(|side| side.marks.has_unknown()) {
            return Err(Unsound::Marks);
        }
        Ok(())
    }

    pub(in crate::conntrack) fn write(&self, out: &mut Writer) {
        out.u8(self.state as u8);
        out.optional(self.last, |kind, out| out.u8(kind as u8));
        out.optional(self.passed.scale, |scale, out| out.u8(scale));
        let flags = [self.passed.sacks, self.challenged, self.simultaneous];
        flags.into_iter().for_each(|flag| out.u8(u8::from(flag)));
        let windows = &self.windows;
        DIRECTIONS.into_iter().for_each(|direction| windows.side(direction).write(out));
        out.u32(windows.last_seq);
        out.u32(windows.last_ack);
        out.u32(windows.last_end);
        out.u16(windows.last_window);
        out.u8(windows.retransmissions);
        out.u8(windows.last_direction as u8);
    }

    pub(in crate::conntrack) fn read(input: &mut Reader<'_>) -> Result<Self, SavedError> {
        Ok(Self {
            state: input.one_of(&TcpState::ALL, "state of TCP")?,
            last: input
                .optional("last segment", |input| input.one_of(&Kind::ALL, "kind of segment"))?,
            passed: Offers {
                scale: input.optional("shift count", Reader::u8)?,
                sacks: input.bool("offer of selective acknowledgement")?,
            },
            challenged: input.bool("challenge")?,
            simultaneous: input.bool("simultaneous open")?,
            windows: Windows::read(input)?,
        })
    }
}

impl Windows {
    fn read(input: &mut Reader<'_>) -> Result<Self, SavedError> {
        let (opener, other) = (Side::read(input)?, Side::read(input)?);
        let mut windows = Self::new(opener, other);
        windows.last_seq = input.u32()?;
        windows.last_ack = input.u32()?;
        windows.last_end = input.u32()?;
        windows.last_window = input.u16()?;
        windows.retransmissions = input.u8()?;
        windows.last_direction = input.one_of(&DIRECTIONS, "direction")?;
        Ok(windows)
    }
}

impl Side {
    fn write(&self, out: &mut Writer) {
        out.u32(self.end);
        out.u32(self.max_end);
        out.u32(self.max_window);
        out.u32(self.max_ack);
        out.u8(self.scale);
        out.u8(self.marks.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, SavedError> {
        Ok(Self {
            end: input.u32()?,
            max_end: input.u32()?,
            max_window: input.u32()?,
            max_ack: input.u32()?,
            scale: input.u8()?,
            marks: Marks(input.u8()?),
        })
    }
}
