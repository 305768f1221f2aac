//! The shipped case, decision by decision.

use std::fmt::Write;

use portcullis::{Action, ConnState, ConnTable, Direction, Limits, Order, Packet, RuleSet};

use super::files::office;
use super::judge::{Column, Judge, Judged};
use super::policy::Decider;
use super::rows::short;
use super::{run, shipped};

const EPHEMERAL: &str = "accept tcp, udp to 10.1.0.0/24 port 1024-65535";

fn rules() -> RuleSet {
    std::fs::read_to_string(shipped("office.rules")).unwrap().parse().unwrap()
}

fn judge(order: Order) -> Judge {
    let added: RuleSet = EPHEMERAL.parse().unwrap();
    let added = &added.chains()[0].rules()[0];
    let table = ConnTable::with_random_secret(&Limits::new(1_000));
    Judge::new(&rules(), added, table, order).unwrap()
}

/// Every IP packet of the shipped capture with its frame number and what is said of it.
fn judged(order: Order) -> Vec<(usize, Packet, Judged)> {
    let mut judge = judge(order);
    let frames = (1..).zip(office());
    let packets = frames.filter_map(|(number, frame)| {
        let packet = Packet::from_ethernet(&frame.bytes).ok()?;
        Some((number, packet, judge.judge(&packet, frame.nanos)))
    });
    packets.collect()
}

#[track_caller]
fn frame(number: usize) -> Judged {
    judged(Order::RulesFirst).into_iter().find(|judged| judged.0 == number).unwrap().2
}

fn actions(judged: &Judged) -> [Action; 3] {
    Column::ALL.map(|column| judged.by(column).action)
}

#[test]
fn every_decision_is_the_recorded_one() {
    let rules = rules();
    let mut text = String::new();
    for (number, _, judged) in judged(Order::RulesFirst) {
        let tracked = judged.tracked.unwrap();
        let direction = tracked.direction.map_or("none".into(), |way| way.to_string());
        write!(text, "{number} {} {direction}", tracked.state).unwrap();
        for column in Column::ALL {
            let verdict = judged.by(column);
            write!(text, " {} {}", verdict.action, short(&rules, verdict.by)).unwrap();
        }
        text.push('\n');
    }
    assert_eq!(text, include_str!("../../data/firewall/office.txt"));
}

#[test]
fn matchers_answer_as_the_linear_definition_does() {
    let rules = rules();
    for (number, packet, judged) in judged(Order::RulesFirst) {
        let expected = rules.first_match(&packet, judged.tracked);
        let verdict = judged.by(Column::Stateful);
        let by = expected.rule.map_or(Decider::Default, Decider::Rule);
        assert_eq!((verdict.action, verdict.by), (*expected.action, by), "frame {number}");
    }
}

#[test]
fn the_reply_is_dropped_alone_and_accepted_with_its_connection() {
    // HTTP, DNS, FTP: SYN+ACK or answer. The request is the frame before.
    for reply in [4, 18, 26] {
        let request = frame(reply - 1);
        assert_eq!(actions(&request), [Action::Accept; 3], "frame {}", reply - 1);
        let reply = frame(reply);
        assert_eq!(actions(&reply), [Action::Drop, Action::Accept, Action::Accept]);
        assert_eq!(reply.tracked.unwrap().state, ConnState::Established);
        assert_eq!(reply.tracked.unwrap().direction, Some(Direction::Reply));
        assert_eq!(reply.by(Column::Ephemeral).by, Decider::Added);
    }
}

#[test]
fn replies_without_ports_need_the_connection() {
    // An ICMP error from the router about the request in 23, and an echo reply.
    for (reply, state) in [(24, ConnState::Related), (61, ConnState::Established)] {
        let reply = frame(reply);
        assert_eq!(actions(&reply), [Action::Drop, Action::Drop, Action::Accept]);
        assert_eq!(reply.tracked.unwrap().state, state);
    }
}

#[test]
fn the_unsolicited_packet_gets_in_by_the_ephemeral_rule_only() {
    for (unasked, state) in [(44, ConnState::New), (16, ConnState::Invalid)] {
        let unasked = frame(unasked);
        assert_eq!(actions(&unasked), [Action::Drop, Action::Accept, Action::Drop]);
        assert_eq!(unasked.by(Column::Ephemeral).by, Decider::Added);
        assert_eq!(unasked.by(Column::Stateful).by, Decider::Default);
        assert_eq!(unasked.tracked.unwrap().state, state);
    }
}

#[test]
fn connections_first_decides_the_same_without_rules() {
    let pairs = judged(Order::RulesFirst).into_iter().zip(judged(Order::KnownFirst));
    let mut unasked = 0;
    for ((number, _, rules_first), (_, _, known_first)) in pairs {
        assert_eq!(actions(&rules_first), actions(&known_first), "frame {number}");
        let by = known_first.by(Column::Stateful).by;
        unasked += usize::from(by == Decider::Connection);
        let known = rules_first.tracked.unwrap().state == ConnState::Established
            || rules_first.tracked.unwrap().state == ConnState::Related;
        assert_eq!(by == Decider::Connection, known, "frame {number}");
    }
    assert_eq!(unasked, 43);
}

#[test]
fn the_output_says_it_in_words_that_fit_the_terminal() {
    let (output, result) = run(&[]);
    result.unwrap();
    let words = output.split_once("What this capture shows").unwrap().1;
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "24 packets answer requests that the rules allow. The stateless rules stop all 24,",
        "the stateful ones remember the requests and let all 24 through. The first is frame 4 ",
        "the answer to frame 3, which all three accept.",
        "`accept tcp, udp to 10.1.0.0/24 port 1024-65535`, lets 21 of 24 through.",
        "That rule also lets 6 packets through that no allowed request led to.",
        "Frame 44 (tcp 203.0.113.80:20 > 10.1.0.10:59103 SYN) opens a connection that the rules do not allow.",
        "2 later fragments have no ports",
    ] {
        assert!(words.contains(expected), "{expected}\nnot in: {words}");
    }
    for line in output.lines() {
        assert!(line.chars().count() <= 120 && line.trim_end() == line, "{line:?}");
    }
}

#[test]
fn the_table_counts_what_the_lines_say() {
    let (output, _) = run(&[]);
    let lines = super::frames(&output);
    let lines: Vec<_> = lines.into_iter().filter(|line| !line.contains("not IP")).collect();
    let counts = |name: &str| -> Vec<usize> {
        let line = output.lines().find(|line| line.contains(name)).unwrap();
        line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    let (accepted, dropped) = (counts("packets accepted"), counts("packets dropped"));
    for column in 0..3 {
        assert_eq!(accepted[column] + dropped[column], lines.len());
    }
    let all = |action: &str| lines.iter().map(|line| line.matches(action).count()).sum::<usize>();
    assert_eq!(accepted.iter().sum::<usize>(), all("accept "));
    assert_eq!(dropped.iter().sum::<usize>(), all("drop "));
    let marked = lines.iter().filter(|line| line.ends_with('≠')).count();
    assert!(output.contains(&format!("The three do not agree on {marked} (≠).")));
}
