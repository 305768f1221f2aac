//! Rules of other systems.

#[cfg(feature = "import")]
mod aws;
mod classbench;
pub(crate) mod iptables;
#[cfg(feature = "import")]
mod nft;
mod translate;
