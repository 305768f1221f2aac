use core::fmt;

use super::{EndpointSet, InterfaceSet, PortSet, PrefixSet};
use crate::packet::InterfaceId;
use crate::rule::{InterfaceName, Interfaces};

/// What kind of elements a set has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SetKind {
    /// Prefixes of addresses.
    Prefixes,
    /// Ports.
    Ports,
    /// Pairs of an address and a port.
    Endpoints,
    /// Interfaces, by name.
    Interfaces,
}

impl SetKind {
    pub(crate) const ALL: [Self; 4] =
        [Self::Prefixes, Self::Ports, Self::Endpoints, Self::Interfaces];

    /// The word for it in the text form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prefixes => "prefixes",
            Self::Ports => "ports",
            Self::Endpoints => "endpoints",
            Self::Interfaces => "interfaces",
        }
    }
}

/// Prints [`SetKind::name`].
impl fmt::Display for SetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Set {
    /// Of prefixes.
    Prefixes(PrefixSet),
    /// Of ports.
    Ports(PortSet),
    /// Of pairs of an address and a port.
    Endpoints(EndpointSet),
    /// Of interfaces.
    Interfaces(InterfaceSet),
}

impl Set {
    /// An empty set.
    pub fn new(kind: SetKind) -> Self {
        match kind {
            SetKind::Prefixes => Self::Prefixes(PrefixSet::new()),
            SetKind::Ports => Self::Ports(PortSet::new()),
            SetKind::Endpoints => Self::Endpoints(EndpointSet::new()),
            SetKind::Interfaces => Self::Interfaces(InterfaceSet::new()),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> SetKind {
        match self {
            Self::Prefixes(_) => SetKind::Prefixes,
            Self::Ports(_) => SetKind::Ports,
            Self::Endpoints(_) => SetKind::Endpoints,
            Self::Interfaces(_) => SetKind::Interfaces,
        }
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Prefixes(set) => set.len(),
            Self::Ports(set) => set.len(),
            Self::Endpoints(set) => set.len(),
            Self::Interfaces(set) => set.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is of interfaces and has the one, or each of those, that a number stands for.
    pub(crate) fn has_interface(&self, id: InterfaceId, interfaces: &Interfaces) -> bool {
        matches!(self, Self::Interfaces(set) if set.holds_numbered(id, interfaces))
    }

    /// The names of the interfaces in it.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &InterfaceName> {
        let set = match self {
            Self::Interfaces(set) => Some(set),
            _ => None,
        };
        set.into_iter().flat_map(InterfaceSet::iter)
    }
}

/// The types of sets: what a [`Set`] may hold.
///
/// Sealed: they are those of this module.
pub trait Contents: sealed::Sealed + Sized {
    /// The kind that sets of this type are of.
    const KIND: SetKind;

    /// The set, if it is of this type.
    fn of(set: &Set) -> Option<&Self>;

    /// The set, to be changed, if it is of this type.
    fn of_mut(set: &mut Set) -> Option<&mut Self>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! contents {
    ($($contents:ident: $kind:ident;)*) => {$(
        impl sealed::Sealed for $contents {}

        impl Contents for $contents {
            const KIND: SetKind = SetKind::$kind;

            fn of(set: &Set) -> Option<&Self> {
                match set {
                    Set::$kind(contents) => Some(contents),
                    _ => None,
                }
            }

            fn of_mut(set: &mut Set) -> Option<&mut Self> {
                match set {
                    Set::$kind(contents) => Some(contents),
                    _ => None,
                }
            }
        }

        impl From<$contents> for Set {
            fn from(contents: $contents) -> Self {
                Self::$kind(contents)
            }
        }
    )*};
}

contents! {
    PrefixSet: Prefixes;
    PortSet: Ports;
    EndpointSet: Endpoints;
    InterfaceSet: Interfaces;
}
