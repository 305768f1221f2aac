use etherparse::{EtherType, Ethernet2HeaderSlice, SingleVlanHeaderSlice, ether_type};

use super::ip::Datagram;
use super::{Layer, ParseError};

const ETHERNET_LEN: usize = 14;
const TAG_LEN: usize = 4;

/// A frame that carries an IP packet.
pub(super) struct Frame<'a> {
    /// The id of the outermost tag.
    pub(super) vlan: Option<u16>,
    pub(super) datagram: Datagram<'a>,
    /// The bytes of the IP packet, and what may be behind it.
    #[cfg(feature = "alloc")]
    pub(super) ip: &'a [u8],
}

impl<'a> Frame<'a> {
    #[inline]
    pub(super) fn read(frame: &'a [u8]) -> Result<Self, ParseError> {
        let Ok(header) = Ethernet2HeaderSlice::from_slice(frame) else {
            return Err(short(frame, Layer::Ethernet, 0, ETHERNET_LEN));
        };
        let mut offset = ETHERNET_LEN;
        let mut carried = header.ether_type();
        let mut vlan = None;
        while is_tag(carried) {
            let Ok(tag) = SingleVlanHeaderSlice::from_slice(behind(frame, offset)) else {
                return Err(short(frame, Layer::VlanTag, offset, TAG_LEN));
            };
            vlan = vlan.or(Some(tag.vlan_identifier().value()));
            carried = tag.ether_type();
            offset += TAG_LEN;
        }
        let ip = behind(frame, offset);
        let datagram = match carried {
            ether_type::IPV4 => Datagram::v4(ip, offset)?,
            ether_type::IPV6 => Datagram::v6(ip, offset)?,
            EtherType(ether_type) => return Err(ParseError::NotIp { ether_type, offset }),
        };
        Ok(Self {
            vlan,
            datagram,
            #[cfg(feature = "alloc")]
            ip,
        })
    }
}

const fn is_tag(carried: EtherType) -> bool {
    matches!(
        carried,
        ether_type::VLAN_TAGGED_FRAME
            | ether_type::PROVIDER_BRIDGING
            | ether_type::VLAN_DOUBLE_TAGGED_FRAME
    )
}

fn behind(frame: &[u8], offset: usize) -> &[u8] {
    frame.get(offset..).unwrap_or_default()
}

fn short(frame: &[u8], layer: Layer, offset: usize, required: usize) -> ParseError {
    ParseError::Short { layer, offset, required, available: behind(frame, offset).len() }
}
