use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::slots::{Entry, One, Slots, all_scattered, scattered};

/// A set of prefixes, of both IP versions. It holds an address if one of its prefixes does.
///
/// A prefix is an element of its own whatever others hold it: `10.0.0.0/8` can be taken out, and
/// `10.1.0.0/16`, if it was put in, stays.
///
/// # Complexity
///
/// A lookup reads three places in memory for IPv4, and for IPv6 three for each of the groups of lengths
/// that there are (32 to 47, 48 to 64, 65 to 127, 128), none of which waits for another group. Among
/// prefixes that agree in the first 16 bits (IPv4) or in the first 32, 48 or 64 (IPv6), it halves.
/// Inserting or removing one copies some 1/256 of a set of which there is an unchanged copy.
///
/// # Examples
///
/// ```
/// use portcullis::rule::set::PrefixSet;
///
/// let mut set = PrefixSet::from_iter(["10.0.0.0/8".parse()?, "2001:db8::/32".parse()?]);
/// assert!(set.insert("10.1.0.0/16".parse()?));
/// assert!(set.remove("10.0.0.0/8".parse()?));
/// assert!(set.contains("10.1.2.3".parse()?) && !set.contains("10.2.0.0".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct PrefixSet {
    /// Prefixes of IPv4 of fewer than 16 bits.
    short: Arc<Short>,
    /// Those of 16 bits and more, by their first 16.
    long: Slots<V4>,
    /// Prefixes of IPv6 of fewer than 32 bits.
    wide: Arc<Wide>,
    /// Those of 32 to 47 bits, by their first 32.
    sites: Slots<Upper>,
    /// Those of 48 to 64 bits, by their first 48.
    nets: Slots<Upper>,
    /// Those of 65 to 127 bits, by their first 64.
    parts: Slots<Part>,
    /// Single addresses, by all their bits.
    hosts: Slots<One<u128>>,
}

impl PrefixSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a prefix of the set holds the address.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.contains_v4(address.to_bits()),
            IpAddr::V6(address) => self.contains_v6(address.to_bits()),
        }
    }

    #[inline]
    pub(super) fn contains_v4(&self, bits: u32) -> bool {
        self.short.holds(high(bits)) | self.long.holds(high(bits), bits as u16)
    }

    #[inline]
    pub(super) fn contains_v6(&self, bits: u128) -> bool {
        let upper = upper(bits);
        self.nets.holds(net_key(upper), upper)
            | self.sites.holds(site_key(upper), upper)
            | self.parts.holds(part_key(upper), bits)
            | self.hosts.holds(host_key(bits), bits)
            | self.wide.holds(bits)
    }

    /// Whether this prefix, and not only one around it, is in the set. Bits beyond its length do not
    /// count.
    pub fn contains_prefix(&self, prefix: IpNet) -> bool {
        match Home::of(prefix) {
            Home::Short(net) => self.short.nets.contains(&net),
            Home::Long(key, entry) => self.long.contains(key, entry),
            Home::Wide(net) => self.wide.nets.contains(&net),
            Home::Site(key, entry) => self.sites.contains(key, entry),
            Home::Net(key, entry) => self.nets.contains(key, entry),
            Home::Part(key, entry) => self.parts.contains(key, entry),
            Home::Host(key, entry) => self.hosts.contains(key, entry),
        }
    }

    /// Puts a prefix in; `false` if it is there already. Bits beyond its length do not count.
    pub fn insert(&mut self, prefix: IpNet) -> bool {
        match Home::of(prefix) {
            Home::Short(net) => Short::change(&mut self.short, |nets| nets.insert(net)),
            Home::Long(key, entry) => self.long.insert(key, entry),
            Home::Wide(net) => Wide::change(&mut self.wide, |nets| nets.insert(net)),
            Home::Site(key, entry) => self.sites.insert(key, entry),
            Home::Net(key, entry) => self.nets.insert(key, entry),
            Home::Part(key, entry) => self.parts.insert(key, entry),
            Home::Host(key, entry) => self.hosts.insert(key, entry),
        }
    }

    /// Takes a prefix out; `false` if it is not there. Others that it holds or that hold it stay.
    pub fn remove(&mut self, prefix: IpNet) -> bool {
        match Home::of(prefix) {
            Home::Short(net) => Short::change(&mut self.short, |nets| nets.remove(&net)),
            Home::Long(key, entry) => self.long.remove(key, entry),
            Home::Wide(net) => Wide::change(&mut self.wide, |nets| nets.remove(&net)),
            Home::Site(key, entry) => self.sites.remove(key, entry),
            Home::Net(key, entry) => self.nets.remove(key, entry),
            Home::Part(key, entry) => self.parts.remove(key, entry),
            Home::Host(key, entry) => self.hosts.remove(key, entry),
        }
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        let upper = self.sites.len() + self.nets.len();
        let slots = self.long.len() + upper + self.parts.len() + self.hosts.len();
        self.short.nets.len() + self.wide.nets.len() + slots
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The prefixes, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> + '_ {
        let long = self.long.iter().map(|(key, entry)| entry.net(key));
        let v4 = self.short.nets.iter().copied().chain(long).map(IpNet::V4);
        let upper = self.sites.iter().chain(self.nets.iter()).map(|(_, entry)| entry.net());
        let parts = self.parts.iter().map(|(_, entry)| entry.net());
        let hosts = self.hosts.iter().map(|(_, One(bits))| v6(bits, 128));
        let v6 = self.wide.nets.iter().copied().chain(upper).chain(parts).chain(hosts);
        v4.chain(v6.map(IpNet::V6))
    }

    /// The prefixes, those of IPv4 first, ascending.
    pub fn sorted(&self) -> Vec<IpNet> {
        let mut all: Vec<IpNet> = self.iter().collect();
        all.sort_unstable();
        all
    }
}

/// Far quicker than one after the other.
impl Extend<IpNet> for PrefixSet {
    fn extend<I: IntoIterator<Item = IpNet>>(&mut self, prefixes: I) {
        let (mut long, mut sites, mut nets) = (Vec::new(), Vec::new(), Vec::new());
        let (mut parts, mut hosts) = (Vec::new(), Vec::new());
        let (mut short, mut wide) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            match Home::of(prefix) {
                Home::Short(net) => short.push(net),
                Home::Long(key, entry) => long.push((key, entry)),
                Home::Wide(net) => wide.push(net),
                Home::Site(key, entry) => sites.push((key, entry)),
                Home::Net(key, entry) => nets.push((key, entry)),
                Home::Part(key, entry) => parts.push((key, entry)),
                Home::Host(key, entry) => hosts.push((key, entry)),
            }
        }
        self.long.extend(long);
        self.sites.extend(sites);
        self.nets.extend(nets);
        self.parts.extend(parts);
        self.hosts.extend(hosts);
        if !short.is_empty() {
            Short::change(&mut self.short, |nets| nets.extend(short));
        }
        if !wide.is_empty() {
            Wide::change(&mut self.wide, |nets| nets.extend(wide));
        }
    }
}

impl FromIterator<IpNet> for PrefixSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(prefixes: I) -> Self {
        let mut set = Self::new();
        set.extend(prefixes);
        set
    }
}

/// Sets with the same prefixes are equal.
impl PartialEq for PrefixSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|prefix| other.contains_prefix(prefix))
    }
}

impl Eq for PrefixSet {}

impl fmt::Debug for PrefixSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sorted()).finish()
    }
}

/// Where a prefix is kept.
enum Home {
    Short(Ipv4Net),
    Long(u16, V4),
    Wide(Ipv6Net),
    Site(u16, Upper),
    Net(u16, Upper),
    Part(u16, Part),
    Host(u16, One<u128>),
}

impl Home {
    fn of(prefix: IpNet) -> Self {
        match prefix.trunc() {
            IpNet::V4(net) if net.prefix_len() < 16 => Self::Short(net),
            IpNet::V4(net) => {
                let bits = net.addr().to_bits();
                Self::Long(high(bits), V4 { low: bits as u16, len: net.prefix_len() })
            }
            IpNet::V6(net) => {
                let (first, len) = (net.addr().to_bits(), net.prefix_len());
                let entry = Upper { first: upper(first), len };
                match len {
                    0..32 => Self::Wide(net),
                    32..48 => Self::Site(site_key(entry.first), entry),
                    48..=64 => Self::Net(net_key(entry.first), entry),
                    65..128 => Self::Part(part_key(entry.first), Part { first, len }),
                    _ => Self::Host(host_key(first), One(first)),
                }
            }
        }
    }
}

/// A prefix of 16 bits or more, of which the slot says the first 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct V4 {
    low: u16,
    len: u8,
}

impl V4 {
    fn net(self, key: u16) -> Ipv4Net {
        let bits = u32::from(key) << 16 | u32::from(self.low);
        Ipv4Net::new(bits.into(), self.len).unwrap_or_default()
    }
}

impl Entry for V4 {
    type Number = u16;

    fn span(self) -> (u16, u16) {
        let rest = u16::MAX.checked_shr(u32::from(self.len).saturating_sub(16)).unwrap_or(0);
        (self.low, self.low | rest)
    }
}

/// A prefix of at most 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Upper {
    first: u64,
    len: u8,
}

impl Upper {
    fn net(self) -> Ipv6Net {
        v6(u128::from(self.first) << 64, self.len)
    }
}

impl Entry for Upper {
    type Number = u64;

    fn span(self) -> (u64, u64) {
        let rest = u64::MAX.checked_shr(self.len.into()).unwrap_or(0);
        (self.first, self.first | rest)
    }
}

/// A prefix of more than 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    first: u128,
    len: u8,
}

impl Part {
    fn net(self) -> Ipv6Net {
        v6(self.first, self.len)
    }
}

impl Entry for Part {
    type Number = u128;

    fn span(self) -> (u128, u128) {
        let rest = u128::MAX.checked_shr(self.len.into()).unwrap_or(0);
        (self.first, self.first | rest)
    }
}

/// Prefixes of IPv4 of fewer than 16 bits.
#[derive(Clone, Debug, Default)]
struct Short {
    nets: BTreeSet<Ipv4Net>,
    /// A bit for each 16 bits that one of them holds; nothing if there are none.
    held: Option<Box<[u64; 1024]>>,
}

impl Short {
    #[inline]
    fn holds(&self, high: u16) -> bool {
        let Some(held) = &self.held else { return false };
        held.get(usize::from(high / 64)).is_some_and(|word| word >> (high % 64) & 1 == 1)
    }

    fn change<R>(this: &mut Arc<Self>, change: impl FnOnce(&mut BTreeSet<Ipv4Net>) -> R) -> R {
        let Self { nets, held } = Arc::make_mut(this);
        let result = change(nets);
        let mut bits = Box::new([0u64; 1024]);
        for net in nets.iter() {
            let (first, last) = (high(net.network().to_bits()), high(net.broadcast().to_bits()));
            for number in first..=last {
                if let Some(word) = bits.get_mut(usize::from(number / 64)) {
                    *word |= 1 << (number % 64);
                }
            }
        }
        *held = (!nets.is_empty()).then_some(bits);
        result
    }
}

/// Prefixes of IPv6 of fewer than 32 bits.
#[derive(Clone, Debug, Default)]
struct Wide {
    nets: BTreeSet<Ipv6Net>,
    /// What they hold: addresses from and to, ascending.
    spans: Vec<(u128, u128)>,
}

impl Wide {
    #[inline]
    fn holds(&self, bits: u128) -> bool {
        let before = self.spans.partition_point(|(first, _)| *first <= bits);
        let last = before.checked_sub(1).and_then(|last| self.spans.get(last));
        last.is_some_and(|(_, last)| bits <= *last)
    }

    fn change<R>(this: &mut Arc<Self>, change: impl FnOnce(&mut BTreeSet<Ipv6Net>) -> R) -> R {
        let Self { nets, spans } = Arc::make_mut(this);
        let result = change(nets);
        spans.clear();
        for net in nets.iter() {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            if spans.last().is_none_or(|(_, reached)| *reached < last) {
                spans.push((first, last));
            }
        }
        result
    }
}

#[inline]
fn high(bits: u32) -> u16 {
    (bits >> 16) as u16
}

/// The upper half of an IPv6 address.
#[inline]
fn upper(bits: u128) -> u64 {
    (bits >> 64) as u64
}

#[inline]
fn site_key(upper: u64) -> u16 {
    scattered(upper >> 32)
}

#[inline]
fn net_key(upper: u64) -> u16 {
    scattered(upper >> 16)
}

#[inline]
fn part_key(upper: u64) -> u16 {
    scattered(upper)
}

#[inline]
fn host_key(bits: u128) -> u16 {
    all_scattered(bits)
}

fn v6(bits: u128, len: u8) -> Ipv6Net {
    Ipv6Net::new(bits.into(), len).unwrap_or_default()
}
