use super::super::helper::Expectation;
use super::{End, Key};

/// One end of a flow as a key that has no other end, and the other end beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::conntrack) struct Target {
    pub(super) to: Key,
    /// The address, as a number.
    pub(super) from: u128,
    pub(super) from_port: u16,
}

impl Target {
    /// The end that packets go to.
    pub(in crate::conntrack) const fn to(&self) -> &Key {
        &self.to
    }

    /// The same as helpers announce it, the source port only `with_port`.
    pub(in crate::conntrack) fn expectation(&self, with_port: bool, seconds: u32) -> Expectation {
        let from = Key::of_ends(self.from, 0, self.to.rest);
        Expectation {
            protocol: self.to.protocol(),
            src: from.address(End::Low),
            src_port: with_port.then_some(self.from_port),
            dst: self.to.address(End::Low),
            dst_port: self.to.id(End::Low),
            seconds,
        }
    }

    /// Whether both are the same, source ports only `with_port`.
    pub(in crate::conntrack) fn fits(&self, other: &Self, with_port: bool) -> bool {
        let same_port = !with_port || self.from_port == other.from_port;
        self.to == other.to && self.from == other.from && same_port
    }
}
