//! What a rule asks, as options of iptables, in the order in which Linux looks at them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::header::header;
use super::unreadable::{Extra, extension_headers};
use crate::export::asked::{Asked, Faults, addresses, ends, highest, numbers, ranges};
use crate::export::error::Fault;
use crate::export::place::Place;
use crate::export::plan::Stage;
use crate::import::spans::{Spans, complement};
use crate::packet::{ConnFlag, ConnState, Direction, Family, Fragment, Malformed, Protocol};
use crate::rule::{AnyOf, Criteria, InterfaceName, IpRange, Masked, OriginalCriteria};

/// A rule's matches, and what Linux makes of packets that these cannot read.
#[derive(Clone, Debug, Default)]
pub(super) struct Matches {
    pub(super) stages: Vec<Stage>,
    pub(super) extras: Vec<Extra>,
}

/// The matches of a rule that asks nothing that only reading headers finds out.
pub(super) fn matches(asked: &Asked<'_>, place: Place) -> Result<Matches, Fault> {
    let mut matches = common(asked, place)?;
    let header = header(asked)?;
    matches.stages.extend(header.stages);
    matches.extras.extend(header.extras);
    Ok(matches)
}

/// All but the transport header.
pub(super) fn common(asked: &Asked<'_>, place: Place) -> Result<Matches, Fault> {
    let mut stages = Vec::new();
    let mut later = Vec::new();
    let mut guard = Criteria { family: Some(asked.family), ..Criteria::default() };
    let criteria = asked.criteria;
    if let Some(spans) = &asked.src {
        match prefixes("-s", spans, asked.family) {
            Some(stage) => {
                guard.src.clone_from(&criteria.src);
                stages.push(stage);
            }
            None => later.push(address_ranges("src", spans, asked.family)),
        }
    }
    if let Some(spans) = &asked.dst {
        match prefixes("-d", spans, asked.family) {
            Some(stage) => {
                guard.dst.clone_from(&criteria.dst);
                stages.push(stage);
            }
            None => later.push(address_ranges("dst", spans, asked.family)),
        }
    }
    guard.in_interface.clone_from(&criteria.in_interface);
    guard.out_interface.clone_from(&criteria.out_interface);
    interfaces(asked, place, &mut stages)?;
    let protocol = protocols(asked)?;
    let extras = match (asked.family, &protocol) {
        (Family::V6, Some(_)) => vec![extension_headers(guard, criteria)],
        _ => Vec::new(),
    };
    let has_protocol = protocol.is_some();
    stages.extend(protocol);
    stages.extend(fragments(asked)?);
    stages.extend(later);
    connection(criteria, asked.family, place, &mut stages)?;
    marks(&criteria.mark, &mut stages);
    sizes(asked, place, &mut stages)?;
    named_sets(asked, &mut stages);
    if let Faults::NoneOf(faults) = &asked.malformed {
        // Asking for a protocol drops packets whose extension headers are cut short.
        let known = |fault: &Malformed| has_protocol && *fault == Malformed::ExtensionHeaders;
        if !faults.iter().all(known) {
            return Err(malformed());
        }
    }
    Ok(Matches { stages, extras })
}

/// The fault that iptables has no match for faults of packets.
pub(super) fn malformed() -> Fault {
    Fault::new(
        "malformed",
        "iptables has no match for it; it drops such packets where a rule reads their header. Only \
         `drop` of all that one match cannot read can be said: `drop tcp malformed short-transport, \
         short-ports, tiny-fragment`, of udp, sctp and dccp the first two, of icmp the first",
    )
}

/// `-s` or `-d`, if prefixes say it.
fn prefixes(option: &str, spans: &Spans, family: Family) -> Option<Stage> {
    let others: Vec<_> = ranges(&complement(spans, highest(family)), family).collect();
    if let ([range], 2..) = (others.as_slice(), spans.len())
        && let Some(net) = range.prefix()
    {
        return Some(Stage::One(format!("! {option} {net}")));
    }
    let nets: Option<Vec<_>> = ranges(spans, family).map(|range| range.prefix()).collect();
    Some(Stage::any_of(nets?.iter().map(|net| format!("{option} {net}")).collect()))
}

fn address_ranges(end: &str, spans: &Spans, family: Family) -> Stage {
    let shown = |range: &IpRange| format!("{}-{}", range.first(), range.last());
    let others: Vec<_> = ranges(&complement(spans, highest(family)), family).collect();
    if let ([range], 2..) = (others.as_slice(), spans.len()) {
        return Stage::One(format!("-m iprange ! --{end}-range {}", shown(range)));
    }
    let each = ranges(spans, family);
    Stage::any_of(each.map(|range| format!("-m iprange --{end}-range {}", shown(&range))).collect())
}

fn interfaces(asked: &Asked<'_>, place: Place, stages: &mut Vec<Stage>) -> Result<(), Fault> {
    let [known_in, known_out] = place.known_interfaces();
    let sides = [
        ("-i", "in", &asked.in_interfaces, known_in),
        ("-o", "out", &asked.out_interfaces, known_out),
    ];
    for (option, what, names, known) in sides {
        for names in names {
            if !known {
                return Err(Fault::new(what, "at this place Linux does not know that interface"));
            }
            let each = names.items().iter().map(|name| interface(option, what, name));
            let each = each.collect::<Result<Vec<_>, _>>()?;
            stages.push(match (names.is_negated(), each.as_slice()) {
                (true, [one]) => Stage::One(format!("! {one}")),
                (true, _) => Stage::NoneOf(each),
                (false, _) => Stage::any_of(each),
            });
        }
    }
    Ok(())
}

fn interface(option: &str, what: &str, name: &InterfaceName) -> Result<String, Fault> {
    let name = name.as_str();
    let (start, wildcard) = match name.strip_suffix('*') {
        Some(start) => (start, "+"),
        None => (name, ""),
    };
    let sound =
        |c: char| c.is_ascii_graphic() && !matches!(c, '+' | '*' | '"' | '\'' | '\\' | '!' | '/');
    if start.is_empty() || name.len() > 15 || !start.chars().all(sound) {
        let why = format!("`{name}` is no name of an interface there; ask for other ones");
        return Err(Fault::new(what, why));
    }
    Ok(format!("{option} {start}{wildcard}"))
}

fn protocols(asked: &Asked<'_>) -> Result<Option<Stage>, Fault> {
    if let Some(header) = &asked.header {
        return Ok(Some(Stage::One(format!("-p {}", name(header.protocol)))));
    }
    let Some(spans) = &asked.protocols else { return Ok(None) };
    let list = |spans: &Spans| {
        let each = spans.iter().flat_map(|(first, last)| *first as u8..=*last as u8);
        let each = each.map(|number| match number {
            0 => Err(Fault::new("protocol 0", "`-p 0` stands for any; leave the protocol out")),
            number => Ok(format!("-p {}", name(Protocol(number)))),
        });
        each.collect::<Result<Vec<_>, _>>()
    };
    let others = complement(spans, 255);
    let count = |spans: &Spans| spans.iter().map(|(first, last)| last - first + 1).sum::<u128>();
    if count(spans) <= count(&others) {
        return Ok(Some(Stage::any_of(list(spans)?)));
    }
    let mut others = list(&others)?;
    Ok(Some(match others.pop() {
        Some(one) if others.is_empty() => Stage::One(format!("! {one}")),
        last => Stage::NoneOf(others.into_iter().chain(last).collect()),
    }))
}

/// The name that every iptables has, or the number.
pub(super) fn name(protocol: Protocol) -> String {
    match protocol {
        Protocol::TCP => "tcp".into(),
        Protocol::UDP => "udp".into(),
        Protocol::ICMP => "icmp".into(),
        Protocol::ICMPV6 => "ipv6-icmp".into(),
        Protocol::SCTP => "sctp".into(),
        Protocol::UDP_LITE => "udplite".into(),
        Protocol::ESP => "esp".into(),
        Protocol::AH => "ah".into(),
        other => other.0.to_string(),
    }
}

fn fragments(asked: &Asked<'_>) -> Result<Option<Stage>, Fault> {
    let Some(held) = &asked.fragments else { return Ok(None) };
    match (asked.family, held.as_slice()) {
        (Family::V4, [Fragment::Later]) => Ok(Some(Stage::One("-f".into()))),
        (Family::V4, [Fragment::Whole, Fragment::First]) => Ok(Some(Stage::One("! -f".into()))),
        // The header is read instead: see `header`.
        (Family::V6, [Fragment::Whole, Fragment::First]) if asked.presence().is_some() => Ok(None),
        _ => Err(Fault::new(
            "fragment",
            "iptables tells later fragments from others, in IPv4 alone; ask for `later` or `not \
             later`",
        )),
    }
}

impl Asked<'_> {
    /// The protocol whose header has to be there, if that is all that is asked of it, in IPv6.
    pub(super) fn presence(&self) -> Option<Protocol> {
        let [(first, last)] = self.protocols.as_deref()? else { return None };
        let known =
            [Protocol::TCP, Protocol::UDP, Protocol::SCTP, Protocol::DCCP, Protocol::ICMPV6];
        let protocol = known.into_iter().find(|it| u128::from(it.0) == *first && first == last)?;
        let not_later = [Fragment::Whole, Fragment::First];
        let asks = self.fragments.as_deref() == Some(&not_later) && self.family == Family::V6;
        asks.then_some(protocol)
    }
}

fn connection(
    criteria: &Criteria,
    family: Family,
    place: Place,
    stages: &mut Vec<Stage>,
) -> Result<(), Fault> {
    if place.before_tracking && criteria.asks_connection() {
        return Err(Fault::new("state", "packets are not tracked yet at this place"));
    }
    let conntrack = |option: &str, value: &str| format!("-m conntrack --{option} {value}");
    if !criteria.state.is_any() {
        const NAMES: [(&str, ConnState); 5] = [
            ("INVALID", ConnState::Invalid),
            ("NEW", ConnState::New),
            ("RELATED", ConnState::Related),
            ("ESTABLISHED", ConnState::Established),
            ("UNTRACKED", ConnState::Untracked),
        ];
        let held = NAMES.iter().filter(|(_, state)| criteria.state.holds(Some(*state)));
        let held: Vec<&str> = held.map(|(name, _)| *name).collect();
        stages.push(match held.is_empty() {
            true => Stage::AnyOf(Vec::new()),
            false => Stage::One(conntrack("ctstate", &held.join(","))),
        });
    }
    const BOTH: [(&str, Direction); 2] =
        [("ORIGINAL", Direction::Original), ("REPLY", Direction::Reply)];
    if !criteria.direction.is_any() {
        let held = BOTH.iter().filter(|(_, it)| criteria.direction.holds(Some(*it)));
        stages.push(Stage::any_of(held.map(|(name, _)| conntrack("ctdir", name)).collect()));
    }
    if !criteria.status.is_any() {
        let names = criteria.status.items().iter().map(|flag| match flag {
            ConnFlag::Expected => Ok("EXPECTED"),
            ConnFlag::Replied => Ok("SEEN_REPLY"),
            ConnFlag::Assured => Ok("ASSURED"),
            ConnFlag::Confirmed => Ok("CONFIRMED"),
            _ => Err(Fault::new("status", "translated connections cannot be asked for alone")),
        });
        let names = names.collect::<Result<Vec<_>, _>>()?.join(",");
        stages.push(match (criteria.status.is_negated(), names.is_empty()) {
            (false, _) => Stage::One(conntrack("ctstatus", &names)),
            (true, false) => Stage::One(format!("-m conntrack ! --ctstatus {names}")),
            (true, true) => Stage::any_of(BOTH.map(|it| conntrack("ctdir", it.0)).to_vec()),
        });
    }
    if let Some(original) = criteria.original.as_ref().filter(|asked| !asked.is_any()) {
        self::original(original, family, stages)?;
    }
    Ok(())
}

/// What is asked of the original direction; it holds of packets of connections alone.
fn original(
    asked: &OriginalCriteria,
    family: Family,
    stages: &mut Vec<Stage>,
) -> Result<(), Fault> {
    let any_of = |option: &str, values: Vec<String>| {
        let each = values.iter().map(|value| format!("-m conntrack --{option} {value}"));
        Stage::any_of(each.collect())
    };
    for (option, asked) in [("ctorigsrc", &asked.src), ("ctorigdst", &asked.dst)] {
        if asked.is_any() {
            continue;
        }
        let spans = addresses(asked, family).unwrap_or_else(|| Spans::from([(0, highest(family))]));
        let nets: Option<Vec<_>> = ranges(&spans, family).map(|range| range.prefix()).collect();
        let nets = nets.ok_or_else(|| {
            Fault::new("original-from or original-to", "only prefixes can be asked for")
        })?;
        stages.push(any_of(option, nets.iter().map(ToString::to_string).collect()));
    }
    let protocols = asked.protocol.items();
    if protocols.contains(&Protocol(0)) {
        return Err(Fault::new("protocol 0", "`--ctproto 0` stands for any; leave it out"));
    }
    if asked.protocol.is_negated() {
        // Of a connection, in either direction.
        stages.push(any_of("ctdir", vec!["ORIGINAL".into(), "REPLY".into()]));
        for protocol in protocols {
            let not = format!("-m conntrack ! --ctproto {}", name(*protocol));
            stages.push(Stage::One(not));
        }
    } else if !asked.protocol.is_any() {
        stages.push(any_of("ctproto", protocols.iter().map(|protocol| name(*protocol)).collect()));
    }
    for (option, asked) in [("ctorigsrcport", &asked.src_port), ("ctorigdstport", &asked.dst_port)]
    {
        if !asked.is_any() {
            let spans = numbers(asked, ends, 0xffff).unwrap_or_else(|| Spans::from([(0, 0xffff)]));
            stages.push(any_of(option, spans.iter().map(|span| shown(*span)).collect()));
        }
    }
    Ok(())
}

/// `a` or `a:b`.
pub(super) fn shown((first, last): (u128, u128)) -> String {
    if first == last { first.to_string() } else { format!("{first}:{last}") }
}

fn marks(asked: &AnyOf<Masked>, stages: &mut Vec<Stage>) {
    let shown = |not: &str, mark: &Masked| {
        format!("-m mark {not}--mark {:#x}/{:#x}", mark.value(), mark.mask())
    };
    match asked.is_negated() {
        true => stages.extend(asked.items().iter().map(|mark| Stage::One(shown("! ", mark)))),
        false if asked.is_any() => {}
        false => {
            stages.push(Stage::any_of(asked.items().iter().map(|mark| shown("", mark)).collect()));
        }
    }
}

/// Length, time to live and DSCP.
fn sizes(asked: &Asked<'_>, place: Place, stages: &mut Vec<Stage>) -> Result<(), Fault> {
    let Criteria { length, ttl, dscp, .. } = asked.criteria;
    if let Some(spans) = numbers(length, ends, u32::MAX.into()) {
        let each = spans.iter().map(|span| length_match(*span));
        stages.push(Stage::any_of(each.collect::<Result<_, _>>()?));
    }
    if let Some(spans) = numbers(ttl, ends, 255) {
        // Counted down once before packets that are forwarded come here. None has 0 then.
        let hops = place.hops();
        let spans = spans.iter().filter(|span| span.1 >= hops);
        let name = if asked.family == Family::V4 { "ttl" } else { "hl" };
        let each = spans.map(|(first, last)| {
            let last = if *last == 255 { 255 } else { last - hops };
            ttl_match(name, (first.saturating_sub(hops), last))
        });
        stages.push(Stage::any_of(each.collect()));
    }
    if let Some(spans) = numbers(dscp, ends, 63) {
        let each = spans.iter().flat_map(|(first, last)| *first..=(*last).min(63));
        let each = each.map(|number| format!("-m dscp --dscp {number:#04x}"));
        stages.push(Stage::any_of(each.collect()));
    }
    Ok(())
}

/// The longest packet of IPv6 that is no jumbogram; options of iptables end at 65535.
const LONGEST: u128 = 0xffff + 40;

fn length_match((first, last): (u128, u128)) -> Result<String, Fault> {
    match (first, last) {
        (0..=0xffff, 0..=0xffff) => Ok(format!("-m length --length {}", shown((first, last)))),
        (1..=0x1_0000, LONGEST..) => Ok(format!("-m length ! --length {}", shown((0, first - 1)))),
        (0, LONGEST..) => Ok("-m length ! --length 65535 -m length --length 0:65534".into()),
        _ => Err(Fault::new("length", "iptables tells lengths apart up to 65535")),
    }
}

fn ttl_match(name: &str, (first, last): (u128, u128)) -> String {
    let above = first.checked_sub(1).map(|below| format!("-m {name} --{name}-gt {below}"));
    let below = (last < 255).then(|| format!("-m {name} --{name}-lt {}", last + 1));
    match (above, below) {
        _ if first == last => format!("-m {name} --{name}-eq {first}"),
        (Some(above), Some(below)) => format!("{above} {below}"),
        (one, other) => one.or(other).unwrap_or_default(),
    }
}

fn named_sets(asked: &Asked<'_>, stages: &mut Vec<Stage>) {
    let Some(sets) = &asked.criteria.sets else { return };
    for (names, side) in [(&sets.src, "src"), (&sets.dst, "dst")] {
        let shown = |not: &str, name: &str| {
            format!("-m set {not}--match-set {} {side}", super::ipset::name(name, asked.family))
        };
        let each = names.items().iter().map(|name| name.as_str());
        match names.is_negated() {
            true => stages.extend(each.map(|name| Stage::One(shown("! ", name)))),
            false if names.is_any() => {}
            false => stages.push(Stage::any_of(each.map(|name| shown("", name)).collect())),
        }
    }
}
