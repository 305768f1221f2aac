//! Rates: what is counted, for whom, and when it is forgotten.

use std::time::Duration;

use portcullis::policy::{Asked, CountedBy, Policy, PolicyMatcher, PolicyRule, Rate, WhenFull};
use portcullis::{Action, Config, Fragment, Packet, Rule, Time};

const MINUTE: Duration = Duration::from_secs(60);

fn from(source: &str) -> Packet {
    let to = if source.contains('[') { "[2001:db8::1]:53" } else { "192.0.2.1:53" };
    Packet::udp(source.parse().unwrap(), to.parse().unwrap()).unwrap()
}

fn blocking(rate: Rate) -> Policy {
    let mut policy = Policy::new(Action::Accept);
    policy.add_rule(1, PolicyRule::new("rate", Rule::drop()).rate(rate)).unwrap();
    policy
}

fn compile(policy: &Policy) -> PolicyMatcher {
    policy.compile(&Config::new(), [9; 16]).unwrap()
}

fn accepts(matcher: &mut PolicyMatcher, packet: &Packet, nanos: u64) -> bool {
    *matcher.classify(packet, Time::from_nanos(nanos)).action == Action::Accept
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_source_is_released_when_its_packets_are_out_of_the_window() {
    let mut matcher = compile(&blocking(Rate::new(2, MINUTE)));
    let packet = from("10.0.0.1:1");
    // Slots are 2 s long: this one ends at 102 s, and counts until 162 s.
    assert!(accepts(&mut matcher, &packet, 100 * SECOND));
    assert!(accepts(&mut matcher, &packet, 102 * SECOND - 1));
    assert!(!accepts(&mut matcher, &packet, 102 * SECOND));
    assert!(accepts(&mut matcher, &from("10.0.0.2:1"), 102 * SECOND));
    // Packets above the limit count, too.
    assert!(!accepts(&mut matcher, &packet, 130 * SECOND));
    assert!(!accepts(&mut matcher, &packet, 162 * SECOND - 1));
    assert!(!accepts(&mut matcher, &packet, 162 * SECOND));
    // One of 130 s, two of 161 and 162 s: the first is out at 192 s, the others at 222 and 224 s.
    let limited: Vec<_> = matcher.limited(rule(&matcher), Time::from_secs(191)).collect();
    assert_eq!(limited.len(), 1);
    assert_eq!((limited[0].source, limited[0].packets), ("10.0.0.1/32".parse().ok(), 3));
    assert_eq!(matcher.limited(rule(&matcher), Time::from_secs(192)).count(), 0);
    assert!(accepts(&mut matcher, &packet, 222 * SECOND));
}

fn rule(matcher: &PolicyMatcher) -> portcullis::RuleId {
    matcher.rule_named(None, "rate").unwrap()
}

/// However packets are spread: within a window more than the limit is never let through, and a key that
/// keeps to the limit in a window and a thirtieth is never stopped.
#[test]
fn no_window_has_more_than_the_limit() {
    let mut matcher = compile(&blocking(Rate::new(5, MINUTE)));
    let (packet, mut accepted, mut now, mut random) = (from("10.0.0.1:1"), vec![], 0, 1u64);
    for _ in 0..4000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        now += (random >> 20) % if random >> 62 == 0 { 70 * SECOND } else { 25 * SECOND };
        let before = accepted.iter().filter(|at| **at + 60 * SECOND >= now).count();
        if accepts(&mut matcher, &packet, now) {
            assert!(before < 5);
            accepted.push(now);
        }
    }
    assert!(accepted.len() > 50);
    let mut matcher = compile(&blocking(Rate::new(5, MINUTE)));
    for number in 0..1000 {
        // Five in 62.5 s, which is more than 62.
        assert!(accepts(&mut matcher, &packet, number * 12_500_000_001), "{number}");
    }
}

#[test]
fn keys_are_what_they_are_made_of() {
    let cases: [(CountedBy, &str, &str, bool); 9] = [
        (CountedBy::nothing(), "10.0.0.1:1", "[2001:db8::7]:2", true),
        (CountedBy::source(), "10.0.0.1:1", "10.0.0.1:2", true),
        (CountedBy::source(), "10.0.0.1:1", "10.0.0.2:1", false),
        (CountedBy::source_prefix(24, 64), "10.0.0.1:1", "10.0.0.2:1", true),
        (CountedBy::source_prefix(24, 64), "10.0.0.1:1", "10.0.1.1:1", false),
        (CountedBy::source_prefix(24, 64), "[2001:db8::1]:1", "[2001:db8::2:0:0:1]:1", true),
        (CountedBy::source_prefix(24, 64), "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
        (CountedBy::source_prefix(0, 0), "0.0.0.0:1", "[2001:db8::]:1", false),
        (CountedBy::source().and_source_port(), "10.0.0.1:1", "10.0.0.1:2", false),
    ];
    for (by, first, second, same) in cases {
        let mut matcher = compile(&blocking(Rate::new(1, MINUTE).by(by)));
        assert!(accepts(&mut matcher, &from(first), 0));
        assert_eq!(accepts(&mut matcher, &from(second), 0), !same, "{by:?} {first} {second}");
    }
}

#[test]
fn the_callers_key() {
    let mut matcher = compile(&blocking(Rate::new(1, MINUTE).by(CountedBy::callers_key())));
    let packet = from("10.0.0.1:1");
    let asked = Asked::new(&packet, Time::ZERO);
    let mut judge = |asked: &Asked<'_>| *matcher.judge(asked, |_, _| {}).enforced.action;
    assert_eq!(judge(&asked.key(7)), Action::Accept);
    assert_eq!(judge(&asked.key(8)), Action::Accept);
    assert_eq!(judge(&asked.key(7)), Action::Drop);
    // Without a key there is nothing to count.
    assert_eq!([judge(&asked), judge(&asked)], [Action::Accept; 2]);
}

#[test]
fn packets_without_ports_are_not_counted_by_ports() {
    let mut matcher =
        compile(&blocking(Rate::new(0, MINUTE).by(CountedBy::nothing().and_source_port())));
    let mut later = from("10.0.0.1:1");
    (later.ports, later.fragment) = (None, Fragment::Later);
    assert!(accepts(&mut matcher, &later, 0));
    assert!(!accepts(&mut matcher, &from("10.0.0.1:0"), 0));
}

#[test]
fn only_what_comes_to_the_rule_and_meets_its_criteria_is_counted() {
    let mut policy = Policy::new(Action::Accept);
    let first = Rule::drop().from("10.9.0.0/16".parse::<ipnet::IpNet>().unwrap());
    policy.add_rule(0, PolicyRule::new("first", first)).unwrap();
    let rate = Rate::new(1, MINUTE).by(CountedBy::nothing());
    let rule = Rule::drop().from_ports(1);
    policy.add_rule(1, PolicyRule::new("rate", rule).rate(rate)).unwrap();
    let mut matcher = compile(&policy);
    for _ in 0..3 {
        assert!(!accepts(&mut matcher, &from("10.9.0.1:1"), 0));
        assert!(accepts(&mut matcher, &from("10.0.0.1:2"), 0));
    }
    assert!(accepts(&mut matcher, &from("10.0.0.1:1"), 0));
    assert!(!accepts(&mut matcher, &from("10.0.0.1:1"), 0));
}

#[test]
fn a_full_table_fails_as_it_is_told() {
    for (when_full, passes) in [(WhenFull::Match, false), (WhenFull::Pass, true)] {
        let mut matcher = compile(&blocking(Rate::new(1, MINUTE).capacity(2).when_full(when_full)));
        assert!(accepts(&mut matcher, &from("10.0.0.1:1"), 0));
        assert!(accepts(&mut matcher, &from("10.0.0.2:1"), SECOND * 5));
        assert_eq!(accepts(&mut matcher, &from("10.0.0.3:1"), SECOND * 6), passes);
        // Keys that are there are counted as ever.
        assert!(!accepts(&mut matcher, &from("10.0.0.2:1"), SECOND * 6));
        let counts = matcher.rate_counts(rule(&matcher), Time::from_secs(6)).unwrap();
        assert_eq!((counts.keys, counts.uncounted), (2, 1));
        // The first one counts until 62 s; then there is room for another.
        assert_eq!(accepts(&mut matcher, &from("10.0.0.3:1"), SECOND * 62 - 1), passes);
        assert!(accepts(&mut matcher, &from("10.0.0.3:1"), SECOND * 62));
        assert_eq!(accepts(&mut matcher, &from("10.0.0.1:1"), SECOND * 62), passes);
    }
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut matcher = compile(&blocking(Rate::new(1, MINUTE)));
    let packet = from("10.0.0.1:1");
    assert!(accepts(&mut matcher, &packet, SECOND * 1000));
    assert!(!accepts(&mut matcher, &packet, 0));
    assert!(!accepts(&mut matcher, &packet, SECOND * 1060));
    assert!(accepts(&mut matcher, &packet, u64::MAX));
    assert!(!accepts(&mut matcher, &packet, u64::MAX));
}

#[test]
fn counts_stay_when_a_policy_is_replaced_by_one_with_the_same_rate() {
    let rate = Rate::new(1, MINUTE);
    let mut matcher = compile(&blocking(rate.clone()));
    let packet = from("10.0.0.1:1");
    assert!(accepts(&mut matcher, &packet, 0));
    let mut more = blocking(rate.clone());
    more.add_rule(0, PolicyRule::new("other", Rule::drop().tcp())).unwrap();
    matcher.replace(&more, &Config::new()).unwrap();
    assert!(!accepts(&mut matcher, &packet, 0));
    matcher.replace(&blocking(Rate::new(2, MINUTE)), &Config::new()).unwrap();
    assert!(accepts(&mut matcher, &packet, 0));
    let mut broken = blocking(Rate::new(1, MINUTE));
    broken.set_capacity_limit(0);
    assert!(matcher.replace(&broken, &Config::new()).is_err());
    assert!(accepts(&mut matcher, &packet, 0));
    assert!(!accepts(&mut matcher, &packet, 0));
}

#[test]
fn many_sources_have_a_count_each() {
    let mut matcher = compile(&blocking(Rate::new(1, MINUTE).capacity(1000)));
    let packet = |number: u64| from(&format!("10.{}.{}.1:1", number / 256, number % 256));
    for round in 0..3 {
        let at = round * 62 * SECOND;
        let numbers = round * 500..round * 500 + 1000;
        assert!(numbers.clone().all(|number| accepts(&mut matcher, &packet(number), at)));
        assert!(numbers.clone().all(|number| !accepts(&mut matcher, &packet(number), at)));
        assert!(!accepts(&mut matcher, &packet(9999), at));
    }
}
