//! The text form of rules: what `FromStr` reads and `Display` prints.
//!
//! ```
//! use portcullis::RuleSet;
//!
//! let rules: RuleSet = "
//!     default drop
//!     accept state established, related
//!     jump ssh tcp to any port 22
//!     accept tcp from 10.0.0.0/8 to any port 80, 443, 8000-8099   # the office
//!
//!     chain ssh
//!     accept from 192.0.2.0/24
//!     log any
//! ".parse()?;
//! assert_eq!(rules.len(), 5);
//! assert_eq!(rules.to_string().parse::<RuleSet>()?, rules);
//! # Ok::<(), portcullis::rule::TextError>(())
//! ```
//!
//! # Lines
//!
//! One line says one thing; `#` begins a remark that ends with the line. Words are in lower case
//! and have spaces or tabs between.
//!
//! | line | meaning |
//! |---|---|
//! | `default` *action* | the action for packets that no rule decides, before the first `chain`; without it, drop |
//! | `set` *name* *kind* *elements* | a [named set](super::set); *kind* is `prefixes` (an address stands for itself), `ports`, `endpoints` (`192.0.2.1:443`) or `interfaces`; `none` for no elements |
//! | `chain` *name* | the rules below are this chain's; it may be jumped to above |
//! | *target* *criteria* \[`comment` `"`*text*`"`\] | a rule |
//!
//! | target | meaning |
//! |---|---|
//! | `accept`, `drop` | the action |
//! | `reject` \[`with` *kind*\] | *kind* is one of [`Reject::NAMES`](super::Reject::NAMES); without it, `port-unreachable` |
//! | `count`, `log`, `audit` | [`Effect`](super::Effect): noted, and on to the next rule |
//! | `notrack`, `zone` *number*, `spend` *predicate* | [`Effect`](super::Effect): what else may be noted |
//! | `mark` *value*\[`/`*mask*\] | sets the bits of the mark that are in the mask, and on to the next rule |
//! | `jump` *name*, `goto` *name* | another chain; `base` is the base chain |
//! | `staged` *action* | the action is only reported ([`Target::Staged`](super::Target::Staged)) |
//! | `return` | the end of this chain |
//!
//! The name of a chain or a set consists of letters, digits, `-`, `_` and `.`, or is anything in quotation
//! marks.
//!
//! Rules of which another than the first that matches decides
//! ([`OrderedRules`](super::order::OrderedRules)) have a line `order last-match` or `order priority`
//! before everything else. Then `quick` may stand before a rule, or a number has to.
//!
//! # Criteria
//!
//! All must hold. They come in any order, each at most once. A rule without criteria says `any`.
//!
//! | criterion | alternatives |
//! |---|---|
//! | `from` *list*, `to` *list* | addresses `192.0.2.1`, prefixes `10.0.0.0/8`, ranges `192.0.2.1-192.0.2.9`, of both IP versions |
//! | `from` *list* `port` *list*, `to` *list* `port` *list* | besides, ports `22` or ranges `8000-8099`; `any` stands for all addresses |
//! | `protocol` *list* | names ([`Protocol`](crate::Protocol)'s constants) or numbers; names need no `protocol` before them |
//! | `icmp type` *list*, `icmpv6 type` *list* | types `8`, types and codes `3/4` or `3/0-5` |
//! | `flags` *list* | `syn/fin,syn,rst,ack`: the TCP flags that are set, then those that count; `none` for no flag; `or` between alternatives |
//! | `fragment` *list* | `whole`, `first`, `later` |
//! | `malformed`, `not malformed` | anything or nothing wrong with the headers |
//! | `malformed` *list* | faults: the names of [`Malformed`](crate::packet::Malformed) |
//! | `cut-source-port` *list*, `cut-destination-port` *list* | ports of a transport header that is cut short behind them |
//! | `ipv4`, `ipv6` | |
//! | `in` *list*, `out` *list* | names of interfaces, in quotation marks if need be; `wg*` stands for all that begin with `wg` |
//! | `zone` *list* | `0`, `1-9`: the zone of connections |
//! | `state` *list* | `new`, `established`, `related`, `invalid`, `untracked` |
//! | `direction` *list* | `original`, `reply`: within the connection |
//! | `status` *list* | flags of the connection: `expected`, `replied`, `assured`, `confirmed`, `src-nat`, `dst-nat` |
//! | `original-from` *list*, `original-to` *list* | as `from` and `to`, with `port`, of the connection's original direction |
//! | `original-protocol` *list* | names or numbers: the connection's, which for an ICMP error is that of the packet quoted |
//! | `dscp` *list* | `46`, `10-20`, to 63 |
//! | `ttl` *list* | time to live or hop limit: `1`, `255`, `0-64` |
//! | `length` *list* | bytes of the IP packet, `40`, `0-1500` |
//! | `mark` *list* | `7`, `0x7`, `0x1/0xff` |
//! | `vlan` *list* | `10`, `10-20`, to 4095 |
//! | `predicate` *list* | `3`, to 63 |
//! | `from-set` *list*, `to-set` *list* | names of sets of prefixes |
//! | `from-port-set` *list*, `to-port-set` *list* | names of sets of ports |
//! | `from-endpoint-set` *list*, `to-endpoint-set` *list* | names of sets of pairs of an address and a port |
//! | `in-set` *list*, `out-set` *list* | names of sets of interfaces |
//!
//! A *list* has commas between its alternatives. `not` before it asks for none of them
//! (`to not 10.1.0.0/16, 10.2.0.0/16`, `not tcp`), `any` in its place asks nothing, and `none`
//! is the list without alternatives, which holds of no packet.
//!
//! A prefix with bits beyond its length (`10.0.0.1/8`), a mark with bits outside its mask, a
//! range the wrong way round and a number with leading zeros are errors: each is more often a
//! slip than meant, and the message says what may have been meant.
//!
//! In quotation marks, `\"`, `\\`, `\n`, `\r`, `\t` and `\u{`*hexadecimal*`}` stand for characters
//! that cannot be written otherwise.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod criteria;
mod display;
mod document;
mod elements;
mod error;
mod excerpt;
mod item;
mod lexer;
mod line;
mod names;
#[cfg(feature = "serde")]
mod one;
mod suggest;

pub use error::TextError;
pub(crate) use error::describe_at;
pub(crate) use excerpt::Marked;
#[cfg(feature = "serde")]
pub(in crate::rule) use one::One;
