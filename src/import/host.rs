//! Which addresses are a host's own, broadcast or multicast.
//!
//! # Source
//!
//! Linux `net/ipv4/fib_frontend.c`, `__inet_dev_addr_type`; `net/ipv6/addrconf_core.c`,
//! `__ipv6_addr_type`.

use core::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::meet::bits;
use super::spans::{Spans, complement, intersection, merged};
use crate::packet::Family;

/// Where packets for groups go.
pub(in crate::import) fn multicast(family: Family) -> Spans {
    match family {
        Family::V4 => Spans::from([(0xe000_0000, 0xefff_ffff)]),
        Family::V6 => Spans::from([(0xff << 120, u128::MAX)]),
    }
}

/// The host's own addresses and the loopback network.
pub(in crate::import) fn local(host: &[IpNet], family: Family) -> Spans {
    let own =
        host.iter().map(IpNet::addr).filter(|address| address.is_ipv4() == (family == Family::V4));
    let own = own.map(|address| (bits(address), bits(address)));
    let loopback = match family {
        Family::V4 => (0x7f00_0000, 0x7fff_fffe),
        Family::V6 => (1, 1),
    };
    let local = merged(own.chain([loopback]));
    match family {
        // These are broadcast whatever the host's addresses are.
        Family::V4 => intersection(&local, &complement(&always_broadcast(), u32::MAX.into())),
        Family::V6 => local,
    }
}

/// 0.0.0.0/8 and the limited broadcast address.
fn always_broadcast() -> Spans {
    Spans::from([(0, 0x00ff_ffff), (0xffff_ffff, 0xffff_ffff)])
}

/// The last address of each of the host's networks, but of the smallest two kinds, is broadcast.
pub(in crate::import) fn broadcast(host: &[IpNet]) -> Spans {
    let networks = host.iter().filter_map(|net| match net {
        IpNet::V4(net) => Some(net),
        IpNet::V6(_) => None,
    });
    let last = networks.filter(|net| net.prefix_len() < 31).map(|net| net.broadcast());
    let loopback = [Ipv4Addr::new(127, 255, 255, 255)];
    let spans = last.chain(loopback).map(|address| bits(IpAddr::V4(address)));
    merged(spans.map(|bits| (bits, bits)).chain(always_broadcast()))
}
