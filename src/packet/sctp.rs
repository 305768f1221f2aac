/// What a connection tracker needs of an SCTP packet. Numbers are in host byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SctpHeader {
    /// The verification tag of the common header.
    pub verification_tag: u32,
    /// The initiate tag of an INIT or INIT ACK chunk; `None` without such a chunk, or if it is cut
    /// short.
    pub initiate_tag: Option<u32>,
    /// The chunks.
    pub chunks: SctpChunks,
}

impl SctpHeader {
    /// A header with this verification tag and these chunks, none of which has an initiate tag.
    pub fn new(verification_tag: u32, chunks: &[SctpChunk]) -> Self {
        let mut header = Self { verification_tag, ..Self::default() };
        chunks.iter().for_each(|chunk| header.chunks.push(*chunk));
        header
    }
}

/// One chunk's type and flags.
///
/// # Source
///
/// RFC 9260 section 3.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SctpChunk {
    /// The type field.
    pub chunk_type: u8,
    /// The flags field.
    pub flags: u8,
}

impl SctpChunk {
    /// Payload data.
    pub const DATA: u8 = 0;
    /// Asks for an association.
    pub const INIT: u8 = 1;
    /// Answers an INIT.
    pub const INIT_ACK: u8 = 2;
    /// Asks whether the other end is there.
    pub const HEARTBEAT: u8 = 4;
    /// Answers a HEARTBEAT.
    pub const HEARTBEAT_ACK: u8 = 5;
    /// Ends the association at once.
    pub const ABORT: u8 = 6;
    /// Ends the association.
    pub const SHUTDOWN: u8 = 7;
    /// Answers a SHUTDOWN.
    pub const SHUTDOWN_ACK: u8 = 8;
    /// Reports an error.
    pub const ERROR: u8 = 9;
    /// Sends the state cookie back.
    pub const COOKIE_ECHO: u8 = 10;
    /// Answers a COOKIE ECHO.
    pub const COOKIE_ACK: u8 = 11;
    /// Answers a SHUTDOWN ACK.
    pub const SHUTDOWN_COMPLETE: u8 = 14;

    /// The T bit of ABORT and SHUTDOWN COMPLETE: the verification tag is the sender's own.
    pub const REFLECTED: u8 = 1;

    /// A chunk of this type, no flags set.
    pub const fn new(chunk_type: u8) -> Self {
        Self { chunk_type, flags: 0 }
    }

    /// Whether it is of a type that begins or ends associations, reports errors or probes the other
    /// end: the types that have constants here, but for [`SctpChunk::DATA`].
    pub const fn is_control(self) -> bool {
        matches!(self.chunk_type, 1 | 2 | 4..=11 | 14)
    }
}

/// The chunks of an SCTP packet: control chunks one by one, of the others only whether there are
/// any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SctpChunks {
    control: [SctpChunk; 12],
    len: u8,
    data: bool,
    other: bool,
    overflow: bool,
}

impl SctpChunks {
    /// Adds a chunk.
    pub fn push(&mut self, chunk: SctpChunk) {
        if !chunk.is_control() {
            self.data |= chunk.chunk_type == SctpChunk::DATA;
            self.other = true;
            return;
        }
        match self.control.get_mut(usize::from(self.len)) {
            Some(slot) => {
                *slot = chunk;
                self.len += 1;
            }
            None => self.overflow = true,
        }
    }

    /// The [control](SctpChunk::is_control) chunks in order, the first twelve of them.
    pub fn control(&self) -> &[SctpChunk] {
        self.control.get(..usize::from(self.len)).unwrap_or(&self.control)
    }

    /// Whether there is a control chunk of this type.
    pub fn contains(&self, chunk_type: u8) -> bool {
        self.control().iter().any(|chunk| chunk.chunk_type == chunk_type)
    }

    /// Whether there are DATA chunks.
    pub const fn has_data(&self) -> bool {
        self.data
    }

    /// Whether there are other than control chunks, such as DATA and SACK.
    pub const fn has_others(&self) -> bool {
        self.other
    }

    /// Whether there were more control chunks than [`control`](Self::control) has room for: more
    /// than any sound sender puts into a packet.
    pub const fn overflows(&self) -> bool {
        self.overflow
    }

    /// Whether there are none at all.
    pub const fn is_empty(&self) -> bool {
        self.len == 0 && !self.other
    }
}
