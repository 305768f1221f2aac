use portcullis::{Action, ChainId, Packet, Rule, RuleSet};
use proptest::prelude::*;
use proptest::sample::Index;

use super::EVERYTHING;
use crate::strategies::{Rng, Shape, case, reduce, seeds, tracked};

proptest! {
    #[test]
    fn rules_built_by_code_read_back(seed in seeds()) {
        let (rules, packets) = case(seed, &Shape::STATEFUL);
        if !reads_back(&rules, &packets, seed) {
            let smallest = reduce(&rules, |rules| !reads_back(rules, &packets, seed));
            panic!("seed {seed}: does not read back:\n{smallest}\n{smallest:?}");
        }
    }

    #[test]
    fn names_and_comments_read_back(
        names in prop::collection::vec(name(), 0..6),
        comments in prop::collection::vec((any::<Index>(), any::<Index>(), name()), 0..12),
    ) {
        let mut rules = RuleSet::new(Action::Accept);
        let mut chains = vec![ChainId::BASE];
        chains.extend(names.iter().map(|name| rules.add_chain(name)));
        for (at, to, text) in &comments {
            let rule = Rule::jump(*to.get(&chains)).in_interface(text.as_str()).comment(text);
            rules.push_to(*at.get(&chains), rule);
        }
        let read: RuleSet = rules.to_string().parse().map_err(|error| fail(&rules, &error))?;
        for (chain, other) in rules.chains().iter().zip(read.chains()) {
            prop_assert_eq!(chain.rules(), other.rules());
        }
        let distinct = names.iter().all(|name| {
            name != "base" && names.iter().filter(|other| *other == name).count() == 1
        });
        prop_assert_eq!(distinct, rules.chains() == read.chains());
        prop_assert_eq!(read.to_string(), rules.to_string());
        prop_assert_eq!(read.to_string().parse::<RuleSet>().unwrap(), read);
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = text.parse::<RuleSet>().map_err(|error| error.to_string());
        let _ = text.parse::<Rule>().map_err(|error| error.to_string());
    }

    #[test]
    fn no_words_panic(words in prop::collection::vec(word(), 0..20)) {
        let text: String = words.concat();
        match text.parse::<RuleSet>() {
            Ok(rules) => prop_assert_eq!(rules.to_string().parse::<RuleSet>().unwrap(), rules),
            Err(error) => {
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
                let line = text.lines().nth(error.line() - 1).unwrap();
                prop_assert_eq!(error.source_line(), line);
                prop_assert!(error.column() <= error.source_line().chars().count() + 1);
                prop_assert!(error.to_string().contains(error.expected()));
            }
        }
    }

    #[test]
    fn no_damage_panics(at in any::<Index>(), c in any::<char>(), replaces in any::<bool>()) {
        let mut chars: Vec<char> = EVERYTHING.chars().collect();
        let at = at.index(chars.len());
        if replaces { chars[at] = c } else { chars.insert(at, c) }
        let text: String = chars.into_iter().collect();
        if let Ok(rules) = text.parse::<RuleSet>() {
            prop_assert_eq!(rules.to_string().parse::<RuleSet>().unwrap(), rules);
        }
    }
}

#[test]
fn no_beginning_of_a_text_panics() {
    for (end, _) in EVERYTHING.char_indices() {
        let text = &EVERYTHING[..end];
        match text.parse::<RuleSet>() {
            Ok(rules) => assert_eq!(rules.to_string().parse::<RuleSet>().unwrap(), rules),
            Err(error) => assert!(error.line() <= text.lines().count(), "{error}"),
        }
    }
}

fn fail(rules: &RuleSet, error: &portcullis::rule::TextError) -> TestCaseError {
    TestCaseError::fail(format!("{error}\n{rules}"))
}

/// Names that are plain, that are equal, that are words of the text form, that are odd.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}",
        "(base|a|a-2|a-3|any|none|not|chain|comment|eth\\*)",
        "[ \"\\\\#,\n\r\t/.é日\u{202e}\u{0}]{0,4}",
        any::<String>(),
    ]
}

/// Words of the text form and what stands between them.
fn word() -> impl Strategy<Value = String> {
    let known = EVERYTHING.split_inclusive([' ', ',', '-', '/', '\n']);
    let known: Vec<String> = known.map(str::to_owned).collect();
    prop_oneof![
        8 => prop::sample::select(known),
        1 => "[ \t,\n\r#\"\\\\-]",
        1 => any::<char>().prop_map(String::from),
    ]
}

/// Whether the text of the rule set is read as one that has the same rules and decides alike.
fn reads_back(rules: &RuleSet, packets: &[Packet], seed: u64) -> bool {
    let mut rng = Rng::new(seed);
    let Ok(read) = rules.to_string().parse::<RuleSet>() else { return false };
    let alike = |packet: &Packet| {
        let tracked = tracked(&mut rng);
        let decision = rules.first_match(packet, tracked);
        read.first_match(&renumbered(*packet, rules, &read), tracked) == decision
    };
    read.chains() == rules.chains() && packets.iter().all(alike)
}

/// The packet with the interface numbers of another rule set, which follow the order in which its
/// rules were added.
fn renumbered(mut packet: Packet, from: &RuleSet, to: &RuleSet) -> Packet {
    for id in [&mut packet.in_interface, &mut packet.out_interface] {
        *id = id.map(|id| to.interface(from.interface_name(id).unwrap().as_str()).unwrap());
    }
    packet
}
