use alloc::vec::Vec;

use crate::import::rate::Rate;
use crate::packet::{Family, Malformed, Protocol};
use crate::rule::{AnyOf, Criteria};

/// What one match of a rule asks, as Linux asks it: after the matches before it have held.
#[derive(Clone, Debug, Default)]
pub(super) struct Clause {
    /// Of which packets it cannot read the header and has Linux drop them at once.
    pub(super) drops: Option<Criteria>,
    /// What it holds of: alternatives, no two of which hold of one packet.
    pub(super) holds: Vec<Criteria>,
    /// The rate that it takes a token from; it holds if one is left.
    pub(super) spends: Option<Spends>,
}

/// A rate, as a match asks about it.
#[derive(Clone, Debug)]
pub(super) struct Spends {
    pub(super) rate: Rate,
    /// Whether the match holds if no token is left.
    pub(super) above: bool,
}

impl Clause {
    /// A match that holds of every packet.
    pub(super) fn any() -> Self {
        Self::of(Criteria::default())
    }

    pub(super) fn of(holds: Criteria) -> Self {
        Self { holds: Vec::from([holds]), ..Self::default() }
    }

    /// A match that holds of no packet.
    pub(super) fn never() -> Self {
        Self::default()
    }

    /// The same, dropping packets with one of these faults.
    pub(super) fn dropping(self, faults: &[Malformed]) -> Self {
        let drops = Criteria { malformed: AnyOf::from(faults), ..Criteria::default() };
        Self { drops: Some(drops), ..self }
    }
}

/// What a match may know of the rule that it stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) family: Family,
    /// The one protocol that the rule asks for, if it does.
    pub(super) protocol: Option<Protocol>,
}
