use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::fmt::{Display, Write};

use super::{AnalysisError, Decided, Difference, Explanation};
use crate::rule::{RuleId, RuleSet, TextError};

/// Why a claim about packets does not hold, or cannot be judged.
///
/// Prints what is readable as the failure of a test: which packets are decided otherwise, by which
/// rules, and how one of them gets there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refuted {
    /// What was claimed, or what is said in its place.
    claim: String,
    why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Text(TextError),
    Analysis(AnalysisError),
    NoPacket,
    Packet,
    Decided(Vec<Decided>),
    Different(Vec<Difference>),
}

/// The most rules, and regions of each, that are printed.
const MAX_LISTED: usize = 5;
/// The most rules that an explanation is printed of.
const MAX_EXPLAINED: usize = 20;

impl Refuted {
    /// All packets of the scope that are decided otherwise than claimed, by the rules that decide
    /// them.
    pub fn decided(&self) -> &[Decided] {
        match &self.why {
            Why::Decided(decided) => decided,
            _ => &[],
        }
    }

    /// What two rule sets decide differently that were claimed to be alike.
    pub fn differences(&self) -> &[Difference] {
        match &self.why {
            Why::Different(differences) => differences,
            _ => &[],
        }
    }

    /// Whether the claim was about no packet at all.
    pub fn is_about_nothing(&self) -> bool {
        self.why == Why::NoPacket
    }

    pub(super) const fn new(claim: String, why: Why) -> Self {
        Self { claim, why }
    }

    pub(super) fn unread(error: TextError) -> Self {
        Self::new(String::new(), Why::Text(error))
    }

    pub(super) const fn unknown(claim: String, error: AnalysisError) -> Self {
        Self::new(claim, Why::Analysis(error))
    }

    pub(super) fn by_packet<A: Display>(explanation: &Explanation<'_, A>, wanted: &str) -> Self {
        let said = alloc::format!(
            "not true that `{}` {wanted}\n{}",
            explanation.packet,
            Explained(explanation)
        );
        Self::new(said, Why::Packet)
    }

    pub(super) fn by_packets<A: Display>(
        rules: &RuleSet<A>,
        claim: String,
        decided: Vec<Decided>,
    ) -> Self {
        let mut said = alloc::format!("not true that {claim}");
        for decided in decided.iter().take(MAX_LISTED) {
            said += &alloc::format!("\n  {}", Named { rules, rule: decided.rule });
            let regions = decided.regions.iter();
            said += &listed(regions.map(|region| alloc::format!("    decides {region}")));
        }
        said += &more("\n  ", decided.len(), "rules");
        if let Some(first) = decided.first() {
            let witness = &first.witness;
            let explanation = Explanation::new(rules, &witness.packet, witness.tracked);
            said += &alloc::format!("\nsuch as\n{}", Explained(&explanation));
        }
        Self::new(said, Why::Decided(decided))
    }

    pub(super) fn different<A: Display>(
        [a, b]: [&RuleSet<A>; 2],
        differences: Vec<Difference>,
    ) -> Self {
        let mut said = String::from("not true that every packet is decided alike");
        for found in differences.iter().take(MAX_LISTED) {
            let first = Named { rules: a, rule: found.first };
            let second = Named { rules: b, rule: found.second };
            said += &alloc::format!("\n  {first}\n  but in the second rule set {second}");
            said += &listed(found.regions.iter().map(|region| alloc::format!("    {region}")));
            said += &alloc::format!("\n    such as {}", found.witness);
        }
        said += &more("\n  ", differences.len(), "pairs of rules");
        Self::new(said, Why::Different(differences))
    }
}

/// The first few of a list, a line each.
fn listed(lines: impl ExactSizeIterator<Item = String>) -> String {
    let count = lines.len();
    let shown: String = lines.take(MAX_LISTED).map(|line| alloc::format!("\n{line}")).collect();
    shown + &more("\n    ", count, "regions")
}

fn more(indent: &str, count: usize, what: &str) -> String {
    match count.saturating_sub(MAX_LISTED) {
        0 => String::new(),
        rest => alloc::format!("{indent}and {rest} more {what}"),
    }
}

/// A rule with its text, or the default.
struct Named<'r, A> {
    rules: &'r RuleSet<A>,
    rule: Option<RuleId>,
}

impl<A: Display> Display for Named<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rule) = self.rule else {
            return write!(f, "default {}", self.rules.default_action());
        };
        write!(f, "{rule}")?;
        self.rules.display_rule(rule).map_or(Ok(()), |text| write!(f, ", {text}"))
    }
}

/// An explanation, indented; of a long one only the decision.
struct Explained<'e, 'r, A>(&'e Explanation<'r, A>);

impl<A: Display> Display for Explained<'_, '_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let lines: Vec<&str> = text.lines().collect();
        let (head, tail) = (lines.first().copied().unwrap_or(""), lines.len().saturating_sub(1));
        if self.0.steps.len() <= MAX_EXPLAINED {
            return lines.iter().enumerate().try_for_each(|(at, line)| {
                f.write_str(if at == 0 { "" } else { "\n" })?;
                write!(f, "  {line}")
            });
        }
        write!(f, "  {head}\n    {} rules looked at", self.0.steps.len())?;
        lines.get(tail.saturating_sub(2)..).unwrap_or(&[]).iter().try_for_each(|line| {
            f.write_char('\n')?;
            write!(f, "  {line}")
        })
    }
}

impl Display for Refuted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Text(error) => error.fmt(f),
            Why::Analysis(error) => write!(f, "not known whether {}: {error}", self.claim),
            Why::NoPacket => {
                write!(f, "claimed that {}, but no packet meets these criteria", self.claim)
            }
            Why::Packet | Why::Decided(_) | Why::Different(_) => f.write_str(&self.claim),
        }
    }
}

impl core::error::Error for Refuted {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.why {
            Why::Text(error) => Some(error),
            Why::Analysis(error) => Some(error),
            _ => None,
        }
    }
}
