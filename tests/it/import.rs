//! Rules of other systems.

#[cfg(feature = "import")]
mod aws;
mod classbench;
mod iptables;
