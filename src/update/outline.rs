use super::ordinal::Ordinal;
use crate::packet::{Addrs, Packet};
use crate::rule::{AnyOf, Criteria, IpRange, PortRange};

/// What decides about most rules once the tables have let them pass, in one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outline {
    pub(super) ordinal: Ordinal,
    /// Whether the tables, which know every byte of an IPv4 address, and these ports say all.
    complete: bool,
    src_port: Option<PortRange>,
    dst_port: Option<PortRange>,
}

impl Outline {
    /// Of no rule.
    pub(super) const NONE: Self =
        Self { ordinal: Ordinal::LAST, complete: false, src_port: None, dst_port: None };

    pub(super) fn new(ordinal: Ordinal, criteria: &Criteria) -> Self {
        let (src_port, dst_port) = (single(&criteria.src_port), single(&criteria.dst_port));
        let protocol = &criteria.protocol;
        let complete = criteria.is_of_flow()
            && is_prefix(&criteria.src)
            && is_prefix(&criteria.dst)
            && (protocol.is_any() || single(protocol).is_some())
            && (criteria.src_port.is_any() || src_port.is_some())
            && (criteria.dst_port.is_any() || dst_port.is_some());
        Self { ordinal, complete, src_port, dst_port }
    }

    /// Whether the rule matches a packet that the tables let pass; `None` if that takes all of its
    /// criteria.
    #[inline]
    pub(super) fn holds(&self, packet: &Packet) -> Option<bool> {
        let known = self.complete && matches!(packet.addrs, Addrs::V4 { .. });
        let within = |range: &PortRange, port: Option<u16>| {
            port.is_some_and(|port| (range.first()..=range.last()).contains(&port))
        };
        let ports = packet.ports;
        known.then(|| {
            self.src_port.as_ref().is_none_or(|range| within(range, ports.map(|ports| ports.src)))
                && self
                    .dst_port
                    .as_ref()
                    .is_none_or(|range| within(range, ports.map(|ports| ports.dst)))
        })
    }
}

/// The one alternative, if that is all that is asked.
fn single<T: Clone>(asked: &AnyOf<T>) -> Option<T> {
    match asked.items() {
        [item] if !asked.is_any() && !asked.is_negated() => Some(item.clone()),
        _ => None,
    }
}

/// Whether the addresses are all, or those of one prefix: each byte on its own tells.
fn is_prefix(asked: &AnyOf<IpRange>) -> bool {
    asked.is_any() || single(asked).is_some_and(|range| range.prefix().is_some())
}
