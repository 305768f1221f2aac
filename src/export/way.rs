//! The rules of one way through a host, chain by chain.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::ExportError;
use super::asked::{Asked, Source};
use super::error::Fault;
use super::plan::{Line, Plan, Says, Stage};
use crate::import::iptables::Hook;
use crate::packet::{Family, Malformed};
use crate::rule::{Action, AnyOf, ChainId, Criteria, Effect, Rule, RuleId, RuleSet, Target};

/// The lines that one case of a rule becomes.
pub(super) struct Written {
    pub(super) stages: Vec<Stage>,
    /// What they do instead of what the rule's target says.
    pub(super) says: Option<Says>,
}

/// The words of a form.
pub(super) trait Form {
    fn lines(
        &mut self,
        id: RuleId,
        target: &Target,
        asked: &Asked<'_>,
    ) -> Result<Vec<Written>, Fault>;

    fn decide(&self, action: &Action, family: Family, of_tcp: bool) -> Result<String, Fault>;

    fn note(&self, effect: &Effect) -> Result<String, Fault>;

    /// The most bytes of a comment.
    const LONGEST_COMMENT: usize;
}

/// Rules on their way into a plan.
pub(super) struct Way<'w, F> {
    pub(super) hook: Hook,
    pub(super) family: Family,
    pub(super) rules: &'w RuleSet,
    pub(super) plan: &'w mut Plan,
    pub(super) form: &'w mut F,
}

impl<F: Form> Way<'_, F> {
    /// Writes the rules to a chain that packets come to by themselves, and says whether those that no
    /// rule decides are accepted there.
    pub(super) fn write(&mut self, built_in: usize) -> Result<bool, ExportError> {
        let default = *self.rules.default_action();
        let by_policy = matches!(default, Action::Accept | Action::Drop);
        let base = if by_policy { built_in } else { self.plan.add("base") };
        let own = self.rules.chains().iter().skip(1).map(|chain| self.plan.add(chain.name()));
        let ids: Vec<usize> = core::iter::once(base).chain(own.collect::<Vec<_>>()).collect();
        for (number, chain) in (0..).zip(self.rules.chains()) {
            let mut index = 0;
            let mut at = ids.get(number as usize).copied().unwrap_or_default();
            while let Some(rule) = chain.rules().get(index) {
                let id = RuleId::new(ChainId(number), index as u32);
                let next = chain.rules().get(index.saturating_add(1));
                let cut_too = next.is_some_and(|next| is_cut_twin(rule, next));
                let written = self.rule(id, rule, cut_too, at, &ids);
                at = written.map_err(|fault| fault.at(self.hook, Some(id), chain.name()))?;
                index = index.saturating_add(if cut_too { 2 } else { 1 });
            }
        }
        if !by_policy {
            let text = self.form.decide(&default, self.family, false);
            let text = text.map_err(|fault| fault.at(self.hook, None, ""))?;
            let line = |says| Line { matches: Vec::new(), says, comment: None };
            self.plan.push(built_in, line(Says::Jump(base)));
            self.plan.push(built_in, line(Says::Decide(text)));
        }
        Ok(default == Action::Accept)
    }

    /// Writes one rule at the end of a chain; where the rules after it belong.
    fn rule(
        &mut self,
        id: RuleId,
        rule: &Rule,
        cut_too: bool,
        mut at: usize,
        ids: &[usize],
    ) -> Result<usize, Fault> {
        let sets = self.rules.sets();
        let source = Source { criteria: &rule.criteria, sets, cut_too };
        let cases = source.cases(self.family)?;
        let comment = self.comment(rule)?;
        for asked in &cases {
            let says = self.says(&rule.target, asked, ids)?;
            for Written { stages, says: instead } in self.form.lines(id, &rule.target, asked)? {
                let says = instead.as_ref().unwrap_or(&says);
                at = self.plan.rule(at, &stages, says, comment)?;
            }
        }
        Ok(at)
    }

    fn comment<'r>(&self, rule: &'r Rule) -> Result<Option<&'r str>, Fault> {
        let Some(comment) = rule.comment.as_deref() else { return Ok(None) };
        if comment.len() > F::LONGEST_COMMENT || comment.contains(char::is_control) {
            let most = F::LONGEST_COMMENT;
            let why = format!("it may have {most} bytes and no control characters; shorten it");
            return Err(Fault::new("comment", why));
        }
        Ok(Some(comment))
    }

    fn says(&self, target: &Target, asked: &Asked<'_>, ids: &[usize]) -> Result<Says, Fault> {
        let of = |chain: &ChainId| ids.get(chain.index()).copied().unwrap_or_default();
        Ok(match target {
            Target::Action(action) => {
                Says::Decide(self.form.decide(action, self.family, asked.is_tcp())?)
            }
            Target::Continue(effect) => Says::Note(self.form.note(effect)?),
            Target::Jump(chain) => Says::Jump(of(chain)),
            Target::Goto(chain) => Says::Goto(of(chain)),
            Target::Return => Says::Return,
            Target::Staged(_) => {
                return Err(Fault::new(
                    "staged",
                    "there are no staged rules in the other system; take it out, or make it `log`",
                ));
            }
        })
    }
}

/// Whether a rule asks of headers cut short behind their ports what the rule before it asks of whole
/// ones, and says the same.
fn is_cut_twin(rule: &Rule, next: &Rule) -> bool {
    let Criteria { cut_src_port, cut_dst_port, malformed, .. } = &next.criteria;
    let short = malformed.items() == [Malformed::ShortTransport] && !malformed.is_negated();
    if cut_src_port.is_any() && cut_dst_port.is_any() || !(malformed.is_any() || short) {
        return false;
    }
    let whole = Criteria {
        src_port: cut_src_port.clone(),
        dst_port: cut_dst_port.clone(),
        cut_src_port: AnyOf::any(),
        cut_dst_port: AnyOf::any(),
        malformed: AnyOf::any(),
        ..next.criteria.clone()
    };
    whole == rule.criteria && next.target == rule.target && next.comment == rule.comment
}
