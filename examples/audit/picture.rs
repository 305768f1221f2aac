//! A picture of rules: a row for each, and in three columns the sources, the destinations and the
//! destination ports that it asks for. Rules that can never match are struck out and joined with
//! those in their way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;

use portcullis::packet::Family;
use portcullis::rule::{AnyOf, IpRange, PortRange};
use portcullis::{RuleId, RuleSet};

use super::findings::{ids, kind, named, place};
use super::page::escaped;

/// What is to be seen of rules besides what they ask for.
#[derive(Default)]
pub(crate) struct Marks {
    /// Rules that can never match, and those in their way.
    pub(crate) never: BTreeMap<RuleId, Vec<RuleId>>,
    pub(crate) redundant: BTreeSet<RuleId>,
    /// Rules that an answer is about.
    pub(crate) named: BTreeSet<RuleId>,
}

/// More rows are not drawn.
const MOST_ROWS: usize = 500;
const LABEL: f64 = 120.0;
const PANEL: f64 = 300.0;
const GAP: f64 = 20.0;
const LINKS: f64 = 90.0;
const TOP: f64 = 44.0;

/// Ports that have a line in the picture.
const PORTS: [u16; 6] = [22, 80, 443, 1024, 8080, 49152];

/// The picture as SVG, and what to say of rules that are not in it.
pub(crate) fn draw(rules: &RuleSet, marks: &Marks) -> (String, Option<String>) {
    let (shown, note) = chosen(rules, marks);
    let height = (1100.0 / shown.len().max(1) as f64).clamp(3.0, 18.0);
    let rows: BTreeMap<RuleId, f64> =
        (0..).zip(&shown).map(|(row, rule)| (*rule, TOP + height * f64::from(row))).collect();
    let bottom = TOP + height * shown.len() as f64;
    let width = LABEL + 3.0 * (PANEL + GAP) + LINKS;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {}\" role=\"img\" aria-label=\"rules by address and port\">{PATTERN}",
        bottom + 10.0
    );
    axes(&mut svg, bottom);
    for rule in &shown {
        row(&mut svg, rules, *rule, marks, rows[rule], height);
    }
    for (rule, by) in &marks.never {
        links(&mut svg, &rows, *rule, by, height);
    }
    svg += "</svg>";
    (svg, note)
}

/// Stripes for rules that can never match.
const PATTERN: &str = "<defs><pattern id=\"never\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(45)\"><rect width=\"3\" height=\"6\" class=\"stripe\"/></pattern></defs>";

/// All rules, or of too many those that something is said of.
fn chosen(rules: &RuleSet, marks: &Marks) -> (Vec<RuleId>, Option<String>) {
    let all = ids(rules);
    if all.len() <= MOST_ROWS {
        return (all, None);
    }
    let in_the_way: BTreeSet<RuleId> = marks.never.values().flatten().copied().collect();
    let is_marked = |rule: &&RuleId| {
        marks.never.contains_key(rule) || in_the_way.contains(rule) || marks.named.contains(rule)
    };
    let mut shown: Vec<RuleId> = all.iter().filter(is_marked).copied().collect();
    shown.truncate(MOST_ROWS);
    let note = format!(
        "{} of {} rules are drawn: those that can never match, those in their way, and those listed on this page.",
        shown.len(),
        all.len()
    );
    (shown, Some(note))
}

fn panel(number: usize) -> f64 {
    LABEL + number as f64 * (PANEL + GAP)
}

fn axes(svg: &mut String, bottom: f64) {
    for (number, title) in ["from", "to", "to port"].into_iter().enumerate() {
        let left = panel(number);
        _ = write!(
            svg,
            "<text x=\"{left}\" y=\"14\" class=\"title\">{title}</text>\
             <rect x=\"{left}\" y=\"{TOP}\" width=\"{PANEL}\" height=\"{}\" class=\"panel\"/>",
            bottom - TOP
        );
    }
    for number in 0..2 {
        for quarter in 0..4 {
            let left = panel(number) + PANEL * f64::from(quarter) / 4.0;
            tick(svg, left, &format!("{}.", quarter * 64), bottom);
        }
    }
    for port in PORTS {
        tick(svg, panel(2) + PANEL * of_port(port), &port.to_string(), bottom);
    }
}

fn tick(svg: &mut String, left: f64, text: &str, bottom: f64) {
    _ = write!(
        svg,
        "<line x1=\"{left:.1}\" x2=\"{left:.1}\" y1=\"{}\" y2=\"{bottom}\" class=\"tick\"/>\
         <text x=\"{left:.1}\" y=\"{}\" class=\"small\">{text}</text>",
        TOP - 4.0,
        TOP - 8.0
    );
}

fn row(svg: &mut String, rules: &RuleSet, id: RuleId, marks: &Marks, top: f64, height: f64) {
    let Some(rule) = rules.rule(id) else { return };
    let never = marks.never.contains_key(&id);
    let mut class = format!("row {}", kind(&rule.target));
    for (mark, is_so) in [
        ("never", never),
        ("redundant", marks.redundant.contains(&id)),
        ("named", marks.named.contains(&id)),
    ] {
        class += if is_so { " " } else { "" };
        class += if is_so { mark } else { "" };
    }
    let text = escaped(&named(rules, Some(id)));
    _ = write!(svg, "<g class=\"{class}\"><title>{text}</title>");
    _ = write!(
        svg,
        "<rect x=\"0\" y=\"{top:.1}\" width=\"{}\" height=\"{height:.1}\" class=\"under\"/>",
        panel(3)
    );
    if height >= 9.0 {
        _ = write!(
            svg,
            "<text x=\"4\" y=\"{:.1}\" class=\"small\">{}</text>",
            top + height * 0.72,
            escaped(&place(rules, id))
        );
    }
    let (top, tall) = (top + height * 0.1, height * 0.8);
    let criteria = &rule.criteria;
    let sides =
        [addresses(&criteria.src, criteria.family), addresses(&criteria.dst, criteria.family)];
    for (number, bars) in sides.into_iter().chain([ports(&criteria.dst_port)]).enumerate() {
        for bar in bars {
            let left = panel(number) + PANEL * bar.first;
            let width = (PANEL * (bar.last - bar.first)).max(2.0);
            let class = bar.class;
            _ = write!(
                svg,
                "<rect x=\"{left:.2}\" y=\"{top:.1}\" width=\"{width:.2}\" height=\"{tall:.1}\" class=\"{class}\"/>"
            );
        }
    }
    if never {
        _ = write!(
            svg,
            "<rect x=\"{LABEL}\" y=\"{top:.1}\" width=\"{}\" height=\"{tall:.1}\" fill=\"url(#never)\"/>",
            panel(3) - GAP - LABEL
        );
    }
    *svg += "</g>";
}

/// Lines from a rule that can never match to those in its way.
fn links(svg: &mut String, rows: &BTreeMap<RuleId, f64>, rule: RuleId, by: &[RuleId], height: f64) {
    let Some(from) = rows.get(&rule) else { return };
    for to in by.iter().filter_map(|rule| rows.get(rule)) {
        let (left, a, b) = (panel(3) - GAP, from + height / 2.0, to + height / 2.0);
        let reach = left + (LINKS + GAP - 6.0) * ((a - b).abs() / 400.0).sqrt().clamp(0.15, 1.0);
        _ = write!(
            svg,
            "<path d=\"M{left} {a:.1} C{reach:.1} {a:.1} {reach:.1} {b:.1} {left} {b:.1}\" class=\"link\"/>"
        );
    }
}

/// A part of a panel's width, from 0 to 1.
struct Bar {
    first: f64,
    last: f64,
    class: &'static str,
}

/// The whole width, and in it what is left out.
fn except(mut bars: Vec<Bar>) -> Vec<Bar> {
    bars.iter_mut().for_each(|bar| bar.class = "out");
    bars.insert(0, Bar { first: 0.0, last: 1.0, class: "bar" });
    bars
}

fn addresses(asked: &AnyOf<IpRange>, family: Option<Family>) -> Vec<Bar> {
    if asked.is_any() {
        let class = if family == Some(Family::V6) { "any v6" } else { "any" };
        return vec![Bar { first: 0.0, last: 1.0, class }];
    }
    let bar = |range: &IpRange| Bar {
        first: of_address(range.first()),
        last: of_address(range.last()),
        class: if range.family() == Family::V6 { "bar v6" } else { "bar" },
    };
    let bars = asked.items().iter().map(bar).collect();
    if asked.is_negated() { except(bars) } else { bars }
}

/// IPv6 by its first 32 bits.
fn of_address(address: IpAddr) -> f64 {
    let bits = match address {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(address) => (address.to_bits() >> 96) as u32,
    };
    f64::from(bits) / 2f64.powi(32)
}

fn ports(asked: &AnyOf<PortRange>) -> Vec<Bar> {
    if asked.is_any() {
        return vec![Bar { first: 0.0, last: 1.0, class: "any" }];
    }
    let bar = |range: &PortRange| Bar {
        first: of_port(range.first()),
        last: of_port(range.last()),
        class: "bar",
    };
    let bars = asked.items().iter().map(bar).collect();
    if asked.is_negated() { except(bars) } else { bars }
}

/// Low ports have more room.
fn of_port(port: u16) -> f64 {
    (f64::from(port) + 1.0).log2() / 16.0
}
