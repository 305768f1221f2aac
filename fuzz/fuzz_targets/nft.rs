//! nftables' JSON: reading never panics, an error names a place, and what is read decides, compiled,
//! as `RuleSet::first_match` does. The first byte's bits say whether the import is lenient and whether
//! addresses are translated elsewhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::import::nft::{Hook, Nftables};
use portcullis::packet::TcpFlags;
use portcullis::{Config, Packet, RuleSet, Target, Time};

fuzz_target!(|input: &[u8]| {
    let Some((choice, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let tables = Nftables::new().lenient(choice & 1 != 0);
    let tables = if choice & 2 != 0 { tables.translated() } else { tables };
    match tables.read(text) {
        Ok(tables) => judge(&tables),
        Err(error) => assert!(!error.place().is_empty() && !error.message().is_empty()),
    }
});

fn judge(tables: &Nftables) {
    for hook in [Hook::Input, Hook::Forward, Hook::Output] {
        let hook = tables.hook(hook);
        let rules = hook.rules.clone();
        if ways(&rules) > 10_000 {
            continue;
        }
        // Rates, and what is said before tracking, are the firewall's own.
        let alone = hook.raw.is_none() && hook.rates.is_empty();
        let Ok(mut firewall) = hook.untracked_firewall(&Config::new()) else { continue };
        for packet in packets() {
            let judgement = firewall.classify(&packet, Time::from_secs(1));
            if alone {
                let decision = rules.first_match(&packet, None);
                assert_eq!((judgement.action, judgement.rule), (*decision.action, decision.rule));
            }
        }
    }
}

/// More than the ways that a packet may take through the chains.
fn ways(rules: &RuleSet) -> usize {
    let jumps = |rule: &&portcullis::Rule| matches!(rule.target, Target::Jump(_));
    let chains = rules.chains().iter();
    chains.fold(1, |ways, chain| {
        usize::saturating_mul(ways, chain.rules().iter().filter(jumps).count() + 1)
    })
}

fn packets() -> [Packet; 3] {
    let v4 = ("10.0.0.1:40000".parse().unwrap(), "192.0.2.1:22".parse().unwrap());
    let v6 = ("[2001:db8::2]:40000".parse().unwrap(), "[2001:db8::1]:22".parse().unwrap());
    [
        Packet::tcp(v4.0, v4.1, TcpFlags::SYN).unwrap(),
        Packet::udp(v4.0, v4.1).unwrap(),
        Packet::tcp(v6.0, v6.1, TcpFlags::ACK).unwrap(),
    ]
}
