//! Answers for a browser: one page that needs nothing besides itself.

use std::fmt::Write;

use portcullis::analysis::{Reach, Region};
use portcullis::{RuleId, RuleSet};

use super::findings::{Audit, Comparison, named};
use super::picture::{Marks, draw};
use super::text::{shortened, why};

/// The most entries of a list.
const ENTRIES: usize = 200;
/// The most regions of an entry.
const REGIONS: usize = 6;

const STYLE: &str = include_str!("page.css");

pub(crate) fn audit(name: &str, rules: &RuleSet, audit: &Audit) -> String {
    let by = |reach: &Reach| match reach {
        Reach::Shadowed(shadowed) => shadowed.by.clone(),
        _ => Vec::new(),
    };
    let marks = Marks {
        never: audit.never().map(|(rule, reach)| (*rule, by(reach))).collect(),
        redundant: audit.superfluous().collect(),
        named: audit.open.iter().map(|open| open.rule).collect(),
    };
    let mut body = format!("<h1>{}</h1>", escaped(name));
    let figures = [
        ("rules", rules.len()),
        ("chains", rules.chains().len()),
        ("can never match", audit.never().count()),
        ("redundant", audit.superfluous().count()),
        ("pairs whose order matters", audit.pairs.len()),
    ];
    let figure = |(what, count): (&str, usize)| {
        format!("<div class=\"figure\"><b>{count}</b><span>{what}</span></div>")
    };
    body += &format!("<div class=\"figures\">{}</div>", figures.map(figure).concat());
    picture(&mut body, "The rules, in order", rules, &marks);
    list(&mut body, "Can never match", audit.never(), |(rule, reach)| {
        (named(rules, Some(*rule)), vec![why(rules, reach)])
    });
    list(
        &mut body,
        "Redundant: nothing changes without any one of these",
        audit.superfluous(),
        |rule| (named(rules, Some(rule)), Vec::new()),
    );
    list(&mut body, "Widest accepts from anywhere", audit.open.iter(), |open| {
        (named(rules, Some(open.rule)), shown(&open.regions))
    });
    list(&mut body, "Pairs whose order matters", audit.pairs.iter(), |pair| {
        let second = format!("before {}", named(rules, Some(pair.second)));
        (named(rules, Some(pair.first)), vec![second, format!("both match {}", pair.witness)])
    });
    page(name, &body)
}

pub(crate) fn comparison(
    names: &[String; 2],
    rules: [&RuleSet; 2],
    comparison: &Comparison,
) -> String {
    let title = format!("{} and {}", names[0], names[1]);
    let mut body = format!("<h1>{}</h1>", escaped(&title));
    let found = &comparison.differences;
    body += &match found.len() {
        0 => "<p class=\"good\">They decide every packet alike.</p>".into(),
        count => format!("<p>{count} pairs of rules decide packets differently.</p>"),
    };
    list(&mut body, "Decided differently", found.iter(), |found| {
        let mut lines = vec![format!("second: {}", named(rules[1], found.second))];
        lines.extend(shown(&found.regions));
        lines.push(format!("such as {}", found.witness));
        (format!("first: {}", named(rules[0], found.first)), lines)
    });
    let marked = |rule: &dyn Fn(usize) -> Option<RuleId>| Marks {
        named: (0..found.len()).filter_map(rule).collect(),
        ..Marks::default()
    };
    picture(&mut body, &names[0], rules[0], &marked(&|i| found[i].first));
    picture(&mut body, &names[1], rules[1], &marked(&|i| found[i].second));
    page(&title, &body)
}

/// Text as HTML has it.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html += "&amp;",
            '<' => html += "&lt;",
            '>' => html += "&gt;",
            '"' => html += "&quot;",
            c => html.push(c),
        }
    }
    html
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{}</title>\
         <style>{STYLE}</style></head><body><main>{body}</main></body></html>\n",
        escaped(title)
    )
}

fn picture(body: &mut String, title: &str, rules: &RuleSet, marks: &Marks) {
    let (svg, note) = draw(rules, marks);
    _ = write!(body, "<section><h2>{}</h2>", escaped(title));
    *body += "<p class=\"legend\"><i class=\"accept\"></i>accept <i class=\"drop\"></i>drop \
        <i class=\"reject\"></i>reject <i class=\"jump\"></i>jump, return <i class=\"note\"></i>note \
        <i class=\"striped\"></i>can never match, joined with what is in its way \
        <i class=\"ring\"></i>listed on this page. Pale: any. IPv6 is drawn by its first 32 bits; point at a row \
        for its text.</p>";
    if let Some(note) = note {
        _ = write!(body, "<p>{note}</p>");
    }
    _ = write!(body, "{svg}</section>");
}

fn list<T>(
    body: &mut String,
    title: &str,
    items: impl Iterator<Item = T>,
    entry: impl Fn(T) -> (String, Vec<String>),
) {
    let items: Vec<T> = items.collect();
    let count = items.len();
    _ = write!(body, "<section><h2>{} <small>{count}</small></h2><ol>", escaped(title));
    for item in items.into_iter().take(ENTRIES) {
        let (head, lines) = entry(item);
        _ = write!(body, "<li><code>{}</code>", escaped(&head));
        for line in lines {
            _ = write!(body, "<div>{}</div>", escaped(&line));
        }
        *body += "</li>";
    }
    *body += "</ol>";
    match count.saturating_sub(ENTRIES) {
        0 => {}
        rest => _ = write!(body, "<p>and {rest} more</p>"),
    }
    *body += "</section>";
}

fn shown(regions: &[Region]) -> Vec<String> {
    let mut lines: Vec<String> = regions.iter().take(REGIONS).map(shortened).collect();
    if regions.len() > REGIONS {
        lines.push(format!("and {} more regions", regions.len() - REGIONS));
    }
    lines
}
