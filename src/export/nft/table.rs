//! Tables with their sets, chains and rules.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::json::{self, elements, meta, object, text};
use super::matches::{ip, matches};
use crate::export::asked::{Asked, addresses};
use crate::export::error::{ExportError, Fault};
use crate::export::host::Host;
use crate::export::place::Place;
use crate::export::plan::{Line, Plan, Says};
use crate::export::way::{Form, Way, Written};
use crate::import::iptables::Hook;
use crate::import::spans::Spans;
use crate::packet::Family;
use crate::rule::set::{PrefixSet, Set};
use crate::rule::{Action, AnyOf, Effect, IpRange, Reject, RuleId, RuleSet, Target};

/// A chain that packets come to by themselves.
struct BaseChain<'h> {
    name: &'static str,
    place: Place,
    rules: &'h RuleSet,
}

/// The whole listing.
pub(super) fn listing(host: &Host<'_>) -> Result<String, ExportError> {
    for (hook, rules) in host.all() {
        rules.check().map_err(|error| ExportError::unsound(hook, &error))?;
    }
    let sets = sets(host)?;
    let mut objects = Vec::from([object("metainfo", "{\"json_schema_version\":1}")]);
    for family in [Family::V4, Family::V6] {
        let (own, name) = (ip(family), text(TABLE));
        objects.push(object("table", &format!("{{\"family\":\"{own}\",\"name\":{name}}}")));
        objects.extend(sets.iter().map(|(name, set)| shown_set(name, set, family)));
        family_chains(host, family, &mut objects)?;
    }
    Ok(format!("{{\"nftables\":[\n{}\n]}}\n", objects.join(",\n")))
}

const TABLE: &str = "portcullis";

/// The longest name of a chain.
const LONGEST: usize = 64;

fn base_chains<'h>(host: &Host<'h>) -> Result<Vec<BaseChain<'h>>, ExportError> {
    let [coming, output] = host.before()?;
    let before = [("raw-prerouting", coming), ("raw-output", output)].into_iter();
    let before = before.filter_map(|(name, way)| way.map(|way| (name, way, true)));
    let after = host.after().map(|way| match way.0 {
        Hook::Input => ("input", way, false),
        Hook::Forward => ("forward", way, false),
        Hook::Output => ("output", way, false),
    });
    let chains = before.chain(after).map(|(name, (hook, rules), before_tracking)| BaseChain {
        name,
        place: Place { hook, before_tracking },
        rules,
    });
    Ok(chains.collect())
}

fn family_chains(
    host: &Host<'_>,
    family: Family,
    objects: &mut Vec<String>,
) -> Result<(), ExportError> {
    let base = base_chains(host)?;
    let names: Vec<&str> = base.iter().map(|chain| chain.name).collect();
    let mut plan = Plan::new(LONGEST, &names, "");
    let places: Vec<usize> = names.iter().map(|name| plan.add_named(name)).collect();
    let mut shown = Vec::new();
    for (BaseChain { name, place, rules }, chain) in base.iter().zip(places) {
        let mut form = Words { place: *place };
        let hook = place.hook;
        let accepts = Way { hook, family, rules, plan: &mut plan, form: &mut form }.write(chain)?;
        let policy = if accepts { "accept" } else { "drop" };
        let (at, priority) = match (place.before_tracking, place.hook) {
            (true, Hook::Output) => ("output", -300),
            (true, _) => ("prerouting", -300),
            (false, _) => (*name, 0),
        };
        shown.push(format!(
            ",\"type\":\"filter\",\"hook\":\"{at}\",\"prio\":{priority},\"policy\":\"{policy}\""
        ));
    }
    let (own, table) = (ip(family), text(TABLE));
    let base = shown.into_iter().chain(core::iter::repeat(String::new()));
    for (chain, base) in plan.chains.iter().zip(base) {
        let name = text(&chain.name);
        let inner = format!("{{\"family\":\"{own}\",\"table\":{table},\"name\":{name}{base}}}");
        objects.push(object("chain", &inner));
    }
    for chain in &plan.chains {
        let name = text(&chain.name);
        for line in &chain.lines {
            let comment = line.comment.as_ref().map(|it| format!(",\"comment\":{}", text(it)));
            let comment = comment.unwrap_or_default();
            let said = statements(line, &plan);
            objects.push(object("rule", &format!(
                "{{\"family\":\"{own}\",\"table\":{table},\"chain\":{name},\"expr\":[{said}]{comment}}}"
            )));
        }
    }
    Ok(())
}

fn statements(line: &Line, plan: &Plan) -> String {
    let name = |chain: &usize| plan.chains.get(*chain).map_or("", |chain| &*chain.name);
    let target = |chain| format!("{{\"target\":{}}}", text(name(chain)));
    let said = match &line.says {
        Says::Decide(said) | Says::Note(said) => said.clone(),
        Says::Jump(chain) => object("jump", &target(chain)),
        Says::Goto(chain) => object("goto", &target(chain)),
        Says::Return => object("return", "null"),
    };
    line.matches.iter().chain([&said]).cloned().collect::<Vec<_>>().join(",")
}

/// The named sets of prefixes, which have to be the same if they have one name.
fn sets<'h>(host: &Host<'h>) -> Result<BTreeMap<&'h str, &'h PrefixSet>, ExportError> {
    let mut all: BTreeMap<&str, &PrefixSet> = BTreeMap::new();
    for (hook, rules) in host.all() {
        for (name, set) in rules.sets().iter() {
            let Set::Prefixes(set) = set else { continue };
            let fault = |why: &str| Err(Fault::new("set", why).at(hook, None, ""));
            let name = name.as_str();
            let sound = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
            if !begins || !name.chars().all(sound) || name.len() > LONGEST {
                return fault("a name begins with a letter there and has digits, `_`, `.` and `-`");
            }
            if all.insert(name, set).is_some_and(|other| other != set) {
                return fault("sets of one name differ between the rule sets; rename one");
            }
        }
    }
    Ok(all)
}

fn shown_set(name: &str, set: &PrefixSet, family: Family) -> String {
    let ranges = set.iter().map(IpRange::from);
    let ranges: Vec<IpRange> = ranges.filter(|range| range.family() == family).collect();
    let whole = || Spans::from([(0, crate::export::asked::highest(family))]);
    let spans = addresses(&AnyOf::one_of(ranges), family).unwrap_or_else(whole);
    let elements: Vec<String> = elements(&spans, family).collect();
    let elements = match elements.is_empty() {
        true => String::new(),
        false => format!(",\"elem\":[{}]", elements.join(",")),
    };
    let kind = if family == Family::V4 { "ipv4_addr" } else { "ipv6_addr" };
    let (own, table, name) = (ip(family), text(TABLE), text(name));
    object(
        "set",
        &format!(
            "{{\"family\":\"{own}\",\"table\":{table},\"name\":{name},\"type\":\"{kind}\",\
             \"flags\":[\"interval\"]{elements}}}"
        ),
    )
}

/// The words of nft at one place.
struct Words {
    place: Place,
}

impl Form for Words {
    const LONGEST_COMMENT: usize = 128;

    fn lines(&mut self, _: RuleId, _: &Target, asked: &Asked<'_>) -> Result<Vec<Written>, Fault> {
        let lists = matches(asked, self.place)?;
        Ok(lists.into_iter().map(|stages| Written { stages, says: None }).collect())
    }

    fn decide(&self, action: &Action, family: Family, of_tcp: bool) -> Result<String, Fault> {
        match action {
            Action::Accept => Ok(object("accept", "null")),
            Action::Drop => Ok(object("drop", "null")),
            Action::Reject(_) if self.place.before_tracking => {
                Err(Fault::new("reject", "nothing is rejected before tracking; drop there"))
            }
            Action::Reject(Reject::TcpReset) if !of_tcp => {
                Err(Fault::new("reject with tcp-reset", "only of TCP; ask for `tcp`"))
            }
            Action::Reject(Reject::TcpReset) => Ok(object("reject", "{\"type\":\"tcp reset\"}")),
            Action::Reject(kind) => {
                let word = reject(*kind, family).ok_or_else(|| {
                    let why = format!("{family} has no such error; ask for the other family");
                    Fault::new("reject", why)
                })?;
                let kind = if family == Family::V4 { "icmp" } else { "icmpv6" };
                Ok(object("reject", &format!("{{\"type\":\"{kind}\",\"expr\":\"{word}\"}}")))
            }
        }
    }

    fn note(&self, effect: &Effect) -> Result<String, Fault> {
        Ok(match effect {
            Effect::Count => object("counter", "null"),
            Effect::Log => object("log", "null"),
            Effect::Audit => object("log", "{\"level\":\"audit\"}"),
            Effect::Mark(bits) => {
                let mark = meta("mark");
                let (value, mask) = (bits.value().to_string(), bits.mask());
                let kept = json::masked(&mark, !mask);
                let value = match (mask, bits.value()) {
                    (u32::MAX, _) => value,
                    (_, 0) => kept,
                    _ => object("|", &format!("[{kept},{value}]")),
                };
                object("mangle", &format!("{{\"key\":{mark},\"value\":{value}}}"))
            }
            Effect::NoTrack if self.place.before_tracking => object("notrack", "null"),
            Effect::NoTrack | Effect::Zone(_) => {
                let why = "packets are left untracked before tracking alone; zones are not written";
                return Err(Fault::new("notrack or zone", why));
            }
            Effect::Spend(_) | Effect::Staged => {
                let why = "what is spent is the caller's; write rates anew in the other system";
                return Err(Fault::new("spend", why));
            }
        })
    }
}

fn reject(kind: Reject, family: Family) -> Option<&'static str> {
    Some(match (kind, family) {
        (Reject::PortUnreachable, _) => "port-unreachable",
        (Reject::NetUnreachable, Family::V4) => "net-unreachable",
        (Reject::HostUnreachable, Family::V4) => "host-unreachable",
        (Reject::ProtocolUnreachable, Family::V4) => "prot-unreachable",
        (Reject::NetProhibited, Family::V4) => "net-prohibited",
        (Reject::HostProhibited, Family::V4) => "host-prohibited",
        (Reject::AdminProhibited, _) => "admin-prohibited",
        (Reject::NetUnreachable, Family::V6) => "no-route",
        (Reject::HostUnreachable, Family::V6) => "addr-unreachable",
        (Reject::PolicyFail, Family::V6) => "policy-fail",
        (Reject::RejectRoute, Family::V6) => "reject-route",
        _ => return None,
    })
}
