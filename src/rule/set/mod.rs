//! Named sets: prefixes, ports, pairs of an address and a port, or interfaces, that rules name and
//! whose contents change without compiling anything.
//!
//! A set is declared with its rule set and keeps its kind. Rules ask whether a field of the packet is
//! in one of some sets; the same set may be asked for by many rules. A compiled matcher looks into the
//! sets as they are when the packet comes.
//!
//! A copy of a set shares with the original all that neither of them has changed since, so that a
//! changed copy of a large one is soon made and handed to those who judge packets.
//!
//! # Examples
//!
//! ```
//! use portcullis::rule::set::PrefixSet;
//! use portcullis::{Action, Config, FlowKey, Protocol, RuleSet, StatelessMatcher};
//!
//! let rules: RuleSet = "
//!     set blocked prefixes 198.51.100.0/24
//!     set web ports 80, 443
//!     drop from-set blocked
//!     accept tcp to-port-set web
//! ".parse()?;
//! let mut matcher = StatelessMatcher::compile(&rules, &Config::new())?;
//! let key = FlowKey::new(Protocol::TCP, "203.0.113.9:4000".parse()?, "192.0.2.1:443".parse()?)?;
//! assert_eq!(*matcher.classify_key(&key).action, Action::Accept);
//!
//! matcher.change_set("blocked", |blocked: &mut PrefixSet| {
//!     blocked.insert("203.0.113.0/24".parse().unwrap())
//! })?;
//! assert_eq!(*matcher.classify_key(&key).action, Action::Drop);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod asked;
mod edge;
mod endpoints;
mod error;
mod interfaces;
mod kind;
mod ports;
mod prefixes;
mod sets;
mod slots;

pub(crate) use asked::{Part, Values};
pub use asked::{SetCriteria, SetName};
pub use endpoints::EndpointSet;
pub use error::SetError;
pub use interfaces::InterfaceSet;
pub use kind::{Contents, Set, SetKind};
pub use ports::PortSet;
pub use prefixes::PrefixSet;
pub use sets::Sets;
