//! What is found out about rules.

use std::collections::BTreeMap;

use portcullis::analysis::{
    Analysis, AnalysisError, Correlated, Decided, Difference, Reach, Region,
};
use portcullis::rule::{AnyOf, IpRange, PortRange};
use portcullis::{Action, ChainId, ConnState, Criteria, Protocol, RuleId, RuleSet, Target};

/// More pairs whose order matters are not looked for.
const MOST_PAIRS: usize = 200;
/// How many accepts from anywhere are shown.
const WIDEST: usize = 10;

/// What is known of one rule set.
pub(crate) struct Audit {
    /// How many rules there are of each kind.
    pub(crate) kinds: BTreeMap<&'static str, usize>,
    pub(crate) reach: Vec<(RuleId, Reach)>,
    pub(crate) redundant: Vec<RuleId>,
    pub(crate) pairs: Vec<Correlated>,
    pub(crate) open: Vec<Open>,
}

/// What a rule accepts from every address.
pub(crate) struct Open {
    pub(crate) rule: RuleId,
    pub(crate) regions: Vec<Region>,
    /// The logarithm of how much it asks for.
    width: f64,
}

impl Audit {
    pub(crate) fn of(rules: &RuleSet) -> Result<Self, AnalysisError> {
        let analysis = Analysis::new(rules);
        let reach = analysis.reach()?;
        let redundant = analysis.redundant()?;
        let pairs = analysis.correlated(MOST_PAIRS)?;
        Ok(Self { kinds: kinds(rules), open: open(rules, &analysis)?, reach, redundant, pairs })
    }

    /// The rules that can never match, and why.
    pub(crate) fn never(&self) -> impl Iterator<Item = &(RuleId, Reach)> {
        self.reach.iter().filter(|(_, reach)| !matches!(reach, Reach::Matches(_)))
    }

    /// Redundant rules that can match.
    pub(crate) fn superfluous(&self) -> impl Iterator<Item = RuleId> {
        let matches = |rule: &RuleId| self.never().all(|(never, _)| never != rule);
        self.redundant.iter().copied().filter(matches)
    }
}

/// What two rule sets decide differently.
pub(crate) struct Comparison {
    pub(crate) differences: Vec<Difference>,
}

impl Comparison {
    pub(crate) fn of([a, b]: [&RuleSet; 2]) -> Result<Self, AnalysisError> {
        Ok(Self { differences: Analysis::new(a).difference(b)? })
    }
}

/// Every rule, in order; chains that share a name are known by the first.
pub(crate) fn ids(rules: &RuleSet) -> Vec<RuleId> {
    let chains = rules.chains().iter();
    let named = chains.filter_map(|chain| Some((rules.chain_named(chain.name())?, chain)));
    named
        .flat_map(|(id, chain)| (0..chain.rules().len() as u32).map(move |i| RuleId::new(id, i)))
        .collect()
}

/// The rule and its text, or the default.
pub(crate) fn named(rules: &RuleSet, rule: Option<RuleId>) -> String {
    match rule.and_then(|rule| Some((rule, rules.display_rule(rule)?))) {
        Some((rule, text)) => format!("{}: {text}", place(rules, rule)),
        None => format!("default {}", rules.default_action()),
    }
}

/// The rule's place, with the name of its chain: `rule 3`, `ssh rule 1`.
pub(crate) fn place(rules: &RuleSet, rule: RuleId) -> String {
    let number = u64::from(rule.index) + 1;
    match rules.chain(rule.chain) {
        Some(chain) if rule.chain != ChainId::BASE => format!("{} rule {number}", chain.name()),
        _ => format!("rule {number}"),
    }
}

/// A word for what a rule does.
pub(crate) fn kind(target: &Target) -> &'static str {
    match target {
        Target::Action(Action::Accept) => "accept",
        Target::Action(Action::Drop) => "drop",
        Target::Action(_) => "reject",
        Target::Continue(_) => "note",
        _ => "jump",
    }
}

fn kinds(rules: &RuleSet) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for rule in rules.chains().iter().flat_map(|chain| chain.rules()) {
        *kinds.entry(kind(&rule.target)).or_insert(0) += 1;
    }
    kinds
}

/// The widest of what is accepted from every address, of those that rules which ask no source address
/// accept.
fn open(rules: &RuleSet, analysis: &Analysis<'_>) -> Result<Vec<Open>, AnalysisError> {
    let asks_nothing = |id: RuleId| {
        let rule = rules.rule(id).filter(|rule| kind(&rule.target) == "accept");
        rule.is_some_and(|rule| all_addresses(&rule.criteria))
    };
    let is_open = |action: &Action, rule: Option<RuleId>| match rule {
        Some(rule) => *action == Action::Accept && asks_nothing(rule),
        None => *action == Action::Accept,
    };
    let decided = analysis.regions(&Criteria::default(), is_open)?;
    let mut open: Vec<Open> =
        decided.into_iter().filter_map(|decided| from_all(rules, decided)).collect();
    open.sort_by(|a, b| b.width.total_cmp(&a.width));
    open.truncate(WIDEST);
    Ok(open)
}

fn all_addresses(criteria: &Criteria) -> bool {
    let is_all = |range: &IpRange| range.prefix().is_some_and(|prefix| prefix.prefix_len() == 0);
    let src = &criteria.src;
    src.is_any() || !src.is_negated() && src.items().iter().any(is_all)
}

/// The regions that no address is excepted from.
fn from_all(rules: &RuleSet, decided: Decided) -> Option<Open> {
    let rule = decided.rule?;
    let names_source = |region: &Region| {
        let text = region.to_string();
        let asked = text.split(", except").next().unwrap_or_default();
        asked.contains("from ") && !asked.contains("from any port")
    };
    let regions: Vec<Region> = decided.regions.into_iter().filter(|r| !names_source(r)).collect();
    let width = width(&rules.rule(rule)?.criteria);
    (!regions.is_empty()).then_some(Open { rule, regions, width })
}

/// How much criteria ask for: bits of destination addresses and of ports, and protocols.
fn width(criteria: &Criteria) -> f64 {
    let ports = |asked: &AnyOf<PortRange>| match asked.is_any() || asked.is_negated() {
        true => 16.0,
        false => {
            let count =
                |range: &PortRange| f64::from(range.last()) - f64::from(range.first()) + 1.0;
            asked.items().iter().map(count).sum::<f64>().log2()
        }
    };
    let addresses = match criteria.dst.is_any() || criteria.dst.is_negated() {
        true => 32.0,
        false => {
            let free = criteria.dst.items().iter().filter_map(|range| range.prefix());
            free.map(|p| f64::from(p.max_prefix_len() - p.prefix_len()).min(32.0))
                .fold(0.0, f64::max)
        }
    };
    let protocols = if criteria.protocol.is_any() { 8.0 } else { 0.0 };
    let has_ports = |protocol: &Protocol| protocol.has_ports();
    let ports = match protocols == 0.0 && !criteria.protocol.items().iter().any(has_ports) {
        true => 0.0,
        false => ports(&criteria.dst_port),
    };
    // What belongs to known connections was let in by other rules.
    let states = &criteria.state;
    let is_open =
        states.is_any() || states.items().contains(&ConnState::New) != states.is_negated();
    addresses + ports + protocols - if is_open { 0.0 } else { 100.0 }
}
