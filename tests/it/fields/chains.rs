use portcullis::rule::Effect;
use portcullis::{Action, Packet, RuleSet};

use super::{rules, syn};

/// The rule that decides, as its chain's name and its place counted from 1; `default` otherwise.
fn decided(rules: &RuleSet, packet: &Packet) -> String {
    match rules.first_match(packet, None).rule {
        Some(id) => format!("{} {}", rules.chain(id.chain).unwrap().name(), id.index + 1),
        None => "default".into(),
    }
}

/// What a packet sees in a rule set: the `Continue` rules that match, then what decides.
fn trace(rules: &RuleSet) -> Vec<String> {
    let mut seen = Vec::new();
    let decision = rules.walk(&syn(), None, |id, _| {
        seen.push(format!("{} {}", rules.chain(id.chain).unwrap().name(), id.index + 1));
    });
    assert_eq!(decision, rules.first_match(&syn(), None));
    seen.push(decided(rules, &syn()));
    seen
}

#[test]
fn the_first_match_decides() {
    let rules = rules("drop udp\naccept tcp\ndrop tcp");
    assert_eq!(decided(&rules, &syn()), "base 2");
    assert_eq!(*rules.first_match(&syn(), None).action, Action::Accept);
}

#[test]
fn what_no_rule_matches_gets_the_default() {
    let rules = rules("default reject\naccept udp");
    let decision = rules.first_match(&syn(), None);
    assert_eq!((decision.rule, decision.action), (None, rules.default_action()));
}

#[test]
fn a_rule_of_the_called_chain_decides() {
    let rules = rules("jump a tcp\ndrop any\nchain a\ndrop udp\naccept any");
    assert_eq!(trace(&rules), ["a 2"]);
}

#[test]
fn a_jump_whose_criteria_do_not_hold_leads_nowhere() {
    let rules = rules("jump a udp\ndrop any\nchain a\naccept any");
    assert_eq!(trace(&rules), ["base 2"]);
}

#[test]
fn a_jump_comes_back() {
    for body in ["", "accept udp", "return any\naccept any", "return tcp\naccept any"] {
        let rules = rules(&format!("count any\njump a any\ncount any\ndrop any\nchain a\n{body}"));
        assert_eq!(trace(&rules), ["base 1", "base 3", "base 4"], "{body}");
    }
}

#[test]
fn a_chain_may_be_jumped_to_twice() {
    let rules = rules("jump a any\njump a any\nchain a\ncount any");
    assert_eq!(trace(&rules), ["a 1", "a 1", "default"]);
}

#[test]
fn jumps_nest() {
    let rules = rules(
        "jump a any
         count any
         drop any
         chain a
         jump b any
         count any
         chain b
         jump c any
         count any
         return any
         accept any
         chain c
         count any",
    );
    assert_eq!(trace(&rules), ["c 1", "b 2", "a 2", "base 2", "base 3"]);
}

#[test]
fn a_goto_from_the_base_chain_ends_with_the_default() {
    for body in ["", "return any", "accept udp"] {
        let rules = rules(&format!("goto a any\naccept any\nchain a\n{body}"));
        assert_eq!(trace(&rules), ["default"], "{body}");
    }
}

#[test]
fn a_goto_in_a_called_chain_comes_back_behind_its_caller() {
    for body in ["", "return any", "accept udp"] {
        let rules = rules(&format!(
            "jump a any\ncount any\ndrop any\nchain a\ngoto b any\naccept any\nchain b\n{body}"
        ));
        assert_eq!(trace(&rules), ["base 2", "base 3"], "{body}");
    }
}

#[test]
fn gotos_in_a_row_come_back_behind_the_last_jump() {
    let rules = rules(
        "jump a any
         count any
         chain a
         jump b any
         count any
         chain b
         goto c any
         accept any
         chain c
         goto d any
         accept any
         chain d
         count any",
    );
    assert_eq!(trace(&rules), ["d 1", "a 2", "base 2", "default"]);
}

#[test]
fn a_jump_in_a_chain_that_a_goto_led_to_comes_back_there() {
    let rules = rules(
        "goto a any
         accept any
         chain a
         jump b any
         count any
         chain b
         return any",
    );
    assert_eq!(trace(&rules), ["a 2", "default"]);
}

#[test]
fn a_return_in_the_base_chain_gives_the_default() {
    assert_eq!(trace(&rules("return any\naccept any")), ["default"]);
    assert_eq!(trace(&rules("return udp\naccept any")), ["base 2"]);
}

#[test]
fn effects_are_seen_in_order() {
    let rules = rules("count any\nlog udp\nlog any\njump a any\naccept any\nchain a\naudit tcp");
    let mut seen = Vec::new();
    let _ = rules.walk(&syn(), None, |_, effect| seen.push(effect));
    assert_eq!(seen, [Effect::Count, Effect::Log, Effect::Audit]);
}

#[test]
fn a_mark_is_seen_by_later_rules() {
    let rules = rules("drop mark 0x2\nmark 0x2 any\naccept mark 0x2");
    assert_eq!(trace(&rules), ["base 2", "base 3"]);
}

#[test]
fn a_mark_set_in_a_chain_stays_after_it() {
    let rules = rules("jump a any\naccept mark 0x12\ndrop any\nchain a\nmark 0x12 any");
    assert_eq!(trace(&rules), ["a 1", "base 2"]);
}

#[test]
fn a_mark_changes_the_bits_of_its_mask_only() {
    let rules = rules("mark 0x10/0xf0 any\naccept mark 0xab1d");
    let mut packet = syn();
    packet.mark = 0xabcd;
    assert_eq!(decided(&rules, &packet), "base 2");
    assert_eq!(packet.mark, 0xabcd);
}

#[test]
fn a_mark_of_a_rule_that_does_not_match_changes_nothing() {
    assert_eq!(trace(&rules("mark 0x2 udp\naccept mark 0x2")), ["default"]);
}
