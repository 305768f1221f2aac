#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use super::lookup::image::Image;

/// The bytes of an image: those of a rule set that has been compiled here, or those of somebody else.
#[derive(Debug)]
pub(super) enum Bytes<'a> {
    /// The image begins at the first whole cache line, which is `start`.
    #[cfg(feature = "alloc")]
    Own { bytes: Vec<u8>, start: usize },
    /// The image, anywhere.
    Borrowed(&'a [u8]),
}

impl Bytes<'_> {
    #[cfg(feature = "alloc")]
    pub(super) fn own(image: &[u8]) -> Self {
        let mut bytes: Vec<u8> = Vec::with_capacity(image.len() + 63);
        let start = bytes.as_ptr().align_offset(64).min(63);
        bytes.resize(start, 0);
        bytes.extend(image);
        Self::Own { bytes, start }
    }

    #[inline(always)]
    pub(super) fn view(&self) -> Image<'_> {
        Image::new(self.as_slice())
    }

    #[inline(always)]
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            #[cfg(feature = "alloc")]
            Self::Own { bytes, start } => bytes.get(*start..).unwrap_or_default(),
            Self::Borrowed(image) => image,
        }
    }

    /// Bytes that the image takes.
    pub(super) fn taken(&self) -> usize {
        match self {
            #[cfg(feature = "alloc")]
            Self::Own { bytes, .. } => bytes.len(),
            Self::Borrowed(image) => image.len(),
        }
    }
}

/// An own image's copy begins at a cache line too.
impl Clone for Bytes<'_> {
    fn clone(&self) -> Self {
        match self {
            #[cfg(feature = "alloc")]
            Self::Own { .. } => Self::own(self.as_slice()),
            Self::Borrowed(image) => Self::Borrowed(image),
        }
    }
}
