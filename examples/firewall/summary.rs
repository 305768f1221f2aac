//! Counts: decisions by matcher, hits by rule.

use std::collections::BTreeMap;
use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Row, Table};
use comfy_table::{ContentLineStyle, LineStyle, TableStyle};

use super::judge::{Column, Judge, Judged};
use super::paint::Paint;
use super::policy::Decider;
use super::rows::action;
use super::texts::Texts;
use super::words::{WIDTH, count};

/// What the matchers decided.
#[derive(Default)]
pub(crate) struct Summary {
    packets: u64,
    differing: u64,
    pub(crate) not_ip: u64,
    pub(crate) unreadable: u64,
    refused: u64,
    tallies: [Tally; 3],
}

#[derive(Default)]
struct Tally {
    actions: BTreeMap<&'static str, u64>,
    hits: BTreeMap<Decider, u64>,
}

impl Summary {
    pub(crate) fn note(&mut self, judged: &Judged) {
        self.packets += 1;
        self.differing += u64::from(judged.differs());
        self.refused += u64::from(judged.refused);
        for (column, tally) in Column::ALL.into_iter().zip(&mut self.tallies) {
            let verdict = judged.by(column);
            *tally.actions.entry(action(verdict.action)).or_default() += 1;
            *tally.hits.entry(verdict.by).or_default() += 1;
        }
    }

    /// How often each rule decided, and how many packets each matcher accepted. Where a matcher
    /// does not have a rule, there is a dash.
    pub(crate) fn write(
        &self,
        out: &mut impl Write,
        judge: &Judge,
        texts: &Texts,
        paint: Paint,
    ) -> io::Result<()> {
        writeln!(out, "{}", paint.bold("Decisions by rule"))?;
        let mut table = table();
        let mut silent = 0;
        for (by, text) in texts.deciders() {
            let hits = Column::ALL.map(|column| self.hits(column, by));
            if texts.are_many() && hits == [0; 3] {
                silent += 1;
                continue;
            }
            let counts =
                Column::ALL.map(|column| judge.has(column, by).then_some(hits[column as usize]));
            table.add_row(row(&texts.short(by), &text, counts));
        }
        table.add_row([""]);
        for (name, text) in [("accept", "accepted"), ("drop", "dropped"), ("reject", "rejected")] {
            let counts = self.tallies.each_ref().map(|tally| tally.actions.get(name).copied());
            if counts.iter().any(Option::is_some) {
                let counts = counts.map(|count| Some(count.unwrap_or_default()));
                table.add_row(row("", &format!("packets {text}"), counts));
            }
        }
        writeln!(out, "{}", table.trim_fmt())?;
        self.write_rest(out, silent)
    }

    /// What the table does not say.
    fn write_rest(&self, out: &mut impl Write, silent: u64) -> io::Result<()> {
        if silent > 0 {
            writeln!(out, "  {} without hits not listed.", count(silent, "rule", "rules"))?;
        }
        let judged = count(self.packets, "packet", "packets");
        let not_ip = count(self.not_ip, "frame", "frames");
        writeln!(
            out,
            "  {judged} judged, {not_ip} without IP, {} unreadable. The three do not agree on {} (≠).",
            self.unreadable, self.differing
        )?;
        if self.refused > 0 {
            let refused = count(self.refused, "packet", "packets");
            writeln!(out, "  The connection table was full for {refused}: see --connections.")?;
        }
        Ok(())
    }

    fn hits(&self, column: Column, by: Decider) -> u64 {
        self.tallies[column as usize].hits.get(&by).copied().unwrap_or(0)
    }
}

fn table() -> Table {
    let style = TableStyle::new()
        .header_lines(ContentLineStyle::none())
        .header_separator(LineStyle::none().fill('─').junction('─'))
        .content_lines(ContentLineStyle::none());
    let mut table = Table::new();
    let width = u16::try_from(WIDTH).unwrap_or(u16::MAX);
    table.load_style(style).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    let titles = Column::ALL.map(|column| right(column.title()));
    table.set_header(["", ""].map(Cell::new).into_iter().chain(titles).collect::<Vec<_>>());
    table
}

fn row(name: &str, text: &str, counts: [Option<u64>; 3]) -> Row {
    let counts = counts.map(|count| right(&count.map_or("-".into(), |count| count.to_string())));
    [Cell::new(name), Cell::new(text)].into_iter().chain(counts).collect::<Vec<_>>().into()
}

fn right(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}
