//! The space of packets: a number on each of a few dozen axes ([`Axis`]), regions that are products
//! of sets of numbers ([`Cube`]), and criteria as such regions ([`criteria`]). [`Piece`] is a region
//! with holes in it, and [`search`] finds a packet in one or proves that there is none.

mod axis;
pub(super) mod criteria;
mod cube;
mod packets;
mod piece;
mod point;
mod search;
mod set;

/// What pieces share among them, and regions that are given out.
#[cfg(not(target_has_atomic = "ptr"))]
pub(super) use alloc::rc::Rc as Shared;
#[cfg(target_has_atomic = "ptr")]
pub(super) use alloc::sync::Arc as Shared;

pub(super) use axis::{Axis, NO_DIRECTION, NO_INTERFACE, NO_STATE, NO_VLAN, headers};
pub(super) use cube::Cube;
pub use packets::Packets;
pub(super) use piece::{Hole, Piece, Why};
pub(super) use point::number;
pub(super) use search::{Budget, Found, Search, Spot};
pub(super) use set::Set;
