use alloc::format;
use core::fmt;

use ipnet::IpNet;

use crate::import::json::{Fault, Fields, Json};
use crate::packet::{Family, Protocol};
use crate::rule::{IcmpKind, PortRange, Rule, Span};

/// What a rule of a security group or a network ACL is about, besides addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Traffic {
    /// Everything.
    All,
    /// A protocol, with all that it carries.
    Protocol(Protocol),
    /// TCP or UDP to these destination ports.
    Ports(Protocol, PortRange),
    /// ICMP or ICMPv6 messages of a type.
    Icmp(Family, IcmpKind),
}

impl Traffic {
    /// By protocol name or number; the other two are as they stand in the document.
    pub(super) fn new(
        protocol: &str,
        ports: Option<(i32, i32)>,
        icmp: Option<(i32, i32)>,
    ) -> Result<Self, Fault> {
        let Some(protocol) = read_protocol(protocol)? else { return Ok(Self::All) };
        match protocol {
            Protocol::TCP | Protocol::UDP => Self::with_ports(protocol, ports),
            Protocol::ICMP => Self::with_icmp(Family::V4, protocol, icmp),
            Protocol::ICMPV6 => Self::with_icmp(Family::V6, protocol, icmp),
            // Ports do not count, as AWS has it.
            _ => Ok(Self::Protocol(protocol)),
        }
    }

    /// All ports are asked for by asking nothing, so that a later fragment is not left out.
    fn with_ports(protocol: Protocol, ports: Option<(i32, i32)>) -> Result<Self, Fault> {
        let Some((first, last)) = ports.filter(|ports| *ports != (0, 65_535)) else {
            return Ok(Self::Protocol(protocol));
        };
        let range = match (u16::try_from(first), u16::try_from(last)) {
            (Ok(first), Ok(last)) => PortRange::new(first, last),
            _ => None,
        };
        let wrong = || Fault::wrong(format!("expected a range of ports, found {first} to {last}"));
        range.map(|range| Self::Ports(protocol, range)).ok_or_else(wrong)
    }

    fn with_icmp(
        family: Family,
        protocol: Protocol,
        icmp: Option<(i32, i32)>,
    ) -> Result<Self, Fault> {
        let (icmp_type, code) = icmp.unwrap_or((-1, -1));
        if icmp_type == -1 {
            return match code {
                -1 => Ok(Self::Protocol(protocol)),
                _ => Err(Fault::wrong("all types (-1) with one code; the code has to be -1, too")),
            };
        }
        let wrong = |what, number| {
            Fault::wrong(format!("expected an ICMP {what}, -1 to 255, found {number}"))
        };
        let icmp_type = u8::try_from(icmp_type).map_err(|_| wrong("type", icmp_type))?;
        let codes = match code {
            -1 => Span::from(0..=u8::MAX),
            code => Span::from(u8::try_from(code).map_err(|_| wrong("code", code))?),
        };
        Ok(Self::Icmp(family, IcmpKind::new(icmp_type, codes)))
    }

    /// The rule, asking for this traffic too.
    pub(super) fn ask(self, rule: Rule) -> Rule {
        match self {
            Self::All => rule,
            Self::Protocol(protocol) => rule.protocol(protocol),
            Self::Ports(protocol, ports) => rule.protocol(protocol).to_ports(ports),
            Self::Icmp(Family::V4, kind) => rule.protocol(Protocol::ICMP).icmp(kind),
            Self::Icmp(Family::V6, kind) => rule.protocol(Protocol::ICMPV6).icmpv6(kind),
        }
    }

    /// The ports of `protocol` that it is about: `None` if none, all of them as a range.
    pub(super) fn ports_of(self, protocol: Protocol) -> Option<PortRange> {
        match self {
            Self::All => Some(all_ports()),
            Self::Protocol(own) if own == protocol => Some(all_ports()),
            Self::Ports(own, ports) if own == protocol => Some(ports),
            _ => None,
        }
    }
}

pub(super) fn all_ports() -> PortRange {
    PortRange::from(0..=u16::MAX)
}

/// Prints `all`, `tcp`, `udp 53`, `icmp 8 code 0` and the like.
impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Protocol(protocol) => protocol.fmt(f),
            Self::Ports(protocol, ports) => write!(f, "{protocol} {ports}"),
            Self::Icmp(Family::V4, kind) => write!(f, "icmp {kind}"),
            Self::Icmp(Family::V6, kind) => write!(f, "icmpv6 {kind}"),
        }
    }
}

/// `None` stands for all protocols.
fn read_protocol(name: &str) -> Result<Option<Protocol>, Fault> {
    match name {
        "-1" | "all" => Ok(None),
        "icmpv6" => Ok(Some(Protocol::ICMPV6)),
        _ => {
            let number = name.parse().ok().map(Protocol);
            let unknown =
                || Fault::wrong(format!("expected a protocol's name or number, found `{name}`"));
            number.or_else(|| Protocol::from_name(name)).map(Some).ok_or_else(unknown)
        }
    }
}

/// A prefix in a field; what is beyond its length does not count, as AWS has it.
pub(super) fn read_prefix(json: &Json, family: Family) -> Result<IpNet, Fault> {
    let what = match family {
        Family::V4 => "an IPv4 prefix",
        Family::V6 => "an IPv6 prefix",
    };
    let prefix: Option<IpNet> = json.text()?.parse().ok();
    let of_family = prefix.filter(|prefix| match family {
        Family::V4 => matches!(prefix, IpNet::V4(_)),
        Family::V6 => matches!(prefix, IpNet::V6(_)),
    });
    of_family.map(|prefix| prefix.trunc()).ok_or_else(|| Fault::expected(what, json))
}

/// Two numbers in two fields, of which either both are there or neither.
pub(super) fn read_pair(
    fields: &Fields<'_>,
    first: &str,
    second: &str,
) -> Result<Option<(i32, i32)>, Fault> {
    let number = |json: &Json| json.integer::<i32>("a number");
    match (fields.find(first, number)?, fields.find(second, number)?) {
        (Some(a), Some(b)) => Ok(Some((a, b))),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Fault::wrong(format!("the field `{first}` is missing"))),
        (Some(_), None) => Err(Fault::wrong(format!("the field `{second}` is missing"))),
    }
}

/// Whether all of a description is there.
pub(super) fn refuse_pages(fields: &Fields<'_>) -> Result<(), Fault> {
    match fields.find("NextToken", |json| json.text())? {
        None | Some("") => Ok(()),
        Some(_) => Err(Fault::wrong(
            "this is one page of several; describe without --max-items and --max-results",
        )
        .under("NextToken")),
    }
}
