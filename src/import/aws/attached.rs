use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use super::sides::Sides;
use super::untracked::untracked;
use super::{
    Addresses, AllowedPeer, Peer, Permission, SecurityGroup, SecurityGroupMatcher, SecurityGroups,
    UnknownReference,
};
use crate::Config;
use crate::rule::{Action, BuildError, ChainId, Rule, RuleSet};

/// The rules of all security groups on one network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedGroups {
    rules: RuleSet,
    untracked: RuleSet,
}

impl SecurityGroups {
    /// The rules of a network interface that the groups of these ids are attached to: it allows what
    /// any of them allows.
    ///
    /// Flows that AWS does not track are not tracked; see [`AttachedGroups::untracked`] and
    /// [`AttachedGroups::tracked_automatically`].
    ///
    /// # Errors
    ///
    /// When there is no group of such an id, or when one refers to a group or a prefix list that
    /// `addresses` does not have.
    pub fn attach<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i str>,
        addresses: &Addresses,
    ) -> Result<AttachedGroups, AttachError> {
        let find = |id: &str| self.group(id).ok_or_else(|| AttachError::UnknownGroup(id.into()));
        let groups: Vec<_> = ids.into_iter().map(find).collect::<Result<_, _>>()?;
        let mut sides = Sides::new(Action::Drop);
        for group in &groups {
            let (inbound, outbound) = (sides.inbound, sides.outbound);
            add(&mut sides.rules, inbound, group, &group.inbound, addresses, Rule::from)?;
            add(&mut sides.rules, outbound, group, &group.outbound, addresses, Rule::to)?;
        }
        Ok(AttachedGroups { rules: sides.rules, untracked: untracked(&groups) })
    }
}

/// One rule for each peer, as AWS counts them.
fn add(
    rules: &mut RuleSet,
    chain: ChainId,
    group: &SecurityGroup,
    permissions: &[Permission],
    addresses: &Addresses,
    ask: fn(Rule, Vec<ipnet::IpNet>) -> Rule,
) -> Result<(), UnknownReference> {
    for permission in permissions {
        for AllowedPeer { peer, description } in &permission.peers {
            let prefixes = addresses.of(peer, &group.id)?;
            let rule = permission.traffic.ask(ask(Rule::accept(), prefixes));
            rules.push_to(chain, rule.comment(&remark(group, peer, description.as_deref())));
        }
    }
    Ok(())
}

/// Which rule of which group it was.
fn remark(group: &SecurityGroup, peer: &Peer, description: Option<&str>) -> Box<str> {
    let mut remark = format!("{}", group.id);
    if let Peer::Group(id) | Peer::PrefixList(id) = peer {
        remark.push_str(&format!(", {id}"));
    }
    if let Some(description) = description.filter(|description| !description.is_empty()) {
        remark.push_str(&format!(": {description}"));
    }
    remark.into()
}

impl AttachedGroups {
    /// The rules: a chain `inbound` for packets that come in by the interface `vpc`, which stands
    /// for the network interface, and a chain `outbound` for those that leave by it. They are made
    /// for [`Order::KnownFirst`](crate::Order::KnownFirst).
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// Rules in the same form that say which packets are not tracked
    /// ([`Effect::NoTrack`](crate::rule::Effect::NoTrack)), to be asked before connections are.
    ///
    /// AWS does not track TCP and UDP that a rule allows from or to all addresses of a family, if a
    /// rule of the other direction allows all of that protocol from or to all of them, too. A
    /// packet is taken for one of such a flow by the port of the end that the rule is about.
    pub fn untracked(&self) -> &RuleSet {
        &self.untracked
    }

    /// Tracks everything, as AWS does for flows through a gateway load balancer, Global
    /// Accelerator, a NAT gateway, a Network Firewall endpoint, a network load balancer or a transit
    /// gateway.
    #[must_use]
    pub fn tracked_automatically(mut self) -> Self {
        self.untracked = untracked(&[]);
        self
    }

    /// The matcher, which keeps its connections in `conntrack`: a
    /// [`ConnTable`](crate::ConnTable) with [`limits`](super::limits), for one.
    ///
    /// # Errors
    ///
    /// When a limit of `config` is passed.
    pub fn matcher<C>(
        &self,
        conntrack: C,
        config: &Config,
    ) -> Result<SecurityGroupMatcher<C>, BuildError> {
        SecurityGroupMatcher::compile(self, conntrack, config)
    }
}

/// Why security groups cannot be attached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// No group has this id.
    UnknownGroup(Box<str>),
    /// A rule refers to addresses that are not known.
    UnknownReference(UnknownReference),
}

impl From<UnknownReference> for AttachError {
    fn from(reference: UnknownReference) -> Self {
        Self::UnknownReference(reference)
    }
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownGroup(id) => write!(f, "there is no security group {id}"),
            Self::UnknownReference(reference) => reference.fmt(f),
        }
    }
}

impl core::error::Error for AttachError {}
