use portcullis::packet::{ConnFlag, Family, Malformed};
use portcullis::rule::{AnyOf, Effect, OriginalCriteria};
use portcullis::{Action, ChainId, Criteria, Direction, Reject, Rule, RuleSet, Target};

use super::vocabulary::{MANY, Vocabulary};
use super::{Rng, Shape};

/// A rule set that [`RuleSet::check`] accepts: chains jump to later chains only.
pub(crate) fn rule_set(rng: &mut Rng, shape: &Shape) -> RuleSet {
    let words = Vocabulary::new(rng, shape.rules);
    let style = Style::new(rng, shape);
    let mut rules = RuleSet::new(action(rng));
    let mut chains = vec![ChainId::BASE];
    for number in 0..rng.below(shape.chains + 1) {
        chains.push(rules.add_chain(&format!("chain-{number}")));
    }
    for _ in 0..1 + rng.below(shape.rules) {
        // Half of the rules are the base chain's.
        let at = if rng.percent(50) { 0 } else { rng.below(chains.len()) };
        let mut rule = Rule::new(target(rng, &words, &chains[at + 1..]));
        rule.criteria = criteria(rng, &words, style);
        rules.push_to(chains[at], rule);
    }
    rules
}

/// How likely a rule asks for the fields of a flow key, and for each other field, in percent.
#[derive(Clone, Copy)]
struct Style {
    key: usize,
    other: usize,
    states: bool,
}

impl Style {
    fn new(rng: &mut Rng, shape: &Shape) -> Self {
        // Of many rules most must be narrow, or the first few decide every packet.
        let (key, other) = match shape.rules {
            ..=MANY => rng.pick(&[(40, 0), (70, 0), (30, 5), (10, 12), (50, 2)]),
            _ => rng.pick(&[(96, 0), (90, 1), (80, 0), (60, 15), (85, 4)]),
        };
        Self { key, other, states: shape.states }
    }
}

fn action(rng: &mut Rng) -> Action {
    rng.pick(&[
        Action::Accept,
        Action::Drop,
        Action::Reject(Reject::PortUnreachable),
        Action::Reject(Reject::TcpReset),
    ])
}

fn target(rng: &mut Rng, words: &Vocabulary, later: &[ChainId]) -> Target {
    match rng.below(100) {
        0..15 if !later.is_empty() => Target::Jump(rng.pick(later)),
        15..22 if !later.is_empty() => Target::Goto(rng.pick(later)),
        22..30 => Target::Return,
        30..42 => Target::Continue(match rng.below(9) {
            0 => Effect::Count,
            1 => Effect::Log,
            2 => Effect::Audit,
            3 => Effect::NoTrack,
            4 => Effect::Zone(rng.pick(&[0, 7, u16::MAX])),
            5 => Effect::Spend(rng.pick(&[0, 63])),
            _ => Effect::Mark(rng.pick(&words.marks)),
        }),
        _ => Target::Action(action(rng)),
    }
}

fn criteria(rng: &mut Rng, words: &Vocabulary, style: Style) -> Criteria {
    let mut criteria = Criteria::default();
    let Style { key, other, states } = style;
    criteria.src = asked(rng, key, &words.addresses);
    criteria.dst = asked(rng, key, &words.addresses);
    criteria.protocol = asked(rng, key, &words.protocols);
    criteria.src_port = asked(rng, key / 2, &words.ports);
    criteria.dst_port = asked(rng, key, &words.ports);
    criteria.family = rng.percent(other).then(|| rng.pick(&[Family::V4, Family::V6]));
    criteria.icmp = asked(rng, other, &words.icmp);
    criteria.icmpv6 = asked(rng, other, &words.icmp);
    criteria.tcp_flags = asked(rng, other, &words.flags);
    criteria.fragment = asked(rng, other, &words.fragments);
    criteria.malformed = asked(rng, other, &Malformed::ALL);
    criteria.cut_src_port = asked(rng, other / 2, &words.ports);
    criteria.cut_dst_port = asked(rng, other / 2, &words.ports);
    criteria.in_interface = asked(rng, other, &words.interfaces);
    criteria.out_interface = asked(rng, other, &words.interfaces);
    criteria.dscp = asked(rng, other, &words.dscps);
    criteria.zone = asked(rng, other, &words.zones);
    criteria.ttl = asked(rng, other, &words.ttls);
    criteria.length = asked(rng, other, &words.lengths);
    criteria.mark = asked(rng, other, &words.marks);
    criteria.vlan = asked(rng, other, &words.vlans);
    criteria.predicate = asked(rng, other, &words.predicates);
    if states {
        criteria.state = asked(rng, other.max(10), &words.states);
        criteria.direction = asked(rng, other, &[Direction::Original, Direction::Reply]);
        criteria.status = asked(rng, other, &ConnFlag::ALL);
        let original = original(rng, words);
        let asks = rng.percent(other) && !original.is_any();
        criteria.original = asks.then(|| Box::new(original));
    }
    criteria
}

fn original(rng: &mut Rng, words: &Vocabulary) -> OriginalCriteria {
    let mut original = OriginalCriteria::default();
    original.src = asked(rng, 40, &words.addresses);
    original.dst = asked(rng, 40, &words.addresses);
    original.protocol = asked(rng, 40, &words.protocols);
    original.src_port = asked(rng, 20, &words.ports);
    original.dst_port = asked(rng, 40, &words.ports);
    original
}

/// Nothing, or some of `pool` (now and then all of it twice, seldom none), or none of those.
fn asked<T: Clone>(rng: &mut Rng, chance: usize, pool: &[T]) -> AnyOf<T> {
    if !rng.percent(chance) {
        return AnyOf::any();
    }
    let items = match rng.below(50) {
        0 => 0,
        1 => pool.len() * 2,
        2..12 => 2 + rng.below(2),
        _ => 1,
    };
    let items: Vec<T> = (0..items).map(|_| rng.pick(pool)).collect();
    // Most of a large pool negated is nearly everything.
    let negated = if pool.len() > 8 { 5 } else { 20 };
    if rng.percent(negated) { AnyOf::none_of(items) } else { AnyOf::one_of(items) }
}
