//! Compiling a rule set into an image.
//!
//! A rule becomes [`boxes`], and a [`record`] if it does more than decide; a [`forest`] of trees is
//! grown from the boxes ([`grow`], [`cut`]), the one that [`estimate`] says is cheapest to look up
//! in; [`write`] makes bytes of it.

mod boxes;
mod cut;
mod estimate;
mod forest;
mod grid;
mod grow;
mod record;
mod spans;
mod write;

use alloc::vec::Vec;

use self::boxes::{Boxes, Shape};
use self::forest::Forest;
use self::record::{has_checks, record};
use self::write::{TooLarge, Writer};
use crate::Config;
use crate::packet::Family;
use crate::rule::{BuildError, Chain, Limit, Rule, RuleSet, Target};
use crate::tree::lookup::image::{
    CHAIN_BYTES, CHECKED, DEFAULT_ACTION, MAGIC, RECORD, VERSION, header,
};

/// A compiled rule set: the image's bytes, and the actions that it numbers.
pub(in crate::tree) struct Output<A> {
    pub(in crate::tree) bytes: Vec<u8>,
    /// The default action is the first.
    pub(in crate::tree) actions: Vec<A>,
}

/// Compiles a rule set that has been checked.
pub(in crate::tree) fn compile<A: Clone + PartialEq>(
    rules: &RuleSet<A>,
    config: &Config,
) -> Result<Output<A>, BuildError> {
    let mut actions = Vec::from([rules.default_action().clone()]);
    let mut writer = Writer::new(64, config.size_limit.min(MAX_BYTES));
    let mut table = Vec::with_capacity(rules.chains().len() * CHAIN_BYTES / 4);
    for chain in rules.chains() {
        let numbers = chain.rules().iter().map(|rule| number(rule, &mut actions)).collect();
        let (budget, keep_hidden) = (config.memory_budget, config.keep_hidden);
        let compiler = Compiler { rules, chain, numbers, budget, keep_hidden };
        let line = compiler.write(&mut writer);
        table.extend(line.map_err(|TooLarge| too_large(config))?);
    }
    let chain_table = writer.words(table);
    writer.finish();
    let lines = writer.bytes.len() / 64;
    let words = [
        (header::MAGIC, MAGIC),
        (header::VERSION, VERSION),
        (header::LINES, lines as u32),
        (header::CHAINS, rules.chains().len() as u32),
        (header::CHAIN_TABLE, chain_table as u32),
    ];
    for (place, word) in words {
        writer.set_word(place, word);
    }
    match writer.bytes.len() <= config.size_limit {
        true => Ok(Output { bytes: writer.bytes, actions }),
        false => Err(too_large(config)),
    }
}

/// References have 32 bits.
const MAX_BYTES: usize = 1 << 31;

fn too_large(config: &Config) -> BuildError {
    BuildError::limit_of(Limit::Size { bytes: config.size_limit.min(MAX_BYTES) })
}

/// The number of the action of a rule that decides, or would. New ones are added; those that entries have no
/// room for may be there several times, so that many different ones take no longer to tell apart.
fn number<A: Clone + PartialEq>(rule: &Rule<A>, actions: &mut Vec<A>) -> u32 {
    let (Target::Action(action) | Target::Staged(action)) = &rule.target else {
        return DEFAULT_ACTION;
    };
    let known = actions.iter().take(RECORD as usize).position(|known| known == action);
    let number = known.unwrap_or_else(|| {
        actions.push(action.clone());
        actions.len() - 1
    });
    number as u32
}

/// Compiles one chain.
struct Compiler<'r, A> {
    rules: &'r RuleSet<A>,
    chain: &'r Chain<A>,
    /// The number of each rule's action.
    numbers: Vec<u32>,
    budget: usize,
    keep_hidden: bool,
}

impl<A> Compiler<'_, A> {
    /// Writes both families' forests and records; returns the chain's line of the chain table.
    fn write(&self, writer: &mut Writer) -> Result<[u32; 4], TooLarge> {
        let [v4, v6] = [Family::V4, Family::V6].map(|family| self.family(family));
        let forests = [&v4, &v6].map(|family| {
            let forest = Forest::plant(&family.boxes, self.budget);
            writer.forest(&family.boxes, &forest)
        });
        let records_v4 = self.records(writer, &v4.records);
        let records_v6 = match v4.records == v6.records {
            true => records_v4,
            false => self.records(writer, &v6.records),
        };
        let [forest_v4, forest_v6] = forests;
        Ok([forest_v4? as u32, forest_v6? as u32, records_v4, records_v6])
    }

    /// The boxes and the records of all rules that packets of a family can match.
    fn family(&self, family: Family) -> OneFamily {
        let mut boxes = Boxes::new(family);
        let mut records = Vec::new();
        for (index, (rule, number)) in self.chain.rules().iter().zip(&self.numbers).enumerate() {
            let shape = Shape::new(&rule.criteria, family, self.rules.interfaces());
            let Some(shape) = shape else { continue };
            let checked = has_checks(&rule.criteria, &shape, self.rules.sets());
            let decides = matches!(rule.target, Target::Action(_));
            let low = match checked {
                true => CHECKED,
                false if decides => (*number).min(RECORD),
                false => RECORD,
            };
            let goes_on = matches!(rule.target, Target::Jump(_)) || rule.target.effect().is_some();
            let ends = !checked && !goes_on && !self.keep_hidden;
            let entry = (index as u32) << 8;
            let doubtful = boxes.push(&shape, entry | low, entry | CHECKED, ends);
            if low >= RECORD || doubtful {
                records.push((index as u32, record(rule, &shape, *number, self.rules.sets())));
            }
        }
        OneFamily { boxes, records }
    }

    /// Writes records and a table of where they are, a word for each rule up to the last one that
    /// has one, behind how many these are; returns the table's byte offset, 0 if there are none.
    fn records(&self, writer: &mut Writer, records: &[(u32, Vec<u32>)]) -> u32 {
        let Some((last, _)) = records.last() else { return 0 };
        let mut table = alloc::vec![0; *last as usize + 1];
        for (rule, words) in records {
            table[*rule as usize] = (writer.words(words.iter().copied()) / 4) as u32;
        }
        let count = table.len() as u32;
        writer.words([count].into_iter().chain(table)) as u32 + 4
    }
}

/// A chain's boxes and records for one family.
struct OneFamily {
    boxes: Boxes,
    records: Vec<(u32, Vec<u32>)>,
}
