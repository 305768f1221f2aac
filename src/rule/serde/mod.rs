//! Rules, rule sets and decisions in serde's data model (feature `serde`), for formats that describe
//! themselves, such as JSON.
//!
//! What the [text form](super::text) has a word for is that word; fields that nobody knows are
//! errors.
//!
//! ```
//! use portcullis::RuleSet;
//!
//! let json = r#"{
//!   "default": "drop",
//!   "chains": [
//!     { "name": "base", "rules": [
//!       { "target": { "action": "accept" }, "criteria": { "state": ["established", "related"] } },
//!       { "target": { "jump": 1 }, "criteria": { "protocol": ["tcp"], "dst_port": [22] } }
//!     ] },
//!     { "name": "ssh", "rules": [
//!       { "target": { "action": { "reject": "tcp-reset" } },
//!         "criteria": { "src": { "not": ["10.0.0.0/8", "2001:db8::/32"] } },
//!         "comment": "strangers" }
//!     ] }
//!   ]
//! }"#;
//! let rules: RuleSet = serde_json::from_str(json)?;
//! assert_eq!(rules.to_string(), "\
//! default drop
//! accept state established, related
//! jump ssh tcp to any port 22
//!
//! chain ssh
//! reject with tcp-reset from not 10.0.0.0/8, 2001:db8::/32 comment \"strangers\"
//! ");
//! let again: RuleSet = serde_json::from_str(&serde_json::to_string(&rules)?)?;
//! assert_eq!(again, rules);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! | | form |
//! |---|---|
//! | [`RuleSet`](super::RuleSet) | `default`, `sets` if there are some, each with `name` and `elements` (`{"prefixes": [..]}` and the like), and `chains`, the base chain first, each with `name` and `rules` |
//! | [`Rule`](super::Rule) | `target`, and if need be `criteria` and `comment` |
//! | [`Target`](super::Target) | `{"action": ..}`, `{"continue": ..}`, `{"jump": 1}`, `{"goto": 1}` with the chain's place in the rule set, `"return"` |
//! | [`Effect`](super::Effect) | `"count"`, `"log"`, `{"mark": "0x1/0xff"}` and the like |
//! | [`Action`](super::Action) | `"accept"`, `"drop"`, `{"reject": "port-unreachable"}` |
//! | [`Criteria`](super::Criteria) | a field for each that asks something, under its own name |
//! | [`AnyOf`](super::AnyOf) | a list of alternatives, `{"not": [..]}` for none of them, null to ask nothing |
//! | addresses | strings: an address, a prefix or a range |
//! | numbers and ranges | a number, or a string such as `"8000-8099"` |
//! | [`Decision`](super::Decision) | `action`, `rule`, `tracked`, `fragment`, `malformed`, `refused`; written, not read |

mod any_of;
mod criteria;
mod item;
mod packet;
mod rule_set;
mod set;

pub(crate) use set::{NamedSet, SetList};
