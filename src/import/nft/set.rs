use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;

use crate::import::json::{Fault, Json};

/// Named sets and maps of one table, as they were when they were listed.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets<'a> {
    sets: BTreeMap<&'a str, Result<NamedSet<'a>, String>>,
    /// Those that rules change as packets come.
    changed: BTreeSet<&'a str>,
}

/// A named set or map.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamedSet<'a> {
    pub(super) elements: &'a [Json],
    /// How many elements it may have, if that is said.
    pub(super) size: Option<u32>,
    /// Seconds after which elements end, if they do.
    pub(super) timeout: Option<u32>,
}

impl<'a> Sets<'a> {
    /// Adds a set or, if it cannot be read, why.
    pub(super) fn add(&mut self, name: &'a str, set: Result<NamedSet<'a>, String>) {
        self.sets.insert(name, set);
    }

    /// Notes that a rule changes the set that `@name` stands for.
    pub(super) fn set_changed(&mut self, name: &'a str) {
        self.changed.insert(name.trim_start_matches('@'));
    }

    /// The set that `@name` stands for, which a rule changes.
    pub(super) fn changed(&self, name: &str) -> Result<NamedSet<'a>, Fault> {
        self.named(name)
    }

    /// The set that `@name` stands for, to look into it as it was listed.
    pub(super) fn find(&self, name: &str) -> Result<NamedSet<'a>, Fault> {
        if self.changed.contains(name.trim_start_matches('@')) {
            let what = format_args!("looking into the set `{name}`, which packets change,");
            return Err(Fault::unsupported(what));
        }
        self.named(name)
    }

    /// What stands in the set that `@name` stands for, if anything does.
    pub(super) fn entries(&self, name: &str) -> &'a [Json] {
        self.named(name).map_or(&[], |set| set.elements)
    }

    fn named(&self, name: &str) -> Result<NamedSet<'a>, Fault> {
        match self.sets.get(name.trim_start_matches('@')) {
            Some(Ok(set)) => Ok(*set),
            Some(Err(what)) => {
                Err(Fault::unsupported(format_args!("the set `{name}` with {what}")))
            }
            None => Err(Fault::wrong(format!("there is no set `{name}` in this table"))),
        }
    }
}
