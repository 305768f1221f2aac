use alloc::format;
use alloc::vec::Vec;

use super::Match;
use crate::import::iptables::clause::{Clause, Place};
use crate::import::iptables::fault::Fault;
use crate::import::iptables::ipset::{Dimension, IpSet};
use crate::import::iptables::set_terms::{Side, in_set, not_in_set};
use crate::import::iptables::told::Told;
use crate::import::iptables::values::once;
use crate::import::iptables::words::{Word, Words};
use crate::packet::Family;

/// `set`: a set of addresses or ports that has a name.
///
/// # Source
///
/// Linux `net/netfilter/xt_set.c` and `net/netfilter/ipset/`.
pub(super) struct MatchSet<'t> {
    family: Family,
    told: &'t Told,
    asked: Option<Asked<'t>>,
}

struct Asked<'t> {
    sets: Vec<&'t IpSet>,
    /// Which side of the packet each dimension is compared with.
    sides: Vec<Side>,
    negated: bool,
    word: Word<'static>,
}

impl<'t> MatchSet<'t> {
    pub(super) const fn new(family: Family, told: &'t Told) -> Self {
        Self { family, told, asked: None }
    }

    fn set(&self, word: &Word<'_>) -> Result<&'t IpSet, Fault> {
        self.told.sets.get(&*word.text).ok_or_else(|| {
            let message = "without its contents, which `Iptables::set` gives, the set";
            word.unsupported(message)
        })
    }

    /// The sets that a set is: itself or, if it is a list, its members.
    fn sets(&self, word: &Word<'_>) -> Result<Vec<&'t IpSet>, Fault> {
        let set = self.set(word)?;
        if set.members.is_empty() {
            return Ok(Vec::from([set]));
        }
        let members = set.members.iter().map(|name| self.told.sets.get(name));
        let members: Option<Vec<_>> = members.collect();
        let simple =
            |set: &&IpSet| set.dimensions == [Dimension::Address] && set.members.is_empty();
        let members = members.filter(|members| members.iter().all(simple));
        members.ok_or_else(|| word.unsupported("the list of other than sets of addresses"))
    }
}

impl Match for MatchSet<'_> {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        match &*option.text {
            "--match-set" | "--set" => {}
            "--return-nomatch"
            | "--update-counters"
            | "--update-subcounters"
            | "--packets-eq"
            | "--packets-lt"
            | "--packets-gt"
            | "--bytes-eq"
            | "--bytes-lt"
            | "--bytes-gt" => {
                return Err(option.unsupported("option"));
            }
            _ => return Ok(false),
        }
        let name = values.value("the name of a set")?;
        let sets = self.sets(&name)?;
        let family = if let [set] = *sets { set.family } else { None };
        if family.is_some_and(|family| family != self.family) {
            return Err(name.expected(format!("a set of {} addresses", self.family)));
        }
        let sides = sides(&values.value("`src` and `dst` with commas between")?)?;
        let word = name.part(&name.text, 0);
        once(&mut self.asked, option, Asked { sets, sides, negated, word })?;
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        let Some(Asked { sets, sides, negated, word }) = &self.asked else {
            return Err(name.expected("`--match-set` after `set`"));
        };
        // A set of more dimensions than are named, or of the other family, has no packet in it.
        let fits = |set: &&&IpSet| {
            set.dimensions.len() <= sides.len()
                && set.family.is_none_or(|family| family == self.family)
        };
        let sets: Vec<&IpSet> = sets.iter().filter(fits).copied().collect();
        let holds = match negated {
            false => in_set(&sets, sides, self.family),
            true => not_in_set(&sets, sides, self.family),
        };
        let holds = holds.ok_or_else(|| word.unsupported("with so many entries the set"))?;
        Ok(Clause { holds, ..Clause::default() })
    }
}

fn sides(word: &Word<'_>) -> Result<Vec<Side>, Fault> {
    let parts = word.parts(',');
    let side = |part: &Word<'_>| match &*part.text {
        "src" => Ok(Side::Source),
        "dst" => Ok(Side::Destination),
        _ => Err(part.expected("`src` or `dst`")),
    };
    parts.iter().map(side).collect()
}
