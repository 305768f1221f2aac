use core::fmt;

/// Bytes or fields that are not those of saved connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedError {
    pub(super) offset: Option<usize>,
    pub(super) problem: Problem,
}

impl SavedError {
    pub(super) const fn at(offset: usize, problem: Problem) -> Self {
        Self { offset: Some(offset), problem }
    }

    /// At which byte the mistake is, if it was found in bytes: for a connection that contradicts
    /// itself, where the connection begins.
    pub const fn offset(&self) -> Option<usize> {
        self.offset
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Magic,
    Version(u16),
    /// So many bytes are needed, and so many are there.
    Short {
        needed: usize,
        there: usize,
    },
    /// The field has a number that stands for nothing.
    Field(&'static str, u8),
    Unsound(Unsound),
}

/// What no connection is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::conntrack) enum Unsound {
    /// Addresses, ports, protocol and query are not those of a packet that opens a connection.
    Flow,
    /// The status has other flags, or it is assured and not replied.
    Status,
    /// The states are of another protocol.
    Track,
    /// A shift count of windows above 14.
    Scale,
    /// Marks that mean nothing.
    Marks,
    /// More announced connections than a table keeps, or one that none can be.
    Expectation,
}

impl From<Unsound> for SavedError {
    fn from(unsound: Unsound) -> Self {
        Self { offset: None, problem: Problem::Unsound(unsound) }
    }
}

impl fmt::Display for SavedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.offset {
            write!(f, "byte {offset}: ")?;
        }
        match self.problem {
            Problem::Magic => f.write_str("these are not saved connections"),
            Problem::Version(version) => {
                write!(f, "version {version} of saved connections; only 1 is understood")
            }
            Problem::Short { needed, there } => {
                write!(f, "{needed} bytes are needed, only {there} are there")
            }
            Problem::Field(field, number) => write!(f, "{number} stands for no {field}"),
            Problem::Unsound(unsound) => unsound.fmt(f),
        }
    }
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flow => {
                "no packet with these addresses, ports, protocol and query opens a connection"
            }
            Self::Status => "no connection of a table has this status",
            Self::Track => "the states are not those of the protocol",
            Self::Scale => "the shift count of a window is at most 14",
            Self::Marks => "the marks of an end are unknown",
            Self::Expectation => "no table expects these connections",
        })
    }
}

impl core::error::Error for SavedError {}
