#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// The actions that an image numbers, the default action first.
pub(crate) trait Actions {
    type Action;

    /// The action with a number, or the default.
    fn numbered(&self, number: u32) -> &Self::Action;

    /// The actions by number, and the default, if the actions stand side by side.
    fn side_by_side(&self) -> Option<(&[Self::Action], &Self::Action)>;
}

/// Those of rules that have been compiled here.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub(crate) struct Own<A> {
    pub(super) default: A,
    pub(super) all: Vec<A>,
}

#[cfg(feature = "alloc")]
impl<A> Actions for Own<A> {
    type Action = A;

    #[inline(always)]
    fn numbered(&self, number: u32) -> &A {
        self.all.get(number as usize).unwrap_or(&self.default)
    }

    #[inline(always)]
    fn side_by_side(&self) -> Option<(&[A], &A)> {
        Some((&self.all, &self.default))
    }
}

/// Those of rules that have been compiled anywhere.
#[derive(Clone, Debug)]
pub(crate) enum Any<'a, A> {
    #[cfg(feature = "alloc")]
    Own(Own<A>),
    /// Those that the caller keeps.
    Kept { default: &'a A, all: &'a [A] },
    /// Those that the image has, as places in `known`.
    Coded { default: &'a A, codes: &'a [u8], known: &'a [A] },
}

impl<A> Actions for Any<'_, A> {
    type Action = A;

    #[inline(always)]
    fn numbered(&self, number: u32) -> &A {
        let place = number as usize;
        match self {
            #[cfg(feature = "alloc")]
            Self::Own(own) => own.numbered(number),
            Self::Kept { default, all } => all.get(place).unwrap_or(default),
            Self::Coded { default, codes, known } => {
                let action = codes.get(place).and_then(|code| known.get(usize::from(*code)));
                action.unwrap_or(default)
            }
        }
    }

    #[inline(always)]
    fn side_by_side(&self) -> Option<(&[A], &A)> {
        match self {
            #[cfg(feature = "alloc")]
            Self::Own(own) => own.side_by_side(),
            Self::Kept { default, all } => Some((all, default)),
            Self::Coded { .. } => None,
        }
    }
}

impl<'a, A> Any<'a, A> {
    /// Unless there is none.
    pub(super) fn kept(all: &'a [A]) -> Option<Self> {
        Some(Self::Kept { default: all.first()?, all })
    }

    /// Unless the first code names none.
    pub(super) fn coded(codes: &'a [u8], known: &'a [A]) -> Option<Self> {
        let default = known.get(usize::from(*codes.first()?))?;
        Some(Self::Coded { default, codes, known })
    }

    /// All, by number.
    #[cfg(feature = "alloc")]
    pub(super) fn iter(&self) -> impl Iterator<Item = &A> {
        let count = match self {
            Self::Own(own) => own.all.len(),
            Self::Kept { all, .. } => all.len(),
            Self::Coded { codes, .. } => codes.len(),
        };
        (0..count as u32).map(|number| self.numbered(number))
    }
}
