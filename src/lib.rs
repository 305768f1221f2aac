//! An embeddable firewall engine.
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "alloc")]
mod config;
#[cfg(feature = "alloc")]
pub mod conntrack;
pub mod packet;
pub mod rule;
#[cfg(feature = "alloc")]
mod simd;
#[cfg(feature = "alloc")]
mod stateful;
#[cfg(feature = "alloc")]
mod stateless;
#[cfg(feature = "alloc")]
mod tree;

#[cfg(feature = "alloc")]
pub use config::Config;
#[cfg(feature = "alloc")]
pub use conntrack::{ConnTable, Conntrack, Limits, Time};
pub use packet::{
    Addrs, ConnState, Direction, FlowKey, Fragment, Packet, Ports, Protocol, Tracked,
};
pub use rule::{Action, ChainId, Decision, Reject, RuleId};
#[cfg(feature = "alloc")]
pub use rule::{BuildError, Criteria, Rule, RuleSet, Target};
#[cfg(feature = "alloc")]
pub use simd::Backend;
#[cfg(feature = "alloc")]
pub use stateful::{Order, StatefulMatcher, Verdict};
#[cfg(feature = "alloc")]
pub use stateless::StatelessMatcher;
