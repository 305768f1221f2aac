//! The example `audit`, run in this process.

#![allow(dead_code, reason = "modules of a program")]

use std::fs;

use clap::Parser;
use serde_json::Value;

use crate::formats;
use crate::scratch::Scratch;

#[path = "../../examples/audit/app.rs"]
mod app;
#[path = "../../examples/audit/findings.rs"]
mod findings;
#[path = "../../examples/audit/json.rs"]
mod json;
#[path = "../../examples/audit/page.rs"]
mod page;
#[path = "../../examples/audit/picture.rs"]
mod picture;
#[path = "../../examples/audit/text.rs"]
mod text;

const RULES: &str = "\
accept tcp from 10.0.0.0/9 to any port 22
accept tcp from 10.128.0.0/9 to any port 22
drop tcp from 10.0.0.0/8 to any port 22 comment \"<late>\"
jump web tcp to any port 443
drop udp

chain web
accept from not 192.0.2.0/24
";

fn run(args: &[&str]) -> Result<String, app::Failure> {
    let args = app::Args::try_parse_from(["audit"].iter().chain(args)).unwrap();
    let mut out = Vec::new();
    app::run(&args, &mut out).map(|()| String::from_utf8(out).unwrap())
}

#[test]
fn findings_are_printed_with_their_rules() {
    let rules = Scratch::new("text", RULES);
    let text = run(&["text", rules.path()]).unwrap();
    for part in [
        "6 rules in 2 chains\n  3 accept, 2 drop, 1 jump; default drop\n",
        "Can never match: 1\n  rule 3: drop tcp from 10.0.0.0/8 to any port 22 comment \"<late>\"\n      behind rule 1 and rule 2, which do something else\n",
        "Redundant: nothing changes without any one of these: 1\n  rule 5: drop udp\n",
        "Widest accepts from anywhere: none",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
}

#[test]
fn json_says_the_same() {
    let rules = Scratch::new("json", RULES);
    let value: Value =
        serde_json::from_str(&run(&["text", rules.path(), "--json"]).unwrap()).unwrap();
    assert_eq!(value["rules"], 6);
    assert_eq!(value["never_match"][0]["rule"], 3);
    assert_eq!(value["never_match"][0]["why"]["their_action"], "different");
    assert_eq!(value["never_match"][0]["why"]["shadowed_by"].as_array().unwrap().len(), 2);
}

#[test]
fn two_rule_sets_are_compared() {
    let (a, b) = (Scratch::new("a", RULES), Scratch::new("b", &RULES.replace("443", "444")));
    let text = run(&["text", a.path(), b.path()]).unwrap();
    assert!(text.contains("Decided differently: 2\n  first   web rule 1: accept"), "{text}");
    assert!(run(&["text", a.path(), a.path()]).unwrap().contains("decide every packet alike"));
    let value: Value =
        serde_json::from_str(&run(&["text", a.path(), b.path(), "--json"]).unwrap()).unwrap();
    assert_eq!(value["differences"].as_array().unwrap().len(), 2);
    assert_eq!(value["differences"][1]["first"]["default"], "drop");
}

#[test]
fn rules_of_different_systems_are_compared() {
    let iptables = Scratch::new(
        "iptables",
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\n-A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT\nCOMMIT\n",
    );
    let text = Scratch::new("own", "accept ipv4 tcp to any port 443-444");
    let args = ["iptables", iptables.path(), text.path(), "--format2", "text"];
    let found = run(&args).unwrap();
    assert!(found.contains("ipv4 tcp to any port 444"), "{found}");
}

#[test]
fn nftables_are_read() {
    let nft = Scratch::new(
        "nft",
        r#"{ "nftables": [
            { "table": { "family": "inet", "name": "t", "handle": 1 } },
            { "chain": { "family": "inet", "table": "t", "name": "f", "handle": 1,
                         "type": "filter", "hook": "input", "prio": 0, "policy": "drop" } },
            { "rule": { "family": "inet", "table": "t", "chain": "f", "handle": 2, "expr": [
                { "match": { "op": "==", "left": { "payload": { "protocol": "tcp", "field": "dport" } },
                             "right": 443 } },
                { "accept": null } ] } }
        ] }"#,
    );
    let found = run(&["nft", nft.path(), "--way", "input"]).unwrap();
    assert!(found.contains("accept ipv4 tcp to any port 443"), "{found}");
}

#[test]
fn the_page_needs_nothing_besides_itself() {
    let (rules, out) = (Scratch::new("page", RULES), Scratch::new("html", ""));
    run(&["text", rules.path(), "--html", out.path()]).unwrap();
    let page = fs::read_to_string(out.path()).unwrap();
    for foreign in ["http", "src=", "url(h", "@import", "<script", "<late>"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("class=\"row").count(), 6);
    assert_eq!(page.matches("class=\"link\"").count(), 2);
    assert!(page.contains("&lt;late&gt;") && page.contains("fill=\"url(#never)\""));
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_file() {
    let rules = Scratch::new("bad", "accept tpc");
    let error = run(&["text", rules.path()]).unwrap_err().to_string();
    assert!(error.contains("portcullis-") && error.contains("line 1, column 8"), "{error}");
    assert!(run(&["text", "no such file"]).is_err());
}

#[test]
fn what_a_lenient_reader_leaves_out_is_said_wherever_the_answer_goes() {
    let rules = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m u32 --u32 0=1 -j ACCEPT\n-A FORWARD -p tcp -j ACCEPT\nCOMMIT\n";
    let rules = Scratch::new("iptables", rules);
    let error = run(&["iptables", rules.path()]).unwrap_err().to_string();
    assert!(error.contains("line 3, column 15"), "{error}");

    let page = Scratch::new("partial", "");
    let text = run(&["iptables", rules.path(), "--lenient", "--html", page.path()]).unwrap();
    assert!(text.starts_with("left out: line 3, column 15"), "{text}");
    assert!(text.contains("(partial: 1 left out): "), "{text}");
    let page = fs::read_to_string(page.path()).unwrap();
    assert!(page.contains("(partial: 1 left out)"), "{page}");
    let json = run(&["iptables", rules.path(), "--lenient", "--json"]).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["left_out"].as_array().unwrap().len(), 1);
}

#[test]
fn what_a_file_does_not_say_is_given() {
    let local =
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT\nCOMMIT\n";
    let local = Scratch::new("local", local);
    let read = ["iptables", local.path(), "--way", "input"];
    let error = run(&read).unwrap_err().to_string();
    assert!(error.contains("address type `LOCAL`"), "{error}");
    let text = run(&[&read[..], &["--local", "192.0.2.5/24"]].concat()).unwrap();
    assert!(text.contains("1 accept"), "{text}");

    let groups =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/aws/describe-security-groups.json");
    let error = run(&["aws-sg", groups]).unwrap_err().to_string();
    assert!(error.contains("sg-903004f8"), "{error}");
    let text = run(&["aws-sg", groups, "--member", "sg-903004f8=10.0.0.0/8"]).unwrap();
    assert!(text.contains("5 rules"), "{text}");
}
