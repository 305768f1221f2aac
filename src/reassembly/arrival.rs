use crate::packet::{Packet, ParseError, Share};

/// An IP packet as it came in: its summary, its bytes, and a token that stands for it.
///
/// # Examples
///
/// ```
/// use portcullis::reassembly::Arrival;
///
/// let bytes = [
///     0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 53, // IPv4
///     0x9c, 0x40, 0, 53, 0, 8, 0, 0, // UDP
/// ];
/// let mut arrival = Arrival::from_ip(&bytes, "buffer 17")?.interface(2);
/// arrival.packet.mark = 7;
/// # Ok::<(), portcullis::packet::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a, T = ()> {
    /// The summary of this packet. What the bytes do not say (interfaces, zone, mark and the like)
    /// is the caller's to set; a datagram has it from the fragment that completed it. Fragments of
    /// different zones never belong together.
    pub packet: Packet,
    pub(super) bytes: &'a [u8],
    pub(super) share: Share<'a>,
    pub(super) interface: u32,
    pub(super) fragment: T,
}

impl<'a, T> Arrival<'a, T> {
    /// An IP packet, from the first byte of its IP header, as [`Packet::from_ip`] reads it.
    ///
    /// `fragment` is the caller's, such as the buffer or its number: it comes back when the fate
    /// of the packet is known, and is dropped if its datagram is given up meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`Packet::from_ip`].
    pub fn from_ip(bytes: &'a [u8], fragment: T) -> Result<Self, ParseError> {
        Self::new(Packet::from_ip(bytes)?, bytes, fragment)
    }

    /// The IP packet in an Ethernet II frame, as [`Packet::from_ethernet`] reads it.
    ///
    /// # Errors
    ///
    /// Those of [`Packet::from_ethernet`].
    pub fn from_ethernet(frame: &'a [u8], fragment: T) -> Result<Self, ParseError> {
        let (packet, bytes) = Packet::with_ip_bytes(frame)?;
        Self::new(packet, bytes, fragment)
    }

    /// The bytes of the IP packet, and what may be behind it.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn new(packet: Packet, bytes: &'a [u8], fragment: T) -> Result<Self, ParseError> {
        let share = Share::of_ip(bytes)?;
        Ok(Self { packet, bytes, share, interface: 0, fragment })
    }

    /// Sets a number for the interface that the packet came in by (default 0). IPv6 fragments of
    /// different interfaces do not belong together; those of IPv4 do.
    #[must_use]
    pub fn interface(mut self, interface: u32) -> Self {
        self.interface = interface;
        self
    }
}
