use alloc::string::{String, ToString};
use core::fmt;

use super::explain::Subject;
use crate::packet::{IcmpMessage, InterfaceId, Packet, Protocol, TcpSegment};
use crate::rule::set::{Part, Values};
use crate::rule::{Criteria, RuleSet};

/// The fields that criteria ask for, each once, in the order in which the definition looks at them.
macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident: $name:ident, $words:literal;)*) => {
        /// A field of a packet, as criteria name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(::serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
        #[non_exhaustive]
        pub enum Field {
            $($(#[$doc])* $variant,)*
        }

        impl Field {
            /// Every field, in the order in which criteria look at them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The words for it in explanations: `destination port`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $words,)*
                }
            }

            /// What `criteria` ask of this field alone.
            pub(super) fn only(self, criteria: &Criteria) -> Criteria {
                // Names every field: one that is added to criteria has to be added here.
                let Criteria { $($name: _),* } = criteria;
                let mut only = Criteria::default();
                match self {
                    $(Self::$variant => only.$name.clone_from(&criteria.$name),)*
                }
                only
            }
        }
    };
}

fields! {
    /// The IP version.
    Family: family, "IP version";
    /// The source address.
    Src: src, "source address";
    /// The destination address.
    Dst: dst, "destination address";
    /// The protocol.
    Protocol: protocol, "protocol";
    /// The source port.
    SrcPort: src_port, "source port";
    /// The destination port.
    DstPort: dst_port, "destination port";
    /// The ICMP type and code.
    Icmp: icmp, "ICMP type and code";
    /// The ICMPv6 type and code.
    Icmpv6: icmpv6, "ICMPv6 type and code";
    /// The TCP flags.
    TcpFlags: tcp_flags, "TCP flags";
    /// Whole packet, first or later fragment.
    Fragment: fragment, "fragment";
    /// What is wrong with the headers.
    Malformed: malformed, "malformed";
    /// The source port of a transport header cut short behind its ports.
    CutSrcPort: cut_src_port, "source port of a cut header";
    /// The destination port of such a header.
    CutDstPort: cut_dst_port, "destination port of a cut header";
    /// The interface that the packet came in by.
    InInterface: in_interface, "input interface";
    /// The interface that it leaves by.
    OutInterface: out_interface, "output interface";
    /// The zone of connections.
    Zone: zone, "zone";
    /// The connection state.
    State: state, "connection state";
    /// The direction within the connection.
    Direction: direction, "direction";
    /// The flags of the connection.
    Status: status, "connection flags";
    /// The flow key of the connection's original direction.
    Original: original, "original direction";
    /// The differentiated services code point.
    Dscp: dscp, "code point (DSCP)";
    /// The time to live or hop limit.
    Ttl: ttl, "time to live";
    /// The length of the IP packet.
    Length: length, "length";
    /// The mark, as the rules before have left it.
    Mark: mark, "mark";
    /// The VLAN id.
    Vlan: vlan, "VLAN id";
    /// The caller's predicates.
    Predicate: predicate, "predicates";
    /// Named sets.
    Sets: sets, "named sets";
}

impl Field {
    /// What the packet has there, as text; `none` if it does not have the field.
    pub(super) fn found<A>(self, subject: &Subject<'_>, rules: &RuleSet<A>) -> String {
        self.value(subject, rules).unwrap_or_else(|| "none".into())
    }

    fn value<A>(self, subject: &Subject<'_>, rules: &RuleSet<A>) -> Option<String> {
        let packet = subject.packet;
        let interface = |id: Option<InterfaceId>| {
            id.map(|id| {
                rules.interface_name(id).map_or_else(|| "unnamed".into(), ToString::to_string)
            })
        };
        let icmp = |protocol: Protocol| {
            let message = packet.icmp_message().filter(|_| packet.protocol == protocol);
            message.map(|IcmpMessage { icmp_type, code, .. }| alloc::format!("{icmp_type}/{code}"))
        };
        match self {
            Self::Family => Some(packet.addrs.family().to_string()),
            Self::Src => Some(packet.addrs.src().to_string()),
            Self::Dst => Some(packet.addrs.dst().to_string()),
            Self::Protocol => Some(packet.protocol.to_string()),
            Self::SrcPort => packet.ports.map(|ports| ports.src.to_string()),
            Self::DstPort => packet.ports.map(|ports| ports.dst.to_string()),
            Self::Icmp => icmp(Protocol::ICMP),
            Self::Icmpv6 => icmp(Protocol::ICMPV6),
            Self::TcpFlags => {
                packet.tcp_segment().map(|TcpSegment { flags, .. }| flags.to_string())
            }
            Self::Fragment => Some(packet.fragment.to_string()),
            Self::Malformed => {
                Some(packet.malformed.map_or_else(|| "no".into(), |why| why.to_string()))
            }
            Self::CutSrcPort => packet.cut_ports.map(|ports| ports.src.to_string()),
            Self::CutDstPort => packet.cut_ports.map(|ports| ports.dst.to_string()),
            Self::InInterface => interface(packet.in_interface),
            Self::OutInterface => interface(packet.out_interface),
            Self::Zone => Some(packet.zone.to_string()),
            Self::State => subject.tracked.map(|tracked| tracked.state.to_string()),
            Self::Direction => subject.connection()?.direction.map(|way| way.to_string()),
            Self::Status => Some(subject.connection()?.status.to_string()),
            Self::Original => subject.connection()?.original(packet).map(|key| key.to_string()),
            Self::Dscp => Some(packet.dscp.to_string()),
            Self::Ttl => Some(packet.ttl.to_string()),
            Self::Length => Some(packet.length.to_string()),
            Self::Mark => Some(alloc::format!("{:#x}", subject.mark)),
            Self::Vlan => packet.vlan.map(|id| id.to_string()),
            Self::Predicate => Some(alloc::format!("{:#x}", packet.predicates)),
            Self::Sets => Some(within(packet, rules)),
        }
    }
}

/// The sets of the rule set that parts of the packet are in, each with the word for the part.
fn within<A>(packet: &Packet, rules: &RuleSet<A>) -> String {
    let values = Values::Packet(packet);
    let mut words = String::new();
    for (name, set) in rules.sets().iter() {
        for part in Part::ALL {
            if values.are_in(part, set, rules.interfaces()) {
                let separator = if words.is_empty() { "" } else { ", " };
                words.push_str(&alloc::format!("{separator}{} {name}", part.keyword()));
            }
        }
    }
    if words.is_empty() { "none".into() } else { words }
}

/// Prints [`Field::name`].
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
