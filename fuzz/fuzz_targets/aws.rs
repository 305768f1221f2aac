//! Security groups and network ACLs as JSON: reading never panics, an error names a place, and what is
//! read decides, compiled, as `RuleSet::first_match` does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::import::aws::{self, Addresses, NetworkAcls, SecurityGroups};
use portcullis::packet::TcpFlags;
use portcullis::{Config, ConnTable, Packet, StatelessMatcher, Time};

fuzz_target!(|text: &str| {
    match SecurityGroups::from_json(text) {
        Ok(groups) => judge_groups(&groups),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    match NetworkAcls::from_json(text) {
        Ok(acls) => judge_acls(&acls),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn judge_groups(groups: &SecurityGroups) {
    let known = ["10.0.0.0/24".parse().unwrap(), "2001:db8::/64".parse().unwrap()];
    let mut addresses = Addresses::new();
    for id in ["sg-1", "sg-2", "pl-1"] {
        addresses = addresses.group(id, known).prefix_list(id, known);
    }
    let ids = groups.groups.iter().map(|group| &*group.id);
    let Ok(attached) = groups.attach(ids, &addresses) else { return };
    let table = ConnTable::new(&aws::limits(16), [7; 16]);
    let Ok(mut matcher) = attached.matcher(table, &Config::new()) else { return };
    for packet in packets() {
        matcher.classify_inbound(&packet, Time::from_secs(1));
        matcher.classify_outbound(&packet, Time::from_secs(1));
    }
}

fn judge_acls(acls: &NetworkAcls) {
    for acl in &acls.acls {
        let rules = acl.rules();
        let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
        for packet in packets() {
            let (found, defined) = (matcher.classify(&packet), rules.first_match(&packet, None));
            assert_eq!((found.action, found.rule), (defined.action, defined.rule));
        }
    }
}

fn packets() -> [Packet; 3] {
    let v4 = ("10.0.0.1:40000".parse().unwrap(), "10.0.1.1:22".parse().unwrap());
    let v6 = ("[2001:db8::2]:40000".parse().unwrap(), "[2001:db8:1::1]:443".parse().unwrap());
    [
        Packet::tcp(v4.0, v4.1, TcpFlags::SYN).unwrap(),
        Packet::udp(v4.0, v4.1).unwrap(),
        Packet::tcp(v6.0, v6.1, TcpFlags::SYN).unwrap(),
    ]
}
