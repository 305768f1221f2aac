//! The text form of rules.

use portcullis::{Packet, RuleSet};
use proptest::prelude::*;

use crate::strategies::{Rng, Shape, case, reduce, seeds, tracked};

/// The shape of the text form: everything that it can say, as it is printed.
const EVERYTHING: &str = r#"default reject with admin-prohibited
accept state established, related
accept tcp from 10.0.0.0/8, 192.0.2.1-192.0.2.9 port 1024-65535 to not 10.1.0.0/16 port 22, 8000-8099
reject with tcp-reset tcp to any port 113
reject udp
accept protocol 48, gre
accept not tcp, udp
accept icmp type 8, 3/4, 3/0-5
accept icmpv6 type not 128, 129
drop tcp flags none/fin,syn or syn,ack/syn,ack
drop fragment later
drop malformed
accept not malformed
accept in eth0, wg*, "none" out not "eth 1" ipv4
count vlan 10-20 dscp 46 length 0-1500 mark 0x1/0xff predicate 3
log any
audit from none to not none
mark 0x1/0xff tcp
jump ssh tcp to any port 22
goto "two words" any
return any
accept any comment "for \"people\"\n"

chain ssh
accept from 192.0.2.0/24

chain "two words"
"#;

#[test]
fn what_is_printed_is_what_was_read() {
    let rules: RuleSet = EVERYTHING.parse().unwrap();
    assert_eq!(rules.to_string(), EVERYTHING);
}

proptest! {
    #[test]
    fn rules_built_by_code_read_back(seed in seeds()) {
        let (rules, packets) = case(seed, &Shape::STATEFUL);
        if !reads_back(&rules, &packets, seed) {
            let smallest = reduce(&rules, |rules| !reads_back(rules, &packets, seed));
            panic!("seed {seed}: does not read back:\n{smallest}\n{smallest:?}");
        }
    }
}

/// Whether the text of the rule set is read as one that has the same rules and decides alike.
/// Interface numbers may differ: they follow the order in which the rules were added.
fn reads_back(rules: &RuleSet, packets: &[Packet], seed: u64) -> bool {
    let mut rng = Rng::new(seed);
    let Ok(read) = rules.to_string().parse::<RuleSet>() else { return false };
    let same_rules = read.chains() == rules.chains();
    same_rules
        && packets
            .iter()
            .filter(|packet| packet.in_interface.or(packet.out_interface).is_none())
            .all(|packet| {
                let tracked = tracked(&mut rng);
                read.first_match(packet, tracked) == rules.first_match(packet, tracked)
            })
}
