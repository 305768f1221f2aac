use core::fmt;

use super::{HitCounters, Hits};
use crate::conntrack::Time;
use crate::rule::RuleSet;

/// Prints what hit each rule, with the rule's text, and how many rules nothing hit.
///
/// # Examples
///
/// ```
/// use portcullis::hits::{HitCounters, HitReport};
/// use portcullis::{Packet, RuleSet, Time};
///
/// let rules: RuleSet = "accept udp to any port 53\naccept tcp to any port 22".parse()?;
/// let mut counters = HitCounters::new(&rules);
/// let mut packet = Packet::udp("10.0.0.1:4000".parse()?, "192.0.2.1:53".parse()?)?;
/// packet.length = 60;
/// counters.count(&rules.first_match(&packet, None), &packet, Time::from_secs(5));
/// assert_eq!(HitReport::new(&rules, &counters, Time::from_secs(65)).to_string(), "
///      packets          bytes  last hit
///            1             60     60 s  rule 1, accept udp to any port 53
///            0              0    never  rule 2, accept tcp to any port 22
///            0              0    never  default drop
/// 1 of 2 rules unused
/// ".trim_start_matches('\n'));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HitReport<'r, A> {
    rules: &'r RuleSet<A>,
    counters: &'r HitCounters,
    now: Time,
}

impl<'r, A> HitReport<'r, A> {
    /// A report on counters of these rules; last hits are printed as so long before `now`.
    pub const fn new(rules: &'r RuleSet<A>, counters: &'r HitCounters, now: Time) -> Self {
        Self { rules, counters, now }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, hits: &Hits) -> fmt::Result {
        write!(f, "{:>12} {:>14} ", hits.packets, hits.bytes)?;
        match hits.last {
            Some(last) => write!(f, "{:>6} s  ", self.now.since(last).as_secs()),
            None => write!(f, "{:>8}  ", "never"),
        }
    }
}

impl<A: fmt::Display> fmt::Display for HitReport<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>12} {:>14}  last hit", "packets", "bytes")?;
        for (rule, hits) in self.counters.iter() {
            let Some(text) = self.rules.display_rule(rule) else { continue };
            self.write(f, &hits)?;
            writeln!(f, "{rule}, {text}")?;
        }
        self.write(f, &self.counters.undecided())?;
        writeln!(f, "default {}", self.rules.default_action())?;
        let (unused, all) = (self.counters.unused().count(), self.rules.len());
        writeln!(f, "{unused} of {all} rules unused")
    }
}
