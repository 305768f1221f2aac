use super::ParseError;
use super::ip::Datagram;
use super::link::Frame;
use crate::packet::{Fragment, Packet, Protocol};

impl Packet {
    /// The bytes behind the TCP, UDP or UDP-Lite header of an IPv4 or IPv6 packet, as far as they
    /// are there. Other protocols, later fragments and headers cut short have none.
    ///
    /// # Errors
    ///
    /// Those of [`Packet::from_ip`].
    ///
    /// # Complexity
    ///
    /// Linear in the length of the headers. Never panics and never allocates.
    pub fn payload_of_ip(bytes: &[u8]) -> Result<&[u8], ParseError> {
        Datagram::read(bytes).map(|datagram| payload(&datagram))
    }

    /// [`Packet::payload_of_ip`] of what an Ethernet II frame carries.
    ///
    /// # Errors
    ///
    /// Those of [`Packet::from_ethernet`].
    pub fn payload_of_ethernet(frame: &[u8]) -> Result<&[u8], ParseError> {
        Frame::read(frame).map(|frame| payload(&frame.datagram))
    }
}

fn payload<'a>(datagram: &Datagram<'a>) -> &'a [u8] {
    let bytes = datagram.payload;
    let header_len = match (datagram.fragment, datagram.protocol) {
        (Fragment::Later, _) => None,
        (_, Protocol::TCP) => bytes.get(12).map(|offset| usize::from(offset >> 4) * 4),
        (_, Protocol::UDP | Protocol::UDP_LITE) => Some(8),
        _ => None,
    };
    // A header of fewer than its fixed bytes is none.
    let fixed_len = if datagram.protocol == Protocol::TCP { 20 } else { 8 };
    let header_len = header_len.filter(|len| *len >= fixed_len);
    header_len.and_then(|len| bytes.get(len..)).unwrap_or_default()
}
