//! Claims about packets, as the tests of a firewall make them.

use std::panic::catch_unwind;

use portcullis::analysis::{Analysis, Packets, Refuted};
use portcullis::packet::TcpFlags;
use portcullis::{
    Action, ChainId, ConnState, Criteria, Packet, Reject, RuleId, RuleSet, Tracked,
    assert_accepted, assert_action, assert_decided_by, assert_denied, assert_equivalent,
};

use super::rules;

fn office() -> RuleSet {
    rules(
        "drop   tcp from 10.0.0.13 to any port 22
         jump services tcp to any port 20-30, 80
         reject with tcp-reset tcp to any port 113

         chain services
         accept from 10.0.0.0/8",
    )
}

fn ssh(from: &str) -> Packet {
    let from = format!("{from}:40000").parse().unwrap();
    Packet::tcp(from, "198.51.100.1:22".parse().unwrap(), TcpFlags::SYN).unwrap()
}

#[test]
fn what_holds_passes() {
    let rules = office();
    assert_accepted!(&rules, "tcp from 10.1.0.0/16 to any port 22");
    assert_accepted!(&rules, &"tcp from 10.1.0.0/16 to any port 80".parse::<Criteria>().unwrap());
    assert_accepted!(&rules, ssh("10.1.2.3"), "one packet of {}", "many");
    assert_accepted!(&rules, (ssh("10.1.2.3"), Tracked::new(ConnState::New, None)),);
    assert_denied!(&rules, "not tcp");
    assert_denied!(&rules, &ssh("10.0.0.13"));
    assert_denied!(&rules, "tcp from not 10.0.0.0/8",);
    assert_action!(&rules, "tcp to any port 113", &Action::Reject(Reject::TcpReset));
    assert_decided_by!(&rules, "udp", None);
    assert_decided_by!(&rules, ssh("10.0.0.13"), RuleId::new(ChainId::BASE, 0));
    assert_denied!(Analysis::new(&rules).packets(Packets::FlowKeys), "icmp to any port 5");
    assert_equivalent!(&rules, &office());
}

#[test]
fn what_is_refuted_says_which_packets_and_why() {
    let rules = office();
    let refuted =
        Analysis::new(&rules).all_denied("tcp from 10.0.0.12/31 to any port 22").unwrap_err();
    assert_eq!(
        refuted.to_string(),
        "not true that every packet of `tcp from 10.0.0.12/31 to any port 22` is denied
  chain 1 rule 1, accept from 10.0.0.0/8
    decides tcp from 10.0.0.12 to any port 22
such as
  tcp 10.0.0.12:40000 > 198.51.100.1:22
    rule 1, drop tcp from 10.0.0.13 to any port 22
      no: source address is 10.0.0.12, not `from 10.0.0.13`
    rule 2, jump services tcp to any port 20-30, 80
      yes: through chain `services`
        chain 1 rule 1, accept from 10.0.0.0/8
          yes: decides
  decision: accept, by chain 1 rule 1"
    );
    assert_eq!(refuted.decided().len(), 1);
    let refuted = Analysis::new(&rules).all_accepted(ssh("192.0.2.1")).unwrap_err();
    let text = refuted.to_string();
    assert!(
        text.starts_with("not true that `tcp 192.0.2.1:40000 > 198.51.100.1:22` is accepted\n")
    );
    assert!(text.ends_with("decision: drop, by default"), "{text}");
}

#[test]
fn long_answers_are_cut_short() {
    let mut text: String = (0..30).map(|i| format!("accept tcp to any port {}\n", 2 * i)).collect();
    text += "drop tcp to any port 1000\n";
    let rules = rules(&text);
    let refuted = Analysis::new(&rules).all_denied("tcp").unwrap_err();
    let text = refuted.to_string();
    assert_eq!(refuted.decided().len(), 30);
    assert!(text.contains("\n  and 25 more rules\n"), "{text}");
    let refuted = Analysis::new(&rules).all_accepted("tcp to any port 1000").unwrap_err();
    let text = refuted.to_string();
    assert!(
        text.contains("31 rules looked at\n    rule 31, drop tcp to any port 1000\n      yes: decides\n  decision: drop, by rule 31"),
        "{text}"
    );
}

#[test]
fn a_claim_about_nothing_is_refuted() {
    let refuted = Analysis::new(&office()).all_accepted("icmp to any port 22").unwrap_err();
    assert!(refuted.is_about_nothing());
    assert_eq!(
        refuted.to_string(),
        "claimed that every packet of `icmp to any port 22` is accepted, but no packet meets these criteria"
    );
}

#[test]
fn what_cannot_be_read_or_found_out_is_refuted() {
    let rules = office();
    let text = |refuted: Result<(), Refuted>| refuted.unwrap_err().to_string();
    let typo = text(Analysis::new(&rules).all_accepted("tpc"));
    assert!(typo.starts_with("line 1, column 1: expected a criterion"), "{typo}");
    let short = text(Analysis::new(&rules).max_steps(3).all_accepted("tcp"));
    assert!(
        short.starts_with(
            "not known whether every packet of `tcp` is accepted: gave up after 3 steps"
        ),
        "{short}"
    );
    let short = text(Analysis::new(&rules).max_steps(3).all_alike(&super::rules("accept any")));
    assert!(
        short.starts_with("not known whether every packet is decided alike: gave up"),
        "{short}"
    );
}

#[test]
fn what_two_rule_sets_decide_differently_is_said_by_rule() {
    let (a, b) =
        (rules("accept tcp to any port 22"), rules("default accept\ndrop tcp to any port 23"));
    let refuted = Analysis::new(&a).all_alike(&b).unwrap_err();
    assert_eq!(refuted.differences().len(), 1);
    let text = refuted.to_string();
    assert!(
        text.contains("  default drop\n  but in the second rule set default accept\n"),
        "{text}"
    );
}

#[test]
fn assertions_fail_with_the_message_of_the_caller_first() {
    let failure = catch_unwind(|| assert_denied!(&office(), "tcp to any port 80", "web {}", 1));
    let text = failure.unwrap_err().downcast::<String>().unwrap();
    assert!(
        text.starts_with("web 1: not true that every packet of `tcp to any port 80` is denied\n")
    );
    assert!(catch_unwind(|| assert_accepted!(&office(), "udp")).is_err());
    assert!(catch_unwind(|| assert_action!(&office(), "udp", &Action::Accept)).is_err());
    assert!(catch_unwind(|| assert_decided_by!(&office(), "tcp to any port 80", None)).is_err());
    assert!(catch_unwind(|| assert_equivalent!(&office(), &rules("drop any"))).is_err());
}
