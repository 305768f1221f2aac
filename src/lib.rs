//! An embeddable firewall engine: rules are compiled to decision trees, and packets are judged by
//! them, alone ([`StatelessMatcher`]) or with the connection that they belong to
//! ([`StatefulMatcher`]).
//!
//! # What lives where
//!
//! | | |
//! |---|---|
//! | [`packet`] | [`Packet`], what a matcher looks at: built by hand, or from bytes |
//! | [`rule`] | [`Rule`], [`RuleSet`]; [`RuleSet::first_match`] *defines* what every matcher answers |
//! | [`rule::text`] | rules as text |
//! | [`StatelessMatcher`] | rules compiled; judges each packet alone |
//! | [`conntrack`] | the [`Conntrack`] trait, and [`ConnTable`], the table of connections |
//! | [`StatefulMatcher`] | rules compiled, together with a connection tracker |
//! | [`analysis`] | why a packet is decided as it is |
//! | [`expiry`] | rules that are in force for a time |
//! | [`hits`] | how often each rule is hit |
//! | [`record`] | decisions and connections as records for logs |
//! | [`reassembly`] | datagrams from their fragments, before rules and connections see them |
//! | [`Config`] | how rules are compiled |
//! | [`policy`] | rules by priority with labels, groups and rates |
//! | [`update`] | rules that come and go while packets flow |
//! | [`import`] | rules of other systems |
//! | [`export`] | rules for other systems |
//! | [`Decision`] | the answer: the action, the rule that gave it, the packet's place in its connection |
//!
//! # Each packet alone
//!
//! Rules are read from text or built by code; both give the same type. The first rule that matches
//! decides, and a rule set's default is for packets that none matches.
//!
#![cfg_attr(feature = "alloc", doc = "```")]
#![cfg_attr(not(feature = "alloc"), doc = "```ignore")]
//! use portcullis::packet::TcpFlags;
//! use portcullis::{Action, Config, Packet, Rule, RuleSet, StatelessMatcher};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut rules: RuleSet = "
//!     default drop
//!     accept tcp from 10.0.0.0/8 to any port 443
//! ".parse()?;
//! let office: ipnet::Ipv4Net = "10.1.0.0/16".parse()?;
//! rules.push(Rule::accept().tcp().from(office).to_ports([22, 8080]));
//! let matcher = StatelessMatcher::compile(&rules, &Config::new())?;
//!
//! let (client, server) = ("10.1.0.7:40000".parse()?, "192.0.2.1:22".parse()?);
//! let request = Packet::tcp(client, server, TcpFlags::SYN)?;
//! let decision = matcher.classify(&request);
//! assert_eq!(*decision.action, Action::Accept);
//! assert_eq!(decision.rule.unwrap().index, 1);
//!
//! // No rule is about the way back.
//! let reply = Packet::tcp(server, client, TcpFlags::SYN | TcpFlags::ACK)?;
//! let decision = matcher.classify(&reply);
//! assert_eq!((*decision.action, decision.rule), (Action::Drop, None));
//! # Ok(())
//! # }
//! ```
//!
//! A rule that asks for a connection state is an error in a stateless matcher, which does not know
//! it: never a rule that silently does not match.
//!
#![cfg_attr(feature = "alloc", doc = "```")]
#![cfg_attr(not(feature = "alloc"), doc = "```ignore")]
//! # use portcullis::{Config, RuleSet, StatelessMatcher};
//! let rules: RuleSet = "accept state established".parse().unwrap();
//! let error = StatelessMatcher::compile(&rules, &Config::new()).unwrap_err();
//! assert_eq!(error.rule().unwrap().to_string(), "rule 1");
//! ```
//!
//! # Each packet with its connection
//!
//! The table remembers what the rules have accepted, so that replies, and ICMP errors about it, need
//! no rule of their own. It reads no clock: whoever calls says what time it is.
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use portcullis::packet::TcpFlags;
//! use portcullis::{Action, Config, ConnState, ConnTable, Limits, Packet, RuleSet};
//! use portcullis::{StatefulMatcher, Time};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rules: RuleSet = "
//!     accept state established, related
//!     drop state invalid
//!     accept tcp from 10.0.0.0/8 to any port 443 state new
//! ".parse()?;
//! let table = ConnTable::with_random_secret(&Limits::new(100_000));
//! let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new())?;
//!
//! let (client, server) = ("10.1.0.7:40000".parse()?, "192.0.2.1:443".parse()?);
//! let request = Packet::tcp(client, server, TcpFlags::SYN)?;
//! let reply = Packet::tcp(server, client, TcpFlags::SYN | TcpFlags::ACK)?;
//! assert_eq!(*firewall.classify(&request, Time::from_millis(0)).action, Action::Accept);
//! let decision = firewall.classify(&reply, Time::from_millis(20));
//! assert_eq!(*decision.action, Action::Accept);
//! assert_eq!(decision.tracked.unwrap().state, ConnState::Established);
//! # Ok(())
//! # }
//! ```
//!
//! # Packets from bytes
//!
//! With the feature `parse`, [`Packet`]s are read from Ethernet frames and IP packets. Reading never
//! panics, and never guesses: a later fragment has no ports, and no rule that names ports, negated
//! or not, matches it.
//!
#![cfg_attr(feature = "parse", doc = "```")]
#![cfg_attr(not(feature = "parse"), doc = "```ignore")]
//! use portcullis::packet::ParseError;
//! use portcullis::{Packet, Ports};
//!
//! let bytes = [
//!     0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 53, // IPv4
//!     0x9c, 0x40, 0, 53, 0, 8, 0, 0, // UDP
//! ];
//! assert_eq!(Packet::from_ip(&bytes)?.ports, Some(Ports { src: 40000, dst: 53 }));
//! let cut = Packet::from_ip(&bytes[..12]).unwrap_err();
//! assert_eq!(cut.to_string(), "ipv4 header at byte 0 needs 20 bytes, only 12 are there");
//! # Ok::<(), ParseError>(())
//! ```
//!
//! # Features
//!
//! | feature | | adds |
//! |---|---|---|
//! | `std` | default | a connection table with a secret from the operating system, `update::Reader`; `alloc` |
//! | `parse` | default | [`Packet`] from bytes, and transport checksums |
//! | `alloc` | by `std` | rules, compiling, connections |
//! | `serde` | | rules and decisions in serde's data model |
//! | `import` | | security groups and network ACLs of AWS |
//!
//! The crate is `no_std`. With `default-features = false, features = ["alloc"]` it needs an
//! allocator, to build and compile rules and to make a connection table; judging a packet neither
//! allocates nor panics. With no features there are [`Packet`] and
//! [`StatelessMatcher::from_bytes`]: rules that were compiled elsewhere, used where they are stored.
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "alloc")]
pub mod analysis;
#[cfg(feature = "alloc")]
mod config;
#[cfg(feature = "alloc")]
pub mod conntrack;
#[cfg(feature = "alloc")]
pub mod expiry;
#[cfg(feature = "alloc")]
pub mod export;
#[cfg(feature = "alloc")]
pub mod hits;
#[cfg(feature = "alloc")]
pub mod import;
pub mod packet;
#[cfg(feature = "alloc")]
pub mod policy;
#[cfg(all(feature = "alloc", feature = "parse"))]
pub mod reassembly;
#[cfg(feature = "alloc")]
pub mod record;
pub mod rule;
mod simd;
#[cfg(feature = "alloc")]
mod stateful;
mod stateless;
mod tree;
#[cfg(feature = "alloc")]
pub mod update;

#[cfg(feature = "alloc")]
pub use config::Config;
#[cfg(feature = "alloc")]
pub use conntrack::{ConnTable, Conntrack, Limits, Time};
#[cfg(feature = "alloc")]
pub use import::ImportError;
pub use packet::{
    Addrs, ConnState, Direction, FlowKey, Fragment, Packet, Ports, Protocol, Tracked,
};
#[cfg(all(feature = "alloc", feature = "parse"))]
pub use reassembly::{Arrival, FragmentLimits, Reassembler};
pub use rule::{Action, ChainId, Decision, Reject, RuleId};
#[cfg(feature = "alloc")]
pub use rule::{BuildError, Criteria, Rule, RuleSet, Target};
pub use simd::Backend;
#[cfg(all(feature = "alloc", feature = "parse"))]
pub use stateful::Judged;
#[cfg(feature = "alloc")]
pub use stateful::{Order, RuleChange, StatefulMatcher, Verdict};
pub use stateless::StatelessMatcher;
#[cfg(feature = "alloc")]
pub use tree::Stats;
pub use tree::{ImageError, ImageFault};
#[cfg(feature = "alloc")]
pub use update::LiveMatcher;

/// The examples of README.md.
#[cfg(all(doctest, feature = "std", feature = "parse"))]
#[doc = include_str!("../README.md")]
struct Readme;
