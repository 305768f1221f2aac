//! What was decided, as records for logs: [`FlowLog`] writes lines of AWS VPC Flow Logs, [`EventLog`]
//! lines of JSON.
//!
//! Both are told of each decision and write when they are asked to, to anything that is a [`Sink`]:
//! with the feature `std` every [`Write`](std::io::Write). Neither reads a clock; what time it is
//! at [`Time::ZERO`](crate::Time::ZERO) is said once.
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use portcullis::record::{EventLog, FlowFormat, FlowLog, Way};
//! use portcullis::{Config, Packet, RuleSet, StatelessMatcher, Time};
//!
//! let rules: RuleSet = "accept udp to any port 53 comment \"dns\"".parse()?;
//! let matcher = StatelessMatcher::compile(&rules, &Config::new())?;
//! let mut flows = FlowLog::new(FlowFormat::v2("123456789010", "eni-1235b8ca123456789"), 1_700_000_000);
//! let mut events = EventLog::new(1_700_000_000);
//! let mut out = Vec::new();
//!
//! let mut packet = Packet::udp("10.0.0.1:4000".parse()?, "192.0.2.1:53".parse()?)?;
//! packet.length = 60;
//! for seconds in [1, 2] {
//!     let (decision, now) = (matcher.classify(&packet), Time::from_secs(seconds));
//!     flows.count(&packet, &decision, Some(Way::Egress), now);
//!     events.decided(&rules, &packet, &decision, now, &mut out)?;
//! }
//! flows.flush(Time::from_secs(60), &mut out)?;
//! assert_eq!(String::from_utf8(out)?, "\
//! {\"timestamp\":1700000001000,\"event\":\"decision\",\"action\":\"accept\",\"chain\":\"base\",\"rule\":1,\
//! \"comment\":\"dns\",\"protocol\":\"udp\",\"src\":\"10.0.0.1\",\"src_port\":4000,\"dst\":\"192.0.2.1\",\
//! \"dst_port\":53,\"packets\":1,\"bytes\":60}
//! {\"timestamp\":1700000002000,\"event\":\"decision\",\"action\":\"accept\",\"chain\":\"base\",\"rule\":1,\
//! \"comment\":\"dns\",\"protocol\":\"udp\",\"src\":\"10.0.0.1\",\"src_port\":4000,\"dst\":\"192.0.2.1\",\
//! \"dst_port\":53,\"packets\":1,\"bytes\":60}
//! 2 123456789010 eni-1235b8ca123456789 10.0.0.1 192.0.2.1 4000 53 17 2 120 1700000001 1700000002 ACCEPT OK
//! ");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Asking them
//!
//! JSON lines need nothing to be set up. In CloudWatch Logs Insights, who was denied most, and how much
//! each rule let through by the connections that ended:
//!
//! ```text
//! filter event = "decision" and action != "accept"
//! | stats count(*) as denied by src, dst_port, chain, rule
//! | sort denied desc | limit 20
//!
//! filter event = "end"
//! | stats sum(bytes + reply_bytes) as traffic, count(*) as connections by chain, rule, bin(1h)
//! ```
//!
//! Lines of flow logs that come by other ways than a VPC's own are taken apart first:
//!
//! ```text
//! parse @message "* * * * * * * * * * * * * *" as version, account, interface, srcaddr, dstaddr,
//!     srcport, dstport, protocol, packets, bytes, start, end, action, status
//! | filter action = "REJECT"
//! | stats sum(packets) as rejected by srcaddr, dstport
//! | sort rejected desc | limit 20
//! ```
//!
//! In Datadog, JSON lines are searched by their attributes, and `timestamp` becomes the log's date:
//!
//! ```text
//! @event:decision -@action:accept @dst_port:22
//! @event:start @chain:ssh
//! ```
//!
//! and a Grok parser reads lines of flow logs:
//!
//! ```text
//! flow %{integer:version} %{notSpace:account} %{notSpace:interface} %{ip:network.client.ip} %{ip:network.destination.ip} %{integer:network.client.port} %{integer:network.destination.port} %{integer:protocol} %{integer:packets} %{integer:bytes} %{integer:start} %{integer:end} %{word:action} %{word:status}
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod event;
mod events;
mod field;
mod flows;
mod json;
mod live;
mod sink;

pub use event::{EndReason, Event, EventKind};
pub use events::{EventLog, Sampling};
pub use field::{FlowField, FlowFormat};
pub use flows::{FlowLog, Way};
pub use sink::Sink;
