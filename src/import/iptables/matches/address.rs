use core::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::Match;
use crate::import::iptables::clause::{Clause, Place};
use crate::import::iptables::fault::Fault;
use crate::import::iptables::told::Told;
use crate::import::iptables::values::{address, asked, once};
use crate::import::iptables::words::{Word, Words};
use crate::import::meet::{address_ranges, bits};
use crate::import::spans::{Spans, complement, intersection, merged};
use crate::packet::Family;
use crate::rule::{AnyOf, Criteria, IpRange};

/// `iprange`: ranges of addresses that need not be prefixes.
///
/// # Source
///
/// Linux `net/netfilter/xt_iprange.c`.
pub(super) struct IpRanges {
    family: Family,
    src: Option<AnyOf<IpRange>>,
    dst: Option<AnyOf<IpRange>>,
}

impl IpRanges {
    pub(super) const fn new(family: Family) -> Self {
        Self { family, src: None, dst: None }
    }
}

impl Match for IpRanges {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        let slot = match &*option.text {
            "--src-range" => &mut self.src,
            "--dst-range" => &mut self.dst,
            _ => return Ok(false),
        };
        let word = values.value("two addresses with `-` between")?;
        let (first, last) =
            word.split('-').unwrap_or_else(|| (word.part(&word.text, 0), word.part(&word.text, 0)));
        let (first, last) = (address(&first, self.family)?, address(&last, self.family)?);
        let range = IpRange::new(first, last);
        let range = range.ok_or_else(|| word.expected("a range from low to high"))?;
        once(slot, option, asked([range], negated))?;
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        if self.src.is_none() && self.dst.is_none() {
            return Err(name.expected("`--src-range` or `--dst-range` after `iprange`"));
        }
        let (src, dst) = (self.src.clone(), self.dst.clone());
        Ok(Clause::of(Criteria {
            src: src.unwrap_or_default(),
            dst: dst.unwrap_or_default(),
            ..Criteria::default()
        }))
    }
}

/// `addrtype`, as far as the types follow from the addresses of this host.
///
/// # Source
///
/// Linux `net/netfilter/xt_addrtype.c`; `net/ipv4/fib_frontend.c`, `__inet_dev_addr_type`;
/// `net/ipv6/addrconf_core.c`, `__ipv6_addr_type`.
pub(super) struct AddrType<'t> {
    family: Family,
    told: &'t Told,
    src: Option<AnyOf<IpRange>>,
    dst: Option<AnyOf<IpRange>>,
}

impl<'t> AddrType<'t> {
    pub(super) const fn new(family: Family, told: &'t Told) -> Self {
        Self { family, told, src: None, dst: None }
    }

    /// The addresses of the types in a list.
    fn types(&self, word: &Word<'_>) -> Result<Spans, Fault> {
        let parts = word.parts(',');
        // In IPv6 an address must be of every type asked for, which only one type ever means.
        if self.family == Family::V6 && parts.len() > 1 {
            return Err(word.unsupported("the list of address types"));
        }
        let mut spans = Spans::new();
        for part in parts {
            spans.extend(self.of_type(&part)?);
        }
        Ok(merged(spans))
    }

    fn of_type(&self, word: &Word<'_>) -> Result<Spans, Fault> {
        match (&*word.text.to_ascii_uppercase(), self.family) {
            ("MULTICAST", family) => Ok(multicast(family)),
            ("UNICAST", Family::V6) => Ok(unicast_v6()),
            ("LOCAL", family) => Ok(local(self.host(word)?, family)),
            ("BROADCAST", Family::V4) => Ok(broadcast(self.host(word)?)),
            ("UNICAST", Family::V4) => {
                let host = self.host(word)?;
                let others = [multicast(Family::V4), local(host, Family::V4), broadcast(host)];
                Ok(complement(&merged(others.into_iter().flatten()), u128::from(u32::MAX)))
            }
            _ => Err(word.unsupported("the address type")),
        }
    }

    /// This host's addresses.
    fn host(&self, word: &Word<'_>) -> Result<&'t [IpNet], Fault> {
        self.told.local.as_deref().ok_or_else(|| {
            let message =
                "without this host's addresses, which `Iptables::local` gives, the address type";
            word.unsupported(message)
        })
    }
}

impl Match for AddrType<'_> {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        match &*option.text {
            "--src-type" | "--dst-type" => {}
            "--limit-iface-in" | "--limit-iface-out" => return Err(option.unsupported("option")),
            _ => return Ok(false),
        }
        let spans = self.types(&values.value("address types")?)?;
        let value = asked(address_ranges(&spans, self.family), negated);
        let slot = if option.text == "--src-type" { &mut self.src } else { &mut self.dst };
        once(slot, option, value)?;
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, _: Place) -> Result<Clause, Fault> {
        if self.src.is_none() && self.dst.is_none() {
            return Err(name.expected("`--src-type` or `--dst-type` after `addrtype`"));
        }
        let (src, dst) = (self.src.clone(), self.dst.clone());
        Ok(Clause::of(Criteria {
            src: src.unwrap_or_default(),
            dst: dst.unwrap_or_default(),
            ..Criteria::default()
        }))
    }
}

fn multicast(family: Family) -> Spans {
    match family {
        Family::V4 => Spans::from([(0xe000_0000, 0xefff_ffff)]),
        Family::V6 => Spans::from([(0xff << 120, u128::MAX)]),
    }
}

/// All but multicast, the unspecified address and IPv4-mapped ones.
fn unicast_v6() -> Spans {
    let mapped = (0xffff_0000_0000, 0xffff_ffff_ffff);
    let others = merged([(0, 0), mapped].into_iter().chain(multicast(Family::V6)));
    complement(&others, u128::MAX)
}

/// The host's own addresses and the loopback network.
fn local(host: &[IpNet], family: Family) -> Spans {
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
fn broadcast(host: &[IpNet]) -> Spans {
    let networks = host.iter().filter_map(|net| match net {
        IpNet::V4(net) => Some(net),
        IpNet::V6(_) => None,
    });
    let last = networks.filter(|net| net.prefix_len() < 31).map(|net| net.broadcast());
    let loopback = [Ipv4Addr::new(127, 255, 255, 255)];
    let spans = last.chain(loopback).map(|address| bits(IpAddr::V4(address)));
    merged(spans.map(|bits| (bits, bits)).chain(always_broadcast()))
}
