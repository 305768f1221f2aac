//! Tables with their chains and rules.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::header::readers;
use super::matches::{self, Matches};
use super::unreadable::{self, Extras};
use crate::export::asked::{Asked, Faults};
use crate::export::error::{ExportError, Fault};
use crate::export::host::Host;
use crate::export::place::Place;
use crate::export::plan::{Line, Plan, Says};
use crate::export::way::{Form, Way, Written};
use crate::import::iptables::Hook;
use crate::packet::Family;
use crate::rule::{Action, Effect, Reject, RuleId, RuleSet, Target};

/// The tables of a host, being written.
pub(super) struct Tables<'h> {
    host: &'h Host<'h>,
    /// What Linux does besides, of each rule set.
    extras: Vec<(Hook, bool, Extras)>,
}

/// The longest name of a chain.
const LONGEST: usize = 28;

/// Names that chains of one's own must not have.
const TAKEN: [&str; 9] = [
    "ACCEPT",
    "DROP",
    "RETURN",
    "REJECT",
    "PREROUTING",
    "INPUT",
    "FORWARD",
    "OUTPUT",
    "POSTROUTING",
];

impl<'h> Tables<'h> {
    pub(super) const fn new(host: &'h Host<'h>) -> Self {
        Self { host, extras: Vec::new() }
    }

    /// The text of one family.
    pub(super) fn family(&mut self, family: Family) -> Result<String, ExportError> {
        let [coming, output] = self.host.before()?;
        let before = [("PREROUTING", coming), ("OUTPUT", output)];
        let before =
            before.iter().filter_map(|(name, way)| way.map(|(hook, it)| (*name, hook, it)));
        let raw = self.table("raw", family, before.collect())?;
        let after = self.host.after().map(|(hook, rules)| {
            let name = match hook {
                Hook::Input => "INPUT",
                Hook::Forward => "FORWARD",
                Hook::Output => "OUTPUT",
            };
            (name, hook, rules)
        });
        Ok(raw + &self.table("filter", family, after.collect())?)
    }

    fn table(
        &mut self,
        table: &str,
        family: Family,
        ways: Vec<(&str, Hook, &RuleSet)>,
    ) -> Result<String, ExportError> {
        let mut plan = Plan::new(LONGEST, &TAKEN, "-p ");
        let built_in: Vec<usize> = ways.iter().map(|(name, ..)| plan.add_named(name)).collect();
        let mut policies = Vec::new();
        let before_tracking = table == "raw";
        for ((_, hook, rules), chain) in ways.iter().zip(built_in) {
            let place = Place { hook: *hook, before_tracking };
            let mut form = Words { place, extras: Extras::new() };
            let mut way = Way { hook: *hook, family, rules, plan: &mut plan, form: &mut form };
            policies.push(way.write(chain)?);
            self.extras.push((*hook, before_tracking, form.extras));
        }
        Ok(if policies.is_empty() { String::new() } else { shown(table, &plan, &policies) })
    }

    /// Sees to it that packets that cannot be read are decided alike.
    pub(super) fn check(&self) -> Result<(), ExportError> {
        if self.host.drop_unreadable {
            return Ok(());
        }
        let [coming, output] = self.host.before()?;
        let ways = self.host.after().map(|(hook, rules)| (hook, false, rules));
        let before = [coming, output].into_iter().flatten();
        for (hook, raw, rules) in ways.chain(before.map(|(hook, rules)| (hook, true, rules))) {
            let mut all = Extras::new();
            for (_, _, extras) in self.extras.iter().filter(|it| (it.0, it.1) == (hook, raw)) {
                for (id, extras) in extras {
                    all.entry(*id).or_default().extend(extras.iter().cloned());
                }
            }
            unreadable::check(hook, rules, &all)?;
        }
        Ok(())
    }
}

/// The words of iptables at one place.
struct Words {
    place: Place,
    extras: Extras,
}

impl Form for Words {
    const LONGEST_COMMENT: usize = 255;

    fn lines(
        &mut self,
        id: RuleId,
        target: &Target,
        asked: &Asked<'_>,
    ) -> Result<Vec<Written>, Fault> {
        let drops = *target == Target::Action(Action::Drop);
        let (lines, says) = match &asked.malformed {
            Faults::OneOf(faults) if drops && asked.header.is_none() => {
                (readers(asked, faults, self.place)?, Some(Says::Note(String::new())))
            }
            Faults::OneOf(_) => return Err(matches::malformed()),
            _ => (Vec::from([matches::matches(asked, self.place)?]), None),
        };
        let mut written = Vec::new();
        for Matches { stages, extras } in lines {
            self.extras.entry(id).or_default().extend(extras);
            written.push(Written { stages, says: says.clone() });
        }
        Ok(written)
    }

    fn decide(&self, action: &Action, family: Family, of_tcp: bool) -> Result<String, Fault> {
        match action {
            Action::Accept => Ok("-j ACCEPT".into()),
            Action::Drop => Ok("-j DROP".into()),
            Action::Reject(_) if self.place.before_tracking => {
                Err(Fault::new("reject", "the table raw cannot reject; drop there"))
            }
            Action::Reject(Reject::TcpReset) if !of_tcp => {
                Err(Fault::new("reject with tcp-reset", "only of TCP; ask for `tcp`"))
            }
            Action::Reject(kind) => {
                let word = reject(*kind, family).ok_or_else(|| {
                    let why = format!("{family} has no such error; ask for the other family");
                    Fault::new("reject", why)
                })?;
                Ok(format!("-j REJECT --reject-with {word}"))
            }
        }
    }

    fn note(&self, effect: &Effect) -> Result<String, Fault> {
        Ok(match effect {
            Effect::Count => String::new(),
            Effect::Log => "-j LOG".into(),
            Effect::Audit => "-j AUDIT --type accept".into(),
            Effect::Mark(bits) => {
                format!("-j MARK --set-xmark {:#x}/{:#x}", bits.value(), bits.mask())
            }
            Effect::NoTrack if self.place.before_tracking => "-j CT --notrack".into(),
            Effect::Zone(zone) if self.place.before_tracking => format!("-j CT --zone {zone}"),
            Effect::NoTrack | Effect::Zone(_) => {
                let why = "only before packets are tracked; give these rules to `before_tracking`";
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
        (Reject::TcpReset, _) => "tcp-reset",
        (Reject::PortUnreachable, Family::V4) => "icmp-port-unreachable",
        (Reject::NetUnreachable, Family::V4) => "icmp-net-unreachable",
        (Reject::HostUnreachable, Family::V4) => "icmp-host-unreachable",
        (Reject::ProtocolUnreachable, Family::V4) => "icmp-proto-unreachable",
        (Reject::NetProhibited, Family::V4) => "icmp-net-prohibited",
        (Reject::HostProhibited, Family::V4) => "icmp-host-prohibited",
        (Reject::AdminProhibited, Family::V4) => "icmp-admin-prohibited",
        (Reject::PortUnreachable, Family::V6) => "icmp6-port-unreachable",
        (Reject::NetUnreachable, Family::V6) => "icmp6-no-route",
        (Reject::HostUnreachable, Family::V6) => "icmp6-addr-unreachable",
        (Reject::AdminProhibited, Family::V6) => "icmp6-adm-prohibited",
        (Reject::PolicyFail, Family::V6) => "icmp6-policy-fail",
        (Reject::RejectRoute, Family::V6) => "icmp6-reject-route",
        _ => return None,
    })
}

/// A table as text; the first chains are built in and have policies.
fn shown(table: &str, plan: &Plan, policies: &[bool]) -> String {
    let mut text = format!("*{table}\n");
    let policy = |accepts: &bool| if *accepts { "ACCEPT [0:0]" } else { "DROP [0:0]" };
    let policies = policies.iter().map(policy).chain(core::iter::repeat("- [0:0]"));
    for (chain, policy) in plan.chains.iter().zip(policies) {
        text += &format!(":{} {policy}\n", chain.name);
    }
    for chain in &plan.chains {
        for line in &chain.lines {
            text += &format!("-A {}{}\n", chain.name, words(line, plan));
        }
    }
    text + "COMMIT\n"
}

fn words(line: &Line, plan: &Plan) -> String {
    let mut text = String::new();
    line.matches.iter().for_each(|one| text += &format!(" {one}"));
    if let Some(comment) = &line.comment {
        text += &format!(" -m comment --comment {}", quoted(comment));
    }
    let name = |chain: &usize| plan.chains.get(*chain).map_or("", |chain| &*chain.name);
    match &line.says {
        Says::Decide(said) | Says::Note(said) if said.is_empty() => text,
        Says::Decide(said) | Says::Note(said) => text + " " + said,
        Says::Jump(chain) => text + &format!(" -j {}", name(chain)),
        Says::Goto(chain) => text + &format!(" -g {}", name(chain)),
        Says::Return => text + " -j RETURN",
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.to_string().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}
