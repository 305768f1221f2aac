//! Rules as `iptables-save`, `ip6tables-save` and `ipset save` write them.
//!
//! [`to_text`] gives the texts, to be loaded by `ipset restore`, `iptables-restore` and
//! `ip6tables-restore`, or read again by [`import::iptables`](crate::import::iptables). Rules stand in the
//! table filter, those before tracking in the table raw.
//!
//! # How it is said
//!
//! | | |
//! |---|---|
//! | default action | the policy; to reject, a last rule |
//! | lists of ports | `multiport`, 15 at a time |
//! | other lists | several rules, or chains of their own if the combinations are many |
//! | none of several interfaces or protocols | a chain with `RETURN`; of a rule that leaves its chain, `-g` to one with the rules after it |
//! | ranges of addresses | prefixes if they are some, else `iprange` |
//! | named sets of prefixes | `-m set`, a set for each family ([`Saved::sets`]) |
//! | other named sets | in place, as they are now |
//! | rules of both families | a rule in each text |
//! | `drop` of malformed packets, if one match cannot read just these | that match, in a rule without a target |
//!
//! # What is an error
//!
//! `vlan`, `zone`, `predicate`; first fragments apart from whole packets; fragments of IPv6 apart from their
//! protocol; `malformed` but as above; ports of cut headers but beside those of whole ones; interfaces
//! that Linux does not know at that place, or called `*`; TCP flags `ece` and `cwr`; protocol 0; type 255 of ICMP;
//! lengths that differ beyond 65,535; ranges of original addresses that are no prefixes; flags of
//! translated connections; sets of pairs; kinds of `reject` that the family does not have, or a reset
//! of what is not asked to be TCP; `staged`, `spend`; `notrack` and `zone` but before tracking, `reject` and states but after
//! it; comments of more than 255 bytes; a rule that returns or goes elsewhere and asks for more than 4096 combinations.
//!
//! **Packets that a rule cannot read** Linux drops, whatever the rule says (see
//! [`import::iptables`](crate::import::iptables)). If the rules decide any such packet otherwise, that is an
//! error, which shows the packet, unless [`Host::drop_unreadable`] allows it. Packets with a time to live
//! of 0 are not forwarded, so nothing asks for them in FORWARD.

mod header;
mod ipset;
mod matches;
mod table;
mod unreadable;

use alloc::collections::BTreeMap;
use alloc::string::String;

use super::error::{ExportError, Fault};
use super::host::Host;
use crate::packet::Family;
use crate::rule::set::{Set, Sets};
use table::Tables;

/// Rules as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved {
    /// As `iptables-save` writes them.
    pub v4: String,
    /// As `ip6tables-save` writes them.
    pub v6: String,
    /// The sets that both name, as `ipset save` writes them; to be loaded first. Empty if there are
    /// none.
    pub sets: String,
}

/// Writes rules for iptables.
///
/// # Errors
///
/// The first rule that cannot be said, as the module's documentation lists, or rules that cannot be
/// compiled either.
///
/// # Complexity
///
/// Linear in what is written. If it has to be proved that packets are dropped that cannot be read, that
/// of [`Analysis::difference`](crate::analysis::Analysis::difference) besides.
pub fn to_text(host: &Host<'_>) -> Result<Saved, ExportError> {
    let sets = sets(host)?;
    let mut tables = Tables::new(host);
    let v4 = tables.family(Family::V4)?;
    let v6 = tables.family(Family::V6)?;
    tables.check()?;
    Ok(Saved { v4, v6, sets })
}

/// The named sets of all rule sets, which have to be the same if they have one name.
fn sets(host: &Host<'_>) -> Result<String, ExportError> {
    let mut known: BTreeMap<&str, &Set> = BTreeMap::new();
    let mut all = Sets::default();
    for (hook, rules) in host.all() {
        rules.check().map_err(|error| ExportError::unsound(hook, &error))?;
        for (name, set) in rules.sets().iter() {
            let fault = |why: &str| Err(Fault::new("set", why).at(hook, None, ""));
            let name = name.as_str();
            if matches!(set, Set::Prefixes(_)) && !ipset::is_name(name) {
                return fault(
                    "a name has letters, digits, `_`, `.` and `-` there, 29 at most; rename it",
                );
            }
            match known.insert(name, set) {
                None => all.put(name, set.clone()),
                Some(other) if other == set => {}
                Some(_) => {
                    return fault("sets of one name differ between the rule sets; rename one");
                }
            }
        }
    }
    Ok(ipset::save(&all))
}
