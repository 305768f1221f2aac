use alloc::boxed::Box;
use core::fmt;

use super::{Set, SetKind, Sets};
use crate::packet::{Addrs, FlowKey, InterfaceId, Packet, Ports};
use crate::rule::{AnyOf, Interfaces};

/// The name of a set, as rules say it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetName(Box<str>);

impl SetName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SetName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl core::borrow::Borrow<str> for SetName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for AnyOf<SetName> {
    fn from(name: &str) -> Self {
        Self::one_of([name.into()])
    }
}

/// In which named sets a packet's fields must be: in one of those that are named, or in none of them.
///
/// A packet without ports is in no set of ports or of pairs, and not outside of one either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetCriteria {
    /// Source address, sets of prefixes.
    pub src: AnyOf<SetName>,
    /// Destination address, sets of prefixes.
    pub dst: AnyOf<SetName>,
    /// Source port, sets of ports.
    pub src_port: AnyOf<SetName>,
    /// Destination port, sets of ports.
    pub dst_port: AnyOf<SetName>,
    /// Source address and port, sets of such pairs.
    pub src_endpoint: AnyOf<SetName>,
    /// Destination address and port, sets of such pairs.
    pub dst_endpoint: AnyOf<SetName>,
    /// The interface that the packet came in by, sets of interfaces.
    pub in_interface: AnyOf<SetName>,
    /// The interface that it will leave by, sets of interfaces.
    pub out_interface: AnyOf<SetName>,
}

impl SetCriteria {
    /// Whether it asks nothing.
    pub fn is_any(&self) -> bool {
        self.parts().all(|(_, asked)| asked.is_any())
    }

    /// What is asked of each part of a packet.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Part, &AnyOf<SetName>)> {
        // Names every field: one that is added has to be added here.
        let Self {
            src,
            dst,
            src_port,
            dst_port,
            src_endpoint,
            dst_endpoint,
            in_interface,
            out_interface,
        } = self;
        let asked =
            [src, dst, src_port, dst_port, src_endpoint, dst_endpoint, in_interface, out_interface];
        Part::ALL.into_iter().zip(asked)
    }

    /// What is asked of one part, to be set.
    pub(crate) fn part_mut(&mut self, part: Part) -> &mut AnyOf<SetName> {
        match part {
            Part::Src => &mut self.src,
            Part::Dst => &mut self.dst,
            Part::SrcPort => &mut self.src_port,
            Part::DstPort => &mut self.dst_port,
            Part::SrcEndpoint => &mut self.src_endpoint,
            Part::DstEndpoint => &mut self.dst_endpoint,
            Part::In => &mut self.in_interface,
            Part::Out => &mut self.out_interface,
        }
    }

    /// The linear definition: whether all of it holds of a packet.
    pub(crate) fn hold(&self, packet: &Packet, sets: &Sets, interfaces: &Interfaces) -> bool {
        let values = Values::Packet(packet);
        self.parts().filter(|(_, asked)| !asked.is_any()).all(|(part, asked)| {
            let within = |name: &SetName| {
                let set = sets.named(name.as_str());
                set.is_some_and(|set| values.are_in(part, set, interfaces))
            };
            values.have(part) && asked.items().iter().any(within) != asked.is_negated()
        })
    }
}

/// A part of a packet that may be in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Src,
    Dst,
    SrcPort,
    DstPort,
    SrcEndpoint,
    DstEndpoint,
    In,
    Out,
}

impl Part {
    pub(crate) const ALL: [Self; 8] = [
        Self::Src,
        Self::Dst,
        Self::SrcPort,
        Self::DstPort,
        Self::SrcEndpoint,
        Self::DstEndpoint,
        Self::In,
        Self::Out,
    ];

    /// The kind of sets that it may be in.
    pub(crate) const fn kind(self) -> SetKind {
        match self {
            Self::Src | Self::Dst => SetKind::Prefixes,
            Self::SrcPort | Self::DstPort => SetKind::Ports,
            Self::SrcEndpoint | Self::DstEndpoint => SetKind::Endpoints,
            Self::In | Self::Out => SetKind::Interfaces,
        }
    }

    /// The word that begins a criterion in the text form.
    pub(crate) const fn keyword(self) -> &'static str {
        match self {
            Self::Src => "from-set",
            Self::Dst => "to-set",
            Self::SrcPort => "from-port-set",
            Self::DstPort => "to-port-set",
            Self::SrcEndpoint => "from-endpoint-set",
            Self::DstEndpoint => "to-endpoint-set",
            Self::In => "in-set",
            Self::Out => "out-set",
        }
    }
}

/// What has the parts that may be in sets: a packet, or a flow key alone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Values<'p> {
    Packet(&'p Packet),
    Key(&'p FlowKey),
}

impl Values<'_> {
    /// Whether the packet has a part; an interface may be none and is then in no set.
    #[inline]
    pub(crate) fn have(self, part: Part) -> bool {
        let of_ports = matches!(part.kind(), SetKind::Ports | SetKind::Endpoints);
        !of_ports || self.ports().is_some()
    }

    /// Whether a part is in a set.
    pub(crate) fn are_in(self, part: Part, set: &Set, interfaces: &Interfaces) -> bool {
        match part.kind() {
            SetKind::Interfaces => {
                self.interface_of(part).is_some_and(|id| set.has_interface(id, interfaces))
            }
            _ => self.are_within(part, set),
        }
    }

    /// The same for all parts but interfaces.
    #[inline]
    pub(crate) fn are_within(self, part: Part, set: &Set) -> bool {
        let addrs = self.addrs();
        let ports = self.ports().unwrap_or(Ports { src: 0, dst: 0 });
        let is_within = match (part, set) {
            (Part::Src, Set::Prefixes(set)) => match addrs {
                Addrs::V4 { src, .. } => set.contains_v4(src.to_bits()),
                Addrs::V6 { src, .. } => set.contains_v6(src.to_bits()),
            },
            (Part::Dst, Set::Prefixes(set)) => match addrs {
                Addrs::V4 { dst, .. } => set.contains_v4(dst.to_bits()),
                Addrs::V6 { dst, .. } => set.contains_v6(dst.to_bits()),
            },
            (Part::SrcPort, Set::Ports(set)) => set.contains(ports.src),
            (Part::DstPort, Set::Ports(set)) => set.contains(ports.dst),
            (Part::SrcEndpoint, Set::Endpoints(set)) => set.contains(addrs.src(), ports.src),
            (Part::DstEndpoint, Set::Endpoints(set)) => set.contains(addrs.dst(), ports.dst),
            _ => false,
        };
        is_within & self.have(part)
    }

    /// The interface that a part is, if it is one.
    #[inline]
    pub(crate) fn interface_of(self, part: Part) -> Option<InterfaceId> {
        match (part, self) {
            (Part::In, Self::Packet(packet)) => packet.in_interface,
            (Part::Out, Self::Packet(packet)) => packet.out_interface,
            _ => None,
        }
    }

    fn addrs(self) -> Addrs {
        match self {
            Self::Packet(packet) => packet.addrs,
            Self::Key(key) => key.addrs,
        }
    }

    fn ports(self) -> Option<Ports> {
        match self {
            Self::Packet(packet) => packet.ports,
            Self::Key(key) => Some(Ports { src: key.src_port, dst: key.dst_port }),
        }
    }
}
