use core::fmt;

/// The action type used unless the caller brings one of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Action {
    /// Let the packet pass.
    Accept,
    /// Discard it silently.
    #[default]
    Drop,
    /// Discard it and tell the sender.
    Reject(Reject),
}

/// Every action. An image names an action by its place here: new ones go to the end.
pub(crate) static ACTIONS: [Action; 12] = [
    Action::Accept,
    Action::Drop,
    Action::Reject(Reject::PortUnreachable),
    Action::Reject(Reject::NetUnreachable),
    Action::Reject(Reject::HostUnreachable),
    Action::Reject(Reject::ProtocolUnreachable),
    Action::Reject(Reject::NetProhibited),
    Action::Reject(Reject::HostProhibited),
    Action::Reject(Reject::AdminProhibited),
    Action::Reject(Reject::PolicyFail),
    Action::Reject(Reject::RejectRoute),
    Action::Reject(Reject::TcpReset),
];

/// How a rejected packet's sender is told.
///
/// # Source
///
/// RFC 792 and RFC 4443 (destination unreachable and its codes); Linux `xt_REJECT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Reject {
    /// ICMP or ICMPv6: port unreachable.
    #[default]
    PortUnreachable,
    /// ICMP: network unreachable. ICMPv6: no route to destination.
    NetUnreachable,
    /// ICMP: host unreachable. ICMPv6: address unreachable.
    HostUnreachable,
    /// ICMP: protocol unreachable.
    ProtocolUnreachable,
    /// ICMP: network administratively prohibited.
    NetProhibited,
    /// ICMP: host administratively prohibited.
    HostProhibited,
    /// ICMP or ICMPv6: communication administratively prohibited.
    AdminProhibited,
    /// ICMPv6: source address failed ingress or egress policy.
    PolicyFail,
    /// ICMPv6: reject route to destination.
    RejectRoute,
    /// A TCP segment with RST.
    TcpReset,
}

impl Reject {
    /// Each kind with the name used by the text form of rules.
    pub const NAMES: [(&'static str, Self); 10] = [
        ("port-unreachable", Self::PortUnreachable),
        ("net-unreachable", Self::NetUnreachable),
        ("host-unreachable", Self::HostUnreachable),
        ("protocol-unreachable", Self::ProtocolUnreachable),
        ("net-prohibited", Self::NetProhibited),
        ("host-prohibited", Self::HostProhibited),
        ("admin-prohibited", Self::AdminProhibited),
        ("policy-fail", Self::PolicyFail),
        ("reject-route", Self::RejectRoute),
        ("tcp-reset", Self::TcpReset),
    ];

    /// The name used by the text form of rules.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|entry| entry.1 == self).map_or("", |entry| entry.0)
    }
}

/// Prints the text form: `accept`, `drop`, `reject` or `reject with tcp-reset`.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.pad("accept"),
            Self::Drop => f.pad("drop"),
            Self::Reject(Reject::PortUnreachable) => f.pad("reject"),
            Self::Reject(kind) => write!(f, "reject with {}", kind.name()),
        }
    }
}
