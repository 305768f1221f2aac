//! The iptables rules of all recordings from a kernel, written for other systems and read again.

use std::path::Path;

use portcullis::export::{Host, iptables, nft};
use portcullis::import::iptables::{HookRules, Iptables};
use portcullis::import::nft::{Hook, Nftables};
use portcullis::{Config, ConnTable, Limits, Packet, RuleSet, Time};

use super::outcome;
use crate::linux::play::{self, What};
use crate::linux::vectors::{self, Case};

const OWN: [&str; 4] = ["192.0.2.1/32", "192.0.2.2/32", "2001:db8:ff::1/128", "2001:db8:ff::2/128"];

fn imported(case: &Case) -> Iptables {
    let own: Vec<ipnet::IpNet> = OWN.iter().map(|address| address.parse().unwrap()).collect();
    let tables = Iptables::new().local(own).ipset_save(&case.ipset).unwrap();
    let tables = tables.v4(case.rules_v4.as_deref().unwrap_or("")).unwrap();
    tables.v6(case.rules_v6.as_deref().unwrap_or("")).unwrap()
}

/// The rules, printed as text and read again.
fn by_text(rules: &RuleSet) -> RuleSet {
    rules.to_string().parse().unwrap()
}

fn host<'r>(ways: &'r [(Hook, RuleSet, Option<RuleSet>)]) -> Host<'r> {
    ways.iter().fold(Host::new(), |host, (hook, rules, raw)| {
        let host = host.rules(*hook, rules);
        raw.iter().fold(host, |host, raw| host.before_tracking(*hook, raw))
    })
}

/// Every packet of the case, as the original rules of the way through the host track it.
fn decided_alike(case: &Case, original: HookRules, again: &portcullis::import::nft::HookRules) {
    let (rules, raw) = (original.rules.clone(), original.raw.clone());
    let table = ConnTable::new(&Limits::new(10_000), [7; 16]);
    let mut firewall = original.firewall(table, &Config::new()).unwrap();
    for recorded in &case.packets {
        let Ok(mut packet) = Packet::from_ip(&recorded.bytes().unwrap()) else { continue };
        packet.ttl = packet.ttl.max(1);
        let names = [Some(recorded.iface.as_str()), recorded.out_iface.as_deref()];
        let here = super::renamed(&packet, names, &rules);
        let tracked =
            firewall.classify(&here, Time::from_nanos((recorded.t_ms * 1e6) as u64)).tracked;
        let there = super::renamed(&packet, names, &again.rules);
        let expected = outcome(&rules, &here, tracked);
        let note = &recorded.note;
        assert_eq!(outcome(&again.rules, &there, tracked), expected, "{} {note}", case.name);
        if let (Some(raw), Some(again)) = (&raw, &again.raw) {
            let (here, there) =
                (super::renamed(&packet, names, raw), super::renamed(&packet, names, again));
            assert_eq!(outcome(again, &there, None), outcome(raw, &here, None), "{}", case.name);
        }
    }
}

fn comes_back(file: &str) -> [usize; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    let mut counts = [0, 0];
    for case in vectors::read(&folder.join(file)).unwrap() {
        let mut case = case.unwrap();
        let tables = imported(&case);
        let ways = [Hook::Input, Hook::Forward].into_iter().map(|hook| {
            let HookRules { rules, raw, .. } = tables.hook(hook);
            (hook, by_text(&rules), raw.as_ref().map(by_text))
        });
        let ways: Vec<_> = ways.collect();
        let listing =
            nft::to_json(&host(&ways)).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let again = Nftables::new().read(&listing).unwrap();
        decided_alike(&case, tables.hook(Hook::Forward), &again.hook(Hook::Forward));

        let saved = iptables::to_text(&host(&ways));
        let saved = saved.unwrap_or_else(|error| panic!("{}: {error}", case.name));
        case.rules_v4 = Some(saved.v4).filter(|_| case.rules_v4.is_some());
        case.rules_v6 = Some(saved.v6).filter(|_| case.rules_v6.is_some());
        case.ipset = saved.sets;
        let differences = play::play(&case).unwrap();
        let mut differences = differences.iter().filter(|it| it.what != What::Rule);
        assert!(differences.next().is_none(), "{}", differences.next().unwrap());
        counts = [counts[0] + 1, counts[1] + case.packets.len()];
    }
    counts
}

#[test]
fn rules_by_hand() {
    assert_eq!(comes_back("a-hand.jsonl.gz"), [31, 608]);
}

#[test]
fn random_rules() {
    assert_eq!(comes_back("a-random.jsonl.gz"), [30, 3600]);
}

#[test]
fn tcp_and_other_protocols() {
    assert_eq!(comes_back("b-tcp.jsonl.gz"), [217, 2225]);
    assert_eq!(comes_back("c-other.jsonl.gz"), [92, 674]);
}

#[test]
fn conversations() {
    assert_eq!(comes_back("d-conversations.jsonl.gz"), [50, 3976]);
    assert_eq!(comes_back("d-rules.jsonl.gz"), [15, 1172]);
}
