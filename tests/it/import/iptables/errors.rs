//! What cannot be read: the message, the place, the line with carets under it.

use portcullis::import::ImportError;
use portcullis::import::iptables::Iptables;

use super::forward;

/// A rule of FORWARD and what is wrong with it: the message after the place, and what the carets
/// stand under.
const RULES: &[(&str, &str, &str)] = include!("errors/rules.rs");

/// A text and all of the error.
const TEXTS: &[(&str, &str)] = include!("errors/texts.rs");

fn error(text: &str) -> ImportError {
    Iptables::new().v4(text).expect_err(text)
}

/// What the carets of an error stand under.
fn marked(error: &ImportError) -> String {
    let shown = error.to_string();
    let lines: Vec<&str> = shown.lines().collect();
    let [_, source, carets] = lines[..] else { panic!("{shown}") };
    let marked = source.chars().zip(carets.chars().chain(std::iter::repeat(' ')));
    marked.filter(|(_, caret)| *caret == '^').map(|(c, _)| c).collect()
}

#[test]
fn every_error_says_what_and_where() {
    let mut wrong = String::new();
    for (rule, message, place) in RULES {
        let found = error(&forward(rule));
        let (said, stands) = (found.message(), marked(&found));
        if (said, &*stands, found.line()) != (*message, *place, 3) {
            wrong += &format!("{rule}\n   {said}\n   `{stands}`\nnot {message}\n   `{place}`\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn whole_errors() {
    for (text, expected) in TEXTS {
        assert_eq!(error(text).to_string(), *expected, "{text}");
    }
}

#[test]
fn ipv6_has_its_own() {
    let text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 10.0.0.1 -j DROP\nCOMMIT\n";
    let error = Iptables::new().v6(text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\
line 3, column 13: expected an IPv6 address, found `10.0.0.1`
  -A INPUT -s 10.0.0.1 -j DROP
              ^^^^^^^^"
    );
    for rule in [
        "-f",
        "-m ttl --ttl-eq 1",
        "-m icmp --icmp-type 8",
        "-j REJECT --reject-with icmp-host-unreachable",
    ] {
        let text = format!("*filter\n:INPUT ACCEPT\n-A INPUT -p tcp {rule}\nCOMMIT\n");
        assert!(Iptables::new().v6(&text).is_err(), "{rule}");
    }
}

/// Each thing left out is the error that it otherwise would have been, and the rest is read.
#[test]
fn a_lenient_import_lists_what_it_leaves_out() {
    let text = "\
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080
-A PREROUTING -j LOG
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
-A FORWARD -m recent --name ssh --set
-A FORWARD -p tcp -m tcp --dport 22 -m owner --uid-owner 0 -j ACCEPT
-A FORWARD -m string --string a --algo bm -j DROP
-A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT
-A FORWARD -m set --match-set nowhere src -j ACCEPT
-A FORWARD -j TPROXY --on-port 1
COMMIT
";
    let tables = Iptables::new().lenient(true).v4(text).unwrap();
    assert!(tables.is_partial());
    let left_out: Vec<_> =
        tables.left_out().iter().map(|error| (error.line(), error.message())).collect();
    assert_eq!(
        left_out,
        [
            (3, "translating addresses (table nat; see `Iptables::translated`) is not supported"),
            (9, "match `recent` is not supported"),
            (10, "match `owner` is not supported"),
            (11, "match `string` is not supported"),
            (
                13,
                "without its contents, which `Iptables::set` gives, the set `nowhere` is not supported"
            ),
            (14, "target `TPROXY` is not supported"),
        ]
    );
    let mut firewall = super::untracked(&tables);
    let judgement = firewall.classify(&super::syn("10.0.0.1:4000", "192.0.2.1:80"), super::at(0));
    // The rule keeps its number.
    assert_eq!(super::origin(&firewall, &judgement), "ipv4 filter FORWARD rule 4, line 12");
    assert!(!super::tables(&forward("-j DROP")).is_partial());
}

/// What is wrong is wrong, lenient or not.
#[test]
fn a_lenient_import_forgives_no_mistakes() {
    let lenient = |rule| Iptables::new().lenient(true).v4(&forward(rule));
    for rule in ["-s 10.0.0.256 -j DROP", "-p tcp -m tcp --dport 65536", "-j NOWHERE", "-m udp"] {
        assert!(lenient(rule).is_err(), "{rule}");
    }
}
