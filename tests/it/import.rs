//! Rules of other systems.

#[cfg(feature = "import")]
mod aws;
mod classbench;
pub(crate) mod iptables;
mod judged;
mod large;
#[cfg(feature = "import")]
mod nft;
mod translate;
