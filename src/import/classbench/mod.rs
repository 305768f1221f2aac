//! ClassBench filter files and traces, the usual form of rule sets that packet classifiers are
//! compared on.
//!
//! A filter file has one rule a line, and the first that matches counts:
//!
//! ```text
//! @192.0.2.0/24  198.51.100.7/32  0 : 65535  80 : 443  0x06/0xFF  0x0200/0x1200
//! @2001:db8::/32 ::/0             0 : 65535  0 : 65535 0x00/0x00
//! ```
//!
//! | column | |
//! |---|---|
//! | source, destination | prefixes of one family; bits beyond the length do not count |
//! | source, destination ports | first and last; `0 : 65535` asks nothing, not even that there are ports |
//! | protocol | number and mask, decimal or hexadecimal (`0x`) |
//! | header bits | optional; see [`HeaderBits`] |
//!
//! Columns have spaces or tabs between them; blank lines do not count. Rules have no actions in
//! such a file: [`parse`] lets all of them accept, and [`parse_with`] asks for one.
//!
//! # Examples
//!
//! ```
//! use portcullis::import::classbench::{self, HeaderBits};
//! use portcullis::{Config, StatelessMatcher};
//!
//! let filters = "@10.0.0.0/8\t192.0.2.0/24\t0 : 65535\t443 : 443\t0x06/0xFF\t0x0000/0x0000";
//! let rules = classbench::parse(filters, HeaderBits::Match)?;
//! assert_eq!(
//!     rules.to_string().lines().last().unwrap(),
//!     "accept ipv4 tcp from 10.0.0.0/8 to 192.0.2.0/24 port 443",
//! );
//! let matcher = StatelessMatcher::compile(&rules, &Config::new())?;
//! for key in classbench::parse_trace("167772161 3221225985 40000 443 6")? {
//!     assert_eq!(matcher.classify_key(&key).rule.unwrap().index, 0);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Source
//!
//! Taylor, Turner: ClassBench: A Packet Classification Benchmark, IEEE/ACM Transactions on
//! Networking 15(3), 2007.

mod columns;
mod filter;
mod trace;

pub use filter::{HeaderBits, parse, parse_with};
pub use trace::parse_trace;
