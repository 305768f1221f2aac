//! Where in the kernel rules are written.

use crate::import::iptables::Hook;

/// Where rules are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) hook: Hook,
    pub(super) before_tracking: bool,
}

impl Place {
    /// Whether Linux knows there by which interface a packet came in, and by which it leaves.
    pub(super) fn known_interfaces(self) -> [bool; 2] {
        let known_in = self.hook != Hook::Output;
        [known_in, self.hook != Hook::Input && !(self.before_tracking && known_in)]
    }

    /// How many hops a packet has gone on when Linux reads its time to live there.
    pub(super) fn hops(self) -> u128 {
        u128::from(self.hook == Hook::Forward && !self.before_tracking)
    }
}
