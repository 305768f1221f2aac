//! The texts of the rules and of whatever else decides.

use std::io::{self, Write};

use portcullis::{Order, Rule, RuleId, RuleSet, Target};

use super::judge::Column;
use super::paint::Paint;
use super::policy::{Changes, Decider, all, without_comments};
use super::rows::short;
use super::words::paragraph;

/// Up to how many rules all of them are listed.
const MANY: usize = 40;

pub(crate) struct Texts<'r> {
    rules: &'r RuleSet,
    /// The same for places where comments are too much.
    bare: RuleSet,
    added: String,
    order: Order,
}

impl<'r> Texts<'r> {
    pub(crate) fn new(rules: &'r RuleSet, added: String, order: Order) -> Self {
        Self { rules, bare: without_comments(rules), added, order }
    }

    /// Whether there are too many rules to list them all.
    pub(crate) fn are_many(&self) -> bool {
        self.rules.len() > MANY
    }

    pub(crate) fn short(&self, by: Decider) -> String {
        short(self.rules, by)
    }

    /// `rules 1, 2, 5`; a long list is cut.
    fn list(&self, rules: &[RuleId]) -> String {
        let shown = rules.iter().take(8).map(|id| self.short(Decider::Rule(*id)));
        let noun = if rules.len() == 1 { "rule" } else { "rules" };
        let more = if rules.len() > 8 { " and more" } else { "" };
        format!("{noun} {}{more}", shown.collect::<Vec<_>>().join(", "))
    }

    pub(crate) fn added(&self) -> &str {
        &self.added
    }

    /// Everything that can decide, in the order in which it is asked, and its text.
    pub(crate) fn deciders(&self) -> impl Iterator<Item = (Decider, String)> {
        let connection = "the packet belongs to an accepted connection";
        let first =
            (self.order == Order::KnownFirst).then(|| (Decider::Connection, connection.into()));
        let decides = |rule: &Rule| matches!(rule.target, Target::Action(_));
        let rules = all(&self.bare).filter(move |(_, rule)| decides(rule));
        let rules = rules.map(|(id, _)| (Decider::Rule(id), text(&self.bare, id)));
        let default = format!("default {}", self.rules.default_action());
        let last = [(Decider::Added, self.added.clone()), (Decider::Default, default)];
        first.into_iter().chain(rules).chain(last)
    }

    /// Writes the rules with their numbers, and what the three matchers make of them.
    pub(crate) fn write(
        &self,
        out: &mut impl Write,
        changes: &Changes,
        paint: Paint,
    ) -> io::Result<()> {
        if self.are_many() {
            writeln!(out, "  {} rules; those with hits are listed below", self.rules.len())?;
        } else {
            for (id, _) in all(self.rules) {
                let number = self.short(Decider::Rule(id));
                writeln!(out, "{number:>5}  {}", text(self.rules, id))?;
            }
            writeln!(out, "{:>5}  default {}", "*", self.rules.default_action())?;
        }
        let stateful = match self.order {
            Order::KnownFirst => {
                "the rules as they are; packets of accepted connections pass unasked (=)"
            }
            _ => "the rules as they are, each packet judged with the connection it belongs to",
        };
        let added = format!("the same and one more rule, for replies (+): {}", self.added);
        let meanings = [stateless(self, changes), added, stateful.into()];
        writeln!(out)?;
        for (column, meaning) in Column::ALL.into_iter().zip(meanings) {
            paragraph(out, paint, column.title(), &meaning)?;
        }
        self.write_note(out, paint)?;
        writeln!(out)
    }

    /// Names the rules that a capture cannot do justice.
    fn write_note(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        let beyond = all(self.rules).filter(|(_, rule)| asks_beyond(rule));
        let beyond: Vec<_> = beyond.map(|(id, _)| id).collect();
        if beyond.is_empty() {
            return Ok(());
        }
        let note = format!(
            "captures do not tell interfaces, marks and predicates; packets have none here, although asked for in {}",
            self.list(&beyond)
        );
        paragraph(out, paint, "note", &note)
    }
}

/// Whether a rule asks for something that a frame does not carry.
fn asks_beyond(rule: &Rule) -> bool {
    let asked = &rule.criteria;
    let interfaces_are_any = asked.in_interface.is_any() && asked.out_interface.is_any();
    !(interfaces_are_any && asked.mark.is_any() && asked.predicate.is_any())
}

/// How the stateless rules were made.
fn stateless(texts: &Texts<'_>, changes: &Changes) -> String {
    let mut meaning = String::from("each packet judged alone");
    if !changes.left_out.is_empty() {
        meaning += &format!("; left out: {}", texts.list(&changes.left_out));
    }
    if !changes.relaxed.is_empty() {
        meaning += &format!("; without their `state`: {}", texts.list(&changes.relaxed));
    }
    meaning
}

fn text(rules: &RuleSet, id: RuleId) -> String {
    rules.display_rule(id).map_or(String::new(), |text| text.to_string())
}
