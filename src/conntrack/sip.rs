use crate::simd::Lanes;

/// SipHash-1-3 under a secret, of whole words: what a byte-wise one says of their little-endian
/// bytes.
///
/// # Source
///
/// Jean-Philippe Aumasson and Daniel J. Bernstein, "SipHash: a fast short-input PRF" (2012).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sip([u64; 4]);

impl Sip {
    pub(crate) fn new(secret: [u8; 16]) -> Self {
        let secret = u128::from_le_bytes(secret);
        let (k0, k1) = (secret as u64, (secret >> 64) as u64);
        Self([
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ])
    }

    /// The hash of one message.
    #[inline]
    pub(crate) fn hash<const WORDS: usize>(&self, message: [u64; WORDS]) -> u64 {
        let mut state = State(self.0);
        for word in message {
            state.absorb(word);
        }
        state.absorb(length(WORDS));
        state.finish(0xff)
    }

    /// The hashes of eight messages, `message[i][lane]` being word `i` of one of them.
    #[inline(always)]
    pub(super) fn hash_each<const WORDS: usize>(
        &self,
        lanes: impl Lanes,
        message: &[[u64; 8]; WORDS],
    ) -> [u64; 8] {
        let [v0, v1, v2, v3] = self.0;
        let mut state = State([
            Eight::all(lanes, v0),
            Eight::all(lanes, v1),
            Eight::all(lanes, v2),
            Eight::all(lanes, v3),
        ]);
        for words in message {
            state.absorb(Eight(lanes, lanes.longs(words)));
        }
        state.absorb(Eight::all(lanes, length(WORDS)));
        let Eight(_, hashes) = state.finish(Eight::all(lanes, 0xff));
        lanes.long_numbers(hashes)
    }
}

/// A secret from the operating system.
#[cfg(feature = "std")]
pub(crate) fn random_secret() -> [u8; 16] {
    use std::collections::hash_map::RandomState;
    use std::hash::BuildHasher;

    let state = RandomState::new();
    let [low, high] = [0u64, 1].map(|word| state.hash_one(word));
    (u128::from(high) << 64 | u128::from(low)).to_ne_bytes()
}

/// What is hashed last: the number of bytes.
const fn length(words: usize) -> u64 {
    (words as u64 * 8) << 56
}

#[derive(Clone, Copy)]
struct State<W>([W; 4]);

impl<W: Word> State<W> {
    #[inline(always)]
    fn absorb(&mut self, word: W) {
        let Self([_, _, _, v3]) = self;
        *v3 = v3.xor(word);
        self.round();
        let Self([v0, ..]) = self;
        *v0 = v0.xor(word);
    }

    #[inline(always)]
    fn finish(mut self, last: W) -> W {
        let Self([_, _, v2, _]) = &mut self;
        *v2 = v2.xor(last);
        for _ in 0..3 {
            self.round();
        }
        let Self([v0, v1, v2, v3]) = self;
        v0.xor(v1).xor(v2.xor(v3))
    }

    #[inline(always)]
    fn round(&mut self) {
        let Self([v0, v1, v2, v3]) = self;
        *v0 = v0.add(*v1);
        *v1 = v1.rotate::<13>().xor(*v0);
        *v0 = v0.rotate::<32>();
        *v2 = v2.add(*v3);
        *v3 = v3.rotate::<16>().xor(*v2);
        *v0 = v0.add(*v3);
        *v3 = v3.rotate::<21>().xor(*v0);
        *v2 = v2.add(*v1);
        *v1 = v1.rotate::<17>().xor(*v2);
        *v2 = v2.rotate::<32>();
    }
}

/// One word, or one of each of several messages.
trait Word: Copy {
    fn add(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn rotate<const BITS: u32>(self) -> Self;
}

impl Word for u64 {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }

    #[inline(always)]
    fn rotate<const BITS: u32>(self) -> Self {
        self.rotate_left(BITS)
    }
}

#[derive(Clone, Copy)]
struct Eight<L: Lanes>(L, L::Longs);

impl<L: Lanes> Eight<L> {
    #[inline(always)]
    fn all(lanes: L, word: u64) -> Self {
        Self(lanes, lanes.longs(&[word; 8]))
    }
}

impl<L: Lanes> Word for Eight<L> {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0, self.0.wrapping_add(self.1, other.1))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(self.0, self.0.xor(self.1, other.1))
    }

    #[inline(always)]
    fn rotate<const BITS: u32>(self) -> Self {
        Self(self.0, self.0.rotate_left::<BITS>(self.1))
    }
}

#[cfg(test)]
mod tests {
    use core::hash::Hasher;

    use proptest::prelude::*;
    use siphasher::sip::SipHasher13;

    use super::*;
    use crate::simd::{Backend, Chosen, Kernel};

    struct HashEach {
        sip: Sip,
        words: [[u64; 8]; 5],
    }

    impl Kernel for HashEach {
        type Output = [u64; 8];

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> [u64; 8] {
            self.sip.hash_each(lanes, &self.words)
        }
    }

    fn reference(secret: [u8; 16], message: &[u64]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&secret);
        for word in message {
            hasher.write(&word.to_le_bytes());
        }
        hasher.finish()
    }

    proptest! {
        #[test]
        fn hashes_are_those_of_the_bytes(secret: [u8; 16], two: [u64; 2], five: [u64; 5]) {
            let sip = Sip::new(secret);
            prop_assert_eq!(sip.hash(two), reference(secret, &two));
            prop_assert_eq!(sip.hash(five), reference(secret, &five));
        }

        #[test]
        fn lanes_do_not_meet(secret: [u8; 16], words: [[u64; 8]; 5]) {
            let sip = Sip::new(secret);
            for backend in [Backend::Scalar, Backend::Avx2, Backend::Avx512] {
                let hashes = Chosen::new(Some(backend)).run(HashEach { sip, words });
                for (lane, hash) in hashes.into_iter().enumerate() {
                    prop_assert_eq!(hash, sip.hash(words.map(|lanes| lanes[lane])));
                }
            }
        }
    }
}
