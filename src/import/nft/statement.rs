//! Rules as what they ask and what they do, in order.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use ipnet::IpNet;

use super::condition::{Alternative, Condition, Key, is_catch_all};
use super::fib::address_type;
use super::meter::{changed_set, meter};
use super::set::Sets;
use crate::import::json::{Fault, Fields, Json};
use crate::import::rate::By;
use crate::packet::{Family, Malformed, Protocol};
use crate::rule::{AnyOf, Criteria, Effect, Masked, Reject};

/// One part of a rule. What comes after a condition is for packets that it holds of.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Ask(Condition),
    Note(Effect),
    /// Marks by a map.
    MarkBy(Vec<(Alternative, Masked)>),
    Limit(Limit),
    /// Changes what no rule can ask for, and may end the rule: nothing comes after it.
    Leave,
    Say(Verdict),
    /// Verdicts by a map; which rules are left out when it comes back from a chain is the map's
    /// matter, if its key can change meanwhile or it has an entry for all others.
    SayBy {
        entries: Vec<(Alternative, Verdict)>,
        others: Option<(Vec<Alternative>, Verdict)>,
        exclusive: bool,
    },
}

impl Part {
    /// All that it asks, in one place or another.
    pub(super) fn criteria(&self) -> impl Iterator<Item = &Criteria> {
        let alternatives: Vec<&Alternative> = match self {
            Self::Ask(Condition::Any(alternatives)) => alternatives.iter().collect(),
            Self::Ask(Condition::NoneOf { has, others }) => has.iter().chain(others).collect(),
            Self::MarkBy(entries) => entries.iter().map(|entry| &entry.0).collect(),
            Self::SayBy { entries, others, .. } => {
                let others = others.iter().flat_map(|others| &others.0);
                entries.iter().map(|entry| &entry.0).chain(others).collect()
            }
            Self::Note(_) | Self::Limit(_) | Self::Leave | Self::Say(_) => Vec::new(),
        };
        alternatives.into_iter().flat_map(|alternative| &alternative.0)
    }
}

/// What is said of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    Reject(Reject),
    Jump(Box<str>),
    Goto(Box<str>),
    Return,
    Continue,
}

/// A rate; one with a name is shared by the rules that name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) name: Option<Box<str>>,
    /// Nanoseconds until another packet may pass.
    pub(super) interval: u64,
    pub(super) burst: u32,
    /// Whether packets beyond the rate are meant.
    pub(super) over: bool,
    /// What it is kept by, if not for all packets together.
    pub(super) by: Option<By>,
}

/// What a rule may refer to.
pub(super) struct Scope<'a> {
    pub(super) sets: &'a Sets<'a>,
    /// Rates by name.
    pub(super) limits: &'a BTreeMap<&'a str, Limit>,
    /// The family of a table that has only one.
    pub(super) family: Option<Family>,
    /// The host's own addresses, if they are known.
    pub(super) local: Option<&'a [IpNet]>,
}

/// Reads the statements of a rule.
pub(super) fn parts(statements: &Json, scope: &Scope<'_>) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    let mut counted = false;
    for (index, json) in statements.list()?.iter().enumerate() {
        if matches!(parts.last(), Some(Part::Leave)) {
            return Err(Fault::unsupported("a statement after this change").at(index));
        }
        let read = statement(json, scope, &parts).map_err(|fault| fault.at(index))?;
        counted |= matches!(read.as_slice(), [Part::Note(Effect::Count)]);
        parts.extend(read);
    }
    // What a rule says is counted with it.
    let says = |part: &Part| !matches!(part, Part::Ask(_) | Part::Note(Effect::Count));
    if counted && parts.iter().any(says) {
        parts.retain(|part| !matches!(part, Part::Note(Effect::Count)));
    }
    Ok(parts)
}

fn statement(json: &Json, scope: &Scope<'_>, before: &[Part]) -> Result<Vec<Part>, Fault> {
    let Some((kind, inner)) = json.single() else {
        return Err(Fault::expected("a statement", json));
    };
    if let Some(verdict) = verdict(json)? {
        return Ok(vec![Part::Say(verdict)]);
    }
    let read = match kind {
        "match" => condition(inner, scope).and_then(|condition| {
            check_ports(&condition, before)?;
            check_second(&condition, before)?;
            Ok(vec![Part::Ask(condition)])
        }),
        "vmap" => verdict_map(inner, scope).map(|part| vec![part]),
        "counter" => Ok(vec![Part::Note(Effect::Count)]),
        "log" => Ok(vec![Part::Note(log(inner))]),
        "notrack" => Ok(vec![Part::Note(Effect::NoTrack)]),
        "limit" => limit(inner, scope).map(|limit| vec![Part::Limit(limit)]),
        "reject" => reject(inner),
        "set" => changed_set(inner, scope),
        "meter" => meter(inner, scope),
        "mangle" if is_segment_size(inner) => Ok(vec![Part::Leave]),
        "mangle" => mangle(inner, scope).map(|part| vec![part]),
        _ => return Err(Fault::unsupported(format_args!("the statement `{kind}`"))),
    };
    read.map_err(|fault| fault.under(kind))
}

fn condition(json: &Json, scope: &Scope<'_>) -> Result<Condition, Fault> {
    match address_type(json, scope)? {
        Some(condition) => Ok(condition),
        None => Condition::read(json, scope.sets, scope.family),
    }
}

/// Ports of any protocol are bytes of whatever the packet carries, unless the rule has asked for
/// protocols that have ports.
fn check_ports(condition: &Condition, before: &[Part]) -> Result<(), Fault> {
    let asks = |criteria: &Criteria| {
        let Criteria { src_port, dst_port, protocol, .. } = criteria;
        !(src_port.is_any() && dst_port.is_any()) && protocol.is_any()
    };
    let has_ports = |protocol: &AnyOf<Protocol>| {
        let known = !protocol.is_any() && !protocol.is_negated();
        known && protocol.items().iter().all(|protocol| protocol.has_ports())
    };
    let settles = |alternative: &Alternative| {
        alternative.0.iter().any(|criteria| has_ports(&criteria.protocol))
    };
    let settled = before.iter().any(|part| match part {
        Part::Ask(Condition::Any(alternatives)) => alternatives.iter().all(settles),
        _ => false,
    });
    let (Condition::Any(all) | Condition::NoneOf { others: all, .. }) = condition;
    let unsettled =
        |alternative: &Alternative| !settles(alternative) && alternative.0.iter().any(asks);
    match !settled && all.iter().any(unsettled) {
        true => {
            Err(Fault::unsupported("a port of any protocol (say which, as `meta l4proto` does)"))
        }
        false => Ok(()),
    }
}

/// The second eight bytes tell something of packets of TCP alone.
fn check_second(condition: &Condition, before: &[Part]) -> Result<(), Fault> {
    let of_tcp = |alternative: &Alternative| {
        alternative.0.iter().any(|criteria| criteria.protocol == Protocol::TCP.into())
    };
    let settled = before.iter().any(|part| match part {
        Part::Ask(Condition::Any(all)) => all.iter().all(of_tcp),
        _ => false,
    });
    let (Condition::Any(all) | Condition::NoneOf { others: all, .. }) = condition;
    let tiny = |criteria: &Criteria| criteria.malformed == Malformed::TinyFragment.into();
    match !settled && all.iter().any(|alternative| alternative.0.iter().any(tiny)) {
        true => Err(Fault::unsupported("this offset of other protocols than TCP")),
        false => Ok(()),
    }
}

/// The verdict that an object is, if it is one.
fn verdict(json: &Json) -> Result<Option<Verdict>, Fault> {
    let Some((kind, inner)) = json.single() else { return Ok(None) };
    let target = || -> Result<Box<str>, Fault> {
        let fields = inner.object()?;
        fields.only(&["target"])?;
        fields.read("target", |json| json.text().map(Into::into))
    };
    Ok(Some(match kind {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "return" => Verdict::Return,
        "continue" => Verdict::Continue,
        "jump" => Verdict::Jump(target().map_err(|fault| fault.under(kind))?),
        "goto" => Verdict::Goto(target().map_err(|fault| fault.under(kind))?),
        _ => return Ok(None),
    }))
}

/// The entries of a map in place or by name.
fn entries<'a>(data: &'a Json, sets: &Sets<'a>) -> Result<&'a [Json], Fault> {
    match data {
        Json::Text(name) if name.starts_with('@') => Ok(sets.find(name)?.elements),
        _ => match data.single() {
            Some(("set", items)) => items.list().map_err(|fault| fault.under("set")),
            _ => Err(Fault::expected("a map", data)),
        },
    }
}

fn verdict_map(json: &Json, scope: &Scope<'_>) -> Result<Part, Fault> {
    let fields = json.object()?;
    fields.only(&["key", "data"])?;
    let key = fields.read("key", |key| Key::read(key, scope.family))?;
    let (mut all, mut others) = (Vec::new(), None);
    fields.read("data", |data| {
        for (index, entry) in entries(data, scope.sets)?.iter().enumerate() {
            let at = |fault: Fault| fault.at(index);
            let (value, said) = pair(entry).map_err(at)?;
            let unknown = || Fault::expected("a verdict", said);
            let said = verdict(said).and_then(|said| said.ok_or_else(unknown)).map_err(at)?;
            if is_catch_all(value) {
                others = Some((key.has()?, said));
                continue;
            }
            let alternatives = key.element(value).map_err(at)?;
            all.extend(alternatives.into_iter().map(|one| (one, said.clone())));
        }
        Ok(())
    })?;
    let exclusive = key.is_mutable() || others.is_some();
    Ok(Part::SayBy { entries: all, others, exclusive })
}

/// A key and what a map has for it.
fn pair(entry: &Json) -> Result<(&Json, &Json), Fault> {
    match entry.list()? {
        [key, value] => Ok((key, value)),
        _ => Err(Fault::expected("a key and what it stands for", entry)),
    }
}

/// How long `per` is, in nanoseconds.
fn period(per: &Json) -> Result<u64, Fault> {
    let seconds = match per.text()? {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        "week" => 604_800,
        _ => return Err(Fault::expected("`second`, `minute`, `hour`, `day` or `week`", per)),
    };
    Ok(seconds * 1_000_000_000)
}

fn limit(json: &Json, scope: &Scope<'_>) -> Result<Limit, Fault> {
    if let Json::Text(name) = json {
        let known = scope.limits.get(&**name);
        return known.cloned().ok_or_else(|| Fault::expected("the name of a limit", json));
    }
    let fields = json.object()?;
    fields.only(&["rate", "per", "burst", "inv", "rate_unit", "burst_unit"])?;
    read_limit(&fields)
}

/// A rate in a statement or of its own.
///
/// Linux `net/netfilter/nft_limit.c`, `nft_limit_init`.
pub(super) fn read_limit(fields: &Fields<'_>) -> Result<Limit, Fault> {
    for key in ["rate_unit", "burst_unit"] {
        let packets = |json: &Json| match json.text()? {
            "packets" => Ok(()),
            other => Err(Fault::unsupported(format_args!("a rate of `{other}`"))),
        };
        fields.find(key, packets)?;
    }
    let rate: u64 = fields.read("rate", |json| {
        let rate = json.integer("a rate")?;
        if rate == 0 { Err(Fault::expected("a rate", json)) } else { Ok(rate) }
    })?;
    let per = fields.find("per", period)?.unwrap_or(1_000_000_000);
    let burst = fields.find("burst", |json| json.integer::<u32>("a number of packets"))?;
    let over = fields.find("inv", |json| json.bool())?.unwrap_or_default();
    let burst = burst.filter(|burst| *burst > 0).unwrap_or(5);
    Ok(Limit { name: None, interval: per / rate, burst, over, by: None })
}

fn log(json: &Json) -> Effect {
    let level = json.object().ok();
    let level = level.and_then(|fields| fields.find("level", |json| json.text()).ok().flatten());
    if level == Some("audit") { Effect::Audit } else { Effect::Log }
}

fn reject(json: &Json) -> Result<Vec<Part>, Fault> {
    let port_unreachable = vec![Part::Say(Verdict::Reject(Reject::PortUnreachable))];
    if *json == Json::Null {
        return Ok(port_unreachable);
    }
    let fields = json.object()?;
    fields.only(&["type", "expr"])?;
    let kind = fields.find("type", |json| json.text())?.unwrap_or("icmpx");
    let why = fields.find("expr", |json| json.text())?.unwrap_or("port-unreachable");
    let only = |criteria| Part::Ask(Condition::Any(vec![Alternative(vec![criteria])]));
    let any = Criteria::default();
    let (asked, reject) = match (kind, why) {
        ("tcp reset", _) => {
            let tcp = Criteria { protocol: Protocol::TCP.into(), ..any };
            (Some(only(tcp)), Some(Reject::TcpReset))
        }
        ("icmp", _) => {
            let v4 = Criteria { family: Some(Family::V4), ..any };
            (Some(only(v4)), icmp_reject(why))
        }
        ("icmpv6", _) => {
            let v6 = Criteria { family: Some(Family::V6), ..any };
            (Some(only(v6)), icmpv6_reject(why))
        }
        ("icmpx", "port-unreachable") => return Ok(port_unreachable),
        ("icmpx", "admin-prohibited") => (None, Some(Reject::AdminProhibited)),
        ("icmpx", "no-route") => (None, Some(Reject::NetUnreachable)),
        ("icmpx", "host-unreachable") => (None, Some(Reject::HostUnreachable)),
        _ => (None, None),
    };
    let unknown = || Fault::unsupported(format_args!("rejecting with `{kind}` `{why}`"));
    let said = Part::Say(Verdict::Reject(reject.ok_or_else(unknown)?));
    Ok(asked.into_iter().chain([said]).collect())
}

fn icmp_reject(why: &str) -> Option<Reject> {
    Some(match why {
        "net-unreachable" => Reject::NetUnreachable,
        "host-unreachable" => Reject::HostUnreachable,
        "prot-unreachable" => Reject::ProtocolUnreachable,
        "port-unreachable" => Reject::PortUnreachable,
        "net-prohibited" => Reject::NetProhibited,
        "host-prohibited" => Reject::HostProhibited,
        "admin-prohibited" => Reject::AdminProhibited,
        _ => return None,
    })
}

fn icmpv6_reject(why: &str) -> Option<Reject> {
    Some(match why {
        "no-route" => Reject::NetUnreachable,
        "admin-prohibited" => Reject::AdminProhibited,
        "addr-unreachable" => Reject::HostUnreachable,
        "port-unreachable" => Reject::PortUnreachable,
        "policy-fail" => Reject::PolicyFail,
        "reject-route" => Reject::RejectRoute,
        _ => return None,
    })
}

/// Changing a packet: its mark, and nothing else.
fn mangle(json: &Json, scope: &Scope<'_>) -> Result<Part, Fault> {
    let fields = json.object()?;
    fields.only(&["key", "value"])?;
    fields.read("key", |key| if is_mark(key) { Ok(()) } else { Err(changing(key)) })?;
    fields.read("value", |value| {
        if let Json::Object(_) = value
            && let Some(("map", map)) = value.single()
        {
            return mark_map(map, scope).map_err(|fault| fault.under("map"));
        }
        new_mark(value).map(|mark| Part::Note(Effect::Mark(mark)))
    })
}

/// A field that cannot be changed, by the words that nft has for it.
fn changing(key: &Json) -> Fault {
    let unknown = || Fault::unsupported("changing this field");
    let Some((kind @ ("meta" | "ct" | "payload"), inner)) = key.single() else { return unknown() };
    let word = |name: &str| inner.object().ok()?.find(name, |json| json.text()).ok()?;
    match (kind, word("key"), word("protocol"), word("field")) {
        ("payload", None, Some(protocol), Some(field)) => {
            Fault::unsupported(format_args!("changing `{protocol} {field}`"))
        }
        (_, Some(key), None, None) => Fault::unsupported(format_args!("changing `{kind} {key}`")),
        _ => unknown(),
    }
}

/// The largest segment that TCP asks for: no rule here can ask for it, and packets go on.
fn is_segment_size(json: &Json) -> bool {
    let Ok(fields) = json.object() else { return false };
    let option = fields.find("key", |key| Ok(key.single()));
    let Ok(Some(Some(("tcp option", option)))) = option else { return false };
    let Ok(option) = option.object() else { return false };
    let is = |key, word| option.find(key, |json| json.text()) == Ok(Some(word));
    option.only(&["name", "field"]).is_ok() && is("name", "maxseg") && is("field", "size")
}

fn is_mark(json: &Json) -> bool {
    let key = json.single();
    let Some(("meta", inner)) = key else { return false };
    let fields = inner.single();
    matches!(fields, Some(("key", Json::Text(key))) if **key == *"mark")
}

/// A mark as a number, or as the old one with some bits set or cleared.
fn new_mark(json: &Json) -> Result<Masked, Fault> {
    if is_mark(json) {
        return Ok(Masked::new(0, 0));
    }
    let Json::Object(_) = json else {
        return json.integer("a mark").map(|value: u32| Masked::new(value, u32::MAX));
    };
    let Some((operation, operands)) = json.single() else {
        return Err(Fault::expected("a mark", json));
    };
    let [old, bits] = operands.list().map_err(|_| of_another(operation, operands))? else {
        return Err(Fault::expected("two operands", operands).under(operation));
    };
    let bits: u32 = bits.integer("a mark").map_err(|fault| fault.at(1).under(operation))?;
    let old = new_mark(old).map_err(|fault| fault.at(0).under(operation))?;
    match operation {
        "|" => Ok(Masked::new(old.value() | bits, old.mask() | bits)),
        "&" => Ok(Masked::new(old.value() & bits, old.mask() | !bits)),
        _ => Err(Fault::unsupported(format_args!("`{operation}` of a mark"))),
    }
}

/// A mark that is another field's value.
fn of_another(kind: &str, inner: &Json) -> Fault {
    let key = inner.object().ok().and_then(|fields| fields.find("key", |key| key.text()).ok()?);
    match key {
        Some(key) => Fault::unsupported(format_args!("a mark from `{kind} {key}`")).under(kind),
        None => Fault::unsupported("this value for a mark"),
    }
}

fn mark_map(json: &Json, scope: &Scope<'_>) -> Result<Part, Fault> {
    let fields = json.object()?;
    fields.only(&["key", "data"])?;
    let key = fields.read("key", |key| Key::read(key, scope.family))?;
    if key.is_mutable() {
        return Err(Fault::unsupported("a map from marks to marks"));
    }
    let mut all = Vec::new();
    fields.read("data", |data| {
        for (index, entry) in entries(data, scope.sets)?.iter().enumerate() {
            let at = |fault: Fault| fault.at(index);
            let (value, mark) = pair(entry).map_err(at)?;
            if is_catch_all(value) {
                return Err(at(Fault::unsupported("a mark for all others")));
            }
            let mark: u32 = mark.integer("a mark").map_err(at)?;
            let alternatives = key.element(value).map_err(at)?;
            let mark = Masked::new(mark, u32::MAX);
            all.extend(alternatives.into_iter().map(|one| (one, mark)));
        }
        Ok(())
    })?;
    Ok(Part::MarkBy(all))
}
