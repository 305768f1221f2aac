//! Captures, read frame by frame: pcap (microseconds or nanoseconds, either byte order) and
//! pcapng. One buffer serves a file of any length.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex};

use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{Block, LegacyPcapBlock, PcapBlockOwned, PcapError, PcapHeader, create_reader};

/// Bytes of the buffer that most files do with.
const BUFFER: usize = 1 << 16;
/// The longest frame that the common tools write, in bytes.
const MAX_FRAME: usize = 1 << 18;
/// The longest pcapng block that the common tools read, in bytes.
const MAX_BLOCK: usize = 1 << 24;

/// A capture that is being read.
pub(crate) struct Capture {
    reader: Box<dyn PcapReaderIterator + Send>,
    notes: Notes,
    format: Format,
    interfaces: Vec<Interface>,
    frames: u64,
    /// When the last frame was captured.
    nanos: u64,
    bytes: Vec<u8>,
}

/// One frame of a capture.
#[derive(Debug)]
pub(crate) struct Frame<'c> {
    /// Its number in the file, counted from 1.
    pub(crate) number: u64,
    /// When it was captured: nanoseconds since 1970.
    pub(crate) nanos: u64,
    /// The number of its link type.
    pub(crate) link: u32,
    /// What was kept of it.
    pub(crate) bytes: &'c [u8],
}

#[derive(Clone, Copy)]
enum Format {
    /// Until the first block is read.
    Unknown,
    Pcap {
        big_endian: bool,
        nanoseconds: bool,
        record_header: usize,
        link: u32,
    },
    PcapNg {
        big_endian: bool,
    },
}

/// An interface of a pcapng section.
#[derive(Clone, Copy)]
struct Interface {
    link: u32,
    snap_length: u32,
    /// Clock ticks in a second; `None` if the file states a number that cannot be.
    resolution: Option<u64>,
    /// Seconds to add to each time stamp.
    offset: i64,
}

impl Capture {
    /// Opens a file and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self, CaptureError> {
        if path.is_dir() {
            return Err(CaptureError::Io(io::ErrorKind::IsADirectory.into()));
        }
        Self::new(File::open(path).map_err(CaptureError::Io)?)
    }

    /// Reads the header of a capture.
    pub(crate) fn new(input: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        let notes = Notes::default();
        let reader = create_reader(BUFFER, Input { input, notes: notes.clone(), failed: false });
        let reader = reader.map_err(|error| match error {
            PcapError::Eof => notes.failed(CaptureError::Empty),
            PcapError::Incomplete(_) => notes.failed(CaptureError::NoHeader),
            _ => CaptureError::NotACapture { start: notes.start() },
        })?;
        let (format, frames) = (Format::Unknown, 0);
        let (interfaces, bytes) = (Vec::new(), Vec::new());
        Ok(Self { reader, notes, format, interfaces, frames, nanos: 0, bytes })
    }

    /// How many bytes of the file have been gone through.
    pub(crate) fn position(&self) -> u64 {
        self.reader.consumed() as u64
    }

    /// The next frame; `None` at the end.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        while let Some(block) = self.next_block()? {
            if let Content::Frame { link, nanos } = block {
                self.frames += 1;
                self.nanos = nanos.unwrap_or(self.nanos);
                let (number, nanos) = (self.frames, self.nanos);
                return Ok(Some(Frame { number, nanos, link, bytes: &self.bytes }));
            }
        }
        Ok(None)
    }

    /// Reads one block, and keeps the bytes of a frame; `None` at the end.
    fn next_block(&mut self) -> Result<Option<Content>, CaptureError> {
        loop {
            let shortage = match self.reader.next() {
                Ok((length, block)) => {
                    let (format, interfaces) = (&mut self.format, &mut self.interfaces);
                    let content = take(block, format, interfaces, &mut self.bytes);
                    let content = content.map_err(|problem| self.damaged(problem))?;
                    self.reader.consume(length);
                    return Ok(Some(content));
                }
                Err(PcapError::Eof) => return self.notes.error().map_or(Ok(None), Err),
                Err(PcapError::Incomplete(_) | PcapError::BufferTooSmall) => Shortage::More,
                Err(PcapError::UnexpectedEof) => Shortage::End,
                Err(_) => Shortage::Never,
            };
            self.supply(shortage)?;
        }
    }

    /// Gets the bytes that the next block lacks, or says why they are not to be had.
    fn supply(&mut self, shortage: Shortage) -> Result<(), CaptureError> {
        let available = self.reader.data().len();
        let (needed, limit) = self.needed();
        if matches!(shortage, Shortage::Never) || needed <= available {
            return Err(self.damaged("a record contradicts itself"));
        }
        if needed > limit {
            return Err(self.damaged("a record claims to be longer than any can be"));
        }
        if matches!(shortage, Shortage::End) && available > 0 {
            let (frames, at) = (self.frames, self.position());
            let error = CaptureError::CutShort { frames, at, lacks: needed - available };
            return Err(self.notes.failed(error));
        }
        // One byte more than the record: the reader calls a buffer that is just full too small.
        self.reader.grow((needed + 1).max(BUFFER).next_power_of_two());
        self.reader.refill().map_err(|_| CaptureError::Io(io::ErrorKind::Other.into()))
    }

    /// How many bytes the next record has by its own word, as far as that can be read, and how
    /// many it may have.
    fn needed(&self) -> (usize, usize) {
        let data = self.reader.data();
        let word = |at: usize, big_endian| {
            let bytes = data.get(at..at + 4)?.try_into().ok()?;
            let value =
                if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
            usize::try_from(value).ok()
        };
        match self.format {
            Format::Unknown => (24, MAX_BLOCK),
            Format::Pcap { big_endian, record_header, .. } => {
                let kept = word(8, big_endian).unwrap_or(0);
                (kept.saturating_add(record_header), MAX_FRAME)
            }
            Format::PcapNg { big_endian } => {
                // A new section may have the other byte order.
                let new_section = data.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
                let order = data.get(8..12).filter(|_| new_section);
                let big_endian = order.map_or(big_endian, |order| order[0] == 0x1a);
                (word(4, big_endian).unwrap_or(12).max(12), MAX_BLOCK)
            }
        }
    }

    fn damaged(&self, problem: &'static str) -> CaptureError {
        CaptureError::Damaged { frames: self.frames, at: self.position(), problem }
    }
}

/// Why the next block is not there yet.
enum Shortage {
    /// The buffer holds only its beginning.
    More,
    /// The file holds only its beginning.
    End,
    /// It is there and makes no sense.
    Never,
}

/// What a block holds.
enum Content {
    /// A frame. A simple packet block of pcapng has no time.
    Frame { link: u32, nanos: Option<u64> },
    /// Something about the file.
    Other,
}

fn take(
    block: PcapBlockOwned<'_>,
    format: &mut Format,
    interfaces: &mut Vec<Interface>,
    bytes: &mut Vec<u8>,
) -> Result<Content, &'static str> {
    match block {
        PcapBlockOwned::LegacyHeader(header) => *format = pcap_format(&header),
        PcapBlockOwned::Legacy(frame) => return Ok(pcap_frame(&frame, *format, bytes)),
        PcapBlockOwned::NG(Block::SectionHeader(section)) => {
            *format = Format::PcapNg { big_endian: section.big_endian() };
            interfaces.clear();
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(described)) => {
            // The parser reads the offset as little-endian in either byte order.
            let big_endian = matches!(format, Format::PcapNg { big_endian: true });
            let offset = described.if_tsoffset;
            interfaces.push(Interface {
                link: described.linktype.0 as u32 & 0xffff,
                snap_length: described.snaplen,
                resolution: described.ts_resolution(),
                offset: if big_endian { offset.swap_bytes() } else { offset },
            });
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(frame)) => {
            let interface = interfaces.get(frame.if_id as usize).ok_or(NO_INTERFACE)?;
            let resolution = interface.resolution.ok_or("an interface has no usable clock")?;
            let ticks = u64::from(frame.ts_high) << 32 | u64::from(frame.ts_low);
            keep(frame.packet_data(), bytes);
            let nanos = Some(nanos(ticks, resolution, interface.offset));
            return Ok(Content::Frame { link: interface.link, nanos });
        }
        PcapBlockOwned::NG(Block::SimplePacket(frame)) => {
            let interface = interfaces.first().ok_or(NO_INTERFACE)?;
            keep(frame.packet_data(), bytes);
            if interface.snap_length > 0 {
                bytes.truncate(interface.snap_length as usize);
            }
            return Ok(Content::Frame { link: interface.link, nanos: None });
        }
        PcapBlockOwned::NG(_) => {}
    }
    Ok(Content::Other)
}

const NO_INTERFACE: &str = "a frame names an interface that the file does not describe";

fn pcap_format(header: &PcapHeader) -> Format {
    Format::Pcap {
        big_endian: header.is_bigendian(),
        nanoseconds: header.is_nanosecond_precision(),
        record_header: if header.is_modified_format() { 24 } else { 16 },
        // The upper bits tell of frame check sequences.
        link: header.network.0 as u32 & 0xffff,
    }
}

fn pcap_frame(frame: &LegacyPcapBlock<'_>, format: Format, bytes: &mut Vec<u8>) -> Content {
    let Format::Pcap { nanoseconds, link, .. } = format else { return Content::Other };
    keep(frame.data, bytes);
    let unit = if nanoseconds { 1 } else { 1_000 };
    let time = u64::from(frame.ts_sec) * 1_000_000_000 + u64::from(frame.ts_usec) * unit;
    Content::Frame { link, nanos: Some(time) }
}

fn keep(data: &[u8], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend_from_slice(data);
}

/// Nanoseconds since 1970; times that do not fit become the nearest that does.
fn nanos(ticks: u64, resolution: u64, offset: i64) -> u64 {
    let nanos = i128::from(ticks) * 1_000_000_000 / i128::from(resolution.max(1));
    let offset = i128::from(offset) * 1_000_000_000;
    u64::try_from((nanos + offset).max(0)).unwrap_or(u64::MAX)
}

/// Why a capture, or the rest of it, cannot be read.
#[derive(Debug)]
pub(crate) enum CaptureError {
    /// The file cannot be opened or read.
    Io(io::Error),
    /// It has no bytes.
    Empty,
    /// It is something else; these are its first bytes.
    NotACapture { start: [u8; 4] },
    /// It ends in the middle of a record.
    CutShort { frames: u64, at: u64, lacks: usize },
    /// It ends before its header does.
    NoHeader,
    /// A record makes no sense.
    Damaged { frames: u64, at: u64, problem: &'static str },
}

impl CaptureError {
    /// What the person who started the program can do about it.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Io(_) => "check the path and the permissions",
            Self::Empty | Self::NoHeader => "record it again, for example: tcpdump -w FILE",
            Self::NotACapture { start: [0x1f, 0x8b, ..] } => "it is compressed: gunzip it first",
            Self::NotACapture { start: [0x28, 0xb5, 0x2f, 0xfd] } => {
                "it is compressed: unzstd it first"
            }
            Self::NotACapture { .. } => "save it as pcap or pcapng, for example: tcpdump -w FILE",
            Self::CutShort { .. } => {
                "copy it again, or let the recorder finish; what is printed above stands"
            }
            Self::Damaged { .. } => "copy or record it again; what is printed above stands",
        }
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::Empty => f.write_str("is empty"),
            Self::NotACapture { .. } => f.write_str("is neither a pcap nor a pcapng file"),
            Self::CutShort { frames, at, lacks } => write!(
                f,
                "ends in the middle of a record, after {frames} frames: the record at byte {at} lacks {lacks} bytes"
            ),
            Self::NoHeader => f.write_str("ends before its header does"),
            Self::Damaged { frames, at, problem } => {
                write!(f, "is damaged at byte {at}, after {frames} frames: {problem}")
            }
        }
    }
}

/// What the parser does not pass on of its input.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<(Option<io::Error>, [u8; 4])>>);

impl Notes {
    /// Why the input could not be read to its end, if that is so.
    fn error(&self) -> Option<CaptureError> {
        let error = self.0.lock().ok().and_then(|mut notes| notes.0.take());
        error.map(CaptureError::Io)
    }

    /// The input's own error, or what it looks like without one.
    fn failed(&self, otherwise: CaptureError) -> CaptureError {
        self.error().unwrap_or(otherwise)
    }

    /// The first bytes.
    fn start(&self) -> [u8; 4] {
        self.0.lock().map_or([0; 4], |notes| notes.1)
    }
}

/// A reader that takes notes and ends at the first error, so that what came before it is gone
/// through. Fills the whole buffer if it can: the parser takes a short first read for the file.
struct Input<R> {
    input: R,
    notes: Notes,
    failed: bool,
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(0);
        }
        let (filled, error) = fill(&mut self.input, buffer);
        self.failed = error.is_some();
        if let Ok(mut notes) = self.notes.0.lock() {
            notes.0 = error;
            if notes.1 == [0; 4] {
                notes.1 = buffer.first_chunk().copied().unwrap_or_default();
            }
        }
        Ok(filled)
    }
}

/// Reads until the buffer is full, the input ends or an error comes.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}
