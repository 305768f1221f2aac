//! Policies as web application firewalls have them, for packets: rules by priority that allow, block or
//! count, labels that later rules ask for, groups of rules whose actions a policy overrides, and rates.
//!
//! A [`Policy`] is built of [`PolicyRule`]s, each a [`Rule`](crate::Rule) with a name and perhaps labels
//! and a [`Rate`], and of [`RuleGroup`]s. Compiled, it is a [`PolicyMatcher`]. What it answers is defined
//! by [`Definition`], which looks at one rule after the other:
//!
//! - Rules are looked at from the lowest priority to the highest; those of a group, by priorities of
//!   their own, at the group's.
//! - A rule matches a packet if its criteria hold, the labels that it asks for are there, those it does
//!   not want are not, and its rate, if it has one, is exceeded.
//! - The first rule that matches and has an action decides, for the whole policy, also from inside a
//!   group. Any other rule that matches is shown ([`PolicyMatcher::walk`]) and adds its labels, which the
//!   rules after it see.
//! - A staged rule is shown, adds no labels, and is reported beside the decision
//!   ([`PolicyMatcher::classify_staged`]); nothing else depends on it.
//! - An override replaces what a rule of a group says. A group whose decision is only counted ends at the
//!   rule that would have decided, and the policy goes on behind the group.
//! - If no rule decides, the policy's default does.
//!
//! # Rates
//!
//! A rule with a rate counts each packet that comes to it and that its criteria and labels hold of, also
//! those above the limit, for the packet's [key](CountedBy). It matches from the packet on that makes the
//! count higher than the limit. Time is cut into slots of a thirtieth of the window, rounded up to
//! nanoseconds and beginning at [`Time::ZERO`](crate::Time::ZERO); what counts are the packets of the slot
//! that the packet is in and of the thirty before it. So no packet of the last window is ever missed, the
//! rule acts at once, and a key is released as soon as it has kept within the limit for a window and at
//! most a thirtieth of it more: for 300 s, 10 s. A clock that goes back stands still.
//!
//! A packet that lacks a part of the key, such as the ports of a later fragment, is not counted, and the
//! rule does not match it.
//!
//! All memory for counts is taken when the policy is compiled, about 210 bytes a key. When as many keys as
//! that have packets that still count, a packet of another key is not counted; [`WhenFull`] says whether
//! the rule then matches it.
//!
//! # Capacity
//!
//! Each rule costs units, and a policy that costs more than [its limit](Policy::capacity_limit), 5,000
//! unless it is set, is refused.
//!
//! | what | units |
//! |---|---|
//! | a rule | 1 |
//! | in each field, for each 16 alternatives begun beyond the first | 1 |
//! | each field that trees do not split: all but family, addresses, ports, protocol, ICMP, interfaces, state | 1 |
//! | each part of the packet that is asked for in named sets, whatever their sizes | 1 |
//! | each set of labels asked for or not wanted | 1 |
//! | each 5 labels begun that it adds | 1 |
//! | a rate | 2 |
//! | each part of its key | 1 |
//! | each 65,536 keys begun beyond the first so many | 1 |
//!
//! # Examples
//!
//! A block list, a limit for each source, and hosting networks that may do anything but log in:
//!
//! ```
//! use core::time::Duration;
//!
//! use portcullis::packet::TcpFlags;
//! use portcullis::policy::{CountedBy, Policy, PolicyRule, Rate};
//! use portcullis::rule::Effect;
//! use portcullis::rule::set::PrefixSet;
//! use portcullis::{Action, Config, Packet, Rule, Time};
//!
//! let mut policy = Policy::new(Action::Accept);
//! policy.add_set("blocked", PrefixSet::from_iter(["198.51.100.0/24".parse()?]));
//! policy.add_set("hosting", PrefixSet::from_iter(["203.0.113.0/24".parse()?]));
//! policy.add_rule(0, PolicyRule::new("block-list", Rule::drop().from_set("blocked")))?;
//! let rate = Rate::new(1000, Duration::from_secs(300)).by(CountedBy::source_prefix(32, 64));
//! policy.add_rule(10, PolicyRule::new("per-source", Rule::drop()).rate(rate))?;
//! let hosting = Rule::continue_with(Effect::Count).from_set("hosting");
//! policy.add_rule(20, PolicyRule::new("hosting", hosting).label("net:hosting"))?;
//! let login = Rule::drop().tcp().to_ports([22, 3389]);
//! policy.add_rule(30, PolicyRule::new("no-logins", login).labelled("net:hosting"))?;
//! assert_eq!(policy.capacity(), 2 + 4 + 3 + 3);
//!
//! let mut matcher = policy.compile(&Config::new(), [7; 16])?;
//! let mut judge = |from: &str, port: u16, seconds| -> Result<_, Box<dyn std::error::Error>> {
//!     let to = (std::net::Ipv4Addr::new(192, 0, 2, 1), port).into();
//!     let packet = Packet::tcp(from.parse()?, to, TcpFlags::SYN)?;
//!     let decision = matcher.classify(&packet, Time::from_secs(seconds));
//!     let (action, rule) = (*decision.action, decision.rule);
//!     Ok((action, rule.and_then(|rule| Some(matcher.place(rule)?.rule.to_string()))))
//! };
//! let by = |rule: &str| Some(rule.to_string());
//! assert_eq!(judge("198.51.100.7:4000", 443, 0)?, (Action::Drop, by("block-list")));
//! assert_eq!(judge("203.0.113.7:4000", 443, 0)?, (Action::Accept, None));
//! assert_eq!(judge("203.0.113.7:4000", 22, 0)?, (Action::Drop, by("no-logins")));
//! for _ in 0..1000 {
//!     assert_eq!(judge("192.0.2.9:4000", 443, 5)?, (Action::Accept, None));
//! }
//! assert_eq!(judge("192.0.2.9:4000", 443, 6)?, (Action::Drop, by("per-source")));
//! assert_eq!(judge("192.0.2.9:4000", 443, 320)?, (Action::Accept, None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod asked;
mod cost;
mod counter;
mod definition;
mod error;
mod flat;
mod group;
mod key;
mod labels;
mod matcher;
#[allow(clippy::module_inception, reason = "the module is named for the type that it holds")]
mod policy;
mod rate;
mod rule;
#[cfg(feature = "serde")]
mod serde;
mod steps;
mod table;

pub use asked::Asked;
pub use counter::{Limited, RateCounts};
pub use definition::Definition;
pub use error::{PolicyError, RuleFault};
pub use group::{Overrides, RuleGroup};
pub use labels::AnyLabel;
pub use matcher::{Place, PolicyMatcher};
pub use policy::{Entry, Policy};
pub use rate::{CountedBy, PrefixLengths, Rate, WhenFull};
pub use rule::PolicyRule;
