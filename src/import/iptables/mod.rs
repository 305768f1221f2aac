//! Rules of Linux's iptables, as `iptables-save` and `ip6tables-save` write them.
//!
//! [`Iptables`] reads the texts, [`Iptables::hook`] gives the rules that packets of one kind go
//! through, and [`HookRules::firewall`] judges packets by them.
//!
//! ```
//! use portcullis::import::iptables::{Hook, Iptables};
//! use portcullis::packet::TcpFlags;
//! use portcullis::{Action, Config, ConnTable, Limits, Packet, Time};
//!
//! let tables = Iptables::new().v4("
//! *filter
//! :INPUT ACCEPT [0:0]
//! :FORWARD DROP [0:0]
//! :OUTPUT ACCEPT [0:0]
//! -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
//! -A FORWARD -s 10.0.0.0/8 -i lan0 -p tcp -m tcp --dport 443 -j ACCEPT
//! COMMIT
//! ")?;
//! let forward = tables.hook(Hook::Forward);
//! let table = ConnTable::new(&Limits::new(10_000), [7; 16]);
//! let mut firewall = forward.firewall(table, &Config::new())?;
//!
//! let (client, server) = ("10.0.0.1:40000".parse()?, "192.0.2.1:443".parse()?);
//! let mut syn = Packet::tcp(client, server, TcpFlags::SYN)?;
//! syn.in_interface = firewall.interface("lan0");
//! let judgement = firewall.classify(&syn, Time::from_secs(1));
//! assert_eq!(judgement.action, Action::Accept);
//! assert_eq!(firewall.origin(&judgement).unwrap().to_string(), "ipv4 filter FORWARD rule 2, line 7");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What packets go through
//!
//! In the order of Linux, with everything that decides or marks packets:
//!
//! | | before tracking | after it |
//! |---|---|---|
//! | [`Hook::Input`] | raw PREROUTING | mangle PREROUTING, mangle INPUT, filter INPUT, security INPUT |
//! | [`Hook::Forward`] | raw PREROUTING | mangle PREROUTING, mangle FORWARD, filter FORWARD, security FORWARD, mangle POSTROUTING |
//! | [`Hook::Output`] | raw OUTPUT | mangle OUTPUT, filter OUTPUT, security OUTPUT, mangle POSTROUTING |
//!
//! `ACCEPT` in one of them goes on with the next, `DROP` ends all. A family whose text was not given
//! is dropped; one whose text has no table is accepted, as by a Linux host without rules. Fragments
//! are put together before all of it if the host tracks connections: see
//! [`reassembly`](crate::reassembly).
//!
//! # What is read
//!
//! | | |
//! |---|---|
//! | without `-m` | `-s`, `-d`, `-p`, `-i`, `-o`, `-f` |
//! | matches | `tcp`, `udp`, `sctp` and `dccp` (ports, flags), `icmp`, `icmp6`, `multiport`, `conntrack`, `state`, `iprange`, `set`, `mark`, `limit`, `hashlimit`, `length`, `ttl`, `hl`, `dscp`, `addrtype`, `nfacct` (which counts, and is taken to have no quota), `comment` |
//! | targets | `ACCEPT`, `DROP`, `REJECT`, `RETURN`, chains, `LOG`, `NFLOG`, `AUDIT`, `MARK`; in raw `NOTRACK` and `CT` with `--notrack` or `--zone` |
//!
//! Everything may be negated that iptables negates. What is not supported is an
//! [`ImportError`](crate::import::ImportError) that names it, or is left out and
//! [listed](Iptables::left_out) by a [lenient](Iptables::lenient) import. [`set`](Iptables::set), [`local`](Iptables::local) and
//! [`translated`](Iptables::translated) tell what the texts do not.
//!
//! # Exactly as Linux
//!
//! - **Packets that a rule cannot read are dropped.** A match on a header that is cut short, a
//!   fragment within the TCP header, and `-p` of an IPv6 packet whose extension headers are cut short
//!   have Linux drop the packet, whatever the rule's target and the policy. Each rule that needs it
//!   becomes two here: one that drops such packets, and the rule. (Rules of the `nf_tables` back end
//!   of iptables do not do so; they are read as those of the older one.)
//! - **`goto`** comes back after the jump that led to the chain with the `goto`, or to the policy.
//! - **A packet of no connection** that has a state that `conntrack` asks for matches whatever else
//!   the match asks.
//! - **Times to live** are those that packets came with; in FORWARD and POSTROUTING rules see one less,
//!   as Linux counts down before.
//! - **Rates** are by the caller's clock; a token is taken when Linux would take it.
//!
//! What differs: `MARK` cannot toggle bits, `PREROUTING` does not know the interface a packet leaves
//! by (nor does it in Linux), and addresses are never translated here.

mod clause;
mod document;
mod expand;
mod fault;
mod ipset;
mod ipset_save;
mod lower;
mod matches;
mod names;
mod origin;
mod rule_line;
mod set_terms;
mod tables;
mod target;
mod told;
mod values;
mod words;

pub use ipset::IpSet;
pub use origin::Origin;
pub use tables::{Iptables, Table};

pub use crate::import::hook::Hook;
pub use crate::import::rate::Rates;
pub use crate::import::staged::{Judgement, Untracked};

/// The rules that packets go through on one way through a host.
pub type HookRules = crate::import::hook::HookRules<Origin>;

/// Judges packets by such rules.
pub type Firewall<C = crate::ConnTable> = crate::import::firewall::Firewall<Origin, C>;
