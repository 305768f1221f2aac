use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use crate::import::json::{Fault, Json};

/// Named sets and maps of one table, as they were when they were listed.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets<'a> {
    sets: BTreeMap<&'a str, Result<NamedSet<'a>, String>>,
}

/// A named set or map.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamedSet<'a> {
    pub(super) elements: &'a [Json],
}

impl<'a> Sets<'a> {
    /// Adds a set or, if it cannot be read, why.
    pub(super) fn add(&mut self, name: &'a str, set: Result<NamedSet<'a>, String>) {
        self.sets.insert(name, set);
    }

    /// The set that `@name` stands for.
    pub(super) fn find(&self, name: &str) -> Result<NamedSet<'a>, Fault> {
        match self.sets.get(name.trim_start_matches('@')) {
            Some(Ok(set)) => Ok(*set),
            Some(Err(what)) => {
                Err(Fault::unsupported(format_args!("the set `{name}` with {what}")))
            }
            None => Err(Fault::wrong(format!("there is no set `{name}` in this table"))),
        }
    }
}
