//! The order of the modules, read from the sources: dependencies point downward, no two modules
//! import each other, `unsafe` stands in `simd` alone, and files stay short.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The modules of the crate root from top to bottom, those of one row beside each other. A module
/// names only modules of its own row or of lower ones.
const ROWS: &[&[&str]] = &[
    &["record", "export"],
    &["analysis", "import", "hits", "expiry", "policy"],
    &["stateful"],
    &["stateless", "update"],
    &["reassembly"],
    &["conntrack"],
    &["tree", "config"],
    &["simd"],
    &["rule"],
    &["packet"],
];

const UNSAFE_MODULE: &str = "simd";
const MAX_LINES: usize = 500;

#[test]
fn dependencies_point_downward() {
    assert_eq!(import_faults(&Sources::read()), Vec::<String>::new());
}

#[test]
fn unsafe_stands_in_simd_alone() {
    assert_eq!(unsafe_faults(&Sources::read()), Vec::<String>::new());
}

#[test]
fn files_are_short() {
    assert_eq!(length_faults(&Sources::read()), Vec::<String>::new());
}

#[test]
fn an_upward_import_is_found() {
    let upward = [
        "use crate::stateless::StatelessMatcher;",
        "use crate::{packet::Packet, stateless::StatelessMatcher};",
        "use crate::StatelessMatcher;",
        "use super::super::StatelessMatcher;",
        "use super::{super::stateless, x};",
        "mod tests { use super::super::super::stateless; }",
        "fn f() { crate::stateless::f() }",
        "macro_rules! m { () => { $crate::StatelessMatcher } }",
    ];
    for text in upward {
        let faults = import_faults(&sources(&[("tree/walk.rs", text)]));
        assert_eq!(faults, ["tree/walk.rs names stateless, which lies above tree"], "{text}");
    }
}

#[test]
fn a_downward_import_and_a_mention_are_no_faults() {
    let fine = [
        "use crate::packet::Packet;",
        "use super::stateless;",
        "mod tests { use super::super::stateless; }",
        "/// Compiled by [`f`](crate::StatelessMatcher::compile).\npub(crate) fn f() {}",
        "const TEXT: &str = \"crate::stateless\"; // crate::stateless",
    ];
    for text in fine {
        let found = import_faults(&sources(&[("tree/walk.rs", text)]));
        assert_eq!(found, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn two_modules_that_import_each_other_are_found() {
    let both = [("tree/mod.rs", "use crate::config;"), ("config.rs", "use crate::tree::X;")];
    assert_eq!(import_faults(&sources(&both)), ["config and tree import each other"]);
}

#[test]
fn an_unknown_module_is_found() {
    let files = [("odds/mod.rs", "use crate::packet::X;"), ("config.rs", "use crate::ends::X;")];
    let faults = import_faults(&sources(&files));
    assert_eq!(faults, ["config.rs names an unknown ends", "odds/mod.rs is of no row"]);
}

#[test]
fn unsafe_code_is_found() {
    let block = "fn f() { unsafe { g() } }";
    assert_eq!(unsafe_faults(&sources(&[("tree/walk.rs", block)])).len(), 1);
    assert!(unsafe_faults(&sources(&[("simd/avx2.rs", block)])).is_empty());
    assert!(
        unsafe_faults(&sources(&[("tree/walk.rs", "#![deny(unsafe_code)] // unsafe")])).is_empty()
    );
}

#[test]
fn a_long_file_is_found() {
    let lines = |count| "\n".repeat(count);
    assert!(length_faults(&sources(&[("config.rs", &lines(MAX_LINES))])).is_empty());
    assert_eq!(length_faults(&sources(&[("config.rs", &lines(MAX_LINES + 1))])).len(), 1);
}

/// The text of each file below `src`, by its path there.
struct Sources(BTreeMap<PathBuf, String>);

impl Sources {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path).unwrap();
                    files.insert(path.strip_prefix(&root).unwrap().to_owned(), text);
                }
            }
        }
        assert!(files.contains_key(Path::new("lib.rs")), "no sources in {}", root.display());
        Self(files)
    }

    /// Every file but the crate root, with the name of its top-level module.
    fn modules(&self) -> impl Iterator<Item = (String, &Path, &str)> {
        let below_root = self.0.iter().filter(|(path, _)| path.as_os_str() != "lib.rs");
        below_root.map(|(path, text)| {
            let top = path.iter().next().unwrap().to_str().unwrap();
            (top.trim_end_matches(".rs").to_owned(), path.as_path(), text.as_str())
        })
    }

    /// Which module each name that the crate root re-exports comes from.
    fn re_exports(&self) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        let tokens = tokens_of(self.0.get(Path::new("lib.rs")).unwrap());
        for (at, token) in tokens.iter().enumerate() {
            if let [TokenTree::Ident(module), TokenTree::Punct(_), TokenTree::Punct(_), rest, ..] =
                &tokens[at + 1..]
                && is_word(token, "use")
            {
                let mut words = Vec::new();
                each_word(std::slice::from_ref(rest), &mut |word| words.push(word));
                names.extend(words.into_iter().map(|name| (name, module.to_string())));
            }
        }
        names
    }
}

/// Invented files beside a crate root that re-exports one name.
fn sources(files: &[(&str, &str)]) -> Sources {
    let root = ("lib.rs", "mod stateless; pub use stateless::{StatelessMatcher};");
    let all = files.iter().chain([&root]);
    Sources(all.map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect())
}

fn import_faults(sources: &Sources) -> Vec<String> {
    let re_exports = sources.re_exports();
    let mut faults = BTreeSet::new();
    let mut imports = BTreeSet::new();
    for (module, path, text) in sources.modules() {
        let Some(own) = row(&module) else {
            faults.insert(format!("{} is of no row", path.display()));
            continue;
        };
        for name in root_names(&tokens_of(text), depth(path)) {
            let named = re_exports.get(&name).unwrap_or(&name).clone();
            match row(&named) {
                Some(other) if other < own => {
                    let path = path.display();
                    faults.insert(format!("{path} names {named}, which lies above {module}"));
                }
                Some(_) => drop(imports.insert((module.clone(), named))),
                None => drop(faults.insert(format!("{} names an unknown {name}", path.display()))),
            }
        }
    }
    for (a, b) in &imports {
        if a < b && imports.contains(&(b.clone(), a.clone())) {
            faults.insert(format!("{a} and {b} import each other"));
        }
    }
    faults.into_iter().collect()
}

fn unsafe_faults(sources: &Sources) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in &sources.0 {
        each_word(&tokens_of(text), &mut |word| {
            if word == "unsafe" && !path.starts_with(UNSAFE_MODULE) {
                faults.push(format!("{} has unsafe code", path.display()));
            }
        });
    }
    faults
}

fn length_faults(sources: &Sources) -> Vec<String> {
    let lengths = sources.0.iter().map(|(path, text)| (path, text.lines().count()));
    let long = lengths.filter(|(_, lines)| *lines > MAX_LINES);
    long.map(|(path, lines)| format!("{} has {lines} lines", path.display())).collect()
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

/// How many modules a file lies below the crate root.
fn depth(path: &Path) -> usize {
    path.iter().count() - usize::from(path.file_name().is_some_and(|name| name == "mod.rs"))
}

/// The names directly below the crate root that a module at this depth mentions.
fn root_names(tokens: &[TokenTree], depth: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        root_names_of_path(&tokens[at..], depth, false, &mut names);
        if let TokenTree::Group(group) = token {
            let inline_module = at >= 2 && is_word(&tokens[at - 2], "mod");
            let inner: Vec<_> = group.stream().into_iter().collect();
            names.extend(root_names(&inner, depth + usize::from(inline_module)));
        }
    }
    names
}

/// Follows the path that begins at the first token, if one does. `relative`: whether that token
/// is a name in the module at `depth`.
fn root_names_of_path(
    tokens: &[TokenTree],
    depth: usize,
    relative: bool,
    names: &mut BTreeSet<String>,
) {
    match tokens {
        [head, TokenTree::Punct(a), TokenTree::Punct(b), rest @ ..]
            if a.as_char() == ':'
                && b.as_char() == ':'
                && (is_word(head, "crate") || is_word(head, "super")) =>
        {
            let depth = if is_word(head, "super") { depth.saturating_sub(1) } else { 0 };
            root_names_of_path(rest, depth, true, names);
        }
        [TokenTree::Ident(name), ..] if relative && depth == 0 => {
            names.insert(name.to_string());
        }
        [TokenTree::Group(group), ..] if relative && group.delimiter() == Delimiter::Brace => {
            let inner: Vec<_> = group.stream().into_iter().collect();
            for path in inner.split(is_comma) {
                root_names_of_path(path, depth, true, names);
            }
        }
        _ => {}
    }
}

/// Comments are no tokens, and doc comments become string literals.
fn tokens_of(text: &str) -> Vec<TokenTree> {
    text.parse::<TokenStream>().unwrap().into_iter().collect()
}

fn each_word(tokens: &[TokenTree], seen: &mut impl FnMut(String)) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => seen(word.to_string()),
            TokenTree::Group(group) => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                each_word(&inner, seen);
            }
            _ => {}
        }
    }
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}
