use alloc::string::String;
use core::fmt;
use core::net::IpAddr;

use super::json::Object;
use crate::packet::{ConnState, Direction, Protocol, Refused};

/// One line of an [`EventLog`](super::EventLog).
///
/// Prints as an object of JSON in one line, without what is `None`. With the feature `serde` it is
/// written alike, and read back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Event {
    /// When it was, in Unix milliseconds.
    pub timestamp: u64,
    /// What it is.
    #[cfg_attr(feature = "serde", serde(rename = "event"))]
    pub kind: EventKind,
    /// The action, as it prints.
    pub action: String,
    /// The chain of the rule that decided.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub chain: Option<String>,
    /// The rule that decided, by its place in the chain counted from 1; `None` for the default.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub rule: Option<u64>,
    /// The rule's comment.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub comment: Option<String>,
    /// The protocol.
    pub protocol: Protocol,
    /// The source address; of a connection that of its original direction.
    pub src: IpAddr,
    /// The source port.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub src_port: Option<u16>,
    /// The destination address.
    pub dst: IpAddr,
    /// The destination port.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub dst_port: Option<u16>,
    /// How many packets: 1, or those of the connection in its original direction.
    pub packets: u64,
    /// Their lengths together.
    pub bytes: u64,
    /// How many packets the connection had in the reply direction.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub reply_packets: Option<u64>,
    /// Their lengths together.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub reply_bytes: Option<u64>,
    /// How long the connection lasted, to its last packet, in milliseconds.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub duration: Option<u64>,
    /// The packet's connection state.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub state: Option<ConnState>,
    /// The packet's direction in its connection.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub direction: Option<Direction>,
    /// The TCP flags: `syn,ack`.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub tcp_flags: Option<String>,
    /// Why the connection was not admitted although a rule accepted it.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub refused: Option<Refused>,
    /// How the connection ended.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub reason: Option<EndReason>,
}

/// What an [`Event`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EventKind {
    /// The decision on a packet.
    Decision,
    /// A connection that was entered.
    Start,
    /// A connection that is no more.
    End,
}

/// How a connection ended, as far as its packets say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EndReason {
    /// Both ends said so.
    Closed,
    /// One end reset it.
    Reset,
    /// No packet came any more, or it was displaced or removed.
    Gone,
}

impl EventKind {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Start => "start",
            Self::End => "end",
        }
    }
}

impl EndReason {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut object = Object::new(f);
        object.number("timestamp", Some(self.timestamp))?;
        object.text("event", Some(self.kind.name()))?;
        object.text("action", Some(&self.action))?;
        object.text("chain", self.chain.as_ref())?;
        object.number("rule", self.rule)?;
        object.text("comment", self.comment.as_ref())?;
        object.protocol("protocol", self.protocol)?;
        object.text("src", Some(self.src))?;
        object.number("src_port", self.src_port.map(u64::from))?;
        object.text("dst", Some(self.dst))?;
        object.number("dst_port", self.dst_port.map(u64::from))?;
        object.number("packets", Some(self.packets))?;
        object.number("bytes", Some(self.bytes))?;
        object.number("reply_packets", self.reply_packets)?;
        object.number("reply_bytes", self.reply_bytes)?;
        object.number("duration", self.duration)?;
        object.text("state", self.state)?;
        object.text("direction", self.direction)?;
        object.text("tcp_flags", self.tcp_flags.as_ref())?;
        object.text("refused", self.refused.map(refused))?;
        object.text("reason", self.reason.map(EndReason::name))?;
        object.end()
    }
}

const fn refused(why: Refused) -> &'static str {
    match why {
        Refused::TableFull => "table_full",
        Refused::SourceLimit => "source_limit",
        Refused::ZoneLimit => "zone_limit",
        Refused::Unreadable => "unreadable",
        Refused::AlreadyExpected => "already_expected",
        Refused::Unsound => "unsound",
    }
}
