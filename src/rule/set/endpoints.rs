use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr};

use super::slots::{One, Slots, all_scattered, scattered};

/// A set of pairs of an address and a port.
///
/// # Complexity
///
/// A lookup reads three places in memory, and counts among the pairs that share a slot of 65,536. Inserting
/// or removing a pair copies some 1/256 of a set of which there is an unchanged copy.
///
/// # Examples
///
/// ```
/// use portcullis::rule::set::EndpointSet;
///
/// let set = EndpointSet::from_iter([("192.0.2.1".parse()?, 443), ("2001:db8::1".parse()?, 53)]);
/// assert!(set.contains("192.0.2.1".parse()?, 443));
/// assert!(!set.contains("192.0.2.1".parse()?, 53));
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Clone, Default)]
pub struct EndpointSet {
    v4: Slots<One<u32>>,
    v6: Slots<One<u128>>,
}

impl EndpointSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the pair is in the set.
    #[inline]
    pub fn contains(&self, address: IpAddr, port: u16) -> bool {
        match Pair::new(address, port) {
            Pair::V4(key, One(bits)) => self.v4.holds(key, bits),
            Pair::V6(key, One(bits)) => self.v6.holds(key, bits),
        }
    }

    /// Puts a pair in; `false` if it is there already.
    pub fn insert(&mut self, address: IpAddr, port: u16) -> bool {
        match Pair::new(address, port) {
            Pair::V4(key, entry) => self.v4.insert(key, entry),
            Pair::V6(key, entry) => self.v6.insert(key, entry),
        }
    }

    /// Takes a pair out; `false` if it is not there.
    pub fn remove(&mut self, address: IpAddr, port: u16) -> bool {
        match Pair::new(address, port) {
            Pair::V4(key, entry) => self.v4.remove(key, entry),
            Pair::V6(key, entry) => self.v6.remove(key, entry),
        }
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pairs, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, u16)> + '_ {
        self.v4.iter().map(of_v4).chain(self.v6.iter().map(of_v6))
    }

    /// The pairs, those of IPv4 first, ascending.
    pub fn sorted(&self) -> Vec<(IpAddr, u16)> {
        let mut all: Vec<(IpAddr, u16)> = self.iter().collect();
        all.sort_unstable();
        all
    }
}

/// Far quicker than one after the other.
impl Extend<(IpAddr, u16)> for EndpointSet {
    fn extend<I: IntoIterator<Item = (IpAddr, u16)>>(&mut self, pairs: I) {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (address, port) in pairs {
            match Pair::new(address, port) {
                Pair::V4(key, entry) => v4.push((key, entry)),
                Pair::V6(key, entry) => v6.push((key, entry)),
            }
        }
        self.v4.extend(v4);
        self.v6.extend(v6);
    }
}

impl FromIterator<(IpAddr, u16)> for EndpointSet {
    fn from_iter<I: IntoIterator<Item = (IpAddr, u16)>>(pairs: I) -> Self {
        let mut set = Self::new();
        set.extend(pairs);
        set
    }
}

/// Sets with the same pairs are equal.
impl PartialEq for EndpointSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().all(|(address, port)| other.contains(address, port))
    }
}

impl Eq for EndpointSet {}

impl fmt::Debug for EndpointSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.sorted().into_iter();
        f.debug_set().entries(pairs.map(|(address, port)| SocketAddr::new(address, port))).finish()
    }
}

/// A pair: the key of its slot, which the address and the port give together, and the address.
enum Pair {
    V4(u16, One<u32>),
    V6(u16, One<u128>),
}

impl Pair {
    #[inline]
    fn new(address: IpAddr, port: u16) -> Self {
        match address {
            IpAddr::V4(address) => {
                let bits = address.to_bits();
                Self::V4(scattered(bits.into()) ^ port, One(bits))
            }
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                Self::V6(all_scattered(bits) ^ port, One(bits))
            }
        }
    }
}

/// The pair with this key and address.
fn of_v4((key, One(bits)): (u16, One<u32>)) -> (IpAddr, u16) {
    (IpAddr::V4(bits.into()), scattered(bits.into()) ^ key)
}

/// The pair with this key and address.
fn of_v6((key, One(bits)): (u16, One<u128>)) -> (IpAddr, u16) {
    (IpAddr::V6(bits.into()), all_scattered(bits) ^ key)
}
