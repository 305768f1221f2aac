//! Comparing one value with many at once: scalar, AVX2 and AVX-512, one backend chosen when a
//! matcher is built. The only module with `unsafe` code.
//!
//! A backend is a type with the methods of [`Lanes`]. A lookup is written once, generic over it,
//! as a [`Kernel`], and [`Chosen::run`] compiles it once for each backend, with that backend's
//! instructions switched on for the whole of it.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;
#[cfg(test)]
mod tests;

/// A set of vector instructions that lookups can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// Plain code: on every processor.
    Scalar,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 (F, BW, DQ and VL).
    Avx512,
}

impl Backend {
    /// The best one that this processor has. `--cfg portcullis_scalar` makes it the scalar one.
    pub fn detect() -> Self {
        [Self::Avx512, Self::Avx2]
            .into_iter()
            .find(|backend| backend.is_available())
            .unwrap_or(Self::Scalar)
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => !cfg!(portcullis_scalar) && avx2::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => !cfg!(portcullis_scalar) && avx512::is_available(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// A backend that this processor is known to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen(Backend);

impl Chosen {
    /// `wanted` if there is one and the processor has it, else the best.
    pub(crate) fn new(wanted: Option<Backend>) -> Self {
        Self(wanted.filter(|backend| backend.is_available()).unwrap_or_else(Backend::detect))
    }

    /// Runs the kernel with this backend's instructions.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            // SAFETY: a `Chosen` holds a backend only after `is_available` has found that the
            // processor has its instructions.
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512 => unsafe { avx512::run(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2 => unsafe { avx2::run(kernel) },
            _ => scalar::run(kernel),
        }
    }
}

/// Asks the processor to fetch the cache lines of `value`, which will soon be read.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        let start: *const i8 = core::ptr::from_ref(value).cast();
        for line in (0..size_of::<T>()).step_by(64) {
            // SAFETY: a hint, of SSE, which every x86-64 processor has; it faults at no address,
            // and this one lies in `value`.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Code to be compiled for each backend. `run` must be `#[inline(always)]`, and so must all that
/// it calls on its way to the lanes.
pub(crate) trait Kernel {
    type Output;

    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// What a backend can do. Numbers in byte arrays are little-endian `u16`, 32 of them: 16 lanes for
/// one word of a packet, then 16 lanes for another.
pub(crate) trait Lanes: Copy {
    /// Two words of a packet, each in all of its lanes.
    type Pair: Copy;

    /// For 16 lanes how far something is outside of something.
    type Outside: Copy;

    /// Eight 64-bit numbers.
    type Words: Copy;

    /// How many of 32 thresholds are below `value`.
    fn count_below(self, thresholds: &[u8; 64], value: u16) -> usize;

    /// Two words side by side.
    fn pair(self, a: u16, b: u16) -> Self::Pair;

    /// Inside everywhere.
    fn inside(self) -> Self::Outside;

    /// Adds to `outside` the lanes in which either word is not `first <= word <= last`.
    fn add(
        self,
        outside: Self::Outside,
        first: &[u8; 64],
        last: &[u8; 64],
        pair: Self::Pair,
    ) -> Self::Outside;

    /// The lanes that nothing was outside in: bit `i` for lane `i`.
    fn inside_lanes(self, outside: Self::Outside) -> u16;

    /// For each of 16 `u32` whether it is at least `value`: bit `i` for number `i`.
    fn at_least(self, numbers: &[u8; 64], value: u32) -> u16;

    /// For each of 16 numbers whether the bits of `mask` are those of `value`: bit `i` for number
    /// `i`.
    fn masked_equal(self, numbers: &[u32; 16], mask: u32, value: u32) -> u16;

    fn words(self, numbers: &[u64; 8]) -> Self::Words;

    fn numbers(self, words: Self::Words) -> [u64; 8];

    /// The sums, without what carries over.
    fn wrapping_add(self, a: Self::Words, b: Self::Words) -> Self::Words;

    fn xor(self, a: Self::Words, b: Self::Words) -> Self::Words;

    fn rotate_left<const BITS: u32>(self, words: Self::Words) -> Self::Words;
}
