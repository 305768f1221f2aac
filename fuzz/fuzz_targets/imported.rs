//! What is asked of the rules of one way through a host, whichever system they come from.

use portcullis::import::iptables::Judgement;
use portcullis::packet::TcpFlags;
use portcullis::{Packet, RuleSet, Target};

/// Whether a packet's ways through the chains are few enough to go them all.
pub fn is_short(rules: &RuleSet) -> bool {
    ways(rules) <= 10_000
}

/// Judges some packets. If the rules `alone` decide, each judgement must be what they say.
pub fn judge(rules: &RuleSet, alone: bool, mut classify: impl FnMut(&Packet) -> Judgement) {
    for packet in packets() {
        let judgement = classify(&packet);
        if alone {
            let decision = rules.first_match(&packet, None);
            assert_eq!((judgement.action, judgement.rule), (*decision.action, decision.rule));
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
