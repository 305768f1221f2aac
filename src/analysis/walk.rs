//! All packets of a piece at once on their way through the rules, as [`RuleSet::first_match`] leads
//! each of them: a rule takes its part out of the piece, and what is left goes on to the next.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::space::criteria::{cubes, mark_cubes};
use super::space::{Budget, Cube, Found, Hole, Packets, Piece, Search, Shared, Why};
use super::{AnalysisError, GaveUp};
use crate::rule::{ChainId, Criteria, Effect, Interfaces, Masked, RuleId, RuleSet, Target};

/// A rule set as cubes.
pub(super) struct Walker<'r, A> {
    pub(super) rules: &'r RuleSet<A>,
    pub(super) interfaces: &'r Interfaces,
    /// For each chain and rule the cubes of its criteria without the mark.
    cubes: Vec<Vec<Vec<Shared<Cube>>>>,
    /// All packets that are asked about.
    pub(super) region: Cube,
    /// What is no packet.
    pub(super) holes: Vec<Hole>,
    /// The names of interfaces, by number.
    pub(super) names: Shared<Vec<String>>,
}

/// Packets on their way, all at the same place.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) piece: Piece,
    /// The next rule.
    at: RuleId,
    /// Where to go on when the chain ends.
    callers: Vec<RuleId>,
    /// The bits of the mark that rules have set.
    mark: Masked,
    /// The rules that they matched so far and that noted something, if a walk keeps account.
    pub(super) noted: Vec<(RuleId, Effect)>,
    /// The rules that they matched so far and that led elsewhere.
    pub(super) met: Vec<RuleId>,
}

/// What a walk shows.
pub(super) enum Event<'e> {
    /// These packets match this rule. There may be none; the piece's holes say why.
    Matched(RuleId, &'e Flow),
    /// The default decides these packets, if there are any.
    Default(&'e Flow),
    /// This rule took all packets that were left, so that the rules after it are not shown.
    Ended(RuleId),
}

/// How to walk.
#[derive(Clone, Copy)]
pub(super) struct Manner<'m> {
    /// A rule to pass by.
    pub(super) without: Option<RuleId>,
    /// Whether to keep account of rules that note something.
    pub(super) noting: bool,
    /// What there is to see at a rule for packets that come to it.
    pub(super) interest: &'m dyn Fn(RuleId, &Flow) -> Interest,
}

impl Manner<'_> {
    /// Past every rule, each of interest.
    pub(super) const ALL: Self =
        Self { without: None, noting: false, interest: &|_, _| Interest::Shown };
}

/// What there is to see at a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// The packets that match it, if there are any.
    Shown,
    /// Nothing, but it takes packets.
    Dull,
    /// It is known to match none of the packets.
    Gone,
}

/// What a walk tells what it sees.
pub(super) type Seen<'s> =
    dyn FnMut(Event<'_>, &mut Budget) -> Result<ControlFlow<()>, AnalysisError> + 's;

impl<'r, A> Walker<'r, A> {
    /// `asked`: further criteria whose predicates and states matter.
    pub(super) fn new(
        rules: &'r RuleSet<A>,
        interfaces: &'r Interfaces,
        packets: Packets,
        asked: &[&Criteria],
    ) -> Self {
        let of_chain = |chain: &'r crate::rule::Chain<A>| {
            let rules = chain.rules().iter();
            rules.map(|rule| shared(cubes(&rule.criteria, interfaces))).collect()
        };
        let criteria = rules.chains().iter().flat_map(|chain| chain.rules());
        let criteria = criteria.map(|rule| &rule.criteria).chain(asked.iter().copied());
        let (mut states, mut predicates) = (false, 0);
        for criteria in criteria {
            states |= criteria.asks_connection();
            let numbers = criteria.predicate.items().iter();
            predicates |= numbers.fold(0, |bits, i| bits | 1u64 << (i & 63));
        }
        let holes = packets.holes(interfaces.len()).into_iter();
        let mut names = Vec::new();
        interfaces.each(|name| names.push(name.to_string()));
        Self {
            rules,
            interfaces,
            cubes: rules.chains().iter().map(of_chain).collect(),
            region: packets.region(states, predicates),
            holes: holes.map(|cube| Hole { cube: Shared::new(cube), why: Why::NoPacket }).collect(),
            names: Shared::new(names),
        }
    }

    /// Which rule decides packets, if any (`None` is the default), and how.
    pub(super) fn decided<'e>(
        &self,
        event: &Event<'e>,
    ) -> Option<(Option<RuleId>, &'r A, &'e Flow)> {
        match event {
            Event::Default(flow) => Some((None, self.rules.default_action(), flow)),
            Event::Matched(rule, flow) => Some((Some(*rule), self.action(*rule)?, flow)),
            Event::Ended(_) => None,
        }
    }

    /// The action of a rule that decides.
    pub(super) fn action(&self, rule: RuleId) -> Option<&'r A> {
        match &self.rules.rule(rule)?.target {
            Target::Action(action) => Some(action),
            _ => None,
        }
    }

    /// The cubes of a rule's criteria without the mark.
    pub(super) fn cubes(&self, rule: RuleId) -> &[Shared<Cube>] {
        let chain = self.cubes.get(rule.chain.index());
        chain.and_then(|chain| chain.get(rule.index as usize)).map_or(&[], Vec::as_slice)
    }

    /// Whether some packet that is asked about has what both rules ask, the mark apart.
    pub(super) fn overlap(
        &self,
        a: RuleId,
        b: RuleId,
        budget: &mut Budget,
    ) -> Result<bool, GaveUp> {
        for a in self.cubes(a) {
            for both in self.cubes(b).iter().filter_map(|b| a.intersect(b)) {
                let piece = self.everything().clip(&both);
                if piece.map_or(Ok(false), |piece| has_packets(&piece, budget))? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// All packets that are asked about.
    pub(super) fn everything(&self) -> Piece {
        Piece { cube: self.region.clone(), holes: self.holes.clone() }
    }

    /// Packets before the first rule.
    pub(super) fn start(&self, piece: Piece) -> Flow {
        Flow {
            piece,
            at: RuleId::new(ChainId::BASE, 0),
            callers: Vec::new(),
            mark: Masked::new(0, 0),
            noted: Vec::new(),
            met: Vec::new(),
        }
    }

    /// Leads packets through the rules and shows what becomes of them, until told to stop.
    pub(super) fn walk(
        &self,
        flow: Flow,
        manner: Manner<'_>,
        budget: &mut Budget,
        seen: &mut Seen<'_>,
    ) -> Result<ControlFlow<()>, AnalysisError> {
        let mut flows = Vec::from([flow]);
        while let Some(flow) = flows.pop() {
            if self.lead(flow, manner, &mut flows, budget, seen)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Where packets that match a rule go on; `None` if it decides them.
    pub(super) fn follow(&self, rule: RuleId, flow: &Flow, manner: Manner<'_>) -> Option<Flow> {
        let mut flow = flow.clone();
        match &self.rules.rule(rule)?.target {
            Target::Action(_) => return None,
            Target::Continue(effect) => {
                flow.mark = after(flow.mark, *effect);
                if manner.noting {
                    flow.noted.push((rule, *effect));
                }
            }
            Target::Staged(_) => {
                if manner.noting {
                    flow.noted.push((rule, Effect::Staged));
                }
            }
            Target::Jump(chain) => {
                flow.callers.push(flow.at);
                flow.at = RuleId::new(*chain, 0);
            }
            Target::Goto(chain) => flow.at = RuleId::new(*chain, 0),
            Target::Return => flow.at.index = u32::MAX,
        }
        flow.met.push(rule);
        Some(flow)
    }

    /// Leads packets to the end; those that a rule sends elsewhere are left in `flows`.
    fn lead(
        &self,
        mut flow: Flow,
        manner: Manner<'_>,
        flows: &mut Vec<Flow>,
        budget: &mut Budget,
        seen: &mut Seen<'_>,
    ) -> Result<ControlFlow<()>, AnalysisError> {
        loop {
            let id = flow.at;
            let Some(rule) = self.rules.rule(id) else {
                let Some(caller) = flow.callers.pop() else {
                    return seen(Event::Default(&flow), budget);
                };
                flow.at = caller;
                continue;
            };
            flow.at.index += 1;
            budget.spend(1)?;
            if manner.without == Some(id) {
                continue;
            }
            let cubes = self.cubes_of(id, &rule.criteria, flow.mark);
            let way = match (manner.interest)(id, &flow) {
                Interest::Gone => continue,
                Interest::Dull => {
                    cubes.iter().for_each(|cube| flow.piece.remove(cube, Why::Taken(id)));
                    ControlFlow::Continue(())
                }
                Interest::Shown => {
                    let mut at = At { walker: self, id, manner, flows };
                    at.part(&mut flow, cubes.iter(), budget, seen)?
                }
            };
            if way.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if flow.piece.filled_by_last() {
                return seen(Event::Ended(id), budget);
            }
        }
    }

    fn cubes_of(&self, id: RuleId, criteria: &Criteria, mark: Masked) -> Cubes<'_> {
        let cubes = self.cubes(id);
        if criteria.mark.is_any() {
            return Cubes::Kept(cubes);
        }
        let marks = mark_cubes(&criteria.mark, mark);
        let both = cubes.iter().flat_map(|a| marks.iter().filter_map(|b| a.intersect(b)));
        Cubes::Made(both.map(Shared::new).collect())
    }
}

/// A rule that packets have come to.
struct At<'w, 'm, A> {
    walker: &'w Walker<'w, A>,
    id: RuleId,
    manner: Manner<'m>,
    /// Packets that go elsewhere.
    flows: &'w mut Vec<Flow>,
}

impl<A> At<'_, '_, A> {
    /// Parts the packets of a flow into those that match, which are shown, and those that do not,
    /// which are left.
    fn part<'c>(
        &mut self,
        flow: &mut Flow,
        cubes: impl Iterator<Item = &'c Shared<Cube>>,
        budget: &mut Budget,
        seen: &mut Seen<'_>,
    ) -> Result<ControlFlow<()>, AnalysisError> {
        for cube in cubes {
            let Some(piece) = flow.piece.clip(cube) else { continue };
            budget.spend(flow.piece.holes.len())?;
            let filled = piece.filled_by().map(|hole| hole.why);
            let inside = Flow { piece, ..flow.beside() };
            if seen(Event::Matched(self.id, &inside), budget)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let is_taken = filled.is_some_and(|why| why != Why::Elsewhere);
            if is_taken || self.changes_nothing(&inside) {
                continue;
            }
            flow.piece.remove(cube, Why::Taken(self.id));
            let next = self.walker.follow(self.id, &inside, self.manner);
            if let Some(next) = next.filter(|_| filled.is_none())
                && has_packets(&next.piece, budget)?
            {
                self.flows.push(next);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether packets go on as if they had not matched.
    fn changes_nothing(&self, inside: &Flow) -> bool {
        let rule = self.walker.rules.rule(self.id);
        rule.and_then(|rule| rule.target.effect())
            .is_some_and(|effect| after(inside.mark, effect) == inside.mark && !self.manner.noting)
    }
}

impl Flow {
    /// The same without its piece.
    fn beside(&self) -> Self {
        Self {
            piece: Piece { cube: Cube::any(), holes: Vec::new() },
            at: self.at,
            callers: self.callers.clone(),
            mark: self.mark,
            noted: self.noted.clone(),
            met: self.met.clone(),
        }
    }

    /// The same packets where those of `other` are: at the same place of the same chains, having
    /// noted the same.
    pub(super) fn with_piece(&self, piece: Piece) -> Self {
        Self { piece, ..self.beside() }
    }
}

impl Piece {
    /// Whether what was taken away last took everything.
    fn filled_by_last(&self) -> bool {
        self.holes.last().is_some_and(|hole| self.cube.is_subset(&hole.cube))
    }
}

/// The cubes of a rule.
enum Cubes<'c> {
    Kept(&'c [Shared<Cube>]),
    Made(Vec<Shared<Cube>>),
}

impl Cubes<'_> {
    fn iter(&self) -> core::slice::Iter<'_, Shared<Cube>> {
        match self {
            Self::Kept(cubes) => cubes.iter(),
            Self::Made(cubes) => cubes.iter(),
        }
    }
}

/// Whether a piece has a packet.
pub(super) fn has_packets(piece: &Piece, budget: &mut Budget) -> Result<bool, GaveUp> {
    Search::run(piece, budget).map(|found| matches!(found, Found::Packets(_)))
}

fn shared(cubes: Vec<Cube>) -> Vec<Shared<Cube>> {
    cubes.into_iter().map(Shared::new).collect()
}

/// The bits of the mark that are set after an effect.
fn after(mark: Masked, effect: Effect) -> Masked {
    match effect {
        Effect::Mark(bits) => {
            let value = mark.value() & !bits.mask() | bits.value();
            Masked::new(value, mark.mask() | bits.mask())
        }
        _ => mark,
    }
}
