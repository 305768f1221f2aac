//! How often each rule is hit, when last, and by how many bytes.
//!
//! A thread counts in [`HitCounters`] of its own, which takes a nanosecond or two a packet and no
//! lock; whoever wants to know [adds](HitCounters::add) those of all threads together. When rules
//! are replaced, those that are still there [keep](HitCounters::carried_over) what they have.
//! [`HitReport`] prints all of it, and says which rules nothing hits. Rules of a
//! [`LiveMatcher`](crate::update::LiveMatcher) are counted by their keys, in [`LiveCounters`].
//!
//! # Examples
//!
//! ```
//! use portcullis::hits::HitCounters;
//! use portcullis::{Config, Packet, RuleSet, StatelessMatcher, Time};
//!
//! let rules: RuleSet = "accept udp to any port 53\naccept udp to any port 123".parse()?;
//! let matcher = StatelessMatcher::compile(&rules, &Config::new())?;
//! let mut counters = HitCounters::new(&rules);
//!
//! let mut packet = Packet::udp("10.0.0.1:4000".parse()?, "192.0.2.1:53".parse()?)?;
//! packet.length = 60;
//! for seconds in 0..3 {
//!     let decision = matcher.classify(&packet);
//!     counters.count(&decision, &packet, Time::from_secs(seconds));
//! }
//! let dns = matcher.classify(&packet).rule.unwrap();
//! let hits = counters.hits(dns).unwrap();
//! assert_eq!((hits.packets, hits.bytes, hits.last), (3, 180, Some(Time::from_secs(2))));
//! assert_eq!(counters.unused().next().unwrap().to_string(), "rule 2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod count;
mod counters;
mod identity;
mod live;
mod report;

pub use count::Hits;
pub use counters::HitCounters;
pub use live::LiveCounters;
pub use report::HitReport;
