use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use ipnet::IpNet;

use super::Peer;

/// What security groups and prefix lists that rules refer to stand for: the caller's to know, and to
/// keep up to date.
///
/// # Examples
///
/// ```
/// use ipnet::IpNet;
/// use portcullis::import::aws::Addresses;
///
/// let member: IpNet = "10.0.1.7/32".parse()?;
/// let s3: IpNet = "3.5.140.0/22".parse()?;
/// let addresses = Addresses::new()
///     .group("sg-0123456789abcdef0", [member])
///     .prefix_list("pl-6da54004", [s3]);
/// # Ok::<(), ipnet::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    known: BTreeMap<Peer, Vec<IpNet>>,
}

impl Addresses {
    /// Knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the private addresses of the network interfaces that the group is attached to.
    #[must_use]
    pub fn group(mut self, id: &str, members: impl IntoIterator<Item = IpNet>) -> Self {
        self.known.insert(Peer::Group(id.into()), members.into_iter().collect());
        self
    }

    /// Sets the entries of a prefix list.
    #[must_use]
    pub fn prefix_list(mut self, id: &str, entries: impl IntoIterator<Item = IpNet>) -> Self {
        self.known.insert(Peer::PrefixList(id.into()), entries.into_iter().collect());
        self
    }

    /// The prefixes that a peer stands for.
    pub(super) fn of(&self, peer: &Peer, group: &str) -> Result<Vec<IpNet>, UnknownReference> {
        match peer {
            Peer::Prefix(prefix) => Ok(alloc::vec![*prefix]),
            named => self
                .known
                .get(named)
                .cloned()
                .ok_or_else(|| UnknownReference { peer: named.clone(), group: group.into() }),
        }
    }
}

/// A security group or prefix list that a rule refers to and that [`Addresses`] does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownReference {
    /// What is referred to.
    pub peer: Peer,
    /// The id of the group whose rule refers to it.
    pub group: Box<str>,
}

impl fmt::Display for UnknownReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = &self.group;
        match &self.peer {
            Peer::Group(id) => write!(
                f,
                "{group} refers to the security group {id}, whose addresses are not known; add them with Addresses::group"
            ),
            Peer::PrefixList(id) => write!(
                f,
                "{group} refers to the prefix list {id}, whose entries are not known; add them with Addresses::prefix_list"
            ),
            Peer::Prefix(prefix) => write!(f, "{group} refers to {prefix}"),
        }
    }
}

impl core::error::Error for UnknownReference {}
