//! Rule sets that change while packets flow: [`LiveMatcher`] takes single rules in and out,
//! [`Snapshot`] is what packets are judged by, and, with the feature `std`, a [`Reader`] always has the
//! newest one.
//!
//! # How it works
//!
//! A compiled rule set is the *base*. What has changed since it was compiled lies beside it, chain by
//! chain: an *overlay* of the rules that were inserted, and a note of those that were removed. A packet
//! that no inserted rule matches is decided by the base alone, as if nothing had changed. For one that an
//! inserted rule matches, whichever rule comes first counts. One that a removed rule would decide is
//! looked up in a second compiled form, which keeps the rules that others hide, until a rule is found
//! that is still there. Inserted rules that stay are compiled by themselves, 64 more at a time, and when
//! a tenth of the rules has changed, all of it is folded into a new base, on whatever thread the caller
//! likes ([`LiveMatcher::start_rebuild`]).
//!
//! Nothing that a reader can see is ever changed. [`LiveMatcher::publish`] makes a new snapshot, which
//! shares with the one before it all that is the same; everything that was changed between two calls
//! of it is seen at once.
//!
//! # Examples
//!
//! ```
//! use portcullis::update::{LiveMatcher, Position};
//! use portcullis::{Action, ChainId, Config, Packet, Rule, RuleSet};
//!
//! let rules: RuleSet = "drop tcp to any port 25\naccept tcp".parse()?;
//! let mut live = LiveMatcher::new(&rules, &Config::new())?;
//! let mail = Packet::tcp("10.0.0.1:4000".parse()?, "192.0.2.1:25".parse()?, Default::default())?;
//!
//! let before = live.publish();
//! let first = live.key_at(ChainId::BASE, 0).unwrap();
//! let ours: ipnet::IpNet = "192.0.2.0/24".parse()?;
//! let added = live.insert(Position::Before(first), Rule::accept().tcp().to(ours))?;
//! live.remove(first)?;
//!
//! // Nothing has changed for whoever holds the old snapshot.
//! assert_eq!(*before.classify(&mail).action, Action::Drop);
//! let after = live.publish();
//! assert_eq!(*after.classify(&mail).action, Action::Accept);
//! assert_eq!(after.classify(&mail).rule, Some(added));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Without the standard library
//!
//! [`LiveMatcher::publish`] returns the snapshot, and how it reaches the readers is the caller's
//! choice: a mailbox for each core that it looks into between two batches, say, or an [`Arc`] behind a
//! spin lock that is held only to clone it. A snapshot stays right for as long as somebody holds it.
//!
//! [`Arc`]: alloc::sync::Arc
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod block;
mod delta;
mod error;
mod jumps;
mod key;
mod live;
mod ordinal;
mod outline;
mod place;
mod probe;
#[cfg(feature = "std")]
mod reader;
mod rebuild;
mod slots;
mod snapshot;
mod tier;

pub use error::UpdateError;
pub use key::{Position, RuleKey};
pub use live::LiveMatcher;
#[cfg(feature = "std")]
pub use reader::Reader;
pub use rebuild::{Rebuild, Rebuilt};
pub use snapshot::Snapshot;
