use alloc::string::String;
use alloc::vec::Vec;

use ::serde::de::Error;
use ::serde::ser::SerializeStruct;
use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::set::{NamedSet, SetList};
use crate::rule::{Chain, ChainId, Rule, RuleSet};

impl<A: Serialize> Serialize for RuleSet<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let with_sets = !self.sets().is_empty();
        let mut fields = serializer.serialize_struct("RuleSet", 2 + usize::from(with_sets))?;
        fields.serialize_field("default", self.default_action())?;
        if with_sets {
            fields.serialize_field("sets", &SetList(self.sets()))?;
        }
        fields.serialize_field("chains", self.chains())?;
        fields.end()
    }
}

impl<A: Serialize> Serialize for Chain<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Chain", 2)?;
        fields.serialize_field("name", self.name())?;
        fields.serialize_field("rules", self.rules())?;
        fields.end()
    }
}

impl<'de, A: Deserialize<'de>> Deserialize<'de> for RuleSet<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fields { default, sets, chains } = Fields::deserialize(deserializer)?;
        let mut rules = Self::new(default);
        for NamedSet { name, elements } in sets {
            if rules.sets().named(&name).is_some() {
                return Err(D::Error::custom("two sets of one name"));
            }
            rules.add_set(&name, elements.into_set::<D::Error>()?);
        }
        for (number, ChainFields { name, rules: own }) in chains.into_iter().enumerate() {
            let chain = match number {
                0 if name != "base" => {
                    return Err(D::Error::custom("the first chain has to be called `base`"));
                }
                0 => ChainId::BASE,
                _ => rules.add_chain(&name),
            };
            for rule in own {
                rules.push_to(chain, rule);
            }
        }
        Ok(rules)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "A: Deserialize<'de>")]
struct Fields<A> {
    default: A,
    #[serde(default)]
    sets: Vec<NamedSet>,
    chains: Vec<ChainFields<A>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "A: Deserialize<'de>")]
struct ChainFields<A> {
    name: String,
    rules: Vec<Rule<A>>,
}
