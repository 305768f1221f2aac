//! Rules of which the last match or the lowest number decides, put into the order of the first match.

use portcullis::rule::order::{MatchOrder, OrderError, OrderedRules};
use portcullis::rule::{Effect, Masked};
use portcullis::{
    Action, ChainId, Config, Packet, Rule, RuleId, RuleSet, StatelessMatcher, Target,
};
use proptest::prelude::*;

use crate::strategies::{Rng, Shape, case, seeds};

const LAST: &str = "\
order last-match
default accept
drop any
quick accept tcp from 10.0.0.0/8
jump ssh tcp to any port 22
log any
accept udp

chain ssh
drop from 192.0.2.0/24
quick accept from 192.0.2.1
";

const NUMBERED: &str = "\
order priority
default drop
200 accept tcp to any port 80
100 drop from 198.51.100.0/24
200 reject tcp to any port 80
50 jump guests in wg*

chain guests
4294967295 drop any
0 return udp
";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_last_match_decides(seed in seeds()) {
        compare(seed, MatchOrder::LastMatch);
    }

    #[test]
    fn the_lowest_number_decides(seed in seeds()) {
        compare(seed, MatchOrder::Priority);
    }
}

/// Compares compiled rules, and the rule set they are compiled from, with the order's own definition.
fn compare(seed: u64, order: MatchOrder) {
    let shape = Shape { rules: 25, packets: 40, ..Shape::STATELESS };
    let (drawn, packets) = case(seed, &shape);
    let rules = ordered(&mut Rng::new(seed ^ 0x6f72), &drawn, order);
    let first = rules.in_order().unwrap();
    let matcher = StatelessMatcher::compile(first.rules(), &Config::new()).unwrap();
    for packet in &packets {
        let packet = renumbered(&drawn, first.rules(), packet);
        let mut expected_notes = Vec::new();
        let expected = rules.walk(&packet, None, |id, effect| expected_notes.push((id, effect)));
        let mut notes = Vec::new();
        let found =
            matcher.walk(&packet, |id, effect| notes.push((first.origin(id).unwrap(), effect)));
        let rule = found.rule.map(|id| first.origin(id).unwrap());
        assert_eq!((rule, found.action), (expected.rule, expected.action), "{rules}\n{packet:?}");
        assert_eq!(notes, expected_notes, "{rules}\n{packet:?}");
        assert_eq!(first.rules().first_match(&packet, None).rule, found.rule);
    }
    assert_eq!(rules.to_string().parse::<OrderedRules>().unwrap(), rules);
}

/// The drawn rules with numbers, or some of them quick, without what the order refuses.
fn ordered(rng: &mut Rng, drawn: &RuleSet, order: MatchOrder) -> OrderedRules {
    let last = order == MatchOrder::LastMatch;
    let default = *drawn.default_action();
    let mut rules =
        if last { OrderedRules::last_match(default) } else { OrderedRules::priority(default) };
    for (name, set) in drawn.sets().iter() {
        rules.add_set(name.as_str(), set.clone());
    }
    for (i, chain) in drawn.chains().iter().enumerate() {
        let id = if i == 0 { ChainId::BASE } else { rules.add_chain(chain.name()) };
        assert_eq!(id.index(), i);
    }
    let ids: Vec<ChainId> = chain_ids(drawn);
    for (chain, id) in drawn.chains().iter().zip(ids) {
        for rule in chain.rules() {
            match &rule.target {
                Target::Return | Target::Goto(_) | Target::Continue(Effect::Mark(_)) if last => {}
                Target::Action(_) | Target::Staged(_) if last && rng.percent(30) => {
                    rules.push_quick(id, rule.clone());
                }
                _ if last => _ = rules.push_to(id, rule.clone()),
                _ => _ = rules.push_numbered(id, rng.pick(&[0, 1, 1, 2, u32::MAX]), rule.clone()),
            }
        }
    }
    rules
}

fn chain_ids(rules: &RuleSet) -> Vec<ChainId> {
    let mut same = RuleSet::new(());
    let user = (1..rules.chains().len()).map(|_| same.add_chain(""));
    std::iter::once(ChainId::BASE).chain(user).collect()
}

pub(crate) fn renumbered(from: &RuleSet, to: &RuleSet, packet: &Packet) -> Packet {
    let number = |id| from.interface_name(id).and_then(|name| to.interface(name.as_str()));
    let mut packet = *packet;
    packet.in_interface = packet.in_interface.and_then(number);
    packet.out_interface = packet.out_interface.and_then(number);
    packet
}

fn decided(rules: &OrderedRules, src: &str, dst: &str) -> Option<RuleId> {
    let packet =
        Packet::tcp(src.parse().unwrap(), dst.parse().unwrap(), Default::default()).unwrap();
    rules.decide(&packet, None).rule
}

#[test]
fn the_definition_of_the_last_match_by_hand() {
    let rules: OrderedRules = LAST.parse().unwrap();
    let place = |src, dst| decided(&rules, src, dst).map(|id| (id.chain.index(), id.index));
    assert_eq!(place("10.0.0.1:1", "192.0.2.9:22"), Some((0, 1)), "quick");
    assert_eq!(place("172.16.0.1:1", "192.0.2.9:80"), Some((0, 0)), "the last that matches");
    assert_eq!(place("192.0.2.7:1", "192.0.2.9:22"), Some((1, 0)), "the last, in a chain");
    assert_eq!(place("192.0.2.1:1", "192.0.2.9:22"), Some((1, 1)), "quick in a chain");
    assert!(rules.is_quick(RuleId::new(ChainId::BASE, 1)));
    assert_eq!(rules.number(RuleId::new(ChainId::BASE, 1)), None);
}

#[test]
fn the_definition_of_numbers_by_hand() {
    let rules: OrderedRules = NUMBERED.parse().unwrap();
    let place = |src, dst| decided(&rules, src, dst).map(|id| (id.chain.index(), id.index));
    assert_eq!(place("198.51.100.1:1", "192.0.2.9:80"), Some((0, 1)), "the lowest number");
    assert_eq!(place("10.0.0.1:1", "192.0.2.9:80"), Some((0, 0)), "the first of equal numbers");
    assert_eq!(place("10.0.0.1:1", "192.0.2.9:81"), None);
    assert_eq!(rules.number(RuleId::new(ChainId::BASE, 3)), Some(50));
}

#[test]
fn text_is_read_and_printed() {
    for text in [LAST, NUMBERED] {
        let rules: OrderedRules = text.parse().unwrap();
        assert_eq!(rules.to_string(), text);
        assert_eq!(rules.to_string().parse::<OrderedRules>().unwrap(), rules);
    }
}

#[test]
fn errors_in_text() {
    let first = |text: &str| {
        let error = text.parse::<OrderedRules>().unwrap_err().to_string();
        error.lines().next().unwrap().to_owned()
    };
    assert!(first("accept any").contains("expected `order last-match` or `order priority`"));
    assert!(first("").contains("expected `order last-match` or `order priority`"));
    assert!(first("order prority").contains("did you mean `priority`?"));
    assert!(
        first("order priority\naccept any").starts_with("line 2, column 1: expected the number")
    );
    assert!(first("order priority\n7 default drop").contains("expected a rule after it"));
    assert!(first("order priority\n4294967296 drop any").contains("from 0 to 4294967295"));
    assert!(first("order priority\n007 drop any").contains("without leading zeros"));
    assert!(first("order last-match\nquick chain a").contains("expected a rule after it"));
    assert!(first("order last-match\n7 drop any").contains("line 2, column 1"));
    assert!("quick drop any".parse::<RuleSet>().is_err());
    assert!("order priority\n1 drop any".parse::<RuleSet>().is_err());
}

#[test]
fn what_an_order_refuses() {
    let refused = |rule: Rule, quick: bool| {
        let mut rules = OrderedRules::last_match(Action::Drop);
        let chain = rules.add_chain("ssh");
        rules.push(Rule::accept());
        match quick {
            true => rules.push_quick(chain, rule),
            false => rules.push_to(chain, rule),
        };
        rules.in_order().unwrap_err().to_string()
    };
    assert!(refused(Rule::return_(), false).starts_with("rule 1 of chain `ssh` leaves its chain"));
    let mark = Rule::continue_with(Effect::Mark(Masked::new(1, 1)));
    assert!(refused(mark, false).contains("sets a mark"));
    assert!(
        refused(Rule::continue_with(Effect::Log), true).contains("is quick but does not decide")
    );

    let mut rules = OrderedRules::priority(Action::Drop);
    let chain = rules.add_chain("a");
    rules.push_to(chain, Rule::jump(chain));
    assert!(matches!(rules.in_order(), Err(OrderError::Build(_))));
}
