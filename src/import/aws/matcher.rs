use super::AttachedGroups;
use super::sides::Interfaces;
use crate::conntrack::{ConnTable, Conntrack, Limits, TcpTracking, Time, Timeouts};
use crate::packet::Packet;
use crate::rule::{Action, BuildError, Decision, Effect};
use crate::{Config, Order, StatefulMatcher, StatelessMatcher};

/// Judges packets by the security groups of a network interface.
///
/// Packets of a connection that is known pass; the rules are asked about all others, in the chain of
/// their direction. A decision by a rule names its place; the rule's comment has the group's id.
/// A packet of a flow that is [not tracked](AttachedGroups::untracked) is always judged by the
/// rules.
#[derive(Clone, Debug)]
pub struct SecurityGroupMatcher<C = ConnTable> {
    firewall: StatefulMatcher<Action, C>,
    untracked: StatelessMatcher<'static>,
    interfaces: Interfaces,
    untracked_interfaces: Interfaces,
}

/// The limits of a connection table as AWS has them: at most `capacity` connections, TCP kept for
/// 432,000 s, UDP for 30 and its streams for 180, other protocols for 600.
///
/// A TCP connection whose start was not seen is none: one that was cut by a change of rules does
/// not come back by itself.
pub fn limits(capacity: u32) -> Limits {
    let mut timeouts = Timeouts::default();
    (timeouts.tcp_established, timeouts.udp, timeouts.udp_stream) = (432_000, 30, 180);
    (timeouts.generic, timeouts.gre, timeouts.gre_stream) = (600, 600, 600);
    let tcp = TcpTracking { loose: false, ..TcpTracking::default() };
    Limits::new(capacity).timeouts(timeouts).tcp(tcp)
}

impl<C> SecurityGroupMatcher<C> {
    pub(super) fn compile(
        attached: &AttachedGroups,
        conntrack: C,
        config: &Config,
    ) -> Result<Self, BuildError> {
        let firewall = StatefulMatcher::compile(attached.rules(), conntrack, config)?;
        Ok(Self {
            firewall: firewall.order(Order::KnownFirst),
            untracked: StatelessMatcher::compile(attached.untracked(), config)?,
            interfaces: Interfaces::of(attached.rules()),
            untracked_interfaces: Interfaces::of(attached.untracked()),
        })
    }

    /// Goes on with other rules, as after a change of the groups. Connections that are tracked stay
    /// until they end or time out; flows that are not tracked are judged by the new rules from now
    /// on.
    ///
    /// # Errors
    ///
    /// When a limit of `config` is passed; the old rules then stay in force.
    pub fn replace(
        &mut self,
        attached: &AttachedGroups,
        config: &Config,
    ) -> Result<(), BuildError> {
        let untracked = StatelessMatcher::compile(attached.untracked(), config)?;
        self.firewall.replace_rules(attached.rules(), config)?;
        self.untracked = untracked;
        self.interfaces = Interfaces::of(attached.rules());
        self.untracked_interfaces = Interfaces::of(attached.untracked());
        Ok(())
    }

    /// The stateful matcher beneath, whose packets say their direction by their interfaces.
    pub const fn firewall(&self) -> &StatefulMatcher<Action, C> {
        &self.firewall
    }

    /// The stateful matcher beneath, to be changed.
    pub const fn firewall_mut(&mut self) -> &mut StatefulMatcher<Action, C> {
        &mut self.firewall
    }

    /// Whether the packet, in this direction, is one of those that are not tracked.
    fn is_untracked(&self, packet: &Packet) -> bool {
        let mut untracked = false;
        self.untracked.walk(packet, |_, effect| untracked |= effect == Effect::NoTrack);
        untracked
    }
}

impl<C: Conntrack> SecurityGroupMatcher<C> {
    /// The decision on a packet that comes to the network interface at `now`.
    pub fn classify_inbound(&mut self, packet: &Packet, now: Time) -> Decision<'_> {
        let untracked = self.is_untracked(&self.untracked_interfaces.inbound(packet));
        self.classify(self.interfaces.inbound(packet), untracked, now)
    }

    /// The decision on a packet that the network interface sends at `now`.
    pub fn classify_outbound(&mut self, packet: &Packet, now: Time) -> Decision<'_> {
        let untracked = self.is_untracked(&self.untracked_interfaces.outbound(packet));
        self.classify(self.interfaces.outbound(packet), untracked, now)
    }

    fn classify(&mut self, packet: Packet, untracked: bool, now: Time) -> Decision<'_> {
        let notrack = packet.notrack || untracked;
        self.firewall.classify(&Packet { notrack, ..packet }, now)
    }
}
