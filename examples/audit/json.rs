//! Answers for machines.

use portcullis::analysis::{Agreement, Reach, Region};
use portcullis::{RuleId, RuleSet};
use serde_json::{Value, json};

use super::findings::{Audit, Comparison};

pub(crate) fn audit(name: &str, rules: &RuleSet, audit: &Audit) -> Value {
    let never = audit.never().map(|(id, reach)| {
        let mut value = rule(rules, Some(*id));
        value["why"] = why(rules, reach);
        value
    });
    let pairs = audit.pairs.iter().map(|pair| {
        json!({
            "first": rule(rules, Some(pair.first)),
            "second": rule(rules, Some(pair.second)),
            "witness": pair.witness.to_string(),
        })
    });
    let open = audit.open.iter().map(|open| {
        let mut value = rule(rules, Some(open.rule));
        value["regions"] = regions(&open.regions);
        value
    });
    json!({
        "file": name,
        "rules": rules.len(),
        "chains": rules.chains().len(),
        "kinds": audit.kinds,
        "default": rules.default_action().to_string(),
        "never_match": never.collect::<Vec<_>>(),
        "redundant": audit.superfluous().map(|id| rule(rules, Some(id))).collect::<Vec<_>>(),
        "order_matters": pairs.collect::<Vec<_>>(),
        "accepts_from_anywhere": open.collect::<Vec<_>>(),
    })
}

pub(crate) fn comparison(
    names: &[String; 2],
    rules: [&RuleSet; 2],
    comparison: &Comparison,
) -> Value {
    let differences = comparison.differences.iter().map(|found| {
        json!({
            "first": rule(rules[0], found.first),
            "second": rule(rules[1], found.second),
            "regions": regions(&found.regions),
            "witness": found.witness.to_string(),
        })
    });
    json!({ "files": names, "differences": differences.collect::<Vec<_>>() })
}

fn why(rules: &RuleSet, reach: &Reach) -> Value {
    match reach {
        Reach::Shadowed(shadowed) => json!({
            "shadowed_by": shadowed.by.iter().map(|id| rule(rules, Some(*id))).collect::<Vec<_>>(),
            "their_action": match shadowed.agreement {
                Agreement::Same => "same",
                Agreement::Different => "different",
                _ => "mixed",
            },
        }),
        Reach::Contradiction => json!("contradiction"),
        _ => json!("unreachable"),
    }
}

fn rule(rules: &RuleSet, id: Option<RuleId>) -> Value {
    let known = id.and_then(|id| Some((id, rules.chain(id.chain)?, rules.display_rule(id)?)));
    match known {
        Some((id, chain, text)) => json!({
            "chain": chain.name(),
            "rule": u64::from(id.index) + 1,
            "text": text.to_string(),
        }),
        None => json!({ "default": rules.default_action().to_string() }),
    }
}

fn regions(regions: &[Region]) -> Value {
    regions.iter().map(|region| json!(region.to_string())).collect()
}
