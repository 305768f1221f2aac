use alloc::boxed::Box;
use core::fmt;

use crate::rule::PortRange;

/// A set of ports.
///
/// # Complexity
///
/// A lookup reads one word. A copy takes 8 KiB.
///
/// # Examples
///
/// ```
/// use portcullis::rule::set::PortSet;
///
/// let mut set = PortSet::from_iter([80, 443]);
/// set.insert(8000..=8099);
/// set.remove(8001);
/// assert!(set.contains(8000) && !set.contains(8001));
/// assert_eq!(set.len(), 101);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PortSet {
    bits: Box<[u64; 1024]>,
}

impl PortSet {
    /// An empty set.
    pub fn new() -> Self {
        Self { bits: Box::new([0; 1024]) }
    }

    /// Whether the port is in the set.
    #[inline]
    pub fn contains(&self, port: u16) -> bool {
        self.bits.get(usize::from(port / 64)).is_some_and(|word| word >> (port % 64) & 1 == 1)
    }

    /// Puts ports in.
    pub fn insert(&mut self, ports: impl Into<PortRange>) {
        self.each_word(ports.into(), |word, bit| *word |= bit);
    }

    /// Takes ports out.
    pub fn remove(&mut self, ports: impl Into<PortRange>) {
        self.each_word(ports.into(), |word, bit| *word &= !bit);
    }

    fn each_word(&mut self, ports: PortRange, change: impl Fn(&mut u64, u64)) {
        for port in ports.first()..=ports.last() {
            if let Some(word) = self.bits.get_mut(usize::from(port / 64)) {
                change(word, 1 << (port % 64));
            }
        }
    }

    /// How many ports there are.
    pub fn len(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|word| *word == 0)
    }

    /// The ports as ranges that do not touch, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = PortRange> + '_ {
        let mut next = Some(0);
        core::iter::from_fn(move || {
            let first = (next?..=u16::MAX).find(|port| self.contains(*port))?;
            let end = (first..=u16::MAX).find(|port| !self.contains(*port));
            next = end;
            Some((first..=end.map_or(u16::MAX, |end| end - 1)).into())
        })
    }
}

impl Default for PortSet {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Into<PortRange>> Extend<R> for PortSet {
    fn extend<I: IntoIterator<Item = R>>(&mut self, ports: I) {
        ports.into_iter().for_each(|ports| self.insert(ports));
    }
}

impl<R: Into<PortRange>> FromIterator<R> for PortSet {
    fn from_iter<I: IntoIterator<Item = R>>(ports: I) -> Self {
        let mut set = Self::new();
        set.extend(ports);
        set
    }
}

impl fmt::Debug for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.ranges()).finish()
    }
}
