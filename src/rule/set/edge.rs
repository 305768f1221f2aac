use core::fmt::Debug;
use core::hint::select_unpredictable;
use core::ops::Range;

/// Numbers of which some are the edges of spans.
pub(super) trait Edge: Copy + Ord + Debug + Default {
    /// The number after it, if there is one.
    fn next(self) -> Option<Self>;
}

macro_rules! edge {
    ($($number:ident)*) => {$(
        impl Edge for $number {
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
        }
    )*};
}

edge!(u16 u32 u64 u128);

/// How many numbers must be there to be read from wherever edges are.
pub(super) const AHEAD: usize = 4;

/// How often so many edges have to be halved until at most [`AHEAD`] are left.
pub(super) fn halvings(edges: usize) -> u32 {
    edges.div_ceil(AHEAD).next_power_of_two().trailing_zeros()
}

/// Whether an odd count of a range of edges, which ascend, are not above a number. The range is
/// halved so often, whether it has to be or not, and what is left is compared at once: no branch
/// depends on the edges.
#[inline(always)]
pub(super) fn odd_passed<N: Edge>(
    edges: &[N],
    range: Range<usize>,
    halvings: u32,
    number: N,
) -> bool {
    let (mut first, mut count) = (range.start, range.end.wrapping_sub(range.start));
    for _ in 0..halvings {
        let half = count / 2;
        let Some(edge) = edges.get(first.wrapping_add(half)) else { return false };
        first = select_unpredictable(*edge <= number, first.wrapping_add(half), first);
        count -= half;
    }
    let Some(rest) = edges.get(first..).and_then(<[N]>::first_chunk::<AHEAD>) else { return false };
    let is_passed = |i: usize| (i < count) & rest.get(i).is_some_and(|edge| *edge <= number);
    let passed = is_passed(0) ^ is_passed(1) ^ is_passed(2) ^ is_passed(3);
    passed ^ (first.wrapping_sub(range.start) & 1 == 1)
}
