//! The elements of named sets.

use core::fmt;
use core::net::SocketAddr;

use alloc::vec::Vec;

use super::error::Failure;
use super::item;
use super::lexer::Line;
use super::suggest::nearest;
use crate::rule::set::{Set, SetKind};

/// Reads the kind of a set and its elements, to the end of the line.
pub(super) fn set(line: &mut Line<'_>) -> Result<Set, Failure> {
    let expected = "what the set has: `prefixes`, `ports`, `endpoints` or `interfaces`";
    let word = line.word(expected)?;
    let kind = SetKind::ALL.into_iter().find(|kind| kind.name() == word.text);
    let kind = kind.ok_or_else(|| {
        let names = SetKind::ALL.into_iter().map(SetKind::name);
        word.expected(expected).suggest(nearest(word.text, names))
    })?;
    let set = match kind {
        SetKind::Prefixes => {
            Set::Prefixes(elements(line, item::prefix_element)?.into_iter().collect())
        }
        SetKind::Ports => Set::Ports(elements(line, item::ports)?.into_iter().collect()),
        SetKind::Endpoints => Set::Endpoints(elements(line, item::endpoint)?.into_iter().collect()),
        SetKind::Interfaces => {
            Set::Interfaces(elements(line, item::interface)?.into_iter().collect())
        }
    };
    line.end("nothing after the elements of the set, which have `,` between")?;
    Ok(set)
}

fn elements<T>(
    line: &mut Line<'_>,
    item: fn(&mut Line<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    if line.take("none") {
        return Ok(Vec::new());
    }
    let mut elements = Vec::from([item(line)?]);
    while line.take_comma() {
        elements.push(item(line)?);
    }
    Ok(elements)
}

/// Writes the kind of a set and its elements.
pub(super) fn write_set(f: &mut fmt::Formatter<'_>, set: &Set) -> fmt::Result {
    write!(f, "{} ", set.kind())?;
    if set.is_empty() {
        return f.write_str("none");
    }
    match set {
        Set::Prefixes(set) => separated(f, set.sorted(), |f, prefix| write!(f, "{prefix}")),
        Set::Ports(set) => separated(f, set.ranges(), |f, ports| write!(f, "{ports}")),
        Set::Endpoints(set) => separated(f, set.sorted(), |f, (address, port)| {
            write!(f, "{}", SocketAddr::new(address, port))
        }),
        Set::Interfaces(set) => {
            separated(f, set.iter(), |f, name| super::display::write_interface(name, f))
        }
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}
