//! The text form of rules.

mod errors;
mod print;
mod properties;
mod read;

use portcullis::{Criteria, RuleSet};

/// The shape of the text form: everything that it can say, as it is printed.
pub(crate) const EVERYTHING: &str = r#"default reject with admin-prohibited
accept state established, related
accept tcp from 10.0.0.0/8, 192.0.2.1-192.0.2.9 port 1024-65535 to not 10.1.0.0/16 port 22, 8000-8099
reject with tcp-reset tcp to any port 113
reject udp
accept protocol 48, gre
accept not tcp, udp
accept icmp type 8, 3/4, 3/0-5
accept icmpv6 type not 128, 129
drop tcp flags none/fin,syn or syn,ack/syn,ack
drop fragment later
drop malformed
accept not malformed
drop tcp malformed short-transport, short-ports, tiny-fragment
drop malformed not bad-transport cut-source-port 53 cut-destination-port not 22, 80-90 ttl 0-1, 255
accept in eth0, wg*, "none" out not "eth 1" ipv4
count vlan 10-20 dscp 46 length 0-1500 mark 0x1/0xff predicate 3
log any
audit from none to not none
mark 0x1/0xff tcp
jump ssh tcp to any port 22
goto "two words" any
return any
accept zone 0, 7-9 state new direction original status not assured, src-nat
accept original-protocol udp original-from 10.0.0.0/8 port 53 original-to any port not 22
accept any comment "for \"people\"\n"

chain ssh
accept from 192.0.2.0/24

chain "two words"
"#;

#[test]
fn what_is_printed_is_what_was_read() {
    let rules: RuleSet = EVERYTHING.parse().unwrap();
    assert_eq!(rules.to_string(), EVERYTHING);
}

#[test]
fn criteria_read_back_without_their_rules() {
    let rules: RuleSet = EVERYTHING.parse().unwrap();
    for rule in rules.chains().iter().flat_map(|chain| chain.rules()) {
        let text = rule.criteria.to_string();
        assert_eq!(text.parse::<Criteria>().unwrap_or_else(|e| panic!("{e}")), rule.criteria);
    }
    assert_eq!(
        "\u{feff}# all\n any # remark\n\n".parse::<Criteria>().unwrap(),
        Criteria::default()
    );
}

#[test]
fn what_is_no_criteria_is_an_error_with_its_place() {
    for (text, message) in [
        ("", "line 1, column 1: expected criteria, or `any`, found none"),
        ("tcp\n udp", "line 2, column 2: expected nothing after the criteria, found `udp`"),
        ("accept tcp", "line 1, column 1: expected a criterion such as"),
        (
            "tcp comment \"x\" to any port 22",
            "line 1, column 5: expected criteria alone, as a comment belongs to a rule, found `comment`",
        ),
        ("comment \"x\"", "line 1, column 12: expected criteria, or `any` for a rule"),
    ] {
        let error = text.parse::<Criteria>().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
