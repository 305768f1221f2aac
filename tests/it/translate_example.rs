//! The example `translate`, run in this process: each form in each other, and what cannot be.

use clap::Parser;
use portcullis::RuleSet;
use portcullis::analysis::Analysis;

use crate::formats;
use crate::scratch::Scratch;

#[path = "../../examples/translate/app.rs"]
mod app;

fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn output(args: &[&str]) -> Result<app::Output, String> {
    app::run(&app::Args::try_parse_from(["translate"].iter().chain(args)).unwrap())
}

fn printed(args: &[&str]) -> String {
    output(args).unwrap_or_else(|error| panic!("{args:?}: {error}")).text
}

const TEXT: &str = "\
default drop
accept state established, related
accept in lan0 ipv4 tcp from 10.0.0.0/8 to any port 80, 443 comment \"web\"
";

const IPTABLES: &str = "\
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -s 10.0.0.0/8 -i lan0 -p tcp -m tcp -m multiport --dports 80,443 -m comment --comment \"web\" -j ACCEPT
COMMIT
";

const IP6TABLES: &str = "\
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
";

const NFT: &str = r#"{"nftables":[
{"metainfo":{"json_schema_version":1}},
{"table":{"family":"ip","name":"portcullis"}},
{"chain":{"family":"ip","table":"portcullis","name":"forward","type":"filter","hook":"forward","prio":0,"policy":"drop"}},
{"rule":{"family":"ip","table":"portcullis","chain":"forward","expr":[{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}},{"accept":null}]}},
{"rule":{"family":"ip","table":"portcullis","chain":"forward","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"10.0.0.0","len":8}}}},{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":"lan0"}},{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"set":[80,443]}}},{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"urgptr"}},"right":{"range":[0,65535]}}},{"accept":null}],"comment":"web"}},
{"table":{"family":"ip6","name":"portcullis"}},
{"chain":{"family":"ip6","table":"portcullis","name":"forward","type":"filter","hook":"forward","prio":0,"policy":"drop"}},
{"rule":{"family":"ip6","table":"portcullis","chain":"forward","expr":[{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}},{"accept":null}]}}
]}
"#;

#[test]
fn text_in_each_form() {
    let file = Scratch::new("translate-text", TEXT);
    for (to, expected) in
        [("text", TEXT), ("iptables", IPTABLES), ("ip6tables", IP6TABLES), ("nft", NFT)]
    {
        assert_eq!(printed(&["text", to, file.path()]), expected, "{to}");
    }
}

/// What decides otherwise, of two rule sets in text.
fn differences(a: &str, b: &str) -> String {
    let [a, b] = [a, b].map(|text| text.parse::<RuleSet>().unwrap());
    let differences = Analysis::new(&a).difference(&b).unwrap();
    let each = differences.iter().flat_map(|difference| &difference.regions);
    each.map(|region| format!("{region}\n")).collect()
}

/// Of each form, by way of each form that can be written, in text again: the same decisions.
#[test]
fn each_form_in_each_form() {
    let text = Scratch::new("translate-way-text", TEXT);
    let v4 = Scratch::new("translate-way-v4", IPTABLES);
    let v6 = Scratch::new("translate-way-v6", IP6TABLES);
    let nft = Scratch::new("translate-way-nft", NFT);
    let filters = "@10.0.0.0/8\t0.0.0.0/0\t0 : 65535\t80 : 80\t0x06/0xFF\t0x0000/0x0000\n@0.0.0.0/0\t10.1.0.0/16\t0 : 65535\t0 : 65535\t0x11/0xFF\t0x0000/0x0000\n";
    let filters = Scratch::new("translate-way-classbench", filters);
    let acl = data("aws/custom-acl.json");
    let group = data("aws/connection-tracking.json");
    let sources = [
        ("text", text.path()),
        ("iptables", v4.path()),
        ("ip6tables", v6.path()),
        ("nft", nft.path()),
        ("classbench", filters.path()),
        ("aws-nacl", &*acl),
        ("aws-sg", &*group),
    ];
    for (from, path) in sources {
        let direct = printed(&[from, "text", path]);
        assert_eq!(differences(&direct, TEXT).is_empty(), matches!(from, "text" | "nft"), "{from}");
        for to in ["text", "iptables", "ip6tables", "nft"] {
            let written = match output(&[from, to, path]) {
                Ok(output) => output.text,
                // Linux drops what a rule cannot read.
                Err(error) if to.starts_with("ip") => {
                    assert!(error.contains("drop_unreadable"), "{from} {to}: {error}");
                    printed(&[from, to, path, "--drop-unreadable"])
                }
                Err(error) => panic!("{from} {to}: {error}"),
            };
            let again = Scratch::new(&format!("translate-{from}-{to}"), &written);
            let back = printed(&[to, "text", again.path()]);
            if matches!(to, "text" | "nft") {
                assert_eq!(differences(&direct, &back), "", "{from} {to}");
            } else {
                let once_more = Scratch::new(&format!("translate-{from}-{to}-2"), &back);
                let args = [&["text", to, once_more.path()][..], &["--drop-unreadable"]].concat();
                let last = Scratch::new(&format!("translate-{from}-{to}-3"), &printed(&args));
                assert_eq!(differences(&back, &printed(&[to, "text", last.path()])), "");
            }
        }
    }
}

#[test]
fn forms_that_have_no_room_for_rules() {
    let file = Scratch::new("translate-none", TEXT);
    for (to, why) in [
        ("aws-sg", "a security group has no order of rules"),
        ("aws-nacl", "a network ACL has no chains"),
        ("classbench", "a ClassBench file has no actions"),
    ] {
        let error = output(&["text", to, file.path()]).err().unwrap();
        assert!(error.starts_with(file.path()) && error.contains(why), "{error}");
    }
}

#[test]
fn errors_say_where() {
    let text = Scratch::new("translate-bad-text", "accept udp\naccept tpc to any port 80\n");
    let error = output(&["text", "nft", text.path()]).err().unwrap();
    assert!(error.contains("line 2, column 8") && error.contains("\n"), "{error}");
    assert!(error.lines().any(|line| line.trim_end().ends_with('^')), "{error}");

    let rules = IPTABLES.replace("-p tcp -m tcp", "-p tcp -m owner");
    let rules = Scratch::new("translate-bad-iptables", &rules);
    let error = output(&["iptables", "text", rules.path()]).err().unwrap();
    assert!(error.contains("line 4, column") && error.contains("owner"), "{error}");
    assert!(error.lines().any(|line| line.trim_end().ends_with('^')), "{error}");

    let rules = NFT.replacen(r#""key":"iifname""#, r#""key":"skuid""#, 1);
    let rules = Scratch::new("translate-bad-nft", &rules);
    let error = output(&["nft", "text", rules.path()]).err().unwrap();
    let place = "$.nftables[4].rule.expr[1].match.left.meta.key: `meta skuid` is not supported";
    assert_eq!(error, format!("{}: {place}", rules.path()));

    let group = Scratch::new("translate-bad-aws", r#"{ "SecurityGroups": [ { "GroupId": 7 } ] }"#);
    let error = output(&["aws-sg", "text", group.path()]).err().unwrap();
    assert!(error.contains("$.SecurityGroups[0]"), "{error}");

    let filters = Scratch::new("translate-bad-classbench", "@10.0.0.0/33 0.0.0.0/0\n");
    let error = output(&["classbench", "text", filters.path()]).err().unwrap();
    assert!(error.contains("line 1, column"), "{error}");

    let error = output(&["text", "nft", "no such file"]).err().unwrap();
    assert!(error.starts_with("no such file: "), "{error}");
}

#[test]
fn a_lenient_run_lists_what_it_leaves_out() {
    let rules = IPTABLES.replace("-p tcp -m tcp", "-p tcp -m owner --uid-owner 0");
    let rules = Scratch::new("translate-lenient", &rules);
    let output = output(&["iptables", "text", rules.path(), "--lenient"]).unwrap();
    assert!(output.text.starts_with("# partial: 1 left out\n"), "{}", output.text);
    assert!(output.notes[0].starts_with("left out: line 4, column"), "{:?}", output.notes);
    assert!(output.text.parse::<RuleSet>().is_ok());
}

#[test]
fn rules_before_tracking_are_said_to_be_there() {
    let router = data("nft/router.json");
    let found = output(&["nft", "text", &router]).unwrap();
    assert!(found.notes[0].contains("see --raw"), "{:?}", found.notes);
    assert!(printed(&["nft", "text", &router, "--raw"]).contains("notrack"));
    let file = Scratch::new("translate-raw", TEXT);
    assert!(output(&["text", "text", file.path(), "--raw"]).is_err());
}

#[test]
fn names_of_forms_are_checked() {
    for args in [["iptable", "text"], ["text", "txt"]] {
        let args = ["translate", args[0], args[1], "FILE"];
        let error = app::Args::try_parse_from(args).unwrap_err().to_string();
        assert!(error.contains("[possible values: ") && error.contains("aws-nacl"), "{error}");
    }
    assert!(app::Args::try_parse_from(["translate", "text"]).is_err());
}
