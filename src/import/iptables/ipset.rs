//! Sets of addresses and ports that rules ask for by name.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::packet::{Family, Protocol};
use crate::rule::{IpRange, PortRange};

/// A set that rules ask for with `-m set --match-set`, as it was at one moment: addresses, ports, or
/// both together.
///
/// # Examples
///
/// ```
/// use ipnet::Ipv4Net;
/// use portcullis::import::iptables::{IpSet, Iptables};
///
/// let blocked: Vec<Ipv4Net> = vec!["192.0.2.0/24".parse()?, "198.51.100.7/32".parse()?];
/// let tables = Iptables::new().set("blocked", IpSet::addresses(blocked)).v4("
/// *filter
/// :FORWARD ACCEPT [0:0]
/// -A FORWARD -m set --match-set blocked src -j DROP
/// COMMIT
/// ")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpSet {
    /// What each entry has an element of.
    pub(super) dimensions: Vec<Dimension>,
    /// The family of its addresses; `None` for either, and for ports alone.
    pub(super) family: Option<Family>,
    pub(super) entries: Vec<Entry>,
    /// Names of sets that it is made of.
    pub(super) members: Vec<Box<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    Address,
    Port,
}

/// What is in a set if all of its elements fit, or is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) elements: Vec<Element>,
    /// Whether it is an exception from wider ones.
    pub(super) exception: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Addresses(IpRange),
    /// For ICMP, type and code as one number; for protocols without ports, 0.
    Ports(Protocol, PortRange),
}

impl IpSet {
    /// A set of addresses or networks.
    pub fn addresses<R: Into<IpRange>>(ranges: impl IntoIterator<Item = R>) -> Self {
        let entries = ranges.into_iter().map(|range| Element::Addresses(range.into()));
        Self::new(Vec::from([Dimension::Address]), entries.map(|element| Vec::from([element])))
    }

    /// A set of ports, each of one protocol.
    pub fn ports<R: Into<PortRange>>(ports: impl IntoIterator<Item = (Protocol, R)>) -> Self {
        let entries =
            ports.into_iter().map(|(protocol, range)| Element::Ports(protocol, range.into()));
        Self::new(Vec::from([Dimension::Port]), entries.map(|element| Vec::from([element])))
    }

    /// A set of addresses with ports.
    pub fn address_ports<R: Into<IpRange>, P: Into<PortRange>>(
        entries: impl IntoIterator<Item = (R, Protocol, P)>,
    ) -> Self {
        let entries = entries.into_iter().map(|(addresses, protocol, ports)| {
            let ports = Element::Ports(protocol, ports.into());
            Vec::from([Element::Addresses(addresses.into()), ports])
        });
        Self::new(Vec::from([Dimension::Address, Dimension::Port]), entries)
    }

    fn new(dimensions: Vec<Dimension>, entries: impl IntoIterator<Item = Vec<Element>>) -> Self {
        let entries =
            entries.into_iter().map(|elements| Entry { elements, exception: false }).collect();
        Self { dimensions, family: None, entries, members: Vec::new() }
    }

    /// An empty set of these dimensions.
    pub(super) fn empty(dimensions: &[Dimension], family: Option<Family>) -> Self {
        Self { family, ..Self::new(dimensions.to_vec(), []) }
    }
}
