//! Rules written for other systems and read again: they decide every packet as before.

mod iptables;
#[cfg(feature = "import")]
mod nft;
mod random;
#[cfg(feature = "import")]
mod tools;
#[cfg(feature = "import")]
mod vectors;

use portcullis::packet::Family;
use portcullis::rule::Effect;
use portcullis::{Action, Packet, RuleSet, Tracked};

use random::Sent;

/// What rules make of a packet: what is decided, what is noted on the way but counting, and the mark
/// in the end.
fn outcome(rules: &RuleSet, packet: &Packet, tracked: Option<Tracked>) -> (Action, Vec<Effect>) {
    let mut noted = Vec::new();
    let decision = rules.walk(packet, tracked, |_, effect| {
        if effect != Effect::Count {
            noted.push(effect);
        }
    });
    (*decision.action, noted)
}

/// The packet as another rule set numbers its interfaces.
fn renamed(packet: &Packet, names: [Option<&str>; 2], rules: &RuleSet) -> Packet {
    let mut packet = *packet;
    packet.in_interface = names[0].and_then(|name| rules.interface(name));
    packet.out_interface = names[1].and_then(|name| rules.interface(name));
    packet
}

fn family(packet: &Packet) -> Family {
    packet.addrs.family()
}

/// How many random cases.
fn cases(usual: u64) -> u64 {
    std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(usual)
}

/// Sees to it that two rule sets decide packets alike; those that cannot be read only if `cut`.
fn same(rules: &RuleSet, again: &RuleSet, sent: &[(Sent, Option<Tracked>)], cut: bool, text: &str) {
    for (Sent { packet, names }, tracked) in sent {
        if packet.malformed.is_some() && !cut {
            continue;
        }
        let there = renamed(packet, *names, again);
        let expected = outcome(rules, packet, *tracked);
        let found = outcome(again, &there, *tracked);
        assert_eq!(found.0, expected.0, "{rules}\n{text}\n{again}\n{packet:?} {tracked:?}");
        // Packets that are dropped anyway are perhaps dropped before something is noted of them.
        if packet.malformed.is_none() {
            assert_eq!(found.1, expected.1, "{rules}\n{text}\n{again}\n{packet:?} {tracked:?}");
        }
    }
}
