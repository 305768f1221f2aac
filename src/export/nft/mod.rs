//! Rules as `nft -j list ruleset` writes them.
//!
//! [`to_json`] gives the listing, to be loaded by `nft -j -f` or read again by `import::nft` (feature
//! `import`). Rules stand in a table `portcullis` of the family `ip` and one of `ip6`, at priority 0; those before
//! tracking at priority -300.
//!
//! # How it is said
//!
//! | | |
//! |---|---|
//! | default action | the policy; to reject, a last rule |
//! | lists, ranges, prefixes | sets in place |
//! | alternatives with masks (flags, marks), codes of ICMP types | several rules, or chains of their own |
//! | named sets of prefixes | named sets, one for each family |
//! | other named sets | in place, as they are now |
//! | ports | of a header that is whole: its last field has to be there (`tcp urgptr 0-65535`). nft itself would look at ports of a header cut short behind them |
//! | `malformed` | by what of the header is not there, in a chain of its own |
//!
//! # What is an error
//!
//! `vlan`, `zone`, `predicate`; ports of DCCP; first fragments of IPv6 apart from whole packets; headers that
//! contradict themselves (`bad-transport`), and packets without some other fault; ports of cut headers but beside
//! those of whole ones; some extension headers of IPv6 as protocols; interfaces that Linux does not know at
//! that place, or called `*`; ports of the original direction without one protocol; sets of pairs; kinds of `reject` that the family does not have, or a reset of
//! what is not asked to be TCP; `staged`, `spend`, the effect `zone`; `notrack` but before tracking, `reject` and
//! states but after it; comments of more than 128 bytes; a rule that returns or goes elsewhere and asks for more
//! than 4096 combinations. Packets with a time to live of 0 are not forwarded, so nothing asks for them there.

mod header;
mod json;
mod matches;
mod table;

use alloc::string::String;

use super::error::ExportError;
use super::host::Host;

/// Writes rules for nft.
///
/// # Errors
///
/// The first rule that cannot be said, as the module's documentation lists, or rules that cannot be
/// compiled either.
///
/// # Complexity
///
/// Linear in what is written.
///
/// # Examples
///
/// ```
/// use portcullis::RuleSet;
/// use portcullis::export::{Host, nft};
/// use portcullis::import::iptables::Hook;
///
/// let rules: RuleSet = "accept tcp from 10.0.0.0/8 to any port 80, 443".parse()?;
/// let listing = nft::to_json(&Host::new().rules(Hook::Forward, &rules))?;
/// assert!(listing.contains(r#"{"accept":null}"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_json(host: &Host<'_>) -> Result<String, ExportError> {
    table::listing(host)
}
