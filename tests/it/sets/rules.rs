//! Rules that name sets.

use portcullis::analysis::{Analysis, AnalysisError, Explanation};
use portcullis::conntrack::{Limits, Time};
use portcullis::packet::TcpFlags;
use portcullis::rule::set::{EndpointSet, InterfaceSet, PortSet, PrefixSet, SetError, SetKind};
use portcullis::update::{LiveMatcher, UpdateError};
use portcullis::{
    Action, Config, ConnTable, Packet, Protocol, Rule, RuleSet, StatefulMatcher, StatelessMatcher,
};

const TEXT: &str = "\
default drop
set blocked prefixes 198.51.100.0/24, 203.0.113.7/32, 2001:db8::/32
set web ports 80, 443, 8000-8099
set services endpoints 192.0.2.1:53, [2001:db8::1]:53
set lans interfaces eth1, wg*
set \"nobody at all\" prefixes none
drop from-set blocked
accept to-set not blocked to-port-set web in-set lans
accept udp to-endpoint-set services
log from-port-set web, web from-endpoint-set none
jump c to-set \"nobody at all\" out-set not lans

chain c
return from any port 1 from-set any
";

fn tcp(src: &str, dst: &str) -> Packet {
    Packet::tcp(src.parse().unwrap(), dst.parse().unwrap(), TcpFlags::SYN).unwrap()
}

fn net(text: &str) -> ipnet::IpNet {
    text.parse().unwrap()
}

#[test]
fn text_is_read_and_printed() {
    let rules: RuleSet = TEXT.parse().unwrap();
    assert_eq!(rules.to_string(), TEXT.replace(" from-set any\n", "\n"));
    assert_eq!(rules.to_string().parse::<RuleSet>().unwrap(), rules);
    assert_eq!(rules.sets().len(), 5);
    assert_eq!(rules.sets().named("web").unwrap().len(), 102);
    let mut other = rules.clone();
    other.change_set("web", |web: &mut PortSet| web.insert(81)).unwrap();
    assert_ne!(other, rules);
}

#[test]
fn errors_in_text_name_the_place() {
    let error = |text: &str| text.parse::<RuleSet>().unwrap_err().to_string();
    let first = |text: &str| error(text).lines().next().unwrap().to_owned();
    assert_eq!(
        first("set web ports 80\naccept to-port-set wep"),
        "line 2, column 20: expected a set that the text declares, found `wep`; did you mean `web`?"
    );
    assert_eq!(
        first("accept from-set web\nset web ports 80"),
        "line 1, column 17: expected a set of prefixes, found one of ports"
    );
    assert!(first("set web ports 80\nset web ports 81").contains("no set before it has"));
    assert!(first("set web port 80").contains("did you mean `ports`?"));
    assert!(first("set web ports").contains("a port or a range"));
    assert!(first("set web ports 80 81").contains("`,` between"));
    assert!(first("set b prefixes 10.0.0.1/8").contains("did you mean `10.0.0.0/8`?"));
    assert!(first("set b prefixes 10.0.0.1-10.0.0.2").contains("an address or a prefix"));
    assert!(first("set e endpoints 10.0.0.1").contains("an address and a port"));
    assert!(first("set e endpoints [fe80::1%3]:1").contains("without a scope"));
    assert!(first("set s ports 1\ndrop to-port-set s to-port-set s").contains("at most once"));
}

#[test]
fn rules_that_name_what_is_not_there_are_refused() {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().to_port_set("web"));
    let error = StatelessMatcher::compile(&rules, &Config::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rule 1 of chain `base`: names a set that the rule set does not have"
    );
    rules.add_set("web", PrefixSet::new());
    let error = StatelessMatcher::compile(&rules, &Config::new()).unwrap_err();
    assert_eq!(error.to_string(), "rule 1 of chain `base`: looks for ports in a set of prefixes");
    assert!(rules.check().is_err());
    rules.add_set("web", PortSet::new());
    rules.check().unwrap();
}

#[test]
fn a_changed_set_counts_at_once() {
    let mut rules: RuleSet = TEXT.parse().unwrap();
    let mut matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let mut packet = tcp("10.0.0.1:4000", "192.0.2.1:443");
    packet.in_interface = rules.interface("wg7");
    assert_eq!(*matcher.classify(&packet).action, Action::Accept);
    let copy = matcher.clone();

    let change = |set: &mut PrefixSet| set.insert(net("10.0.0.0/8"));
    assert_eq!(matcher.change_set("blocked", change), Ok(true));
    rules.change_set("blocked", change).unwrap();
    assert_eq!(matcher.classify(&packet).rule, rules.first_match(&packet, None).rule);
    assert_eq!(*matcher.classify(&packet).action, Action::Drop);
    assert_eq!(*copy.classify(&packet).action, Action::Accept);
    assert_eq!(matcher.sets(), rules.sets());

    let change = |set: &mut PrefixSet| set.remove(net("10.0.0.0/8"));
    matcher.change_set("blocked", change).unwrap();
    matcher.change_set("web", |web: &mut PortSet| web.remove(443)).unwrap();
    assert_eq!(*matcher.classify(&packet).action, Action::Drop);
    matcher.replace_sets(copy.sets()).unwrap();
    assert_eq!(*matcher.classify(&packet).action, Action::Accept);
}

#[test]
fn what_cannot_be_changed() {
    let mut rules: RuleSet = TEXT.parse().unwrap();
    let mut matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let unchanged = rules.sets().clone();
    let mut add = |name: &str, interface: &str| {
        matcher.change_set(name, |set: &mut InterfaceSet| set.insert(interface))
    };
    assert_eq!(add("lan", "eth1"), Err(SetError::NoSuchSet("lan".into())));
    let kind =
        SetError::Kind { name: "web".into(), is: SetKind::Ports, asked: SetKind::Interfaces };
    assert_eq!(add("web", "eth1"), Err(kind));
    assert_eq!(add("lans", "eth9"), Err(SetError::UnknownInterface("eth9".into())));
    assert_eq!(matcher.sets(), &unchanged);
    assert_eq!(
        SetError::UnknownInterface("eth9".into()).to_string(),
        "the compiled rules have no number for the interface `eth9`; name it with RuleSet::number_interface and compile again"
    );
    rules.number_interface("eth9");
    let mut matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    matcher.change_set("lans", |set: &mut InterfaceSet| set.insert("eth9")).unwrap();
    let mut packet = tcp("10.0.0.1:4000", "192.0.2.1:443");
    packet.in_interface = rules.interface("eth9");
    assert_eq!(*matcher.classify(&packet).action, Action::Accept);

    let mut others = RuleSet::new(Action::Drop);
    others.add_set("blocked", PrefixSet::new());
    assert_eq!(matcher.replace_sets(others.sets()), Err(SetError::OtherSets));
}

#[test]
fn a_stateful_matcher_has_sets() {
    let rules: RuleSet = "
        set servers endpoints none
        accept state established
        accept to-endpoint-set servers state new
    "
    .parse()
    .unwrap();
    let table = ConnTable::new(&Limits::new(10), [0; 16]);
    let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new()).unwrap();
    let syn = tcp("10.0.0.1:4000", "192.0.2.1:443");
    let now = Time::from_secs(1);
    assert_eq!(*firewall.classify(&syn, now).action, Action::Drop);
    let server = "192.0.2.1".parse().unwrap();
    firewall.change_set("servers", |set: &mut EndpointSet| set.insert(server, 443)).unwrap();
    assert_eq!(*firewall.classify(&syn, now).action, Action::Accept);
    firewall.replace_sets(rules.sets()).unwrap();
    assert!(firewall.sets().named("servers").unwrap().is_empty());
}

#[test]
fn live_rules_have_sets() {
    let rules: RuleSet = "set lans interfaces eth*\naccept in-set lans".parse().unwrap();
    let mut live = LiveMatcher::new(&rules, &Config::new()).unwrap();
    let before = live.publish();
    let mut packet = tcp("10.0.0.1:4000", "192.0.2.1:443");
    packet.in_interface = before.interface("eth5");
    assert_eq!(*before.classify(&packet).action, Action::Accept);
    // From now on the interface has a number of its own.
    live.change_set("lans", |set: &mut InterfaceSet| set.insert("eth5")).unwrap();
    live.change_set("lans", |set: &mut InterfaceSet| set.remove("eth*")).unwrap();
    let after = live.publish();
    assert_eq!(*before.classify(&packet).action, Action::Accept);
    assert_eq!(*after.classify(&packet).action, Action::Drop);
    packet.in_interface = after.interface("eth5");
    assert_eq!(*after.classify(&packet).action, Action::Accept);
    assert_eq!(after.sets().named("lans").unwrap().len(), 1);
    let wrong = live.change_set("lans", |set: &mut PortSet| set.insert(1));
    assert!(matches!(wrong, Err(UpdateError::Set(SetError::Kind { .. }))));
    let unknown = live.insert(
        portcullis::update::Position::First(portcullis::ChainId::BASE),
        Rule::drop().from_set("x"),
    );
    assert!(unknown.unwrap_err().to_string().contains("names a set"));
}

#[test]
fn packets_without_ports_are_in_no_set_of_ports_nor_outside_of_one() {
    let rules: RuleSet = "
        set all ports 0-65535
        set none endpoints none
        reject to-port-set all
        reject to-port-set not all
        reject from-endpoint-set not none
        accept any
    "
    .parse()
    .unwrap();
    let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let mut packet = tcp("10.0.0.1:4000", "192.0.2.1:443");
    assert_eq!(matcher.classify(&packet).rule.unwrap().index, 0);
    packet.ports = None;
    packet.protocol = Protocol(47);
    assert_eq!(*matcher.classify(&packet).action, Action::Accept);
    assert_eq!(*rules.first_match(&packet, None).action, Action::Accept);
}

#[test]
fn images_have_no_room_for_sets() {
    let rules: RuleSet = "set web ports 80\naccept to-port-set web".parse().unwrap();
    let bytes = StatelessMatcher::compile(&rules, &Config::new()).unwrap().to_bytes();
    let error = StatelessMatcher::from_bytes(&bytes).unwrap_err();
    assert!(error.to_string().contains("a named set"), "{error}");
}

#[test]
fn sets_are_explained_but_not_analysed() {
    let rules: RuleSet = TEXT.parse().unwrap();
    let packet = tcp("198.51.100.3:80", "192.0.2.1:53");
    let text = Explanation::new(&rules, &packet, None).to_string();
    assert!(text.contains("by rule 1"), "{text}");
    let packet = tcp("10.0.0.1:80", "192.0.2.1:53");
    let text = Explanation::new(&rules, &packet, None).to_string();
    assert!(
        text.contains("named sets is from-port-set web, to-endpoint-set services, not"),
        "{text}"
    );
    let Err(error) = Analysis::new(&rules).reach() else { panic!("an answer") };
    assert!(matches!(error, AnalysisError::NamedSet(Some(_))), "{error}");
}
