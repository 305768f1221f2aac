//! The matches that rules name with `-m`, each with its options and what it asks of packets.

mod address;
mod conntrack;
mod icmp;
mod limit;
mod multiport;
mod set;
mod simple;
mod transport;

use alloc::boxed::Box;

use super::clause::{Clause, Place};
use super::fault::Fault;
use super::told::Told;
use super::words::{Word, Words};
use crate::packet::{Family, Protocol};

/// A match being read.
pub(super) trait Match {
    /// Reads an option, if it is one of this match.
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault>;

    /// What it asks, once all of its options are known; `name` is where the rule names it.
    fn clause(&self, name: &Word<'_>, place: Place) -> Result<Clause, Fault>;
}

/// The match that a rule names.
pub(super) fn named<'t>(
    name: &Word<'_>,
    family: Family,
    told: &'t Told,
) -> Result<Box<dyn Match + 't>, Fault> {
    Ok(match &*name.text {
        "tcp" => Box::new(transport::Transport::tcp()),
        "udp" => Box::new(transport::Transport::of(Protocol::UDP)),
        "sctp" => Box::new(transport::Transport::of(Protocol::SCTP)),
        "dccp" => Box::new(transport::Transport::of(Protocol::DCCP)),
        "icmp" if family == Family::V4 => Box::new(icmp::Icmp::default()),
        "icmp6" | "icmpv6" if family == Family::V6 => Box::new(icmp::Icmp::default()),
        "multiport" => Box::new(multiport::Multiport::default()),
        "conntrack" => Box::new(conntrack::Conntrack::new(family)),
        "state" => Box::new(conntrack::State::default()),
        "iprange" => Box::new(address::IpRanges::new(family)),
        "addrtype" => Box::new(address::AddrType::new(family, told)),
        "set" => Box::new(set::MatchSet::new(family, told)),
        "limit" => Box::new(limit::Limit::default()),
        "hashlimit" => Box::new(limit::HashLimit::new(family)),
        "mark" => Box::new(simple::Mark::default()),
        "comment" => Box::new(simple::Comment),
        "nfacct" => Box::new(simple::Accounting::default()),
        "length" => Box::new(simple::Length::default()),
        "ttl" if family == Family::V4 => Box::new(simple::TimeToLive::new("ttl")),
        "hl" if family == Family::V6 => Box::new(simple::TimeToLive::new("hl")),
        "dscp" => Box::new(simple::Dscp::default()),
        _ => return Err(name.unsupported("match")),
    })
}

/// The name of the match that `-p` brings along, if the option is one that it has.
pub(super) fn implied(protocol: Option<Protocol>, family: Family) -> Option<&'static str> {
    match (protocol?, family) {
        (Protocol::TCP, _) => Some("tcp"),
        (Protocol::UDP, _) => Some("udp"),
        (Protocol::SCTP, _) => Some("sctp"),
        (Protocol::DCCP, _) => Some("dccp"),
        (Protocol::ICMP, Family::V4) => Some("icmp"),
        (Protocol::ICMPV6, Family::V6) => Some("icmp6"),
        _ => None,
    }
}
