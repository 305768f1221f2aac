//! Answers for a terminal.

use std::io::{self, Write};

use portcullis::RuleSet;
use portcullis::analysis::{Agreement, Reach, Region};

use super::findings::{Audit, Comparison, named, place};

/// The most lines of a list.
const LINES: usize = 25;
/// The most characters of a region.
const LENGTH: usize = 240;
/// The most regions of a rule.
const REGIONS: usize = 4;

pub(crate) fn audit(
    out: &mut impl Write,
    name: &str,
    rules: &RuleSet,
    audit: &Audit,
) -> io::Result<()> {
    let kinds: Vec<_> = audit.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    writeln!(out, "{name}: {} rules in {} chains", rules.len(), rules.chains().len())?;
    writeln!(out, "  {}; default {}", kinds.join(", "), rules.default_action())?;
    section(out, "Can never match", audit.never(), |out, (rule, reach)| {
        writeln!(out, "  {}", named(rules, Some(*rule)))?;
        writeln!(out, "      {}", why(rules, reach))
    })?;
    section(
        out,
        "Redundant: nothing changes without any one of these",
        audit.superfluous(),
        |out, rule| writeln!(out, "  {}", named(rules, Some(rule))),
    )?;
    section(out, "Pairs whose order matters", audit.pairs.iter(), |out, pair| {
        writeln!(out, "  {}", named(rules, Some(pair.first)))?;
        writeln!(out, "    before {}", named(rules, Some(pair.second)))?;
        writeln!(out, "      both match {}", pair.witness)
    })?;
    section(out, "Widest accepts from anywhere", audit.open.iter(), |out, open| {
        writeln!(out, "  {}", named(rules, Some(open.rule)))?;
        regions(out, "      ", &open.regions)
    })
}

/// Why a rule can never match.
pub(crate) fn why(rules: &RuleSet, reach: &Reach) -> String {
    match reach {
        Reach::Matches(witness) => format!("matches {witness}"),
        Reach::Shadowed(shadowed) => {
            let by: Vec<String> = shadowed.by.iter().map(|rule| place(rules, *rule)).collect();
            let what = match shadowed.agreement {
                Agreement::Same => "the same",
                Agreement::Different => "something else",
                _ => "partly the same",
            };
            let verb = if by.len() == 1 { "does" } else { "do" };
            format!("behind {}, which {verb} {what}", by.join(" and "))
        }
        Reach::Contradiction => "no packet has what it asks for".into(),
        _ => "nothing leads to its chain".into(),
    }
}

pub(crate) fn comparison(
    out: &mut impl Write,
    names: &[String; 2],
    rules: [&RuleSet; 2],
    comparison: &Comparison,
) -> io::Result<()> {
    writeln!(out, "{}: {} rules", names[0], rules[0].len())?;
    writeln!(out, "{}: {} rules", names[1], rules[1].len())?;
    if comparison.differences.is_empty() {
        return writeln!(out, "\nThey decide every packet alike.");
    }
    section(out, "Decided differently", comparison.differences.iter(), |out, found| {
        writeln!(out, "  first   {}", named(rules[0], found.first))?;
        writeln!(out, "  second  {}", named(rules[1], found.second))?;
        regions(out, "      ", &found.regions)?;
        writeln!(out, "      such as {}", found.witness)
    })
}

fn regions(out: &mut impl Write, indent: &str, regions: &[Region]) -> io::Result<()> {
    for region in regions.iter().take(REGIONS) {
        writeln!(out, "{indent}{}", shortened(region))?;
    }
    match regions.len().saturating_sub(REGIONS) {
        0 => Ok(()),
        rest => writeln!(out, "{indent}and {rest} more regions"),
    }
}

/// The text of a region, cut behind its first exceptions.
pub(crate) fn shortened(region: &Region) -> String {
    let text = region.to_string();
    match text.char_indices().nth(LENGTH) {
        None => text,
        Some((at, _)) => {
            let end = text[..at].rfind(", ").unwrap_or(at);
            format!("{} and more", &text[..end])
        }
    }
}

fn section<W: Write, T>(
    out: &mut W,
    title: &str,
    items: impl Iterator<Item = T>,
    mut line: impl FnMut(&mut W, T) -> io::Result<()>,
) -> io::Result<()> {
    let items: Vec<T> = items.collect();
    let count = items.len();
    writeln!(out, "\n{title}: {}", if count == 0 { "none".into() } else { count.to_string() })?;
    items.into_iter().take(LINES).try_for_each(|item| line(out, item))?;
    match count.saturating_sub(LINES) {
        0 => Ok(()),
        rest => writeln!(out, "  and {rest} more"),
    }
}
