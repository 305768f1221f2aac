//! Rules of Linux's nftables, as `nft -j list ruleset` writes them.
//!
//! [`Nftables`] reads the listing, [`Nftables::hook`] gives the rules that packets of one kind go
//! through, and [`HookRules::firewall`] judges packets by them.
//!
//! ```
//! use portcullis::import::nft::{Hook, Nftables};
//! use portcullis::packet::TcpFlags;
//! use portcullis::{Action, Config, ConnTable, Limits, Packet, Time};
//!
//! let tables = Nftables::new().read(r#"{ "nftables": [
//!     { "table": { "family": "inet", "name": "filter", "handle": 1 } },
//!     { "chain": { "family": "inet", "table": "filter", "name": "forward", "handle": 1,
//!                  "type": "filter", "hook": "forward", "prio": 0, "policy": "drop" } },
//!     { "rule": { "family": "inet", "table": "filter", "chain": "forward", "handle": 2, "expr": [
//!         { "match": { "op": "==", "left": { "payload": { "protocol": "tcp", "field": "dport" } },
//!                      "right": { "set": [80, 443] } } },
//!         { "accept": null } ] } }
//! ] }"#)?;
//! let table = ConnTable::new(&Limits::new(10_000), [7; 16]);
//! let mut firewall = tables.hook(Hook::Forward).firewall(table, &Config::new())?;
//! let (client, server) = ("10.0.0.1:40000".parse()?, "192.0.2.1:443".parse()?);
//! let judgement = firewall.classify(&Packet::tcp(client, server, TcpFlags::SYN)?, Time::from_secs(1));
//! assert_eq!(judgement.action, Action::Accept);
//! assert_eq!(firewall.origin(&judgement).unwrap().to_string(), "inet filter forward handle 2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What packets go through
//!
//! The base chains of the families `ip`, `ip6` and `inet`, by hook and priority; those before
//! priority -200 of `prerouting` and `output` before packets are tracked. `accept` in one goes on with
//! the next, `drop` ends all. Tables that are dormant, and those of `arp` and `bridge`, have no say
//! about IP packets.
//!
//! # What is read
//!
//! | | |
//! |---|---|
//! | payload | addresses, protocol, ttl, hop limit, dscp, length and fragment offset of `ip` and `ip6`; ports of `tcp`, `udp`, `udplite`, `sctp`, `dccp`, `th`; TCP flags; types and codes of ICMP; whether a header is whole, by any value of its last field; later fragments of IPv6, by `frag frag-off != 0` |
//! | meta | `l4proto`, `nfproto`, `protocol`, `iif(name)`, `oif(name)`, `mark`, `length` |
//! | ct | `state`, `direction`, `status`, `zone`, and the original direction's addresses, protocol and ports |
//! | fib | the `type` of a `saddr` or `daddr`: `local`, `broadcast`, `multicast`, of IPv4 also `unicast`, by [the host's addresses](Nftables::local) |
//! | compared with | values, prefixes, ranges, bit masks, sets in place and by name, concatenations |
//! | statements | verdicts, verdict maps, `counter`, `log`, `limit`, also for each element of a set that packets change or of a `meter`, `reject`, `notrack`, marks and maps to marks; `tcp option maxseg size set`, last in its rule, which no rule can ask for |
//!
//! Sets are taken as they were listed: elements that end after some time are there. What is not
//! supported is a [`JsonError`](crate::import::JsonError) with its path, or left out and
//! [listed](Nftables::left_out) by a [lenient](Nftables::lenient) import. `ct mark` (connections have
//! none here), routes (other results of `fib`), sockets, users, times of day and the like are not known here.

mod condition;
mod document;
mod fib;
mod field;
mod join;
mod lower;
mod meter;
mod names;
mod numbers;
mod origin;
mod presence;
mod reach;
mod set;
mod statement;
mod tables;
mod value;

pub use origin::Origin;
pub use tables::Nftables;

pub use crate::import::hook::Hook;
pub use crate::import::rate::Rates;
pub use crate::import::staged::{Judgement, Untracked};

/// The rules that packets go through on one way through a host.
pub type HookRules = crate::import::hook::HookRules<Origin>;

/// Judges packets by such rules.
pub type Firewall<C = crate::ConnTable> = crate::import::firewall::Firewall<Origin, C>;
