use etherparse::{icmpv4, icmpv6};

use super::ip::Datagram;
use super::quote;
use super::transport::Head;
use crate::packet::{Family, IcmpMessage, Quote, Transport};

const HEADER_LEN: usize = 8;
/// Where a redirect's options begin (RFC 4861 section 4.5).
const REDIRECT_LEN: usize = 40;
const REDIRECTED_HEADER_OPTION: u8 = 4;
/// What stands before the quote in that option (section 4.6.3).
const REDIRECT_OPTION_LEN: usize = 8;

pub(super) fn read(datagram: &Datagram<'_>) -> Head {
    let Some((header, body)) = datagram.payload.split_first_chunk::<HEADER_LEN>() else {
        return Head::short(datagram);
    };
    let [icmp_type, code, _, _, i0, i1, _, _] = *header;
    let family = datagram.addrs.family();
    let identifier = has_identifier(family, icmp_type).then_some(u16::from_be_bytes([i0, i1]));
    let quote = match family {
        Family::V4 if is_v4_error(icmp_type) => quote::v4(body),
        Family::V6 if is_v6_error(icmp_type) => quote::v6(body),
        Family::V6 if (icmp_type, code) == (icmpv6::TYPE_REDIRECT_MESSAGE, 0) => {
            redirected(datagram.payload)
        }
        _ => None,
    };
    let message = IcmpMessage { icmp_type, code, identifier, quote };
    Head { transport: Transport::Icmp(message), ..Head::NONE }
}

/// Whether the fifth and sixth byte are an identifier that a reply repeats.
pub(super) const fn has_identifier(family: Family, icmp_type: u8) -> bool {
    match family {
        Family::V4 => matches!(
            icmp_type,
            icmpv4::TYPE_ECHO_REPLY
                | icmpv4::TYPE_ECHO_REQUEST
                | icmpv4::TYPE_TIMESTAMP
                | icmpv4::TYPE_TIMESTAMP_REPLY
                | 15..=18 // information request and reply, address mask request and reply
        ),
        // 139 and 140: node information query and reply. Their "qtype" stands in that place.
        Family::V6 => {
            matches!(icmp_type, icmpv6::TYPE_ECHO_REQUEST | icmpv6::TYPE_ECHO_REPLY | 139 | 140)
        }
    }
}

const fn is_v4_error(icmp_type: u8) -> bool {
    matches!(
        icmp_type,
        icmpv4::TYPE_DEST_UNREACH
            | 4 // source quench
            | icmpv4::TYPE_REDIRECT
            | icmpv4::TYPE_TIME_EXCEEDED
            | icmpv4::TYPE_PARAMETER_PROBLEM
    )
}

/// The types below 128 are errors, those not assigned yet included (RFC 4443 section 2.1).
const fn is_v6_error(icmp_type: u8) -> bool {
    icmp_type < icmpv6::TYPE_ECHO_REQUEST
}

/// What an ICMPv6 redirect quotes, if the quote is its first option.
fn redirected(message: &[u8]) -> Option<Quote> {
    let option = message.get(REDIRECT_LEN..)?;
    match option.first_chunk()? {
        [REDIRECTED_HEADER_OPTION, len] if *len > 0 => {
            quote::v6(option.get(REDIRECT_OPTION_LEN..)?)
        }
        _ => None,
    }
}
