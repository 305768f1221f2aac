use core::fmt;

use crate::tree::lookup::image::{VERSION, header};

/// Why bytes are not an image that a matcher can use, and where.
///
/// # Examples
///
/// ```
/// use portcullis::{ImageFault, StatelessMatcher};
///
/// let error = StatelessMatcher::from_bytes(b"GIF89a").unwrap_err();
/// assert_eq!((error.offset(), error.fault()), (0, ImageFault::NotAnImage));
/// assert_eq!(error.to_string(), "byte 0: not an image of a compiled rule set");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageError {
    offset: usize,
    fault: ImageFault,
}

/// What is wrong with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageFault {
    /// The bytes do not begin as an image does.
    NotAnImage,
    /// The image has a format that this version of the library does not read: compile its rules
    /// anew.
    Version {
        /// The image's format.
        version: u32,
    },
    /// There are more or fewer bytes than the image has.
    Length {
        /// How many bytes the image has.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// A byte has changed since the image was written.
    Checksum,
    /// The image has no actions of its own, or has, and the caller brings none, or does.
    OwnActions {
        /// Whether the image has actions of its own.
        has: bool,
    },
    /// The caller brings more or fewer actions than the image numbers.
    ActionCount {
        /// How many actions the image numbers, the default action among them.
        expected: usize,
        /// How many the caller brings.
        found: usize,
    },
    /// No rule set is compiled to this, although the checksum holds.
    Broken(&'static str),
}

impl ImageError {
    pub(in crate::tree) fn new(offset: usize, fault: ImageFault) -> Self {
        Self { offset, fault }
    }

    /// That the image has actions of its own, or that it has not.
    pub(in crate::tree) fn own_actions(has: bool) -> Self {
        Self::new(4 * header::OWN_ACTIONS, ImageFault::OwnActions { has })
    }

    pub(in crate::tree) fn action_count(expected: usize, found: usize) -> Self {
        Self::new(4 * header::ACTIONS, ImageFault::ActionCount { expected, found })
    }

    pub(in crate::tree) fn broken(offset: usize, what: &'static str) -> Self {
        Self::new(offset, ImageFault::Broken(what))
    }

    /// The byte of the image, counted from 0, where that begins which is wrong.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What is wrong.
    pub fn fault(&self) -> ImageFault {
        self.fault
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.fault)
    }
}

impl fmt::Display for ImageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnImage => write!(f, "not an image of a compiled rule set"),
            Self::Version { version } => {
                write!(f, "an image of format version {version}; this version reads {VERSION}")
            }
            Self::Length { expected, found } => {
                write!(f, "an image of {expected} bytes, but {found} are there")
            }
            Self::Checksum => write!(f, "the checksum does not match: bytes have changed"),
            Self::OwnActions { has: true } => {
                write!(f, "the image has actions of its own: use from_bytes")
            }
            Self::OwnActions { has: false } => {
                write!(f, "the image has no actions of its own: use from_bytes_with")
            }
            Self::ActionCount { expected, found } => {
                write!(f, "the image numbers {expected} actions, {found} are given")
            }
            Self::Broken(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for ImageError {}
