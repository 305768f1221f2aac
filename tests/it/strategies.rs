//! Rule sets whose rules overlap a lot, and packets at their boundaries.
//!
//! Everything follows from a seed: [`case`] is a plain function, fast enough for millions of runs
//! outside of proptest, and [`seeds`] wraps it for proptest. [`reduce`] makes a rule set that
//! fails smaller.

mod packets;
mod reduce;
mod rng;
mod rules;
mod vocabulary;

use portcullis::{Packet, RuleSet};
use proptest::prelude::*;

pub(crate) use packets::{packets, tracked};
pub(crate) use reduce::reduce;
pub(crate) use rng::Rng;
pub(crate) use rules::{change_sets, rule_set};

/// What cases are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The most rules in all chains together.
    pub(crate) rules: usize,
    /// The most user chains.
    pub(crate) chains: usize,
    /// How many packets.
    pub(crate) packets: usize,
    /// Whether rules may ask for the connection state, which a stateless matcher refuses.
    pub(crate) states: bool,
    /// Whether a few packets contradict themselves (ports of an ICMP packet, a TCP header of a
    /// UDP packet, a DSCP of 200): their fields may be set freely.
    pub(crate) odd: bool,
    /// Whether rules may name sets, for which images have no room.
    pub(crate) sets: bool,
}

impl Shape {
    pub(crate) const STATELESS: Self =
        Self { rules: 40, chains: 4, packets: 32, states: false, odd: true, sets: true };
    pub(crate) const STATEFUL: Self = Self { states: true, ..Self::STATELESS };
}

/// The rule set and the packets of a seed. [`RuleSet::check`] accepts the rule set.
pub(crate) fn case(seed: u64, shape: &Shape) -> (RuleSet, Vec<Packet>) {
    let mut rng = Rng::new(seed);
    let rules = rule_set(&mut rng, shape);
    let packets = packets(&mut rng, &rules, shape);
    (rules, packets)
}

/// Seeds for [`case`]. A smaller seed is no simpler case, so they do not shrink.
pub(crate) fn seeds() -> impl Strategy<Value = u64> {
    any::<u64>().no_shrink()
}

mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_case() {
        assert_eq!(case(7, &Shape::STATEFUL), case(7, &Shape::STATEFUL));
    }

    /// A generator of which every packet falls through, or no rule is ever reached, tests nothing.
    #[test]
    fn cases_are_worth_running() {
        let mut decided = [0u32; 2];
        let mut deep = 0;
        for seed in 0..500 {
            let (rules, packets) = case(seed, &Shape::STATELESS);
            rules.check().unwrap();
            for packet in &packets {
                let rule = rules.first_match(packet, None).rule;
                decided[usize::from(rule.is_some())] += 1;
                deep += u32::from(rule.is_some_and(|rule| rule.index > 2));
            }
        }
        let all = decided[0] + decided[1];
        assert!(decided[0] > all / 20 && decided[1] > all / 4, "{decided:?}");
        assert!(deep > all / 10, "{deep} of {all}");
    }
}
