use std::net::IpAddr;

use ipnet::IpNet;
use portcullis::packet::{ConnFlag, Family, Malformed};
use portcullis::rule::set::{EndpointSet, InterfaceSet, PortSet, PrefixSet, Set};
use portcullis::rule::{AnyOf, Effect, OriginalCriteria, SetCriteria, SetName};
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
    if shape.sets && rng.percent(50) {
        add_sets(rng, &words, &mut rules);
    }
    for _ in 0..1 + rng.below(shape.rules) {
        // Half of the rules are the base chain's.
        let at = if rng.percent(50) { 0 } else { rng.below(chains.len()) };
        let mut rule = Rule::new(target(rng, &words, &chains[at + 1..]));
        rule.criteria = criteria(rng, &words, style);
        if !rules.sets().is_empty() && rng.percent(30) {
            rule.criteria.sets = in_sets(rng);
        }
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
        22..29 => Target::Return,
        29 => Target::Staged(action(rng)),
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

/// Two sets of each kind, with values that rules use.
fn add_sets(rng: &mut Rng, words: &Vocabulary, rules: &mut RuleSet) {
    for number in 0..2 {
        let mut count = || rng.pick(&[0, 1, 3, 10]);
        let counts = [count(), count(), count(), count()];
        let prefixes = (0..counts[0]).map(|_| prefix(rng, words));
        rules.add_set(&format!("p{number}"), prefixes.collect::<PrefixSet>());
        let ports = (0..counts[1]).map(|_| rng.pick(&words.ports));
        rules.add_set(&format!("n{number}"), ports.collect::<PortSet>());
        let pairs = (0..counts[2]).map(|_| pair(rng, words));
        rules.add_set(&format!("e{number}"), pairs.collect::<EndpointSet>());
        let names = (0..counts[3]).map(|_| rng.pick(&words.interfaces));
        rules.add_set(&format!("i{number}"), names.collect::<InterfaceSet>());
    }
}

/// Changes the sets of a rule set that has some; of interfaces only those that rules name.
pub(crate) fn change_sets(rng: &mut Rng, rules: &mut RuleSet) {
    let words = Vocabulary::new(rng, 20);
    let (put_in, which) = (rng.percent(70), rng.below(2));
    let (net, pair) = (prefix(rng, &words), pair(rng, &words));
    _ = rules.change_set(&format!("p{which}"), |set: &mut PrefixSet| match put_in {
        true => set.insert(net),
        false => set.sorted().first().is_some_and(|first| set.remove(*first)),
    });
    _ = rules.change_set(&format!("e{which}"), |set: &mut EndpointSet| match put_in {
        true => set.insert(pair.0, pair.1),
        false => set.sorted().first().is_some_and(|(ip, port)| set.remove(*ip, *port)),
    });
    let ports = rng.pick(&words.ports);
    _ = rules.change_set(&format!("n{which}"), |set: &mut PortSet| match put_in {
        true => set.insert(ports),
        false => set.remove(ports),
    });
    let known = rules.sets().iter().find_map(|(_, set)| match set {
        Set::Interfaces(set) => set.iter().next().cloned(),
        _ => None,
    });
    if let Some(name) = known {
        _ = rules.change_set(&format!("i{which}"), |set: &mut InterfaceSet| match put_in {
            true => set.insert(name),
            false => set.remove(name),
        });
    }
}

/// A prefix at the edge of a range that rules name.
fn prefix(rng: &mut Rng, words: &Vocabulary) -> IpNet {
    let range = rng.pick(&words.addresses);
    let width = if range.first().is_ipv4() { 32 } else { 128 };
    let edge = rng.pick(&[range.first(), range.last()]);
    let length = rng.pick(&[0, 1, 8, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 64, 127, 128]);
    let net = IpNet::new(edge, length.min(width)).unwrap();
    range.prefix().filter(|_| rng.percent(60)).unwrap_or(net)
}

fn pair(rng: &mut Rng, words: &Vocabulary) -> (IpAddr, u16) {
    let (range, ports) = (rng.pick(&words.addresses), rng.pick(&words.ports));
    (rng.pick(&[range.first(), range.last()]), rng.pick(&[ports.first(), ports.last()]))
}

/// Some sets that one or two parts of a packet must be in.
fn in_sets(rng: &mut Rng) -> Option<Box<SetCriteria>> {
    let mut sets = SetCriteria::default();
    for _ in 0..1 + rng.below(2) {
        let kind = rng.pick(&["p", "n", "e", "i"]);
        let names = ["0", "1"].map(|number| SetName::from(&*format!("{kind}{number}")));
        let asked = asked(rng, 100, &names);
        let src = rng.percent(50);
        *match (kind, src) {
            ("p", true) => &mut sets.src,
            ("p", false) => &mut sets.dst,
            ("n", true) => &mut sets.src_port,
            ("n", false) => &mut sets.dst_port,
            ("e", true) => &mut sets.src_endpoint,
            ("e", false) => &mut sets.dst_endpoint,
            (_, true) => &mut sets.in_interface,
            (_, false) => &mut sets.out_interface,
        } = asked;
    }
    Some(Box::new(sets))
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
