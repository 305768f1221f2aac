//! The matcher: rules and connections together.

use portcullis::conntrack::{Conntrack, Limits, Lookup, TcpState, Time};
use portcullis::packet::Refused;
use portcullis::rule::{Reject, Span};
use portcullis::{
    Action, Config, ConnState, ConnTable, Order, Packet, Rule, RuleId, RuleSet, StatefulMatcher,
    Verdict,
};

use super::script::{key, segment};
use super::{BACK, INVALID, NEW, at, bare, reversed, small_table, udp, udp_flow, unreachable};

/// What a Linux host with one open service has.
fn service() -> RuleSet {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().state([ConnState::Established, ConnState::Related]));
    rules.push(Rule::drop().state(ConnState::Invalid));
    rules.push(Rule::accept().udp().to_ports(53).state(ConnState::New));
    rules
}

fn firewall(rules: &RuleSet, capacity: u32) -> StatefulMatcher {
    StatefulMatcher::compile(rules, small_table(capacity), &Config::new()).unwrap()
}

fn rule(index: u32) -> Option<RuleId> {
    Some(RuleId::new(portcullis::ChainId::BASE, index))
}

#[test]
fn replies_pass_and_answers_to_nothing_do_not() {
    let mut firewall = firewall(&service(), 8);
    let query = udp_flow(5000);
    let answer = reversed(&query);

    let unasked = firewall.classify(&answer, at(0));
    assert_eq!((*unasked.action, unasked.rule, unasked.tracked), (Action::Drop, None, Some(NEW)));
    let asked = firewall.classify(&query, at(0));
    assert_eq!((*asked.action, asked.rule, asked.tracked), (Action::Accept, rule(2), Some(NEW)));
    let answered = firewall.classify(&answer, at(0));
    let expected = (Action::Accept, rule(0), Some(BACK));
    assert_eq!((*answered.action, answered.rule, answered.tracked.map(bare)), expected);
    let forged = firewall.classify(&unreachable("192.0.2.53", "10.0.0.1", &udp_flow(1)), at(0));
    assert_eq!(
        (*forged.action, forged.rule, forged.tracked),
        (Action::Drop, rule(1), Some(INVALID))
    );
}

#[test]
fn what_the_rules_stop_leaves_no_connection() {
    for stop in [Action::Drop, Action::Reject(Reject::PortUnreachable)] {
        let mut rules = RuleSet::new(Action::Accept);
        rules.push(Rule::action(stop).udp().to_ports(53).state(ConnState::New));
        let mut firewall = firewall(&rules, 8);
        assert_eq!(*firewall.classify(&udp_flow(5000), at(0)).action, stop);
        assert!(firewall.conntrack().is_empty());
        let answer = firewall.classify(&reversed(&udp_flow(5000)), at(0));
        assert_eq!(answer.tracked, Some(NEW));
    }
}

#[test]
fn rules_first_asks_the_rules_about_known_connections_too() {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().udp().to_ports(53));
    let query = udp_flow(5000);
    for (order, passes) in [(Order::RulesFirst, false), (Order::KnownFirst, true)] {
        let mut firewall = firewall(&rules, 8).order(order);
        assert_eq!(*firewall.classify(&query, at(0)).action, Action::Accept);
        let answer = firewall.classify(&reversed(&query), at(0));
        assert_eq!(*answer.action == Action::Accept, passes, "{order:?}");
        assert_eq!((answer.rule, answer.tracked.map(bare)), (None, Some(BACK)), "{order:?}");
        let error = unreachable("192.0.2.53", "10.0.0.1", &query);
        let error = firewall.classify(&error, at(0));
        assert_eq!(*error.action == Action::Accept, passes, "{order:?}");
        // A packet that opens a connection is for the rules to judge in either order.
        let other = firewall.classify(&udp("192.0.2.53:53", "10.0.0.1:5001"), at(0));
        assert_eq!(*other.action, Action::Drop, "{order:?}");
    }
}

#[test]
fn a_full_table_drops_and_says_so() {
    let mut rules = service();
    rules.set_default(Action::Accept);
    let mut firewall = firewall(&rules, 1);
    let (first, second) = (udp_flow(1), udp_flow(2));
    for (packet, secs) in [(&first, 0), (&reversed(&first), 0), (&first, 3)] {
        assert_eq!(firewall.classify(packet, at(secs)).refused, None);
    }
    let refused = firewall.classify(&second, at(3));
    assert_eq!(*refused.action, Action::Drop);
    assert_eq!((refused.rule, refused.refused), (rule(2), Some(Refused::TableFull)));
    assert_eq!(*firewall.classify(&first, at(3)).action, Action::Accept);
    assert_eq!(firewall.conntrack().counts().refused, 1);
}

#[test]
fn replaced_rules_keep_connections() {
    let mut firewall = firewall(&service(), 8);
    let query = udp_flow(5000);
    firewall.classify(&query, at(0));
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().state(ConnState::Established));
    firewall.replace_rules(&rules, &Config::new()).unwrap();
    assert_eq!(*firewall.classify(&udp_flow(5001), at(0)).action, Action::Drop);
    assert_eq!(*firewall.classify(&reversed(&query), at(0)).action, Action::Accept);

    let nowhere = RuleSet::<Action>::new(Action::Drop).add_chain("elsewhere");
    let mut broken = RuleSet::new(Action::Accept);
    broken.push(Rule::jump(nowhere));
    assert!(firewall.replace_rules(&broken, &Config::new()).is_err());
    assert_eq!(*firewall.classify(&udp_flow(5001), at(0)).action, Action::Drop, "as before");
}

/// An action type of a caller's own.
#[derive(Clone, Debug, PartialEq)]
enum Forward {
    To(String),
    Nowhere,
}

impl Verdict for Forward {
    fn accepts(&self) -> bool {
        matches!(self, Self::To(_))
    }

    fn pass() -> Self {
        Self::To("known".into())
    }

    fn drop() -> Self {
        Self::Nowhere
    }
}

#[test]
fn actions_of_the_caller_s_own() {
    let mut rules = RuleSet::new(Forward::Nowhere);
    rules.push(Rule::action(Forward::To("dns".into())).udp().to_ports(53));
    let mut table = small_table(1);
    let matcher = StatefulMatcher::compile(&rules, &mut table, &Config::new()).unwrap();
    let mut matcher = matcher.order(Order::KnownFirst);
    assert_eq!(*matcher.classify(&udp_flow(1), at(0)).action, Forward::To("dns".into()));
    let answer = matcher.classify(&reversed(&udp_flow(1)), at(0));
    assert_eq!(*answer.action, Forward::To("known".into()));
    assert_eq!(*matcher.classify(&udp("10.0.0.1:1", "10.0.0.2:2"), at(0)).action, Forward::Nowhere);
    assert_eq!(table.len(), 1, "the table is the caller's");
}

/// A tracker of a caller's own, which knows nothing and admits nobody.
struct Wall;

impl Conntrack for Wall {
    fn look_up(&mut self, _: &Packet, _: Time) -> Lookup {
        Lookup::tentative()
    }

    fn confirm(&mut self, _: &Packet, _: Time) -> Result<(), Refused> {
        Err(Refused::TableFull)
    }
}

#[test]
fn trackers_of_the_caller_s_own() {
    let rules = RuleSet::new(Action::Accept);
    let boxed: [Box<dyn Conntrack>; 2] =
        [Box::new(Wall), Box::new(ConnTable::new(&Limits::new(1), [0; 16]))];
    let expected = [Some(Refused::TableFull), None];
    for (tracker, refused) in boxed.into_iter().zip(expected) {
        let mut matcher = StatefulMatcher::compile(&rules, tracker, &Config::new()).unwrap();
        assert_eq!(matcher.classify(&udp_flow(1), at(0)).refused, refused);
    }
    let mut wall = Wall;
    let tracker: &mut dyn Conntrack = &mut wall;
    let mut matcher = StatefulMatcher::compile(&rules, tracker, &Config::new()).unwrap();
    assert_eq!(*matcher.classify(&udp_flow(1), at(0)).action, Action::Drop);
}

#[test]
fn matchers_and_tables_may_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<StatefulMatcher>();
    crosses::<ConnTable>();
    let table = ConnTable::with_random_secret(&Limits::new(4));
    assert!(table.is_empty());
}

/// A sender that is told with a reset has no connection any more; one that is told nothing, or by
/// ICMP, has.
#[test]
fn a_reset_ends_the_connection() {
    for (stop, closes) in [
        (Action::Reject(Reject::TcpReset), true),
        (Action::Reject(Reject::PortUnreachable), false),
        (Action::Drop, false),
    ] {
        let mut rules = RuleSet::new(Action::Accept);
        rules.push(Rule::action(stop).tcp().length(Span::from(100)));
        let mut firewall = firewall(&rules, 8);
        for line in ["> S seq=0", "< SA seq=0 ack=1", "> A seq=1 ack=1"] {
            firewall.classify(&segment(line, 1000), at(0));
        }
        let state = |firewall: &StatefulMatcher| {
            let connection = firewall.conntrack().connection(&key(), at(1)).unwrap();
            (connection.tcp_state.unwrap(), connection.deadline.since(at(1)).as_secs())
        };
        let mut data = segment("< A seq=1 ack=1 len=60", 1000);
        data.length = 100;
        let decision = firewall.classify(&data, at(1));
        assert_eq!((*decision.action, decision.tracked.unwrap().state), (stop, BACK.state));
        let expected = if closes { (TcpState::Close, 10) } else { (TcpState::Established, 300) };
        assert_eq!(state(&firewall), expected, "{stop}");
        // What is rejected again does not keep it, and a reset answers no reset.
        firewall.classify(&data, at(1));
        assert_eq!(state(&firewall), expected, "{stop}");
    }
}

#[test]
fn a_reset_that_is_rejected_or_new_closes_nothing() {
    let mut rules = RuleSet::new(Action::Accept);
    rules.push(Rule::action(Action::Reject(Reject::TcpReset)).tcp().length(Span::from(100)));
    let mut firewall = firewall(&rules, 8);
    let mut syn = segment("> S seq=0", 1000);
    syn.length = 100;
    firewall.classify(&syn, at(0));
    assert!(firewall.conntrack().is_empty());
    for line in ["> S seq=0", "< SA seq=0 ack=1", "> A seq=1 ack=1"] {
        firewall.classify(&segment(line, 1000), at(0));
    }
    // Not at the exact number, so that the connection stays open.
    let mut reset = segment("< R seq=5", 1000);
    reset.length = 100;
    firewall.classify(&reset, at(0));
    let connection = firewall.conntrack().connection(&key(), at(0)).unwrap();
    assert_eq!(connection.tcp_state, Some(TcpState::Established));
}
