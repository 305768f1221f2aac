//! Chains of lines, each of which asks for all of some things, and how a rule becomes such lines.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::error::Fault;

/// What a rule asks of one field, in the words of the form it is written in.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    One(String),
    AnyOf(Vec<String>),
    NoneOf(Vec<String>),
}

impl Stage {
    /// One of the alternatives.
    pub(super) fn any_of(mut alternatives: Vec<String>) -> Self {
        match alternatives.pop() {
            Some(one) if alternatives.is_empty() => Self::One(one),
            last => {
                alternatives.extend(last);
                Self::AnyOf(alternatives)
            }
        }
    }
}

/// A line: a rule that asks for all of its matches.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) matches: Vec<String>,
    pub(super) says: Says,
    pub(super) comment: Option<Box<str>>,
}

/// What a line does; chains by their places.
#[derive(Clone, Debug)]
pub(super) enum Says {
    /// A decision.
    Decide(String),
    /// Something noted, on to the next line.
    Note(String),
    Jump(usize),
    Goto(usize),
    Return,
}

/// A chain being written.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) name: String,
    pub(super) lines: Vec<Line>,
}

/// The chains of a table.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) chains: Vec<Chain>,
    /// The names that are taken, each with the number of the next chain that wishes for it.
    names: BTreeMap<String, usize>,
    longest: usize,
    /// How matches begin that further lines of a rule have to ask again, if any do.
    carries: &'static str,
}

/// A rule that decides becomes up to so many lines in its own chain, one for each combination of
/// alternatives; a list for each field in chains of their own is shorter beyond.
const FEW: usize = 8;

/// The most lines that a rule becomes in its own chain.
const MOST: usize = 4096;

impl Plan {
    /// No chains; names have at most `longest` bytes and are none of `taken`.
    pub(super) fn new(longest: usize, taken: &[&str], carries: &'static str) -> Self {
        let names = taken.iter().map(|name| ((*name).into(), 2)).collect();
        Self { chains: Vec::new(), names, longest, carries }
    }

    /// Adds a chain that has to have this name.
    pub(super) fn add_named(&mut self, name: &str) -> usize {
        self.chains.push(Chain { name: name.into(), lines: Vec::new() });
        self.chains.len().saturating_sub(1)
    }

    /// Adds a chain with a name like this one, that no other chain has.
    pub(super) fn add(&mut self, wished: &str) -> usize {
        let sound = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' };
        let room = self.longest.saturating_sub(8);
        let mut name: String = wished.chars().map(sound).take(room).collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            name.insert(0, 'c');
        }
        while let Some(number) = self.names.get_mut(&name) {
            let numbered = format!("{name}.{number}");
            *number = number.saturating_add(1);
            if !self.names.contains_key(&numbered) {
                name = numbered;
                break;
            }
        }
        self.names.insert(name.clone(), 2);
        self.add_named(&name)
    }

    pub(super) fn push(&mut self, chain: usize, line: Line) {
        if let Some(chain) = self.chains.get_mut(chain) {
            chain.lines.push(line);
        }
    }

    /// Adds a rule that asks for all of the stages, in their order, to a chain; the chain that the rules
    /// after it belong to.
    pub(super) fn rule(
        &mut self,
        chain: usize,
        stages: &[Stage],
        says: &Says,
        comment: Option<&str>,
    ) -> Result<usize, Fault> {
        let comment: Option<Box<str>> = comment.map(Into::into);
        let lines = product(stages);
        let leaves = matches!(says, Says::Return | Says::Goto(_));
        let decides = leaves || matches!(says, Says::Decide(_));
        match lines {
            Some(lines) if lines.len() == 1 || decides && (leaves || lines.len() <= FEW) => {
                for matches in lines {
                    let comment = comment.clone();
                    self.push(chain, Line { matches, says: says.clone(), comment });
                }
                Ok(chain)
            }
            _ if leaves => self.split(chain, stages, says, comment),
            _ => {
                self.cascade(chain, stages, says, comment);
                Ok(chain)
            }
        }
    }

    /// A rule that leaves its chain, and so has to stand in it: packets of which something holds that must
    /// not go on in a chain that the rules after this one belong to.
    fn split(
        &mut self,
        chain: usize,
        stages: &[Stage],
        says: &Says,
        comment: Option<Box<str>>,
    ) -> Result<usize, Fault> {
        let many = || {
            let why = "a rule that leaves its chain asks for too many combinations; write several";
            Fault::new("return or goto", why)
        };
        let name = self.chains.get(chain).map_or(String::new(), |chain| chain.name.clone());
        let rest = self.add(&name);
        let line = |matches, says| Line { matches, says, comment: comment.clone() };
        let mut asked = Vec::new();
        for stage in stages {
            let Stage::NoneOf(others) = stage else {
                asked.push(stage.clone());
                continue;
            };
            let before = product(&asked).ok_or_else(many)?;
            for matches in before {
                for one in others {
                    let matches = matches.iter().chain([one]).cloned().collect();
                    self.push(chain, line(matches, Says::Goto(rest)));
                }
            }
        }
        for matches in product(&asked).ok_or_else(many)? {
            self.push(chain, line(matches, says.clone()));
        }
        self.push(chain, line(Vec::new(), Says::Goto(rest)));
        Ok(rest)
    }

    /// A rule whose alternatives stand in chains of their own, one after the other.
    fn cascade(&mut self, chain: usize, stages: &[Stage], says: &Says, comment: Option<Box<str>>) {
        let name = self.chains.get(chain).map_or(String::new(), |chain| chain.name.clone());
        let line = |matches: Vec<String>, says| Line { matches, says, comment: comment.clone() };
        let is_one = |stage: &&Stage| matches!(stage, Stage::One(_));
        let singles: Vec<String> = stages.iter().take_while(is_one).filter_map(single).collect();
        let mut at = self.add(&name);
        let first = singles.len();
        let mut carried = self.carried(&singles);
        self.push(chain, line(singles, Says::Jump(at)));
        let mut pending = carried.clone();
        for stage in stages.iter().skip(first) {
            match stage {
                Stage::One(one) => pending.push(one.clone()),
                Stage::AnyOf(alternatives) => {
                    let next = self.add(&name);
                    for one in alternatives {
                        let matches = pending.iter().chain([one]).cloned().collect();
                        self.push(at, line(matches, Says::Goto(next)));
                    }
                    carried = self.carried(&pending);
                    (at, pending) = (next, carried.clone());
                }
                Stage::NoneOf(others) => {
                    if pending != carried {
                        let next = self.add(&name);
                        carried = self.carried(&pending);
                        let matches = core::mem::replace(&mut pending, carried.clone());
                        self.push(at, line(matches, Says::Goto(next)));
                        at = next;
                    }
                    for one in others {
                        self.push(at, line(vec![one.clone()], Says::Return));
                    }
                }
            }
        }
        self.push(at, line(pending, says.clone()));
    }
}

impl Plan {
    /// What every further line of a rule has to ask again.
    fn carried(&self, matches: &[String]) -> Vec<String> {
        let carried = matches.iter().filter(|it| it.starts_with(self.carries));
        if self.carries.is_empty() { Vec::new() } else { carried.cloned().collect() }
    }
}

fn single(stage: &Stage) -> Option<String> {
    match stage {
        Stage::One(one) => Some(one.clone()),
        _ => None,
    }
}

/// One list of matches for each combination of alternatives, if they are not too many.
fn product(stages: &[Stage]) -> Option<Vec<Vec<String>>> {
    let mut all = vec![Vec::new()];
    for stage in stages {
        let alternatives = match stage {
            Stage::One(one) => core::slice::from_ref(one),
            Stage::AnyOf(alternatives) => alternatives.as_slice(),
            Stage::NoneOf(_) => return None,
        };
        if all.len().saturating_mul(alternatives.len()) > MOST {
            return None;
        }
        let longer = all.iter().flat_map(|line: &Vec<String>| {
            alternatives.iter().map(|one| line.iter().chain([one]).cloned().collect())
        });
        all = longer.collect();
    }
    Some(all)
}
