//! nftables' JSON: reading never panics, an error names a place, and what is read decides, compiled,
//! as `RuleSet::first_match` does. The first byte's bits say whether the import is lenient and whether
//! addresses are translated elsewhere.
#![no_main]

mod imported;

use libfuzzer_sys::fuzz_target;
use portcullis::import::nft::{Hook, Nftables};
use portcullis::{Config, Time};

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
        if !imported::is_short(&rules) {
            continue;
        }
        // Rates, and what is said before tracking, are the firewall's own.
        let alone = hook.raw.is_none() && hook.rates.is_empty();
        let Ok(mut firewall) = hook.untracked_firewall(&Config::new()) else { continue };
        imported::judge(&rules, alone, |packet| firewall.classify(packet, Time::from_secs(1)));
    }
}
