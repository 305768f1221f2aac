use super::Lanes;

/// Plain code, written so that compilers vectorise it where they can.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

impl Lanes for Scalar {
    #[inline(always)]
    fn count_below(self, thresholds: &[u8; 64], value: u16) -> usize {
        let (thresholds, _) = thresholds.as_chunks::<2>();
        let below = thresholds.iter().map(|bytes| u16::from(u16::from_le_bytes(*bytes) < value));
        usize::from(below.sum::<u16>())
    }

    #[inline(always)]
    fn in_ranges(self, first: &[u8; 32], last: &[u8; 32], value: u16) -> u16 {
        let (first, last) = (first.as_chunks::<2>().0, last.as_chunks::<2>().0);
        let mut mask = 0;
        for (i, (first, last)) in first.iter().zip(last).enumerate() {
            let inside = u16::from_le_bytes(*first) <= value && value <= u16::from_le_bytes(*last);
            mask |= u16::from(inside) << i;
        }
        mask
    }

    #[inline(always)]
    fn at_least(self, numbers: &[u8; 64], value: u32) -> u16 {
        let mut mask = 0;
        for (i, bytes) in numbers.as_chunks::<4>().0.iter().enumerate() {
            mask |= u16::from(u32::from_le_bytes(*bytes) >= value) << i;
        }
        mask
    }
}
