use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use core::ops::Range;

use super::words::Line;
use crate::import::ImportError;

/// What is wrong within a line, and where.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    at: Range<usize>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Something else should stand there.
    Expected(Cow<'static, str>),
    /// iptables knows it; rules here cannot say it.
    Unsupported(String),
    /// It contradicts what stands elsewhere.
    Wrong(String),
}

impl Fault {
    pub(super) fn expected(at: Range<usize>, what: impl Into<Cow<'static, str>>) -> Self {
        Self { at, kind: Kind::Expected(what.into()) }
    }

    pub(super) fn unsupported(at: Range<usize>, what: String) -> Self {
        Self { at, kind: Kind::Unsupported(what) }
    }

    pub(super) fn wrong(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, kind: Kind::Wrong(message.into()) }
    }

    /// Whether a lenient import may leave out what it is about.
    pub(super) fn is_unsupported(&self) -> bool {
        matches!(self.kind, Kind::Unsupported(_))
    }

    pub(super) fn error(self, line: Line<'_>) -> ImportError {
        let Line { number, text } = line;
        match self.kind {
            Kind::Expected(what) => ImportError::expected(number, text, self.at, &what),
            Kind::Unsupported(what) => {
                ImportError::new(number, text, self.at, &format!("{what} is not supported"))
            }
            Kind::Wrong(message) => ImportError::new(number, text, self.at, &message),
        }
    }
}
