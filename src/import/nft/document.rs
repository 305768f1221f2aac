//! The listing of a rule set: tables, and what is in them.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use ipnet::IpNet;

use super::lower;
use super::reach::Reach;
use super::set::{NamedSet, Sets};
use super::statement::{Limit, Part, Scope, parts, read_limit};
use crate::import::JsonError;
use crate::import::json::{Fault, Fields, Json};
use crate::import::meet::alternatives;
use crate::packet::Family;

/// The tables of a listing, in its order.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    pub(super) tables: Vec<Table>,
    /// What was left out.
    pub(super) left_out: Vec<JsonError>,
}

#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) family: TableFamily,
    pub(super) name: Box<str>,
    /// Whether no packet comes to its chains.
    pub(super) dormant: bool,
    pub(super) chains: Vec<Chain>,
    by_name: BTreeMap<Box<str>, usize>,
}

/// The families of tables that IP packets go through on their way through a host's IP layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableFamily {
    Ip,
    Ip6,
    Inet,
}

impl TableFamily {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
        }
    }

    pub(super) const fn only(self) -> Option<Family> {
        match self {
            Self::Ip => Some(Family::V4),
            Self::Ip6 => Some(Family::V6),
            Self::Inet => None,
        }
    }

    pub(super) fn has(self, family: Family) -> bool {
        self.only().is_none_or(|only| only == family)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) name: Box<str>,
    pub(super) base: Option<Base>,
    pub(super) rules: Vec<ParsedRule>,
}

/// What a chain that packets come to by themselves has besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    pub(super) hook: At,
    pub(super) priority: i32,
    pub(super) accepts: bool,
}

/// A place that packets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

#[derive(Clone, Debug)]
pub(super) struct ParsedRule {
    /// Its place in the listing.
    pub(super) index: usize,
    pub(super) handle: Option<u64>,
    pub(super) comment: Option<Box<str>>,
    pub(super) parts: Box<[Part]>,
}

impl Table {
    pub(super) fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.get(*self.by_name.get(name)?)
    }
}

/// How a listing is to be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Manner {
    pub(super) lenient: bool,
    pub(super) translated: bool,
    /// The host's own addresses, each with its network, if they are known.
    pub(super) local: Option<Vec<IpNet>>,
}

impl Listing {
    pub(super) fn read(text: &str, manner: &Manner) -> Result<Self, JsonError> {
        let document = Json::parse(text)?;
        let (drafts, by_name) = (Vec::new(), BTreeMap::new());
        let mut reader = Reader { manner, drafts, by_name, left_out: Vec::new() };
        reader.document(&document)?;
        let mut listing = reader.finish();
        // The rules are about to be made once more.
        drop(document);
        listing.check(manner)?;
        Ok(listing)
    }

    /// Sees to it that every rule can be said at its place.
    fn check(&mut self, manner: &Manner) -> Result<(), JsonError> {
        let faults = lower::faults(self);
        for (rule, fault) in &faults {
            let error: JsonError = fault.clone().under("rule").at(*rule).under("nftables").into();
            if !manner.lenient || !fault.is_unsupported() {
                return Err(error);
            }
            self.left_out.push(error);
        }
        let rules = self.tables.iter_mut().flat_map(|table| &mut table.chains);
        for chain in rules {
            chain.rules.retain(|rule| !faults.contains_key(&rule.index));
        }
        Ok(())
    }
}

/// A table being read.
struct Draft<'a> {
    table: Table,
    sets: Sets<'a>,
    /// Rates by name.
    limits: BTreeMap<&'a str, Limit>,
    /// Chains that are not looked at.
    passed: BTreeSet<&'a str>,
    /// How many alternatives its rules ask for so far.
    work: usize,
}

/// The most alternatives that all rules of a table may ask for.
const MAX_WORK: usize = 1 << 21;

struct Reader<'a> {
    manner: &'a Manner,
    drafts: Vec<Draft<'a>>,
    /// The place of each, by family and name.
    by_name: BTreeMap<(&'static str, &'a str), usize>,
    left_out: Vec<JsonError>,
}

/// What is read first: what the others refer to.
const PASSES: [&[&str]; 3] = [&["table"], &["chain", "set", "map", "limit"], &["rule"]];

impl<'a> Reader<'a> {
    fn document(&mut self, document: &'a Json) -> Result<(), Fault> {
        let fields = document.object()?;
        fields.only(&["nftables"])?;
        fields.read("nftables", |objects| {
            let objects = objects.list()?;
            for kinds in PASSES {
                if kinds.contains(&"rule") {
                    self.before_rules(objects);
                }
                for (index, json) in objects.iter().enumerate() {
                    self.object(index, json, kinds).map_err(|fault| fault.at(index))?;
                }
            }
            Ok(())
        })
    }

    fn object(&mut self, index: usize, json: &'a Json, kinds: &[&str]) -> Result<(), Fault> {
        let Some((kind, inner)) = json.single() else {
            return Err(Fault::expected("an object of one field", json));
        };
        let known = PASSES.iter().any(|kinds| kinds.contains(&kind));
        let read = if kinds.contains(&kind) {
            let fields = inner.object().map_err(|fault| fault.under(kind))?;
            self.known(index, kind, fields)
        } else if !known && kinds.contains(&"table") {
            self.other(kind)
        } else {
            Ok(())
        };
        let read = read.map_err(|fault| fault.under(kind));
        match read {
            Err(fault) if self.manner.lenient && fault.is_unsupported() => {
                self.left_out.push(fault.at(index).under("nftables").into());
                Ok(())
            }
            read => read,
        }
    }

    /// What rules may name without a difference to what they decide.
    fn other(&self, kind: &str) -> Result<(), Fault> {
        match kind {
            "metainfo" | "counter" => Ok(()),
            // Rules that use these are refused themselves.
            "quota" | "ct helper" | "ct timeout" | "ct expectation" | "secmark" | "synproxy"
            | "flowtable" | "element" => Ok(()),
            _ => Err(Fault::unsupported(format_args!("the object `{kind}`"))),
        }
    }

    fn known(&mut self, index: usize, kind: &str, fields: Fields<'a>) -> Result<(), Fault> {
        let family = fields.read("family", |json| json.text())?;
        let family = match family {
            "ip" => TableFamily::Ip,
            "ip6" => TableFamily::Ip6,
            "inet" => TableFamily::Inet,
            // Packets that the IP layer handles do not come by these.
            "arp" | "bridge" => return Ok(()),
            "netdev" if kind != "rule" && kind != "chain" => return Ok(()),
            _ => {
                let what = format_args!("a {kind} in a table of the family `{family}`");
                return Err(Fault::unsupported(what).under("family"));
            }
        };
        if kind == "table" {
            return self.table(family, &fields);
        }
        let name = fields.read("table", |json| json.text())?;
        let place = self.by_name.get(&(family.name(), name)).copied();
        let Some(draft) = place.and_then(|place| self.drafts.get_mut(place)) else {
            let message = alloc::format!("there is no table `{} {name}`", family.name());
            return Err(Fault::wrong(message).under("table"));
        };
        match kind {
            "chain" => draft.chain(&fields, self.manner),
            "rule" => draft.rule(index, &fields, self.manner),
            "limit" => draft.limit(&fields),
            _ => draft.set(&fields),
        }
    }

    /// Notes which sets rules change, and which chains nobody looks at, before rules are read.
    fn before_rules(&mut self, objects: &'a [Json]) {
        let mut reach: Vec<_> = self.drafts.iter().map(|_| Reach::default()).collect();
        for json in objects {
            let Some(("rule", rule)) = json.single() else { continue };
            let text = |key| match rule.field(key) {
                Some(Json::Text(text)) => &**text,
                _ => "",
            };
            let Some(Json::List(statements)) = rule.field("expr") else { continue };
            let place = self.by_name.get(&(text("family"), text("table"))).copied();
            let Some(place) = place else { continue };
            let (Some(draft), Some(reach)) = (self.drafts.get_mut(place), reach.get_mut(place))
            else {
                continue;
            };
            draft.note_changed(statements);
            if !draft.passed.is_empty() {
                reach.add(text("chain"), statements, &draft.sets);
            }
        }
        for (draft, reach) in self.drafts.iter_mut().zip(&reach) {
            draft.pass_by(reach);
        }
    }

    fn table(&mut self, family: TableFamily, fields: &Fields<'a>) -> Result<(), Fault> {
        fields.only(&["family", "name", "handle", "flags", "comment"])?;
        let name = fields.read("name", |json| json.text())?;
        let flags = fields.find("flags", |json| match json {
            Json::Text(flag) => Ok(Vec::from([&**flag])),
            _ => json.list()?.iter().map(|flag| flag.text()).collect(),
        })?;
        let dormant = flags.unwrap_or_default().contains(&"dormant");
        self.by_name.entry((family.name(), name)).or_insert(self.drafts.len());
        let (name, chains, by_name) = (name.into(), Vec::new(), BTreeMap::new());
        let table = Table { family, name, dormant, chains, by_name };
        let (sets, limits, passed) = (Sets::default(), BTreeMap::new(), BTreeSet::new());
        self.drafts.push(Draft { table, sets, limits, passed, work: 0 });
        Ok(())
    }

    fn finish(self) -> Listing {
        let tables = self.drafts.into_iter().map(|draft| draft.table).collect();
        Listing { tables, left_out: self.left_out }
    }
}

impl<'a> Draft<'a> {
    fn chain(&mut self, fields: &Fields<'a>, manner: &Manner) -> Result<(), Fault> {
        fields.only(&[
            "family", "table", "name", "handle", "type", "hook", "prio", "policy", "dev",
            "comment", "flags",
        ])?;
        let name = fields.read("name", |json| json.text())?;
        let kind = fields.find("type", |json| json.text())?;
        if kind == Some("nat") && manner.translated {
            self.passed.insert(name);
            return Ok(());
        }
        let base = kind.map(|kind| read_base(kind, fields)).transpose();
        if base.is_err() {
            self.passed.insert(name);
        }
        let base = base?;
        self.table.by_name.insert(name.into(), self.table.chains.len());
        self.table.chains.push(Chain { name: name.into(), base, rules: Vec::new() });
        Ok(())
    }

    fn note_changed(&mut self, statements: &'a [Json]) {
        for statement in statements {
            if let Some(("set", changed)) = statement.single()
                && let Some(Json::Text(name)) = changed.field("set")
            {
                self.sets.set_changed(name);
            }
        }
    }

    /// Passes by the chains to which nothing leads but chains that are passed by.
    fn pass_by(&mut self, reach: &Reach<'a>) {
        let asked = self.table.chains.iter().filter(|chain| chain.base.is_some());
        let asked: BTreeSet<&str> = asked.map(|chain| &*chain.name).collect();
        let asked: Vec<&'a str> = reach.chains().filter(|chain| asked.contains(chain)).collect();
        let asked = reach.from(asked);
        let passed = reach.from(self.passed.iter().copied());
        self.passed.extend(passed.into_iter().filter(|chain| !asked.contains(chain)));
    }

    fn set(&mut self, fields: &Fields<'a>) -> Result<(), Fault> {
        fields.only(&[
            "family",
            "table",
            "name",
            "handle",
            "type",
            "map",
            "flags",
            "elem",
            "size",
            "policy",
            "timeout",
            "gc-interval",
            "auto-merge",
            "comment",
            "stmt",
        ])?;
        let name = fields.read("name", |json| json.text())?;
        let elements = fields.find("elem", |json| json.list())?.unwrap_or_default();
        let size = fields.find("size", |json| json.integer("a number of elements"))?;
        let timeout = fields.find("timeout", |json| json.integer("seconds"))?;
        let statements = fields.find("stmt", |json| json.list())?.unwrap_or_default();
        let counts = |json: &Json| json.single().is_some_and(|(kind, _)| kind == "counter");
        let set = match statements.iter().all(counts) {
            false => Err(String::from("statements of its own")),
            true => Ok(NamedSet { elements, size, timeout }),
        };
        self.sets.add(name, set);
        Ok(())
    }

    fn limit(&mut self, fields: &Fields<'a>) -> Result<(), Fault> {
        fields.only(&[
            "family",
            "table",
            "name",
            "handle",
            "rate",
            "per",
            "burst",
            "inv",
            "rate_unit",
            "burst_unit",
            "comment",
        ])?;
        let name = fields.read("name", |json| json.text())?;
        let limit = read_limit(fields)?;
        self.limits.entry(name).or_insert(Limit { name: Some(name.into()), ..limit });
        Ok(())
    }

    fn rule(&mut self, index: usize, fields: &Fields<'a>, manner: &Manner) -> Result<(), Fault> {
        fields.only(&["family", "table", "chain", "handle", "index", "comment", "expr"])?;
        let chain = fields.read("chain", |json| json.text())?;
        if self.passed.contains(chain) {
            return Ok(());
        }
        let Some(at) = self.table.by_name.get(chain).copied() else {
            let message = alloc::format!("there is no chain `{chain}` in this table");
            return Err(Fault::wrong(message).under("chain"));
        };
        let scope = Scope {
            sets: &self.sets,
            limits: &self.limits,
            family: self.table.family.only(),
            local: manner.local.as_deref(),
        };
        let parts = fields.read("expr", |expr| parts(expr, &scope))?;
        let asked = parts.iter().flat_map(Part::criteria).map(alternatives).sum();
        self.work = self.work.saturating_add(asked);
        if self.work > MAX_WORK {
            let what = format_args!("with the rules before, asking for {MAX_WORK} alternatives");
            return Err(Fault::unsupported(what));
        }
        let rule = ParsedRule {
            index,
            handle: fields.find("handle", |json| json.integer("a handle"))?,
            comment: fields.find("comment", |json| json.text().map(Into::into))?,
            parts: parts.into(),
        };
        if let Some(chain) = self.table.chains.get_mut(at) {
            chain.rules.push(rule);
        }
        Ok(())
    }
}

fn read_base(kind: &str, fields: &Fields<'_>) -> Result<Base, Fault> {
    if !matches!(kind, "filter" | "route") {
        let what = format_args!("a chain of type `{kind}` (see `Nftables::translated`)");
        return Err(Fault::unsupported(what).under("type"));
    }
    let hook = fields.read("hook", |json| match json.text()? {
        "prerouting" => Ok(At::Prerouting),
        "input" => Ok(At::Input),
        "forward" => Ok(At::Forward),
        "output" => Ok(At::Output),
        "postrouting" => Ok(At::Postrouting),
        other => Err(Fault::unsupported(format_args!("the hook `{other}`"))),
    })?;
    let priority = fields.read("prio", |json| json.integer("a priority"))?;
    let tracked = matches!(hook, At::Prerouting | At::Output);
    if tracked && priority == TRACKING {
        return Err(Fault::unsupported("the priority of connection tracking itself").under("prio"));
    }
    let accepts = fields.find("policy", |json| match json.text()? {
        "accept" => Ok(true),
        "drop" => Ok(false),
        _ => Err(Fault::expected("`accept` or `drop`", json)),
    })?;
    Ok(Base { hook, priority, accepts: accepts.unwrap_or(true) })
}

/// Where connections are tracked.
///
/// Linux `include/uapi/linux/netfilter_ipv4.h`, `NF_IP_PRI_CONNTRACK`.
pub(super) const TRACKING: i32 = -200;
