/// What is known of a packet's transport checksum.
///
/// Parsing does not look at it, because that takes all bytes of the packet. Who wants it checked,
/// as a connection tracker does before it believes a packet, sets [`Packet::checksum`] from
/// [`Checksum::of_ip`] or [`Checksum::of_ethernet`] (feature `parse`), or from what the network
/// card says.
///
/// [`Packet::checksum`]: super::Packet::checksum
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Checksum {
    /// Not looked at, or there is none to check: a fragment, a header or capture cut short, UDP sent
    /// without a checksum, another protocol.
    #[default]
    Unchecked,
    /// Fits the packet.
    Right,
    /// Does not fit the packet.
    Wrong,
    /// That of a UDP datagram that is shorter than the packet it fills, and right for the datagram.
    /// Linux's connection tracker sums up all of the packet and takes it for wrong.
    RightInPart,
    /// That of a UDP-Lite packet, which fits only with UDP's protocol number in the pseudo header.
    /// By RFC 3828 it is wrong. Linux's connection tracker takes it for right, and a right one for
    /// wrong.
    RightAsUdp,
}
