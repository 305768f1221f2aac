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
        let [hash] = self.hash_each(&message.map(|word| [word]));
        hash
    }

    /// The hashes of several messages, `message[i][lane]` being word `i` of one of them. Written so
    /// that the compiler can keep the lanes in vectors.
    #[inline(always)]
    pub(super) fn hash_each<const WORDS: usize, const LANES: usize>(
        &self,
        message: &[[u64; LANES]; WORDS],
    ) -> [u64; LANES] {
        let mut state = State(self.0.map(|word| [word; LANES]));
        for words in message {
            state.absorb(words);
        }
        state.absorb(&[(WORDS as u64 * 8) << 56; LANES]);
        state.finish()
    }
}

#[derive(Clone, Copy)]
struct State<const LANES: usize>([[u64; LANES]; 4]);

impl<const LANES: usize> State<LANES> {
    #[inline(always)]
    fn absorb(&mut self, words: &[u64; LANES]) {
        let Self([_, _, _, v3]) = self;
        xor(v3, words);
        self.round();
        let Self([v0, ..]) = self;
        xor(v0, words);
    }

    #[inline(always)]
    fn finish(mut self) -> [u64; LANES] {
        let Self([_, _, v2, _]) = &mut self;
        xor(v2, &[0xff; LANES]);
        for _ in 0..3 {
            self.round();
        }
        let Self([mut v0, v1, v2, v3]) = self;
        xor(&mut v0, &v1);
        xor(&mut v0, &v2);
        xor(&mut v0, &v3);
        v0
    }

    #[inline(always)]
    fn round(&mut self) {
        let Self([v0, v1, v2, v3]) = self;
        add(v0, v1);
        rotate::<13, LANES>(v1);
        xor(v1, v0);
        rotate::<32, LANES>(v0);
        add(v2, v3);
        rotate::<16, LANES>(v3);
        xor(v3, v2);
        add(v0, v3);
        rotate::<21, LANES>(v3);
        xor(v3, v0);
        add(v2, v1);
        rotate::<17, LANES>(v1);
        xor(v1, v2);
        rotate::<32, LANES>(v2);
    }
}

#[inline(always)]
fn add<const LANES: usize>(to: &mut [u64; LANES], what: &[u64; LANES]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to = to.wrapping_add(*what);
    }
}

#[inline(always)]
fn xor<const LANES: usize>(to: &mut [u64; LANES], what: &[u64; LANES]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to ^= what;
    }
}

#[inline(always)]
fn rotate<const BITS: u32, const LANES: usize>(words: &mut [u64; LANES]) {
    for word in words {
        *word = word.rotate_left(BITS);
    }
}

#[cfg(test)]
mod tests {
    use core::hash::Hasher;

    use proptest::prelude::*;
    use siphasher::sip::SipHasher13;

    use super::*;

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
            for (lane, hash) in sip.hash_each(&words).into_iter().enumerate() {
                prop_assert_eq!(hash, sip.hash(words.map(|lanes| lanes[lane])));
            }
        }
    }
}
