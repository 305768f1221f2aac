//! Changes that are refused, and that change nothing.

use portcullis::update::{LiveMatcher, Position, UpdateError};
use portcullis::{Action, ChainId, Config, ConnState, Rule, RuleId, RuleSet};

use super::rules;

const BASE: Position = Position::Last(ChainId::BASE);

#[track_caller]
fn refused(live: &mut LiveMatcher, at: Position, rule: Rule) -> String {
    let before = live.rule_set();
    let error = live.insert(at, rule).unwrap_err();
    assert_eq!(live.rule_set(), before);
    error.to_string()
}

#[test]
fn places_that_are_not_there() {
    let mut live = LiveMatcher::new(&rules("accept tcp\naccept udp"), &Config::new()).unwrap();
    let gone = live.key_at(ChainId::BASE, 1).unwrap();
    live.remove(gone).unwrap();
    let mut elsewhere = RuleSet::new(Action::Drop);
    let unknown = elsewhere.add_chain("unknown");
    let cases = [
        (Position::Before(gone), "rule #1 has been removed, or is a rule of another matcher"),
        (Position::After(gone), "rule #1 has been removed, or is a rule of another matcher"),
        (Position::First(unknown), "there is no chain 1"),
        (Position::Last(unknown), "there is no chain 1"),
        (Position::At(RuleId::new(unknown, 0)), "there is no chain 1"),
        (
            Position::At(RuleId::new(ChainId::BASE, 2)),
            "there is no place for rule 3: the chain has 1 rules",
        ),
    ];
    for (at, message) in cases {
        assert_eq!(refused(&mut live, at, Rule::accept()), message, "{at:?}");
    }
}

#[test]
fn rules_that_cannot_be_compiled() {
    let mut live = LiveMatcher::new(
        &rules("jump a any\naccept any\n\nchain a\njump b any\n\nchain b\naccept udp"),
        &Config::new(),
    )
    .unwrap();
    let set = live.rule_set();
    let [a, b] = ["a", "b"].map(|name| set.chain_named(name).unwrap());
    let mut deeper = RuleSet::new(Action::Drop);
    let nowhere = (0..9).map(|_| deeper.add_chain("")).last().unwrap();
    let cycle = "closes a cycle of jumps";
    let cases = [
        (Position::Last(b), Rule::jump(a), format!("rule 2 of chain `b`: {cycle}")),
        (Position::Last(b), Rule::goto(ChainId::BASE), format!("rule 2 of chain `b`: {cycle}")),
        (Position::First(a), Rule::jump(a), format!("rule 1 of chain `a`: {cycle}")),
        (
            Position::First(ChainId::BASE),
            Rule::jump(nowhere),
            "rule 1 of chain `base`: jumps to a chain that the rule set does not have".to_owned(),
        ),
        (
            BASE,
            Rule::accept().predicate([64]),
            "rule 3 of chain `base`: predicates are numbered 0 to 63".to_owned(),
        ),
    ];
    for (at, rule, message) in cases {
        assert_eq!(refused(&mut live, at, rule), message);
    }
    let state = live.insert(BASE, Rule::accept().state(ConnState::New)).unwrap_err();
    let UpdateError::Build(error) = &state else { panic!("{state}") };
    assert_eq!(error.rule(), Some(RuleId::new(ChainId::BASE, 2)));
    // What closed the circle is gone, so it is none any more.
    let key = live.key_at(a, 0).unwrap();
    live.remove(key).unwrap();
    live.insert(Position::Last(b), Rule::jump(a)).unwrap();
}

#[test]
fn chains_within_chains() {
    let mut live = LiveMatcher::new(&RuleSet::new(Action::Drop), &Config::new()).unwrap();
    let chains: Vec<ChainId> = (0..40).map(|i| live.add_chain(&i.to_string())).collect();
    // From the inside out, and from the outside in.
    for pair in chains[16..33].windows(2).rev() {
        live.insert(Position::Last(pair[0]), Rule::jump(pair[1])).unwrap();
    }
    for pair in chains[..17].windows(2) {
        live.insert(Position::Last(pair[0]), Rule::goto(pair[1])).unwrap();
    }
    let message = refused(&mut live, BASE, Rule::jump(chains[0]));
    assert_eq!(message, "rule 1 of chain `base`: more than 32 chains within chains");
    let message = refused(&mut live, Position::Last(chains[32]), Rule::jump(chains[33]));
    assert_eq!(
        message,
        "rule 2 of chain `32`: more than 32 chains within chains".replace("2 of", "1 of")
    );
    live.insert(BASE, Rule::jump(chains[1])).unwrap();
    live.rebuild().unwrap();
}

#[test]
fn a_limit_that_a_rebuild_meets() {
    let text = "accept in wg*";
    let size = portcullis::StatelessMatcher::compile(&rules(text), &Config::new()).unwrap();
    let config = Config::new().size_limit(size.memory_bytes());
    let mut live = LiveMatcher::new(&rules(text), &config).unwrap();
    for port in 0..100 {
        live.insert(BASE, Rule::accept().tcp().to_ports(port)).unwrap();
    }
    let error = live.rebuild().unwrap_err();
    assert!(error.limit().is_some(), "{error}");
    assert_eq!(live.inserted(), 100);
    // This one could not be matched without compiling.
    let message = refused(&mut live, BASE, Rule::drop().in_interface("wg0"));
    assert!(message.contains("size limit"), "{message}");
    assert_eq!(live.inserted(), 100);
}
