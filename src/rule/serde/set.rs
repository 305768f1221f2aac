//! Named sets: a name, a kind and the elements as the text form has them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;

use ::serde::de::Error;
use ::serde::{Deserialize, Serialize, Serializer};
use ipnet::IpNet;

use crate::rule::set::{Set, Sets};
use crate::rule::{InterfaceName, IpRange, PortRange};

pub(crate) struct SetList<'s>(pub(crate) &'s Sets);

impl Serialize for SetList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = self
            .0
            .iter()
            .map(|(name, set)| NamedSet { name: name.to_string(), elements: Elements::of(set) });
        serializer.collect_seq(named)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedSet {
    pub(crate) name: String,
    pub(crate) elements: Elements,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Elements {
    Prefixes(Vec<IpRange>),
    Ports(Vec<PortRange>),
    Endpoints(Vec<SocketAddr>),
    Interfaces(Vec<InterfaceName>),
}

impl Elements {
    fn of(set: &Set) -> Self {
        match set {
            Set::Prefixes(set) => {
                Self::Prefixes(set.sorted().into_iter().map(IpRange::from).collect())
            }
            Set::Ports(set) => Self::Ports(set.ranges().collect()),
            Set::Endpoints(set) => {
                Self::Endpoints(set.sorted().into_iter().map(SocketAddr::from).collect())
            }
            Set::Interfaces(set) => Self::Interfaces(set.iter().cloned().collect()),
        }
    }

    pub(crate) fn into_set<E: Error>(self) -> Result<Set, E> {
        Ok(match self {
            Self::Prefixes(ranges) => {
                let prefix = |range: IpRange| {
                    range.prefix().ok_or_else(|| E::custom(alloc::format!("{range} is no prefix")))
                };
                let prefixes = ranges.into_iter().map(prefix);
                Set::Prefixes(prefixes.collect::<Result<Vec<IpNet>, E>>()?.into_iter().collect())
            }
            Self::Ports(ports) => Set::Ports(ports.into_iter().collect()),
            Self::Endpoints(pairs) => {
                Set::Endpoints(pairs.into_iter().map(|pair| (pair.ip(), pair.port())).collect())
            }
            Self::Interfaces(names) => Set::Interfaces(names.into_iter().collect()),
        })
    }
}
