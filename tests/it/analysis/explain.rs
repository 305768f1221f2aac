use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use portcullis::analysis::{Explanation, Field, Outcome};
use portcullis::conntrack::Why;
use portcullis::packet::{IcmpMessage, Malformed, Quote, TcpFlags, Transport};
use portcullis::{ChainId, Config, ConnTable, Direction, Limits, StatefulMatcher, Time};
use portcullis::{ConnState, Packet, RuleId, RuleSet, StatelessMatcher, Tracked};

use super::small::renumbered;
use super::{rules, seeds};
use crate::strategies::{Rng, Shape, case, tracked};

fn syn() -> Packet {
    let (src, dst) = ("10.1.2.3:40000".parse().unwrap(), "192.0.2.1:443".parse().unwrap());
    Packet::tcp(src, dst, TcpFlags::SYN).unwrap()
}

#[test]
fn an_explanation_ends_in_the_decision() {
    let mut steps = 0;
    for seed in 0..120 {
        let (rules, packets) = case(seed, &Shape::STATEFUL);
        let mut rng = Rng::new(seed);
        for packet in &packets {
            let tracked = tracked(&mut rng);
            let mut noted = Vec::new();
            let decision = rules.walk(packet, tracked, |rule, effect| noted.push((rule, effect)));
            let explanation = Explanation::new(&rules, packet, tracked);
            assert_eq!(explanation.decision, decision, "seed {seed}");
            let seen = explanation.steps.iter().filter_map(|step| match step.outcome {
                Outcome::Noted(effect) => Some((step.rule, effect)),
                _ => None,
            });
            assert_eq!(seen.collect::<Vec<_>>(), noted, "seed {seed}");
            let last = explanation.steps.last().filter(|step| step.outcome == Outcome::Decided);
            assert_eq!(last.map(|step| step.rule), decision.rule, "seed {seed}");
            steps += explanation.steps.len();
        }
    }
    assert!(steps > 15_000, "{steps}");
}

/// What is said of a field follows from a rule set with a rule for that field alone.
#[test]
fn the_field_that_failed_fails_alone_and_those_before_it_hold() {
    let mut fields = std::collections::BTreeSet::new();
    for seed in 0..120 {
        let (rules, packets) = case(seed, &Shape::STATELESS);
        let text = rules.to_string();
        let sets: Vec<&str> = text.lines().filter(|line| line.starts_with("set ")).collect();
        let sets = sets.join("\n");
        for packet in &packets {
            for step in Explanation::new(&rules, packet, None).steps {
                let Outcome::Failed(mismatch) = step.outcome else { continue };
                if !matches!(mismatch.field, Field::Mark) && !mismatch.asked.contains('"') {
                    let sets = if mismatch.field == Field::Sets { &*sets } else { "" };
                    let alone = super::rules(&format!("{sets}\ncount {}", mismatch.asked));
                    let packet = renumbered(&rules, &alone, packet);
                    let mut matched = false;
                    alone.walk(&packet, None, |_, _| matched = true);
                    assert!(!matched, "seed {seed}: {packet:?} {mismatch:?}");
                }
                fields.insert(mismatch.field);
            }
        }
    }
    let of_connections = [Field::State, Field::Direction, Field::Status, Field::Original];
    assert!(!fields.iter().any(|field| of_connections.contains(field)));
    assert_eq!(fields.len(), Field::ALL.len() - of_connections.len(), "{fields:?}");
}

#[test]
fn an_explanation_agrees_with_a_matcher() {
    for seed in 0..50 {
        let (rules, packets) = case(seed, &Shape::STATELESS);
        let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
        for packet in &packets {
            assert_eq!(Explanation::new(&rules, packet, None).decision, matcher.classify(packet));
        }
    }
}

#[test]
fn both_values_of_each_field_are_said() {
    let cases = [
        ("ipv6", "IP version is ipv4, not `ipv6`"),
        ("from 10.0.0.0/16", "source address is 10.1.2.3, not `from 10.0.0.0/16`"),
        ("to not 192.0.2.0/24", "destination address is 192.0.2.1, not `to not 192.0.2.0/24`"),
        ("udp, icmp", "protocol is tcp, not `udp, icmp`"),
        ("from any port 22", "source port is 40000, not `from any port 22`"),
        ("to any port 80, 8000-8099", "destination port is 443, not `to any port 80, 8000-8099`"),
        ("icmp type 8", "ICMP type and code is none, not `icmp type 8`"),
        ("icmpv6 type 8", "ICMPv6 type and code is none, not `icmpv6 type 8`"),
        ("flags none/syn", "TCP flags is syn, not `flags none/syn`"),
        ("fragment later", "fragment is whole, not `fragment later`"),
        ("malformed", "malformed is no, not `malformed`"),
        ("cut-source-port 1", "source port of a cut header is none, not `cut-source-port 1`"),
        (
            "cut-destination-port 1",
            "destination port of a cut header is none, not `cut-destination-port 1`",
        ),
        ("in eth0", "input interface is none, not `in eth0`"),
        ("out eth0", "output interface is none, not `out eth0`"),
        ("zone 1", "zone is 0, not `zone 1`"),
        ("state new", "connection state is none, not `state new`"),
        ("direction reply", "direction is none, not `direction reply`"),
        ("status assured", "connection flags is none, not `status assured`"),
        ("original-to 10.0.0.1", "original direction is none, not `original-to 10.0.0.1`"),
        ("dscp 46", "code point (DSCP) is 0, not `dscp 46`"),
        ("ttl 1", "time to live is 64, not `ttl 1`"),
        ("length 40", "length is 0, not `length 40`"),
        ("mark 7", "mark is 0x0, not `mark 0x7`"),
        ("vlan 7", "VLAN id is none, not `vlan 7`"),
        ("predicate 3", "predicates is 0x0, not `predicate 3`"),
        ("to-port-set not web", "named sets is to-port-set web, not `to-port-set not web`"),
    ];
    assert_eq!(cases.len(), Field::ALL.len());
    for (criteria, expected) in cases {
        let rules = rules(&format!("set web ports 443\naccept {criteria}"));
        let explanation = Explanation::new(&rules, &syn(), None).to_string();
        assert!(explanation.contains(&format!("no: {expected}\n")), "{explanation}");
    }
}

#[test]
fn chains_are_followed_and_shown() {
    let rules = rules(
        "mark 5 any
         jump a tcp
         drop mark 0
         accept mark 5
         chain a
         return icmp
         goto b from 10.0.0.0/8
         drop any
         chain b
         drop to any port 22",
    );
    let explanation = Explanation::new(&rules, &syn(), None);
    let expected = "\
tcp 10.1.2.3:40000 > 192.0.2.1:443
  rule 1, mark 0x5 any
    yes: notes it and goes on
  rule 2, jump a tcp
    yes: through chain `a`
      chain 1 rule 1, return icmp
        no: protocol is tcp, not `icmp`
      chain 1 rule 2, goto b from 10.0.0.0/8
        yes: on to chain `b`
          chain 2 rule 1, drop to any port 22
            no: destination port is 443, not `to any port 22`
  rule 3, drop mark 0x0
    no: mark is 0x5, not `mark 0x0`
  rule 4, accept mark 0x5
    yes: decides
decision: accept, by rule 4
";
    assert_eq!(explanation.to_string(), expected);
    assert!(explanation.path.is_empty());
    let ssh =
        Packet::tcp("10.1.2.3:1".parse().unwrap(), "192.0.2.1:22".parse().unwrap(), TcpFlags::SYN);
    let explanation = Explanation::new(&rules, &ssh.unwrap(), None);
    let place = |chain: &str, index| RuleId::new(rules.chain_named(chain).unwrap(), index);
    assert_eq!(explanation.path, [RuleId::new(ChainId::BASE, 1), place("a", 1)]);
    assert_eq!(explanation.decision.rule, Some(place("b", 0)));
}

#[test]
fn the_default_and_the_connection_are_shown() {
    let rules = rules("default reject\naccept state established");
    let tracked = Tracked::new(ConnState::New, Some(Direction::Original));
    let packet = Packet::icmp(syn().addrs, IcmpMessage::new(8, 0));
    let text = Explanation::new(&rules, &packet, Some(tracked)).to_string();
    assert!(text.starts_with("icmp 10.1.2.3 > 192.0.2.1, new, original\n"), "{text}");
    assert!(text.contains("no: connection state is new, not `state established`\n"), "{text}");
    assert!(text.ends_with("decision: reject, by default\n"), "{text}");
}

/// What a matcher would refuse is explained as the definition has it, without end or panic.
#[test]
fn cycles_and_jumps_to_nowhere_end() {
    let mut rules = rules("jump a any\naccept any\nchain a\ngoto a any");
    let explanation = Explanation::new(&rules, &syn(), None);
    assert_eq!(explanation.decision, rules.first_match(&syn(), None));
    assert_eq!(explanation.decision.rule, None);
    let mut other = RuleSet::new(portcullis::Action::Drop);
    let chain = (0..9).map(|_| other.add_chain("x")).last().unwrap();
    rules.push(portcullis::Rule::jump(chain));
    Explanation::new(&rules, &syn(), None);
}

/// Conversations of few ends, so that segments meet connections in every state.
fn traffic(rng: &mut Rng) -> Packet {
    let port = 1000 + rng.below(2) as u16;
    let (a, b) =
        (SocketAddr::new([10, 0, 0, 1].into(), port), SocketAddr::new([10, 0, 0, 2].into(), 22));
    let (src, dst) = if rng.percent(50) { (a, b) } else { (b, a) };
    let flags = [0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x00, 0x03].map(TcpFlags);
    let mut packet = match rng.below(10) {
        0 => Packet::udp(src, dst).unwrap(),
        1 => {
            let mut message = IcmpMessage::new(3, 1);
            let quoted = Packet::tcp(dst, src, TcpFlags::SYN).unwrap();
            let mut quote = Quote::new(quoted.addrs, quoted.protocol);
            quote.ports = quoted.ports;
            message.quote = Some(quote);
            let addrs = Packet::udp(src, dst).unwrap().addrs;
            Packet::icmp(addrs, message)
        }
        _ => Packet::tcp(src, dst, rng.pick(&flags)).unwrap(),
    };
    if let Transport::Tcp(segment) = &mut packet.transport {
        segment.seq = rng.pick(&[0, 1, 2, 1000, 1 << 31]);
        segment.ack = rng.pick(&[0, 1, 2, 1000, 1 << 31]);
        segment.window = rng.pick(&[0, 1000, 65535]);
    }
    packet.notrack = rng.percent(3);
    if rng.percent(3) {
        packet.malformed = Some(Malformed::BadTransport);
    }
    packet
}

/// What a table gives for its reason is what it does, and nothing has changed by asking.
#[test]
fn an_explanation_with_a_table_decides_as_the_matcher_does() {
    let rules = rules(
        "drop state invalid
         accept state established
         log state related
         accept status assured
         accept state new from 10.0.0.1
         accept state untracked",
    );
    let mut seen = BTreeSet::new();
    for seed in seeds(60) {
        let mut rng = Rng::new(seed);
        let table = ConnTable::new(&Limits::new(100), [7; 16]);
        let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new()).unwrap();
        let mut now = Time::from_secs(1);
        for _ in 0..80 {
            let packet = traffic(&mut rng);
            now = now.after(Duration::from_millis(rng.pick(&[0, 1, 1000, 200_000])));
            let explained = Explanation::with_table(&rules, &packet, firewall.conntrack(), now);
            let decision = firewall.classify(&packet, now);
            assert_eq!(explained.decision, decision, "seed {seed}: {packet:?}\n{explained}");
            let reason = explained.reason.unwrap();
            assert_eq!(Some(reason.tracked), decision.tracked);
            seen.insert(reason.why);
        }
    }
    let expected = [
        Why::LeftAlone,
        Why::Opens,
        Why::Belongs,
        Why::ErrorAbout,
        Why::Unsound,
        Why::MayNotOpen,
        Why::ErrorAboutNothing,
        Why::Flags,
        Why::OutOfState,
        Why::OldReset,
        Why::OutOfWindow,
    ];
    let missing: Vec<_> = expected.iter().filter(|why| !seen.contains(why)).collect();
    assert!(missing.is_empty(), "{missing:?} of {seen:?}");
}

#[cfg(feature = "serde")]
#[test]
fn an_explanation_is_written_as_json() {
    let rules = rules("accept udp\njump ssh tcp to any port 22\nchain ssh\ndrop from 10.0.0.0/8");
    let table = ConnTable::new(&Limits::new(10), [7; 16]);
    let (a, b) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:22".parse().unwrap());
    let syn = Packet::tcp(a, b, TcpFlags::SYN).unwrap();
    let explanation = Explanation::with_table(&rules, &syn, &table, Time::ZERO);
    let value = serde_json::to_value(&explanation).unwrap();
    assert_eq!(value["packet"], "tcp 10.0.0.1:1 > 10.0.0.2:22");
    assert_eq!(value["rule"], "drop from 10.0.0.0/8");
    assert_eq!(value["decision"]["action"], "drop");
    assert_eq!(value["reason"]["why"], "opens");
    assert_eq!(value["reason"]["tracked"]["state"], "new");
    let failed = &value["steps"][0]["outcome"]["failed"];
    assert_eq!((&failed["field"], &failed["found"]), (&"protocol".into(), &"tcp".into()));
    assert_eq!(value["steps"][1]["outcome"]["jumped"], 1);
    assert_eq!(value["path"][0]["index"], 1);
}
