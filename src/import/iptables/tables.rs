use alloc::vec::Vec;
use core::fmt;

use ipnet::IpNet;

use super::document::Dump;
use super::ipset::IpSet;
use super::told::Told;
use super::{HookRules, ipset_save, lower};
use crate::import::ImportError;
use crate::import::hook::Hook;
use crate::packet::Family;

/// Tables of rules as `iptables-save` and `ip6tables-save` write them.
///
/// First what is to be known besides is told, then the texts are read.
///
/// # Examples
///
/// What cannot be said is an error that names it and shows where it stands:
///
/// ```
/// use portcullis::import::iptables::Iptables;
///
/// let text = "*filter\n:INPUT ACCEPT\n-A INPUT -m recent --name ssh --set\nCOMMIT\n";
/// let error = Iptables::new().v4(text).unwrap_err();
/// assert_eq!(error.to_string(), "\
/// line 3, column 13: match `recent` is not supported
///   -A INPUT -m recent --name ssh --set
///               ^^^^^^");
///
/// let lenient = Iptables::new().lenient(true).v4(text)?;
/// assert_eq!(lenient.left_out().len(), 1);
/// # Ok::<(), portcullis::import::ImportError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Iptables {
    told: Told,
    v4: Option<Dump>,
    v6: Option<Dump>,
    /// What was left out of sets.
    of_sets: Vec<ImportError>,
}

/// A table of iptables whose rules are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Table {
    /// Asked before packets are tracked.
    Raw,
    /// Changes packets; here, their marks.
    Mangle,
    /// Decides.
    Filter,
    /// May decide once more, after the table filter.
    Security,
}

impl Iptables {
    /// Nothing told, nothing read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether rules with something that is not supported are left out, and listed, instead of
    /// being errors (default false). The same goes for entries of sets and for whole tables.
    #[must_use]
    pub fn lenient(mut self, lenient: bool) -> Self {
        self.told.lenient = lenient;
        self
    }

    /// Says that the `nat` tables are somebody else's work: packets come as the filter tables see
    /// them in Linux, their destinations translated already and their sources not yet. The table raw
    /// is asked before that: [`Firewall::classify_translated`] takes both forms of a packet. Without
    /// this, rules in a `nat` table are not supported.
    ///
    /// [`Firewall::classify_translated`]: super::Firewall::classify_translated
    #[must_use]
    pub fn translated(mut self) -> Self {
        self.told.translated = true;
        self
    }

    /// Gives the addresses of the host whose rules these are, each with the length of its network's
    /// prefix (`192.0.2.1/24`): what `addrtype` needs to know which addresses are local and which are
    /// broadcast.
    #[must_use]
    pub fn local<N: Into<IpNet>>(mut self, addresses: impl IntoIterator<Item = N>) -> Self {
        let addresses = addresses.into_iter().map(Into::into);
        self.told.local.get_or_insert_default().extend(addresses);
        self
    }

    /// Gives the contents of a set that rules name with `-m set`.
    #[must_use]
    pub fn set(mut self, name: &str, set: IpSet) -> Self {
        self.told.sets.insert(name.into(), set);
        self
    }

    /// Reads sets as `ipset save` writes them.
    ///
    /// Types of addresses, networks and ports in any combination are read, and lists of sets of
    /// addresses. Sets are taken as they are at that moment.
    ///
    /// # Errors
    ///
    /// The first line that is wrong or, unless the import is lenient, not supported: another type,
    /// an entry that ends after some time.
    pub fn ipset_save(mut self, text: &str) -> Result<Self, ImportError> {
        let read = ipset_save::read(text, self.told.lenient)?;
        self.told.sets.extend(read.sets);
        self.of_sets.extend(read.left_out);
        Ok(self)
    }

    /// Reads what `iptables-save` has written; an empty text is a host without rules.
    ///
    /// # Errors
    ///
    /// The first line that is wrong or, unless the import is lenient, not supported.
    ///
    /// # Complexity
    ///
    /// The length of the text, times the logarithm of the number of chains and sets.
    pub fn v4(mut self, text: &str) -> Result<Self, ImportError> {
        self.v4 = None;
        self.v4 = Some(Dump::read(text, Family::V4, &self.told, self.rates())?);
        Ok(self)
    }

    /// Reads what `ip6tables-save` has written.
    ///
    /// # Errors
    ///
    /// As [`v4`](Self::v4).
    pub fn v6(mut self, text: &str) -> Result<Self, ImportError> {
        self.v6 = None;
        self.v6 = Some(Dump::read(text, Family::V6, &self.told, self.rates())?);
        Ok(self)
    }

    /// What a lenient import has left out: of the sets, of the IPv4 and of the IPv6 text. If it is
    /// not empty, the rules are a part of what was written, and may let more or less through.
    pub fn left_out(&self) -> Vec<&ImportError> {
        let dumps = [&self.v4, &self.v6].into_iter().flatten();
        self.of_sets.iter().chain(dumps.flat_map(|dump| &dump.left_out)).collect()
    }

    /// Whether something was left out.
    pub fn is_partial(&self) -> bool {
        !self.left_out().is_empty()
    }

    /// The rules that packets go through on one of the ways through the host.
    ///
    /// # Complexity
    ///
    /// Linear in the number of rules that the way leads to.
    pub fn hook(&self, hook: Hook) -> HookRules {
        lower::hook(hook, [self.v4.as_ref(), self.v6.as_ref()])
    }

    /// How many rates the texts read so far have.
    fn rates(&self) -> usize {
        [&self.v4, &self.v6].into_iter().flatten().map(|dump| dump.rates.len()).sum()
    }
}

impl Table {
    /// The name that iptables has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Mangle => "mangle",
            Self::Filter => "filter",
            Self::Security => "security",
        }
    }

    /// Whether a chain of this name is built in.
    pub(super) fn has(self, chain: &str) -> bool {
        let chains: &[&str] = match self {
            Self::Raw => &["PREROUTING", "OUTPUT"],
            Self::Mangle => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
            Self::Filter | Self::Security => &["INPUT", "FORWARD", "OUTPUT"],
        };
        chains.contains(&chain)
    }
}

/// Prints [`Table::name`].
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
