//! Small policies whose meaning is written out.

use portcullis::hits::HitCounters;
use portcullis::packet::TcpFlags;
use portcullis::policy::{Asked, Overrides, Policy, PolicyMatcher, PolicyRule, RuleGroup};
use portcullis::rule::Effect;
use portcullis::rule::set::PrefixSet;
use portcullis::{Action, Config, ConnState, Direction, Packet, Rule, Target, Time, Tracked};

fn to(port: u16) -> Packet {
    let to = ([192, 0, 2, 1], port).into();
    Packet::tcp("10.0.0.1:4000".parse().unwrap(), to, TcpFlags::SYN).unwrap()
}

fn count() -> Rule {
    Rule::continue_with(Effect::Count)
}

fn compile(policy: &Policy) -> PolicyMatcher {
    policy.compile(&Config::new(), [1; 16]).unwrap()
}

/// What is seen and what decides, by name.
fn story(matcher: &mut PolicyMatcher, packet: &Packet) -> String {
    let mut seen = Vec::new();
    let decision = matcher.walk(packet, Time::ZERO, |rule, effect| seen.push((rule, effect)));
    let (action, rule) = (*decision.action, decision.rule);
    let mut story = String::new();
    for (rule, effect) in seen {
        story += &format!("{} {effect:?}, ", matcher.place(rule).unwrap()).to_lowercase();
    }
    match rule {
        Some(rule) => story + &format!("{} {action}", matcher.place(rule).unwrap()),
        None => story + &format!("default {action}"),
    }
}

#[test]
fn the_lowest_priority_decides() {
    let mut policy = Policy::new(Action::Accept);
    policy.add_rule(20, PolicyRule::new("b", Rule::drop().to_ports(22))).unwrap();
    policy.add_rule(10, PolicyRule::new("a", Rule::accept().tcp())).unwrap();
    policy.add_rule(0, PolicyRule::new("c", count())).unwrap();
    assert_eq!(story(&mut compile(&policy), &to(22)), "c count, a accept");
    policy.remove(10).unwrap();
    assert_eq!(story(&mut compile(&policy), &to(22)), "c count, b drop");
    assert_eq!(story(&mut compile(&policy), &to(23)), "c count, default accept");
}

#[test]
fn labels_are_seen_by_later_rules_only() {
    let mut policy = Policy::new(Action::Accept);
    let add = PolicyRule::new("add", count().to_ports([1, 2])).label("x:y");
    policy.add_rule(10, add).unwrap();
    policy
        .add_rule(20, PolicyRule::new("two", Rule::drop().to_ports([2, 3])).labelled("x:y"))
        .unwrap();
    let unless = PolicyRule::new("unless", Rule::drop()).not_labelled("x:*");
    policy.add_rule(30, unless).unwrap();
    let mut matcher = compile(&policy);
    assert_eq!(story(&mut matcher, &to(1)), "add count, default accept");
    assert_eq!(story(&mut matcher, &to(2)), "add count, two drop");
    assert_eq!(story(&mut matcher, &to(3)), "unless drop");
    // The next packet begins without labels.
    assert_eq!(story(&mut matcher, &to(3)), "unless drop");
}

#[test]
fn staged_rules_add_no_labels() {
    let mut policy = Policy::new(Action::Accept);
    policy.add_rule(1, PolicyRule::new("trial", Rule::staged(Action::Drop)).label("x")).unwrap();
    policy.add_rule(2, PolicyRule::new("asks", Rule::drop()).labelled("x")).unwrap();
    let mut matcher = compile(&policy);
    assert_eq!(story(&mut matcher, &to(1)), "trial staged, default accept");
    let trial = matcher.classify_staged(&to(1), Time::ZERO);
    assert_eq!((*trial.enforced.action, *trial.staged.action), (Action::Accept, Action::Drop));
    assert_eq!(trial.staged.rule.unwrap().index, 0);
}

/// A group of two rules that block, behind a rule that counts and adds a label.
fn group() -> RuleGroup {
    let mut group = RuleGroup::new("g");
    group.add_rule(1, PolicyRule::new("label", count()).label("g:seen")).unwrap();
    group.add_rule(2, PolicyRule::new("low", Rule::drop().to_ports(1..=9)).label("g:low")).unwrap();
    group
        .add_rule(3, PolicyRule::new("odd", Rule::drop().to_ports([7, 77])).label("g:odd"))
        .unwrap();
    group
}

fn with_group(overrides: Overrides) -> PolicyMatcher {
    let mut policy = Policy::new(Action::Accept);
    policy.add_group(5, group(), overrides).unwrap();
    let after = |asked: &str| {
        let name = asked.replace(':', "-");
        PolicyRule::new(&name, count()).labelled(asked)
    };
    policy.add_rule(6, after("g:seen")).unwrap();
    policy.add_rule(7, after("g:low")).unwrap();
    policy.add_rule(8, after("g:odd")).unwrap();
    compile(&policy)
}

#[test]
fn a_group_decides_for_the_policy() {
    let mut matcher = with_group(Overrides::none());
    assert_eq!(story(&mut matcher, &to(7)), "g/label count, g/low drop");
    assert_eq!(story(&mut matcher, &to(80)), "g/label count, g-seen count, default accept");
    let low = matcher.rule_named(Some("g"), "low").unwrap();
    let place = matcher.place(low).unwrap();
    assert_eq!((place.priority, place.group, place.rule), (5, Some("g"), "low"));
    assert_eq!(place.labels, ["g:low".into()]);
}

#[test]
fn a_rule_of_a_group_that_is_overridden_counts_and_adds_its_labels() {
    let mut matcher = with_group(Overrides::none().count("low"));
    let expected = "g/label count, g/low count, g/odd drop";
    assert_eq!(story(&mut matcher, &to(7)), expected);
    let expected = "g/label count, g/low count, g-seen count, g-low count, default accept";
    assert_eq!(story(&mut matcher, &to(1)), expected);
    let mut matcher = with_group(Overrides::none().rule("low", Target::Action(Action::Accept)));
    assert_eq!(story(&mut matcher, &to(7)), "g/label count, g/low accept");
    let mut matcher = with_group(Overrides::none().rule("low", Target::Staged(Action::Drop)));
    assert_eq!(story(&mut matcher, &to(7)), "g/label count, g/low staged, g/odd drop");
}

/// What would have ended the group ends it, and the policy goes on behind it.
#[test]
fn a_group_whose_decision_is_counted() {
    let mut matcher = with_group(Overrides::count_group());
    let expected = "g/label count, g/low count, g-seen count, g-low count, default accept";
    assert_eq!(story(&mut matcher, &to(7)), expected);
    let mut matcher = with_group(Overrides::count_group().count("low"));
    let expected = "g/label count, g/low count, g/odd count, g-seen count, g-low count, g-odd count, \
                    default accept";
    assert_eq!(story(&mut matcher, &to(7)), expected);
}

#[test]
fn sets_change_while_packets_flow_in_both_trees() {
    let mut policy = Policy::new(Action::Accept);
    policy.add_set("bad", PrefixSet::new());
    policy.add_rule(1, PolicyRule::new("label", count().to_ports(1)).label("x")).unwrap();
    policy.add_rule(2, PolicyRule::new("bad", Rule::drop().from_set("bad"))).unwrap();
    policy.add_rule(3, PolicyRule::new("x", Rule::drop().to_ports(3)).labelled("x")).unwrap();
    let mut matcher = compile(&policy);
    assert_eq!(story(&mut matcher, &to(1)), "label count, default accept");
    let change = |set: &mut PrefixSet| set.insert("10.0.0.0/24".parse().unwrap());
    matcher.change_set("bad", change).unwrap();
    assert_eq!(story(&mut matcher, &to(1)), "label count, bad drop");
    assert_eq!(story(&mut matcher, &to(2)), "bad drop");
    assert!(matcher.change_set("good", |_: &mut PrefixSet| ()).is_err());
}

/// Labels take predicates that no rule asks for, and what the caller has set there means nothing.
#[test]
fn labels_and_the_callers_predicates() {
    let mut policy = Policy::new(Action::Accept);
    policy.add_rule(1, PolicyRule::new("a", count().to_ports(1)).label("a")).unwrap();
    policy.add_rule(2, PolicyRule::new("b", count().predicate(0)).label("b")).unwrap();
    policy.add_rule(3, PolicyRule::new("ab", Rule::drop()).labelled("a").labelled("b")).unwrap();
    let own = PolicyRule::new("own", Rule::drop().predicate([0, 63])).labelled("a");
    policy.add_rule(4, own).unwrap();
    let mut matcher = compile(&policy);
    let with = |port, predicates| {
        let mut packet = to(port);
        packet.predicates = predicates;
        packet
    };
    assert_eq!(story(&mut matcher, &with(1, 1)), "a count, b count, ab drop");
    assert_eq!(story(&mut matcher, &with(1, !1)), "a count, own drop");
    assert_eq!(story(&mut matcher, &with(1, !1 >> 1 & !1)), "a count, default accept");
    assert_eq!(story(&mut matcher, &with(2, u64::MAX)), "b count, default accept");
}

#[test]
fn connections_are_asked_for_where_they_are_known() {
    let mut policy = Policy::new(Action::Drop);
    let known = Rule::accept().state(ConnState::Established);
    policy.add_rule(1, PolicyRule::new("known", known)).unwrap();
    let error = policy.compile(&Config::new(), [1; 16]).unwrap_err().to_string();
    assert!(error.starts_with("rule `known` cannot be compiled: "), "{error}");
    let mut matcher = policy.compile_tracked(&Config::new(), [1; 16]).unwrap();
    let packet = to(1);
    let asked = Asked::new(&packet, Time::ZERO);
    assert_eq!(*matcher.judge(&asked, |_, _| {}).enforced.action, Action::Drop);
    let tracked = Tracked::new(ConnState::Established, Some(Direction::Reply));
    let decision = matcher.judge(&asked.tracked(tracked), |_, _| {}).enforced;
    assert_eq!((*decision.action, decision.tracked), (Action::Accept, Some(tracked)));
}

#[test]
fn hits_are_counted_by_the_ids_of_decisions() {
    let mut matcher = with_group(Overrides::none());
    let mut counters = HitCounters::new(matcher.rules());
    for port in [1, 7, 80] {
        let (packet, now) = (to(port), Time::ZERO);
        let decision =
            matcher.walk(&packet, now, |rule, _| counters.count_rule(rule, &packet, now));
        counters.count(&decision, &packet, now);
    }
    let hits = |name| counters.hits(matcher.rule_named(Some("g"), name).unwrap()).unwrap().packets;
    assert_eq!([hits("label"), hits("low"), hits("odd")], [3, 2, 0]);
}

/// Behind a rule that takes all packets nothing is found, and behind one that only seems to, it is.
#[test]
fn what_takes_all_packets_hides_only_if_it_decides() {
    for (target, expected) in [
        (Target::Action(Action::Drop), "first drop"),
        (Target::Staged(Action::Drop), "first staged, second accept"),
        (Target::Continue(Effect::Log), "first log, second accept"),
    ] {
        let mut policy = Policy::new(Action::Drop);
        policy.add_rule(1, PolicyRule::new("first", Rule::new(target))).unwrap();
        policy.add_rule(2, PolicyRule::new("second", Rule::accept())).unwrap();
        assert_eq!(story(&mut compile(&policy), &to(1)), expected);
    }
}
