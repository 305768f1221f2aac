use alloc::vec::Vec;

use super::{Cube, Shared};
use crate::rule::RuleId;

/// A region with holes: the packets of a cube that are in none of others.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Piece {
    pub(in crate::analysis) cube: Cube,
    /// None is disjoint from the cube.
    pub(in crate::analysis) holes: Vec<Hole>,
}

/// Packets that a piece does not have.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Hole {
    pub(in crate::analysis) cube: Shared<Cube>,
    pub(in crate::analysis) why: Why,
}

/// Why a piece does not have some packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::analysis) enum Why {
    /// There are no such packets.
    NoPacket,
    /// They are looked at in another piece.
    Elsewhere,
    /// A rule took them.
    Taken(RuleId),
}

impl Why {
    pub(in crate::analysis) const fn rule(self) -> Option<RuleId> {
        match self {
            Self::Taken(rule) => Some(rule),
            _ => None,
        }
    }
}

impl Piece {
    /// The packets of it that `cube` has; `None` if it is sure that there are none because the cubes
    /// are disjoint.
    pub(in crate::analysis) fn clip(&self, cube: &Cube) -> Option<Self> {
        let cube = self.cube.intersect(cube)?;
        let met = self.holes.iter().filter(|hole| !hole.cube.is_disjoint(&cube));
        let holes = met.cloned().collect();
        Some(Self { cube, holes })
    }

    /// Takes packets away.
    pub(in crate::analysis) fn remove(&mut self, cube: &Shared<Cube>, why: Why) {
        if !cube.is_disjoint(&self.cube) {
            self.holes.push(Hole { cube: Shared::clone(cube), why });
        }
    }

    /// A hole that has all of the cube, if there is one.
    pub(in crate::analysis) fn filled_by(&self) -> Option<&Hole> {
        self.holes.iter().find(|hole| self.cube.is_subset(&hole.cube))
    }
}
