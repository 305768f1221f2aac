//! The rule sets that are measured.

use std::fs;
use std::path::{Path, PathBuf};

use portcullis::packet::Family;

use super::classbench;
use super::generator::{Pattern, Shape, patterns};

const SEED: u64 = 2007;

/// A rule set by name.
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) patterns: Vec<Pattern>,
}

/// The folder `shared/rulesets` beside that of portcullis.
pub(crate) fn default_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/rulesets")
}

/// The files `*.rules.gz` of a folder, those of one kind together, small ones first; none if there
/// is no such folder.
pub(crate) fn in_folder(folder: &Path, only: &str) -> Vec<Set> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut sets: Vec<_> = entries.filter_map(|entry| from_file(&entry.path(), only)).collect();
    sets.sort_by_cached_key(|set| (kind(&set.name).to_owned(), set.patterns.len()));
    sets
}

/// Rule sets of three shapes and three sizes.
pub(crate) fn generated(only: &str) -> Vec<Set> {
    let sizes = [("1k", 1000), ("10k", 10_000), ("100k", 100_000)];
    let names = [Shape::ACL, Shape::FW, Shape::IPC].into_iter().flat_map(|shape| {
        sizes.map(|(size, count)| (format!("made-{}_{size}", shape.name), shape, count))
    });
    let wanted = names.filter(|(name, ..)| name.contains(only));
    let make = |shape, count| patterns(&shape, Family::V4, count, SEED);
    wanted.map(|(name, shape, count)| Set { name, patterns: make(shape, count) }).collect()
}

/// The part of a name that does not tell the size.
pub(crate) fn kind(name: &str) -> &str {
    name.split_once('_').map_or(name, |(kind, _)| kind)
}

fn from_file(path: &Path, only: &str) -> Option<Set> {
    let name = classbench::name(path).filter(|name| name.contains(only))?;
    Some(Set { name: name.to_owned(), patterns: classbench::read(path) })
}
