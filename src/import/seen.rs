use super::hook::Hook;
use crate::rule::{AnyOf, Criteria, Span};

/// What chains at one place see of packets otherwise than they came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Whether it is known yet by which interface they leave.
    out_interface: bool,
    /// By how much their time to live has been counted down. Linux does so before FORWARD:
    /// `net/ipv4/ip_forward.c`, `net/ipv6/ip6_output.c`.
    hops: u8,
}

impl Seen {
    /// At a place that packets come to before they are routed, or after it.
    pub(super) fn at(routed: bool, hook: Hook) -> Self {
        Self { out_interface: routed, hops: u8::from(routed && hook == Hook::Forward) }
    }

    /// What is asked here, of packets as they came; `None` if none can match.
    pub(super) fn came(self, criteria: &Criteria) -> Option<Criteria> {
        let mut came = criteria.clone();
        if !self.out_interface && !came.out_interface.is_any() {
            if !came.out_interface.is_negated() {
                return None;
            }
            came.out_interface = AnyOf::any();
        }
        if self.hops > 0 && !came.ttl.is_any() {
            let later = |span: &Span<u8>| {
                let first = span.first().checked_add(self.hops)?;
                Span::new(first, span.last().saturating_add(self.hops))
            };
            let spans = came.ttl.items().iter().filter_map(later);
            came.ttl = match came.ttl.is_negated() {
                true => AnyOf::none_of(spans),
                false => AnyOf::one_of(spans),
            };
        }
        Some(came)
    }
}
