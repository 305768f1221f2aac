//! What a rule asks, as statements of nft.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::header::{header, malformed, unsaid};
use super::json::{self, addresses, compared, ct, equal, masked, meta, numbers, original, payload};
use crate::export::asked::{self, Asked, Faults, ends, highest};
use crate::export::error::Fault;
use crate::export::place::Place;
use crate::export::plan::Stage;
use crate::import::spans::{Spans, complement};
use crate::packet::{ConnState, Direction, Family, Fragment, Malformed};
use crate::rule::{Criteria, InterfaceName, Masked, SetName};

/// The matches of a rule: several lists if it asks for one of several faults.
pub(super) fn matches(asked: &Asked<'_>, place: Place) -> Result<Vec<Vec<Stage>>, Fault> {
    let mut stages = Vec::new();
    let criteria = asked.criteria;
    for (spans, field) in [(&asked.src, "saddr"), (&asked.dst, "daddr")] {
        if let Some(spans) = spans {
            stages.push(Stage::One(address(spans, field, asked.family)));
        }
    }
    interfaces(asked, place, &mut stages)?;
    stages.extend(protocols(asked)?);
    stages.extend(fragments(asked)?);
    connection(criteria, asked.family, place, &mut stages)?;
    marks(criteria, &mut stages);
    sizes(asked, place, &mut stages);
    named_sets(asked, &mut stages);
    match (&asked.malformed, &asked.header) {
        (Faults::Any, None) => Ok(vec![stages]),
        (Faults::Any, Some(asked_of)) => {
            header(asked, asked_of, &mut stages)?;
            Ok(vec![stages])
        }
        (Faults::OneOf(faults), None) => malformed(asked, faults, &stages),
        // A packet whose upper-layer protocol is known.
        (Faults::NoneOf(faults), None) if *faults == [Malformed::ExtensionHeaders] => {
            if asked.protocols.is_none() {
                stages.push(Stage::One(any_protocol()));
            }
            Ok(vec![stages])
        }
        _ => Err(unsaid()),
    }
}

pub(super) const fn ip(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

fn address(spans: &Spans, field: &str, family: Family) -> String {
    let left = payload(ip(family), field);
    let others = complement(spans, highest(family));
    match (spans.len(), others.len()) {
        (2.., 1) => compared(&left, "!=", &addresses(&others, family)),
        _ => equal(&left, &addresses(spans, family)),
    }
}

fn interfaces(asked: &Asked<'_>, place: Place, stages: &mut Vec<Stage>) -> Result<(), Fault> {
    let [known_in, known_out] = place.known_interfaces();
    let sides = [
        ("iifname", "in", &asked.in_interfaces, known_in),
        ("oifname", "out", &asked.out_interfaces, known_out),
    ];
    for (key, what, names, known) in sides {
        for names in names {
            if !known {
                return Err(Fault::new(what, "at this place Linux does not know that interface"));
            }
            let each = names.items().iter().map(|name| interface(what, name));
            let right = json::set(each.collect::<Result<Vec<_>, _>>()?);
            let op = if names.is_negated() { "!=" } else { "==" };
            stages.push(Stage::One(compared(&meta(key), op, &right)));
        }
    }
    Ok(())
}

fn interface(what: &str, name: &InterfaceName) -> Result<String, Fault> {
    let start = name.as_str().strip_suffix('*').unwrap_or(name.as_str());
    let sound = |c: char| c.is_ascii_graphic() && !matches!(c, '*' | '"' | '\\' | '/' | '@');
    if start.is_empty() || name.as_str().len() > 15 || !start.chars().all(sound) {
        let why = format!("`{name}` is no name of an interface there; ask for other ones");
        return Err(Fault::new(what, why));
    }
    Ok(json::text(name.as_str()))
}

/// Extension headers of IPv6, which are the protocol of packets in which they are cut short.
const EXTENSIONS: [u128; 5] = [0, 43, 44, 51, 60];

/// The protocol behind all extension headers. A packet in which these are cut short has none there.
fn protocols(asked: &Asked<'_>) -> Result<Option<Stage>, Fault> {
    let reads = matches!(asked.malformed, Faults::OneOf(_));
    let Some(spans) = asked.protocols.as_ref().filter(|_| !reads) else { return Ok(None) };
    let others = complement(spans, 255);
    let left = meta("l4proto");
    let one = match others.len() < spans.len() {
        true => compared(&left, "!=", &numbers(&others)),
        false => equal(&left, &numbers(spans)),
    };
    let has = |number: &u128| spans.iter().any(|(a, b)| (a..=b).contains(&number));
    let unknown = EXTENSIONS.iter().filter(|number| has(number)).count();
    match (asked.family, &asked.malformed, unknown) {
        (Family::V4, ..) | (_, Faults::NoneOf(_), _) | (.., 0) => Ok(Some(Stage::One(one))),
        (.., 5) => Ok(Some(Stage::NoneOf(vec![equal(&left, &numbers(&others))]))),
        _ => Err(Fault::new(
            "protocol",
            "nft does not know the protocol of an IPv6 packet whose extension headers are cut short; ask \
             for `malformed not extension-headers` as well",
        )),
    }
}

fn any_protocol() -> String {
    equal(&meta("l4proto"), &json::number((0, 255)))
}

/// What stands for the rest of a fragmented packet.
pub(super) fn later(family: Family) -> String {
    match family {
        Family::V4 => compared(&masked(&payload("ip", "frag-off"), 0x1fff), "!=", "0"),
        Family::V6 => {
            let field = json::object("exthdr", "{\"name\":\"frag\",\"field\":\"frag-off\"}");
            compared(&field, "!=", "0")
        }
    }
}

fn fragments(asked: &Asked<'_>) -> Result<Option<Stage>, Fault> {
    use Fragment::{First, Later, Whole};
    let Some(held) = &asked.fragments else { return Ok(None) };
    let offset = |mask, op| compared(&masked(&payload("ip", "frag-off"), mask), op, "0");
    let one = |text| Ok(Some(Stage::One(text)));
    match (asked.family, held.as_slice()) {
        (family, [Later]) => one(later(family)),
        (Family::V4, [Whole, First]) => one(offset(0x1fff, "==")),
        (Family::V6, [Whole, First]) => Ok(Some(Stage::NoneOf(vec![later(Family::V6)]))),
        (Family::V4, [Whole]) => one(offset(0x3fff, "==")),
        (Family::V4, [First, Later]) => one(offset(0x3fff, "!=")),
        (Family::V4, [First]) => one(offset(0x3fff, "!=") + "," + &offset(0x1fff, "==")),
        (Family::V4, _) => {
            Ok(Some(Stage::any_of(vec![offset(0x3fff, "=="), offset(0x1fff, "!=")])))
        }
        _ => Err(Fault::new(
            "fragment",
            "in IPv6 nft tells only later fragments from others; ask for `later` or `not later`",
        )),
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
    let both = [Direction::Original, Direction::Reply];
    let mut one = |text| stages.push(Stage::One(text));
    let mut directions = |held: &[Direction]| {
        let names = held.iter().map(|direction| json::text(&direction.to_string()));
        one(equal(&ct("direction"), &json::set(names)));
    };
    if !criteria.direction.is_any() {
        let held = both.into_iter().filter(|it| criteria.direction.holds(Some(*it)));
        directions(&held.collect::<Vec<_>>());
    }
    let bits = criteria.status.items().iter().fold(0, |bits, flag| bits | *flag as u32);
    if !criteria.status.is_any() && bits == 0 {
        directions(&both);
    }
    if bits != 0 {
        let op = if criteria.status.is_negated() { "==" } else { "!=" };
        one(compared(&masked(&ct("status"), bits), op, "0"));
    }
    if !criteria.state.is_any() {
        let held = ConnState::ALL.into_iter().filter(|it| criteria.state.holds(Some(*it)));
        let names: Vec<_> = held.map(|state| json::text(state.name())).collect();
        match names.is_empty() {
            true => stages.push(Stage::AnyOf(Vec::new())),
            false => one(compared(&ct("state"), "in", &format!("[{}]", names.join(",")))),
        }
    }
    original_direction(criteria, family, stages)
}

fn original_direction(
    criteria: &Criteria,
    family: Family,
    stages: &mut Vec<Stage>,
) -> Result<(), Fault> {
    let asked = criteria.original.as_ref().filter(|asked| !asked.is_any());
    let Some(asked) = asked else { return Ok(()) };
    let one = asked.protocol.items().len() == 1 && !asked.protocol.is_negated();
    let no_ports = asked.src_port.is_any() && asked.dst_port.is_any();
    if !(one || no_ports) {
        return Err(Fault::new(
            "original ports",
            "nft wants to know of which protocol; ask for one `original protocol`",
        ));
    }
    let mut push = |key: &str, spans: Spans, shown: &dyn Fn(&Spans) -> String| {
        stages.push(match spans.is_empty() {
            true => Stage::AnyOf(Vec::new()),
            false => Stage::One(equal(&original(key), &shown(&spans))),
        });
    };
    for (key, asked) in [("saddr", &asked.src), ("daddr", &asked.dst)] {
        if !asked.is_any() {
            let whole = || Spans::from([(0, highest(family))]);
            let spans = asked::addresses(asked, family).unwrap_or_else(whole);
            push(&format!("{} {key}", ip(family)), spans, &|it| addresses(it, family));
        }
    }
    if !asked.protocol.is_any() {
        let one = |protocol: &crate::Protocol| (protocol.0.into(), protocol.0.into());
        let spans = asked::numbers(&asked.protocol, one, 255);
        push("protocol", spans.unwrap_or_else(|| Spans::from([(0, 255)])), &numbers);
    }
    for (key, asked) in [("proto-src", &asked.src_port), ("proto-dst", &asked.dst_port)] {
        if !asked.is_any() {
            let spans = asked::numbers(asked, ends, 0xffff);
            push(key, spans.unwrap_or_else(|| Spans::from([(0, 0xffff)])), &numbers);
        }
    }
    Ok(())
}

fn marks(criteria: &Criteria, stages: &mut Vec<Stage>) {
    let asked = &criteria.mark;
    let op = if asked.is_negated() { "!=" } else { "==" };
    let shown = |mark: &Masked| {
        let left = match mark.mask() {
            u32::MAX => meta("mark"),
            bits => masked(&meta("mark"), bits),
        };
        compared(&left, op, &mark.value().to_string())
    };
    let each: Vec<String> = asked.items().iter().map(shown).collect();
    match asked.is_negated() {
        true => stages.extend(each.into_iter().map(Stage::One)),
        false if asked.is_any() => {}
        false => stages.push(Stage::any_of(each)),
    }
}

/// Length, time to live and DSCP.
fn sizes(asked: &Asked<'_>, place: Place, stages: &mut Vec<Stage>) {
    let Criteria { length, ttl, dscp, .. } = asked.criteria;
    let mut push = |left: &str, spans: Spans| {
        stages.push(match spans.is_empty() {
            true => Stage::AnyOf(Vec::new()),
            false => Stage::One(equal(left, &numbers(&spans))),
        });
    };
    if let Some(spans) = asked::numbers(length, ends, u32::MAX.into()) {
        push(&meta("length"), spans);
    }
    if let Some(spans) = asked::numbers(ttl, ends, 255) {
        // Counted down once before packets that are forwarded come here. None has 0 then.
        let hops = place.hops();
        let spans = spans.into_iter().filter(|span| span.1 >= hops);
        let came = |(first, last): (u128, u128)| {
            (first.saturating_sub(hops), if last == 255 { 255 } else { last.saturating_sub(hops) })
        };
        let field = if asked.family == Family::V4 { "ttl" } else { "hoplimit" };
        push(&payload(ip(asked.family), field), spans.map(came).collect());
    }
    if let Some(spans) = asked::numbers(dscp, ends, 63) {
        push(&payload(ip(asked.family), "dscp"), spans);
    }
}

fn named_sets(asked: &Asked<'_>, stages: &mut Vec<Stage>) {
    let Some(sets) = &asked.criteria.sets else { return };
    for (names, field) in [(&sets.src, "saddr"), (&sets.dst, "daddr")] {
        let left = payload(ip(asked.family), field);
        let op = if names.is_negated() { "!=" } else { "==" };
        let shown = |name: &SetName| compared(&left, op, &json::text(&format!("@{name}")));
        let each: Vec<String> = names.items().iter().map(shown).collect();
        match names.is_negated() {
            true => stages.extend(each.into_iter().map(Stage::One)),
            false if names.is_any() => {}
            false => stages.push(Stage::any_of(each)),
        }
    }
}
