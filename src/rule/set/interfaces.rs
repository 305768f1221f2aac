use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::packet::InterfaceId;
use crate::rule::{InterfaceName, Interfaces};

/// A set of interfaces, by their names; a name may be a wildcard such as `wg*`.
///
/// # Complexity
///
/// A lookup compares as many names as is the logarithm of their number, and every wildcard.
///
/// # Examples
///
/// ```
/// use portcullis::rule::set::InterfaceSet;
///
/// let mut set = InterfaceSet::from_iter(["eth0", "wg*"]);
/// assert!(set.contains("eth0") && set.contains("wg7") && !set.contains("eth1"));
/// assert!(set.remove("wg*"));
/// assert!(!set.contains("wg7"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceSet {
    names: BTreeSet<InterfaceName>,
    /// Those of the names that are wildcards, in order. (Going through a tree can panic, as far as a
    /// linker knows; lookups go through these.)
    wildcards: Vec<InterfaceName>,
}

impl InterfaceSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the interface called `name` is in the set; wildcards count.
    pub fn contains(&self, name: &str) -> bool {
        self.holds(&name.into())
    }

    /// Puts a name or a wildcard in; `false` if it is there already.
    pub fn insert(&mut self, name: impl Into<InterfaceName>) -> bool {
        let name = name.into();
        if name.as_str().ends_with('*')
            && let Err(place) = self.wildcards.binary_search(&name)
        {
            self.wildcards.insert(place, name.clone());
        }
        self.names.insert(name)
    }

    /// Takes a name or a wildcard out; `false` if it is not there.
    pub fn remove(&mut self, name: impl Into<InterfaceName>) -> bool {
        let name = name.into();
        self.wildcards.retain(|wildcard| *wildcard != name);
        self.names.remove(&name)
    }

    /// How many names and wildcards there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names and wildcards in order.
    pub fn iter(&self) -> impl Iterator<Item = &InterfaceName> {
        self.names.iter()
    }

    /// Whether it holds the interface, or each of the interfaces, that a number stands for.
    pub(crate) fn holds_numbered(&self, id: InterfaceId, interfaces: &Interfaces) -> bool {
        interfaces.name(id).is_some_and(|name| self.holds(name))
    }

    fn holds(&self, name: &InterfaceName) -> bool {
        let is = |wildcard: &InterfaceName| wildcard.matches(name.as_str());
        self.names.contains(name) || self.wildcards.iter().any(is)
    }
}

impl<N: Into<InterfaceName>> Extend<N> for InterfaceSet {
    fn extend<I: IntoIterator<Item = N>>(&mut self, names: I) {
        names.into_iter().for_each(|name| _ = self.insert(name));
    }
}

impl<N: Into<InterfaceName>> FromIterator<N> for InterfaceSet {
    fn from_iter<I: IntoIterator<Item = N>>(names: I) -> Self {
        let mut set = Self::new();
        set.extend(names);
        set
    }
}
