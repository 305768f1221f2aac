//! The named sets that compiled rules look into, and what numbers of interfaces stand for.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(feature = "alloc")]
use alloc::sync::Arc;

use super::lookup::subject::Subject;
#[cfg(feature = "alloc")]
use crate::rule::set::{Contents, Part, SetError, Sets, Values};
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
}

#[cfg(feature = "alloc")]
impl Members {
    pub(crate) fn of<A>(rules: &RuleSet<A>) -> Self {
        match rules.sets().is_empty() {
            true => Self::default(),
            false => Self {
                sets: rules.sets().clone(),
                interfaces: Some(Arc::new(rules.interfaces().clone())),
            },
        }
    }

    pub(crate) fn sets(&self) -> &Sets {
        &self.sets
    }

    /// Puts other sets in the place of these.
    pub(crate) fn put(&mut self, sets: Sets, interfaces: &Arc<Interfaces>) {
        self.sets = sets;
        self.number(interfaces);
    }

    /// Takes over other numbers of interfaces.
    pub(crate) fn number(&mut self, interfaces: &Arc<Interfaces>) {
        self.interfaces = (!self.sets.is_empty()).then(|| Arc::clone(interfaces));
    }

    /// Changes a set; interfaces in it must have a number.
    pub(crate) fn change<S: Contents, R>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut S) -> R,
    ) -> Result<R, SetError> {
        let Self { sets, interfaces } = self;
        let none = Interfaces::default();
        sets.change_numbered(interfaces.as_deref().unwrap_or(&none), name, change)
    }

    /// Replaces the contents of all sets.
    pub(crate) fn replace(&mut self, others: &Sets) -> Result<(), SetError> {
        let none = Interfaces::default();
        let interfaces = self.interfaces.as_deref().unwrap_or(&none);
        self.sets = self.sets.replaced(others, interfaces)?;
        Ok(())
    }

    /// Whether a part of what is judged, by its number, is in one of some sets; `None` if there is no
    /// such part.
    pub(in crate::tree) fn hold(
        &self,
        part: usize,
        subject: &Subject<'_>,
        numbers: impl Iterator<Item = u32>,
    ) -> Option<bool> {
        let part = *Part::ALL.get(part)?;
        let values = match subject {
            Subject::Packet(packet, _) => Values::Packet(packet),
            Subject::Key(key) => Values::Key(key),
        };
        let interfaces = self.interfaces.as_deref()?;
        let mut sets = numbers.filter_map(|number| self.sets.at(number));
        values.have(part).then(|| sets.any(|set| values.are_in(part, set, interfaces)))
    }
}

#[cfg(not(feature = "alloc"))]
impl Members {
    pub(in crate::tree) fn hold(
        &self,
        _: usize,
        _: &Subject<'_>,
        _: impl Iterator<Item = u32>,
    ) -> Option<bool> {
        None
    }
}
