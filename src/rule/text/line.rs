//! What one line can say: a default action, the start of a chain, a rule.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::criteria::{Parsed, SetUse};
use super::error::Failure;
use super::lexer::{Line, Token, Word};
use super::suggest::nearest;
use super::{criteria, item};
use crate::rule::set::Set;
use crate::rule::{ChainId, Effect, Rule, Target};

/// A line that is not blank.
#[allow(clippy::large_enum_variant, reason = "taken apart at once, never kept")]
pub(super) enum Statement<'l, A> {
    Default { keyword: Word<'l>, action: A },
    Chain(Name<'l>),
    Set(Name<'l>, Set),
    Rule { rule: Rule<A>, chain: Option<Name<'l>>, sets: Vec<SetUse<'l>> },
}

/// The name of a chain and where it is written.
pub(super) struct Name<'l> {
    pub(super) name: String,
    pub(super) word: Word<'l>,
}

/// The words that begin a rule and are not actions.
const TARGETS: [&str; 11] = [
    "count", "log", "audit", "mark", "notrack", "zone", "spend", "jump", "goto", "return", "staged",
];

pub(super) const DEFAULT: &str = "default";
pub(super) const CHAIN: &str = "chain";
pub(super) const SET: &str = "set";

/// A chain that is not known yet: the caller puts the right one in its place.
const UNRESOLVED: ChainId = ChainId(u32::MAX);

pub(super) fn statement<'l, A: Clone>(
    line: &mut Line<'l>,
    actions: &[(&str, A)],
) -> Result<Statement<'l, A>, Failure> {
    let before = *line;
    match line.next()? {
        Token::Word(keyword) if keyword.text == DEFAULT => {
            let action = action(line, actions)?;
            line.end("nothing after the default action")?;
            Ok(Statement::Default { keyword, action })
        }
        Token::Word(keyword) if keyword.text == CHAIN => {
            let name = chain_name(line)?;
            line.end("nothing after the name of the chain")?;
            Ok(Statement::Chain(name))
        }
        Token::Word(keyword) if keyword.text == SET => {
            let name = set_name(line)?;
            Ok(Statement::Set(name, super::elements::set(line)?))
        }
        _ => {
            *line = before;
            rule(line, actions)
        }
    }
}

fn rule<'l, A: Clone>(
    line: &mut Line<'l>,
    actions: &[(&str, A)],
) -> Result<Statement<'l, A>, Failure> {
    let (target, chain) = target(line, actions)?;
    let Parsed { criteria, comment, sets } = criteria::parse(line)?;
    Ok(Statement::Rule { rule: Rule { criteria, target, comment }, chain, sets })
}

fn target<'l, A: Clone>(
    line: &mut Line<'l>,
    actions: &[(&str, A)],
) -> Result<(Target<A>, Option<Name<'l>>), Failure> {
    let before = *line;
    let keyword = line.next()?;
    let effect = |effect| Ok((Target::Continue(effect), None));
    match keyword.word().text {
        "count" => effect(Effect::Count),
        "log" => effect(Effect::Log),
        "audit" => effect(Effect::Audit),
        "notrack" => effect(Effect::NoTrack),
        "zone" => effect(Effect::Zone(item::zone_number(line)?)),
        "spend" => effect(Effect::Spend(item::predicate(line)?)),
        "mark" => effect(Effect::Mark(item::mark(line)?)),
        "jump" => Ok((Target::Jump(UNRESOLVED), Some(chain_name(line)?))),
        "goto" => Ok((Target::Goto(UNRESOLVED), Some(chain_name(line)?))),
        "return" => Ok((Target::Return, None)),
        "staged" => Ok((Target::Staged(action(line, actions)?), None)),
        first if actions.iter().all(|(name, _)| first_word(name) != first) => {
            let names = actions.iter().map(|(name, _)| first_word(name));
            Err(unknown(&keyword.word(), names.chain(TARGETS).chain([DEFAULT, CHAIN, SET])))
        }
        _ => {
            *line = before;
            Ok((Target::Action(action(line, actions)?), None))
        }
    }
}

/// The action whose name has the most words of the line.
fn action<A: Clone>(line: &mut Line<'_>, actions: &[(&str, A)]) -> Result<A, Failure> {
    let first = line.peek()?.word();
    let attempts = || actions.iter().filter_map(|(name, action)| Attempt::new(*line, name, action));
    let Some(best) = attempts().max_by_key(|attempt| (attempt.words, attempt.missing.is_none()))
    else {
        return Err(unknown(&first, actions.iter().map(|(name, _)| first_word(name))));
    };
    if best.missing.is_none() {
        *line = best.after;
        return Ok(best.action.clone());
    }
    let missing = attempts().filter(|attempt| attempt.words == best.words);
    Err(unknown(&best.after.peek()?.word(), missing.filter_map(|attempt| attempt.missing)))
}

/// How far an action's name agrees with a line.
struct Attempt<'a, 'l, A> {
    action: &'a A,
    /// How many words agree, at least one.
    words: usize,
    /// The word of the name that the line does not have.
    missing: Option<&'a str>,
    /// The line after the words that agree.
    after: Line<'l>,
}

impl<'a, 'l, A> Attempt<'a, 'l, A> {
    fn new(line: Line<'l>, name: &'a str, action: &'a A) -> Option<Self> {
        let mut attempt = Self { action, words: 0, missing: None, after: line };
        for word in name.split(' ') {
            if !attempt.after.take(word) {
                attempt.missing = Some(word);
                break;
            }
            attempt.words += 1;
        }
        (attempt.words > 0).then_some(attempt)
    }
}

fn chain_name<'l>(line: &mut Line<'l>) -> Result<Name<'l>, Failure> {
    name(
        line,
        "the name of a chain: letters, digits, `-`, `_` and `.`, or anything in quotation marks",
    )
}

pub(super) fn set_name<'l>(line: &mut Line<'l>) -> Result<Name<'l>, Failure> {
    name(
        line,
        "the name of a set: letters, digits, `-`, `_` and `.`, or anything in quotation marks",
    )
}

fn name<'l>(line: &mut Line<'l>, expected: &'static str) -> Result<Name<'l>, Failure> {
    match line.next()? {
        Token::Word(word) if is_plain_name(word.text) => Ok(Name { name: word.text.into(), word }),
        Token::Quoted(word) => Ok(Name { name: word.unquoted()?, word }),
        other => Err(other.word().expected(expected)),
    }
}

/// Whether the name of a chain or a set is written without quotation marks.
pub(super) fn is_plain_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.chars().all(is_plain)
}

fn first_word(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}

/// The failure that `word` is none of the words known at its place.
fn unknown<'k>(word: &Word<'_>, known: impl Iterator<Item = &'k str>) -> Failure {
    let mut distinct: Vec<&str> = Vec::new();
    for name in known {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    let mut list = String::new();
    for (position, name) in distinct.iter().enumerate() {
        let separator = match position {
            0 => "",
            _ if position + 1 == distinct.len() => " or ",
            _ => ", ",
        };
        list.push_str(&format!("{separator}`{name}`"));
    }
    Failure::new(word.span(), list).suggest(nearest(word.text, distinct.into_iter()))
}
