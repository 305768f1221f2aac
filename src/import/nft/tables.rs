use ipnet::IpNet;

use super::document::{Listing, Manner};
use super::{HookRules, lower};
use crate::import::JsonError;
use crate::import::hook::Hook;

/// Tables of rules as `nft -j list ruleset` writes them.
///
/// # Examples
///
/// What cannot be said is an error that names it and says where it stands:
///
/// ```
/// use portcullis::import::nft::Nftables;
///
/// let listing = r#"{ "nftables": [
///     { "table": { "family": "inet", "name": "filter", "handle": 1 } },
///     { "chain": { "family": "inet", "table": "filter", "name": "in", "handle": 1,
///                  "type": "filter", "hook": "input", "prio": 0, "policy": "drop" } },
///     { "rule": { "family": "inet", "table": "filter", "chain": "in", "handle": 2,
///                 "expr": [ { "match": { "op": "==", "left": { "meta": { "key": "skuid" } },
///                                        "right": 0 } }, { "accept": null } ] } }
/// ] }"#;
/// let error = Nftables::new().read(listing).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "$.nftables[2].rule.expr[0].match.left.meta.key: `meta skuid` is not supported",
/// );
///
/// let lenient = Nftables::new().lenient(true).read(listing)?;
/// assert_eq!(lenient.left_out(), [error]);
/// # Ok::<(), portcullis::import::JsonError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Nftables {
    manner: Manner,
    listing: Listing,
}

impl Nftables {
    /// Nothing told, nothing read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether what is not supported is left out, and [listed](Self::left_out), instead of being
    /// an error (default false). A rule is left out as a whole.
    #[must_use]
    pub fn lenient(mut self, lenient: bool) -> Self {
        self.manner.lenient = lenient;
        self
    }

    /// Says that chains of type `nat`, and the chains that they alone lead to, are somebody else's work:
    /// packets come as the other chains see them in Linux, their destinations translated already and
    /// their sources not yet. Without it, such chains are not supported.
    #[must_use]
    pub fn translated(mut self) -> Self {
        self.manner.translated = true;
        self
    }

    /// Gives the addresses of the host whose rules these are, each with the length of its network's
    /// prefix (`192.0.2.1/24`): what `fib daddr type` needs to know which addresses are local and which
    /// are broadcast.
    #[must_use]
    pub fn local<N: Into<IpNet>>(mut self, addresses: impl IntoIterator<Item = N>) -> Self {
        let addresses = addresses.into_iter().map(Into::into);
        self.manner.local.get_or_insert_default().extend(addresses);
        self
    }

    /// Reads what `nft -j list ruleset` has written.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong or, unless the import is lenient, not supported, with its path.
    ///
    /// # Complexity
    ///
    /// The length of the text, times the logarithm of the number of chains and sets.
    pub fn read(mut self, text: &str) -> Result<Self, JsonError> {
        self.listing = Listing::read(text, &self.manner)?;
        Ok(self)
    }

    /// What a lenient import has left out.
    pub fn left_out(&self) -> &[JsonError] {
        &self.listing.left_out
    }

    /// Whether something was left out, so that packets may be judged differently.
    pub fn is_partial(&self) -> bool {
        !self.listing.left_out.is_empty()
    }

    /// The rules of one way through the host.
    pub fn hook(&self, hook: Hook) -> HookRules {
        lower::hook(&self.listing, hook)
    }
}
