//! The named sets that compiled rules look into, and what numbers of interfaces stand for.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
#[cfg(feature = "alloc")]
use alloc::vec;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use super::lookup::subject::Bare;
#[cfg(feature = "alloc")]
use crate::packet::InterfaceId;
#[cfg(feature = "alloc")]
use crate::rule::set::{Contents, Part, Set, SetError, SetKind, Sets, Values};
#[cfg(feature = "alloc")]
use crate::rule::{Interfaces, RuleSet};

/// The named sets of a compiled rule set, as they are now. Without an allocator there are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    #[cfg(feature = "alloc")]
    sets: Sets,
    /// `None` if there are no sets.
    #[cfg(feature = "alloc")]
    interfaces: Option<Arc<Interfaces>>,
    /// For each set a bit for each number of an interface in it; nothing if no set is of interfaces.
    #[cfg(feature = "alloc")]
    numbered: Arc<Vec<Vec<u64>>>,
}

#[cfg(feature = "alloc")]
impl Members {
    pub(crate) fn of<A>(rules: &RuleSet<A>) -> Self {
        match rules.sets().is_empty() {
            true => Self::default(),
            false => Self { sets: rules.sets().clone(), ..Self::default() }
                .numbered(&Arc::new(rules.interfaces().clone())),
        }
    }

    pub(crate) fn sets(&self) -> &Sets {
        &self.sets
    }

    /// Puts other sets in the place of these.
    pub(crate) fn put(&mut self, sets: Sets, interfaces: &Arc<Interfaces>) {
        *self = Self { sets, ..Self::default() }.numbered(interfaces);
    }

    /// Takes over other numbers of interfaces.
    pub(crate) fn number(&mut self, interfaces: &Arc<Interfaces>) {
        *self = core::mem::take(self).numbered(interfaces);
    }

    fn numbered(self, interfaces: &Arc<Interfaces>) -> Self {
        let interfaces = (!self.sets.is_empty()).then(|| Arc::clone(interfaces));
        let mut numbered = Self { interfaces, ..self };
        numbered.look_up_interfaces();
        numbered
    }

    /// Finds anew which numbers of interfaces are in which set.
    fn look_up_interfaces(&mut self) {
        let Self { sets, interfaces, numbered } = self;
        let Some(interfaces) = interfaces else { return };
        if sets.iter().all(|(_, set)| set.kind() != SetKind::Interfaces) {
            return;
        }
        *numbered = Arc::new(sets.iter().map(|(_, set)| bits(set, interfaces)).collect());
    }

    /// Changes a set; interfaces in it must have a number.
    pub(crate) fn change<S: Contents, R>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut S) -> R,
    ) -> Result<R, SetError> {
        let Self { sets, interfaces, .. } = self;
        let none = Interfaces::default();
        let result = sets.change_numbered(interfaces.as_deref().unwrap_or(&none), name, change)?;
        if S::KIND == SetKind::Interfaces {
            self.look_up_interfaces();
        }
        Ok(result)
    }

    /// Replaces the contents of all sets.
    pub(crate) fn replace(&mut self, others: &Sets) -> Result<(), SetError> {
        let none = Interfaces::default();
        let interfaces = self.interfaces.as_deref().unwrap_or(&none);
        self.sets = self.sets.replaced(others, interfaces)?;
        self.look_up_interfaces();
        Ok(())
    }

    /// Whether a part of what is judged, by its number, is in one of some sets; `None` if there is no
    /// such part.
    #[inline]
    pub(in crate::tree) fn hold(
        &self,
        part: usize,
        bare: Bare<'_>,
        numbers: impl Iterator<Item = u32>,
    ) -> Option<bool> {
        let part = *Part::ALL.get(part)?;
        let values = match bare {
            Bare::Packet(packet) => Values::Packet(packet),
            Bare::Key(key) => Values::Key(key),
        };
        // No branch on what a set says.
        let any = |within: bool, is: bool| within | is;
        if part.kind() == SetKind::Interfaces {
            let id = values.interface_of(part);
            let is_on = |number| id.is_some_and(|id| self.has_interface(number, id));
            return Some(numbers.map(is_on).fold(false, any));
        }
        let sets = numbers.filter_map(|number| self.sets.at(number));
        values.have(part).then(|| sets.map(|set| values.are_within(part, set)).fold(false, any))
    }

    /// The same for one set.
    #[inline]
    pub(in crate::tree) fn hold_one(&self, part: usize, set: u32, bare: Bare<'_>) -> Option<bool> {
        self.hold(part, bare, core::iter::once(set))
    }

    #[inline]
    fn has_interface(&self, set: u32, id: InterfaceId) -> bool {
        let bits = self.numbered.get(set as usize).map_or(&[][..], Vec::as_slice);
        bits.get(usize::from(id.0 / 64)).is_some_and(|word| word >> (id.0 % 64) & 1 == 1)
    }
}

/// A bit for each number of an interface that is in a set.
#[cfg(feature = "alloc")]
fn bits(set: &Set, interfaces: &Interfaces) -> Vec<u64> {
    if set.kind() != SetKind::Interfaces {
        return Vec::new();
    }
    let ids = (0..interfaces.len()).map_while(|number| u16::try_from(number).ok());
    let mut bits = vec![0; interfaces.len().div_ceil(64)];
    for id in ids.filter(|id| set.has_interface(InterfaceId(*id), interfaces)) {
        if let Some(word) = bits.get_mut(usize::from(id / 64)) {
            *word |= 1 << (id % 64);
        }
    }
    bits
}

#[cfg(not(feature = "alloc"))]
impl Members {
    pub(in crate::tree) fn hold(
        &self,
        _: usize,
        _: Bare<'_>,
        _: impl Iterator<Item = u32>,
    ) -> Option<bool> {
        None
    }

    pub(in crate::tree) fn hold_one(&self, _: usize, _: u32, _: Bare<'_>) -> Option<bool> {
        None
    }
}
