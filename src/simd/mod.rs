//! Comparing one value with many at once: scalar, AVX2 and AVX-512, one backend chosen when a
//! matcher is built. The only module with `unsafe` code.

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
