use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Contents, Set, SetError, SetName};
use crate::rule::{InterfaceName, Interfaces};

/// The named sets of a rule set, as they are at one moment.
///
/// A copy takes a pointer for each set; a set is copied when one of those who have it changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sets {
    /// `None` while there are no sets.
    names: Option<Arc<Names>>,
    /// In the order in which they were declared.
    sets: Vec<Arc<Set>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    names: Vec<SetName>,
    numbers: BTreeMap<SetName, u32>,
}

impl Sets {
    /// The set of this name.
    pub fn named(&self, name: &str) -> Option<&Set> {
        self.at(self.number(name)?)
    }

    /// Their names and the sets, in the order in which they were declared.
    pub fn iter(&self) -> impl Iterator<Item = (&SetName, &Set)> {
        let names = self.names.iter().flat_map(|names| &names.names);
        names.zip(self.sets.iter().map(|set| &**set))
    }

    /// How many sets there are.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The number of a set: its place.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.names.as_ref()?.numbers.get(name).copied()
    }

    #[inline]
    pub(crate) fn at(&self, number: u32) -> Option<&Set> {
        self.sets.get(number as usize).map(|set| &**set)
    }

    /// Adds a set, or puts it in the place of the one that has the name.
    pub(crate) fn put(&mut self, name: &str, set: Set) {
        let number = self.number(name);
        if let Some(old) = number.and_then(|number| self.sets.get_mut(number as usize)) {
            *old = Arc::new(set);
            return;
        }
        let names = Arc::make_mut(self.names.get_or_insert_default());
        names.numbers.insert(name.into(), self.sets.len() as u32);
        names.names.push(name.into());
        self.sets.push(Arc::new(set));
    }

    /// Changes a set.
    pub(crate) fn change<S: Contents, R>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut S) -> R,
    ) -> Result<R, SetError> {
        let number = self.number(name).map(|number| number as usize);
        let set = number.and_then(|number| self.sets.get_mut(number));
        let set = set.ok_or_else(|| SetError::NoSuchSet(name.into()))?;
        let is = set.kind();
        let wrong = || SetError::Kind { name: name.into(), is, asked: S::KIND };
        if is != S::KIND {
            return Err(wrong());
        }
        S::of_mut(Arc::make_mut(set)).map(change).ok_or_else(wrong)
    }

    /// Changes a set, unless it then names an interface that has no number.
    pub(crate) fn change_numbered<S: Contents, R>(
        &mut self,
        interfaces: &Interfaces,
        name: &str,
        change: impl FnOnce(&mut S) -> R,
    ) -> Result<R, SetError> {
        if S::KIND != super::SetKind::Interfaces {
            return self.change(name, change);
        }
        let mut changed = self.clone();
        let result = changed.change(name, change)?;
        changed.check_interfaces(interfaces)?;
        *self = changed;
        Ok(result)
    }

    /// The same sets with the contents of others, if they have the same names and kinds and name no
    /// interface that has no number.
    pub(crate) fn replaced(
        &self,
        others: &Self,
        interfaces: &Interfaces,
    ) -> Result<Self, SetError> {
        let shape = |(name, set): (_, &Set)| (name, set.kind());
        if !self.iter().map(shape).eq(others.iter().map(shape)) {
            return Err(SetError::OtherSets);
        }
        others.check_interfaces(interfaces)?;
        Ok(others.clone())
    }

    /// The interfaces that sets name.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &InterfaceName> {
        self.sets.iter().flat_map(|set| set.interfaces())
    }

    fn check_interfaces(&self, interfaces: &Interfaces) -> Result<(), SetError> {
        let mut unknown = self.interfaces().filter(|name| !interfaces.knows(name));
        unknown.next().map_or(Ok(()), |name| Err(SetError::UnknownInterface(name.clone())))
    }
}
