use core::fmt;

use etherparse::err::{ipv4, ipv6};

/// Why bytes are not an IP packet. Offsets and lengths are in bytes; an offset is that of the
/// layer's first byte from the start of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// A header is cut short.
    Short {
        /// Whose header.
        layer: Layer,
        /// Where it starts.
        offset: usize,
        /// The bytes that it takes.
        required: usize,
        /// The bytes that are left from `offset`.
        available: usize,
    },
    /// A frame that carries something other than IP. Nothing is wrong with it.
    NotIp {
        /// What it carries, behind all VLAN tags. Below 0x600 it is the length of an 802.3 frame,
        /// which has no ether type.
        ether_type: u16,
        /// Where that begins.
        offset: usize,
    },
    /// The version field is not 4 or 6, or not the one that the ether type says.
    Version {
        /// Where the IP header starts.
        offset: usize,
        /// The version field.
        version: u8,
    },
    /// The IPv4 header length field is below 5.
    HeaderLength {
        /// Where the IPv4 header starts.
        offset: usize,
        /// The field, in units of four bytes.
        words: u8,
    },
    /// The IPv4 total length is less than the header's own length.
    TotalLength {
        /// Where the IPv4 header starts.
        offset: usize,
        /// The total length field.
        total: u16,
        /// The length of the header.
        header: u8,
    },
}

impl ParseError {
    pub(super) const fn ipv4(error: &ipv4::HeaderSliceError, offset: usize) -> Self {
        use ipv4::HeaderError::{HeaderLengthSmallerThanHeader, UnexpectedVersion};
        use ipv4::HeaderSliceError::{Content, Len};
        match error {
            Len(error) => Self::Short {
                layer: Layer::Ipv4,
                offset,
                required: error.required_len,
                available: error.len,
            },
            Content(UnexpectedVersion { version_number }) => {
                Self::Version { offset, version: *version_number }
            }
            Content(HeaderLengthSmallerThanHeader { ihl }) => {
                Self::HeaderLength { offset, words: *ihl }
            }
        }
    }

    pub(super) const fn ipv6(error: &ipv6::HeaderSliceError, offset: usize) -> Self {
        use ipv6::HeaderError::UnexpectedVersion;
        use ipv6::HeaderSliceError::{Content, Len};
        match error {
            Len(error) => Self::Short {
                layer: Layer::Ipv6,
                offset,
                required: error.required_len,
                available: error.len,
            },
            Content(UnexpectedVersion { version_number }) => {
                Self::Version { offset, version: *version_number }
            }
        }
    }
}

/// Prints `ipv4 header at byte 14 needs 20 bytes, only 6 are there` and the like.
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { layer, offset, required, available } => write!(
                f,
                "{layer} header at byte {offset} needs {required} bytes, only {available} are there"
            ),
            Self::NotIp { ether_type, offset } => {
                write!(f, "not an IP packet: ether type {ether_type:#06x} at byte {offset}")
            }
            Self::Version { offset, version } => {
                write!(f, "unexpected IP version {version} at byte {offset}")
            }
            Self::HeaderLength { offset, words } => write!(
                f,
                "ipv4 header at byte {offset} gives its own length as {words} words, at least 5 are needed"
            ),
            Self::TotalLength { offset, total, header } => write!(
                f,
                "ipv4 header at byte {offset} gives a total length of {total} bytes, its header alone takes {header}"
            ),
        }
    }
}

impl core::error::Error for ParseError {}

/// A header that a packet has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layer {
    /// Ethernet II.
    Ethernet,
    /// A VLAN tag, with the ether type behind it.
    VlanTag,
    /// IP of a version that is not known yet.
    Ip,
    /// IPv4, with options.
    Ipv4,
    /// IPv6, without extension headers.
    Ipv6,
}

/// Prints `ethernet`, `vlan tag`, `ip`, `ipv4` or `ipv6`.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ethernet => "ethernet",
            Self::VlanTag => "vlan tag",
            Self::Ip => "ip",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        })
    }
}
