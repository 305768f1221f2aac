//! Whole texts: lines put together to a rule set, and single rules.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;

use super::criteria::{self, SetUse};
use super::display::ChainName;
use super::error::{Failure, TextError};
use super::item;
use super::lexer::{Line, Word};
use super::line::{Name, Statement, statement};
use super::suggest::nearest;
use crate::rule::order::{MatchOrder, OrderedRules};
use crate::rule::set::{Set, SetKind};
use crate::rule::{Action, ChainId, Criteria, Reject, Rule, RuleSet, Target};

/// Reads the [text form](super); a text that states no default drops.
impl FromStr for RuleSet<Action> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::parse_with(text, Action::Drop, &ACTIONS)
    }
}

impl<A: Clone> RuleSet<A> {
    /// Reads the [text form](crate::rule::text) with the names of the caller's own actions, each
    /// one word or several with a space between. `default` is for a text that states none.
    ///
    /// The other words that begin a line (`jump`, `count`, `chain` and so on) keep their meaning.
    ///
    /// # Errors
    ///
    /// The first line that says nothing a rule set can say; then the first jump to a chain that
    /// the text does not declare.
    ///
    /// # Complexity
    ///
    /// Linear in the length of the text, times the number of actions.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::RuleSet;
    ///
    /// let actions = [("allow", 1), ("deny", 0), ("send to scanner", 2)];
    /// let rules = RuleSet::parse_with("send to scanner tcp to any port 25", 0, &actions)?;
    /// assert_eq!(*rules.default_action(), 0);
    /// # Ok::<(), portcullis::rule::TextError>(())
    /// ```
    pub fn parse_with(text: &str, default: A, actions: &[(&str, A)]) -> Result<Self, TextError> {
        let mut draft = Draft::new();
        for line in lines(text) {
            draft.add(line, actions).map_err(|failure| line.error(failure))?;
        }
        draft.resolve_jumps()?;
        draft.check_sets()?;
        Ok(draft.build(default))
    }
}

/// Reads the [text form](super) with a line `order` before everything else; a text that states no
/// default drops.
impl FromStr for OrderedRules<Action> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::parse_with(text, Action::Drop, &ACTIONS)
    }
}

impl<A: Clone> OrderedRules<A> {
    /// Reads the text form with the names of the caller's own actions, as
    /// [`RuleSet::parse_with`] does.
    ///
    /// # Errors
    ///
    /// Those of [`RuleSet::parse_with`], and when the text does not begin with an order.
    pub fn parse_with(text: &str, default: A, actions: &[(&str, A)]) -> Result<Self, TextError> {
        let mut lines = lines(text);
        let first = lines.next().unwrap_or(SourceLine { number: 1, text: "" });
        let order = match_order(first.text).map_err(|failure| first.error(failure))?;
        let mut draft = Draft { order: Some(order), ..Draft::new() };
        for line in lines {
            draft.add(line, actions).map_err(|failure| line.error(failure))?;
        }
        draft.resolve_jumps()?;
        draft.check_sets()?;
        let ranks = core::mem::take(&mut draft.ranks);
        Ok(Self::of(order, draft.build(default), ranks))
    }
}

/// The order that a line states.
fn match_order(text: &str) -> Result<MatchOrder, Failure> {
    let mut line = Line::new(text);
    let expected = "`order last-match` or `order priority`";
    if !line.take("order") {
        return Err(line.peek()?.word().expected(expected));
    }
    let word = line.word(expected)?;
    let order = MatchOrder::ALL.into_iter().find(|order| order.name() == word.text);
    let names = || MatchOrder::ALL.into_iter().map(MatchOrder::name);
    let unknown = || word.expected(expected).suggest(nearest(word.text, names()));
    let order = order.ok_or_else(unknown)?;
    line.end("nothing after the order")?;
    Ok(order)
}

/// Reads one rule, with nothing but blank lines and remarks around it. It cannot jump: a rule on
/// its own knows no chains.
impl FromStr for Rule<Action> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        only_line(text, "a rule", single_rule)
    }
}

/// Reads the criteria of a rule without its target, as [`Display`](core::fmt::Display) prints them:
/// `tcp to any port 22`, or `any`. Blank lines and remarks may be around them, a comment may not.
impl FromStr for Criteria {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        only_line(text, "criteria, or `any`", |text, again| {
            let mut line = Line::new(text);
            match again {
                true => Err(line.peek()?.word().expected("nothing after the criteria")),
                false => criteria::alone(&mut line),
            }
        })
    }
}

/// Reads the only line of a text that says something; `read` is told whether it is another one.
fn only_line<T>(
    text: &str,
    expected: &'static str,
    read: impl Fn(&str, bool) -> Result<T, Failure>,
) -> Result<T, TextError> {
    let mut last = SourceLine { number: 1, text: "" };
    let mut found = None;
    for line in lines(text) {
        let fail = |failure| line.error(failure);
        found = Some(read(line.text, found.is_some()).map_err(fail)?);
        last = line;
    }
    found.ok_or_else(|| last.error(Failure::new(0..0, expected).found("none")))
}

fn single_rule(text: &str, again: bool) -> Result<Rule<Action>, Failure> {
    let mut line = Line::new(text);
    let first = line.peek()?.word();
    if again {
        return Err(first.expected("nothing after the rule"));
    }
    match statement(&mut line, &ACTIONS)? {
        Statement::Rule { rule, chain: None, .. } => Ok(rule),
        Statement::Rule { chain: Some(name), .. } => {
            Err(name.word.expected("a rule without jump or goto, as there are no chains"))
        }
        _ => Err(first.expected("a rule")),
    }
}

/// The names of [`Action`]s.
static ACTIONS: [(&str, Action); 13] = [
    ("accept", Action::Accept),
    ("drop", Action::Drop),
    ("reject", Action::Reject(Reject::PortUnreachable)),
    ("reject with port-unreachable", Action::Reject(Reject::PortUnreachable)),
    ("reject with net-unreachable", Action::Reject(Reject::NetUnreachable)),
    ("reject with host-unreachable", Action::Reject(Reject::HostUnreachable)),
    ("reject with protocol-unreachable", Action::Reject(Reject::ProtocolUnreachable)),
    ("reject with net-prohibited", Action::Reject(Reject::NetProhibited)),
    ("reject with host-prohibited", Action::Reject(Reject::HostProhibited)),
    ("reject with admin-prohibited", Action::Reject(Reject::AdminProhibited)),
    ("reject with policy-fail", Action::Reject(Reject::PolicyFail)),
    ("reject with reject-route", Action::Reject(Reject::RejectRoute)),
    ("reject with tcp-reset", Action::Reject(Reject::TcpReset)),
];

/// A line of a text and its number, counted from 1.
#[derive(Clone, Copy)]
struct SourceLine<'t> {
    number: usize,
    text: &'t str,
}

impl SourceLine<'_> {
    fn error(&self, failure: Failure) -> TextError {
        TextError::new(failure, self.number, self.text)
    }
}

/// The lines that say something. A byte order mark before the first is no part of it.
fn lines(text: &str) -> impl Iterator<Item = SourceLine<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = text.lines().enumerate();
    let lines = numbered.map(|(index, text)| SourceLine { number: index + 1, text });
    lines.filter(|line| !Line::new(line.text).is_blank())
}

/// A rule set whose jumps do not know their chains yet.
struct Draft<'t, A> {
    default: Option<A>,
    /// The base chain first.
    chains: Vec<DraftChain<A>>,
    ids: BTreeMap<String, ChainId>,
    jumps: Vec<DraftJump<'t>>,
    sets: Vec<(String, Set)>,
    order: Option<MatchOrder>,
    /// For each chain and rule its number, or whether it is quick.
    ranks: Vec<Vec<u32>>,
    set_names: BTreeMap<String, SetKind>,
    set_uses: Vec<(SetUse<'t>, SourceLine<'t>)>,
}

struct DraftChain<A> {
    name: String,
    rules: Vec<Rule<A>>,
}

/// A rule of the draft and the chain that it names.
struct DraftJump<'t> {
    chain: usize,
    rule: usize,
    to: Name<'t>,
    line: SourceLine<'t>,
}

impl<'t, A: Clone> Draft<'t, A> {
    fn new() -> Self {
        let base = DraftChain { name: "base".into(), rules: Vec::new() };
        let ids = BTreeMap::from([(base.name.clone(), ChainId::BASE)]);
        Self {
            default: None,
            chains: Vec::from([base]),
            ids,
            jumps: Vec::new(),
            sets: Vec::new(),
            order: None,
            ranks: Vec::from([Vec::new()]),
            set_names: BTreeMap::new(),
            set_uses: Vec::new(),
        }
    }

    fn add(&mut self, line: SourceLine<'t>, actions: &[(&str, A)]) -> Result<(), Failure> {
        let mut words = Line::new(line.text);
        let first = words.peek()?.word();
        let rank = self.rank(&mut words)?;
        let said = statement(&mut words, actions)?;
        match (&said, rank, self.order) {
            (Statement::Rule { .. }, None, Some(MatchOrder::Priority)) => {
                return Err(first.expected("the number of the rule before it"));
            }
            (Statement::Rule { .. }, rank, _) => {
                let own = self.ranks.last_mut();
                own.into_iter().for_each(|ranks| ranks.push(rank.unwrap_or(1)));
            }
            (_, Some(_), _) => return Err(first.expected("a rule after it, or nothing of it")),
            _ => {}
        }
        match said {
            Statement::Default { keyword, action } => self.set_default(&keyword, action),
            Statement::Chain(name) => self.add_chain(name),
            Statement::Set(name, set) => self.add_set(name, set),
            Statement::Rule { rule, chain, sets } => {
                self.add_rule(rule, chain, line);
                self.set_uses.extend(sets.into_iter().map(|set| (set, line)));
                Ok(())
            }
        }
    }

    /// What a line says before its rule of where that comes in the order.
    fn rank(&self, line: &mut Line<'_>) -> Result<Option<u32>, Failure> {
        match self.order {
            Some(MatchOrder::LastMatch) => Ok(line.take("quick").then_some(0)),
            Some(MatchOrder::Priority) => item::rule_number(line),
            None => Ok(None),
        }
    }

    fn set_default(&mut self, keyword: &Word<'_>, action: A) -> Result<(), Failure> {
        if self.chains.len() > 1 {
            return Err(keyword.expected("the default of the base chain before the first `chain`"));
        }
        match self.default.replace(action) {
            None => Ok(()),
            Some(_) => Err(keyword.expected("one default").found("a second one")),
        }
    }

    fn add_chain(&mut self, Name { name, word }: Name<'_>) -> Result<(), Failure> {
        let id = ChainId(u32::try_from(self.chains.len()).unwrap_or(u32::MAX));
        match self.ids.entry(name.clone()) {
            Entry::Vacant(entry) => entry.insert(id),
            Entry::Occupied(entry) if *entry.get() == ChainId::BASE => {
                return Err(word.expected("another name than that of the base chain"));
            }
            Entry::Occupied(_) => {
                return Err(word.expected("a name that no chain before it has"));
            }
        };
        self.chains.push(DraftChain { name, rules: Vec::new() });
        self.ranks.push(Vec::new());
        Ok(())
    }

    fn add_set(&mut self, Name { name, word }: Name<'_>, set: Set) -> Result<(), Failure> {
        if self.set_names.contains_key(&name) {
            return Err(word.expected("a name that no set before it has"));
        }
        self.set_names.insert(name.clone(), set.kind());
        self.sets.push((name, set));
        Ok(())
    }

    /// Adds a rule to the chain begun last.
    fn add_rule(&mut self, rule: Rule<A>, to: Option<Name<'t>>, line: SourceLine<'t>) {
        let chain = self.chains.len() - 1;
        let Some(draft) = self.chains.last_mut() else { return };
        if let Some(to) = to {
            self.jumps.push(DraftJump { chain, rule: draft.rules.len(), to, line });
        }
        draft.rules.push(rule);
    }

    fn resolve_jumps(&mut self) -> Result<(), TextError> {
        for jump in &self.jumps {
            let Some(&id) = self.ids.get(&jump.to.name) else {
                return Err(jump.line.error(self.no_such_chain(&jump.to)));
            };
            let rules = self.chains.get_mut(jump.chain).map(|chain| &mut chain.rules);
            let rule = rules.and_then(|rules| rules.get_mut(jump.rule));
            if let Some(Target::Jump(to) | Target::Goto(to)) = rule.map(|rule| &mut rule.target) {
                *to = id;
            }
        }
        Ok(())
    }

    fn check_sets(&self) -> Result<(), TextError> {
        for (SetUse { name: Name { name, word }, part }, line) in &self.set_uses {
            match self.set_names.get(name) {
                None => {
                    let known = self.set_names.keys().map(|name| &**name);
                    let meant = nearest(name, known).map(|name| ChainName(name).to_string());
                    let expected = "a set that the text declares";
                    return Err(line.error(word.expected(expected).suggest(meant)));
                }
                Some(kind) if *kind != part.kind() => {
                    let found = format!("one of {kind}");
                    let expected = format!("a set of {}", part.kind());
                    let failure = Failure::new(word.span(), expected);
                    return Err(line.error(failure.found(&found)));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn no_such_chain(&self, to: &Name<'_>) -> Failure {
        let known = self.ids.keys().map(|name| &**name);
        let meant = nearest(&to.name, known).map(|name| ChainName(name).to_string());
        to.word.expected("a chain that the text declares").suggest(meant)
    }

    fn build(self, default: A) -> RuleSet<A> {
        let mut rules = RuleSet::new(self.default.unwrap_or(default));
        self.sets.into_iter().for_each(|(name, set)| rules.add_set(&name, set));
        for (index, draft) in self.chains.into_iter().enumerate() {
            let id = if index == 0 { ChainId::BASE } else { rules.add_chain(&draft.name) };
            for rule in draft.rules {
                rules.push_to(id, rule);
            }
        }
        rules
    }
}
