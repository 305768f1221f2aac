//! Matches that read transport headers.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::matches::{Matches, common, malformed, shown};
use super::unreadable::{Extra, cut_header};
use crate::export::asked::{Asked, Faults, Header, PORTED};
use crate::export::error::Fault;
use crate::export::place::Place;
use crate::export::plan::Stage;
use crate::import::spans::{Spans, complement};
use crate::packet::{Family, Malformed, Protocol, TcpFlags};
use crate::rule::{AnyOf, FlagsMatch, IcmpKind};

/// What a rule asks of the transport header, if it does.
pub(super) fn header(asked: &Asked<'_>) -> Result<Matches, Fault> {
    if let Some(protocol) = asked.presence() {
        let stages = vec![present(protocol, asked.family)];
        return Ok(Matches { stages, extras: vec![dropped(asked, protocol)] });
    }
    let Some(header) = &asked.header else { return Ok(Matches::default()) };
    if asked.malformed != Faults::Any {
        return Err(malformed());
    }
    let criteria = asked.criteria;
    let sets = criteria.sets.as_ref();
    if sets.is_some_and(|sets| !sets.src_endpoint.is_any() || !sets.dst_endpoint.is_any()) {
        return Err(Fault::new(
            "from-endpoint-set or to-endpoint-set",
            "sets of pairs are not written for iptables; write rules with `port` instead",
        ));
    }
    let protocol = header.protocol;
    match protocol {
        Protocol::ICMP => kinds(asked, &criteria.icmp),
        Protocol::ICMPV6 => kinds(asked, &criteria.icmpv6),
        _ => ports(asked, header),
    }
}

/// The match that reads a protocol's header, and which faults it drops packets for.
fn module(protocol: Protocol) -> Option<(&'static str, &'static [Malformed])> {
    const SHORT: &[Malformed] = &[Malformed::ShortTransport, Malformed::ShortPorts];
    match protocol {
        Protocol::TCP => Some((
            "tcp",
            &[Malformed::ShortTransport, Malformed::ShortPorts, Malformed::TinyFragment],
        )),
        Protocol::UDP => Some(("udp", SHORT)),
        Protocol::SCTP => Some(("sctp", SHORT)),
        Protocol::DCCP => Some(("dccp", SHORT)),
        Protocol::ICMP => Some(("icmp", &[Malformed::ShortTransport])),
        Protocol::ICMPV6 => Some(("icmp6", &[Malformed::ShortTransport])),
        _ => None,
    }
}

fn dropped(asked: &Asked<'_>, protocol: Protocol) -> Extra {
    cut_header(asked, protocol, module(protocol).map_or(&[Malformed::ShortPorts], |it| it.1))
}

/// That the header is there and no fragment's rest.
fn present(protocol: Protocol, family: Family) -> Stage {
    match (protocol, family) {
        (Protocol::ICMP, _) => Stage::One("-m icmp --icmp-type any".into()),
        // There is no word for any type.
        (Protocol::ICMPV6, _) => Stage::AnyOf(vec![
            "-m icmp6 --icmpv6-type 0".into(),
            "-m icmp6 ! --icmpv6-type 0".into(),
        ]),
        _ => Stage::One(format!("-m {}", module(protocol).map_or("tcp", |it| it.0))),
    }
}

fn kinds(asked: &Asked<'_>, kinds: &AnyOf<IcmpKind>) -> Result<Matches, Fault> {
    let (name, protocol, v4) = match asked.family {
        Family::V4 => ("icmp --icmp-type", Protocol::ICMP, true),
        Family::V6 => ("icmp6 --icmpv6-type", Protocol::ICMPV6, false),
    };
    let (module, option) = name.split_once(' ').unwrap_or_default();
    let mut each = Vec::new();
    for kind in kinds.items() {
        let (icmp_type, codes) = (kind.icmp_type(), kind.codes());
        if v4 && icmp_type == u8::MAX {
            return Err(Fault::new("icmp 255", "`--icmp-type 255` stands for any; leave it out"));
        }
        match (codes.first(), codes.last()) {
            (0, u8::MAX) => each.push(format!("{icmp_type}")),
            (first, last) => each.extend((first..=last).map(|code| format!("{icmp_type}/{code}"))),
        }
    }
    let shown = |not: &str, kind: &String| format!("-m {module} {not}{option} {kind}");
    let stages = match kinds.is_negated() {
        true if each.is_empty() => vec![present(protocol, asked.family)],
        true => each.iter().map(|kind| Stage::One(shown("! ", kind))).collect(),
        false => vec![Stage::any_of(each.iter().map(|kind| shown("", kind)).collect())],
    };
    Ok(Matches { stages, extras: vec![dropped(asked, protocol)] })
}

fn ports(asked: &Asked<'_>, header: &Header) -> Result<Matches, Fault> {
    let module = module(header.protocol).filter(|_| !header.cut_too);
    let flags = flags(&asked.criteria.tcp_flags)?;
    let Some((module, faults)) = module else {
        // `multiport` takes ports from headers cut short behind them, too.
        let lists = [("s", &header.src_port), ("d", &header.dst_port)];
        let lists = lists.into_iter().filter_map(|(end, spans)| Some((end, spans.as_ref()?)));
        let stages = lists.map(|(end, spans)| multiport(end, spans)).collect();
        let mut extras = vec![cut_header(asked, header.protocol, &[Malformed::ShortPorts])];
        if !header.cut_too {
            extras.push(Extra::cut_twin(asked, header.protocol));
        }
        return Ok(Matches { stages, extras });
    };
    let mut one = String::new();
    let mut lists = Vec::new();
    for (end, spans) in [("s", &header.src_port), ("d", &header.dst_port)] {
        let Some(spans) = spans else { continue };
        match (spans.as_slice(), complement(spans, 0xffff).as_slice()) {
            ([span], _) => one += &format!(" --{end}port {}", shown(*span)),
            (_, [span]) => one += &format!(" ! --{end}port {}", shown(*span)),
            _ => lists.push(multiport(end, spans)),
        }
    }
    let mut stages = Vec::new();
    if !one.is_empty() || !lists.is_empty() || flags.is_empty() {
        stages.push(Stage::One(format!("-m {module}{one}")));
    }
    stages.extend(lists);
    stages.extend(flags);
    Ok(Matches { stages, extras: vec![cut_header(asked, header.protocol, faults)] })
}

/// The most ports of one list, a range counted as two.
const MOST_PORTS: usize = 15;

fn multiport(end: &str, spans: &Spans) -> Stage {
    let mut lists: Vec<(usize, Vec<String>)> = Vec::new();
    for span in spans {
        let size = if span.0 == span.1 { 1 } else { 2 };
        match lists.last_mut() {
            Some((used, list)) if *used + size <= MOST_PORTS => {
                *used += size;
                list.push(shown(*span));
            }
            _ => lists.push((size, vec![shown(*span)])),
        }
    }
    let each =
        lists.iter().map(|(_, list)| format!("-m multiport --{end}ports {}", list.join(",")));
    Stage::any_of(each.collect())
}

fn flags(asked: &AnyOf<FlagsMatch>) -> Result<Vec<Stage>, Fault> {
    let shown = |not: &str, flags: &FlagsMatch| {
        format!("-m tcp {not}--tcp-flags {} {}", listed(flags.mask()), listed(flags.set()))
    };
    if asked.items().iter().any(|flags| flags.mask().0 > 0x3f) {
        return Err(Fault::new("flags", "iptables does not know `ece` and `cwr`"));
    }
    let items = asked.items().iter();
    Ok(match asked.is_negated() {
        true => items.map(|flags| Stage::One(shown("! ", flags))).collect(),
        false if asked.is_any() => Vec::new(),
        false => vec![Stage::any_of(items.map(|flags| shown("", flags)).collect())],
    })
}

fn listed(flags: TcpFlags) -> String {
    let names = TcpFlags::NAMES.into_iter().filter(|(_, flag)| flags.intersects(*flag));
    let names: Vec<_> = names.map(|(name, _)| name.to_ascii_uppercase()).collect();
    if names.is_empty() { "NONE".into() } else { names.join(",") }
}

/// What drops packets with these faults, as whatever reads them does: rules without a target.
pub(super) fn readers(
    asked: &Asked<'_>,
    faults: &[Malformed],
    place: Place,
) -> Result<Vec<Matches>, Fault> {
    let icmp = match asked.family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    };
    if faults.contains(&Malformed::BadTransport) {
        return Err(malformed());
    }
    let mut all = Vec::new();
    for protocol in PORTED.into_iter().chain([icmp]).filter(|it| asked.may_be(*it)) {
        let possible = |fault: &&Malformed| match fault {
            Malformed::ShortTransport => true,
            Malformed::ShortPorts => protocol != icmp,
            Malformed::TinyFragment => protocol == Protocol::TCP,
            _ => false,
        };
        let own: Vec<Malformed> = faults.iter().filter(possible).copied().collect();
        if !own.is_empty() {
            all.push(reader(asked, protocol, &own, place)?);
        }
    }
    if faults.contains(&Malformed::ExtensionHeaders) {
        all.push(walker(asked, place)?);
    }
    Ok(all)
}

fn reader(
    asked: &Asked<'_>,
    protocol: Protocol,
    faults: &[Malformed],
    place: Place,
) -> Result<Matches, Fault> {
    let number = protocol.0.into();
    let own = Asked { protocols: Some(vec![(number, number)]), ..asked.without_faults() };
    let mut matches = common(&own, place)?;
    let read = match module(protocol) {
        _ if faults == [Malformed::ShortPorts] => {
            matches.stages.push(Stage::One("-m multiport --ports 0:65535".into()));
            faults
        }
        Some((_, read)) => {
            matches.stages.push(present(protocol, asked.family));
            read
        }
        None => return Err(malformed()),
    };
    matches.extras.push(cut_header(asked, protocol, read));
    Ok(matches)
}

/// Asking for any protocol takes a walk along the extension headers, behind `-s`, `-d`, `-i` and `-o`
/// and before everything else, which has to be asked in a line of its own.
fn walker(asked: &Asked<'_>, place: Place) -> Result<Matches, Fault> {
    if asked.protocols.is_some() {
        return Err(malformed());
    }
    let mut matches = common(&asked.without_faults(), place)?;
    let is_first = |stage: &Stage| match stage {
        Stage::One(text) => ["-s ", "-d ", "-i ", "-o "].iter().any(|it| text.starts_with(it)),
        _ => false,
    };
    if !matches.stages.iter().all(is_first) {
        matches.stages.push(Stage::NoneOf(Vec::new()));
    }
    matches.stages.push(Stage::One("-p tcp".into()));
    Ok(matches)
}

impl Asked<'_> {
    fn without_faults(&self) -> Self {
        Self { malformed: Faults::Any, ..self.clone() }
    }
}
