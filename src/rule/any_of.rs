use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::RangeInclusive;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use smallvec::SmallVec;

use super::{FlagsMatch, IcmpKind, InterfaceName, IpRange, Item, Masked, PortRange, Span};
use crate::packet::{ConnFlag, ConnState, Direction, Fragment, Malformed, Protocol};

/// What a rule asks of one field: nothing, one of several alternatives, or none of them.
///
/// A packet that does not have the field (no ports, say) is matched only by asking nothing:
/// neither the alternatives nor their negation hold of what is not there.
///
/// # Examples
///
/// ```
/// use portcullis::rule::{AnyOf, PortRange, not};
///
/// let web = AnyOf::<PortRange>::from([80, 443]);
/// assert!(web.holds(Some(443)) && !web.holds(Some(22)) && !web.holds(None));
/// let other = not(web);
/// assert!(other.holds(Some(22)) && !other.holds(Some(443)) && !other.holds(None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyOf<T> {
    items: SmallVec<[T; 1]>,
    test: Test,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Any,
    OneOf,
    NoneOf,
}

/// The opposite of a criterion: none of its alternatives. What asks nothing becomes what nothing
/// satisfies.
pub fn not<T>(criterion: impl Into<AnyOf<T>>) -> AnyOf<T> {
    let criterion = criterion.into();
    let test = match criterion.test {
        Test::NoneOf => Test::OneOf,
        Test::OneOf => Test::NoneOf,
        Test::Any => Test::OneOf,
    };
    AnyOf { test, ..criterion }
}

impl<T> AnyOf<T> {
    /// Asks nothing: holds of every packet.
    pub fn any() -> Self {
        Self { items: SmallVec::new(), test: Test::Any }
    }

    /// One of `items`. An empty list holds of no packet, its negation of every packet that has the
    /// field.
    pub fn one_of(items: impl IntoIterator<Item = T>) -> Self {
        Self { items: items.into_iter().collect(), test: Test::OneOf }
    }

    /// None of `items`.
    pub fn none_of(items: impl IntoIterator<Item = T>) -> Self {
        Self { items: items.into_iter().collect(), test: Test::NoneOf }
    }

    /// Whether it asks nothing.
    pub fn is_any(&self) -> bool {
        self.test == Test::Any
    }

    /// Whether it asks for none of its alternatives.
    pub fn is_negated(&self) -> bool {
        self.test == Test::NoneOf
    }

    /// The alternatives.
    pub fn items(&self) -> &[T] {
        &self.items
    }
}

impl<T: Item> AnyOf<T> {
    /// Whether it holds of a packet whose field has this value, or no value.
    pub fn holds(&self, value: Option<T::Value>) -> bool {
        let is_one = |value| self.items.iter().any(|item| item.matches(value));
        self.is_any() || value.is_some_and(|value| is_one(value) != self.is_negated())
    }
}

impl<T> Default for AnyOf<T> {
    fn default() -> Self {
        Self::any()
    }
}

impl<T, U: Into<T>, const N: usize> From<[U; N]> for AnyOf<T> {
    fn from(items: [U; N]) -> Self {
        Self::one_of(items.into_iter().map(Into::into))
    }
}

impl<T, U: Into<T>> From<Vec<U>> for AnyOf<T> {
    fn from(items: Vec<U>) -> Self {
        Self::one_of(items.into_iter().map(Into::into))
    }
}

impl<T: Clone> From<&[T]> for AnyOf<T> {
    fn from(items: &[T]) -> Self {
        Self::one_of(items.iter().cloned())
    }
}

/// One alternative on its own, `Into` the item it stands for.
macro_rules! from_one {
    ($($item:ty: $($one:ty),*;)*) => {$($(
        impl From<$one> for AnyOf<$item> {
            fn from(item: $one) -> Self {
                Self::one_of([item.into()])
            }
        }
    )*)*};
}

from_one! {
    IpRange: IpRange, IpNet, Ipv4Net, Ipv6Net, IpAddr, Ipv4Addr, Ipv6Addr;
    PortRange: PortRange, u16, RangeInclusive<u16>;
    Span<u8>: Span<u8>, u8, RangeInclusive<u8>;
    Span<u32>: Span<u32>, u32, RangeInclusive<u32>;
    Masked: Masked, u32;
    FlagsMatch: FlagsMatch;
    IcmpKind: IcmpKind, u8;
    Protocol: Protocol;
    ConnState: ConnState;
    ConnFlag: ConnFlag;
    Direction: Direction;
    Fragment: Fragment;
    Malformed: Malformed;
    InterfaceName: InterfaceName, &str;
    u8: u8;
}

/// Anything wrong (`true`) or nothing wrong (`false`).
impl From<bool> for AnyOf<Malformed> {
    fn from(malformed: bool) -> Self {
        match malformed {
            true => Self::one_of(Malformed::ALL),
            false => Self::none_of(Malformed::ALL),
        }
    }
}
