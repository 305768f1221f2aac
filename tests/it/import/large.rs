//! Large and deeply nested inputs: read in time and memory that grow with them, or refused with an error
//! that says which bound they pass. Nothing is measured here; what is quadratic takes minutes.

use std::fmt::Write;

use portcullis::import::classbench::{self, HeaderBits};
use portcullis::import::iptables::{Hook, Iptables};
use portcullis::{Config, RuleSet, StatelessMatcher};

/// How many rules, and chains: with `PORTCULLIS_LONG` 100,000 and 50,000.
fn sizes() -> (usize, usize) {
    match std::env::var("PORTCULLIS_LONG") {
        Ok(_) => (100_000, 50_000),
        Err(_) => (10_000, 5_000),
    }
}

const DEEP: usize = 10_000;

fn address(number: usize) -> String {
    format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255)
}

#[test]
fn iptables_rules_and_chains() {
    let (rules, chains) = sizes();
    let mut text = String::from("*filter\n:FORWARD DROP [0:0]\n");
    (0..chains).for_each(|number| writeln!(text, ":C{number} - [0:0]").unwrap());
    for number in 0..rules {
        let address = address(number);
        writeln!(text, "-A FORWARD -s {address}/32 -p tcp -m tcp --dport 80 -j ACCEPT").unwrap();
    }
    for number in 0..chains {
        writeln!(text, "-A FORWARD -d {}/32 -j C{number}", address(number)).unwrap();
        writeln!(text, "-A C{number} -p udp -j ACCEPT").unwrap();
    }
    let tables = Iptables::new().v4(&(text + "COMMIT\n")).unwrap();
    let hook = tables.hook(Hook::Forward);
    assert_eq!(hook.rules.chains().len(), chains + 1);
    // For each rule with ports one that drops what it cannot read, the policy, and the other family.
    assert_eq!(hook.rules.len(), 2 * rules + 2 * chains + 2);
}

#[test]
fn iptables_chains_that_lead_to_chains() {
    let mut text = String::from("*filter\n:FORWARD DROP [0:0]\n");
    (0..DEEP).for_each(|number| writeln!(text, ":C{number} - [0:0]").unwrap());
    writeln!(text, "-A FORWARD -j C0").unwrap();
    for number in 1..DEEP {
        writeln!(text, "-A C{} -j C{number}", number - 1).unwrap();
    }
    let tables = Iptables::new().v4(&(text + "COMMIT\n")).unwrap();
    let rules = tables.hook(Hook::Forward).rules;
    let error = StatelessMatcher::compile(&rules, &Config::new()).unwrap_err();
    assert!(error.to_string().contains("32"), "{error}");
}

#[test]
fn ipset_entries() {
    let (entries, _) = sizes();
    let mut sets = String::from("create all hash:net family inet\ncreate two hash:ip,port\n");
    for number in 0..entries {
        writeln!(sets, "add all {}/32", address(2 * number)).unwrap();
        writeln!(sets, "add two {},tcp:{}", address(number), number % 7 + 1).unwrap();
    }
    let text = |set: &str, sides: &str| {
        format!(
            "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m set --match-set {set} {sides} -j ACCEPT\nCOMMIT\n"
        )
    };
    let told = Iptables::new().ipset_save(&sets).unwrap();
    assert!(told.clone().v4(&text("all", "src")).is_ok());
    let two = told.v4(&text("two", "src,dst"));
    assert!(two.is_ok() || two.unwrap_err().message().contains("with so many entries"));
}

#[test]
fn text_rules_and_chains() {
    let (rules, chains) = sizes();
    let mut text = String::new();
    for number in 0..rules {
        writeln!(text, "accept tcp from {} to any port 80", address(number)).unwrap();
    }
    for number in 0..chains {
        writeln!(text, "jump c{number} to {}", address(number)).unwrap();
    }
    for number in 0..chains {
        writeln!(text, "chain c{number}\naccept udp").unwrap();
    }
    let read: RuleSet = text.parse().unwrap();
    assert_eq!((read.len(), read.chains().len()), (rules + 2 * chains, chains + 1));
    assert_eq!(read.to_string().parse::<RuleSet>().unwrap(), read);
}

#[test]
fn text_chains_that_lead_to_chains() {
    let mut text = String::from("jump c0 any\n");
    for number in 1..DEEP {
        writeln!(text, "chain c{}\njump c{number} any", number - 1).unwrap();
    }
    writeln!(text, "chain c{}\naccept any", DEEP - 1).unwrap();
    let rules: RuleSet = text.parse().unwrap();
    let error = StatelessMatcher::compile(&rules, &Config::new()).unwrap_err();
    assert!(error.to_string().contains("32"), "{error}");
}

#[test]
fn classbench_rules() {
    let (rules, _) = sizes();
    let mut text = String::new();
    for number in 0..rules {
        let address = address(number);
        writeln!(text, "@{address}/32\t0.0.0.0/0\t0 : 65535\t80 : 80\t0x06/0xFF\t0x0000/0x0000")
            .unwrap();
    }
    assert_eq!(classbench::parse(&text, HeaderBits::Match).unwrap().len(), rules);
}

#[cfg(feature = "import")]
mod json {
    use portcullis::import::aws::{Addresses, NetworkAcls, SecurityGroups};
    use portcullis::import::nft::Nftables;
    use serde_json::{Value, json};

    use super::*;

    fn listing(objects: Vec<Value>) -> String {
        let mut all = vec![
            json!({ "table": { "family": "ip", "name": "t" } }),
            json!({ "chain": { "family": "ip", "table": "t", "name": "forward", "type": "filter",
                               "hook": "forward", "prio": 0, "policy": "drop" } }),
        ];
        all.extend(objects);
        json!({ "nftables": all }).to_string()
    }

    fn chain(number: usize) -> Value {
        json!({ "chain": { "family": "ip", "table": "t", "name": format!("c{number}") } })
    }

    fn rule(chain: &str, expr: Value) -> Value {
        json!({ "rule": { "family": "ip", "table": "t", "chain": chain, "expr": expr } })
    }

    fn from(right: Value) -> Value {
        let left = json!({ "payload": { "protocol": "ip", "field": "saddr" } });
        json!({ "match": { "op": "==", "left": left, "right": right } })
    }

    #[test]
    fn nft_rules_and_chains() {
        let (rules, chains) = sizes();
        let mut objects: Vec<Value> = (0..chains).map(chain).collect();
        for number in 0..rules {
            objects
                .push(rule("forward", json!([from(address(number).into()), { "accept": null }])));
        }
        for number in 0..chains {
            let name = format!("c{number}");
            let jump = json!([from(address(number).into()), { "jump": { "target": name } }]);
            objects.push(rule("forward", jump));
            objects.push(rule(&name, json!([{ "accept": null }])));
        }
        let tables = Nftables::new().read(&listing(objects)).unwrap();
        let read = tables.hook(Hook::Forward).rules;
        assert_eq!(read.chains().len(), chains + 2);
        assert_eq!(read.len(), rules + 2 * chains + 2);
    }

    #[test]
    fn nft_chains_that_lead_to_chains() {
        let mut objects: Vec<Value> = (0..DEEP).map(chain).collect();
        objects.push(rule("forward", json!([{ "jump": { "target": "c0" } }])));
        for number in 1..DEEP {
            let jump = json!([{ "jump": { "target": format!("c{number}") } }]);
            objects.push(rule(&format!("c{}", number - 1), jump));
        }
        let rules = Nftables::new().read(&listing(objects)).unwrap().hook(Hook::Forward).rules;
        let error = StatelessMatcher::compile(&rules, &Config::new()).unwrap_err();
        assert!(error.to_string().contains("32"), "{error}");
    }

    #[test]
    fn nft_maps_and_sets() {
        let (entries, _) = sizes();
        let elements: Vec<Value> = (0..entries).map(|number| address(2 * number).into()).collect();
        let expr = json!([from(json!({ "set": elements })), { "accept": null }]);
        assert!(Nftables::new().read(&listing(vec![rule("forward", expr)])).is_ok());
        // Within the bound on cases of one rule, and past it.
        for (entries, fits) in [(5_000, true), (70_000, false)] {
            let pair = |number| json!([address(number), { "accept": null }]);
            let data: Vec<Value> = (0..entries).map(pair).collect();
            let key = json!({ "payload": { "protocol": "ip", "field": "saddr" } });
            let map = json!([{ "vmap": { "key": key, "data": { "set": data } } }]);
            let read = Nftables::new().read(&listing(vec![rule("forward", map)]));
            assert!(read.is_ok() || !fits, "{:?}", read.err().map(|error| error.to_string()));
        }
    }

    #[test]
    fn json_within_json() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}0{}", open.repeat(100_000), close.repeat(100_000));
            for text in [deep.clone(), format!("{{\"nftables\":{deep}}}")] {
                let error = Nftables::new().read(&text).unwrap_err();
                assert!(error.to_string().contains("recursion"), "{error}");
                assert!(SecurityGroups::from_json(&text).is_err());
                assert!(NetworkAcls::from_json(&text).is_err());
            }
        }
    }

    #[test]
    fn groups_and_entries() {
        let (rules, _) = sizes();
        let permission = |number: usize| {
            json!({ "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [],
                    "IpRanges": [{ "CidrIp": format!("{}/32", address(number)) }],
                    "Ipv6Ranges": [], "PrefixListIds": [] })
        };
        let permissions: Vec<Value> = (0..rules).map(permission).collect();
        let group = json!({ "SecurityGroups": [{ "GroupId": "sg-1", "GroupName": "large",
            "Description": "", "OwnerId": "1", "VpcId": "vpc-1",
            "IpPermissions": permissions, "IpPermissionsEgress": [] }] });
        let groups = SecurityGroups::from_json(&group.to_string()).unwrap();
        let attached = groups.attach(["sg-1"], &Addresses::new()).unwrap();
        assert!(attached.rules().len() >= rules);

        // Numbers of entries end at 32766.
        let entry = |number: usize| {
            json!({ "CidrBlock": format!("{}/32", address(number)), "Egress": number.is_multiple_of(2),
                    "Protocol": "-1", "RuleAction": "allow", "RuleNumber": number / 2 + 1 })
        };
        let entries: Vec<Value> = (0..rules.min(60_000)).map(entry).collect();
        let acl = json!({ "NetworkAcls": [{ "Associations": [], "Entries": entries, "IsDefault": false,
            "NetworkAclId": "acl-1", "Tags": [], "VpcId": "vpc-1", "OwnerId": "1" }] });
        let acls = NetworkAcls::from_json(&acl.to_string()).unwrap();
        assert!(acls.acls[0].rules().len() >= rules.min(60_000));
    }
}
