//! iptables-save and `ipset save`: reading never panics, an error shows a place of the text, and what
//! is read decides, compiled, as `RuleSet::first_match` does. The first byte's bits say whether the
//! import is lenient, addresses are translated elsewhere, the text is of IPv6; sets come before a line
//! of three dashes.
#![no_main]

mod imported;

use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;
use portcullis::import::ImportError;
use portcullis::import::iptables::{Hook, Iptables};
use portcullis::{Config, Time};

fuzz_target!(|input: &[u8]| {
    let Some((choice, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let (sets, rules) = text.split_once("---\n").unwrap_or(("", text));
    let host: [IpNet; 2] = ["192.0.2.1/24".parse().unwrap(), "2001:db8::1/64".parse().unwrap()];
    let tables = Iptables::new().lenient(choice & 1 != 0).local(host);
    let tables = if choice & 2 != 0 { tables.translated() } else { tables };
    let tables = match tables.ipset_save(sets) {
        Ok(tables) => tables,
        Err(error) => return shown(&error, sets),
    };
    let read = if choice & 4 != 0 { tables.v6(rules) } else { tables.v4(rules) };
    match read {
        Ok(tables) => judge(&tables),
        Err(error) => shown(&error, rules),
    }
});

/// The error names a place that the text has.
fn shown(error: &ImportError, text: &str) {
    assert!(error.line() >= 1 && error.line() <= text.lines().count().max(1));
    assert!(error.column() <= error.source_line().chars().count() + 1);
    assert_eq!(error.to_string().lines().count(), 3, "{error}");
}

fn judge(tables: &Iptables) {
    for hook in [Hook::Input, Hook::Forward, Hook::Output] {
        let hook = tables.hook(hook);
        let rules = hook.rules.clone();
        if !imported::is_short(&rules) {
            continue;
        }
        // Rates, and what is said before tracking, are the firewall's own.
        let alone = hook.raw.is_none() && hook.rates.is_empty();
        let Ok(mut firewall) = hook.untracked_firewall(&Config::new()) else { continue };
        imported::judge(&rules, alone, |packet| firewall.classify(packet, Time::from_secs(1)));
    }
}
