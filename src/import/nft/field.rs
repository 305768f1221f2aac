use alloc::format;

use crate::import::json::{Fault, Fields, Json};
use crate::packet::{Family, Protocol};

/// What of a packet an expression stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Src(Family),
    Dst(Family),
    /// The upper-layer protocol, as the packet's headers have it or as IPv4's header has it.
    Protocol(Option<Family>),
    /// Of one protocol, or of whichever has ports.
    SrcPort(Option<Protocol>),
    DstPort(Option<Protocol>),
    TcpFlags,
    IcmpType(Family),
    IcmpCode(Family),
    InInterface,
    OutInterface,
    /// The family, by number of its netfilter protocol.
    NfProto,
    /// The family, by ether type.
    EtherType,
    Mark,
    /// The length of the packet, less that of the header for IPv6's own field.
    Length(Option<Family>),
    Ttl(Family),
    Dscp(Family),
    /// IPv4's flags and fragment offset.
    Offset,
    /// The offset in IPv6's fragment header.
    LaterOffset,
    /// The last field of a protocol's header, which tells that the header is whole.
    Last(Protocol),
    State,
    Direction,
    Status,
    Zone,
    Original(Tuple),
}

/// A part of the flow key of a connection's original direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tuple {
    Src(Family),
    Dst(Family),
    Family,
    Protocol,
    SrcPort,
    DstPort,
}

/// An expression on the left of a comparison: a field, of which perhaps only some bits count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left<'a> {
    pub(super) field: Field,
    pub(super) mask: Option<&'a Json>,
}

impl<'a> Left<'a> {
    pub(super) fn read(json: &'a Json, table: Option<Family>) -> Result<Self, Fault> {
        match json.single() {
            Some(("&", operands)) => match operands.list()? {
                [masked, mask] => {
                    let field = Field::read(masked, table);
                    let field = field.map_err(|fault| fault.at(0).under("&"))?;
                    Ok(Self { field, mask: Some(mask) })
                }
                _ => Err(Fault::expected("two operands", operands).under("&")),
            },
            _ => Ok(Self { field: Field::read(json, table)?, mask: None }),
        }
    }
}

impl Field {
    /// Reads an expression. `table` is the family of a table that has only one.
    pub(super) fn read(json: &Json, table: Option<Family>) -> Result<Self, Fault> {
        let Some((kind, inner)) = json.single() else {
            return Err(Fault::expected("an expression", json));
        };
        let read = match kind {
            "payload" => inner.object().and_then(|fields| payload(&fields)),
            "meta" => inner.object().and_then(|fields| meta(&fields)),
            "ct" => inner.object().and_then(|fields| ct(&fields, table)),
            "exthdr" => inner.object().and_then(|fields| extension(&fields)),
            _ => return Err(Fault::unsupported(format_args!("the expression `{kind}`"))),
        };
        read.map_err(|fault| fault.under(kind))
    }

    /// How many bits it has.
    pub(super) const fn width(self) -> u32 {
        match self {
            Self::Src(Family::V4) | Self::Dst(Family::V4) => 32,
            Self::Src(Family::V6) | Self::Dst(Family::V6) => 128,
            Self::Original(Tuple::Src(Family::V4) | Tuple::Dst(Family::V4)) => 32,
            Self::Original(Tuple::Src(Family::V6) | Tuple::Dst(Family::V6)) => 128,
            Self::Original(Tuple::SrcPort | Tuple::DstPort) => 16,
            Self::SrcPort(_) | Self::DstPort(_) | Self::Zone => 16,
            Self::EtherType | Self::Offset => 16,
            Self::Length(Some(_)) => 16,
            Self::Mark | Self::Length(None) | Self::State | Self::Status => 32,
            Self::Dscp(_) => 6,
            Self::LaterOffset => 13,
            Self::Last(Protocol::SCTP) => 32,
            Self::Last(_) => 16,
            _ => 8,
        }
    }

    /// Whether it is the name of an interface.
    pub(super) const fn is_name(self) -> bool {
        matches!(self, Self::InInterface | Self::OutInterface)
    }
}

fn payload(fields: &Fields<'_>) -> Result<Field, Fault> {
    if fields.find("base", |base| base.text())?.is_some() {
        return Err(Fault::unsupported("a payload by its offset"));
    }
    fields.only(&["protocol", "field"])?;
    let protocol = fields.read("protocol", |json| json.text())?;
    let field = fields.read("field", |json| json.text())?;
    Ok(match (protocol, field) {
        ("ip", "saddr") => Field::Src(Family::V4),
        ("ip", "daddr") => Field::Dst(Family::V4),
        ("ip6", "saddr") => Field::Src(Family::V6),
        ("ip6", "daddr") => Field::Dst(Family::V6),
        ("ip", "protocol") => Field::Protocol(Some(Family::V4)),
        ("ip", "ttl") => Field::Ttl(Family::V4),
        ("ip6", "hoplimit") => Field::Ttl(Family::V6),
        ("ip", "dscp") => Field::Dscp(Family::V4),
        ("ip6", "dscp") => Field::Dscp(Family::V6),
        ("ip", "length") => Field::Length(Some(Family::V4)),
        ("ip6", "length") => Field::Length(Some(Family::V6)),
        ("ip", "frag-off") => Field::Offset,
        ("tcp", "flags") => Field::TcpFlags,
        ("tcp", "urgptr") => Field::Last(Protocol::TCP),
        ("udp", "checksum") => Field::Last(Protocol::UDP),
        ("udplite", "checksum") => Field::Last(Protocol::UDP_LITE),
        ("sctp", "checksum") => Field::Last(Protocol::SCTP),
        ("icmp", "type") => Field::IcmpType(Family::V4),
        ("icmp", "code") => Field::IcmpCode(Family::V4),
        ("icmpv6", "type") => Field::IcmpType(Family::V6),
        ("icmpv6", "code") => Field::IcmpCode(Family::V6),
        ("th", "sport") => Field::SrcPort(None),
        ("th", "dport") => Field::DstPort(None),
        (protocol, "sport" | "dport") if ports_of(protocol).is_some() => match field {
            "sport" => Field::SrcPort(ports_of(protocol)),
            _ => Field::DstPort(ports_of(protocol)),
        },
        _ => return Err(Fault::unsupported(format_args!("the field `{protocol} {field}`"))),
    })
}

fn extension(fields: &Fields<'_>) -> Result<Field, Fault> {
    fields.only(&["name", "field"])?;
    let name = fields.read("name", |json| json.text())?;
    match (name, fields.find("field", |json| json.text())?) {
        ("frag", Some("frag-off")) => Ok(Field::LaterOffset),
        (name, _) => Err(Fault::unsupported(format_args!("this field of the header `{name}`"))),
    }
}

fn ports_of(protocol: &str) -> Option<Protocol> {
    match protocol {
        "tcp" => Some(Protocol::TCP),
        "udp" => Some(Protocol::UDP),
        "udplite" => Some(Protocol::UDP_LITE),
        "sctp" => Some(Protocol::SCTP),
        "dccp" => Some(Protocol::DCCP),
        _ => None,
    }
}

fn meta(fields: &Fields<'_>) -> Result<Field, Fault> {
    fields.only(&["key"])?;
    fields.read("key", |key| match key.text()? {
        "l4proto" => Ok(Field::Protocol(None)),
        "nfproto" => Ok(Field::NfProto),
        "protocol" => Ok(Field::EtherType),
        "iif" | "iifname" => Ok(Field::InInterface),
        "oif" | "oifname" => Ok(Field::OutInterface),
        "mark" => Ok(Field::Mark),
        "length" => Ok(Field::Length(None)),
        other => Err(Fault::unsupported(format_args!("`meta {other}`"))),
    })
}

fn ct(fields: &Fields<'_>, table: Option<Family>) -> Result<Field, Fault> {
    fields.only(&["key", "dir", "family"])?;
    let direction = fields.find("dir", |json| json.text())?;
    let reply = match direction {
        None | Some("original") => false,
        Some("reply") => true,
        Some(other) => {
            return Err(Fault::wrong(format!("expected `original` or `reply`, found `{other}`"))
                .under("dir"));
        }
    };
    let family = fields.find("family", |json| match json.text()? {
        "ip" => Ok(Family::V4),
        "ip6" => Ok(Family::V6),
        _ => Err(Fault::expected("`ip` or `ip6`", json)),
    })?;
    fields.read("key", |json| {
        let key = json.text()?;
        let unsupported = || Fault::unsupported(format_args!("`ct {key}`"));
        Ok(match (key, reply) {
            ("state", _) => Field::State,
            ("direction", _) => Field::Direction,
            ("status", _) => Field::Status,
            ("zone", _) if direction.is_none() => Field::Zone,
            ("l3proto", _) => Field::Original(Tuple::Family),
            ("protocol", _) => Field::Original(Tuple::Protocol),
            ("proto-src", false) => Field::Original(Tuple::SrcPort),
            ("proto-dst", false) => Field::Original(Tuple::DstPort),
            _ => {
                let (word, of) = match key.split_once(' ') {
                    Some(("ip", word)) => (word, Some(Family::V4)),
                    Some(("ip6", word)) => (word, Some(Family::V6)),
                    _ => (key, family.or(table)),
                };
                let family = of.ok_or_else(unsupported)?;
                // Nothing is translated, so the way back has the same ends.
                match (word, reply) {
                    ("saddr", false) | ("daddr", true) => Field::Original(Tuple::Src(family)),
                    ("daddr", false) | ("saddr", true) => Field::Original(Tuple::Dst(family)),
                    _ => return Err(unsupported()),
                }
            }
        })
    })
}
