use core::time::Duration;

/// How much a [`Reassembler`](super::Reassembler) holds, and for how long.
///
/// # Source
///
/// Defaults are Linux's (`Documentation/networking/ip-sysctl.rst`) where it has such a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FragmentLimits {
    /// The most bytes held, in incomplete datagrams and what is kept of them (default 4 MiB).
    pub memory: usize,
    /// The most incomplete datagrams (default 4096).
    pub datagrams: u32,
    /// The most incomplete datagrams of one source, an IPv4 address or an IPv6 /64 (default 256).
    /// Past it the source's oldest is given up.
    pub per_source: u32,
    /// The most fragments of one datagram (default 1366: as many as links of the least size that
    /// IPv4 permits, 68 bytes, make of the largest datagram).
    pub fragments: u32,
    /// How long an IPv4 datagram may take from its first fragment to its last (default 30 s).
    pub timeout_v4: Duration,
    /// The same for IPv6 (default 60 s).
    pub timeout_v6: Duration,
    /// How many IPv4 fragments of its source may come between two of one datagram; past it, what
    /// is there is given up, since identifiers of 16 bits come round (default 64; 0: any number).
    pub max_distance: u32,
    /// Who gives way when there is no room.
    pub when_full: WhenFull,
    /// Whether the transport checksum of a datagram is checked, for
    /// [`Packet::checksum`](crate::Packet::checksum) (default true).
    pub checksum: bool,
}

/// Who gives way when there is no room for another fragment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// The oldest incomplete datagrams. A sound one is complete within milliseconds; what a flood
    /// leaves behind is what gets old.
    #[default]
    DropOldest,
    /// The fragment that has just come, as in Linux: a flood then keeps all others out until what
    /// it left times out.
    Refuse,
}

impl Default for FragmentLimits {
    fn default() -> Self {
        Self {
            memory: 4 << 20,
            datagrams: 4096,
            per_source: 256,
            fragments: 1366,
            timeout_v4: Duration::from_secs(30),
            timeout_v6: Duration::from_secs(60),
            max_distance: 64,
            when_full: WhenFull::default(),
            checksum: true,
        }
    }
}
