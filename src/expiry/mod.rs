//! Rules for a time: [`Deadlines`] says until when each is in force, by the caller's clock.
//!
//! Nothing happens by itself. When the [next deadline](Deadlines::next) has come, the caller takes
//! what has expired out: of a [`RuleSet`](crate::RuleSet) that it compiles anew
//! ([`Deadlines::in_force`]), or of a [`LiveMatcher`](crate::update::LiveMatcher), for which
//! [`ExpiringMatcher`] does it. Whoever still judges packets by older rules puts each decision to
//! [`Deadlines::check`], which fails closed: no packet is accepted that the rules in force would not
//! accept.
//!
//! # Examples
//!
//! ```
//! use portcullis::expiry::Deadlines;
//! use portcullis::packet::TcpFlags;
//! use portcullis::{Action, Config, Packet, RuleSet, StatelessMatcher, Time};
//!
//! let rules: RuleSet = "accept tcp to any port 22\naccept tcp to any port 443".parse()?;
//! let ssh = Packet::tcp("10.0.0.1:4000".parse()?, "192.0.2.1:22".parse()?, TcpFlags::SYN)?;
//! let first = rules.first_match(&ssh, None).rule.unwrap();
//! let mut deadlines = Deadlines::new();
//! deadlines.set(first, rules.rule(first).unwrap(), Time::from_secs(3600));
//! let matcher = StatelessMatcher::compile(&rules, &Config::new())?;
//!
//! let judge = |seconds| {
//!     let decision = matcher.classify(&ssh);
//!     *deadlines.check(decision, &Action::Drop, Time::from_secs(seconds)).action
//! };
//! assert_eq!((judge(3599), judge(3600)), (Action::Accept, Action::Drop));
//! assert_eq!(deadlines.next(), Some(Time::from_secs(3600)));
//!
//! let (rules, deadlines) = deadlines.in_force(&rules, Time::from_secs(3600));
//! assert_eq!((rules.len(), deadlines.next()), (1, None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod deadlines;
mod live;

pub use deadlines::Deadlines;
pub use live::ExpiringMatcher;
