use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use etherparse::checksum::Sum16BitWords;

use super::Fault;
use super::reassembler::Key;
use crate::conntrack::Time;
use crate::packet::Piece;

/// The longest IPv4 packet, and the longest payload of an IPv6 packet, in bytes.
const MAX_LEN: usize = 65_535;

const IPV4_LEN: usize = 20;
const IPV6_LEN: usize = 40;

/// An incomplete datagram.
#[derive(Clone, Debug)]
pub(super) struct Pending<T> {
    pub(super) key: Key,
    pub(super) source: u32,
    pub(super) deadline: Time,
    /// Bytes that it counts for.
    pub(super) memory: usize,
    /// The number of its source's fragments when the last of its own came.
    pub(super) seen: u32,
    /// How many datagrams were begun before it.
    pub(super) age: u64,
    pub(super) tokens: Vec<T>,
    /// In order of offsets, none overlapping another.
    pieces: Vec<Stored>,
    /// What came as one: a fragment, and those that each continued the last one of all. In order of
    /// offsets.
    runs: Vec<Run>,
    header: Box<[u8]>,
    next: Option<(usize, u8)>,
    /// The end of the farthest fragment, or of the last one once that is known.
    len: u32,
    held: u32,
    first_in: bool,
    last_in: bool,
    /// A bit for each congestion mark seen.
    marks: u8,
    largest: usize,
    largest_unfragmentable: usize,
}

#[derive(Clone, Debug)]
struct Stored {
    start: u32,
    data: Box<[u8]>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    start: u32,
    end: u32,
}

/// A fragment that cannot be taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) fault: Fault,
    /// Whether the datagram is lost with it.
    pub(super) lost: bool,
}

/// What a fragment that could be judged is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Judged {
    /// New, with this many bytes of use.
    New(u32),
    /// Of a length that only the last fragment may have.
    Misaligned,
}

impl<T> Pending<T> {
    pub(super) fn new(key: Key, source: u32, deadline: Time, age: u64) -> Self {
        Self {
            key,
            source,
            deadline,
            memory: Self::FIXED,
            seen: 0,
            age,
            tokens: Vec::new(),
            pieces: Vec::new(),
            runs: Vec::new(),
            header: Box::default(),
            next: None,
            len: 0,
            held: 0,
            first_in: false,
            last_in: false,
            marks: 0,
            largest: 0,
            largest_unfragmentable: 0,
        }
    }

    /// What an incomplete datagram counts for without any fragment.
    pub(super) const FIXED: usize = mem::size_of::<Option<Self>>();

    /// What a fragment counts for: its bytes, what it takes in each list (twice, as lists grow by
    /// doubling), and what an allocator needs.
    pub(super) const fn charge(piece: &Piece<'_>) -> usize {
        let listed = mem::size_of::<Stored>() + mem::size_of::<Run>() + mem::size_of::<T>();
        let header = if piece.offset == 0 { piece.header.len() } else { 0 };
        piece.payload.len() + header + 2 * listed + 32
    }

    pub(super) const fn first_seen(&self) -> bool {
        self.first_in
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Forgets all fragments, as if the next were the first to come.
    pub(super) fn restart(&mut self, deadline: Time, age: u64) {
        let fresh = Self::new(self.key, self.source, deadline, age);
        *self = Self { seen: self.seen, ..fresh };
    }

    /// Whether the fragment can be taken, by what is there already.
    ///
    /// What it says of the datagram's end is noted even if it is then refused.
    ///
    /// # Source
    ///
    /// Linux `net/ipv4/ip_fragment.c`, `ip_frag_queue`; `net/ipv6/netfilter/nf_conntrack_reasm.c`,
    /// `nf_ct_frag6_queue`.
    pub(super) fn judge(&mut self, piece: &Piece<'_>, most: u32) -> Result<Judged, Refusal> {
        let is_v4 = is_v4(piece);
        let (start, end) = (piece.offset, end(piece));
        if piece.more && end % 8 != 0 {
            return Ok(Judged::Misaligned);
        }
        if !self.note_end(end, piece.more) {
            return Err(Refusal { fault: Fault::End, lost: is_v4 });
        }
        if end <= start {
            return Err(Refusal { fault: Fault::Empty, lost: is_v4 });
        }
        self.find_gap(start, end)?;
        if self.pieces.len() >= most as usize {
            return Err(Refusal { fault: Fault::TooMany, lost: true });
        }
        Ok(Judged::New(end - start))
    }

    /// Notes how far the datagram reaches; false if that contradicts what is known.
    const fn note_end(&mut self, end: u32, more: bool) -> bool {
        let contradicts = if more {
            self.last_in && end > self.len
        } else {
            end < self.len || self.last_in && end != self.len
        };
        if contradicts {
            return false;
        }
        self.last_in |= !more;
        if end > self.len {
            self.len = end;
        }
        true
    }

    /// Linux `net/ipv4/inet_fragment.c`, `inet_frag_queue_insert`: what lies within one run has
    /// come before, and what meets a run in any other way overlaps.
    fn find_gap(&self, start: u32, end: u32) -> Result<(), Refusal> {
        let after = self.runs.partition_point(|run| run.end <= start);
        match self.runs.get(after) {
            Some(run) if run.start <= start && end <= run.end => {
                Err(Refusal { fault: Fault::Duplicate, lost: false })
            }
            Some(run) if run.start < end => Err(Refusal { fault: Fault::Overlap, lost: true }),
            _ => Ok(()),
        }
    }

    /// Takes the first `len` bytes of a fragment that was judged new.
    pub(super) fn store(&mut self, piece: &Piece<'_>, len: u32, token: T) {
        let (start, end) = (piece.offset, piece.offset.saturating_add(len));
        let data: Box<[u8]> = piece.payload.get(..len as usize).unwrap_or(piece.payload).into();
        self.extend_runs(start, end);
        let place = self.pieces.partition_point(|stored| stored.start < start);
        self.pieces.insert(place, Stored { start, data });
        self.tokens.push(token);
        self.held = self.held.saturating_add(len);
        self.marks |= 1 << (piece.ecn & 3);
        let size = piece.header.len() + len as usize;
        self.largest = self.largest.max(size);
        if piece.dont_fragment {
            self.largest_unfragmentable = self.largest_unfragmentable.max(size);
        }
        if start == 0 {
            self.first_in = true;
            self.header = piece.header.into();
            self.next = piece.next;
        }
    }

    fn extend_runs(&mut self, start: u32, end: u32) {
        match self.runs.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => {
                let place = self.runs.partition_point(|run| run.start < start);
                self.runs.insert(place, Run { start, end });
            }
        }
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.first_in && self.last_in && self.held == self.len
    }

    /// The bytes of the complete datagram.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Fault> {
        let mark = self.congestion_mark()?;
        let len = self.len as usize;
        let mut bytes = Vec::with_capacity(self.header.len() + len);
        bytes.extend_from_slice(&self.header);
        self.pieces.iter().for_each(|piece| bytes.extend_from_slice(&piece.data));
        match self.next {
            None => self.finish_v4(&mut bytes, mark)?,
            Some(next) => finish_v6(&mut bytes, next, mark)?,
        }
        Ok(bytes)
    }

    /// What is to be set in the traffic class: a fragment that met congestion marks the datagram.
    ///
    /// RFC 3168 section 5.3; Linux `net/ipv4/inet_fragment.c`, `ip_frag_ecn_table`.
    const fn congestion_mark(&self) -> Result<u8, Fault> {
        match self.marks {
            0b0000 | 0b0001 | 0b0010 | 0b0100 | 0b0110 | 0b1000 => Ok(0),
            marks if marks & 1 == 1 => Err(Fault::Congestion),
            _ => Ok(3),
        }
    }

    /// May not be fragmented again if the largest fragment said so.
    fn finish_v4(&self, bytes: &mut [u8], mark: u8) -> Result<(), Fault> {
        let Ok(total) = u16::try_from(bytes.len()) else { return Err(Fault::TooLong) };
        let dont_fragment = self.largest_unfragmentable == self.largest;
        let Some(header) = bytes.get_mut(..self.header.len()) else { return Ok(()) };
        if let [_, class, l0, l1, _, _, f0, f1, _, _, c0, c1, ..] = header {
            *class |= mark;
            [*l0, *l1] = total.to_be_bytes();
            [*f0, *f1] = [if dont_fragment { 0x40 } else { 0 }, 0];
            [*c0, *c1] = [0, 0];
        }
        let checksum = Sum16BitWords::new().add_slice(header).ones_complement();
        if let [_, _, _, _, _, _, _, _, _, _, c0, c1, ..] = header {
            [*c0, *c1] = checksum.to_ne_bytes();
        }
        Ok(())
    }
}

fn finish_v6(bytes: &mut [u8], (named_at, next): (usize, u8), mark: u8) -> Result<(), Fault> {
    let len = u16::try_from(bytes.len().saturating_sub(IPV6_LEN));
    let Ok(len) = len else { return Err(Fault::TooLong) };
    if let [_, class, _, _, l0, l1, ..] = bytes {
        *class |= mark << 4;
        [*l0, *l1] = len.to_be_bytes();
    }
    if let Some(name) = bytes.get_mut(named_at) {
        *name = next;
    }
    Ok(())
}

/// What is wrong with a fragment whatever else has come.
pub(super) fn fault(piece: &Piece<'_>) -> Option<Refusal> {
    let headers = if is_v4(piece) { IPV4_LEN } else { 0 };
    if end(piece) as usize + headers > MAX_LEN {
        return Some(Refusal { fault: Fault::TooLong, lost: is_v4(piece) });
    }
    let empty = is_v4(piece) && end(piece) <= piece.offset;
    empty.then_some(Refusal { fault: Fault::Empty, lost: true })
}

/// Where the fragment ends in its datagram, in bytes. In IPv4 what is beyond a multiple of eight is
/// cut off, unless it is the last.
fn end(piece: &Piece<'_>) -> u32 {
    let end = piece.offset.saturating_add(u32::try_from(piece.payload.len()).unwrap_or(u32::MAX));
    if piece.more && is_v4(piece) { end - end % 8 } else { end }
}

const fn is_v4(piece: &Piece<'_>) -> bool {
    piece.protocol.is_some()
}
