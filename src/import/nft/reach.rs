//! Which chains lead to which, before their rules are read.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::set::Sets;
use crate::import::json::Json;

/// The chains that rules of each chain lead to.
#[derive(Default)]
pub(super) struct Reach<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Reach<'a> {
    /// Notes what a rule of `chain` leads to.
    pub(super) fn add(&mut self, chain: &'a str, statements: &'a [Json], sets: &Sets<'a>) {
        let mut found = BTreeSet::new();
        statements.iter().for_each(|statement| targets(statement, sets, &mut found));
        if !found.is_empty() {
            self.0.entry(chain).or_default().append(&mut found);
        }
    }

    /// The chains whose rules lead to others.
    pub(super) fn chains(&self) -> impl Iterator<Item = &'a str> {
        self.0.keys().copied()
    }

    /// All chains that these lead to, and they themselves.
    pub(super) fn from(&self, chains: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut waiting: Vec<_> = chains.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(chain) = waiting.pop() {
            if found.insert(chain) {
                waiting.extend(self.0.get(chain).into_iter().flatten());
            }
        }
        found
    }
}

/// Jumps in a statement and in maps, also those by name.
fn targets<'a>(json: &'a Json, sets: &Sets<'a>, found: &mut BTreeSet<&'a str>) {
    match json {
        Json::List(items) => items.iter().for_each(|item| targets(item, sets, found)),
        Json::Object(_) => match json.single() {
            Some(("jump" | "goto", inner)) => {
                let target =
                    inner.object().ok().and_then(|it| it.find("target", Json::text).ok()?);
                found.extend(target);
            }
            Some(("vmap", inner)) => {
                let data = inner.object().ok().and_then(|it| it.find("data", Ok).ok()?);
                match data {
                    Some(Json::Text(name)) => {
                        let entries = sets.entries(name);
                        entries.iter().for_each(|entry| targets(entry, sets, found));
                    }
                    data => data.into_iter().for_each(|data| targets(data, sets, found)),
                }
            }
            Some((_, inner)) => targets(inner, sets, found),
            None => {}
        },
        _ => {}
    }
}
