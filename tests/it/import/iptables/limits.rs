//! Large texts: all of it read, or a clear error.

use std::fmt::Write;

use portcullis::import::iptables::{Hook, IpSet, Iptables};
use portcullis::rule::IpRange;
use portcullis::{Config, StatelessMatcher};

use super::forward;

/// As many as said with `PORTCULLIS_LONG=1`, a twentieth without.
fn many(number: usize) -> usize {
    if is_long() { number } else { number / 20 }
}

fn is_long() -> bool {
    std::env::var_os("PORTCULLIS_LONG").is_some()
}

#[test]
fn a_hundred_thousand_rules() {
    let mut rules = String::new();
    let count = many(100_000);
    for number in 0..count as u32 {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
        writeln!(rules, "-s {address}/32 -j ACCEPT").unwrap();
    }
    let tables = Iptables::new().v4(&forward(&rules)).unwrap();
    let rules = tables.hook(Hook::Forward).rules;
    // The policy, and what stands for IPv6.
    assert_eq!(rules.len(), count + 2);
}

#[test]
fn fifty_thousand_chains() {
    let mut text = "*filter\n:FORWARD DROP [0:0]\n".to_string();
    let count = many(50_000);
    (0..count).for_each(|chain| writeln!(text, ":CHAIN-{chain} - [0:0]").unwrap());
    for chain in 0..count {
        writeln!(text, "-A FORWARD -j CHAIN-{chain}\n-A CHAIN-{chain} -j RETURN").unwrap();
    }
    text += "COMMIT\n";
    let rules = Iptables::new().v4(&text).unwrap().hook(Hook::Forward).rules;
    assert_eq!(rules.chains().len(), count + 1);
    rules.check().unwrap();
}

/// Chains within chains: as deep as matchers go, and no deeper.
#[test]
fn deep_chains() {
    let nested = |depth: usize| {
        let mut text = "*filter\n:FORWARD DROP [0:0]\n".to_string();
        (0..depth).for_each(|chain| writeln!(text, ":C{chain} - [0:0]").unwrap());
        text += "-A FORWARD -j C0\n";
        (1..depth).for_each(|chain| writeln!(text, "-A C{} -j C{chain}", chain - 1).unwrap());
        text += "COMMIT\n";
        let rules = Iptables::new().v4(&text).unwrap().hook(Hook::Forward).rules;
        StatelessMatcher::compile(&rules, &Config::new()).map(|_| ())
    };
    nested(32).unwrap();
    for depth in [33, many(50_000)] {
        let error = nested(depth).unwrap_err();
        assert!(error.rule().is_some(), "{error}");
        assert!(error.to_string().contains("32"), "{error}");
    }
}

#[test]
fn circles_of_chains() {
    let text = "*filter\n:FORWARD DROP [0:0]\n:A - [0:0]\n:B - [0:0]\n-A FORWARD -j A\n-A A -j B\n-A B -g A\nCOMMIT\n";
    let rules = Iptables::new().v4(text).unwrap().hook(Hook::Forward).rules;
    let error = StatelessMatcher::compile(&rules, &Config::new()).unwrap_err();
    assert!(error.rule().is_some(), "{error}");
}

/// A large set that many rules ask for: an error that says what is too much, before the memory is
/// taken.
#[test]
fn a_large_set_in_many_rules() {
    if !is_long() {
        return;
    }
    let addresses = (0..100_000u32).map(|number| std::net::Ipv4Addr::from_bits(number << 3));
    let set = IpSet::addresses(addresses.map(|it| IpRange::from(std::net::IpAddr::from(it))));
    let tables = Iptables::new().set("large", set);
    let rule = "-m set --match-set large src -j DROP\n";
    assert!(tables.clone().v4(&forward(&rule.repeat(3))).is_ok());
    let error = tables.clone().v4(&forward(&rule.repeat(100))).unwrap_err();
    let message = "with the rules before, asking for 8388608 alternatives is not supported";
    assert_eq!((error.line(), error.message()), (86, message));
    let lenient = tables.lenient(true).v4(&forward(&rule.repeat(100))).unwrap();
    assert_eq!(lenient.left_out().len(), 17);
}

/// The same of lists that multiply in one rule.
#[test]
fn what_multiplies() {
    let pairs = (0..2000u16).map(|number| {
        let address = std::net::Ipv4Addr::from_bits(u32::from(number) << 3);
        (IpRange::from(std::net::IpAddr::from(address)), portcullis::Protocol::TCP, number * 2)
    });
    let tables = Iptables::new().set("pairs", IpSet::address_ports(pairs));
    let twice = "-m set --match-set pairs src,src -m set --match-set pairs dst,dst -j DROP";
    assert!(tables.clone().v4(&forward("-m set --match-set pairs src,src -j DROP")).is_ok());
    let error = tables.v4(&forward(twice)).unwrap_err();
    assert_eq!(error.message(), "asking this much of the packets in one rule is not supported");
}

#[test]
fn long_lines() {
    let long = "a".repeat(1 << 20);
    let text = forward(&format!("-m comment --comment {long} -j {long}"));
    let error = Iptables::new().v4(&text).unwrap_err();
    assert_eq!(error.column(), 37 + long.len());
    assert!(Iptables::new().v4(&format!("*filter\n{}", "\"".repeat(1 << 20))).is_err());
    assert!(Iptables::new().ipset_save(&format!("create a hash:ip\nadd a {long}")).is_err());
}
