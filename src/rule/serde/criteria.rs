use alloc::boxed::Box;

use ::serde::ser::SerializeMap;
use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::packet::{ConnFlag, ConnState, Direction, Family, Fragment, Malformed, Protocol};
use crate::rule::{
    AnyOf, Criteria, FlagsMatch, IcmpKind, InterfaceName, IpRange, Masked, OriginalCriteria,
    PortRange, SetCriteria, SetName, Span,
};

/// Only fields that ask something are written, and those that are missing ask nothing.
macro_rules! fields {
    ($criteria:ident { $($option:ident: $value:ty,)* } { $($field:ident: $item:ty,)* }) => {
        impl Serialize for $criteria {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // Names every field: one that is added to criteria has to be added here.
                let Self { $($option,)* $($field,)* } = self;
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(value) = $option {
                    map.serialize_entry(stringify!($option), value)?;
                })*
                $(if !$field.is_any() {
                    map.serialize_entry(stringify!($field), $field)?;
                })*
                map.end()
            }
        }

        impl<'de> Deserialize<'de> for $criteria {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(Default, Deserialize)]
                #[serde(default, deny_unknown_fields)]
                struct Fields {
                    $($option: Option<$value>,)*
                    $($field: AnyOf<$item>,)*
                }

                let Fields { $($option,)* $($field,)* } = Fields::deserialize(deserializer)?;
                Ok(Self { $($option,)* $($field,)* })
            }
        }
    };
}

fields! {
    Criteria {
        family: Family,
        original: Box<OriginalCriteria>,
        sets: Box<SetCriteria>,
    } {
        src: IpRange,
        dst: IpRange,
        protocol: Protocol,
        src_port: PortRange,
        dst_port: PortRange,
        icmp: IcmpKind,
        icmpv6: IcmpKind,
        tcp_flags: FlagsMatch,
        fragment: Fragment,
        malformed: Malformed,
        cut_src_port: PortRange,
        cut_dst_port: PortRange,
        in_interface: InterfaceName,
        out_interface: InterfaceName,
        zone: Span<u16>,
        state: ConnState,
        direction: Direction,
        status: ConnFlag,
        dscp: Span<u8>,
        ttl: Span<u8>,
        length: Span<u32>,
        mark: Masked,
        vlan: Span<u16>,
        predicate: u8,
    }
}

fields! {
    OriginalCriteria {} {
        src: IpRange,
        dst: IpRange,
        protocol: Protocol,
        src_port: PortRange,
        dst_port: PortRange,
    }
}

fields! {
    SetCriteria {} {
        src: SetName,
        dst: SetName,
        src_port: SetName,
        dst_port: SetName,
        src_endpoint: SetName,
        dst_endpoint: SetName,
        in_interface: SetName,
        out_interface: SetName,
    }
}
