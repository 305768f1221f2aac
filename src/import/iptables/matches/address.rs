use ipnet::IpNet;

use super::Match;
use crate::import::host::{broadcast, local, multicast};
use crate::import::iptables::clause::{Clause, Place};
use crate::import::iptables::fault::Fault;
use crate::import::iptables::told::Told;
use crate::import::iptables::values::{address, asked, once};
use crate::import::iptables::words::{Word, Words};
use crate::import::meet::address_ranges;
use crate::import::spans::{Spans, complement, merged};
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

/// All but multicast, the unspecified address and IPv4-mapped ones.
fn unicast_v6() -> Spans {
    let mapped = (0xffff_0000_0000, 0xffff_ffff_ffff);
    let others = merged([(0, 0), mapped].into_iter().chain(multicast(Family::V6)));
    complement(&others, u128::MAX)
}
