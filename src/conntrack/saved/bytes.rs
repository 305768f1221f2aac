use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use super::super::IcmpQuery;
use super::super::entry::Track;
use super::super::helper::Expectation;
use super::super::sctp::SctpTrack;
use super::super::tcp::TcpTrack;
use super::error::{Problem, Unsound};
use super::{Help, SavedConnection, SavedError};
use crate::packet::{Addrs, ConnFlag, ConnStatus, FlowKey, Protocol};

/// What the bytes begin with.
const MAGIC: [u8; 8] = *b"pcullis\0";

const VERSION: u16 = 1;

/// The kinds of what follows a connection's common part.
const STATELESS: u8 = 0;
const TCP: u8 = 1;
const SCTP: u8 = 2;

/// Connections as bytes, some 40 to 150 each: a magic number, a version, and one connection after the
/// other. Numbers are in little-endian order, addresses as they are in packets.
///
/// The order is that of the iterator; otherwise equal connections give equal bytes.
pub fn to_bytes(connections: impl IntoIterator<Item = SavedConnection>) -> Vec<u8> {
    let mut out = Writer(Vec::new());
    out.bytes(&MAGIC);
    out.u16(VERSION);
    connections.into_iter().for_each(|connection| write(&connection, &mut out));
    out.0
}

/// Reads what [`to_bytes`] wrote. Every field is checked.
///
/// # Errors
///
/// When the bytes are not those of saved connections, or of a later version, or cut short, or say of
/// a connection what cannot be. The error names the byte.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<SavedConnection>, SavedError> {
    let mut input = Reader { bytes, at: 0 };
    if input.array()? != MAGIC {
        return Err(SavedError::at(0, Problem::Magic));
    }
    match input.u16()? {
        VERSION => {}
        version => return Err(SavedError::at(MAGIC.len(), Problem::Version(version))),
    }
    let mut connections = Vec::new();
    while input.at < bytes.len() {
        connections.push(read(&mut input)?);
    }
    Ok(connections)
}

fn write(connection: &SavedConnection, out: &mut Writer) {
    let FlowKey { addrs, src_port, dst_port, protocol } = connection.original;
    out.address(addrs.src());
    out.address(addrs.dst());
    out.u8(protocol.0);
    out.u16(src_port);
    out.u16(dst_port);
    out.u16(connection.zone);
    out.optional(connection.query, |query, out| {
        out.bytes(&[query.icmp_type, query.code]);
        out.u16(query.identifier);
    });
    out.u64(nanos(connection.age));
    out.u64(nanos(connection.remaining));
    out.u8(connection.status.bits());
    match &connection.track {
        Track::Stateless => out.u8(STATELESS),
        Track::Tcp(track) => {
            out.u8(TCP);
            track.write(out);
        }
        Track::Sctp(track) => {
            out.u8(SCTP);
            track.write(out);
        }
    }
    out.optional(connection.help.as_ref(), |help, out| help.write(out));
}

fn read(input: &mut Reader<'_>) -> Result<SavedConnection, SavedError> {
    let start = input.at;
    let connection = SavedConnection {
        original: read_key(input)?,
        zone: input.u16()?,
        query: input.optional("query", |input| {
            let [icmp_type, code] = input.array()?;
            Ok(IcmpQuery { icmp_type, code, identifier: input.u16()? })
        })?,
        age: Duration::from_nanos(input.u64()?),
        remaining: Duration::from_nanos(input.u64()?),
        status: read_status(input)?,
        track: match input.u8()? {
            STATELESS => Track::Stateless,
            TCP => Track::Tcp(TcpTrack::read(input)?),
            SCTP => Track::Sctp(SctpTrack::read(input)?),
            number => return Err(input.field("kind of connection", number)),
        },
        help: input.optional("helper", |input| Help::read(input).map(Box::new))?,
    };
    let sound = connection.flow().and_then(|_| connection.check());
    sound.map_err(|unsound| SavedError::at(start, Problem::Unsound(unsound)))?;
    Ok(connection)
}

fn read_key(input: &mut Reader<'_>) -> Result<FlowKey, SavedError> {
    let start = input.at;
    let addrs = Addrs::new(input.address()?, input.address()?);
    let addrs = addrs.map_err(|_| SavedError::at(start, Problem::Unsound(Unsound::Flow)))?;
    let protocol = Protocol(input.u8()?);
    Ok(FlowKey { addrs, protocol, src_port: input.u16()?, dst_port: input.u16()? })
}

fn read_status(input: &mut Reader<'_>) -> Result<ConnStatus, SavedError> {
    let bits = input.u8()?;
    let set = |status: ConnStatus, flag: ConnFlag| status.with(flag, bits & flag as u8 != 0);
    let status = ConnFlag::ALL.into_iter().fold(ConnStatus::new(), set);
    if status.bits() == bits { Ok(status) } else { Err(input.field("status", bits)) }
}

impl Help {
    fn write(&self, out: &mut Writer) {
        self.memory.iter().for_each(|word| out.u32(*word));
        out.u8(self.expected.len() as u8);
        for expected in &self.expected {
            out.u8(expected.protocol.0);
            out.address(expected.src);
            out.optional(expected.src_port, |port, out| out.u16(port));
            out.address(expected.dst);
            out.u16(expected.dst_port);
            out.u32(expected.seconds);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, SavedError> {
        let mut help = Self::default();
        for word in &mut help.memory {
            *word = input.u32()?;
        }
        for _ in 0..input.u8()? {
            help.expected.push(Expectation {
                protocol: Protocol(input.u8()?),
                src: input.address()?,
                src_port: input.optional("source port", Reader::u16)?,
                dst: input.address()?,
                dst_port: input.u16()?,
                seconds: input.u32()?,
            });
        }
        Ok(help)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Puts numbers behind each other.
pub(in crate::conntrack) struct Writer(Vec<u8>);

impl Writer {
    pub(in crate::conntrack) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(in crate::conntrack) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(in crate::conntrack) fn u16(&mut self, number: u16) {
        self.bytes(&number.to_le_bytes());
    }

    pub(in crate::conntrack) fn u32(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                self.u8(4);
                self.bytes(&address.octets());
            }
            IpAddr::V6(address) => {
                self.u8(6);
                self.bytes(&address.octets());
            }
        }
    }

    /// 1 and what there is, or 0.
    pub(in crate::conntrack) fn optional<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(T, &mut Self),
    ) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            write(value, self);
        }
    }
}

/// Takes numbers from the front.
pub(in crate::conntrack) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    pub(in crate::conntrack) fn array<const N: usize>(&mut self) -> Result<[u8; N], SavedError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let short = Problem::Short { needed: N, there: rest.len() };
        let array = rest.first_chunk().ok_or(SavedError::at(self.at, short))?;
        self.at += N;
        Ok(*array)
    }

    pub(in crate::conntrack) fn u8(&mut self) -> Result<u8, SavedError> {
        self.array().map(|[byte]| byte)
    }

    pub(in crate::conntrack) fn u16(&mut self) -> Result<u16, SavedError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(in crate::conntrack) fn u32(&mut self) -> Result<u32, SavedError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, SavedError> {
        self.array().map(u64::from_le_bytes)
    }

    fn address(&mut self) -> Result<IpAddr, SavedError> {
        match self.u8()? {
            4 => Ok(IpAddr::V4(Ipv4Addr::from_octets(self.array()?))),
            6 => Ok(IpAddr::V6(Ipv6Addr::from_octets(self.array()?))),
            number => Err(self.field("IP version", number)),
        }
    }

    /// 0 or 1.
    pub(in crate::conntrack) fn bool(&mut self, field: &'static str) -> Result<bool, SavedError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            number => Err(self.field(field, number)),
        }
    }

    /// The one of `all` with this place.
    pub(in crate::conntrack) fn one_of<T: Copy>(
        &mut self,
        all: &[T],
        field: &'static str,
    ) -> Result<T, SavedError> {
        let number = self.u8()?;
        all.get(usize::from(number)).copied().ok_or_else(|| self.field(field, number))
    }

    pub(in crate::conntrack) fn optional<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, SavedError>,
    ) -> Result<Option<T>, SavedError> {
        if self.bool(field)? { read(self).map(Some) } else { Ok(None) }
    }

    /// The error that the byte just read means nothing.
    pub(in crate::conntrack) fn field(&self, field: &'static str, number: u8) -> SavedError {
        SavedError::at(self.at.saturating_sub(1), Problem::Field(field, number))
    }
}
