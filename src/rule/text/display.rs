use core::fmt;
use core::fmt::Write;

use super::elements::write_set;
use super::excerpt::is_shown;
use super::line::is_plain_name;
use super::names::Names;
use crate::packet::{Malformed, Protocol};
use crate::rule::order::OrderedRules;
use crate::rule::{
    AnyOf, ChainId, Criteria, Effect, FlagsMatch, InterfaceName, IpRange, PortRange, Rule, RuleId,
    RuleSet, SetName, Target,
};

/// Prints the text that is read back as an equal rule set; only chains that share a name get
/// distinct ones. What [`RuleSet::check`] refuses is printed too, in a way that is an error to
/// read where text cannot say it.
impl<A: fmt::Display> fmt::Display for RuleSet<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rules(f, self, |_, _| Ok(()))
    }
}

/// Prints the text that is read back as equal rules, the order first.
impl<A: fmt::Display> fmt::Display for OrderedRules<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "order {}", self.order())?;
        write_rules(f, self.rules(), |f, id| match self.number(id) {
            Some(number) => write!(f, "{number} "),
            None if self.is_quick(id) => f.write_str("quick "),
            None => Ok(()),
        })
    }
}

/// Writes a rule set, with what `before` writes before each rule.
fn write_rules<A: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    rules: &RuleSet<A>,
    before: impl Fn(&mut fmt::Formatter<'_>, RuleId) -> fmt::Result,
) -> fmt::Result {
    let names = Names::new(rules);
    let name = |f: &mut fmt::Formatter<'_>, id| write_chain_name(f, id, names.name(id));
    writeln!(f, "default {}", rules.default_action())?;
    for (name, set) in rules.sets().iter() {
        write!(f, "set {} ", ChainName(name.as_str()))?;
        write_set(f, set)?;
        f.write_char('\n')?;
    }
    for (chain, index) in rules.chains().iter().zip(0..) {
        let id = ChainId(index);
        if id != ChainId::BASE {
            f.write_str("\nchain ")?;
            name(f, id)?;
            f.write_char('\n')?;
        }
        for (rule, index) in chain.rules().iter().zip(0..) {
            before(f, RuleId::new(id, index))?;
            write_rule(f, rule, &name)?;
            f.write_char('\n')?;
        }
    }
    Ok(())
}

impl<A: fmt::Display> RuleSet<A> {
    /// The text of one rule, in which jumps have their chains' names; `None` if there is no such
    /// rule.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{Action, Rule, RuleSet};
    ///
    /// let mut rules = RuleSet::new(Action::Drop);
    /// let ssh = rules.add_chain("ssh");
    /// let id = rules.push(Rule::jump(ssh).tcp().to_ports(22));
    /// assert_eq!(rules.display_rule(id).unwrap().to_string(), "jump ssh tcp to any port 22");
    /// ```
    pub fn display_rule(&self, id: RuleId) -> Option<impl fmt::Display + '_> {
        self.rule(id).map(|rule| RuleIn { rules: self, rule })
    }
}

/// Prints the rule's text. A jump in it, which only its rule set could name, stands as
/// `jump <chain 2>` and cannot be read; see [`RuleSet::display_rule`].
impl<A: fmt::Display> fmt::Display for Rule<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rule(f, self, &|f, id| write_chain_name(f, id, None))
    }
}

/// Prints the criteria as in a rule's text, `any` if there are none.
impl fmt::Display for Criteria {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asks_nothing = self.original.as_ref().is_none_or(|original| original.is_any())
            && self.sets.as_ref().is_none_or(|sets| sets.is_any())
            && Self { original: None, sets: None, ..self.clone() } == Self::default();
        if asks_nothing {
            return f.pad("any");
        }
        let mut words = Words { f, separator: "" };
        words.list("in", &self.in_interface, write_interface)?;
        words.list("out", &self.out_interface, write_interface)?;
        words.list("vlan", &self.vlan, fmt::Display::fmt)?;
        self.family.map_or(Ok(()), |family| words.word(family))?;
        words.list(protocol_keyword(&self.protocol), &self.protocol, fmt::Display::fmt)?;
        words.list("icmp type", &self.icmp, fmt::Display::fmt)?;
        words.list("icmpv6 type", &self.icmpv6, fmt::Display::fmt)?;
        words.flags(&self.tcp_flags)?;
        words.end("from", &self.src, &self.src_port)?;
        words.end("to", &self.dst, &self.dst_port)?;
        words.list("fragment", &self.fragment, fmt::Display::fmt)?;
        words.malformed(&self.malformed)?;
        words.list("cut-source-port", &self.cut_src_port, fmt::Display::fmt)?;
        words.list("cut-destination-port", &self.cut_dst_port, fmt::Display::fmt)?;
        words.list("zone", &self.zone, fmt::Display::fmt)?;
        words.list("state", &self.state, fmt::Display::fmt)?;
        words.list("direction", &self.direction, fmt::Display::fmt)?;
        words.list("status", &self.status, fmt::Display::fmt)?;
        if let Some(original) = &self.original {
            words.list("original-protocol", &original.protocol, fmt::Display::fmt)?;
            words.end("original-from", &original.src, &original.src_port)?;
            words.end("original-to", &original.dst, &original.dst_port)?;
        }
        words.list("dscp", &self.dscp, fmt::Display::fmt)?;
        words.list("ttl", &self.ttl, fmt::Display::fmt)?;
        words.list("length", &self.length, fmt::Display::fmt)?;
        words.list("mark", &self.mark, fmt::Display::fmt)?;
        words.list("predicate", &self.predicate, fmt::Display::fmt)?;
        for (part, asked) in self.sets.iter().flat_map(|sets| sets.parts()) {
            words.list(part.keyword(), asked, write_set_name)?;
        }
        Ok(())
    }
}

/// One rule with the names that its rule set knows.
struct RuleIn<'r, A> {
    rules: &'r RuleSet<A>,
    rule: &'r Rule<A>,
}

impl<A: fmt::Display> fmt::Display for RuleIn<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rule(f, self.rule, &|f, id| {
            let own = self.rules.chain(id).map(|chain| chain.name());
            match self.rules.chains().iter().filter(|chain| Some(chain.name()) == own).count() {
                0 | 1 => write_chain_name(f, id, own),
                _ => write_chain_name(f, id, Names::new(self.rules).name(id)),
            }
        })
    }
}

type WriteChain<'w> = dyn Fn(&mut fmt::Formatter<'_>, ChainId) -> fmt::Result + 'w;

fn write_rule<A: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    rule: &Rule<A>,
    write_chain: &WriteChain<'_>,
) -> fmt::Result {
    match &rule.target {
        Target::Action(action) => action.fmt(f)?,
        Target::Staged(action) => write!(f, "staged {action}")?,
        // No text says this.
        Target::Continue(Effect::Staged) => f.write_str("staged")?,
        Target::Continue(Effect::Count) => f.write_str("count")?,
        Target::Continue(Effect::Log) => f.write_str("log")?,
        Target::Continue(Effect::Audit) => f.write_str("audit")?,
        Target::Continue(Effect::NoTrack) => f.write_str("notrack")?,
        Target::Continue(Effect::Zone(number)) => write!(f, "zone {number}")?,
        Target::Continue(Effect::Spend(number)) => write!(f, "spend {number}")?,
        Target::Continue(Effect::Mark(mark)) => write!(f, "mark {mark}")?,
        Target::Jump(chain) => {
            f.write_str("jump ")?;
            write_chain(f, *chain)?;
        }
        Target::Goto(chain) => {
            f.write_str("goto ")?;
            write_chain(f, *chain)?;
        }
        Target::Return => f.write_str("return")?,
    }
    write!(f, " {}", rule.criteria)?;
    rule.comment.as_deref().map_or(Ok(()), |comment| {
        f.write_str(" comment ")?;
        write_quoted(f, comment)
    })
}

/// A chain without a name is shown in a form that cannot be read.
fn write_chain_name(f: &mut fmt::Formatter<'_>, id: ChainId, name: Option<&str>) -> fmt::Result {
    match name {
        Some(name) => fmt::Display::fmt(&ChainName(name), f),
        None => write!(f, "<chain {}>", id.index()),
    }
}

/// The name of a chain or a set as text has it, in quotation marks if need be.
pub(super) struct ChainName<'n>(pub(super) &'n str);

impl fmt::Display for ChainName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match is_plain_name(self.0) {
            true => f.write_str(self.0),
            false => write_quoted(f, self.0),
        }
    }
}

/// Writes criteria with a space between.
struct Words<'w, 'f> {
    f: &'w mut fmt::Formatter<'f>,
    separator: &'static str,
}

impl Words<'_, '_> {
    fn word(&mut self, word: impl fmt::Display) -> fmt::Result {
        write!(self.f, "{}{word}", self.separator)?;
        self.separator = " ";
        Ok(())
    }

    fn list<T>(
        &mut self,
        keyword: &str,
        asked: &AnyOf<T>,
        write_item: fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        match asked.is_any() {
            true => Ok(()),
            false => self.separated(keyword, asked, ", ", write_item),
        }
    }

    /// Faults; all of them or none of them are said in a word.
    fn malformed(&mut self, asked: &AnyOf<Malformed>) -> fmt::Result {
        if asked.items() == Malformed::ALL {
            return self.word(if asked.is_negated() { "not malformed" } else { "malformed" });
        }
        self.list("malformed", asked, |fault, f| f.write_str(fault.name()))
    }

    /// Alternatives whose own parts have commas between.
    fn flags(&mut self, asked: &AnyOf<FlagsMatch>) -> fmt::Result {
        match asked.is_any() {
            true => Ok(()),
            false => self.separated("flags", asked, " or ", fmt::Display::fmt),
        }
    }

    /// Addresses and the ports that go with them.
    fn end(
        &mut self,
        keyword: &str,
        addresses: &AnyOf<IpRange>,
        ports: &AnyOf<PortRange>,
    ) -> fmt::Result {
        match addresses.is_any() && !ports.is_any() {
            true => self.word(format_args!("{keyword} any"))?,
            false => self.list(keyword, addresses, fmt::Display::fmt)?,
        }
        self.list("port", ports, fmt::Display::fmt)
    }

    fn separated<T>(
        &mut self,
        keyword: &str,
        asked: &AnyOf<T>,
        between: &str,
        write_item: fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        if !keyword.is_empty() {
            self.word(keyword)?;
        }
        if asked.is_negated() {
            self.word("not")?;
        }
        if asked.items().is_empty() {
            return self.word("none");
        }
        let mut separator = core::mem::replace(&mut self.separator, " ");
        for item in asked.items() {
            self.f.write_str(separator)?;
            write_item(item, self.f)?;
            separator = between;
        }
        Ok(())
    }
}

/// Protocols that all have names need no word before them.
fn protocol_keyword(asked: &AnyOf<Protocol>) -> &'static str {
    let named = asked.items().iter().all(|protocol| protocol.name().is_some());
    if named && !asked.items().is_empty() { "" } else { "protocol" }
}

/// `any`, `not` and `none` have a meaning of their own in lists.
fn write_set_name(name: &SetName, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match name.as_str() {
        "any" | "not" | "none" => write_quoted(f, name.as_str()),
        name => fmt::Display::fmt(&ChainName(name), f),
    }
}

pub(super) fn write_interface(name: &InterfaceName, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, ',' | '#' | '"');
    match name.as_str() {
        "" | "any" | "not" | "none" => write_quoted(f, name.as_str()),
        plain if plain.chars().all(is_plain) => f.write_str(plain),
        odd => write_quoted(f, odd),
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if is_shown(c) => f.write_char(c)?,
            c => write!(f, "\\u{{{:x}}}", u32::from(c))?,
        }
    }
    f.write_char('"')
}
