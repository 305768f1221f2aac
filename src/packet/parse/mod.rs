//! [`Packet`] from bytes: the link layer, the IP headers, the transport header, and what an ICMP
//! error quotes. One pass, no allocation; bytes are read through checked accesses only.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod checksum;
mod error;
mod extension;
#[cfg(feature = "alloc")]
mod fragment;
mod gre;
mod icmp;
mod ip;
mod link;
mod payload;
mod quote;
mod sctp;
mod tcp;
mod transport;

pub use error::{Layer, ParseError};
#[cfg(feature = "alloc")]
pub(crate) use fragment::{Piece, Share};

use self::ip::Datagram;
use self::link::Frame;
use super::Packet;

impl Packet {
    /// The summary of an Ethernet II frame, from its first destination address byte, without
    /// preamble and frame check sequence.
    ///
    /// 802.1Q, 802.1ad and pre-standard (0x9100) tags are read to the innermost, and the outermost
    /// one's id becomes [`Packet::vlan`]. Behind the tags everything is as in [`Packet::from_ip`];
    /// an IP version other than the ether type's is an error.
    ///
    /// # Errors
    ///
    /// Those of [`Packet::from_ip`], and [`ParseError::NotIp`] for a sound frame that carries
    /// something else, such as ARP.
    ///
    /// # Complexity
    ///
    /// Linear in the length of the headers. Never panics and never allocates.
    ///
    /// # Source
    ///
    /// IEEE 802.3, 802.1Q.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::Packet;
    /// use portcullis::packet::ParseError;
    ///
    /// let arp = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &[0x08, 0x06], &[0; 28]].concat();
    /// let error = Packet::from_ethernet(&arp).unwrap_err();
    /// assert!(matches!(error, ParseError::NotIp { ether_type: 0x0806, .. }));
    /// ```
    pub fn from_ethernet(frame: &[u8]) -> Result<Self, ParseError> {
        let Frame { vlan, datagram, .. } = Frame::read(frame)?;
        Ok(datagram.packet(vlan))
    }

    /// The summary of an IPv4 or IPv6 packet, from the first byte of its IP header.
    ///
    /// * Bytes beyond the IP header's length field are left out (Ethernet pads short frames). Where
    ///   bytes are missing, as in a capture that keeps only the start of each packet, what is there
    ///   is read; [`Packet::length`] and the payload length are the IP header's all the same. An
    ///   IPv6 length of 0 before a hop-by-hop header (a jumbogram) stands for all bytes given.
    /// * IPv6 hop-by-hop, destination, routing, fragment and authentication headers are
    ///   walked in any order. The protocol is the first other one; ESP and "no next header" (59)
    ///   are such. If the chain ends before it, [`Malformed::ExtensionHeaders`] is set and the
    ///   protocol is that of the header that could not be read. The same holds if a later fragment's
    ///   first header is an extension header, because the next is not known.
    /// * A later fragment has no ports and no transport header. An IPv6 packet with a fragment
    ///   header but no other fragments ("atomic") is whole.
    /// * A transport header needs 20 bytes for TCP, 8 for UDP, UDP-Lite, ICMP and ICMPv6, 12 for SCTP
    ///   and DCCP. With fewer there are no ports, and [`Malformed::ShortTransport`] or
    ///   [`Malformed::ShortPorts`] is set; ports among those bytes become [`Packet::cut_ports`].
    ///   ICMP is read in IPv4 packets only and ICMPv6 in IPv6 packets only.
    /// * A header that is there but contradicts itself keeps its ports and fields, and
    ///   [`Malformed::BadTransport`] is set: TCP with a data offset below 5 or beyond the bytes
    ///   there; UDP with a length below 8 or, unless it is a first fragment, beyond the packet;
    ///   UDP-Lite with such a coverage other than 0, or without a checksum; SCTP with no chunk, a chunk
    ///   of length 0, or chunks that must not stand together; enhanced GRE (version 1) that carries
    ///   anything but PPP.
    /// * TCP options: reading ends at the end-of-list option, or at one whose length is below 2 or
    ///   beyond the list; options of a wrong length are skipped.
    /// * Checksums are not looked at (see [`Checksum::of_ip`]), IP options and the contents of
    ///   extension headers not judged.
    ///
    /// [`Checksum::of_ip`]: super::Checksum::of_ip
    /// [`Malformed::ExtensionHeaders`]: super::Malformed::ExtensionHeaders
    /// [`Malformed::ShortTransport`]: super::Malformed::ShortTransport
    /// [`Malformed::ShortPorts`]: super::Malformed::ShortPorts
    /// [`Malformed::BadTransport`]: super::Malformed::BadTransport
    ///
    /// # Errors
    ///
    /// When the IP header itself (without extension headers) is cut short, is of a version other
    /// than 4 and 6, or gives a length that its own header does not fit in. The error says where.
    ///
    /// # Complexity
    ///
    /// Linear in the length of the headers. Never panics and never allocates.
    ///
    /// # Source
    ///
    /// RFC 791 (IPv4), 8200 (IPv6), 2675 (jumbograms), 4302 (authentication header), 6946 (atomic
    /// fragments), 2474 (DSCP); RFC 9293 (TCP), 7323 (window scale), 2018 (selective
    /// acknowledgement); RFC 768 (UDP), 3828 (UDP-Lite), 9260 (SCTP), 4340 (DCCP), 2637 (enhanced GRE); RFC 792, 950
    /// (ICMP), 4443, 4620, 4861 (ICMPv6), 4884 (quotes). How many bytes a header needs and how IPv6
    /// headers are walked: Linux `xt_tcpudp.c`, `ip6_tables.c`, `net/ipv6/exthdrs_core.c`.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{Packet, Protocol};
    ///
    /// let bytes = [
    ///     0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1, // IPv4
    ///     0x9c, 0x40, 0, 53, 0, 8, 0, 0, // UDP
    /// ];
    /// let packet = Packet::from_ip(&bytes)?;
    /// assert_eq!(packet.to_string(), "udp 10.0.0.1:40000 > 192.0.2.1:53");
    /// # Ok::<(), portcullis::packet::ParseError>(())
    /// ```
    pub fn from_ip(bytes: &[u8]) -> Result<Self, ParseError> {
        Ok(Datagram::read(bytes)?.packet(None))
    }

    /// [`from_ethernet`](Self::from_ethernet) with the bytes of the IP packet in the frame, and
    /// what may be behind it.
    #[cfg(feature = "alloc")]
    pub(crate) fn with_ip_bytes(frame: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let Frame { vlan, datagram, ip } = Frame::read(frame)?;
        Ok((datagram.packet(vlan), ip))
    }
}
