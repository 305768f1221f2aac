use portcullis::rule::AnyOf;
use portcullis::{Action, Criteria, Reject, Rule, RuleSet};

/// What may be written, and how it is printed.
const RULES: &[(&str, &str)] = &[
    ("accept any", "accept any"),
    ("  drop\tany  ", "drop any"),
    ("accept any # all", "accept any"),
    ("accept any#all", "accept any"),
    ("accept from any", "accept any"),
    ("accept from any to any port any", "accept any"),
    ("accept state any protocol any", "accept any"),
    ("reject with port-unreachable any", "reject any"),
    ("reject with tcp-reset any", "reject with tcp-reset any"),
    ("reject with net-prohibited any", "reject with net-prohibited any"),
    ("accept state new to any port 22 tcp", "accept tcp to any port 22 state new"),
    ("accept to 10.0.0.1 from ::1 udp", "accept udp from ::1 to 10.0.0.1"),
    ("accept tcp,udp", "accept tcp, udp"),
    ("accept tcp , udp", "accept tcp, udp"),
    ("accept protocol tcp, 17", "accept tcp, udp"),
    ("accept protocol 99, tcp", "accept protocol 99, tcp"),
    ("accept protocol not 99, tcp", "accept protocol not 99, tcp"),
    ("accept protocol not udp", "accept not udp"),
    ("accept tcp, 99", "accept protocol tcp, 99"),
    ("accept icmp", "accept icmp"),
    ("accept icmp icmp type 8", "accept icmp icmp type 8"),
    ("accept icmp type 8 icmp", "accept icmp icmp type 8"),
    ("accept not icmp icmp type 8", "accept not icmp icmp type 8"),
    ("accept tcp, icmp icmp type 8", "accept tcp, icmp icmp type 8"),
    ("accept icmp type 3/0-255", "accept icmp type 3"),
    ("accept icmp type 3/4-4", "accept icmp type 3/4"),
    ("accept icmpv6 type any udp", "accept udp"),
    ("accept from 10.0.0.0/32", "accept from 10.0.0.0"),
    ("accept from 10.0.0.0-10.255.255.255", "accept from 10.0.0.0/8"),
    ("accept from 10.0.0.7-10.0.0.7", "accept from 10.0.0.7"),
    ("accept from 0.0.0.0/0", "accept from 0.0.0.0/0"),
    ("accept from 2001:DB8::/32", "accept from 2001:db8::/32"),
    ("accept from ::1-::9, ::ffff:10.0.0.1", "accept from ::1-::9, ::ffff:10.0.0.1"),
    ("accept from ::/0, 10.0.0.1", "accept from ::/0, 10.0.0.1"),
    ("accept from any port 5-5", "accept from any port 5"),
    ("accept to any port 0-65535", "accept to any port 0-65535"),
    ("accept to not 10.0.0.1 port not 22, 23", "accept to not 10.0.0.1 port not 22, 23"),
    ("accept to any port none", "accept to any port none"),
    ("accept to none port not none", "accept to none port not none"),
    ("accept flags ack, syn/ack, fin, syn", "accept flags syn,ack/fin,syn,ack"),
    ("accept flags none/none", "accept flags none/none"),
    ("accept flags none", "accept flags none"),
    ("accept flags not none", "accept flags not none"),
    ("accept flags not syn/syn or none/fin", "accept flags not syn/syn or none/fin"),
    ("accept flags syn/syn,none", "accept flags syn/syn"),
    ("accept malformed", "accept malformed"),
    ("accept not malformed not tcp", "accept not tcp not malformed"),
    ("accept malformed not tcp", "accept not tcp malformed"),
    ("accept malformed short-ports,tiny-fragment", "accept malformed short-ports, tiny-fragment"),
    ("accept malformed not short-ports", "accept malformed not short-ports"),
    ("accept malformed none", "accept malformed none"),
    ("accept malformed not none tcp", "accept tcp malformed not none"),
    (
        "drop malformed short-transport, short-ports, tiny-fragment, extension-headers, bad-transport",
        "drop malformed",
    ),
    (
        "accept cut-source-port 1-3 cut-destination-port not 4",
        "accept cut-source-port 1-3 cut-destination-port not 4",
    ),
    ("accept direction original, reply", "accept direction original, reply"),
    ("accept status not src-nat, dst-nat", "accept status not src-nat, dst-nat"),
    (
        "accept original-to any port 80 original-from 10.0.0.0/8",
        "accept original-from 10.0.0.0/8 original-to any port 80",
    ),
    ("accept original-protocol tcp, 17", "accept original-protocol tcp, udp"),
    ("accept original-from any", "accept any"),
    ("accept zone 1-9", "accept zone 1-9"),
    ("accept ttl 1, 64-255", "accept ttl 1, 64-255"),
    ("accept in eth0 out wg*", "accept in eth0 out wg*"),
    ("accept in any out \"any\"", "accept out \"any\""),
    ("accept in \"eth0\"", "accept in eth0"),
    ("accept in \"\", \"a b\", \"a,b\"", "accept in \"\", \"a b\", \"a,b\""),
    ("accept in br-lan.7, x:1, a/b, tcp", "accept in br-lan.7, x:1, a/b, tcp"),
    ("accept in é", "accept in \"é\""),
    ("accept mark 7, 0X7", ""),
    ("accept mark 7, 0xFF/0xFFFFFFFF", "accept mark 0x7, 0xff"),
    ("accept mark 0/0", "accept mark 0x0/0x0"),
    ("mark 0x7 any", "mark 0x7 any"),
    ("mark 0/0xf mark 1", "mark 0x0/0xf mark 0x1"),
    ("count any", "count any"),
    ("notrack any", "notrack any"),
    ("zone 7 zone 0", "zone 7 zone 0"),
    ("spend 63 any", "spend 63 any"),
    ("reject with policy-fail any", "reject with policy-fail any"),
    ("audit length 0-4294967295", "audit length 0-4294967295"),
    ("return not tcp", "return not tcp"),
    ("accept any comment \"\"", "accept any comment \"\""),
    ("accept comment \"x\" any", "accept any comment \"x\""),
    ("accept any comment \"# not a remark\"", "accept any comment \"# not a remark\""),
    ("accept any comment \"\\u{e9}\\t\\\\\"", "accept any comment \"é\\t\\\\\""),
    ("accept any comment \"日本\\u{202e}\"", "accept any comment \"日本\\u{202e}\""),
];

#[test]
fn rules_print_in_one_way() {
    for (text, printed) in RULES.iter().filter(|(_, printed)| !printed.is_empty()) {
        let rule: Rule = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rule.to_string(), *printed, "{text}");
        assert_eq!(printed.parse::<Rule>().unwrap(), rule, "{text}");
    }
}

#[test]
fn texts_without_rules() {
    for text in ["", "\n", "# nothing\n\n   # at all", "\u{feff}", "\r\n\r\n"] {
        let rules: RuleSet = text.parse().unwrap();
        assert_eq!(rules, RuleSet::new(Action::Drop), "{text:?}");
    }
}

#[test]
fn line_ends_and_a_byte_order_mark() {
    let unix = "default accept\naccept tcp # one\n\nchain a\ndrop udp\n";
    let windows = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
    assert_eq!(windows.parse::<RuleSet>().unwrap(), unix.parse().unwrap());
    assert_eq!(unix.trim_end().parse::<RuleSet>().unwrap(), unix.parse().unwrap());
}

#[test]
fn the_default_may_follow_rules() {
    let rules: RuleSet = "accept tcp\ndefault reject with tcp-reset\naccept udp".parse().unwrap();
    assert_eq!(*rules.default_action(), Action::Reject(Reject::TcpReset));
    assert_eq!(rules.len(), 2);
}

#[test]
fn chains_are_numbered_as_they_are_declared() {
    let text = "jump b any\njump \"odd one\" any\nchain a\nchain b\ngoto \"odd one\" tcp\nchain \"odd one\"";
    let rules: RuleSet = text.parse().unwrap();
    let names: Vec<&str> = rules.chains().iter().map(|chain| chain.name()).collect();
    assert_eq!(names, ["base", "a", "b", "odd one"]);
    let [b, odd] = ["b", "odd one"].map(|name| rules.chain_named(name).unwrap());
    assert_eq!(rules.chains()[0].rules(), [Rule::jump(b), Rule::jump(odd)]);
    assert_eq!(rules.chains()[2].rules(), [Rule::goto(odd).tcp()]);
}

#[test]
fn criteria_print_alone() {
    assert_eq!(Criteria::default().to_string(), "any");
    let rule: Rule = "accept tcp to any port 22".parse().unwrap();
    assert_eq!(rule.criteria.to_string(), "tcp to any port 22");
    let rule: Rule = "drop in eth0".parse().unwrap();
    assert_eq!(rule.criteria.to_string(), "in eth0");
    assert_eq!(rule.criteria.in_interface, AnyOf::from("eth0"));
}

/// An action type of somebody's own.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Allow,
    Queue(u8),
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Queue(number) => write!(f, "to queue {number}"),
        }
    }
}

#[test]
fn actions_of_ones_own() {
    let actions = [
        ("allow", Verdict::Allow),
        ("to queue 1", Verdict::Queue(1)),
        ("to queue 2", Verdict::Queue(2)),
    ];
    let read = |text: &str| RuleSet::parse_with(text, Verdict::Queue(1), &actions);
    let rules = read("allow tcp\nto queue 2 udp\njump a any\nchain a\nto queue 1 to ::1").unwrap();
    assert_eq!(rules.default_action(), &Verdict::Queue(1));
    let printed =
        "default to queue 1\nallow tcp\nto queue 2 udp\njump a any\n\nchain a\nto queue 1 to ::1\n";
    assert_eq!(rules.to_string(), printed);
    assert_eq!(read(printed).unwrap(), rules);
    let error = read("allow tcp\nto queue 3 any").unwrap_err();
    assert_eq!((error.line(), error.column(), error.expected()), (2, 10, "`1` or `2`"));
    let error = read("default alow").unwrap_err();
    assert_eq!((error.expected(), error.suggestion()), ("`allow` or `to`", Some("allow")));
}
