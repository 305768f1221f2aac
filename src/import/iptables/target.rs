//! What rules do with `-j`.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use core::ops::Range;

use super::Table;
use super::clause;
use super::fault::Fault;
use super::values::{not_negated, number, once, value_and_mask};
use super::words::{Word, Words};
use crate::packet::{Family, Protocol};
use crate::rule::{Effect, Masked, Reject};

/// What a rule does, chains by their names.
#[derive(Clone, Debug)]
pub(super) enum ParsedTarget {
    Accept,
    Drop,
    Reject(Reject),
    Return,
    /// The effect, and the prefix of what is logged.
    Continue(Effect, Option<Box<str>>),
    Jump(ChainName),
    Goto(ChainName),
}

/// The name of a chain, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct ChainName {
    pub(super) name: Box<str>,
    pub(super) at: Range<usize>,
}

impl ChainName {
    fn new(word: &Word<'_>) -> Self {
        Self { name: (&*word.text).into(), at: word.at.clone() }
    }
}

impl ParsedTarget {
    pub(super) const COUNT: Self = Self::Continue(Effect::Count, None);

    pub(super) fn goto(chain: &Word<'_>) -> Self {
        Self::Goto(ChainName::new(chain))
    }

    pub(super) const fn chain(&self) -> Option<&ChainName> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            _ => None,
        }
    }
}

/// Where a rule stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) family: Family,
    pub(super) table: Table,
}

/// Reads a target and its options. A name that is none of a target's is a chain's.
pub(super) fn jump(
    name: &Word<'_>,
    words: &mut Words<'_>,
    place: Place,
) -> Result<ParsedTarget, Fault> {
    Ok(match &*name.text {
        "ACCEPT" => ParsedTarget::Accept,
        "DROP" => ParsedTarget::Drop,
        "RETURN" => ParsedTarget::Return,
        "REJECT" => {
            if place.table != Table::Filter {
                return Err(name.expected("`REJECT` in the table filter alone"));
            }
            ParsedTarget::Reject(reject(words, place.family)?)
        }
        "LOG" => ParsedTarget::Continue(Effect::Log, log(words, &LOG)?),
        "NFLOG" => ParsedTarget::Continue(Effect::Log, log(words, &NFLOG)?),
        "MARK" => ParsedTarget::Continue(Effect::Mark(mark(words)?), None),
        "NOTRACK" if place.table == Table::Raw => ParsedTarget::Continue(Effect::NoTrack, None),
        "CT" if place.table == Table::Raw => ParsedTarget::Continue(ct(words)?, None),
        "AUDIT" => {
            audit(words)?;
            ParsedTarget::Continue(Effect::Audit, None)
        }
        target if TARGETS.contains(&target) => return Err(name.unsupported("target")),
        _ => ParsedTarget::Jump(ChainName::new(name)),
    })
}

/// What Linux would not load.
pub(super) fn check(
    target: &ParsedTarget,
    place: clause::Place,
    words: &Words<'_>,
) -> Result<(), Fault> {
    let resets = matches!(target, ParsedTarget::Reject(Reject::TcpReset));
    match resets && place.protocol != Some(Protocol::TCP) {
        true => Err(Fault::wrong(words.end(), "`REJECT` with a TCP reset needs `-p tcp`")),
        false => Ok(()),
    }
}

/// Targets of iptables that cannot be said here, so that they are not taken for chains.
const TARGETS: [&str; 38] = [
    "CHECKSUM",
    "CLASSIFY",
    "CLUSTERIP",
    "CONNMARK",
    "CONNSECMARK",
    "CT",
    "DNAT",
    "DNPT",
    "DSCP",
    "ECN",
    "HL",
    "HMARK",
    "IDLETIMER",
    "IPV4OPTSSTRIP",
    "LED",
    "MASQUERADE",
    "NETMAP",
    "NFQUEUE",
    "NOTRACK",
    "QUEUE",
    "RATEEST",
    "REDIRECT",
    "SECMARK",
    "SET",
    "SNAT",
    "SNPT",
    "SYNPROXY",
    "TCPMSS",
    "TCPOPTSTRIP",
    "TEE",
    "TOS",
    "TPROXY",
    "TRACE",
    "TTL",
    "ULOG",
    "DNETMAP",
    "ACCOUNT",
    "FLOWOFFLOAD",
];

fn reject(words: &mut Words<'_>, family: Family) -> Result<Reject, Fault> {
    let mut kind = None;
    while let Some(option) = take_option(words, |name| name == "--reject-with")? {
        let word = words.value("how to reject")?;
        let known = match family {
            Family::V4 => REJECT_V4.iter().find(|(name, _)| *name == word.text),
            Family::V6 => REJECT_V6.iter().find(|(name, _)| *name == word.text),
        };
        let value = known.map(|(_, kind)| *kind);
        let value = value.ok_or_else(|| word.expected("a way to reject such as `tcp-reset`"))?;
        once(&mut kind, &option, value)?;
    }
    Ok(kind.unwrap_or_default())
}

/// iptables `extensions/libipt_REJECT.c`.
const REJECT_V4: [(&str, Reject); 16] = [
    ("icmp-net-unreachable", Reject::NetUnreachable),
    ("net-unreach", Reject::NetUnreachable),
    ("icmp-host-unreachable", Reject::HostUnreachable),
    ("host-unreach", Reject::HostUnreachable),
    ("icmp-proto-unreachable", Reject::ProtocolUnreachable),
    ("proto-unreach", Reject::ProtocolUnreachable),
    ("icmp-port-unreachable", Reject::PortUnreachable),
    ("port-unreach", Reject::PortUnreachable),
    ("icmp-net-prohibited", Reject::NetProhibited),
    ("net-prohib", Reject::NetProhibited),
    ("icmp-host-prohibited", Reject::HostProhibited),
    ("host-prohib", Reject::HostProhibited),
    ("tcp-reset", Reject::TcpReset),
    ("tcp-rst", Reject::TcpReset),
    ("icmp-admin-prohibited", Reject::AdminProhibited),
    ("admin-prohib", Reject::AdminProhibited),
];

/// iptables `extensions/libip6t_REJECT.c`.
const REJECT_V6: [(&str, Reject); 13] = [
    ("icmp6-no-route", Reject::NetUnreachable),
    ("no-route", Reject::NetUnreachable),
    ("icmp6-adm-prohibited", Reject::AdminProhibited),
    ("adm-prohibited", Reject::AdminProhibited),
    ("icmp6-addr-unreachable", Reject::HostUnreachable),
    ("addr-unreach", Reject::HostUnreachable),
    ("icmp6-port-unreachable", Reject::PortUnreachable),
    ("port-unreach", Reject::PortUnreachable),
    ("tcp-reset", Reject::TcpReset),
    ("icmp6-policy-fail", Reject::PolicyFail),
    ("policy-fail", Reject::PolicyFail),
    ("icmp6-reject-route", Reject::RejectRoute),
    ("reject-route", Reject::RejectRoute),
];

/// The options of a target that logs: the one with the prefix, those with another value, and those
/// without.
struct LogOptions {
    prefix: &'static str,
    with_value: &'static [&'static str],
    alone: &'static [&'static str],
}

const LOG: LogOptions = LogOptions {
    prefix: "--log-prefix",
    with_value: &["--log-level"],
    alone: &[
        "--log-tcp-sequence",
        "--log-tcp-options",
        "--log-ip-options",
        "--log-uid",
        "--log-macdecode",
    ],
};

const NFLOG: LogOptions = LogOptions {
    prefix: "--nflog-prefix",
    with_value: &["--nflog-group", "--nflog-range", "--nflog-size", "--nflog-threshold"],
    alone: &[],
};

fn log(words: &mut Words<'_>, options: &LogOptions) -> Result<Option<Box<str>>, Fault> {
    let mut prefix = None;
    let known = |name: &str| {
        name == options.prefix
            || options.with_value.contains(&name)
            || options.alone.contains(&name)
    };
    while let Some(option) = take_option(words, known)? {
        if options.alone.contains(&&*option.text) {
            continue;
        }
        let value = words.value("a value")?;
        if option.text == options.prefix {
            once(&mut prefix, &option, (&*value.text).into())?;
        }
    }
    Ok(prefix)
}

/// The bits that the mark gets. Setting toggles bits of the value that its mask leaves out, which
/// cannot be said here.
fn mark(words: &mut Words<'_>) -> Result<Masked, Fault> {
    const OPTIONS: [&str; 5] =
        ["--set-xmark", "--set-mark", "--and-mark", "--or-mark", "--xor-mark"];
    let mut asked = None;
    while let Some(option) = take_option(words, |name| OPTIONS.contains(&name))? {
        let word = words.value("a mark")?;
        let (value, mask) = value_and_mask(&word, "a mark")?;
        let bits = match &*option.text {
            "--set-xmark" if value & !mask != 0 => {
                return Err(word.unsupported("a mark with bits beyond its mask,"));
            }
            "--set-xmark" => Masked::new(value, mask),
            "--set-mark" => Masked::new(value, value | mask),
            "--and-mark" => Masked::new(0, !value),
            "--or-mark" => Masked::new(value, value),
            _ if value == 0 => Masked::new(0, 0),
            _ => return Err(option.unsupported("option")),
        };
        once(&mut asked, &option, bits)?;
    }
    asked.ok_or_else(|| Fault::expected(words.end(), "`--set-xmark` after `MARK`"))
}

fn ct(words: &mut Words<'_>) -> Result<Effect, Fault> {
    const OPTIONS: [&str; 3] = ["--notrack", "--zone", "--zone-orig"];
    const OTHERS: [&str; 5] =
        ["--zone-reply", "--helper", "--ctevents", "--expevents", "--timeout"];
    let mut effect = None;
    let known = |name: &str| OPTIONS.contains(&name) || OTHERS.contains(&name);
    while let Some(option) = take_option(words, known)? {
        let value = match &*option.text {
            "--notrack" => Effect::NoTrack,
            "--zone" => {
                let word = words.value("the number of a zone")?;
                if word.text == "mark" {
                    return Err(word.unsupported("the zone"));
                }
                Effect::Zone(number(&word, "the number of a zone", u32::from(u16::MAX))? as u16)
            }
            _ => return Err(option.unsupported("option")),
        };
        once(&mut effect, &option, value)?;
    }
    effect.ok_or_else(|| Fault::expected(words.end(), "`--notrack` or `--zone` after `CT`"))
}

fn audit(words: &mut Words<'_>) -> Result<(), Fault> {
    let mut kind = None;
    while let Some(option) = take_option(words, |name| name == "--type")? {
        words.value("`accept`, `drop` or `reject`")?;
        once(&mut kind, &option, ())?;
    }
    Ok(())
}

/// Takes the next word if it is an option of the target.
fn take_option(
    words: &mut Words<'_>,
    known: impl Fn(&str) -> bool,
) -> Result<Option<Word<'static>>, Fault> {
    let own = words.peek().is_some_and(|word| known(&word.text));
    let Some(word) = words.peek().filter(|_| own) else { return Ok(None) };
    let option = Word { text: Cow::Owned(format!("{}", word.text)), at: word.at.clone() };
    not_negated(&option, false)?;
    words.next();
    Ok(Some(option))
}
