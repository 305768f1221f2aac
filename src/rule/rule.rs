use alloc::boxed::Box;

use super::{
    Action, AnyOf, ChainId, Criteria, Effect, FlagsMatch, IcmpKind, InterfaceName, IpRange, Masked,
    PortRange, Reject, SetName, Span,
};
use crate::packet::{
    ConnFlag, ConnState, Direction, Family, Fragment, Malformed, Protocol, TcpFlags,
};

/// What a rule says of the packets it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Target<A = Action> {
    /// Decides.
    Action(A),
    /// Notes something and goes on to the next rule.
    Continue(Effect),
    /// Goes through another chain, then on to the next rule here.
    Jump(ChainId),
    /// Goes through another chain instead of the rest of this one.
    Goto(ChainId),
    /// Would decide, but is only reported ([`Effect::Staged`]), and the next rule is looked at.
    Staged(A),
    /// Ends this chain: on after the jump that led here, or to the default in the base chain.
    Return,
}

impl<A> Target<A> {
    /// The action, if this is one.
    pub fn action(&self) -> Option<&A> {
        match self {
            Self::Action(action) => Some(action),
            _ => None,
        }
    }
}

/// Criteria and a target.
///
/// Each setter replaces what the field asked before; several alternatives are given as an array,
/// their opposite with [`not`](super::not).
///
/// # Examples
///
/// ```
/// use portcullis::Rule;
/// use portcullis::rule::not;
/// use ipnet::IpNet;
///
/// let office: IpNet = "10.0.0.0/8".parse()?;
/// let rule: Rule = Rule::accept().tcp().from(office).to_ports([22, 443]);
/// let rest: Rule = Rule::drop().from(not(office));
/// # Ok::<(), ipnet::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Rule<A = Action> {
    /// What must hold of a packet.
    #[cfg_attr(feature = "serde", serde(default))]
    pub criteria: Criteria,
    /// What is then said of it.
    pub target: Target<A>,
    /// A remark for people.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub comment: Option<Box<str>>,
}

impl<A> Target<A> {
    /// What is noted of packets that match, if they go on to the next rule.
    pub(crate) fn effect(&self) -> Option<Effect> {
        match self {
            Self::Continue(effect) => Some(*effect),
            Self::Staged(_) => Some(Effect::Staged),
            _ => None,
        }
    }

    /// The action that a staged rule would have.
    pub fn staged(&self) -> Option<&A> {
        match self {
            Self::Staged(action) => Some(action),
            _ => None,
        }
    }
}

impl Rule<Action> {
    /// A rule that accepts.
    pub fn accept() -> Self {
        Self::new(Target::Action(Action::Accept))
    }

    /// A rule that drops.
    #[allow(clippy::should_implement_trait, reason = "the field's word for it; takes no self")]
    pub fn drop() -> Self {
        Self::new(Target::Action(Action::Drop))
    }

    /// A rule that rejects.
    pub fn reject(how: Reject) -> Self {
        Self::new(Target::Action(Action::Reject(how)))
    }
}

impl<A> Rule<A> {
    /// A rule that matches every packet.
    pub fn new(target: Target<A>) -> Self {
        Self { criteria: Criteria::default(), target, comment: None }
    }

    /// A rule with an action of the caller's own type.
    pub fn action(action: A) -> Self {
        Self::new(Target::Action(action))
    }

    /// A rule that jumps to a chain and comes back.
    pub fn jump(chain: ChainId) -> Self {
        Self::new(Target::Jump(chain))
    }

    /// A rule that goes to a chain for good.
    pub fn goto(chain: ChainId) -> Self {
        Self::new(Target::Goto(chain))
    }

    /// A rule that ends its chain.
    pub fn return_() -> Self {
        Self::new(Target::Return)
    }

    /// A rule that would decide, but is only reported.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{Action, Config, FlowKey, Protocol, Rule, RuleSet, StatelessMatcher};
    ///
    /// let mut rules = RuleSet::new(Action::Accept);
    /// rules.push(Rule::staged(Action::Drop).tcp().to_ports(23));
    /// let matcher = StatelessMatcher::compile(&rules, &Config::new())?;
    /// let key = FlowKey::new(Protocol::TCP, "10.0.0.1:4000".parse()?, "192.0.2.1:23".parse()?)?;
    /// let trial = matcher.classify_staged(&key.into());
    /// assert_eq!(*trial.enforced.action, Action::Accept);
    /// assert_eq!(*trial.staged.action, Action::Drop);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn staged(action: A) -> Self {
        Self::new(Target::Staged(action))
    }

    /// A rule that notes something and lets the next rules decide.
    pub fn continue_with(effect: Effect) -> Self {
        Self::new(Target::Continue(effect))
    }

    /// Asks for TCP.
    #[must_use]
    pub fn tcp(self) -> Self {
        self.protocol(Protocol::TCP)
    }

    /// Asks for UDP.
    #[must_use]
    pub fn udp(self) -> Self {
        self.protocol(Protocol::UDP)
    }

    /// Asks that of the TCP flags in `mask` exactly those in `set` are set.
    #[must_use]
    pub fn flags(self, set: TcpFlags, mask: TcpFlags) -> Self {
        self.tcp_flags(FlagsMatch::new(set, mask))
    }

    /// Asks for one IP version.
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.criteria.family = Some(family);
        self
    }

    /// Adds a remark for people.
    #[must_use]
    pub fn comment(mut self, comment: &str) -> Self {
        self.comment = Some(comment.into());
        self
    }
}

/// A setter for each field of the criteria that has alternatives.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident => $field:ident: $item:ty;)*) => {
        impl<A> Rule<A> {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, asked: impl Into<AnyOf<$item>>) -> Self {
                self.criteria.$field = asked.into();
                self
            }
        )*}
    };
}

setters! {
    /// Asks for source addresses.
    from => src: IpRange;
    /// Asks for destination addresses.
    to => dst: IpRange;
    /// Asks for protocols.
    protocol => protocol: Protocol;
    /// Asks for source ports.
    from_ports => src_port: PortRange;
    /// Asks for destination ports.
    to_ports => dst_port: PortRange;
    /// Asks for ICMP types and codes (IPv4).
    icmp => icmp: IcmpKind;
    /// Asks for ICMPv6 types and codes.
    icmpv6 => icmpv6: IcmpKind;
    /// Asks for TCP flags.
    tcp_flags => tcp_flags: FlagsMatch;
    /// Asks for whole packets, first or later fragments.
    fragment => fragment: Fragment;
    /// Asks for packets with these faults in their headers; `true` stands for any fault, `false`
    /// for none.
    malformed => malformed: Malformed;
    /// Asks for source ports of transport headers cut short behind their ports.
    from_cut_ports => cut_src_port: PortRange;
    /// Asks for destination ports of such headers.
    to_cut_ports => cut_dst_port: PortRange;
    /// Asks for interfaces that packets come in by.
    in_interface => in_interface: InterfaceName;
    /// Asks for interfaces that packets leave by.
    out_interface => out_interface: InterfaceName;
    /// Asks for zones of connections.
    zone => zone: Span<u16>;
    /// Asks for connection states.
    state => state: ConnState;
    /// Asks for directions within the connection.
    direction => direction: Direction;
    /// Asks for flags of the connection.
    status => status: ConnFlag;
    /// Asks for differentiated services code points.
    dscp => dscp: Span<u8>;
    /// Asks for times to live or hop limits.
    ttl => ttl: Span<u8>;
    /// Asks for packet lengths in bytes.
    length => length: Span<u32>;
    /// Asks for marks.
    mark => mark: Masked;
    /// Asks for VLAN ids.
    vlan => vlan: Span<u16>;
    /// Asks for the caller's predicates.
    predicate => predicate: u8;
}

/// A setter for each field of the connection's original direction.
macro_rules! original_setters {
    ($($(#[$doc:meta])* $name:ident => $field:ident: $item:ty;)*) => {
        impl<A> Rule<A> {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, asked: impl Into<AnyOf<$item>>) -> Self {
                let original = self.criteria.original.get_or_insert_default();
                original.$field = asked.into();
                if original.is_any() {
                    self.criteria.original = None;
                }
                self
            }
        )*}
    };
}

original_setters! {
    /// Asks for source addresses of the connection's original direction.
    original_from => src: IpRange;
    /// Asks for destination addresses of the connection's original direction.
    original_to => dst: IpRange;
    /// Asks for protocols of the connection.
    original_protocol => protocol: Protocol;
    /// Asks for source ports of the connection's original direction.
    original_from_ports => src_port: PortRange;
    /// Asks for destination ports of the connection's original direction.
    original_to_ports => dst_port: PortRange;
}

/// A setter for each part of a packet that may be in a named set.
macro_rules! set_setters {
    ($($(#[$doc:meta])* $name:ident => $field:ident;)*) => {
        impl<A> Rule<A> {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, asked: impl Into<AnyOf<SetName>>) -> Self {
                let sets = self.criteria.sets.get_or_insert_default();
                sets.$field = asked.into();
                if sets.is_any() {
                    self.criteria.sets = None;
                }
                self
            }
        )*}
    };
}

set_setters! {
    /// Asks for source addresses in [named sets](super::set) of prefixes.
    from_set => src;
    /// Asks for destination addresses in named sets of prefixes.
    to_set => dst;
    /// Asks for source ports in named sets of ports.
    from_port_set => src_port;
    /// Asks for destination ports in named sets of ports.
    to_port_set => dst_port;
    /// Asks for pairs of source address and port in named sets of pairs.
    from_endpoint_set => src_endpoint;
    /// Asks for pairs of destination address and port in named sets of pairs.
    to_endpoint_set => dst_endpoint;
    /// Asks for interfaces that packets come in by, in named sets of interfaces.
    in_interface_set => in_interface;
    /// Asks for interfaces that packets leave by, in named sets of interfaces.
    out_interface_set => out_interface;
}
