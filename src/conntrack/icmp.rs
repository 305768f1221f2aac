use crate::packet::Family;

/// What an ICMP or ICMPv6 type is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Asks for an answer: may open a connection.
    Query,
    /// Answers the query of this type.
    Answer(u8),
    /// Is about another packet, which it quotes.
    Error,
    /// Sends a host another way than that of the packet that it quotes; believed from a neighbour
    /// only.
    Redirect,
    /// Belongs to the link, such as neighbour discovery: never tracked.
    Link,
    /// Anything else: fits no connection.
    Other,
}

impl Role {
    /// The role of `icmp_type`.
    ///
    /// # Source
    ///
    /// Linux `nf_conntrack_proto_icmp.c` (`nf_conntrack_icmp_packet`,
    /// `nf_conntrack_icmpv4_error`) and `nf_conntrack_proto_icmpv6.c`
    /// (`nf_conntrack_icmpv6_packet`, `nf_conntrack_icmpv6_error`); RFC 792, 950, 4443, 4620, 4861.
    pub(super) const fn of(family: Family, icmp_type: u8) -> Self {
        match (family, icmp_type) {
            (Family::V4, 8 | 13 | 15 | 17) | (Family::V6, 128 | 139) => Self::Query,
            (Family::V4, 0) => Self::Answer(8),
            (Family::V4, 14 | 16 | 18) | (Family::V6, 129 | 140) => Self::Answer(icmp_type - 1),
            (Family::V4, 3 | 4 | 5 | 11 | 12) | (Family::V6, 0..=127) => Self::Error,
            (Family::V6, 137) => Self::Redirect,
            (Family::V6, 130..=136 | 143 | 151 | 152) => Self::Link,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_answers_a_query() {
        for family in [Family::V4, Family::V6] {
            for icmp_type in 0..=u8::MAX {
                if let Role::Answer(query) = Role::of(family, icmp_type) {
                    assert_eq!(Role::of(family, query), Role::Query, "{family} {icmp_type}");
                }
            }
        }
    }
}
