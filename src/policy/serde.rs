//! Policies and groups in serde's data model: what is read is added rule by rule, so that it is refused
//! where building it would be.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ::serde::de::Error;
use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::policy::CAPACITY;
use super::{Entry, Overrides, Policy, PolicyRule, RuleGroup};
use crate::rule::serde::{NamedSet, SetList};

impl<A: Serialize> Serialize for Policy<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = PolicyShown {
            default: self.default_action(),
            capacity_limit: self.capacity_limit(),
            sets: Some(SetList(self.sets())).filter(|_| !self.sets().is_empty()),
            entries: self.entries().map(EntryShown::of).collect(),
        };
        shown.serialize(serializer)
    }
}

impl<A: Serialize> Serialize for RuleGroup<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rules = self.rules().map(|(priority, rule)| Numbered { priority, rule }).collect();
        GroupShown { name: self.name(), rules }.serialize(serializer)
    }
}

impl<'de, A: Deserialize<'de>> Deserialize<'de> for Policy<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = PolicyRead::deserialize(deserializer)?;
        let mut policy = Self::new(read.default);
        policy.set_capacity_limit(read.capacity_limit);
        for NamedSet { name, elements } in read.sets {
            if policy.sets().named(&name).is_some() {
                return Err(D::Error::custom("two sets of one name"));
            }
            policy.add_set(&name, elements.into_set::<D::Error>()?);
        }
        for entry in read.entries {
            let added = match entry {
                EntryRead { priority, rule: Some(rule), group: None, overrides: None } => {
                    policy.add_rule(priority, rule)
                }
                EntryRead { priority, rule: None, group: Some(group), overrides } => {
                    policy.add_group(priority, group, overrides.unwrap_or_default())
                }
                _ => return Err(D::Error::custom("an entry has a `rule`, or a `group`")),
            };
            added.map_err(D::Error::custom)?;
        }
        Ok(policy)
    }
}

impl<'de, A: Deserialize<'de>> Deserialize<'de> for RuleGroup<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let GroupRead { name, rules } = GroupRead::deserialize(deserializer)?;
        let mut group = Self::new(&name);
        for Numbered { priority, rule } in rules {
            group.add_rule(priority, rule).map_err(D::Error::custom)?;
        }
        Ok(group)
    }
}

#[derive(Serialize)]
#[serde(bound = "A: Serialize")]
struct PolicyShown<'p, A> {
    default: &'p A,
    capacity_limit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sets: Option<SetList<'p>>,
    entries: Vec<EntryShown<'p, A>>,
}

#[derive(Serialize)]
#[serde(bound = "A: Serialize")]
struct EntryShown<'p, A> {
    priority: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'p PolicyRule<A>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'p RuleGroup<A>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overrides: Option<&'p Overrides<A>>,
}

impl<'p, A> EntryShown<'p, A> {
    fn of((priority, entry): (u32, &'p Entry<A>)) -> Self {
        match entry {
            Entry::Rule(rule) => Self { priority, rule: Some(rule), group: None, overrides: None },
            Entry::Group(group, overrides) => Self {
                priority,
                rule: None,
                group: Some(group),
                overrides: Some(overrides).filter(|overrides| !overrides.are_none()),
            },
        }
    }
}

#[derive(Serialize)]
#[serde(bound = "A: Serialize")]
struct GroupShown<'p, A> {
    name: &'p str,
    rules: Vec<Numbered<&'p PolicyRule<A>>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbered<R> {
    priority: u32,
    rule: R,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "A: Deserialize<'de>")]
struct PolicyRead<A> {
    default: A,
    #[serde(default = "capacity")]
    capacity_limit: u64,
    #[serde(default)]
    sets: Vec<NamedSet>,
    entries: Vec<EntryRead<A>>,
}

const fn capacity() -> u64 {
    CAPACITY
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "A: Deserialize<'de>")]
struct EntryRead<A> {
    priority: u32,
    #[serde(default)]
    rule: Option<PolicyRule<A>>,
    #[serde(default)]
    group: Option<RuleGroup<A>>,
    #[serde(default)]
    overrides: Option<Overrides<A>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "A: Deserialize<'de>")]
struct GroupRead<A> {
    name: Box<str>,
    rules: Vec<Numbered<PolicyRule<A>>>,
}
