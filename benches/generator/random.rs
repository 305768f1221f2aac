/// Random numbers of one seed: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom
/// Number Generators, 2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `first` to `last`.
    pub(crate) fn between(&mut self, first: u128, last: u128) -> u128 {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        (last - first).checked_add(1).map_or(bits, |count| first + bits % count)
    }

    /// One of the alternatives, by their weights.
    pub(crate) fn weighted<T: Copy>(&mut self, alternatives: &[(u32, T)]) -> T {
        let total: u32 = alternatives.iter().map(|(weight, _)| weight).sum();
        let mut left = self.below(total.into()) as u32;
        for (weight, alternative) in alternatives {
            if left < *weight {
                return *alternative;
            }
            left -= weight;
        }
        unreachable!("the number drawn is below the sum of the weights")
    }
}

/// A number that has nothing to do with `number`, but always the same.
pub(crate) fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
