use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use ipnet::IpNet;

use super::ipset::IpSet;

/// What the caller has told besides the rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) sets: BTreeMap<Box<str>, IpSet>,
    /// The host's own addresses, each with the network that it is in.
    pub(super) local: Option<Vec<IpNet>>,
    /// Whether addresses are translated outside.
    pub(super) translated: bool,
    /// Whether what is not supported is left out.
    pub(super) lenient: bool,
}
