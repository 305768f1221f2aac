use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::packet::InterfaceId;

/// The name of a network interface in a rule. A `*` at the end stands for any ending:
/// `eth*` matches `eth0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(Box<str>);

impl InterfaceName {
    /// The name as it is written, with its `*`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for the interface `name`. A wildcard stands for a narrower wildcard.
    pub fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => *self.0 == *name,
        }
    }
}

impl From<&str> for InterfaceName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The most interface names that the rules of a rule set can tell apart: numbers have 16 bits, and
/// the highest one is for packets whose interface no rule names.
pub(crate) const MAX_INTERFACES: usize = u16::MAX as usize;

/// The interface names of a rule set, each with its number.
///
/// A packet's interface is given as the number of its own name, or of the longest wildcard that
/// stands for it: interfaces that no rule can tell apart share a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interfaces {
    names: Vec<InterfaceName>,
    numbers: BTreeMap<InterfaceName, usize>,
}

impl Interfaces {
    pub(crate) fn intern(&mut self, name: &InterfaceName) {
        if !self.numbers.contains_key(name) {
            self.numbers.insert(name.clone(), self.names.len());
            self.names.push(name.clone());
        }
    }

    /// How many names there are; their numbers are those below.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn knows(&self, name: &InterfaceName) -> bool {
        self.numbers.contains_key(name)
    }

    /// Whether every one of `names` has a number that an [`InterfaceId`] can hold.
    pub(crate) fn number_all(&self, names: &[InterfaceName]) -> bool {
        let number = |name| self.numbers.get(name).copied();
        names.iter().all(|name| number(name).is_none_or(|number| number < MAX_INTERFACES))
    }

    /// The number for the interface called `name`, if any rule can tell it from others.
    pub(crate) fn id(&self, name: &str) -> Option<InterfaceId> {
        let candidates = self.names.iter().enumerate().filter(|(_, known)| known.matches(name));
        let best = candidates.max_by_key(|(_, known)| (known.as_str() == name, known.0.len()))?;
        u16::try_from(best.0).ok().map(InterfaceId)
    }

    /// Shows every name, in the order of their numbers.
    pub(crate) fn each(&self, seen: impl FnMut(&InterfaceName)) {
        self.names.iter().for_each(seen);
    }

    pub(crate) fn name(&self, id: InterfaceId) -> Option<&InterfaceName> {
        self.names.get(usize::from(id.0))
    }

    /// The numbers of the interfaces that a rule's `pattern` stands for.
    ///
    /// # Complexity
    ///
    /// Logarithmic in the number of names; linear for a wildcard.
    pub(crate) fn numbers(&self, pattern: &InterfaceName) -> Vec<usize> {
        if !pattern.as_str().ends_with('*') {
            return self.numbers.get(pattern).copied().into_iter().collect();
        }
        let names = self.names.iter().enumerate();
        names.filter(|(_, name)| pattern.matches(name.as_str())).map(|(i, _)| i).collect()
    }

    /// Whether a rule's `pattern` stands for the interface that `id` numbers.
    pub(crate) fn matches(&self, pattern: &InterfaceName, id: InterfaceId) -> bool {
        self.name(id).is_some_and(|name| pattern.matches(name.as_str()))
    }
}
