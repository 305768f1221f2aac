use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Expectation, Helper, MEMORY_WORDS, Message, Unreadable};
use crate::packet::{Direction, FlowKey, Protocol};

/// Expects the data connections of FTP: those that the client opens after a 227 or 229 response
/// (`PASV`, `EPSV`), and those that the server opens after a `PORT` or `EPRT` command.
///
/// - A command or response counts at the beginning of a segment that follows the end of a line: who
///   can only make a server repeat words in the middle of a line announces nothing.
/// - The address must be the announcing end's own, unless [`loose`](Self::loose).
/// - One data connection is expected at a time, for five minutes.
/// - A segment that ends within one of these commands is dropped, as is one with a number in it
///   that is none: the sender sends it again.
///
/// # Source
///
/// Linux `nf_conntrack_ftp.c`; RFC 959 section 4.1.2, RFC 1123 section 4.1.2.6, RFC 2428.
///
/// # Examples
///
/// ```
/// use portcullis::conntrack::helper::Ftp;
/// use portcullis::conntrack::{ConnTable, Limits};
///
/// let table = ConnTable::new(&Limits::new(1000), [7; 16]).with_helper(Ftp::new());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ftp {
    port: u16,
    loose: bool,
}

/// How long a data connection is expected.
const SECONDS: u32 = 5 * 60;

impl Ftp {
    /// For servers on port 21.
    pub const fn new() -> Self {
        Self { port: 21, loose: false }
    }

    /// Reads connections to another port.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets whether an end may announce an address that is not its own (default false). A server or
    /// client can then open a way to any other host.
    #[must_use]
    pub const fn loose(mut self, loose: bool) -> Self {
        self.loose = loose;
        self
    }

    /// What the announcement in `message` leads to expect; `None` if the address is foreign.
    fn expectation(&self, message: &Message<'_>, (address, port): Place) -> Option<Expectation> {
        let own = message.sender();
        let dst = address.unwrap_or(own);
        let loose = self.loose && dst.is_ipv4() == own.is_ipv4();
        (dst == own || loose).then_some(Expectation {
            protocol: Protocol::TCP,
            src: message.receiver(),
            src_port: None,
            dst,
            dst_port: port,
            seconds: SECONDS,
        })
    }
}

impl Default for Ftp {
    fn default() -> Self {
        Self::new()
    }
}

impl Helper for Ftp {
    fn reads(&self, original: &FlowKey) -> bool {
        original.protocol == Protocol::TCP && original.dst_port == self.port
    }

    fn read(
        &self,
        message: &Message<'_>,
        memory: &mut [u32; MEMORY_WORDS],
        expect: &mut dyn FnMut(Expectation),
    ) -> Result<(), Unreadable> {
        let Some(segment) = message.packet.tcp_segment() else { return Ok(()) };
        let payload = message.payload;
        // What is not there cannot be read, nor known to be the end of a line.
        if payload.is_empty() || payload.len() as u64 != u64::from(segment.payload_len) {
            return Ok(());
        }
        let mut lines = LineStarts { memory, direction: message.direction };
        if lines.contains(segment.seq) {
            let place = match message.direction {
                Direction::Original => command(payload, message.sender())?,
                Direction::Reply => response(payload)?,
            };
            if let Some(expected) = place.and_then(|place| self.expectation(message, place)) {
                expect(expected);
            }
        }
        if payload.ends_with(b"\n") {
            lines.insert(segment.seq.wrapping_add(segment.payload_len));
        }
        Ok(())
    }
}

/// An address, if one is named, and a port.
type Place = (Option<IpAddr>, u16);

/// The sequence numbers at which lines begin: the last two of either direction.
struct LineStarts<'m> {
    /// Of each direction how many there are, then the two.
    memory: &'m mut [u32; MEMORY_WORDS],
    direction: Direction,
}

impl LineStarts<'_> {
    fn contains(&mut self, seq: u32) -> bool {
        let Some([count, starts @ ..]) = self.words() else { return false };
        starts.iter().take(*count as usize).any(|start| *start == seq)
    }

    /// Forgets the older one if it has to.
    fn insert(&mut self, seq: u32) {
        if self.contains(seq) {
            return;
        }
        let Some([count, first, second]) = self.words() else { return };
        match *count {
            0 => (*count, *first) = (1, seq),
            1 => (*count, *second) = (2, seq),
            _ => {
                let oldest = if is_before(*first, *second) { first } else { second };
                if is_before(*oldest, seq) {
                    *oldest = seq;
                }
            }
        }
    }

    fn words(&mut self) -> Option<&mut [u32; 3]> {
        match self.direction {
            Direction::Original => self.memory.first_chunk_mut(),
            Direction::Reply => self.memory.last_chunk_mut(),
        }
    }
}

const fn is_before(seq: u32, other: u32) -> bool {
    (seq.wrapping_sub(other) as i32) < 0
}

/// Reads `PORT` and `EPRT`.
fn command(line: &[u8], sender: IpAddr) -> Result<Option<Place>, Unreadable> {
    if let Some(rest) = begins(line, b"PORT")? {
        let numbers = behind(rest, b' ')?;
        return six_numbers(numbers, |end| end == b'\r').map(Some);
    }
    match begins(line, b"EPRT")? {
        Some(rest) => extended(behind(rest, b' ')?, sender).map(Some),
        None => Ok(None),
    }
}

/// Reads 227 and 229.
fn response(line: &[u8]) -> Result<Option<Place>, Unreadable> {
    if let Some(rest) = begins(line, b"227 ")? {
        // Not every server puts the numbers in parentheses.
        let first = rest.iter().position(u8::is_ascii_digit).ok_or(Unreadable)?;
        let numbers = rest.get(first..).unwrap_or_default();
        return six_numbers(numbers, |_| true).map(Some);
    }
    match begins(line, b"229 ")? {
        Some(rest) => extended_passive(behind(rest, b'(')?).map(Some),
        None => Ok(None),
    }
}

/// What follows `word`, in any case of letters, if the line begins with it.
fn begins<'l>(line: &'l [u8], word: &[u8]) -> Result<Option<&'l [u8]>, Unreadable> {
    match line.split_at_checked(word.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(word) => match rest {
            [] => Err(Unreadable),
            _ => Ok(Some(rest)),
        },
        Some(_) => Ok(None),
        None => match word.get(..line.len()) {
            Some(start) if start.eq_ignore_ascii_case(line) => Err(Unreadable),
            _ => Ok(None),
        },
    }
}

/// What follows the first `mark`.
fn behind(text: &[u8], mark: u8) -> Result<&[u8], Unreadable> {
    let place = text.iter().position(|byte| *byte == mark).ok_or(Unreadable)?;
    text.get(place + 1..).ok_or(Unreadable)
}

/// `h1,h2,h3,h4,p1,p2` and a byte that ends it.
fn six_numbers(text: &[u8], ends: impl Fn(u8) -> bool) -> Result<Place, Unreadable> {
    let mut rest = text;
    let mut numbers = [0; 6];
    for (place, number) in numbers.iter_mut().enumerate() {
        let (value, end) = take_number(&mut rest).ok_or(Unreadable)?;
        *number = u8::try_from(value).map_err(|_| Unreadable)?;
        let fits = if place == 5 { end != b',' && ends(end) } else { end == b',' };
        if !fits {
            return Err(Unreadable);
        }
    }
    let [h1, h2, h3, h4, p1, p2] = numbers;
    let port = u16::from_be_bytes([p1, p2]);
    Ok((Some(Ipv4Addr::new(h1, h2, h3, h4).into()), not_zero(port)?))
}

/// `|1|192.0.2.1|6275|` or `|2|2001:db8::1|6275|`, of the sender's own version.
fn extended(text: &[u8], sender: IpAddr) -> Result<Place, Unreadable> {
    let [mark, version, again, rest @ ..] = text else { return Err(Unreadable) };
    let fits = match sender {
        IpAddr::V4(_) => *version == b'1',
        IpAddr::V6(_) => *version == b'2',
    };
    if !is_mark(*mark) || again != mark || !fits {
        return Err(Unreadable);
    }
    let end = rest.iter().position(|byte| byte == mark).ok_or(Unreadable)?;
    let (address, rest) = rest.split_at_checked(end).ok_or(Unreadable)?;
    let address = match sender {
        IpAddr::V4(_) => Ipv4Addr::parse(address).map(IpAddr::V4),
        IpAddr::V6(_) => Ipv6Addr::parse(address).map(IpAddr::V6),
    };
    let port = port_between(rest.get(1..).unwrap_or_default(), *mark)?;
    Ok((Some(address.ok_or(Unreadable)?), port))
}

/// `|||6446|`.
fn extended_passive(text: &[u8]) -> Result<Place, Unreadable> {
    match text {
        [mark, second, third, rest @ ..] if is_mark(*mark) && second == mark && third == mark => {
            Ok((None, port_between(rest, *mark)?))
        }
        _ => Err(Unreadable),
    }
}

/// A port that ends with `mark`.
fn port_between(mut text: &[u8], mark: u8) -> Result<u16, Unreadable> {
    match take_number(&mut text) {
        Some((port, end)) if end == mark => not_zero(port),
        _ => Err(Unreadable),
    }
}

fn not_zero(port: u16) -> Result<u16, Unreadable> {
    if port == 0 { Err(Unreadable) } else { Ok(port) }
}

const fn is_mark(byte: u8) -> bool {
    byte.is_ascii_graphic() && !byte.is_ascii_digit()
}

/// A decimal number of at least one digit and the byte behind it, which must be there: without it
/// there may be more digits to come.
fn take_number(text: &mut &[u8]) -> Option<(u16, u8)> {
    let len = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = text.split_at_checked(len)?;
    let (end, rest) = rest.split_first()?;
    *text = rest;
    let value = core::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((value, *end))
}

/// Addresses from bytes that may be anything.
trait FromText: Sized {
    fn parse(text: &[u8]) -> Option<Self>;
}

impl<T: core::str::FromStr> FromText for T {
    fn parse(text: &[u8]) -> Option<Self> {
        core::str::from_utf8(text).ok()?.parse().ok()
    }
}
